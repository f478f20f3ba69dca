# SPDX-License-Identifier: Apache-2.0
"""The notification driver in Trove's real task manager and conductor.

Needs trove in the same virtualenv (``tox -e trove``).
"""

import contextlib
import importlib.util
import signal
import time
import uuid

import pytest

from fault_middleware.deploy import deploy
from tests import services
from tests.documents import MANUAL, blocks
from tests.fixtures import (
    close,
    make_store,
    new_database,
    parse,
    relayed,
    require,
    rows,
    wait_until,
)
from tests.functional.trove import deployment as trove
from tests.functional.trove.client import request
from tests.functional.trove.instances import ACTIVE, MEMBER

# The task manager has one process, the conductor has children of oslo.service.
QUEUES = {
    "trove-taskmanager": "taskmanager",
    "trove-conductor": "trove-conductor",
}


@pytest.fixture(scope="module")
def database(mariadb):
    with new_database(mariadb) as url:
        yield url


@pytest.fixture
def store(database):
    made = make_store(database)
    yield made
    with made.writer.begin() as connection:
        connection.exec_driver_sql("DELETE FROM instance_faults")
    close(made)


@pytest.fixture
def start(tmp_path, broker):
    """Starts Trove with the driver, and a way to let an operation fail in one of its processes."""
    if importlib.util.find_spec("trove") is None:
        require("trove", "Trove is not installed in this virtualenv")

    @contextlib.contextmanager
    def make(name, faults, *, notifications=None):
        host = uuid.uuid4().hex
        nobody = f"rabbit://guest:guest@127.0.0.1:{services.free_port()}/"
        deployment = trove.build(
            tmp_path / "deployment",
            faults=faults,
            broker=notifications or nobody,
            rpc=broker.new_host(host),
        )
        (both, alone) = blocks(MANUAL / "recording.rst", "ini")[:2]
        drivers = both if notifications else alone
        text = deployment.conf.read_text().replace(
            "driver = messagingv2\n", ""
        )
        deployment.conf.write_text(f"{text}\n{drivers}")
        with trove.run(deployment, name) as running:
            wait_until(
                lambda: (
                    QUEUES[name]
                    in broker.control("list_queues", "-p", host, "name")
                )
            )
            yield deployment, running

    return make


def fail(deployment, name):
    """Let an operation fail in the process."""
    if name == "trove-conductor":
        deployment.notify(
            "DBaaSInstanceRestart", ACTIVE.id, "mysqld did not stop", "guest"
        )
        return
    with trove.serve(deployment, "trove-api"):
        path = f"/v1.0/p1/instances/{ACTIVE.id}/action"
        status, _, body = request(
            deployment, path, MEMBER, "POST", '{"restart": {}}'
        )
    assert status == 202, body


@pytest.mark.parametrize("name", sorted(QUEUES))
def test_a_failure_is_one_row_without_a_broker_for_notifications(
    start, database, store, name
):
    with start(name, database) as (deployment, _):
        fail(deployment, name)

        wait_until(lambda: rows(store))

    (row,) = rows(store)
    assert (row["instance_id"], row["message"]) == (
        ACTIVE.id,
        "mysqld did not stop",
    )
    assert row["event_type"] == "dbaas.instance_restart.error"
    assert row["details"].startswith("Traceback (most recent call last):\n")
    assert row["project_id"] == "p1"
    assert row["request_id"].startswith("req-")


@pytest.mark.parametrize("name", sorted(QUEUES))
def test_a_failure_is_one_row_by_driver_and_consumer_both(
    start, broker, database, store, name
):
    url = broker.new_host(uuid.uuid4().hex)
    with start(name, database, notifications=url) as (deployment, _):
        fail(deployment, name)
        wait_until(lambda: rows(store))
        by_driver = rows(store)
        consuming = deploy(parse(deployment.conf))
        consuming.consumer.ensure()

        wait_until(lambda: "duplicates_total=1" in consuming.metrics.counts())

        consuming.consumer.close()

    assert rows(store) == by_driver
    assert len(by_driver) == 1
    close(consuming.store)


def test_a_task_manager_that_is_stopped_stores_what_it_has_first(
    start, database, store
):
    with (
        relayed(database) as relay,
        start("trove-taskmanager", relay.url) as (deployment, running),
    ):
        relay.mute()
        fail(deployment, "trove-taskmanager")
        log = deployment.folder / "trove-taskmanager.log"
        wait_until(lambda: "mysqld did not stop" in log.read_text())

        running.send_signal(signal.SIGTERM)
        time.sleep(2)  # longer than it takes to end without something to store
        relay.unmute()

        running.wait(20)
    assert [row["message"] for row in rows(store)] == ["mysqld did not stop"]


def test_a_conductor_that_is_stopped_after_a_failure_loses_nothing(
    start, database, store
):
    with start("trove-conductor", database) as (deployment, running):
        fail(deployment, "trove-conductor")
        log = deployment.folder / "trove-conductor.log"
        wait_until(lambda: "mysqld did not stop" in log.read_text())

        running.send_signal(signal.SIGTERM)

        running.wait(20)
    assert [row["message"] for row in rows(store)] == ["mysqld did not stop"]
