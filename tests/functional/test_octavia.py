# SPDX-License-Identifier: Apache-2.0
"""What fails in the real Octavia reaches the owner of the load balancer, and nobody else.

Needs octavia in the same virtualenv (``tox -e octavia``).
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
from tests.functional.octavia.deployment import served
from tests.functional.octavia.endings import ENDINGS
from tests.functional.octavia.failures import FAILURES, SOURCES, Balancers
from tests.functional.people import assert_listed

# What the exceptions hold and no owner may read.
SECRETS = ("10.1.2.3", "node7", "hunter2", "nova.example.org", "Traceback")


@pytest.fixture(scope="module")
def cloud(run_service):
    """The API of an Octavia whose processes have the driver and the log handler."""
    with run_service("octavia", served) as stand:
        found = Balancers(stand.deployment)
        wait_until(found.is_up, 120)
        yield found, stand.store


@pytest.mark.parametrize("failure", FAILURES, ids=lambda failure: failure.name)
def test_the_owner_reads_what_failed_and_an_administrator_why_until_it_is_well(
    cloud, failure
):
    api, store = cloud
    before = faults_of(store)

    resource = failure.provoke(api)

    assert_shown(api, resource, failure, SECRETS)
    assert_source(store, resource, failure, SOURCES)
    assert not faults_of(store) - before - {resource.id}
    assert_ends(api, store, resource, ENDINGS.get(failure.name))


@pytest.mark.parametrize(
    ("make", "kind"),
    [
        (lambda api: api.balancer(), "loadbalancers"),
        (lambda api: api.listener(), "listeners"),
        (lambda api: api.pool(), "pools"),
    ],
)
def test_a_list_shows_the_same(cloud, make, kind):
    api, _ = cloud
    with api.failing("amphora.update amphora.info"):
        resource = make(api)
    wait_until(lambda: "fault" in api.show(resource))

    listed = api.call("GET", f"/{kind}")[kind]

    shown = {found["id"]: found.get("fault") for found in listed}
    assert shown[resource.id] == api.show(resource)["fault"]


def test_what_works_leaves_no_fault(cloud):
    api, store = cloud
    before = faults_of(store)

    balancer = api.balancer()
    listener, pool = api.listener(), api.pool()
    member, monitor = api.member(), api.monitor(pool)
    policy, rule = api.policy(), api.rule()
    made = [rule, policy, monitor, member, pool, listener, balancer]
    assert {api.status(api.settle(found)) for found in made} == {"ACTIVE"}
    api.change(balancer, name="other")
    api.change(member, weight=7)
    api.failover(balancer)
    for found in made:
        api.delete(found)

    assert {api.status(found) for found in made} <= {"gone", "DELETED"}
    time.sleep(2)
    assert faults_of(store) == before


def test_what_its_user_did_wrong_is_not_a_fault(cloud):
    api, store = cloud
    before = faults_of(store)
    balancer = api.shared

    assert api.refused("POST", "/loadbalancers", {"loadbalancer": {}})
    wrong = {"listener": {"loadbalancer_id": balancer.id, "protocol": "X"}}
    assert api.refused("POST", "/listeners", wrong)
    unknown = {"loadbalancer": {"nonsense": 1}}
    assert api.refused("PUT", balancer.path, unknown)

    assert faults_of(store) == before


def test_a_sick_cloud_and_restarts_blame_nobody(cloud, broker, mariadb):
    api, store = cloud
    balancer = api.shared
    before = faults_of(store)

    with broker_away(broker):
        time.sleep(5)
    lose_connections(mariadb)
    for program in ("octavia-worker", "octavia-health-manager"):
        api.deployment.programs[program].restart()
    api.deployment.wait_for_worker()

    api.change(balancer, name="after")
    wait_until(lambda: api.status(balancer) == "ACTIVE", 120)
    assert faults_of(store) == before


def test_the_program_that_people_use_lists_what_failed(cloud):
    api, _ = cloud
    balancer, listener = FAILURES[0], FAILURES[15]

    for word, failure in (("loadbalancer", balancer), ("listener", listener)):
        resource = failure.provoke(api)
        wait_until(lambda found=resource: "fault" in api.show(found))
        assert_listed(api.deployment, word, resource.id, failure.says)
