# SPDX-License-Identifier: Apache-2.0
import copy
import http
import importlib
import json
import pickle
import subprocess
import sys
import warnings

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fault_middleware.drivers import problem
from fault_middleware.drivers.problem import (
    ManagementDriverException,
    ProblemDetails,
    ProblemError,
    driver_script,
    lift,
)
from tests.problems import JSON_VALUES, PROBLEMS

WHOLE = ProblemDetails(
    507,
    "größer",
    "urn:disk",
    "Disk full",
    "/vnf/1",
    {"vdu": "VDU1", "free": [0, 1.5, None]},
)


class DiskFull(ManagementDriverException):
    type, title, status = "urn:disk", "Disk full", 507


class Changed(ManagementDriverException):
    """A subclass whose parameters are its own."""

    title = "Changed"

    def __init__(self, vdu, *, size):
        super().__init__(500, f"{size} does not fit", vdu=vdu)


def raised(made):
    """The exception of a problem, as a driver raises it."""
    members = {
        name: getattr(made, name) for name in ("type", "title", "instance")
    }
    # Python has no other way to pass any name at all.
    error = ManagementDriverException(
        made.status, made.detail, **members, **made.additional
    )
    with pytest.raises(ManagementDriverException) as caught:
        raise error
    return caught.value


def v1(exc):
    """What Tacker v1 stores of an exception."""
    return json.loads(
        json.dumps({"title": "", "status": 500, "detail": str(exc)})
    )


def v2(stderr, **others):
    """What Tacker v2 stores of a script that failed."""
    detail = "{} failed: {}".format("instantiate_end", stderr)
    error = {
        "title": "Mgmt driver execution failed",
        "status": 422,
        "detail": detail,
        **others,
    }
    return json.loads(json.dumps(error))


@given(PROBLEMS)
def test_any_problem_survives_tacker_v1(made):
    exc = pickle.loads(pickle.dumps(copy.deepcopy(raised(made))))

    assert exc.problem == made
    assert lift(v1(exc)) == made


@given(PROBLEMS, st.binary(max_size=50))
def test_any_problem_survives_the_stderr_of_a_script(made, noise):
    line = f"\nfault_middleware.drivers.problem.ManagementDriverException: {raised(made)}\n"

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert lift(v2(noise + line.encode())) == made
        assert lift(v2(str(made).encode())) == made


@given(PROBLEMS)
def test_any_problem_survives_as_error_handling_data(made):
    assert (
        lift(v2(b"see data\n", userScriptErrHandlingData=made.to_dict()))
        == made
    )
    data = {"other": 1, "problem": made.to_dict()}
    assert lift(v2(b"see data\n", userScriptErrHandlingData=data)) == made


@given(PROBLEMS)
def test_json_says_all_of_a_problem(made):
    assert ProblemDetails.from_json(str(made)) == made
    assert json.loads(str(made)) == made.to_dict()
    assert str(ProblemDetails.from_json(str(made))) == str(made)
    assert str(made).isascii()


def test_members_that_are_absent_stay_so():
    assert ProblemDetails.from_json(
        '{"detail": "x", "status": 404}'
    ).to_dict() == {"status": 404, "detail": "x"}


def test_a_type_is_about_blank_when_there_is_none():
    assert ProblemDetails(404, "x").type == "about:blank"


def test_numbers_are_not_changed():
    numbers = {
        "big": 10**4000,
        "small": -0.0,
        "double": 0.1 + 0.2,
        "whole": 1.0,
    }

    read = ProblemDetails.from_json(
        str(ProblemDetails(500, "", additional=numbers))
    )

    assert repr(read.additional["small"]) == "-0.0"
    assert isinstance(read.additional["whole"], float)
    assert read.additional == numbers


def test_lone_surrogates_stay_and_pairs_are_the_character():
    made = ProblemDetails(500, "\udcff \ud83d\ude00")

    assert made.detail == "\udcff \U0001f600"
    assert ProblemDetails.from_json(str(made)) == made


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (
            {"detail": "x"},
            "status: not an HTTP status code (100 to 599): None",
        ),
        (
            {"status": "404", "detail": "x"},
            "status: not an HTTP status code (100 to 599): '404'",
        ),
        (
            {"status": True, "detail": "x"},
            "status: not an HTTP status code (100 to 599): True",
        ),
        (
            {"status": 404.0, "detail": "x"},
            "status: not an HTTP status code (100 to 599): 404.0",
        ),
        (
            {"status": 600, "detail": "x"},
            "status: not an HTTP status code (100 to 599): 600",
        ),
        (
            {"status": 10**5000, "detail": "x"},
            "status: not an HTTP status code (100 to 599): int",
        ),
        ({"status": 404}, "detail: not a text: None"),
        ({"status": 404, "detail": ["x"]}, "detail: not a text: ['x']"),
        ({"status": 404, "detail": "x", "title": 1}, "title: not a text: 1"),
        (
            {"status": 404, "detail": "x", "type": None},
            "type: not a text: None",
        ),
        (
            {"status": 404, "detail": "x", "type": "u:x"},
            "title: required with the type u:x: None",
        ),
        (
            {"status": 404, "detail": "x", "type": "a b"},
            "type: not a URI reference: 'a b'",
        ),
        (
            {"status": 404, "detail": "x", "instance": "%4"},
            "instance: not a URI reference: '%4'",
        ),
        (
            {"status": 404, "detail": "x", "size": float("nan")},
            "size: not a JSON value: nan",
        ),
        (
            '{"status": 404, "detail": "x", "size": 1e999}',
            "size: not a JSON value: inf",
        ),
        (
            {"status": 404, "detail": "x", "made": {1}},
            "made: not a JSON value: {1}",
        ),
        ("[]", "problem: not a JSON object: []"),
        ("x" * 200, "problem: not a JSON object: '" + "x" * 99),
        (None, "problem: not a JSON object: None"),
    ],
)
def test_what_is_no_problem_is_refused_by_name_and_value(data, message):
    with pytest.raises(ProblemError) as caught:
        ProblemDetails.from_json(data)

    assert str(caught.value) == message
    assert isinstance(caught.value, ValueError)


@pytest.mark.parametrize("name", problem._MEMBERS)
def test_an_additional_attribute_that_clashes_is_named(name):
    with pytest.raises(
        ProblemError,
        match=f"{name}: not a name for an additional attribute: 'mine'",
    ):
        ProblemDetails(500, "x", additional={name: "mine"})


@pytest.mark.parametrize(
    "uri",
    [
        "",
        "#f",
        "?q=/?",
        "./a:b",
        "//host:80/p",
        "http://a@b/c?d#e",
        "urn:a:b",
        "http://[::1]:8/",
    ],
)
def test_uri_references_are_taken(uri):
    assert ProblemDetails(500, "x", instance=uri).instance == uri


@pytest.mark.parametrize(
    "uri",
    [
        " ",
        "ä",
        "a\n",
        "1a:b",
        "a#b#c",
        "%zz",
        "http://[::1",
        "http://h/[a]",
        "a^b",
        "http://a[::1]/",
    ],
)
def test_what_is_no_uri_reference_is_refused(uri):
    with pytest.raises(ProblemError, match="instance: not a URI reference"):
        ProblemDetails(500, "x", instance=uri)


@pytest.mark.parametrize(
    "exc",
    [
        DiskFull("no room", vdu="VDU1"),
        DiskFull(detail="no room", vdu="VDU1"),
        DiskFull(507, "no room", vdu="VDU1"),
        ManagementDriverException(
            507, "no room", type="urn:disk", title="Disk full", vdu="VDU1"
        ),
    ],
)
def test_a_kind_of_error_is_two_lines(exc):
    wanted = ProblemDetails(
        507, "no room", "urn:disk", "Disk full", additional={"vdu": "VDU1"}
    )

    assert exc.problem == wanted
    assert (exc.status, exc.title, exc.type, exc.vdu) == (
        507,
        "Disk full",
        "urn:disk",
        "VDU1",
    )
    assert lift(v1(exc)) == wanted


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_an_exception_survives_pickling_whatever_its_parameters(protocol):
    exc = Changed("VDU1", size=3)
    exc.add_note("seen")

    for same in (
        pickle.loads(pickle.dumps(exc, protocol)),
        copy.copy(exc),
        copy.deepcopy(exc),
    ):
        assert (type(same), same.args, str(same)) == (
            Changed,
            exc.args,
            str(exc),
        )
        assert (same.vdu, same.problem, same.__notes__) == (
            "VDU1",
            exc.problem,
            ["seen"],
        )


def test_an_additional_attribute_cannot_break_the_exception():
    names = {
        "args": 5,
        "problem": 3,
        "with_traceback": 4,
        "self": 1,
        "additional": 2,
    }

    exc = pickle.loads(
        pickle.dumps(ManagementDriverException(500, "x", **names))
    )

    assert exc.problem.additional == names
    assert exc.with_traceback(None).args == ("x",)


def test_a_status_may_be_that_of_the_standard_library():
    made = ProblemDetails(http.HTTPStatus.NOT_FOUND, "x")

    assert str(made) == '{"status": 404, "detail": "x"}'


def test_what_is_given_can_be_changed_later_without_changing_the_problem():
    failed = ["a"]
    exc = ManagementDriverException(500, "x", failed=failed)

    failed.append("b")

    assert exc.problem.additional == {"failed": ["a"]}


def test_any_other_exception_is_a_status_500_with_its_text():
    assert ProblemDetails.from_exception(OSError("boom")) == ProblemDetails(
        500, "boom"
    )
    assert ProblemDetails.from_exception(KeyError("k")) == ProblemDetails(
        500, "'k'"
    )


def test_the_root_of_a_chain_is_kept():
    try:
        try:
            try:
                raise OSError("disk full")
            except OSError as exc:
                raise ValueError("no image") from exc
        except ValueError:
            raise RuntimeError("cannot start")  # noqa: B904
    except RuntimeError as exc:
        made = ProblemDetails.from_exception(exc)

    assert made == ProblemDetails(
        500, "cannot start", additional={"cause": "OSError: disk full"}
    )


def test_a_chain_that_bites_its_tail_ends():
    first, second = ValueError("first"), ValueError("second")
    first.__cause__, second.__cause__ = second, first

    assert ProblemDetails.from_exception(first).additional == {
        "cause": "ValueError: second"
    }


def test_an_exception_without_a_text_is_a_problem_too():
    class Mute(Exception):
        def __str__(self):
            raise RuntimeError

    assert "Mute" not in ProblemDetails.from_exception(Mute()).detail
    assert ProblemDetails.from_exception(Exception()) == ProblemDetails(
        500, ""
    )


SCRIPT = """
import pickle, sys
from fault_middleware import ManagementDriverException
from fault_middleware.drivers.problem import driver_script
with driver_script():
    {}
"""


def run_script(body):
    """What Tacker does with a script: (return code, stderr, error handling data)."""
    ended = subprocess.run(
        [sys.executable, "-c", SCRIPT.format(body)], capture_output=True
    )
    data = (
        pickle.loads(ended.stdout)["user_script_err_handling_data"]
        if ended.stdout
        else None
    )
    return ended.returncode, ended.stderr, data


def test_a_script_hands_over_the_problem_and_says_what_happened():
    code, stderr, data = run_script(
        "raise ManagementDriverException(507, 'größer \\udcff', vdu='VDU1')"
    )

    assert code == 1
    assert stderr == "größer \\udcff\n".encode()
    assert lift(
        v2(stderr, userScriptErrHandlingData={"earlier": 1, **data})
    ) == ProblemDetails(507, "größer \udcff", additional={"vdu": "VDU1"})


def test_a_script_that_went_well_or_chose_its_end_is_left_alone():
    assert run_script("pass") == (0, b"", None)
    assert run_script("sys.exit(3)") == (3, b"", None)


def test_a_driver_does_not_load_oslo():
    code = (
        "import sys, fault_middleware as f; f.ManagementDriverException, f.ProblemDetails;"
        "print([name for name in sys.modules if name.startswith(('oslo', 'sqlalchemy', 'yaml'))])"
    )

    ended = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True
    )

    assert (ended.stdout, ended.stderr) == ("[]\n", "")


def test_what_is_left_from_an_earlier_attempt_is_no_problem_of_this_one():
    error = {
        "status": 500,
        "detail": "VIM is away",
        "userScriptErrHandlingData": WHOLE.to_dict(),
    }

    assert lift(error) is None


@pytest.mark.parametrize(
    "error",
    [
        {},
        {"detail": None},
        {"detail": ["x"]},
        {"detail": "boom"},
        {"detail": '{"detail": "merely JSON", "code": 404}'},
        {"detail": '{"status": 404}'},
        {"detail": "('Ansible Driver Error: %s', 'Non-zero return code')"},
        {"detail": "x failed: b''"},
        {"detail": "x failed: b'{}"},
        {"detail": "x failed: __import__('os').abort()"},
        {"detail": "x failed: b'a' + b'b'"},
        {"detail": "x failed: b'\\d \\N{DIGIT ONE}'"},
        {"detail": "x failed: b'ä'"},
        {
            "detail": "x failed: b'see data'",
            "userScriptErrHandlingData": {"problem": [1]},
        },
        {
            "detail": "x failed: b'see data'",
            "userScriptErrHandlingData": "text",
        },
    ],
)
def test_where_nothing_is_embedded_nothing_is_found(error):
    assert lift(error) is None


@pytest.mark.parametrize(
    "text",
    [
        "[" * 10**6,
        '{"detail":' * 10**5,
        '{"status": 500, "detail": "x", "deep": '
        + "[" * 10**5
        + "]" * 10**5
        + "}",
        "x failed: b'" + "\\n{" * 10**5 + "'",
        "x failed: b'" + '\\n{"a":' * 10**5 + "'",
        "x failed: b'" + "\\x0" * 10**5,
        "x failed: " + "b''+" * 10**5,
        "x failed: " + "(" * 10**6,
        '{"status": 500, "detail": "x", "number": ' + "9" * 10**6 + "}",
    ],
)
def test_hostile_texts_are_no_problems(text):
    assert lift({"detail": text}) is None


@given(
    st.dictionaries(
        st.sampled_from(["detail", "userScriptErrHandlingData"]), JSON_VALUES
    )
)
def test_lifting_never_raises(error):
    assert lift(error) is None


@given(st.binary(max_size=200))
def test_lifting_reads_any_stderr(stderr):
    assert lift(v2(stderr)) is None


def test_the_helper_passes_exceptions_that_end_a_process():
    with pytest.raises(KeyboardInterrupt), driver_script():
        raise KeyboardInterrupt


def test_drivers_may_still_import_by_the_former_names():
    former = importlib.import_module("fault_middleware.problem")

    assert all(
        getattr(former, name) is getattr(problem, name)
        for name in former.__all__
    )
    assert {
        "ManagementDriverException",
        "ProblemDetails",
        "driver_script",
    } <= set(former.__all__)
