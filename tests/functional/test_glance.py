# SPDX-License-Identifier: Apache-2.0
"""What fails in the real Glance reaches the owner of the image, and nobody else.

Needs glance and its client in the same virtualenv (``tox -e glance``).
"""

import contextlib
import importlib
import json
import time

import jsonschema
import pytest

from tests.fixtures import lose_connections, wait_until
from tests.functional.cloud import assert_shown, assert_source, faults_of
from tests.functional.deployment import ADMIN, MEMBER
from tests.functional.endings import assert_ends
from tests.functional.glance.deployment import LARGEST, QUOTA, served
from tests.functional.glance.endings import ENDINGS
from tests.functional.glance.failures import DISK, FAILURES, SOURCES, Images
from tests.functional.people import assert_listed

# What the exceptions hold and no owner may read.
SECRETS = ("10.1.2.3", "/run/", "127.0.0.1")
FULL = "There is not enough disk space on the image storage media."
FULL_THERE = b"fail-full slow" + b"x" * 99


@pytest.fixture(scope="module")
def cloud(run_service):
    """The API of a Glance that has the driver and the log handler."""
    with run_service("glance", served) as stand:
        found = Images(stand.deployment)
        wait_until(found.is_up, 180)
        yield found, stand.store


@pytest.fixture
def faulty(cloud):
    """An image with a fault."""
    api, _ = cloud
    image = api.upload(api.image("faulty"), b"fail-full " + b"x" * 99)
    wait_until(lambda: "fault" in api.show(image))
    return image


@pytest.mark.parametrize("failure", FAILURES, ids=lambda failure: failure.name)
def test_the_owner_reads_what_failed_and_an_administrator_why_until_it_is_well(
    cloud, failure
):
    api, store = cloud
    before = faults_of(store)

    image = failure.provoke(api)

    assert_shown(api, image, failure, SECRETS)
    assert_source(store, image, failure, SOURCES)
    assert not faults_of(store) - before - {image.id}
    assert_ends(api, store, image, ENDINGS.get(failure.name))


def test_an_upload_over_the_quota_is_shown_with_what_remains(cloud):
    api, _ = cloud
    filled = []

    for _ in range(QUOTA // LARGEST + 1):
        image = api.upload(api.image("filler"), b"x" * LARGEST)
        filled.append(image)
        if api.show(image)["status"] != "active":
            break

    wait_until(lambda: "fault" in api.show(image))
    told = api.show(image)["fault"]["message"]
    assert told.startswith(f"The size of the data {LARGEST} will exceed")
    for filler in filled:
        api.delete(filler)


def test_an_import_that_fails_in_one_store_is_shown_on_an_active_image(cloud):
    api, _ = cloud
    image = api.image("partly")
    api.stage(image, FULL_THERE)

    both = {"stores": ["fast", "slow"], "all_stores_must_succeed": False}
    api.fetch(image, "glance-direct", **both)

    wait_until(lambda: "fault" in api.show(image))
    time.sleep(1)
    shown = api.show(image)
    assert shown["status"] == "active"
    # Glance notifies of the stores after it has logged the reason, and without a request.
    assert shown["fault"]["message"] == FULL


def test_a_copy_that_fails_is_shown_on_an_active_image(cloud):
    api, _ = cloud
    image = api.upload(api.image("copy"), FULL_THERE)
    where = {"stores": ["slow"], "all_stores_must_succeed": False}

    api.fetch(image, "copy-image", ADMIN, **where)

    wait_until(lambda: "fault" in api.show(image))
    time.sleep(1)
    assert api.show(image)["status"] == "active"
    assert api.show(image)["fault"]["message"] == FULL


@pytest.mark.parametrize("token", [MEMBER, ADMIN], ids=["member", "admin"])
def test_an_image_with_a_fault_is_as_glances_own_schema_says(
    cloud, faulty, token
):
    api, _ = cloud
    image = api.call("GET", faulty.path, token=token)
    listed = api.call("GET", "/images", token=token)

    jsonschema.validate(image, api.call("GET", "/schemas/image"))
    jsonschema.validate(listed, api.call("GET", "/schemas/images"))
    assert "os_glance_fault" in image


def test_glances_client_updates_an_image_with_a_fault(cloud, faulty):
    api, _ = cloud
    endpoint = f"http://127.0.0.1:{api.deployment.port}"
    auth = importlib.import_module("keystoneauth1.token_endpoint")
    token = api.deployment.keystone.token(MEMBER)
    session = importlib.import_module("keystoneauth1.session")
    client = importlib.import_module("glanceclient").Client(
        "2", session=session.Session(auth.Token(endpoint, token))
    )

    client.images.update(faulty.id, name="renamed", colour="red")
    client.images.update(faulty.id, remove_props=["colour"])

    shown = api.show(faulty)
    assert (shown["name"], shown.get("colour")) == ("renamed", None)
    told = json.loads(client.images.get(faulty.id)["os_glance_fault"])
    assert told["message"] == shown["fault"]["message"]


def test_what_works_leaves_no_fault(cloud):
    api, store = cloud
    before = faults_of(store)

    image = api.upload(api.image("well"), b"x" * 9999)
    assert api.deployment.request("GET", f"{image.path}/file")[0] == 200
    api.delete(image)
    imported = api.image("well")
    api.stage(imported, b"x" * 9999)
    api.fetch(imported, "glance-direct", stores=["fast", "slow"])
    assert api.show(imported)["status"] == "active"
    api.delete(imported)

    time.sleep(2)
    assert faults_of(store) == before


def test_what_its_user_did_wrong_is_not_a_fault(cloud):
    api, store = cloud
    before = faults_of(store)
    image = api.upload(api.image("well"), b"x" * 9999)
    other = api.image("other", disk_format="qcow2")

    assert api.put(f"{image.path}/file", b"x")[0] == 409
    assert api.put(f"{other.path}/file", b"x" * 9999)[0] == 415
    assert api.refused("POST", f"{image.path}/import", {"method": {}})
    assert api.refused("PATCH", image.path, [])

    time.sleep(1)
    assert faults_of(store) == before


def test_a_sick_cloud_blames_nobody(cloud, broker, mariadb):
    api, store = cloud
    image = api.upload(api.image("bystander"), b"x" * 99)
    before = faults_of(store)

    with contextlib.ExitStack() as ending:
        broker.control("stop_app")
        ending.callback(broker.control, "start_app")
        lose_connections(mariadb)
        assert api.show(image)["status"] == "active"

    assert DISK not in str(api.show(image))
    assert faults_of(store) == before


def test_the_program_that_people_use_lists_what_failed(cloud):
    api, _ = cloud
    failure = FAILURES[0]
    resource = failure.provoke(api)
    wait_until(lambda: "fault" in api.show(resource))

    assert_listed(api.deployment, "image", resource.id, failure.says)
