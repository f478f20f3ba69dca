# SPDX-License-Identifier: Apache-2.0
"""A database that fails in each of the known ways, and a service that goes on as if nothing were.

Bounds are generous: what is measured stands in tests/bench.
"""

import concurrent.futures
import time

import pytest
import webtest

from fault_middleware import configuration, engines, fault, record_fault
from fault_middleware.deploy import deploy
from fault_middleware.factories import FaultMiddleware
from tests.fixtures import (
    INSTANCE,
    Service,
    close,
    make_store,
    new_database,
    parse,
    relayed,
    wait_until,
    write_configuration,
)

SHOW = f"/p1/instances/{INSTANCE}"
LOOKUP_TIMEOUT = 2.0


class World:
    """A service behind the filter, a wire to its database."""

    def __init__(self, url, relay, tmp_path, text=""):
        self.store = make_store(url)
        self.store.record([fault.make("trove", INSTANCE, message="boom")])
        file = write_configuration(
            tmp_path / "x.conf",
            relay.url,
            text,
            consumer="external",
            credentials="headers",
            lookup_timeout=str(LOOKUP_TIMEOUT),
        )
        self.relay = relay
        self.service = Service()
        self.conf = parse(file)
        self.app = webtest.TestApp(FaultMiddleware(self.service, self.conf))
        self.parts = deploy(self.conf)

    def show(self):
        """Seconds that a show took, and whether the fault was in it; else it is as it was."""
        begin = time.monotonic()
        answer = self.app.get(SHOW)
        seconds = time.monotonic() - begin
        is_shown = "fault" in answer.json["instance"]
        assert is_shown or answer.body == self.service.data
        return seconds, is_shown

    def breaker_pauses_no_longer(self):
        self.parts.store._breaker._closed_until = 0


@pytest.fixture(params=["mariadb", "postgresql"])
def make_world(request, tmp_path):
    """Makes the world; its text stands at the beginning of the configuration."""
    made = []
    with (
        new_database(request.getfixturevalue(request.param)) as url,
        relayed(url) as relay,
    ):

        def make(text=""):
            made.append(World(url, relay, tmp_path, text))
            return made[-1]

        yield make
        for here in made:
            close(here.store)
            close(here.parts.store)


@pytest.fixture
def world(make_world):
    return make_world()


def check_failure_and_recovery(world, mend):
    """The first request waits no longer than it may, the next ones not at all."""
    first, is_shown = world.show()
    assert not is_shown
    assert first < LOOKUP_TIMEOUT + 1.5
    for _ in range(3):
        later, is_shown = world.show()
        assert not is_shown
        assert later < 0.5
    mend()
    world.breaker_pauses_no_longer()
    wait_until(lambda: world.show()[1])
    assert world.parts.metrics.health.failures == {}


def test_a_closed_port(world):
    assert world.show()[1]
    port = world.relay.port
    world.relay.close()

    def mend():
        world.relay.reopen(port)

    check_failure_and_recovery(world, mend)


@pytest.mark.parametrize("connected", [False, True])
def test_a_mute_server(world, connected):
    if connected:
        assert world.show()[1]
    world.relay.mute()

    def mend():
        world.relay.unmute()

    check_failure_and_recovery(world, mend)


@pytest.mark.parametrize("connected", [False, True])
def test_a_server_that_answers_byte_for_byte(world, connected):
    if connected:
        assert world.show()[1]
    world.relay.drip(LOOKUP_TIMEOUT / 4)

    def mend():
        world.relay.drip(0)

    check_failure_and_recovery(world, mend)


def test_no_show_waits_to_find_out_that_the_database_is_back(world):
    assert world.show()[1]
    world.relay.mute()
    world.show()

    end = time.monotonic() + 10
    while time.monotonic() < end:
        seconds, is_shown = world.show()
        assert not is_shown
        assert seconds < 0.5
        time.sleep(0.05)
    world.relay.unmute()

    wait_until(lambda: world.show()[1], 5)


def test_who_reports_a_fault_waits_no_longer_than_it_may(world, monkeypatch):
    monkeypatch.setattr(engines, "_WRITE_TIMEOUT", LOOKUP_TIMEOUT)
    world.relay.mute()

    begin = time.monotonic()
    is_stored = record_fault(INSTANCE, "It failed", conf=world.conf)

    assert not is_stored
    assert time.monotonic() - begin < LOOKUP_TIMEOUT + 3


def test_no_free_connection(make_world):
    one = "[fault_middleware_database]\nmax_pool_size = 1\nmax_overflow = 0\n"
    world = make_world(one)
    taken = world.parts.store.reader.connect()

    check_failure_and_recovery(world, taken.close)


def test_a_missing_table(world):
    def rename(old, new):
        with world.store.writer.begin() as connection:
            connection.exec_driver_sql(f"ALTER TABLE {old} RENAME TO {new}")

    rename("instance_faults", "elsewhere")

    check_failure_and_recovery(
        world, lambda: rename("elsewhere", "instance_faults")
    )


def test_a_slow_query(world):
    assert world.show()[1]
    blocker = world.store.writer.connect()
    if blocker.dialect.name == "postgresql":
        blocker.exec_driver_sql(
            "LOCK TABLE instance_faults IN ACCESS EXCLUSIVE MODE"
        )
    else:
        blocker.exec_driver_sql("LOCK TABLES instance_faults WRITE")

    def mend():
        if blocker.dialect.name != "postgresql":
            blocker.exec_driver_sql("UNLOCK TABLES")
        blocker.rollback()
        blocker.close()

    check_failure_and_recovery(world, mend)


def test_a_database_that_was_never_there(tmp_path, caplog):
    url = "mysql+pymysql://u:S3cr3t@127.0.0.1:1/x"
    file = write_configuration(
        tmp_path / "x.conf", url, consumer="external", credentials="headers"
    )
    service = Service()
    app = webtest.TestApp(
        FaultMiddleware(service, {"oslo_config_file": str(file)})
    )

    for _ in range(20):
        assert app.get(SHOW).body == service.data

    lines = [
        line for line in caplog.text.splitlines() if "fault_middleware" in line
    ]
    assert len(lines) == 1
    assert INSTANCE in lines[0]
    assert "S3cr3t" not in caplog.text


def test_what_the_service_shows_itself_is_under_the_policy_all_the_same(
    tmp_path,
):
    file = write_configuration(
        tmp_path / "x.conf",
        "sqlite:////no/such/x",
        consumer="external",
        credentials="headers",
    )
    own = {
        "message": "m",
        "created": "2026-01-01T00:00:00",
        "details": "Traceback",
    }
    service = Service({"instance": {"id": INSTANCE, "fault": own}})
    app = webtest.TestApp(
        FaultMiddleware(service, {"oslo_config_file": str(file)})
    )

    assert "details" not in app.get(SHOW).json["instance"]["fault"]
    assert (
        app.get(SHOW, headers={"X-Roles": "admin"}).json["instance"]["fault"]
        == own
    )


def test_many_requests_at_once_find_each_its_own_fault(any_store, tmp_path):
    ids = [f"instance-{number}" for number in range(40)]
    any_store.record(
        [fault.make("trove", one, message=f"of {one}") for one in ids]
    )
    url = any_store._options["connection"]
    file = write_configuration(
        tmp_path / "x.conf", url, consumer="external", credentials="headers"
    )
    conf = {"oslo_config_file": str(file)}

    def show(one):
        app = webtest.TestApp(
            FaultMiddleware(Service({"instance": {"id": one}}), conf)
        )
        return app.get(f"/p1/instances/{one}").json["instance"]["fault"][
            "message"
        ]

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        assert list(pool.map(show, ids * 5)) == [
            f"of {one}" for one in ids * 5
        ]
    close(deploy(configuration.read(None, str(file), None)).store)
