# SPDX-License-Identifier: Apache-2.0
"""What fails in the real Cinder reaches the owner of the resource, and nobody else.

Needs cinder in the same virtualenv (``tox -e cinder``).
"""

import contextlib
import importlib.util
import json
import time

import pytest
import sqlalchemy as sa

from tests.fixtures import (
    close,
    make_store,
    new_database,
    require,
    rows,
    wait_until,
)
from tests.functional.cinder import deployment as cinder
from tests.functional.cinder.deployment import ADMIN, MEMBER
from tests.functional.cinder.failures import FAILURES, Cloud

# What the exceptions of the driver hold and no owner may read.
SECRETS = (
    "10.1.2",
    "hunter2",
    "rack7",
    "/srv/backups",
    "lun-tool",
    "tests@good",
)
# Of these, another resource fails too: the volume that could not be attached for it.
BACKUPS = ("backup", "restore")


@pytest.fixture(scope="module")
def cloud(broker, mariadb, postgresql, tmp_path_factory):
    """The API of a Cinder whose processes have the driver and the log handler."""
    if importlib.util.find_spec("cinder") is None:
        require("cinder", "cinder is not installed; tox -e cinder has it")
    folder = tmp_path_factory.mktemp("cinder") / "run"
    with new_database(mariadb) as own, new_database(postgresql) as faults:
        store = make_store(faults)
        utf8 = f"{own}?charset=utf8mb4"
        host = broker.new_host("cinder")
        made = cinder.build(folder, database=utf8, faults=faults, broker=host)
        with cinder.serve(made):
            found = Cloud(made)
            wait_until(lambda: found.is_up(), 180)
            found.prepare()
            yield found, store
        close(store)


def faults_of(store):
    """The ids of the resources that have a fault, and have not been cleared since."""
    newest = {row["instance_id"]: row for row in rows(store)}
    return {found for found, row in newest.items() if not row["deleted"]}


def lose_connections(server):
    """Let a database end everybody's connections, as when it restarts."""
    engine = sa.create_engine(server, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        own = connection.scalar(sa.text("SELECT CONNECTION_ID()"))
        found = connection.scalars(
            sa.text(
                "SELECT id FROM information_schema.processlist WHERE db IS NOT NULL"
            )
        ).all()
        for number in found:
            if number != own:
                with contextlib.suppress(
                    sa.exc.DBAPIError
                ):  # it has just ended by itself
                    connection.exec_driver_sql(f"KILL {number}")
    engine.dispose()


@pytest.mark.parametrize("failure", FAILURES, ids=lambda failure: failure.name)
def test_the_owner_reads_what_failed_and_an_administrator_why(cloud, failure):
    api, store = cloud
    before = faults_of(store)

    resource = failure.provoke(api)

    wait_until(lambda: "fault" in api.show(resource))
    # What comes after the first record of a failure must not hide it.
    time.sleep(1)
    fault = api.show(resource)["fault"]
    assert fault["message"] == failure.says
    assert "details" not in fault
    assert not [secret for secret in SECRETS if secret in json.dumps(fault)]
    full = api.show(resource, ADMIN)["fault"]
    assert failure.root in f"{full['message']}\n{full['details']}"
    others = faults_of(store) - before - {resource.id}
    assert not others or failure.name in BACKUPS


def test_what_works_leaves_no_fault(cloud):
    api, store = cloud
    before = faults_of(store)

    volume = api.volume("well")
    snapshot = api.snapshot(volume)
    api.act(volume, **{"os-extend": {"new_size": 2}})
    backup = api.backup(volume)
    for resource in (backup, snapshot, volume):
        api.delete(resource)

    time.sleep(2)
    assert faults_of(store) == before


def test_a_volume_that_is_created_at_the_second_try_has_no_fault(cloud):
    api, _ = cloud

    volume = api.volume("fail-create once", volume_type="any")

    assert api.show(volume)["status"] == "available"
    time.sleep(2)
    assert "fault" not in api.show(volume)


def test_what_its_user_did_wrong_is_not_a_fault(cloud):
    api, store = cloud
    before = faults_of(store)
    volume = api.volume("well")

    statuses = [
        api.deployment.request("POST", f"{volume.path}/action", MEMBER, body)[
            0
        ]
        for body in (
            {"os-extend": {"new_size": 1}},
            {"revert": {}},
            {"nonsense": {}},
        )
    ]

    assert all(400 <= status < 500 for status in statuses)
    assert faults_of(store) == before


def test_a_sick_cloud_blames_nobody(cloud, broker, mariadb):
    api, store = cloud
    volumes = [api.volume("well") for _ in range(3)]
    before = faults_of(store)
    away = api.deployment.folder / "array-is-away"

    away.touch()
    with contextlib.ExitStack() as stack:
        stack.callback(away.unlink)
        broker.control("stop_app")
        stack.callback(broker.control, "start_app")
        time.sleep(15)
    lose_connections(mariadb)
    time.sleep(15)

    wait_until(lambda: api.volume("well again").id, 60)
    assert faults_of(store) == before
    assert all("fault" not in api.show(volume) for volume in volumes)
