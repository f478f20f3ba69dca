# SPDX-License-Identifier: Apache-2.0
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fault_middleware import clock, profile
from fault_middleware.event import Extraction
from tests.fixtures import INSTANCE

OTHER = "7192eb86-732f-44ab-b41b-404fade7a4bd"
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@pytest.fixture(scope="module")
def trove():
    return profile.load("trove")


def notification(**values):
    payload = {
        "instance_id": INSTANCE,
        "message": "boom",
        "exception": ["Traceback\n", "RuntimeError: boom\n"],
        "request_id": "req-1",
        "tenant_id": "p1",
        **values.pop("payload", {}),
    }
    return {
        "event_type": "dbaas.instance_create.error",
        "priority": "INFO",
        "publisher_id": "taskmanager.host",
        "message_id": "b7f4f9c2",
        "timestamp": "2026-11-21 20:52:23.468184",
        "payload": payload,
        "context": {},
        **values,
    }


def test_all_fields_of_an_error_are_read(trove):
    extraction = trove.sources.extract(notification())

    (row,) = extraction.faults
    assert extraction.action == "record"
    assert row.service == "trove"
    assert row.instance_id == INSTANCE
    assert row.message == "boom"
    assert row.details == "Traceback\nRuntimeError: boom\n"
    assert row.created == datetime(2026, 11, 21, 20, 52, 23, 468184)
    assert row.request_id == "req-1"
    assert row.project_id == "p1"
    assert row.event_type == "dbaas.instance_create.error"


def test_an_event_that_names_several_instances_makes_a_row_for_each(trove):
    payload = {"instance_id": None, "instance_ids": [INSTANCE, OTHER]}

    rows = trove.sources.extract(notification(payload=payload)).faults

    assert [row.instance_id for row in rows] == [INSTANCE, OTHER]
    assert len({row.id for row in rows}) == 2


@pytest.mark.parametrize(
    "timestamp",
    [
        "2026-11-21 20:52:23.468184",
        "2999-01-01 00:00:00.000000",
        "0001-01-01 00:00:00",
        "yesterday",
        "",
        None,
        1795294343,
    ],
)
def test_the_same_notification_has_the_same_ids_whenever_it_comes(
    trove, timestamp, monkeypatch
):
    payload = {"instance_id": INSTANCE}
    ids = set()
    for receipt in (datetime(2026, 11, 21, 20, 53), datetime(2999, 6, 1)):
        monkeypatch.setattr(clock, "utcnow", lambda now=receipt: now)
        extraction = trove.sources.extract(
            notification(timestamp=timestamp, payload=payload)
        )
        ids |= {row.id for row in extraction.faults}

    assert len(ids) == 1


def test_one_bad_id_among_several_costs_the_others_nothing(trove):
    payload = {"instance_id": [INSTANCE, "not an id", None, OTHER]}

    extraction = trove.sources.extract(notification(payload=payload))

    assert [row.instance_id for row in extraction.faults] == [INSTANCE, OTHER]
    assert "not an id" in extraction.reason


def test_a_deletion_clears(trove):
    extraction = trove.sources.extract(
        notification(event_type="dbaas.instance_delete.end")
    )

    (row,) = extraction.faults
    assert extraction.action == "clear"
    assert row.is_clearance


@pytest.mark.parametrize(
    "event_type",
    [
        "dbaas.instance_create.end",
        "dbaas.instance_delete.start",
        "trove.instance.create",
        "compute.instance.create.error",
        "dbaas.instance_create.error\n",
        "",
        None,
        5,
    ],
)
def test_other_events_are_ignored_in_silence(trove, event_type):
    extraction = trove.sources.extract(notification(event_type=event_type))

    assert (extraction.action, extraction.faults, extraction.reason) == (
        "ignore",
        (),
        "",
    )


def test_an_error_of_no_instance_is_ignored_with_a_reason(trove):
    extraction = trove.sources.extract(
        notification(payload={"instance_id": None})
    )

    assert (extraction.action, extraction.faults) == ("ignore", ())
    assert extraction.reason == "it names no instance"


def test_an_error_on_a_priority_that_the_profile_does_not_name_is_ignored(
    trove,
):
    assert (
        trove.sources.extract(notification(priority="ERROR")).action
        == "ignore"
    )


@given(
    payload=JSON,
    message_id=JSON,
    timestamp=JSON,
    priority=st.just("INFO") | JSON,
    event_type=st.just("dbaas.x.error") | JSON,
)
def test_no_notification_upsets_the_extraction(trove, **values):
    payload = values.pop("payload")

    trove.sources.extract({**notification(), **values, "payload": payload})


@given(st.dictionaries(st.sampled_from(list(notification()["payload"])), JSON))
def test_no_payload_upsets_the_extraction(trove, payload):
    for row in trove.sources.extract(notification(payload=payload)).faults:
        assert isinstance(row.message, str)
        assert isinstance(row.details, str)


FOREIGN = """\
service: trove
events:
  - event_type: dbaas.*
    priority: info
    publisher_id: [taskmanager.*, conductor.main]
    message: class
    safe_exceptions: [trove.*.exception.*, QuotaExceeded]
    record:
      instance_id: payload.instance_id
      message: payload.message
      details: payload.exception
      exception: payload.class
  - event_type: dbaas.*
    priority: info
    record: {instance_id: payload.instance_id, message: payload.message}
"""
FRAMES = 'Traceback (most recent call last):\n  File "x.py", line 1, in f\n    g()\n'
SECRET = "the hypervisor node-7 of tenant blue is full"


@pytest.fixture(scope="module")
def foreign():
    """A profile that trusts the texts of some exceptions only."""
    return profile.parse("p.yaml", FOREIGN)


def seen(read, **values):
    """Message and details of the one fault of a notification."""
    (row,) = read.sources.extract(
        notification(payload=values.pop("payload", {}), **values)
    ).faults
    return row.message, row.details


@pytest.mark.parametrize(
    ("last_line", "message"),
    [
        (f"RuntimeError: {SECRET}", "RuntimeError"),
        (f"oslo_messaging.rpc.client.RemoteError: {SECRET}", "RemoteError"),
        ("KeyError", "KeyError"),
        (f"NotQuotaExceeded: {SECRET}", "NotQuotaExceeded"),
        (f"QuotaExceeded.Not: {SECRET}", "Not"),
        (f"nova.common.exception.Gone: {SECRET}", "Gone"),
        (f"{SECRET}.", "Internal error"),
        (f"5xx: {SECRET}", "Internal error"),
        (f"RuntimeError: {SECRET}\nhunter2", "RuntimeError"),
        (
            f"KeyError: 1\n\nDuring handling of it:\n\n{FRAMES}OSError: {SECRET}",
            "OSError",
        ),
        (f"RuntimeError: {SECRET}\nQuotaExceeded: hunter2", "RuntimeError"),
    ],
)
def test_of_an_exception_of_others_the_message_is_the_class_and_the_text_a_detail(
    foreign, last_line, message
):
    payload = {"message": SECRET, "exception": [FRAMES, last_line]}

    shown, details = seen(foreign, payload=payload)

    assert shown == message
    assert SECRET in details
    assert details.count(SECRET) == 1
    assert "Traceback" in details


@pytest.mark.parametrize(
    "last_line",
    [f"trove.common.exception.Full: {SECRET}", f"QuotaExceeded: {SECRET}"],
)
def test_the_text_of_a_safe_exception_is_the_message(foreign, last_line):
    payload = {"message": SECRET, "exception": [FRAMES, last_line]}

    assert seen(foreign, payload=payload) == (SECRET, FRAMES + last_line)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("QuotaExceeded", SECRET),
        (f"QuotaExceeded('{SECRET}')", SECRET),
        ("RuntimeError", "RuntimeError"),
        (f"RuntimeError('{SECRET}')", "RuntimeError"),
        ("not a class", "Internal error"),
    ],
)
def test_the_field_of_the_exception_goes_before_the_details(
    foreign, name, message
):
    payload = {
        "message": SECRET,
        "class": name,
        "exception": "QuotaExceeded: x",
    }

    assert seen(foreign, payload=payload)[0] == message


def test_without_details_the_message_is_a_fixed_text(foreign):
    payload = {"message": SECRET, "exception": None}

    assert seen(foreign, payload=payload) == ("Internal error", SECRET)


def test_a_text_that_is_hidden_stands_before_the_details(foreign):
    payload = {"message": SECRET, "exception": f"{FRAMES}RuntimeError"}

    assert seen(foreign, payload=payload) == (
        "RuntimeError",
        f"{SECRET}\n\n{FRAMES}RuntimeError",
    )


@pytest.mark.parametrize(
    ("publisher", "message"),
    [
        ("taskmanager.host", "RuntimeError"),
        ("conductor.main", "RuntimeError"),
        ("conductor.main.host", SECRET),
        ("my-taskmanager.host", SECRET),
        ("Taskmanager.host", SECRET),
        (None, SECRET),
    ],
)
def test_the_publisher_decides_which_event_it_is(foreign, publisher, message):
    payload = {"message": SECRET, "exception": f"{FRAMES}RuntimeError"}

    assert seen(foreign, payload=payload, publisher_id=publisher)[0] == message


def test_a_clearance_has_no_message_to_hide():
    text = FOREIGN.replace(
        "    record:\n      instance_id", "    clear:\n      instance_id"
    )
    text = text.replace("      message: payload.message\n", "")
    text = text.replace(
        "      details: payload.exception\n      exception: payload.class\n",
        "",
    )

    (row,) = (
        profile.parse("p.yaml", text).sources.extract(notification()).faults
    )

    assert row.is_clearance
    assert (row.message, row.details) == ("", "")


CONDITIONS = """\
service: shop
events:
  - event_type: shop.noise
    priority: error
    ignore: {}
  - event_type: shop.*
    priority: error
    when: {payload.outcome: fail*, "payload.parts[name=x].kind": [a, b]}
    record: {instance_id: payload.id, message: {path: payload.reason, form: repr}}
"""


@pytest.mark.parametrize(
    ("payload", "action"),
    [
        (
            {"outcome": "failure", "parts": [{"name": "x", "kind": "b"}]},
            "record",
        ),
        (
            {"outcome": "success", "parts": [{"name": "x", "kind": "b"}]},
            "ignore",
        ),
        (
            {"outcome": "failure", "parts": [{"name": "y", "kind": "b"}]},
            "ignore",
        ),
        ({"outcome": None, "parts": [{"name": "x", "kind": "b"}]}, "ignore"),
        ({}, "ignore"),
    ],
)
def test_members_of_the_notification_decide_whether_it_is_an_event(
    payload, action
):
    read = profile.parse("p.yaml", CONDITIONS)
    given = {"id": "A", "reason": "E('boom')", **payload}

    extraction = read.sources.extract(
        {"event_type": "shop.a", "priority": "ERROR", "payload": given}
    )

    assert (extraction.action, extraction.reason) == (action, "")
    assert [row.message for row in extraction.faults] == ["boom"][
        : action == "record"
    ]


def test_what_is_ignored_on_purpose_is_ignored_in_silence():
    read = profile.parse("p.yaml", CONDITIONS)
    payload = {
        "id": "A",
        "outcome": "failure",
        "parts": [{"name": "x", "kind": "a"}],
    }
    noise = {
        "event_type": "shop.noise",
        "priority": "ERROR",
        "payload": payload,
    }

    assert read.sources.extract(noise) == Extraction("ignore")
    assert (
        read.sources.extract({**noise, "event_type": "shop.b"}).action
        == "record"
    )


def test_a_profile_that_ignores_only_has_nothing_to_listen_for():
    read = profile.parse(
        "p.yaml", CONDITIONS[: CONDITIONS.index("  - event_type: shop.*")]
    )

    assert read.priorities == frozenset()


REMOTE = f"No host left.\nTraceback (most recent call last):\n\n{FRAMES}shop.Full: No host left."


def test_a_traceback_in_a_message_goes_to_the_details(trove):
    for details in ("", "Traceback\n", ["Traceback\n", f"Full: {REMOTE}"]):
        shown, kept = seen(
            trove, payload={"message": REMOTE, "exception": details}
        )

        assert shown == "No host left."
        assert kept.startswith("Traceback")
        assert kept.count(FRAMES) == 1


@pytest.mark.parametrize(
    ("name", "raised", "message"),
    [
        ("Gone", f"trove.common.exception.Gone: {SECRET}", SECRET),
        (
            "Gone",
            f"other.Gone: {SECRET}\n  File x\ntrove.common.exception.Gone: y",
            "Gone",
        ),
        ("Gone", f"trove.common.exception.Gone: {SECRET}\n\n", SECRET),
        ("Gone", f"trove.common.exception.Gone: x: {SECRET}", "Gone"),
        ("Gone", f"trove.a.exception.Other: it said .Gone: {SECRET}", "Gone"),
        ("Gone", "nova.common.exception.Gone: x", "Gone"),
        ("one", "trove.common.exception.Gone: x", "one"),
        ("Gone", "QuotaExceeded: x", "Gone"),
        ("QuotaExceeded", "other.QuotaExceeded: x", "QuotaExceeded"),
    ],
)
def test_the_traceback_tells_the_module_of_a_class(
    foreign, name, raised, message
):
    payload = {"message": SECRET, "class": name, "exception": FRAMES + raised}

    assert seen(foreign, payload=payload)[0] == message


@pytest.mark.parametrize(
    "end", ["", "\n", ": x", f": {SECRET}", f": {SECRET}\n x"]
)
def test_a_text_that_holds_a_frame_makes_no_exception_safe(foreign, end):
    """Where the event names the exception; else, the frame could be the last of the traceback."""
    text = f"{SECRET}\n  File x\ntrove.common.exception.Gone{end}"
    payload = {
        "message": text,
        "class": "Gone",
        "exception": f"{FRAMES}libvirt.Gone: {text}\n",
    }

    shown, details = seen(foreign, payload=payload)

    assert shown == "Gone"
    assert SECRET in details


@pytest.mark.timeout(30)  # quadratic, it takes some minutes
@pytest.mark.parametrize(
    "part",
    [
        "  File \n",
        "  File \n \n",
        "  File \n\n",
        "  File x",
        " \n",
        "  File \nX\n",
    ],
)
@pytest.mark.parametrize("name", [None, "Gone"])
def test_a_million_characters_like_frames_hold_nobody_up(foreign, part, name):
    details = part * (2**20 // len(part))
    payload = {"message": SECRET, "class": name, "exception": details}

    assert SECRET not in seen(foreign, payload=payload)[0]


def test_what_is_raised_is_found_at_the_end_of_long_details(foreign):
    payload = {
        "message": SECRET,
        "exception": f"{'x' * 2**20}\n{FRAMES}RuntimeError: {SECRET}",
    }

    assert seen(foreign, payload=payload)[0] == "RuntimeError"
