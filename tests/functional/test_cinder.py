# SPDX-License-Identifier: Apache-2.0
"""What fails in the real Cinder reaches the owner of the resource, and nobody else.

Needs cinder in the same virtualenv (``tox -e cinder``).
"""

import contextlib
import importlib.util
import time

import pytest

from tests.fixtures import (
    close,
    lose_connections,
    make_store,
    new_database,
    require,
    wait_until,
)
from tests.functional.cinder.deployment import served
from tests.functional.cinder.failures import FAILURES, Volumes
from tests.functional.cloud import assert_shown, faults_of
from tests.functional.deployment import AWAY

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
        with served(
            folder, database=utf8, faults=faults, broker=host
        ) as deployment:
            found = Volumes(deployment)
            wait_until(lambda: found.is_up(), 180)
            found.prepare()
            yield found, store
        close(store)


@pytest.mark.parametrize("failure", FAILURES, ids=lambda failure: failure.name)
def test_the_owner_reads_what_failed_and_an_administrator_why(cloud, failure):
    api, store = cloud
    before = faults_of(store)

    resource = failure.provoke(api)

    assert_shown(api, resource, failure, SECRETS)
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

    path = f"{volume.path}/action"
    assert api.refused("POST", path, {"os-extend": {"new_size": 1}})
    assert api.refused("POST", path, {"revert": {}})
    assert api.refused("POST", path, {"nonsense": {}})
    assert faults_of(store) == before


def test_a_sick_cloud_blames_nobody(cloud, broker, mariadb):
    api, store = cloud
    volumes = [api.volume("well") for _ in range(3)]
    before = faults_of(store)
    away = api.deployment.folder / AWAY

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
