# SPDX-License-Identifier: Apache-2.0
"""What fails in the real Nova reaches the owner of the server, and nobody else.

Needs nova and openstack-placement in the same virtualenv (``tox -e nova``).
"""

import concurrent.futures
import contextlib
import dataclasses
import time

import pytest
import sqlalchemy as sa

from tests.fixtures import close, make_store, new_database, relayed, wait_until
from tests.functional import emitting
from tests.functional.cloud import assert_source, faults_of, keep_emitted, need
from tests.functional.deployment import ADMIN, AWAY, PEOPLE
from tests.functional.endings import assert_ends
from tests.functional.histories import assert_told
from tests.functional.keystone import deployment as keystone
from tests.functional.nova import deployment as nova
from tests.functional.nova import failures
from tests.functional.nova.endings import ENDINGS
from tests.functional.nova.failures import (
    FAILURES,
    IN_BOTH_FORMATS,
    LIVE,
    RESIZE,
    SOURCES,
    Cloud,
)

# What the exceptions hold and no owner may read.
SECRETS = ("10.1.2", "hunter2", "rack7", "/srv/", "http://", "'one'", "'two'")
# How many failures are provoked at once. Nova is waited for most of the time.
AT_ONCE = 6
# As long as something is away.
SECONDS_AWAY = 30


@dataclasses.dataclass(frozen=True)
class Stand:
    """A running Nova.

    :ivar relay: the way to Nova's databases
    """

    api: Cloud
    store: object
    relay: object

    def blamed(self) -> set[str]:
        return faults_of(self.store)


@pytest.fixture(scope="module")
def stand(broker, mariadb, postgresql, tmp_path_factory):
    """A Nova whose processes have the driver and the log handler."""
    need("nova", "placement", "keystone")
    folder = tmp_path_factory.mktemp("nova")
    with contextlib.ExitStack() as stack:
        identity = stack.enter_context(
            keystone.beginning(
                folder / "keystone", people=PEOPLE, service="nova"
            )
        )
        relay = stack.enter_context(relayed(mariadb))
        own = [stack.enter_context(new_database(mariadb)) for _ in range(4)]
        urls = [f"{_over(relay, url)}?charset=utf8mb4" for url in own]
        faults = stack.enter_context(new_database(postgresql))
        store = make_store(faults)
        stack.callback(close, store)
        databases = nova.Databases(*urls, faults)
        host = broker.new_host("nova")
        made = nova.build(
            folder / "run", databases, broker=host, keystone=identity
        )
        stack.callback(keep_emitted, made)
        stack.enter_context(nova.serve(made))
        api = Cloud(made)
        wait_until(api.is_up, 180)
        api.prepare()
        yield Stand(api, store, relay)


def _over(relay, url):
    direct = sa.make_url(url)
    return direct.set(port=relay.port).render_as_string(hide_password=False)


@pytest.fixture(scope="module")
def provoked(stand):
    """The servers of the failures, each when it is there."""
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        yield {
            failure.name: pool.submit(failure.provoke, stand.api)
            for failure in FAILURES
        }


@pytest.mark.parametrize("failure", FAILURES, ids=lambda failure: failure.name)
def test_the_owner_reads_what_failed_and_an_administrator_why(
    stand, provoked, failure
):
    server = provoked[failure.name].result(180)

    _assert_shown(stand, server, failure)
    told = SOURCES | IN_BOTH_FORMATS if emitting.is_wanted() else SOURCES
    assert_source(stand.store, server, failure, told)


def test_the_history_is_for_those_to_whom_nova_shows_the_server(
    stand, provoked
):
    failure = FAILURES[0]
    server = provoked[failure.name].result(180)
    wait_until(lambda: "fault" in stand.api.show(server))
    # What comes after the first record of a failure may be another entry.
    time.sleep(1)
    says = stand.api.show(server)["fault"]["message"]

    assert_told(stand.api, server, says)


def test_a_server_that_cannot_be_evacuated_says_so(stand):
    server = failures.evacuate(stand.api)

    told = failures.refused("evacuate", failures.evacuate, "spawn")
    _assert_shown(stand, server, told)


def test_nobody_else_is_blamed(stand, provoked):
    healthy = stand.api.server()
    concurrent.futures.wait(future for future in provoked.values())

    time.sleep(2)
    assert healthy.id not in stand.blamed()


@pytest.fixture(scope="module")
def ended(stand, provoked):
    """The faults of the failures, each when it has ended as it is said to."""

    def end(failure):
        server = provoked[failure.name].result()
        ending = ENDINGS.get(failure.name)
        assert_ends(stand.api, stand.store, server, ending)

    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        yield {failure.name: pool.submit(end, failure) for failure in FAILURES}


@pytest.mark.parametrize("failure", FAILURES, ids=lambda failure: failure.name)
def test_the_fault_is_there_until_it_ends_as_it_is_said_to(ended, failure):
    ended[failure.name].result(180)


def test_what_works_leaves_no_fault(stand):
    api = stand.api
    before = stand.blamed()

    server = api.server()
    for action, status in (
        ({"os-stop": None}, "SHUTOFF"),
        ({"os-start": None}, "ACTIVE"),
        ({"reboot": {"type": "HARD"}}, "ACTIVE"),
        ({"pause": None}, "PAUSED"),
        ({"unpause": None}, "ACTIVE"),
        ({"createImage": {"name": "image"}}, "ACTIVE"),
        (RESIZE, "VERIFY_RESIZE"),
        ({"confirmResize": None}, "ACTIVE"),
        ({"shelve": None}, "SHELVED_OFFLOADED"),
        ({"unshelve": None}, "ACTIVE"),
    ):
        api.act(server, **action)
        wait_until(lambda status=status: api.status(server) == status)
    api.plug(api.attach(server))
    api.act(server, ADMIN, **LIVE)
    api.act(server, forceDelete=None)

    time.sleep(2)
    assert stand.blamed() == before


def test_a_server_that_another_host_takes_has_no_fault(stand):
    server = stand.api.server("spawn once")

    assert stand.api.status(server) == "ACTIVE"
    time.sleep(2)
    assert "fault" not in stand.api.show(server)


def test_what_its_user_did_wrong_is_not_a_fault(stand):
    api = stand.api
    server = api.server()
    before = stand.blamed()

    path = f"{server.path}/action"
    assert api.refused("POST", path, {"os-start": None})
    assert api.refused("POST", path, {"confirmResize": None})
    assert api.refused("POST", path, {"resize": {"flavorRef": "nonsense"}})
    assert api.refused("POST", path, {"nonsense": {}})
    time.sleep(1)
    assert stand.blamed() == before


def test_processes_that_restart_blame_nobody(stand):
    servers = [stand.api.server() for _ in range(2)]
    before = stand.blamed()
    made = stand.api.deployment

    for name in ("nova-conductor", "nova-scheduler", *nova.COMPUTES):
        made.programs[name].restart()

    _assert_unharmed(stand, servers, before)


def test_a_cloud_without_its_neighbours_blames_nobody(stand):
    servers = [stand.api.server() for _ in range(2)]
    before = stand.blamed()
    made = stand.api.deployment
    away = made.folder / AWAY

    away.touch()
    for name in ("placement", "networks"):
        made.programs[name].stop()
    time.sleep(SECONDS_AWAY)
    for name in ("placement", "networks"):
        made.programs[name].start()
    away.unlink()

    _assert_unharmed(stand, servers, before)


def test_a_cloud_without_broker_and_database_blames_nobody(stand, broker):
    servers = [stand.api.server() for _ in range(2)]
    before = stand.blamed()
    port = stand.relay.port

    stand.relay.close()
    broker.control("stop_app")
    time.sleep(SECONDS_AWAY)
    broker.control("start_app")
    stand.relay.reopen(port)

    _assert_unharmed(stand, servers, before)


def _assert_shown(stand, server, failure):
    """The owner reads what failed, and an administrator why."""
    wait_until(lambda: "fault" in stand.api.show(server))
    # What comes after the first record of a failure must not hide it.
    time.sleep(1)
    fault = stand.api.show(server)["fault"]
    assert fault["message"] == failure.says.replace("{id}", server.id)
    # Nova shows owners the details of its own faults that have another code.
    assert "details" not in fault or fault["code"] != 500
    assert not [secret for secret in SECRETS if secret in fault["message"]]
    full = stand.api.show(server, ADMIN)["fault"]
    assert failure.root in f"{full['message']}\n{full.get('details')}"


def _assert_unharmed(stand, servers, before):
    """Nova works again, and nobody has a fault that had none."""
    wait_until(stand.api.is_up, 120)
    # What a process logs when it finds its neighbours again.
    time.sleep(5)
    assert stand.blamed() == before
    assert all("fault" not in stand.api.show(server) for server in servers)
    wait_until(lambda: _can_build(stand), 120)


def _can_build(stand) -> bool:
    server = stand.api.server()
    return stand.api.status(server) == "ACTIVE"
