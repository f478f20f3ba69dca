# SPDX-License-Identifier: Apache-2.0
"""What fails in the real Ironic reaches the owner of the node, and nobody else.

Needs ironic in the same virtualenv (``tox -e ironic``).
"""

import time

import pytest

from tests.fixtures import lose_connections, wait_until
from tests.functional.cloud import (
    assert_shown,
    assert_source,
    broker_away,
    faults_of,
)
from tests.functional.endings import assert_ends
from tests.functional.ironic.deployment import own_api, served
from tests.functional.ironic.endings import ENDINGS
from tests.functional.ironic.failures import (
    ERASE,
    FAILURES,
    SOURCES,
    UPDATE,
    Nodes,
)
from tests.functional.people import assert_listed

# What the exceptions hold and no owner may read.
SECRETS = ("10.1.2.3", "node7", "hunter2", "Traceback")


@pytest.fixture(scope="module")
def cloud(run_service):
    """The API of an Ironic whose processes have the driver and the log handler."""
    with run_service("ironic", served) as stand:
        found = Nodes(stand.deployment)
        wait_until(found.is_up, 120)
        yield found, stand.store


@pytest.mark.parametrize("failure", FAILURES, ids=lambda failure: failure.name)
def test_the_owner_reads_what_failed_and_an_administrator_why_until_it_is_well(
    cloud, failure
):
    api, store = cloud
    before = faults_of(store)

    node = failure.provoke(api)

    assert_shown(api, node, failure, SECRETS)
    assert_source(store, node, failure, SOURCES)
    assert not faults_of(store) - before - {node.id}
    assert_ends(api, store, node, ENDINGS.get(failure.name))


def test_lists_show_the_same(cloud):
    api, _ = cloud
    node = api.to(api.manageable("inspect"), "inspect")
    wait_until(lambda: "fault" in api.show(node))
    time.sleep(1)

    for path in ("/nodes/detail", "/nodes?detail=True"):
        listed = api.call("GET", path)["nodes"]

        shown = {found["uuid"]: found.get("last_fault") for found in listed}
        assert shown[node.id] == api.show(node)["fault"]


def test_a_node_is_found_by_its_name_too(cloud):
    api, _ = cloud
    node = api.manageable("power-state")
    wait_until(lambda: "fault" in api.show(node))
    time.sleep(1)
    name = api.show(node)["name"]

    named = api.call("GET", f"/nodes/{name}")

    assert named["last_fault"] == api.show(node)["fault"]


def test_ironics_own_program_shows_the_same(cloud):
    api, _ = cloud
    node = api.manageable("power-state")
    wait_until(lambda: "fault" in api.show(node))
    time.sleep(1)

    with own_api(api.deployment) as own:
        shown = Nodes(own).show(node)

    assert shown["fault"] == api.show(node)["fault"]


def test_what_works_leaves_no_fault(cloud):
    api, store = cloud
    before = faults_of(store)

    node = api.to(api.manageable(), "inspect")
    for target in ("provide", "active"):
        api.to(node, target)
    for target in ("power on", "rebooting", "power off"):
        api.power(node, target)
    api.to(node, "rescue", rescue_password="secret")
    api.to(node, "unrescue")
    api.to(node, "service", service_steps=[UPDATE])
    assert api.status(node) == "active"
    api.console(node)
    api.to(node, "deleted")
    assert api.status(node) == "available"
    api.to(node, "manage")
    api.to(node, "clean", clean_steps=[ERASE])
    assert api.status(node) == "manageable"
    api.remove(node)

    time.sleep(2)
    assert api.status(node) == "gone"
    assert faults_of(store) == before


def test_the_deletion_of_a_node_ends_its_fault(cloud):
    api, store = cloud
    node = api.manageable("power-state")
    wait_until(lambda: node.id in faults_of(store))
    time.sleep(1)

    api.remove(node)

    wait_until(lambda: node.id not in faults_of(store))


def test_an_allocation_shows_its_error_itself(cloud):
    api, store = cloud
    before = faults_of(store)

    body = {"name": "none", "resource_class": "such"}
    made = api.call("POST", "/allocations", body)

    path = f"/allocations/{made['uuid']}"
    wait_until(lambda: api.call("GET", path)["state"] == "error")
    shown = api.call("GET", path)
    assert "no available nodes match" in shown["last_error"]
    time.sleep(1)
    assert faults_of(store) == before


def test_what_its_user_did_wrong_is_not_a_fault(cloud):
    api, store = cloud
    node = api.available()
    before = faults_of(store)

    states = f"{node.path}/states/provision"
    assert api.refused("PUT", states, {"target": "nonsense"})
    assert api.refused("PUT", states, {"target": "inspect"})
    nonsense = {"target": "nonsense"}
    assert api.refused("PUT", f"{node.path}/states/power", nonsense)

    time.sleep(1)
    assert faults_of(store) == before
    assert "fault" not in api.show(node)


def test_a_sick_cloud_and_restarts_blame_nobody(cloud, broker, mariadb):
    api, store = cloud
    node = api.available()
    before = faults_of(store)

    with broker_away(broker):
        time.sleep(5)
    lose_connections(mariadb)
    api.deployment.programs["ironic-conductor"].restart()

    wait_until(lambda: api.accepts(node, "active"), 60)
    assert api.status(api.settle(node)) == "active"
    assert faults_of(store) == before


def test_the_program_that_people_use_lists_what_failed(cloud):
    api, _ = cloud
    failure = FAILURES[0]
    node = failure.provoke(api)
    wait_until(lambda: "fault" in api.show(node))
    time.sleep(1)
    # Catalogs have Ironic's address without its version.

    assert_listed(api.deployment, "node", node.id, failure.says)
