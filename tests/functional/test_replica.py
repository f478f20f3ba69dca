# SPDX-License-Identifier: Apache-2.0
"""A replica that fails, and look-ups that go to its primary until it answers again.

Both are wires to one server, which tell by their round trips who was asked.
"""

import contextlib
import time

import pytest
import webtest

from fault_middleware import fault, recovery
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
REPLICA = "database (replica)"
LOOK_UPS = "database (look-ups)"


class World:
    """A service behind the filter, and the wires to its two databases."""

    def __init__(self, url, primary, replica, folder, **values):
        self.primary = primary
        self.replica = replica
        self.store = make_store(url)
        self.store.record([fault.make("trove", INSTANCE, message="boom")])
        file = write_configuration(
            folder / "x.conf",
            primary.url,
            f"[fault_middleware_database]\nslave_connection = {replica.url}\n",
            consumer="external",
            credentials="headers",
            lookup_timeout=str(LOOKUP_TIMEOUT),
            **values,
        )
        conf = parse(file)
        self.app = webtest.TestApp(FaultMiddleware(Service(), conf))
        self.parts = deploy(conf)

    def is_shown(self):
        return "fault" in self.app.get(SHOW).json["instance"]

    def failures(self):
        return set(self.parts.metrics.health.failures)

    def asked(self):
        """Who was asked for the fault that is shown."""
        before = self.primary.trips, self.replica.trips
        assert self.is_shown()
        names = ("primary", "replica")
        after = self.primary.trips, self.replica.trips
        return [
            name
            for name, old, new in zip(names, before, after, strict=True)
            if new > old
        ]


@pytest.fixture(params=["mariadb", "postgresql"])
def make_world(request, tmp_path, monkeypatch):
    monkeypatch.setattr(recovery, "_PAUSE", 0.1)
    with (
        new_database(request.getfixturevalue(request.param)) as url,
        relayed(url) as primary,
        relayed(url) as replica,
        contextlib.ExitStack() as stack,
    ):

        def make(**values):
            made = World(url, primary, replica, tmp_path, **values)
            stack.callback(close, made.store)
            stack.callback(close, made.parts.store)
            return made

        yield make


@pytest.fixture
def world(make_world):
    return make_world(fall_back_to_connection="true")


def test_the_replica_alone_is_asked_while_it_answers(world):
    assert [world.asked() for _ in range(3)] == [["replica"]] * 3


def test_a_replica_that_refuses_is_not_noticed_by_who_looks(world, caplog):
    assert world.is_shown()

    port = world.replica.port
    world.replica.close()

    assert all(world.is_shown() for _ in range(5))
    assert world.failures() == {REPLICA}
    assert "lookups_suspended=0" in world.parts.metrics.counts()
    assert "look-ups go to connection" in caplog.text
    assert "Traceback" not in caplog.text
    world.replica.reopen(port)


def test_a_mute_replica_keeps_one_show_waiting_and_no_other(world):
    assert world.is_shown()
    world.replica.mute()

    begin = time.monotonic()
    assert not world.is_shown()
    assert time.monotonic() - begin < LOOKUP_TIMEOUT + 1.5

    for _ in range(5):
        begin = time.monotonic()
        assert world.is_shown()
        assert time.monotonic() - begin < 1.5
    world.replica.unmute()


def test_look_ups_go_back_to_a_replica_that_is_back(world):
    port = world.replica.port
    world.replica.close()
    assert world.asked() == ["primary"]

    world.replica.reopen(port)

    wait_until(lambda: not world.failures())
    assert world.asked() == ["replica"]


def test_both_away_and_back(world):
    ports = world.primary.port, world.replica.port
    assert world.is_shown()
    world.primary.close()
    world.replica.close()

    assert not world.is_shown()
    assert world.failures() == {REPLICA, LOOK_UPS}
    assert "lookups_suspended=1" in world.parts.metrics.counts()

    world.primary.reopen(ports[0])
    wait_until(world.is_shown)
    assert world.failures() == {REPLICA}
    world.replica.reopen(ports[1])
    wait_until(lambda: not world.failures())


def test_without_the_option_no_fault_is_shown_while_the_replica_is_away(
    make_world,
):
    world = make_world()
    assert world.is_shown()
    port = world.replica.port
    world.replica.close()

    assert not any(world.is_shown() for _ in range(3))
    assert world.failures() == {LOOK_UPS}
    world.replica.reopen(port)


def test_a_list_and_a_history_fall_back_too(make_world):
    world = make_world(fall_back_to_connection="true")
    port = world.replica.port
    world.replica.close()
    store = world.parts.store

    found = store.newest_of_many("trove", iter([INSTANCE]))
    (row,) = store.history("trove", INSTANCE)

    assert found[INSTANCE].message == row.message == "boom"
    assert store.whole([row])[row.id].message == "boom"
    world.replica.reopen(port)
