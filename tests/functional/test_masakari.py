# SPDX-License-Identifier: Apache-2.0
"""A recovery that fails in the real Masakari says why to those who asked for it.

Needs masakari in the same virtualenv (``tox -e masakari``).
"""

import time

import pytest

from tests.fixtures import rows, wait_until
from tests.functional.cloud import (
    Resource,
    assert_source,
    assert_told,
    faults_of,
)
from tests.functional.deployment import ADMIN, MEMBER
from tests.functional.endings import assert_ends
from tests.functional.masakari.deployment import served
from tests.functional.masakari.endings import ENDINGS
from tests.functional.masakari.failures import FAILURES, SOURCES, Recoveries
from tests.functional.people import assert_listed


@pytest.fixture(scope="module")
def cloud(run_service):
    """The API of a Masakari whose engine has the driver and the log handler."""
    with run_service("masakari", served) as stand:
        yield Recoveries(stand.deployment), stand.store


@pytest.fixture(scope="module")
def provoked(cloud):
    """The recoveries that fail, by the names of the failures; Masakari has ended them all."""
    api, _ = cloud
    made = {failure.name: failure.provoke(api) for failure in FAILURES}
    for resource in made.values():
        api.settle(resource, 90)
    return made


@pytest.mark.parametrize("failure", FAILURES, ids=lambda failure: failure.name)
def test_administrators_read_what_failed_and_why(cloud, provoked, failure):
    api, store = cloud

    resource = provoked[failure.name]

    assert api.status(resource) == "failed"
    assert_told(api, resource, failure)
    assert_source(store, resource, failure, SOURCES)
    # Masakari shows recoveries to nobody else.
    status, _ = api.deployment.request("GET", resource.path, MEMBER)
    assert status == 403


def test_nothing_else_has_a_fault(cloud, provoked):
    _, store = cloud

    assert faults_of(store) == {resource.id for resource in provoked.values()}


def test_the_program_that_people_use_lists_what_failed(cloud, provoked):
    api, _ = cloud
    failure = FAILURES[0]

    assert_listed(
        api.deployment,
        "notification",
        provoked[failure.name].id,
        failure.says,
        ADMIN,
    )


@pytest.mark.parametrize("failure", FAILURES, ids=lambda failure: failure.name)
def test_the_fault_is_there_until_it_ends_as_it_is_said_to(
    cloud, provoked, failure
):
    api, store = cloud
    recovery, ending = provoked[failure.name], ENDINGS.get(failure.name)

    assert_ends(api, store, recovery, ending, ADMIN)


def test_a_recovery_that_goes_well_has_no_fault(cloud):
    api, store = cloud
    before = faults_of(store)

    host = api.host()
    well = [api.lose_server(api.server("well", host), host)]
    well.append(api.lose_process(api.host()))
    host = api.host()
    api.server("well", host)
    well.append(api.lose_host(host))

    for found in well:
        assert api.status(api.settle(found, 60)) == "finished"
    api.deployment.programs["masakari-engine"].restart()
    time.sleep(1)
    assert faults_of(store) == before


def test_the_second_try_that_goes_well_ends_the_fault(cloud):
    api, store = cloud
    host = api.host()

    recovery = api.lose_server(api.server("fail-stop once", host), host)

    assert api.status(api.settle(recovery, 60)) == "finished"
    assert recovery.id in {row["instance_id"] for row in rows(store)}
    wait_until(lambda: recovery.id not in faults_of(store))
    assert "fault" not in api.show(recovery, ADMIN)


def test_what_masakari_leaves_alone_on_purpose_is_not_a_fault(cloud):
    api, store = cloud
    before = faults_of(store)
    host = api.host()

    paused = api.lose_server(api.server("paused", host), host)
    # Masakari recovers nothing but nova-compute.
    other = api.notify(
        "PROCESS", host, event="STOPPED", process_name="libvirtd"
    )

    assert api.status(api.settle(paused)) == "ignored"
    assert api.status(api.settle(other)) == "finished"
    time.sleep(1)
    assert faults_of(store) == before


def test_a_request_that_is_refused_is_not_a_fault(cloud):
    api, store = cloud
    before = faults_of(store)
    taken, segment = api.segment(), api.segment()
    name = api.show(taken, ADMIN)["name"]

    change = {"segment": {"name": name}}
    assert api.refused("PUT", segment.path, change, ADMIN)
    assert api.refused("POST", "/notifications", {"notification": {}}, ADMIN)
    nowhere = Resource("segments", "5e000000-0000-4000-8000-000000000001")
    assert api.refused("DELETE", nowhere.path, None, ADMIN)

    time.sleep(1)
    assert faults_of(store) == before
    assert "fault" not in api.show(segment, ADMIN)
