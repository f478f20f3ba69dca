# SPDX-License-Identifier: Apache-2.0
"""Brokers and databases of several nodes, which are killed, suspended and cut off under load.

Whatever becomes of a node: what a broker has confirmed is stored, and nothing twice; a show waits
no longer than it may; and faults are shown again within seconds of the database's return.
``tox -e clusters`` runs this, and nothing else does, for it takes minutes.  With
FAULT_MIDDLEWARE_FULL=1 each node of RabbitMQ fails in each way, and not one node in each.
"""

import contextlib
import os
import tempfile
import time
from pathlib import Path

import pytest

from tests import services
from tests.fixtures import require, wait_until
from tests.functional.clusters import brokers, databases, prometheus
from tests.functional.clusters.load import LOOKUP_TIMEOUT, world

pytestmark = pytest.mark.timeout(400)
FULL = bool(os.environ.get("FAULT_MIDDLEWARE_FULL"))
ETC = Path(__file__).parents[2] / "etc/fault_middleware"
# Seconds after which a recovered database is used again: two, one lookup_timeout, and the test's.
AGAIN = 5
LOOK_UPS = "database (look-ups)"
REPLICA = "database (replica)"


@contextlib.contextmanager
def cluster(make, *arguments):
    """Servers in a folder of their own; the test is skipped where one is missing."""
    with (
        tempfile.TemporaryDirectory() as folder,
        contextlib.ExitStack() as stack,
    ):
        Path(folder).chmod(0o755)
        try:
            made = stack.enter_context(make(Path(folder) / "run", *arguments))
        except services.Missing as exc:
            require("clusters", str(exc))
        yield made


@pytest.fixture(autouse=True, scope="module")
def own_environment():
    if not os.environ.get("FAULT_MIDDLEWARE_CLUSTERS"):
        require("clusters", "tox -e clusters runs it, for it takes minutes")


@pytest.fixture(scope="module")
def galera():
    with cluster(databases.galera) as nodes:
        yield nodes


def is_shown_again(here, server):
    """Users see the fault soon after the server answers others."""
    wait_until(server.answers, 60)
    wait_until(lambda: here.users.is_shown, AGAIN)


def test_brokers_die_hang_and_are_cut_off_in_turn(tmp_path, sqlite_url):
    with (
        cluster(brokers.rabbitmq) as rabbit,
        world(tmp_path, rabbit.url, sqlite_url, [sqlite_url] * 2, "") as here,
    ):
        for number, node in enumerate(rabbit.nodes):
            if FULL or number == 0:
                node.kill()
                here.goes_on()
                rabbit.start(node)
            if FULL or number == 1:
                rabbit.wait_to_spare(node)
                # Twice the heartbeat's time, and oslo.messaging may try this very node again.
                with node.suspended():
                    here.goes_on(180)
            if FULL or number == 2:
                with node.cut_off():
                    here.goes_on()
        here.check()
        assert here.tracebacks() == []


def test_the_alarm_for_brokers_that_are_dead(tmp_path, sqlite_url):
    with (
        cluster(brokers.rabbitmq) as rabbit,
        world(tmp_path, rabbit.url, sqlite_url, [sqlite_url], "") as here,
        cluster(
            prometheus.prometheus, ETC / "prometheus-rules.yaml", here.ports
        ) as alarms,
    ):
        assert here.failing("broker") == [0]
        assert "FaultsNotReceived" not in alarms.firing()

        # Not by kill -9 of all at once: RabbitMQ 3.10 may then have queues that answer nobody.
        for node in rabbit.nodes:
            node.end()

        wait_until(lambda: here.failing("broker") == [1], 90)
        wait_until(lambda: "FaultsNotReceived" in alarms.firing(), 90)
        assert "broker: no notifications come" in here.logs[0].read_text()
        rabbit.start(*rabbit.nodes)
        wait_until(lambda: here.failing("broker") == [0], 90)
        wait_until(lambda: "FaultsNotReceived" not in alarms.firing(), 90)
        here.goes_on()
        here.check()
        assert here.tracebacks() == []


def test_galera_whose_nodes_are_named_directly(tmp_path, galera, broker):
    first, second, third = galera
    with world(
        tmp_path,
        broker.url,
        first.direct + databases.NAME,
        [first.url, second.url],
        "",
    ) as here:
        second.kill()
        here.goes_on()
        assert here.users.is_shown
        databases.join(second)

        # The first alone is no majority.
        with second.suspended(), third.suspended():
            wait_until(lambda: not here.users.is_shown, 40)
            assert here.users.failures() == {LOOK_UPS}
            slow = here.users.slow
            time.sleep(6)
            # No user waits to find out.
            assert here.users.slow == slow
        is_shown_again(here, first)
        with first.cut_off():
            wait_until(lambda: not here.users.is_shown, 20)
            here.goes_on()
        is_shown_again(here, first)
        here.check()
        assert here.tracebacks() == []


def test_galera_behind_haproxy(tmp_path, galera, broker):
    with (
        cluster(databases.haproxy, ETC / "haproxy.cfg", galera) as url,
        world(
            tmp_path, broker.url, galera[1].direct + databases.NAME, [url], ""
        ) as here,
    ):
        first = galera[0]
        first.kill()
        here.goes_on()
        wait_until(lambda: here.users.is_shown, AGAIN)
        databases.join(first)
        # HAProxy leads new connections to it again.
        time.sleep(3)
        with first.suspended():
            here.goes_on()
            wait_until(lambda: here.users.is_shown, AGAIN)
        wait_until(first.answers, 60)
        here.check()
        assert here.tracebacks() == []


def test_postgresql_whose_standby_takes_over(tmp_path, broker):
    with cluster(databases.postgresql_pair) as (primary, standby):
        hosts = f"host=127.0.0.1:{primary.port}&host=127.0.0.1:{standby.port}"
        url = f"postgresql+psycopg://postgres@/{databases.NAME}?{hosts}"
        with world(
            tmp_path,
            broker.url,
            url + "&target_session_attrs=read-write",
            [url + "&target_session_attrs=read-write"],
            f"slave_connection = {url}",
        ) as here:
            with standby.suspended():
                time.sleep(3)
            here.goes_on()
            primary.kill()
            databases.promote(standby)
            is_shown_again(here, standby)
            here.goes_on()
            assert here.users.failures() == set()
            here.check()
            assert here.tracebacks() == []


def test_mariadb_whose_replica_lags_goes_and_comes_back(tmp_path, broker):
    with (
        cluster(databases.mariadb_pair) as (primary, replica),
        world(
            tmp_path,
            broker.url,
            primary.direct + databases.NAME,
            [primary.url],
            f"slave_connection = {replica.url}",
            fall_back_to_connection="true",
        ) as here,
    ):
        store = here.users.parts.store

        def is_found(instance):
            return store.newest("trove", instance) is not None

        replica.sql("STOP SLAVE SQL_THREAD")
        before = set(here.instances())
        here.goes_on()
        late = (set(here.instances()) - before).pop()
        # What the replica does not have yet is not shown, and nothing fails.
        assert not is_found(late)
        assert here.users.failures() == set()
        replica.sql("START SLAVE SQL_THREAD")
        wait_until(lambda: is_found(late), 30)

        replica.kill()
        wait_until(lambda: here.users.failures() == {REPLICA})
        wait_until(lambda: here.users.is_shown, AGAIN)
        here.goes_on()
        replica.start()
        wait_until(replica.answers, 60)
        wait_until(lambda: here.users.failures() == set(), AGAIN)

        with replica.suspended():
            wait_until(lambda: here.users.failures() == {REPLICA}, 20)
            wait_until(lambda: here.users.is_shown, AGAIN)
            # Another user may have asked the replica just before that was known.
            time.sleep(LOOKUP_TIMEOUT + 1)
            slow = here.users.slow
            time.sleep(6)
            assert here.users.slow == slow
        wait_until(lambda: here.users.failures() == set(), AGAIN)
        with primary.cut_off():
            # Who looks does not notice.
            time.sleep(3)
            assert here.users.is_shown
        here.goes_on()
        here.check()
        assert here.tracebacks() == []
