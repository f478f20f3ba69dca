# SPDX-License-Identifier: Apache-2.0
"""What fails in the real Watcher says why to those who asked for it, and to nobody else.

Needs python-watcher in the same virtualenv (``tox -e watcher``).
"""

import time

import pytest

from tests.fixtures import lose_connections, wait_until
from tests.functional.cloud import (
    assert_source,
    assert_told,
    broker_away,
    faults_of,
)
from tests.functional.deployment import ADMIN, MEMBER
from tests.functional.endings import assert_ends
from tests.functional.people import assert_listed
from tests.functional.watcher.deployment import NAME, served
from tests.functional.watcher.endings import ENDINGS
from tests.functional.watcher.failures import (
    AUDITS,
    LOGGED,
    PLANS,
    SOURCES,
    Optimizations,
    action,
    fill_disk,
)


@pytest.fixture(scope="module")
def cloud(run_service):
    """The API of a Watcher whose processes have the driver and the log handler."""
    with run_service("watcher", served) as stand:
        found = Optimizations(stand.deployment)
        wait_until(found.is_up, 120)
        fill_disk(stand.database)
        yield found, stand.store


@pytest.mark.parametrize("failure", AUDITS, ids=lambda failure: failure.name)
def test_an_audit_says_what_failed_and_why(cloud, failure):
    api, store = cloud
    before = faults_of(store)

    audit = failure.provoke(api)

    assert_told(api, audit, failure)
    assert_source(store, audit, failure, SOURCES)
    assert faults_of(store) - before == {audit.id}
    # Watcher shows audits to nobody else.
    assert api.refused("GET", audit.path, token=MEMBER)
    assert_ends(api, store, audit, ENDINGS.get(failure.name), ADMIN)


@pytest.mark.parametrize("failure", PLANS, ids=lambda failure: failure.name)
def test_an_action_and_its_plan_say_what_failed_and_why(cloud, failure):
    api, store = cloud
    before = faults_of(store)

    plan = failure.provoke(api)

    assert api.status(plan) == "FAILED"
    (failed,) = api.actions(plan)
    for resource in (failed, plan):
        assert_told(api, resource, failure)
        assert_source(store, resource, failure, SOURCES)
    assert faults_of(store) - before == {plan.id, failed.id}
    assert_ends(api, store, plan, ENDINGS.get(failure.name), ADMIN)
    assert failed.id not in faults_of(store)


def test_an_action_that_only_logs_why_it_gave_up_says_it(cloud):
    api, store = cloud

    plan = LOGGED.provoke(api)

    (failed,) = api.actions(plan)
    assert_told(api, failed, LOGGED)
    assert_source(store, failed, LOGGED, SOURCES)
    assert api.show(plan, ADMIN)["fault"]["message"].startswith("The action")
    assert_ends(api, store, plan, ENDINGS.get(LOGGED.name), ADMIN)
    assert failed.id not in faults_of(store)


def test_of_several_actions_the_one_that_failed_has_the_fault(cloud):
    api, store = cloud

    plan = api.run(
        action(NAME, on="execute"), action(message="well"), action(NAME)
    )

    wait_until(lambda: plan.id in faults_of(store))
    time.sleep(1)
    failed = [
        one for one in api.actions(plan) if "fault" in api.show(one, ADMIN)
    ]
    assert [api.status(one) for one in failed] == ["FAILED"]


def test_lists_with_details_show_the_same_and_others_do_not(cloud):
    api, _ = cloud
    audit = AUDITS[0].provoke(api)
    wait_until(lambda: "fault" in api.show(audit, ADMIN))

    detailed = api.call("GET", "/audits/detail", token=ADMIN)["audits"]
    short = api.call("GET", "/audits", token=ADMIN)["audits"]

    (found,) = [one for one in detailed if one["uuid"] == audit.id]
    assert found["fault"] == api.show(audit, ADMIN)["fault"]
    assert all("fault" not in one for one in short)


def test_what_works_leaves_no_fault(cloud):
    api, store = cloud
    before = faults_of(store)

    plan = api.run(action(), action(skip_pre_condition=True), action(NAME))
    assert api.status(plan) == "SUCCEEDED"
    empty = api.audit()
    assert api.status(empty) == "SUCCEEDED"
    cancelled = api.start(api.plan(action(NAME, how="slow")))
    wait_until(lambda: api.status(cancelled) == "ONGOING", 30)
    api.cancel(cancelled)
    api.call("DELETE", empty.path, token=ADMIN)

    time.sleep(2)
    assert faults_of(store) == before


def test_what_its_user_did_wrong_is_not_a_fault(cloud):
    api, store = cloud
    before = faults_of(store)
    audit = {"goal": "unclassified", "audit_type": "ONESHOT"}

    wrong = {**audit, "strategy": "tests", "parameters": {"how": 1}}
    assert api.refused("POST", "/audits", wrong, ADMIN)
    assert api.refused("POST", "/audits", {**audit, "goal": "none"}, ADMIN)
    assert api.refused("GET", "/action_plans/none", token=ADMIN)

    time.sleep(1)
    assert faults_of(store) == before


def test_a_sick_cloud_blames_nobody(cloud, broker, mariadb):
    api, store = cloud
    before = faults_of(store)

    with broker_away(broker):
        time.sleep(10)
    lose_connections(mariadb)
    for name in ("watcher-decision-engine", "watcher-applier", "watcher-api"):
        api.deployment.programs[name].restart()

    wait_until(lambda: api.status(api.audit()) == "SUCCEEDED", 120)
    assert faults_of(store) == before


def test_the_program_that_people_use_lists_what_failed(cloud):
    api, _ = cloud
    failure = AUDITS[0]
    audit = failure.provoke(api)
    wait_until(lambda: "fault" in api.show(audit, ADMIN))

    assert_listed(api.deployment, "audit", audit.id, failure.says, ADMIN)
