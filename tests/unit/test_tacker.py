# SPDX-License-Identifier: Apache-2.0
"""Tacker's profile on the recorded answers of the real Tacker 16."""

import json
import time
from datetime import datetime, timedelta

import pytest
import webtest
from hypothesis import HealthCheck, given, settings

from fault_middleware import clock, fault
from fault_middleware.deploy import deploy
from fault_middleware.drivers import problem
from fault_middleware.drivers.problem import (
    ManagementDriverException,
    ProblemDetails,
)
from fault_middleware.factories import FaultMiddleware
from fault_middleware.text import CUT, clean_all
from tests.fixtures import Service, close, make_store, read_data
from tests.problems import PROBLEMS

SHOWS = read_data("tacker/shows.json")
# Those within the two applications that the filter wraps.
WITHIN = [
    name
    for name, show in SHOWS.items()
    if show["status"] == "200 OK"
    and show["request"]["path"].startswith("/vnflcm/v")
]
ADMIN, MEMBER = {"X-Roles": "admin"}, {"X-Roles": "member"}
WHOLE = ProblemDetails(
    409,
    "VDU1: task 'install web server' failed",
    "https://example.com/errors/ansible",
    "Ansible playbook failed",
    additional={"vdu": "VDU1", "failed": [{"task": "install web server"}]},
)
FAILED = {
    version: f"{version}_op_failed_with_error" for version in ("v1", "v2")
}


class World:
    """A recorded answer behind the filter, and the table."""

    def __init__(self, conf, store):
        self.conf = conf
        self.store = store
        self.service = Service()
        self.app = webtest.TestApp(
            webtest.lint.middleware(FaultMiddleware(self.service, conf))
        )

    def answer(self, name):
        """Let the service answer as recorded; return its own body."""
        self.service.body = json.loads(json.dumps(SHOWS[name]["body"]))
        self.path = SHOWS[name]["request"]["path"].split("/", 3)[3]
        return self.service.body

    def get(self, headers=MEMBER):
        return self.app.get(f"/{self.path}", headers=headers)

    def record(self, instance_id, created, **values):
        self.store.record(
            [fault.make("tacker", instance_id, created=created, **values)]
        )


@pytest.fixture
def world(configure, sqlite_url):
    store = make_store(sqlite_url)
    conf = configure(
        consumer="cohosted", credentials="headers", profiles="tacker"
    )
    yield World(conf, store)
    close(deploy(conf).store)
    close(store)


@pytest.mark.parametrize("name", WITHIN)
def test_what_has_nothing_to_tell_is_byte_for_byte_the_services(world, name):
    world.answer(name)

    assert world.get().body == world.service.data


@pytest.mark.parametrize("version", FAILED)
def test_a_problem_stored_for_the_operation_is_shown_whole(world, version):
    body = world.answer(FAILED[version])
    world.record(
        body["id"],
        clock.parse_time(body["stateEnteredTime"]) - timedelta(seconds=40),
        message=WHOLE.detail,
        details="Traceback",
        problem=WHOLE.to_dict(),
    )

    assert world.get().json["error"] == WHOLE.to_dict()
    assert world.get(ADMIN).json["error"] == {
        **WHOLE.to_dict(),
        "traceback": "Traceback",
    }


@pytest.mark.parametrize("version", FAILED)
def test_a_fault_without_a_problem_is_made_one(world, version):
    body = world.answer(FAILED[version])
    world.record(
        body["id"],
        clock.parse_time(body["startTime"]),
        message="No such image",
    )

    for headers in (MEMBER, ADMIN):
        assert world.get(headers).json["error"] == {
            "status": 500,
            "detail": "No such image",
        }


def test_an_error_that_came_long_after_ours_is_another_and_stays(world):
    body = world.answer(FAILED["v1"])
    entered = clock.parse_time(body["stateEnteredTime"])
    world.record(
        body["id"], entered - timedelta(seconds=601), message="the first try's"
    )

    assert world.get().json == body


@pytest.mark.parametrize(
    ("moment", "shown"),
    [
        ("startTime", True),
        ("stateEnteredTime", True),
        ("before", False),
        ("after", False),
    ],
)
def test_a_fault_of_the_vnf_instance_is_the_operations_if_it_is_from_its_time(
    world, moment, shown
):
    body = world.answer(FAILED["v1"])
    body["operationState"] = "FAILED"
    others = {
        "before": "2024-05-06T07:09:08.999999",
        "after": "2024-05-06T07:10:10.000001",
    }
    created = clock.parse_time({**body, **others}[moment])
    world.record(body["vnfInstanceId"], created, message="No such image")

    error = world.get().json["error"]

    assert (error == {"status": 500, "detail": "No such image"}) is shown


@pytest.mark.parametrize("version", FAILED)
def test_a_fault_of_the_vnf_instance_is_shown_where_tacker_wrote_no_error(
    world, version
):
    body = world.answer(f"{version}_op_failed_without_error")
    created = clock.parse_time(body["startTime"])
    world.record(body["vnfInstanceId"], created, message="No such image")

    assert world.get().json["error"] == {
        "status": 500,
        "detail": "No such image",
    }


def test_an_operation_that_was_not_asked_for_shows_no_fault_of_the_vnf_instance(
    world,
):
    body = world.answer("v1_op_failed_without_error")
    world.record(
        body["vnfInstanceId"],
        clock.parse_time(body["startTime"]),
        message="boom",
    )
    world.path = world.path.replace(body["id"], body["vnfInstanceId"])

    assert world.get().body == world.service.data


def test_of_an_operation_that_may_go_on_the_time_has_no_end(world):
    body = world.answer(FAILED["v1"])
    body["stateEnteredTime"] = body["startTime"]
    world.record(
        body["vnfInstanceId"],
        datetime(2026, 11, 20, 20, 36, 5),
        message="late",
    )

    assert world.get().json["error"]["detail"] == "late"
    body["operationState"] = "FAILED"
    assert world.get().json["error"]["detail"] != "late"


def test_a_problem_is_found_in_what_v1_makes_of_it_when_it_gives_up(world):
    body = world.answer(FAILED["v1"])
    text = f"created_at=<?>,deleted=0,deleted_at=<?>,detail='{WHOLE}',status=500,title='',"
    body["error"] = {
        "status": 500,
        "detail": f"ProblemDetails({text}updated_at=<?>)",
    }

    assert world.get().json["error"] == WHOLE.to_dict()


def test_an_operation_that_went_on_has_no_error(world):
    body = world.answer("v1_op_completed")
    for owner in (body["id"], body["vnfInstanceId"]):
        world.record(
            owner, clock.parse_time(body["startTime"]), message="caught"
        )

    assert world.get().body == world.service.data


def stored_by_tacker(version):
    """What the real Tacker makes of a driver's exception (see the manual)."""
    exc = ManagementDriverException(
        WHOLE.status,
        WHOLE.detail,
        type=WHOLE.type,
        title=WHOLE.title,
        **WHOLE.additional,
    )
    if version == "v1":
        return {"title": "", "status": 500, "detail": str(exc)}
    return {
        "title": "Mgmt driver execution failed",
        "status": 422,
        "detail": f"instantiate_end failed: {WHOLE.detail.encode()!r}",
        "userScriptErrHandlingData": {"problem": WHOLE.to_dict()},
    }


@pytest.mark.parametrize("version", FAILED)
def test_a_problem_in_tackers_own_error_is_found_there(world, version):
    body = world.answer(FAILED[version])
    body["error"] = stored_by_tacker(version)

    assert world.get().json["error"] == WHOLE.to_dict()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(PROBLEMS)
def test_any_problem_reaches_the_client_through_v1s_text(world, problem):
    body = world.answer(FAILED["v1"])
    given = problem.to_dict()
    exc = ManagementDriverException(**{"type": "about:blank", **given})
    body["error"] = {"title": "", "status": 500, "detail": str(exc)}

    shown = world.get(ADMIN).json["error"]

    # What cannot be stored, or is secret, is replaced; all else is as it was.
    assert shown == json.loads(json.dumps(clean_all(given)))


def test_its_traceback_and_its_secrets_are_hidden_there_too(world):
    body = world.answer(FAILED["v1"])
    problem = {
        **WHOLE.to_dict(),
        "traceback": "File x",
        "log": ["password=hunter2"],
        "env": {"DB_PASSWORD": "hunter2"},
    }
    body["error"] = {"status": 500, "detail": json.dumps(problem)}

    member, admin = (
        world.get(headers).json["error"] for headers in (MEMBER, ADMIN)
    )

    assert "traceback" not in member
    assert admin["traceback"] == "File x"
    assert (member["log"], member["env"]) == (
        ["password=***"],
        {"DB_PASSWORD": "***"},
    )


SECRET = "File x, line 7"
PROBLEM = {"status": 500, "detail": "own", "traceback": SECRET}
# As jq -C prints it.
IN_COLOUR = (
    '\x1b[1;39m{\x1b[34;1m"detail"\x1b[0m\x1b[1;39m: \x1b[0;32m"own"\x1b[0m\x1b[1;39m, '
    f'\x1b[34;1m"traceback"\x1b[0m\x1b[1;39m: \x1b[0;32m"{SECRET}"\x1b[0m\x1b[1;39m}}\x1b[0m'
)
UNSEEN_IN_NAME = json.dumps(PROBLEM, ensure_ascii=False).replace(
    "traceback", "trace\u00adback"
)
# Errors that are no problem as they should be, and what a member sees of them.
NEARLY = {
    "another status": (
        {"detail": json.dumps({**PROBLEM, "status": 600})},
        "own",
    ),
    "cut off": (
        {"detail": json.dumps({**PROBLEM, "x": "y" * 50})[:-20]},
        "own",
    ),
    "cut off in the traceback": ({"detail": json.dumps(PROBLEM)[:-2]}, "own"),
    "a cause": ({"detail": "own", "cause": {"traceback": SECRET}}, "own"),
    "a list of them": ({"detail": json.dumps([PROBLEM, PROBLEM])}, "own"),
    "JSON in JSON": (
        {"detail": json.dumps({"detail": json.dumps(PROBLEM)})},
        "own",
    ),
    "JSON in JSON, cut off": (
        {"detail": json.dumps({"detail": json.dumps(PROBLEM)})[:-5]},
        "own",
    ),
    "a repr()": ({"detail": f"failed: {PROBLEM!r}"}, "own"),
    "an escaped name": (
        {"detail": f'{{"detail": "own", "trace\\u0062ack": "{SECRET}"}}'},
        "own",
    ),
    "a script's": (
        {
            "detail": "script failed: b'boom own'",
            "userScriptErrHandlingData": {"problem": {**PROBLEM, "status": 0}},
        },
        "boom own",
    ),
    "in colour": ({"detail": IN_COLOUR}, "own"),
    "in colour, behind a text": ({"detail": f"failed: {IN_COLOUR}"}, "own"),
    "in colour, a script's": (
        {"detail": f"script failed: {IN_COLOUR.encode()!r}"},
        "own",
    ),
    "in colour, in JSON": (
        {"detail": f"x {json.dumps({'detail': IN_COLOUR})}"},
        "own",
    ),
    "in colour, as a shell writes it": (
        {"detail": IN_COLOUR.replace("\x1b", "\\033")},
        "own",
    ),
    "what nobody sees in a name": (
        {"detail": f"failed: {UNSEEN_IN_NAME}"},
        "own",
    ),
    "what nobody sees in a name, JSON": ({"detail": UNSEEN_IN_NAME}, "own"),
    "what nobody sees in a name, escaped": (
        {"detail": f"failed: {UNSEEN_IN_NAME.encode()!r}"},
        "own",
    ),
    "what nobody sees in a member's name": (
        {"detail": "own", "tr\u200baceback": SECRET},
        "own",
    ),
    "what nobody sees before a member's name": (
        {"detail": "own", "\u200btraceback": SECRET},
        "own",
    ),
    "a colour in a member's name": (
        {"detail": "own", "\x1b[1mtraceback\x1b[0m": SECRET},
        "own",
    ),
    "an escape in a member's name": (
        {"detail": "own", "trace\\u0062ack": SECRET},
        "own",
    ),
    "all in a member's name": (
        {"detail": "own", json.dumps(PROBLEM): 1},
        "own",
    ),
    "a name twice": (
        {"detail": f'{{"a": {{"traceback": "{SECRET}"}}, "a": "own"}}'},
        "own",
    ),
    "an escaped name behind a text": (
        {"detail": f'own {{"trace\\u0062ack": "{SECRET}"}}'},
        "own",
    ),
    "a name that begins with an escape": (
        {"detail": f"own {{'\\x74raceback': '{SECRET}'}}"},
        "own",
    ),
    "escaped quotes": (
        {"detail": f"own {{\\u0022traceback\\u0022\\u003a {SECRET}"},
        "own",
    ),
    "a name in full width, which masking makes narrow": (
        {"detail": f'own {{"\uff54raceback": "{SECRET}", "password": "x"}}'},
        "own",
    ),
    "another repr()": (
        {"detail": f"own(status=500, traceback='{SECRET}')"},
        "own",
    ),
    "YAML": ({"detail": f"own:\n  traceback: |\n    {SECRET}"}, "own"),
    "given up": (
        {
            "detail": "ProblemDetails(created_at=<?>,detail='"
            + json.dumps({**PROBLEM, "status": 0})
            + "',status=500,title='',updated_at=<?>)"
        },
        "own",
    ),
}


@pytest.mark.parametrize("version", FAILED)
@pytest.mark.parametrize(("error", "told"), NEARLY.values(), ids=NEARLY)
@pytest.mark.parametrize("where", ["show", "list", "list of errors"])
def test_of_what_is_nearly_a_problem_a_member_sees_no_traceback(
    world, version, error, told, where
):
    body = world.answer(FAILED[version])
    body["error"] = {"status": 500, **error}
    if where != "show":
        world.service.body = [body]
        world.path = world.path.rpartition("/")[0]
        world.path += "?fields=error" if where == "list of errors" else ""

    shown = world.get(MEMBER).text

    assert SECRET not in shown
    assert told in shown
    assert SECRET in world.get(ADMIN).text


@pytest.mark.parametrize(
    "told",
    [
        'own {"remote_traceback": 1}',
        "see the traceback below: own",
        "Traceback (most recent call last): own",
        "/tacker/traceback.py:7: own",
        '{"a" : 1,"remote_traceback":"own"}',
    ],
)
def test_what_only_speaks_of_tracebacks_is_as_it_was(world, told):
    body = world.answer(FAILED["v1"])
    body["error"] = {"status": 500, "detail": told}

    assert world.get(MEMBER).body == world.service.data


@pytest.mark.parametrize("error", [error for error, _ in NEARLY.values()])
def test_where_a_fault_cannot_be_shown_the_traceback_is_hidden(
    world, error, monkeypatch
):
    body = world.answer(FAILED["v1"])
    body["error"] = {"status": 500, **error}

    def fail(*args):
        raise RuntimeError("boom")

    monkeypatch.setattr(problem, "lift", fail)

    assert SECRET not in world.get(MEMBER).text


# Each was once, or could be, what a search takes a time for that grows with its square.
@pytest.mark.parametrize(
    "unit",
    ["t[0m", "t" + "1" * 63, "\\t", "\\x1b[0mt", "traceback ", "t\u200bé"],
)
def test_a_long_text_is_searched_in_a_time_that_grows_with_it(world, unit):
    body = world.answer(FAILED["v1"])
    told = "traceback" + unit * (2**19 // len(unit))
    body["error"] = {"status": 500, "detail": told}

    begin = time.process_time()
    world.get(MEMBER)

    # Ten times what it takes; a square would take hours.
    assert time.process_time() - begin < 10


@pytest.mark.parametrize("headers", [MEMBER, ADMIN])
def test_of_a_huge_error_is_shown_what_is_masked_in_a_moment(world, headers):
    body = world.answer(FAILED["v1"])
    lines = ["token: x"] * 100_000
    body["error"] = {"lines": lines, "status": 500, "detail": "own"}

    begin = time.process_time()
    shown = world.get(headers).json["error"]

    # To mask all of it takes eight seconds.
    assert time.process_time() - begin < 3
    assert (shown["status"], shown["detail"]) == (500, "own")
    assert shown["lines"][:1000] == ["token: ***"] * 1000
    assert shown["lines"][-1] == CUT
    assert len(shown["lines"]) < 10_000


def test_a_text_of_very_many_backslashes_is_shown_to_a_member(world):
    body = world.answer(FAILED["v1"])
    body["error"] = {"status": 500, "detail": "\\" * 2**18}

    shown = world.get(MEMBER).json["error"]

    assert shown["detail"].startswith("\\" * 1000)


def test_a_text_that_is_json_without_a_traceback_is_as_it_was(world):
    body = world.answer(FAILED["v1"])
    body["error"] = {
        "status": 500,
        "detail": '{"status" : 600,"detail":"own"}',
    }

    assert world.get(MEMBER).json == body


def test_of_a_list_in_a_text_only_the_tracebacks_are_hidden(world):
    body = world.answer(FAILED["v1"])
    told = [{"task": "own", "traceback": SECRET}]
    body["error"] = {"status": 500, "detail": json.dumps(told)}

    shown = world.get(MEMBER).json["error"]

    assert json.loads(shown["detail"]) == [{"task": "own"}]


def test_a_text_in_quotes_is_cut_before_its_traceback(world):
    body = world.answer(FAILED["v1"])
    told = json.dumps({"traceback": SECRET})
    body["error"] = {"status": 500, "detail": json.dumps(told)}

    assert world.get(MEMBER).json["error"]["detail"] == f'"{{{CUT}'


@pytest.mark.parametrize(("levels", "is_shown"), [(98, True), (99, False)])
def test_what_is_too_deep_in_a_text_is_cut(world, levels, is_shown):
    body = world.answer(FAILED["v1"])
    told = "[" * levels + '"own"' + "]" * levels
    body["error"] = {"status": 500, "detail": told}

    assert ("own" in world.get(MEMBER).text) == is_shown


def test_what_is_in_a_text_that_is_too_deep_is_cut(world):
    body = world.answer(FAILED["v1"])
    deep = json.dumps({"task": "own"})
    for _ in range(99):
        deep = [deep]
    body["error"] = {"status": 500, "detail": "boom", "cause": deep}

    shown = world.get(MEMBER).text

    assert "boom" in shown
    assert "own" not in shown


def test_an_operation_without_an_error_shows_what_was_logged(world):
    body = world.answer("v1_op_failed_without_error")
    world.record(
        body["id"],
        clock.parse_time(body["stateEnteredTime"]),
        message="The VNF could not be instantiated.",
        event_type="log tacker.conductor.conductor_server",
    )

    shown = world.get(MEMBER).json["error"]

    assert shown["detail"] == "The VNF could not be instantiated."


def test_a_traceback_in_a_text_of_a_stored_problem_is_hidden(world):
    body = world.answer(FAILED["v1"])
    told = json.dumps({"detail": "own", "traceback": SECRET})
    problem = {**WHOLE.to_dict(), "detail": told}
    created = clock.parse_time(body["startTime"])
    world.record(body["id"], created, message="boom", problem=problem)

    shown = world.get(MEMBER).json["error"]["detail"]

    assert json.loads(shown) == {"detail": "own"}
    assert SECRET in world.get(ADMIN).text


def test_a_traceback_within_a_stored_problem_is_hidden(world):
    body = world.answer(FAILED["v1"])
    created = clock.parse_time(body["startTime"])
    problem = {
        **WHOLE.to_dict(),
        "failed": [{"task": "t", "traceback": SECRET}],
    }
    world.record(body["id"], created, message="boom", problem=problem)

    assert world.get(MEMBER).json["error"]["failed"] == [{"task": "t"}]
    assert world.get(ADMIN).json["error"]["failed"] == [
        {"task": "t", "traceback": SECRET}
    ]


@pytest.mark.parametrize("version", FAILED)
def test_a_list_shows_errors_where_it_is_asked_for_them(world, version):
    body = world.answer(f"{version}_op_list_fields_error")
    failed = next(
        one for one in body if one["operationState"] == "FAILED_TEMP"
    )
    created = clock.parse_time(failed["startTime"])
    world.record(
        failed["id"], created, message="boom", problem=WHOLE.to_dict()
    )

    shown = {one["id"]: one for one in world.get().json}

    assert shown[failed["id"]]["error"] == WHOLE.to_dict()
    assert [one for one in body if one != failed] == [
        one for one in shown.values() if one["id"] != failed["id"]
    ]


def test_a_list_may_be_asked_for_errors_among_others(world):
    failed = world.answer("v1_op_list_fields_error")[1]
    world.record(
        failed["id"], clock.parse_time(failed["startTime"]), message="boom"
    )
    world.path = world.path.replace(
        "fields=error", "fields=operationParams,error"
    )

    assert "boom" in world.get().text


def test_a_list_is_asked_with_ninety_nine_other_parameters_too(world):
    failed = world.answer("v1_op_list_fields_error")[1]
    world.record(
        failed["id"], clock.parse_time(failed["startTime"]), message="boom"
    )
    world.path += "&a=b" * 99

    assert "boom" in world.get().text


def test_an_operation_that_went_on_has_no_error_in_a_list_either(world):
    completed = world.answer("v1_op_completed")
    world.answer("v1_op_list_fields_error").append(completed)
    world.record(
        completed["id"],
        clock.parse_time(completed["startTime"]),
        message="caught",
    )

    assert world.get().body == world.service.data


def test_a_list_that_is_not_asked_for_errors_shows_none(world):
    body = world.answer("v1_op_list")
    for one in body:
        for owner in (one["id"], one["vnfInstanceId"]):
            world.record(
                owner, clock.parse_time(one["startTime"]), message="boom"
            )

    assert world.get().body == world.service.data


@pytest.mark.parametrize("version", FAILED)
def test_a_vnf_instance_shows_its_fault(world, version):
    body = world.answer(f"{version}_instance")
    moment = datetime(2026, 11, 20, 20, 36, 5)
    world.record(
        body["id"],
        moment,
        message=WHOLE.detail,
        details="x",
        problem=WHOLE.to_dict(),
    )

    expected = {"created": "2026-11-20T20:36:05Z", "message": WHOLE.detail}
    assert world.get().json["fault"] == expected


def test_no_consumer_starts_where_there_is_nothing_to_consume(world):
    world.answer(FAILED["v1"])
    world.get()

    assert not deploy(world.conf).consumer.running


@pytest.mark.parametrize(
    "query", ["?fields=error" + "&" * 100, "?" + "a=b&" * 200 + "x"]
)
def test_no_query_lets_anything_pass(world, query):
    body = world.answer("v1_op_list_fields_error")
    failed = next(one for one in body if "error" in one)
    problem = {
        **WHOLE.to_dict(),
        "traceback": "File x",
        "log": "password=hunter2",
    }
    failed["error"]["detail"] = json.dumps(problem)
    world.path = world.path.partition("?")[0] + query

    assert "File x" not in world.get().text
    assert "hunter2" not in world.get(ADMIN).text


@pytest.mark.parametrize(
    "odd",
    [{"vnfInstanceId": "no id"}, {"stateEnteredTime": "9999-12-31 23:59:59"}],
)
def test_nothing_odd_in_an_operation_lets_anything_pass(world, odd):
    body = world.answer(FAILED["v1"])
    problem = {**WHOLE.to_dict(), "traceback": "File x"}
    body |= {
        "operationState": "FAILED",
        **odd,
        "error": {"detail": json.dumps(problem)},
    }

    assert world.get().json["error"] == WHOLE.to_dict()


def test_however_deep_a_problem_is_its_traceback_is_hidden(world):
    body = world.answer(FAILED["v1"])
    deep = json.loads("[" * 600 + "]" * 600)
    problem = {**WHOLE.to_dict(), "traceback": "File x", "deep": deep}
    body["error"] = {"status": 500, "detail": json.dumps(problem)}

    assert "File x" not in world.get().text
