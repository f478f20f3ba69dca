# SPDX-License-Identifier: Apache-2.0
"""What fails in the real Designate reaches the owner of the zone, and nobody else.

Needs designate in the same virtualenv (``tox -e designate``).
"""

import contextlib
import time

import pytest

from tests.fixtures import lose_connections, wait_until
from tests.functional.cloud import assert_shown, assert_source, faults_of
from tests.functional.deployment import ADMIN
from tests.functional.designate.deployment import served
from tests.functional.designate.endings import ENDINGS
from tests.functional.designate.failures import FAILURES, SOURCES, Zones
from tests.functional.endings import assert_ends
from tests.functional.people import assert_listed

# What the exceptions hold and no owner may read.
SECRETS = ("10.1.2.3", "rndc", "953", "PoolTarget")


@pytest.fixture(scope="module")
def cloud(run_service):
    """The API of a Designate whose processes have the driver and the log handler."""
    with run_service("designate", served) as stand:
        found = Zones(stand.deployment)
        wait_until(found.is_up, 180)
        yield found, stand.store


@pytest.mark.parametrize("failure", FAILURES, ids=lambda failure: failure.name)
def test_the_owner_reads_what_failed_and_an_administrator_why_until_it_is_well(
    cloud, failure
):
    api, store = cloud
    before = faults_of(store)

    zone = failure.provoke(api)

    assert_shown(api, zone, failure, SECRETS)
    assert_source(store, zone, failure, SOURCES)
    assert not faults_of(store) - before - {zone.id}
    assert_ends(api, store, zone, ENDINGS.get(failure.name))


def test_a_list_shows_the_same(cloud):
    api, _ = cloud
    zone = api.zone("fail-addzone-listed")
    wait_until(lambda: "fault" in api.show(zone))
    time.sleep(1)

    listed = api.call("GET", "/zones")["zones"]

    shown = {found["id"]: found.get("fault") for found in listed}
    assert shown[zone.id] == api.show(zone)["fault"]


def test_records_show_why_they_are_not_on_their_servers(cloud):
    api, _ = cloud
    zone = api.zone("fail-showzone-records")

    records = api.records(zone, "www")

    wait_until(lambda: "fault" in api.show(records))
    time.sleep(1)
    shown = api.show(records)
    assert shown["status"] == "PENDING"
    assert shown["fault"] == api.show(zone)["fault"]
    assert "details" not in shown["fault"]
    assert "rndc" in api.show(records, ADMIN)["fault"]["details"]
    api.delete(zone)


def test_the_deletion_of_a_zone_ends_its_fault(cloud):
    api, store = cloud
    zone = api.zone("fail-addzone-ending")
    wait_until(lambda: zone.id in faults_of(store))
    time.sleep(1)

    api.delete(zone)

    wait_until(lambda: zone.id not in faults_of(store))


def test_a_deletion_that_fails_is_of_a_zone_that_designate_shows_no_more(
    cloud,
):
    api, store = cloud
    zone = api.zone("fail-delzone")
    before = faults_of(store)

    api.delete(zone)

    time.sleep(3)
    assert api.status(zone) == "gone"
    assert faults_of(store) == before


def test_what_works_leaves_no_fault(cloud):
    api, store = cloud
    before = faults_of(store)

    zone = api.zone("well")
    records = api.records(zone, "www")
    api.settle(records)
    assert api.status(records) == api.status(zone) == "ACTIVE"
    assert "fault" not in api.show(records)
    api.delete(records)
    api.delete(zone)

    time.sleep(5)
    assert faults_of(store) == before


def test_what_its_user_did_wrong_is_not_a_fault(cloud):
    api, store = cloud
    before = faults_of(store)
    zone = api.zone("mistaken")

    body = {"name": "mistaken.example.", "email": "a@b.example"}
    assert api.refused("POST", "/zones", body)
    assert api.refused("POST", "/zones", {"name": "no dot"})
    assert api.refused("POST", f"{zone.path}/recordsets", {"type": "A"})
    assert faults_of(store) == before


def test_a_sick_cloud_blames_nobody(cloud, broker, mariadb):
    api, store = cloud
    zone = api.zone("bystander")
    before = faults_of(store)

    with contextlib.ExitStack() as ending:
        broker.control("stop_app")
        ending.callback(broker.control, "start_app")
        time.sleep(5)
    lose_connections(mariadb)
    time.sleep(5)

    assert faults_of(store) == before
    assert "fault" not in api.show(zone)


def test_the_program_that_people_use_lists_what_failed(cloud):
    api, _ = cloud
    zone = api.zone("fail-addzone-asked-for")
    wait_until(lambda: "fault" in api.show(zone))

    assert_listed(api.deployment, "zone", zone.id, FAILURES[0].says)
