# SPDX-License-Identifier: Apache-2.0
"""What fails in the real Heat reaches the owner of the stack, and nobody else.

Needs heat in the same virtualenv (``tox -e heat``).
"""

import contextlib
import time

import pytest

from tests.fixtures import lose_connections, wait_until
from tests.functional.cloud import assert_shown, assert_source, faults_of
from tests.functional.endings import assert_ends
from tests.functional.heat.deployment import served
from tests.functional.heat.endings import ENDINGS
from tests.functional.heat.failures import (
    FAILURES,
    SOURCES,
    Stacks,
    fill_disk,
    part,
    scaled,
    template,
)
from tests.functional.people import assert_listed

# What the exceptions hold and no owner may read.
SECRETS = ("hunter2", "node7", "[SQL", "Traceback", "127.0.0.1")


@pytest.fixture(scope="module")
def cloud(run_service):
    """The API of a Heat whose processes have the driver and the log handler."""
    with run_service("heat", served) as stand:
        found = Stacks(stand.deployment)
        wait_until(found.is_up, 180)
        fill_disk(stand.database)
        yield found, stand.store


@pytest.mark.parametrize("failure", FAILURES, ids=lambda failure: failure.name)
def test_the_owner_reads_what_failed_and_an_administrator_why_until_it_is_well(
    cloud, failure
):
    api, store = cloud
    before = faults_of(store)

    stack = failure.provoke(api)

    assert_shown(api, stack, failure, SECRETS)
    assert_source(store, stack, failure, SOURCES)
    others = faults_of(store) - before - {stack.id}
    # The stack that a group consists of has failed as well.
    assert len(others) == (failure.name == "create a group")
    assert_ends(api, store, stack, ENDINGS.get(failure.name))


def test_a_group_that_could_not_grow_is_shown_on_both_of_its_stacks(cloud):
    api, store = cloud
    stack = api.stack("scale", scaled())
    before = faults_of(store)

    with api.away():
        api.signal(stack)
        wait_until(lambda: stack.id in faults_of(store))

    fault = api.show(stack)["fault"]
    assert fault["message"].startswith("resources.group: Resource CREATE")
    assert fault["message"].endswith("node 10.1.2.3 does not answer")
    assert len(faults_of(store) - before) == 2


def test_a_list_with_details_shows_the_same_and_one_without_does_not(cloud):
    api, _ = cloud
    stack = api.stack("listed", template(part=part("create")))
    wait_until(lambda: "fault" in api.show(stack))

    detailed = api.call("GET", "/stacks/detail?name=listed")["stacks"]
    short = api.call("GET", "/stacks?name=listed")["stacks"]

    assert detailed[0]["fault"] == api.show(stack)["fault"]
    assert "fault" not in short[0]


def test_what_works_leaves_no_fault(cloud):
    api, store = cloud
    before = faults_of(store)

    stack = api.stack("well", template(part=part()))
    api.update(stack, template(part=part("nothing")))
    for action in ("check", "suspend", "resume"):
        api.do(stack, action)
    api.snapshot(stack)
    api.signal(stack)
    api.delete(stack)

    time.sleep(2)
    assert faults_of(store) == before


def test_what_its_user_did_wrong_is_not_a_fault(cloud):
    api, store = cloud
    before = faults_of(store)
    stack = api.stack("mistaken", template(part=part()))
    unknown = template(part={"type": "Tests::Nothing"})

    assert api.refused("PUT", stack.path, {"template": unknown})
    assert api.refused("POST", f"{stack.path}/actions", {"nonsense": None})
    body = {"stack_name": "mistaken", "template": template()}
    assert api.refused("POST", "/stacks", body)
    assert faults_of(store) == before


def test_a_sick_cloud_blames_nobody(cloud, broker, mariadb):
    api, store = cloud
    stack = api.stack("bystander", template(part=part()))
    before = faults_of(store)

    with contextlib.ExitStack() as ending:
        broker.control("stop_app")
        ending.callback(broker.control, "start_app")
        time.sleep(10)
    lose_connections(mariadb)
    time.sleep(5)

    wait_until(lambda: api.stack("after", template(part=part())).id, 60)
    assert faults_of(store) == before
    assert "fault" not in api.show(stack)


def test_the_program_that_people_use_lists_what_failed(cloud):
    api, _ = cloud
    stack = api.stack("asked-for", template(part=part("create")))
    wait_until(lambda: "fault" in api.show(stack))

    assert_listed(api.deployment, "stack", stack.id, FAILURES[0].says)
