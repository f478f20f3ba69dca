# SPDX-License-Identifier: Apache-2.0
"""What fails in the real Manila reaches the owner of the resource, and nobody else.

Needs manila in the same virtualenv (``tox -e manila``).
"""

import time

import pytest

from tests.fixtures import wait_until
from tests.functional.cloud import (
    assert_shown,
    assert_source,
    back_end_away,
    broker_away,
    database_away,
    faults_of,
    running,
)
from tests.functional.endings import assert_ends
from tests.functional.manila.deployment import served
from tests.functional.manila.endings import ENDINGS
from tests.functional.manila.failures import FAILURES, SOURCES, Shares
from tests.functional.people import assert_listed

# What the exceptions of the driver hold and no owner may read.
SECRETS = (
    "10.1.2",
    "hunter2",
    "rack7",
    "/srv/shares",
    "lun-tool",
    "tests@good",
    "tests@other",
)


@pytest.fixture(scope="module")
def cloud(broker, wire, postgresql, tmp_path_factory):
    """The API of a Manila whose processes have the driver and the log handler."""
    folder = tmp_path_factory.mktemp("manila")
    with running(
        "manila",
        served,
        folder,
        database=wire.url,
        faults=postgresql,
        broker=broker,
    ) as (deployment, store):
        found = Shares(deployment)
        found.prepare()
        wait_until(found.is_up, 180)
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
    assert not others
    assert_ends(api, store, resource, ENDINGS.get(failure.name))


def test_what_works_leaves_no_fault(cloud):
    api, store = cloud
    before = faults_of(store)

    share = api.share("well", size=2)
    api.act(share, shrink={"new_size": 1})
    api.act(share, extend={"new_size": 2})
    snapshot = api.snapshot(share)
    api.act(share, revert={"snapshot_id": snapshot.id})
    api.allow(share)
    copy = api.share("well", size=2, snapshot_id=snapshot.id)
    replicated = api.share("well", share_type="replicated")
    replica = api.replica(replicated)
    managed = api.manage("well")
    made = (snapshot, share, copy, replica, managed)

    assert {api.status(resource) for resource in made} == {"available"}
    for resource in (snapshot, share, copy, replica, replicated, managed):
        api.delete(resource)
    assert {api.status(resource) for resource in made} == {"gone"}
    time.sleep(2)
    assert faults_of(store) == before


def test_what_its_user_did_wrong_is_not_a_fault(cloud):
    api, store = cloud
    before = faults_of(store)
    share = api.share("well")
    api.snapshot(share)

    action = f"{share.path}/action"
    rule = {"access_type": "ip", "access_to": "nowhere", "access_level": "rw"}
    assert api.refused("POST", action, {"extend": {"new_size": 1}})
    assert api.refused("POST", action, {"shrink": {"new_size": 1}})
    assert api.refused("POST", action, {"allow_access": rule})
    assert api.refused("POST", action, {"revert": {"snapshot_id": "none"}})
    assert api.refused("POST", action, {"nonsense": {}})
    assert api.refused("POST", "/share-replicas", {"share_replica": {}})
    # It has a snapshot.
    assert api.refused("DELETE", share.path)
    time.sleep(2)
    assert faults_of(store) == before


def test_a_sick_cloud_blames_nobody(cloud, broker, wire):
    api, store = cloud
    shares = [api.share("well") for _ in range(3)]
    before = faults_of(store)
    log = api.deployment.log("manila-share")
    told = len(log.read_text())

    with back_end_away(api.deployment):
        time.sleep(10)
        with broker_away(broker):
            time.sleep(30)
        with database_away(wire):
            time.sleep(30)
    # What is ordered before the services have reported again fails, and rightly says so.
    ordered = set()

    def is_well():
        share = api.share("later")
        ordered.add(share.id)
        return api.status(share) == "available"

    wait_until(is_well, 60)
    said = log.read_text()[told:]
    assert "filer 10.1.2.3 does not answer" in said
    assert f"AMQP server on 127.0.0.1:{broker.port} is unreachable" in said
    assert "model server went away" in said
    assert faults_of(store) - ordered == before
    assert all("fault" not in api.show(share) for share in shares)


def test_the_program_that_people_use_lists_what_failed(cloud):
    api, _ = cloud
    failure = FAILURES[0]
    resource = failure.provoke(api)
    wait_until(lambda: "fault" in api.show(resource))

    assert_listed(api.deployment, "share", resource.id, failure.says)
