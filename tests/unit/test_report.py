# SPDX-License-Identifier: Apache-2.0
import contextlib
import json
from datetime import timedelta

import pytest

from fault_middleware import clock, record_fault, reporting
from fault_middleware.deploy import deploy
from fault_middleware.drivers.problem import (
    ManagementDriverException,
    ProblemDetails,
)
from fault_middleware.report import record
from tests.fixtures import INSTANCE, close, make_store, rows


@pytest.fixture
def conf(configure):
    made = configure(consumer="external")
    yield made
    close(deploy(made).store)


@pytest.fixture
def table(conf, sqlite_url):
    """What is in the table, when asked."""
    store = make_store(sqlite_url)
    yield lambda: rows(store)
    close(store)


class LicenceError(ManagementDriverException):
    type, title, status = "https://example.com/licence", "Licence expired", 403


def test_a_text_is_recorded(conf, table):
    assert record_fault(
        INSTANCE, "Volume could not be attached", "the log", conf=conf
    )

    (row,) = table()
    assert (row["instance_id"], row["message"]) == (
        INSTANCE,
        "Volume could not be attached",
    )
    assert (row["details"], row["service"]) == ("the log", "trove")


def test_what_was_handled_does_not_take_the_place_of_the_services_own_sentence(
    conf, table
):
    @reporting("instance_id", conf=conf)
    def build(instance_id):
        try:
            raise OSError("HTTP 404 not here: /image/v2/images?tag=amphora")
        except OSError:
            raise RuntimeError("No image fits the load balancer.")  # noqa: B904 as services do

    with pytest.raises(RuntimeError):
        build(INSTANCE)

    (row,) = table()
    assert row["message"] == "No image fits the load balancer."
    assert "HTTP 404 not here" in row["details"]


def test_of_an_exception_the_cause_that_it_names_is_told_and_the_traceback_kept(
    conf, table
):
    @reporting("instance_id", conf=conf)
    def attach(instance_id):
        try:
            raise OSError("no space left")
        except OSError as exc:
            raise RuntimeError("attaching failed") from exc

    with pytest.raises(RuntimeError, match="attaching failed"):
        attach(INSTANCE)

    (row,) = table()
    assert row["message"] == "no space left"
    assert "RuntimeError: attaching failed" in row["details"]


@pytest.mark.parametrize(
    ("exc", "message"),
    [(KeyError(), "KeyError"), (ValueError("x", 1), "('x', 1)")],
)
def test_an_exception_without_a_text_is_named(conf, table, exc, message):
    record_fault(INSTANCE, exc, conf=conf)

    assert table()[0]["message"] == message


def test_causes_that_go_round_in_circles_end(conf, table):
    first, second = ValueError("first"), ValueError("second")
    first.__cause__, second.__cause__ = second, first

    assert record_fault(INSTANCE, first, conf=conf)


@pytest.mark.parametrize(
    "error",
    [
        LicenceError(detail="none since May", vdu="VDU1"),
        ProblemDetails(403, "none since May", LicenceError.type, LicenceError.title, None,
                       {"vdu": "VDU1"}),
    ],
)  # fmt: skip
def test_a_problem_is_kept_whole(conf, table, error):
    record_fault(INSTANCE, error, conf=conf)

    (row,) = table()
    assert row["message"] == "none since May"
    assert json.loads(row["problem"]) == {
        "type": "https://example.com/licence",
        "title": "Licence expired",
        "status": 403,
        "detail": "none since May",
        "vdu": "VDU1",
    }


def test_a_fresher_fault_stays(conf, table):
    now = clock.utcnow()
    record_fault(
        INSTANCE, "first", conf=conf, created=now - timedelta(seconds=20)
    )

    assert not record_fault(
        INSTANCE, "second", conf=conf, created=now, skip_delta=30
    )
    assert record_fault(
        INSTANCE, "third", conf=conf, created=now, skip_delta=10
    )
    assert [row["message"] for row in table()] == ["first", "third"]


def test_a_fault_that_was_cleared_is_no_fresher_one(conf, table):
    now = clock.utcnow()
    record_fault(
        INSTANCE,
        "",
        conf=conf,
        created=now - timedelta(seconds=5),
        is_clearance=True,
    )

    assert record_fault(
        INSTANCE, "second", conf=conf, created=now, skip_delta=30
    )


def test_while_look_ups_are_suspended_a_fault_is_recorded_all_the_same(
    conf, table
):
    store = deploy(conf).store
    with (
        contextlib.suppress(ZeroDivisionError),
        store._breaker.call("a look-up"),
    ):
        raise ZeroDivisionError

    assert record_fault(INSTANCE, "first", conf=conf, skip_delta=30)
    assert [row["message"] for row in table()] == ["first"]


def test_a_decorator_takes_the_id_from_an_argument(conf, table):
    @reporting("instance_id", conf=conf)
    def attach(volume, instance_id=INSTANCE):
        raise LookupError(f"no {volume}")

    with pytest.raises(LookupError, match="no v1"):
        attach("v1")
    with pytest.raises(LookupError, match="no v2"):
        attach(instance_id="another", volume="v2")

    assert {(row["instance_id"], row["message"]) for row in table()} == {
        (INSTANCE, "no v1"),
        ("another", "no v2"),
    }


class Volume:
    def __init__(self, instance_id):
        self.id = instance_id
        self.server = {"id": instance_id}

    @property
    def lazy(self):
        raise RuntimeError("the session is closed")


@pytest.mark.parametrize("path", ["volume.id", "volume.server.id"])
def test_a_decorator_takes_the_id_from_within_an_argument(conf, table, path):
    @reporting(path, conf=conf)
    def extend(volume, size):
        raise LookupError(f"no room for {size}")

    with pytest.raises(LookupError):
        extend(Volume(INSTANCE), 3)

    assert [(row["instance_id"], row["message"]) for row in table()] == [
        (INSTANCE, "no room for 3")
    ]


@pytest.mark.parametrize(
    "path", ["volume.name", "volume.server.name", "volume.lazy.id"]
)
def test_a_path_to_nothing_is_a_line_in_the_log(conf, table, caplog, path):
    @reporting(path, conf=conf)
    def extend(volume, size):
        raise LookupError(f"no room for {size}")

    with pytest.raises(LookupError, match="no room for 3"):
        extend(Volume(INSTANCE), 3)

    assert table() == []
    assert "could not be recorded: ValueError: not an id" in caplog.text


def test_a_call_without_the_argument_fails_as_it_would(conf, table):
    @reporting("instance_id", conf=conf)
    def attach(volume, instance_id):
        """Never begins."""

    with pytest.raises(TypeError, match=r"attach\(\) missing"):
        attach("v1")
    assert table() == []


def test_a_decorator_of_a_function_without_the_argument_is_refused(conf):
    with pytest.raises(
        TypeError, match="attach has no argument 'instance_id'"
    ):

        @reporting("instance_id", conf=conf)
        def attach(volume):
            """Is never made."""


@pytest.mark.parametrize("name", [None, 5, ["volume"]])
def test_what_is_no_name_of_an_argument_is_refused(name):
    with pytest.raises(TypeError, match="is not the name of an argument"):

        @reporting(name)
        def extend(volume):
            """Is never made."""


@pytest.mark.parametrize(
    ("name", "options", "says"),
    [
        ("volume..id", {}, "'volume..id' has an empty part"),
        ("volume.", {}, "'volume.' has an empty part"),
        ("rest", {}, "'rest' holds several arguments"),
        ("others.id", {}, "'others' holds several arguments"),
        ("volume.id", {"servce": "cinder"}, "record_fault has no servce"),
    ],
)
def test_what_a_decorator_cannot_use_is_said_when_it_decorates(
    caplog, name, options, says
):
    @reporting(name, **options)
    def extend(volume, *rest, **others):
        return "done"

    (line,) = caplog.messages
    assert line.endswith(f"extend will be recorded: {says}")
    assert extend("v1") == "done"


def test_a_decorator_takes_all_that_record_fault_takes(conf, table):
    options = {"service": "trove", "operation": "extend", "project_id": "p1"}

    @reporting("volume.id", conf=conf, **options)
    def extend(volume):
        raise LookupError("no room")

    with pytest.raises(LookupError):
        extend(Volume(INSTANCE))

    (row,) = table()
    assert (row["operation"], row["project_id"]) == ("extend", "p1")


def test_what_goes_well_records_nothing(conf, table):
    with reporting(INSTANCE, conf=conf):
        pass

    assert table() == []


def test_a_method_and_an_argument_by_name_only_are_as_good(conf, table):
    class Manager:
        @reporting("instance_id", conf=conf)
        def attach(self, volume, *, instance_id):
            raise LookupError(f"no {volume}")

    with pytest.raises(LookupError):
        Manager().attach("v1", instance_id=INSTANCE)

    assert [(row["instance_id"], row["message"]) for row in table()] == [
        (INSTANCE, "no v1")
    ]


async def later(instance_id):
    """Runs when it is awaited."""


def in_parts(instance_id):
    yield


async def later_in_parts(instance_id):
    yield


@pytest.mark.parametrize("function", [later, in_parts, later_in_parts])
def test_a_decorator_of_what_does_not_run_at_once_is_refused(function):
    with pytest.raises(
        TypeError,
        match=f"{function.__name__} runs later: use a with statement",
    ):
        reporting("instance_id")(function)


@pytest.mark.parametrize("instance_id", ["", "not an id", None])
def test_a_bad_id_is_a_line_in_the_log_and_the_caller_goes_on(
    conf, caplog, instance_id
):
    with pytest.raises(ZeroDivisionError), reporting(instance_id, conf=conf):
        1 / 0  # noqa: B018

    assert [
        one
        for one in caplog.messages
        if "could not be recorded: ValueError" in one
    ]


class Nameless:
    """What has no text, and no attributes and keys."""

    def __str__(self):
        raise RuntimeError("no text")

    def __getattr__(self, name):
        raise RuntimeError(name)


class Keyless(dict):
    def get(self, name, default=None):
        raise RuntimeError(name)


def test_an_id_without_a_text_does_not_take_the_place_of_the_failure(conf):
    with pytest.raises(ZeroDivisionError), reporting(Nameless(), conf=conf):
        1 / 0  # noqa: B018


@pytest.mark.parametrize(
    "volume", [Nameless(), Keyless()], ids=["an object", "a mapping"]
)
def test_an_argument_that_raises_does_not_take_the_place_of_the_failure(
    conf, volume
):
    @reporting("volume.id", conf=conf)
    def extend(volume):
        1 / 0  # noqa: B018

    with pytest.raises(ZeroDivisionError):
        extend(volume)


def test_without_a_table_the_caller_goes_on(conf, caplog):
    with pytest.raises(ZeroDivisionError), reporting(INSTANCE, conf=conf):
        1 / 0  # noqa: B018

    (line,) = [
        one for one in caplog.messages if "could not be recorded" in one
    ]
    assert INSTANCE in line
    assert "\n" not in line


def test_of_several_services_one_is_to_be_named(configure, sqlite_url):
    store = make_store(sqlite_url)
    conf = configure(consumer="external", profiles="trove,tacker")

    assert not record_fault(INSTANCE, "whose?", conf=conf)
    assert record_fault(INSTANCE, "Tacker's", service="tacker", conf=conf)
    assert [row["service"] for row in rows(store)] == ["tacker"]
    close(deploy(conf).store)
    close(store)


def test_the_file_that_the_environment_names_is_read(
    configure, table, monkeypatch
):
    conf = configure(consumer="external")
    monkeypatch.setenv("FAULT_MIDDLEWARE_CONFIG", conf.config_file[0])

    assert record(INSTANCE, "by its name")
    assert [row["message"] for row in table()] == ["by its name"]
