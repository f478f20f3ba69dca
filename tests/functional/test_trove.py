# SPDX-License-Identifier: Apache-2.0
"""The filter and the consumer in the real Trove, read by its real client.

Needs trove and python-troveclient in the same virtualenv (``tox -e trove``).
"""

import importlib.util
import json
import os
import subprocess
import time
import uuid

import pytest

from fault_middleware import clock, fault
from fault_middleware.filter import HEADER
from tests.fixtures import (
    close,
    make_store,
    new_database,
    read_data,
    require,
    rows,
    wait_until,
)
from tests.functional.histories import check
from tests.functional.trove import deployment as trove
from tests.functional.trove.client import request
from tests.functional.trove.instances import (
    ACTIVE,
    ACTIVE_FAULT,
    ADMIN,
    BUILD,
    ERROR_FAULT,
    ERROR_NO_FAULT,
    MEMBER,
    NOVA_GONE,
    REPLICA,
)

RECORDED = read_data("trove/shows.json")
# What was sent beside the path, by the name of the recorded request.
SENT = {
    "forged identity headers, no token": {
        "X-Identity-Status": "Confirmed",
        "X-Tenant-Id": "p1",
        "X-Role": "admin",
    },
    "forged role header, member token": {
        "X-Role": "admin",
        "X-Roles": "admin",
        "X-Is-Admin-Project": "True",
    },
    "show OPTIONS": {"Origin": "http://example.org"},
    "show Accept text/html": {"Accept": "text/html"},
    "show Accept versioned": {
        "Accept": "application/vnd.openstack.trove+json;version=1.0"
    },
    "show gzip accepted": {"Accept-Encoding": "gzip"},
}
CHANGES_WITH_TIME = {"date", "x-openstack-request-id"}


def show(deployment, instance, token=MEMBER):
    status, _, body = request(
        deployment, f"/v1.0/p1/instances/{instance.id}", token
    )
    assert status == 200, body
    return json.loads(body)["instance"]


def openstack(deployment, token, *arguments):
    """What ``openstack database instance ...`` prints."""
    environ = {
        key: value for key, value in os.environ.items() if key[:3] != "OS_"
    }
    ended = subprocess.run(
        [
            str(trove.BIN / "openstack"),
            *("--os-auth-type", "admin_token", "--os-token", token),
            *("--os-endpoint", f"http://127.0.0.1:{deployment.port}/v1.0/p1"),
            *("database", "instance", *arguments),
        ],
        env={**environ, "PYTHONWARNINGS": "ignore"},
        capture_output=True,
        text=True,
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


@pytest.fixture(scope="module")
def make_deployment(tmp_path_factory, broker):
    """Makes a Trove whose faults go to a database of a server."""
    if importlib.util.find_spec("trove") is None:
        require("trove", "Trove is not installed in this virtualenv")

    def make(url):
        made = trove.build(
            tmp_path_factory.mktemp("trove") / "deployment",
            faults=url,
            broker=broker.new_host(uuid.uuid4().hex),
        )
        trove.configure(made, {"fault_middleware": {"history": "true"}})
        return made

    return make


@pytest.fixture(scope="module")
def store(mariadb):
    with new_database(mariadb) as url:
        made = make_store(url)
        made.url = url
        yield made
        close(made)


@pytest.fixture(scope="module")
def api(make_deployment, store):
    """Trove's API, served by trove-api with two workers, faults in MariaDB."""
    deployment = make_deployment(store.url)
    with trove.serve(deployment, "trove-api"):
        yield deployment


@pytest.fixture(scope="module")
def bare(api, tmp_path_factory):
    """The same Trove without the filter."""
    deployment = trove.without_filter(
        api, tmp_path_factory.mktemp("bare") / "bare"
    )
    with trove.serve(deployment, "trove-api"):
        yield deployment


@pytest.fixture(autouse=True)
def empty_table(request):
    yield
    if "api" in request.fixturenames:
        with request.getfixturevalue("store").writer.begin() as connection:
            connection.exec_driver_sql("DELETE FROM instance_faults")


def test_an_operation_fails_and_its_owner_reads_why(api, store):
    """The main job, end to end."""
    assert "fault" not in show(api, ACTIVE)

    api.notify(
        "DBaaSInstanceResizeVolume", ACTIVE.id, "Cinder: quota exceeded"
    )

    wait_until(lambda: rows(store))
    shown = show(api, ACTIVE)["fault"]
    assert shown["message"] == "Cinder: quota exceeded"
    assert (
        abs(clock.parse_time(shown["created"]) - clock.utcnow()).seconds < 60
    )
    assert "details" not in shown
    details = show(api, ACTIVE, ADMIN)["fault"]["details"]
    assert details.startswith("Traceback (most recent call last):\n")
    assert details.endswith("TroveError: Cinder: quota exceeded\n")


def test_the_client_prints_the_fault(api, store):
    store.record(
        [
            fault.make(
                "trove",
                BUILD.id,
                message="Disk full — 磁盘已满",
                details="Traceback\n  File x\nOSError",
                created=clock.parse_time("2026-11-20T20:36:05"),
            )
        ]
    )

    as_member = openstack(api, MEMBER, "show", BUILD.id)
    as_admin = json.loads(
        openstack(api, ADMIN, "show", "-f", "json", BUILD.id)
    )

    assert "| fault " in as_member
    assert "Disk full — 磁盘已满" in as_member
    assert "| fault_date " in as_member
    assert "2026-11-20T20:36:05" in as_member
    assert "fault_details" not in as_member
    assert as_admin["fault"] == "Disk full — 磁盘已满"
    assert as_admin["fault_date"] == "2026-11-20T20:36:05"
    assert as_admin["fault_details"] == "Traceback\n  File x\nOSError"


def test_a_list_with_details_shows_faults_and_a_short_one_none(api, store):
    store.record([fault.make("trove", BUILD.id, message="No valid host")])

    shown = {}
    for path in ("instances/detail", "mgmt/instances", "instances"):
        listed = json.loads(request(api, f"/v1.0/p1/{path}", ADMIN)[2])[
            "instances"
        ]
        (one,) = [one for one in listed if one["id"] == BUILD.id]
        shown[path] = "fault" in one

    assert shown == {
        "instances/detail": True,
        "mgmt/instances": True,
        "instances": False,
    }


def test_a_deletion_clears(api, store):
    store.record([fault.make("trove", NOVA_GONE.id, message="No valid host")])
    assert "fault" in show(api, NOVA_GONE)

    api.notify("DBaaSInstanceDelete", NOVA_GONE.id)

    wait_until(lambda: "fault" not in show(api, NOVA_GONE))


def told(deployment, token, project="p1", query="", below=""):
    """Status and JSON of the history of an instance that has failed twice."""
    path = f"/v1.0/{project}{below}/instances/{BUILD.id}/faults{query}"
    status, _, body = request(deployment, path, token)
    return status, json.loads(body)


@pytest.fixture
def failed(store):
    """An instance that failed, was well, and failed again."""
    times = {"first": "2026-11-20T20:36:05", "again": "2026-11-21T20:36:05"}
    made = [
        fault.make(
            "trove",
            BUILD.id,
            message=message,
            details="Traceback",
            created=clock.parse_time(created),
            project_id="p1",
        )
        for message, created in times.items()
    ]
    well = fault.make(
        "trove",
        BUILD.id,
        created=clock.parse_time("2026-11-21T00:00:00"),
        is_clearance=True,
    )
    store.record([*made, well])


@pytest.mark.usefixtures("failed")
@pytest.mark.parametrize("below", ["", "/mgmt"])
def test_the_history_is_told_to_an_administrator_with_details(api, below):
    status, history = told(api, ADMIN, below=below)

    assert status == 200
    check(history)
    assert [
        (entry["message"], entry["cleared"], entry["details"])
        for entry in history["faults"]
    ] == [("again", False, "Traceback"), ("first", True, "Traceback")]


@pytest.mark.usefixtures("failed")
def test_the_history_is_told_to_the_owner_page_by_page(api):
    status, history = told(api, MEMBER, query="?limit=1")
    link = history["faults_links"][0]["href"]
    path = link.removeprefix("http://trove.example.org")
    rest = json.loads(request(api, path, MEMBER)[2])

    assert status == 200
    check(history)
    entries = [*history["faults"], *rest["faults"]]
    assert [entry["message"] for entry in entries] == ["again", "first"]
    assert not any("details" in entry for entry in entries)
    assert "faults_links" not in rest


@pytest.mark.usefixtures("failed")
@pytest.mark.parametrize(
    ("token", "project", "below"),
    [
        ("member:p2:mallory", "p1", ""),
        ("member:p2:mallory", "p2", ""),
        (MEMBER, "p1", "/mgmt"),
        (None, "p1", ""),
    ],
)
def test_a_stranger_gets_what_trove_says_to_his_show(
    api, token, project, below
):
    path = f"/v1.0/{project}{below}/instances/{BUILD.id}"

    shown, history = [
        request(api, f"{path}{end}", token) for end in ("", "/faults")
    ]

    assert shown[0] in (401, 403, 404)
    assert (history[0], history[2]) == (shown[0], shown[2])
    assert HEADER not in history[1]


def test_trove_has_no_histories_itself(bare):
    assert told(bare, ADMIN)[0] == 404


@pytest.mark.parametrize("token", [MEMBER, ADMIN])
@pytest.mark.parametrize("instance", [ACTIVE, BUILD, REPLICA, ERROR_NO_FAULT])
def test_without_a_fault_the_response_is_byte_for_byte_troves(
    api, bare, instance, token
):
    path = f"/v1.0/p1/instances/{instance.id}"

    answers = [request(one, path, token) for one in (api, bare)]

    (status, headers, body), (bare_status, bare_headers, bare_body) = answers
    assert (status, body) == (bare_status, bare_body)
    headers = [header for header in headers if header != HEADER]
    assert steady(headers) == steady(bare_headers)


def steady(headers):
    """The headers that do not change from one answer to the next."""
    return [
        (name, value)
        for name, value in headers
        if name.lower() not in CHANGES_WITH_TIME
    ]


@pytest.mark.parametrize("name", sorted(RECORDED))
def test_a_recorded_request_keeps_its_status_and_headers(api, name):
    recorded = RECORDED[name]
    method = recorded["method"]
    body = '{"restart": {}}' if method == "POST" else None

    status, headers, _ = request(
        api, recorded["path"], recorded["token"], method, body, SENT.get(name)
    )

    assert status == recorded["status"]
    ignored = {
        *CHANGES_WITH_TIME,
        "content-length",
        "connection",
        "transfer-encoding",
        # Ours, which says that faults were looked for.
        HEADER[0].lower(),
    }
    assert {one.lower() for one, _ in headers} - ignored == {
        one.lower() for one, _ in recorded["headers"]
    } - ignored


def test_troves_own_fault_is_shown_under_our_policy(api, bare):
    own = show(bare, ERROR_FAULT, ADMIN)["fault"]
    assert "\nTraceback (most recent call last):\n" in own["details"]

    assert show(api, ERROR_FAULT, ADMIN)["fault"] == own
    assert show(api, ERROR_FAULT)["fault"] == {
        "message": own["message"],
        "created": own["created"],
    }


def test_of_troves_fault_and_ours_the_newest_is_shown(api, store):
    own = show(api, ACTIVE_FAULT)["fault"]
    older = clock.parse_time("2026-01-01T00:00:00")
    store.record(
        [fault.make("trove", ACTIVE_FAULT.id, message="old", created=older)]
    )
    assert show(api, ACTIVE_FAULT)["fault"] == own

    store.record([fault.make("trove", ACTIVE_FAULT.id, message="new")])
    assert show(api, ACTIVE_FAULT)["fault"]["message"] == "new"


def test_nobody_forges_an_administrator(api, store):
    store.record(
        [fault.make("trove", ACTIVE.id, message="m", details="Traceback")]
    )
    forged = {
        "X-Roles": "admin",
        "X-Role": "admin",
        "X-Identity-Status": "Confirmed",
        "OpenStack-System-Scope": "all",
        "X-Is-Admin-Project": "True",
    }

    status, _, body = request(
        api, f"/v1.0/p1/instances/{ACTIVE.id}", MEMBER, headers=forged
    )

    assert status == 200
    assert "Traceback" not in body.decode()


@pytest.mark.parametrize("server", ["gunicorn", "gunicorn-gthread", "uwsgi"])
def test_the_consumer_runs_in_other_servers_from_the_first_request(
    make_deployment, postgresql, server
):
    with new_database(postgresql) as url:
        store = make_store(url)
        deployment = make_deployment(url)
        deployment.notify(
            "DBaaSInstanceRestart", ACTIVE.id, "before the start"
        )
        with trove.serve(deployment, server):
            assert "fault" not in show(deployment, BUILD)
            deployment.notify(
                "DBaaSInstanceRestart", BUILD.id, "while it runs"
            )
            wait_until(lambda: len(rows(store)) == 2)

            assert (
                show(deployment, ACTIVE)["fault"]["message"]
                == "before the start"
            )
            assert (
                show(deployment, BUILD)["fault"]["message"] == "while it runs"
            )
            started = time.monotonic()
        assert time.monotonic() - started < 15, "the server took long to stop"
        close(store)
