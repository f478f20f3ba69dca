# SPDX-License-Identifier: Apache-2.0
"""The filter in the real Tacker, whose conductor fails in Ansible, read by its real client.

Needs tacker, python-tackerclient and ansible-core in the same virtualenv (``tox -e tacker``).
"""

import dataclasses
import http.client
import importlib.util
import json
import subprocess

import pytest

from fault_middleware import clock, fault
from fault_middleware.fault import Fault
from fault_middleware.filter import HEADER
from tests.fixtures import close, make_store, new_database, read_data, require
from tests.functional.cloud import Resource
from tests.functional.tacker import deployment as tacker
from tests.functional.tacker.endings import ENDINGS, Instances
from tests.functional.tacker.failures import FAILURES
from tests.functional.tacker.vnfs import ADMIN, MEMBER, RICH, V1, V2, Version

RECORDED = read_data("tacker/shows.json")
RECORDED_AT = "http://127.0.0.1:48931"
CHANGES_WITH_TIME = {"date", "x-openstack-request-id"}
VERSIONS = pytest.mark.parametrize("version", [V1, V2], ids=["v1", "v2"])
TRACE = "Traceback (most recent call last):\n  File x\nOSError"


def request(deployment, path, token=None, method="GET", headers=None):
    """Status, headers and body of an answer of the API."""
    sent = {"Host": "localhost", **(headers or {})}
    if token:
        sent["X-Auth-Token"] = token
    connection = http.client.HTTPConnection(
        "127.0.0.1", deployment.port, timeout=60
    )
    try:
        connection.request(method, path, headers=sent)
        answer = connection.getresponse()
        return answer.status, answer.getheaders(), answer.read()
    finally:
        connection.close()


def get(deployment, version, path, token=MEMBER):
    """What a version of the API shows at a path."""
    status, _, body = request(
        deployment, version.path + path, token, headers=version.headers
    )
    assert status == 200, body
    return json.loads(body)


def error(deployment, version, operation, token=MEMBER):
    """The error that an operation shows, None where it shows none."""
    return get(
        deployment, version, f"/vnf_lcm_op_occs/{operation}", token
    ).get("error")


def openstack(deployment, version, token, *arguments):
    """What ``openstack vnflcm ...`` prints."""
    ended = subprocess.run(
        [
            str(tacker.BIN / "openstack"),
            *("--os-auth-type", "admin_token", "--os-token", token),
            *("--os-endpoint", f"http://127.0.0.1:{deployment.port}"),
            *("--os-tacker-api-version", str(version.number)),
            *("vnflcm", *arguments),
        ],
        env=deployment.environ,
        capture_output=True,
        text=True,
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


@pytest.fixture(scope="module")
def store(mariadb):
    with new_database(mariadb) as url:
        made = make_store(url)
        made.url = url
        yield made
        close(made)


@pytest.fixture(scope="module")
def api(mariadb, store, tmp_path_factory):
    """Tacker's API, served by tacker-server."""
    for module in ("tacker", "tackerclient", "ansible"):
        if importlib.util.find_spec(module) is None:
            require("tacker", f"{module} is not installed in this virtualenv")
    with new_database(mariadb) as url:
        folder = tmp_path_factory.mktemp("tacker") / "deployment"
        deployment = tacker.build(folder, database=url, faults=store.url)
        with tacker.serve(deployment):
            yield deployment


@pytest.fixture(scope="module")
def bare(api, tmp_path_factory):
    """The same Tacker without the filter."""
    folder = tmp_path_factory.mktemp("bare") / "deployment"
    deployment = tacker.variant(api, folder, filtered=False)
    with tacker.serve(deployment):
        yield deployment


@pytest.fixture(autouse=True)
def empty_table(request):
    yield
    if "api" in request.fixturenames:
        with request.getfixturevalue("store").writer.begin() as connection:
            connection.exec_driver_sql("DELETE FROM instance_faults")


@pytest.mark.parametrize("name", sorted(RECORDED))
def test_without_a_fault_the_response_is_byte_for_byte_tackers(
    api, bare, name
):
    recorded = RECORDED[name]
    asked = recorded["request"]
    headers = dict(asked["headers"])
    token = ADMIN if headers.pop("X-Auth-Token", None) else None

    answers = [
        request(one, asked["path"], token, asked["method"], headers)
        for one in (api, bare)
    ]

    (status, headers, body), (bare_status, bare_headers, bare_body) = answers
    assert (status, body) == (bare_status, bare_body)
    headers = [header for header in headers if header != HEADER]
    assert steady(headers) == steady(bare_headers)
    assert status == int(recorded["status"].split()[0])
    ignored = {*CHANGES_WITH_TIME, "content-length"}
    assert {name.lower() for name, _ in headers} - ignored == {
        name.lower() for name, _ in recorded["headers"]
    } - ignored
    if isinstance(recorded["body"], dict):
        where = json.dumps(recorded["body"]).replace(
            RECORDED_AT, "http://tacker.example.org"
        )
        assert json.loads(body) == json.loads(where)


def steady(headers):
    """The headers that do not change from one answer to the next."""
    return [
        (name, value)
        for name, value in headers
        if name.lower() not in CHANGES_WITH_TIME
    ]


@dataclasses.dataclass(frozen=True)
class Failed:
    """An operation that failed in a management driver.

    :ivar fault: what the driver recorded
    """

    version: Version
    operation: str
    fault: Fault


@pytest.fixture(scope="module", params=[V1, V2], ids=["v1", "v2"])
def failed(request, api, store):
    """An operation whose driver has run a failing playbook, in Tacker's conductor."""
    version = request.param
    operation = api.fail(version)
    return Failed(version, operation, store.newest("tacker", version.instance))


def test_a_playbook_fails_and_the_owner_of_the_vnf_reads_why(
    api, bare, failed
):
    """The main job, end to end."""
    assert "failed_task" not in error(bare, failed.version, failed.operation)

    printed = openstack(
        api, failed.version, MEMBER, "op", "show", failed.operation
    )

    assert "| Error " in printed
    assert '"title": "Ansible playbook failed"' in printed
    assert '"detail": "VDU1: task \'install web server\' failed' in printed
    assert '"vdu": "VDU1"' in printed
    assert '"failed_task": "install web server"' in printed
    assert '"stdout": "reading package lists"' in printed
    assert "Traceback" not in printed


def test_an_administrator_also_reads_the_traceback(api, store, failed):
    store.record([failed.fault])

    printed = openstack(
        api,
        failed.version,
        ADMIN,
        "op",
        "show",
        failed.operation,
        "-f",
        "json",
    )

    shown = json.loads(printed)["Error"]
    assert shown["vdu"] == "VDU1"
    assert shown["failed"][0]["task"] == "install web server"
    assert shown["traceback"].startswith(
        "Traceback (most recent call last):\n"
    )
    assert "AnsiblePlaybookError" in shown["traceback"]


def test_the_reason_stays_when_the_operation_is_given_up(api, failed):
    """Without our table; v1 then makes a text of its own error and embeds that."""
    openstack(api, failed.version, MEMBER, "op", "fail", failed.operation)

    assert (
        error(api, failed.version, failed.operation)["failed_task"]
        == "install web server"
    )


@pytest.fixture(scope="module")
def operated(api, store):
    """What became of operations in the conductors, and the faults that their log made."""
    done = api.operate()
    for one in done.values():
        one["fault"] = store.newest("tacker", one["instance"])
        one["api"] = {1: V1, 2: V2}[one["version"]]
    return done


@pytest.mark.parametrize("failure", FAILURES, ids=lambda failure: failure.name)
def test_what_fails_is_told_to_the_owner_of_the_vnf(
    api, store, operated, failure
):
    one = operated[failure.name]
    store.record([one["fault"]])
    path = f"/vnf_instances/{one['instance']}"

    as_member = get(api, one["api"], path)["fault"]
    as_admin = get(api, one["api"], path, ADMIN)["fault"]

    assert as_member["message"] == failure.says
    assert set(as_member) == {"created", "message"}
    assert failure.root in as_admin["details"]


@pytest.mark.parametrize("failure", FAILURES, ids=lambda failure: failure.name)
def test_the_operation_keeps_tackers_error_and_has_the_traceback(
    api, bare, store, operated, failure
):
    one = operated[failure.name]
    store.record([one["fault"]])
    own = error(bare, one["api"], one["operation"])
    if own is None:  # Tacker stores none of what is not granted in v1.
        own = {"status": 500, "detail": failure.says}

    as_member = error(api, one["api"], one["operation"])
    as_admin = error(api, one["api"], one["operation"], ADMIN)

    assert as_member == own
    assert failure.root in as_admin.pop("traceback")
    assert as_admin == own


@pytest.mark.parametrize("failure", FAILURES, ids=lambda failure: failure.name)
def test_the_fault_is_there_until_an_administrator_clears_it(
    api, store, operated, failure
):
    """Although the instance was changed since, which went well."""
    one, ending = operated[failure.name], ENDINGS[failure.name]
    instance = Resource("vnf_instances", one["instance"])
    changed = {done["instance"]: done["changed"] for done in operated.values()}
    vnfs = Instances(api, changed)
    store.record([one["fault"]])

    ending.vain(vnfs, instance)
    shown = get(api, one["api"], instance.path)
    ending.act(vnfs, instance)
    cleared = get(api, one["api"], instance.path)

    assert shown["fault"]["message"] == failure.says
    assert cleared["id"] == instance.id
    assert "fault" not in cleared


def test_what_goes_well_leaves_no_fault(operated):
    well = set(operated) - {failure.name for failure in FAILURES}

    assert well == {"healthy termination", "healthy modification"}
    assert {operated[kind]["state"] for kind in well} == {"COMPLETED"}
    assert {operated[kind]["fault"] for kind in well} == {None}


@VERSIONS
def test_the_client_prints_the_fault_of_an_instance(api, store, version):
    store.record(
        [
            fault.make(
                "tacker", version.instance, message="Disk full — 磁盘已满"
            )
        ]
    )

    printed = openstack(api, version, MEMBER, "show", version.instance)

    assert "| fault " in printed
    assert "Disk full — 磁盘已满" in printed


@VERSIONS
def test_an_instance_shows_its_fault(api, store, version):
    created = clock.parse_time("2026-11-20T20:36:05")
    store.record(
        [
            fault.make(
                "tacker",
                version.instance,
                message="Disk full",
                details=TRACE,
                created=created,
            )
        ]
    )

    as_member = get(api, version, f"/vnf_instances/{version.instance}")[
        "fault"
    ]
    as_admin = get(api, version, f"/vnf_instances/{version.instance}", ADMIN)[
        "fault"
    ]

    assert as_member == {
        "created": "2026-11-20T20:36:05Z",
        "message": "Disk full",
    }
    assert as_admin == {**as_member, "details": TRACE}


@VERSIONS
def test_an_operation_shows_its_problem(api, store, version):
    store.record([stored(version.no_error)])

    assert error(api, version, version.no_error) == RICH
    assert error(api, version, version.no_error, ADMIN) == {
        **RICH,
        "traceback": TRACE,
    }
    assert error(api, version, version.completed) is None


def stored(instance_id, moment="2024-05-06T07:10:30"):
    """A fault with a problem, in the third minute of the operations."""
    return fault.make(
        "tacker",
        instance_id,
        details=TRACE,
        problem=RICH,
        created=clock.parse_time(moment),
    )


@VERSIONS
def test_of_an_instances_problems_an_operation_shows_that_of_its_time(
    api, bare, store, version
):
    store.record(
        [
            stored(version.instance),
            stored(version.instance, "2024-05-06T07:30:00"),
        ]
    )

    assert error(api, version, version.no_error) == RICH
    assert error(api, version, version.completed) == error(
        bare, version, version.completed
    )


@VERSIONS
def test_a_list_shows_problems_where_it_shows_errors(api, store, version):
    store.record([stored(version.no_error)])

    shown = {}
    for query in ("", "?fields=error", "?all_fields=true", "?exclude_default"):
        listed = get(api, version, f"/vnf_lcm_op_occs{query}")
        (one,) = [one for one in listed if one["id"] == version.no_error]
        shown[query] = one.get("error")

    assert shown == {
        "": None,
        "?fields=error": RICH,
        "?all_fields=true": RICH,
        "?exclude_default": None,
    }


@VERSIONS
def test_what_is_no_show_stays_tackers(api, bare, store, version):
    """With a fault that a show would show."""
    store.record([stored(version.no_error)])
    path = f"{version.path}/vnf_lcm_op_occs/{version.no_error}"

    for method, headers, wanted in [
        ("HEAD", version.headers, 405),
        ("GET", {}, 400 if version is V2 else 200),
        ("DELETE", version.headers, 405),
    ]:
        status, _, body = request(api, path, ADMIN, method, headers)
        assert status == wanted
        if status != 200:
            assert (status, body) == request(
                bare, path, ADMIN, method, headers
            )[::2]


@VERSIONS
def test_nobody_forges_an_administrator(api, store, version):
    store.record([stored(version.no_error)])
    forged = {
        **version.headers,
        "X-Roles": "admin",
        "X-Role": "admin",
        "X-Identity-Status": "Confirmed",
        "OpenStack-System-Scope": "all",
        "X-Is-Admin-Project": "True",
    }
    path = f"{version.path}/vnf_lcm_op_occs/{version.no_error}"

    status, _, body = request(api, path, MEMBER, headers=forged)

    assert status == 200
    assert json.loads(body)["error"] == RICH


def test_without_keystone_nobody_sees_a_traceback(api, store, tmp_path):
    """Tacker's own noauth, with which v1 cannot show an operation, filter or no filter."""
    store.record([stored(V2.no_error)])
    deployment = tacker.variant(api, tmp_path / "noauth", strategy="noauth")

    with tacker.serve(deployment):
        assert error(deployment, V2, V2.no_error, ADMIN) == RICH
        path = f"{V1.path}/vnf_lcm_op_occs/{V1.no_error}"
        assert request(deployment, path)[0] == 500
