# SPDX-License-Identifier: Apache-2.0
"""What fails in the real Magnum reaches the owner of the cluster, and nobody else.

Needs magnum in the same virtualenv (``tox -e magnum``).
"""

import concurrent.futures
import time

import pytest

from tests.fixtures import lose_connections, wait_until
from tests.functional.cloud import (
    assert_shown,
    assert_source,
    broker_away,
    faults_of,
)
from tests.functional.deployment import PEOPLE
from tests.functional.endings import assert_ends
from tests.functional.magnum.deployment import served
from tests.functional.magnum.endings import ENDINGS
from tests.functional.magnum.failures import (
    GONE,
    SOURCES,
    TOGETHER,
    UNLUCKY,
    Clusters,
    fill_disk,
)
from tests.functional.magnum.labels import FAILS, LATER
from tests.functional.people import assert_listed

# What the exceptions hold and no owner may read.
SECRETS = ("hunter2", "node7", "[SQL", "Traceback")
# How many failures are provoked at once. Magnum is waited for most of the time.
AT_ONCE = 8


@pytest.fixture(scope="module")
def cloud(run_service):
    """The API of a Magnum whose processes have the driver and the log handler."""
    with run_service("magnum", served, people=(*PEOPLE, UNLUCKY)) as stand:
        _, _, unlucky = UNLUCKY.split(":")
        fill_disk(stand.database, stand.deployment.keystone.users[unlucky])
        yield Clusters(stand.deployment), stand.store


@pytest.fixture(scope="module")
def provoked(cloud):
    """The clusters of the failures, each when it has failed."""
    api, _ = cloud
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        made = {
            failure.name: pool.submit(failure.provoke, api)
            for failure in TOGETHER
        }
        concurrent.futures.wait(made.values())
        yield made


@pytest.mark.parametrize("failure", TOGETHER, ids=lambda failure: failure.name)
def test_the_owner_reads_what_failed_and_an_administrator_why(
    cloud, provoked, failure
):
    api, store = cloud

    cluster = provoked[failure.name].result()

    # What the log tells comes behind the notification.
    wait_until(lambda: _message(api, cluster) == failure.says)
    assert_shown(api, cluster, failure, SECRETS)
    assert_source(store, cluster, failure, SOURCES)


def test_nothing_else_has_a_fault(cloud, provoked):
    _, store = cloud

    failed = {future.result().id for future in provoked.values()}
    assert faults_of(store) == failed


def test_a_list_with_details_shows_the_same_and_one_without_does_not(
    cloud, provoked
):
    api, _ = cloud
    cluster = provoked["create"].result()

    detailed = api.call("GET", "/clusters/detail")["clusters"]
    short = api.call("GET", "/clusters")["clusters"]

    (found,) = [one for one in detailed if one["uuid"] == cluster.id]
    assert found["fault"] == api.show(cluster)["fault"]
    assert all("fault" not in one for one in short)


def test_the_program_that_people_use_lists_what_failed(cloud, provoked):
    api, _ = cloud
    failure = TOGETHER[0]
    cluster = provoked[failure.name].result()

    assert_listed(api.deployment, "cluster", cluster.id, failure.says)


def test_what_works_leaves_no_fault(cloud):
    api, store = cloud
    before = faults_of(store)

    with concurrent.futures.ThreadPoolExecutor() as pool:
        changed = (api.update, api.resize, api.upgrade, api.rotate)
        grown = (api.group, api.change_group, api.delete_group)
        lives = [pool.submit(_live, api, steps) for steps in (changed, grown)]
        for life in lives:
            life.result()

    time.sleep(2)
    assert faults_of(store) == before


def test_what_its_user_did_wrong_is_not_a_fault(cloud):
    api, store = cloud
    cluster = api.cluster("mistaken", **{LATER: "nothing"})
    before = faults_of(store)
    change = {"op": "replace", "path": "/flavor_id", "value": "small"}

    assert api.refused("PATCH", cluster.path, [{**change, "path": "/x"}])
    assert api.refused("DELETE", f"{cluster.path}/nodegroups/default-worker")
    assert api.refused("GET", f"{cluster.path}/nodegroups/none")
    unsigned = {"cluster_uuid": cluster.id, "csr": "nonsense"}
    assert api.refused("POST", "/certificates", unsigned)
    assert api.refused("POST", "/clusters", {"cluster_template_id": "none"})

    time.sleep(2)
    assert faults_of(store) == before


@pytest.fixture(scope="module")
def ended(cloud, provoked):
    """The faults of the failures, each when it has ended as it is said to."""
    api, store = cloud

    def end(failure):
        cluster = provoked[failure.name].result()
        assert_ends(api, store, cluster, ENDINGS.get(failure.name))

    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        yield {failure.name: pool.submit(end, failure) for failure in TOGETHER}


@pytest.mark.parametrize("failure", TOGETHER, ids=lambda failure: failure.name)
def test_the_fault_is_there_until_it_ends_as_it_is_said_to(ended, failure):
    ended[failure.name].result(180)


def test_an_update_that_magnum_refuses_changes_nothing(cloud):
    api, store = cloud
    cluster = api.cluster(**{FAILS: "create"})
    wait_until(lambda: cluster.id in faults_of(store))
    fault = api.show(cluster)["fault"]

    # The answer comes before Magnum looks at what state the cluster is in.
    api.resize(cluster)
    api.upgrade(cluster)

    time.sleep(2)
    assert api.show(cluster)["fault"] == fault


def test_a_sick_cloud_blames_nobody(cloud, broker, mariadb):
    api, store = cloud
    cluster = api.cluster("bystander")
    before = faults_of(store)

    with broker_away(broker):
        time.sleep(10)
    lose_connections(mariadb)
    for name in ("magnum-conductor", "magnum-api"):
        api.deployment.programs[name].restart()

    wait_until(lambda: api.status(api.cluster("after")) != "gone", 60)
    assert faults_of(store) == before
    assert "fault" not in api.show(cluster)


def test_a_cluster_whose_driver_is_gone_says_so(cloud):
    api, store = cloud
    before = faults_of(store)

    cluster = GONE.provoke(api)

    # Its state is still what it was: nothing but the log says that nothing is done.
    assert api.status(cluster) == "CREATE_COMPLETE"
    # The conductor has only begun again.
    wait_until(lambda: _message(api, cluster) == GONE.says, 60)
    assert_shown(api, cluster, GONE, SECRETS)
    assert_source(store, cluster, GONE, SOURCES)
    assert faults_of(store) - before == {cluster.id}
    assert_ends(api, store, cluster, ENDINGS[GONE.name])


def _message(api, cluster):
    return api.show(cluster).get("fault", {}).get("message")


def _live(api, steps):
    """Make a cluster, change it in these steps, and delete it."""
    cluster = api.cluster("well")
    for step in steps:
        assert api.status(step(cluster)) == "UPDATE_COMPLETE"
    api.rotate_credential(cluster)
    assert api.status(api.delete(cluster)) == "gone"
