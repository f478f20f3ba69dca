# SPDX-License-Identifier: Apache-2.0
"""What fails in the real Cinder reaches the owner of the resource, and nobody else.

Needs cinder in the same virtualenv (``tox -e cinder``).
"""

import time

import pytest

from tests.fixtures import lose_connections, wait_until
from tests.functional.cinder.deployment import served
from tests.functional.cinder.endings import ENDINGS
from tests.functional.cinder.failures import FAILURES, SOURCES, Volumes
from tests.functional.cloud import (
    assert_shown,
    assert_source,
    back_end_away,
    broker_away,
    database_away,
    faults_of,
    running,
)
from tests.functional.deployment import ADMIN, NEIGHBOUR
from tests.functional.endings import assert_ends
from tests.functional.histories import assert_told, history
from tests.functional.people import assert_listed

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
PROGRAMS = ("cinder-scheduler", "cinder-volume", "cinder-backup", "cinder-api")
# How often a task of each program runs in an hour, where it has the intervals that Cinder sets;
# of the volume service, at two back ends.  Cinder lets backups be asked for only each 10 s: a
# quarter of an hour.
HOUR = (
    ("cinder-volume", "VolumeManager.publish_service_capabilities", 120),
    ("cinder-backup", "BackupManager.publish_service_capabilities", 15),
    ("cinder-scheduler", "SchedulerManager._clean_expired_messages", 1),
    ("cinder-scheduler", "SchedulerManager._clean_expired_reservation", 1),
)


@pytest.fixture(scope="module")
def cloud(broker, wire, postgresql, tmp_path_factory):
    """The API of a Cinder whose processes have the driver and the log handler."""
    folder = tmp_path_factory.mktemp("cinder")
    with running(
        "cinder",
        served,
        folder,
        database=wire.url,
        faults=postgresql,
        broker=broker,
    ) as (deployment, store):
        found = Volumes(deployment)
        wait_until(found.is_up, 180)
        found.prepare()
        yield found, store


@pytest.mark.parametrize("failure", FAILURES, ids=lambda failure: failure.name)
def test_the_owner_reads_what_failed_and_an_administrator_why_until_it_is_well(
    cloud, failure
):
    api, store = cloud
    before = faults_of(store)

    resource = failure.provoke(api)

    assert_shown(api, resource, failure, SECRETS)
    assert_source(store, resource, failure, SOURCES)
    others = faults_of(store) - before - {resource.id}
    assert not others or failure.name in BACKUPS
    assert_ends(api, store, resource, ENDINGS.get(failure.name))


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


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_restart_amid_work_leaves_no_fault(cloud, name):
    api, store = cloud
    source = api.volume("slow-attach")
    before = faults_of(store)

    if name == "cinder-backup":
        working = [api.begin_backup(source, "well")]
        # Until then Cinder may begin it twice, and show an error in between.
        wait_until(api.slow_step_of(source).exists)
    else:
        working = [api.begin_volume("slow-create") for _ in range(2)]
    if name == "cinder-volume":
        # Until then Cinder may lose what is on its way to a service that ends.
        for volume in working:
            wait_until(api.slow_step_of(volume).exists)
    api.deployment.programs[name].restart()

    for resource in working:
        assert api.status(api.settle(resource, 60)) == "available"
    time.sleep(2)
    assert faults_of(store) == before


def test_a_restart_at_rest_leaves_no_fault(cloud):
    api, store = cloud
    volume = api.volume("well")
    before = faults_of(store)
    programs = [api.deployment.programs[name] for name in PROGRAMS]

    for program in programs:
        program.stop()
    for program in programs:
        program.start()

    wait_until(api.is_up, 60)
    assert api.status(api.snapshot(volume)) == "available"
    assert faults_of(store) == before


def test_a_sick_cloud_blames_nobody(cloud, broker, mariadb, wire):
    api, store = cloud
    volumes = [api.volume("well") for _ in range(3)]
    before = faults_of(store)
    log = api.deployment.log("cinder-volume")
    told = len(log.read_text())

    with back_end_away(api.deployment):
        time.sleep(10)
        with broker_away(broker):
            time.sleep(30)
        with database_away(wire):
            time.sleep(30)
    lose_connections(mariadb)
    # What is ordered earlier fails for good reason.
    wait_until(api.is_up, 120)
    assert api.status(api.volume("later")) == "available"

    said = log.read_text()[told:]
    assert "array 10.1.2.3 does not answer" in said
    assert f"AMQP server on 127.0.0.1:{broker.port} is unreachable" in said
    assert "model server went away" in said
    assert faults_of(store) == before
    assert all("fault" not in api.show(volume) for volume in volumes)


def has_run(api, name, task, times):
    """Whether a program says that it has run a periodic task so often."""
    said = api.deployment.log(name).read_text()
    return said.count(f"Running periodic task {task} ") >= times


def test_an_hour_of_periodic_tasks_leaves_no_fault(cloud):
    api, store = cloud
    api.volume("well")
    before = faults_of(store)

    wait_until(lambda: all(has_run(api, *task) for task in HOUR), 240)
    assert faults_of(store) == before


def told(api, volume, token):
    """The messages of a history; several parts of Cinder may report one failure."""
    entries = history(api, volume, token)["faults"]
    return [entry["message"] for entry in entries]


def test_a_volume_that_is_handed_over_leaves_its_fault_behind(cloud):
    api, _ = cloud
    (failure,) = [
        kind for kind in FAILURES if kind.name == "upload to an image"
    ]
    volume = failure.provoke(api)
    wait_until(lambda: "fault" in api.show(volume))

    api.hand_over(volume, NEIGHBOUR)

    assert api.show(volume, NEIGHBOUR)["status"] == "available"
    assert "fault" not in api.show(volume, NEIGHBOUR)
    listed = api.call("GET", "/volumes/detail", token=NEIGHBOUR)["volumes"]
    assert ["fault" in shown for shown in listed] == [False]
    assert api.show(volume, ADMIN)["fault"]["message"] == failure.says
    assert told(api, volume, NEIGHBOUR) == []
    assert failure.says in told(api, volume, ADMIN)
    assert api.refused("GET", f"{volume.path}/faults")
    # What fails from now on is its new owner's.
    api.act(volume, NEIGHBOUR, **{"os-extend": {"new_size": 900}})
    wait_until(lambda: "fault" in api.show(volume, NEIGHBOUR))
    assert failure.says not in told(api, volume, NEIGHBOUR)
    assert failure.says in told(api, volume, ADMIN)


@pytest.mark.parametrize(
    ("name", "word"), [("create", "volume"), ("backup", "volume-backup")]
)
def test_the_program_that_people_use_lists_what_failed(cloud, name, word):
    api, _ = cloud
    (failure,) = [kind for kind in FAILURES if kind.name == name]
    resource = failure.provoke(api)
    wait_until(lambda: "fault" in api.show(resource))

    assert_listed(api.deployment, word, resource.id, failure.says)


@pytest.mark.parametrize("name", ["create", "backup"])
def test_the_history_is_for_those_to_whom_cinder_shows_the_resource(
    cloud, name
):
    api, _ = cloud
    (failure,) = [kind for kind in FAILURES if kind.name == name]
    resource = failure.provoke(api)
    wait_until(lambda: "fault" in api.show(resource))

    assert_told(api, resource, failure.says)


def test_what_failed_again_is_one_entry_of_the_history(cloud):
    api, _ = cloud
    (failure,) = [kind for kind in FAILURES if kind.name == "extend"]
    volume = failure.provoke(api)
    wait_until(lambda: history(api, volume)["faults"])

    api.act(volume, ADMIN, **{"os-reset_status": {"status": "available"}})
    api.act(volume, **{"os-extend": {"new_size": 2}})

    wait_until(lambda: history(api, volume)["faults"][0]["count"] == 2)
