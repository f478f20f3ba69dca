# SPDX-License-Identifier: Apache-2.0
import json
import uuid
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fault_middleware import clock, fault
from fault_middleware.text import clean, cut_bytes
from tests.fixtures import INSTANCE

ANY_TEXT = st.text(
    st.characters(), max_size=400
)  # lone surrogates and NUL too
ANYTHING = st.one_of(
    ANY_TEXT,
    st.none(),
    st.binary(),
    st.integers(),
    st.lists(ANY_TEXT | st.none()),
)


def make(**values):
    return fault.make("trove", INSTANCE, **{"message": "m", **values})


@given(ANYTHING, ANYTHING)
def test_whatever_comes_in_fits_into_every_database(message, details):
    made = make(message=message, details=details)

    for text in (made.message, made.details):
        assert "\0" not in text
        assert text.encode("utf-8").decode("utf-8") == text
    assert len(made.message) <= 255
    assert len(made.details.encode()) <= 65535


@given(ANY_TEXT)
def test_cleaning_twice_changes_nothing_more(text):
    once = clean(text)

    assert clean(once) == once


@given(st.text(max_size=300), st.integers(60, 200))
def test_a_cut_never_splits_a_character_and_needs_no_second_cut(text, limit):
    cut = cut_bytes(text, limit)

    assert len(cut.encode()) <= limit
    assert cut_bytes(cut, limit) == cut
    assert cut == text or (cut.startswith(text[:1]) and "[...]" in cut)


def test_a_long_text_keeps_its_beginning_and_its_end():
    text = "Traceback\n" + "x" * 70000 + "\nOSError: full"

    details = make(details=text).details

    assert details.startswith("Traceback\nxxx")
    assert details.endswith("xxx\nOSError: full")
    assert len(details.encode()) <= 65535


def test_a_message_that_is_too_long_is_whole_in_the_details():
    message = "the cause is at the end: " + "x" * 300 + " quota"

    made = make(message=message, details="Traceback")

    assert made.message == message[:250] + "[...]"
    assert made.details == f"{message}\n\nTraceback"


def test_a_long_message_that_the_details_hold_is_not_repeated():
    message = "x" * 300

    assert (
        make(message=message, details=f"E: {message}").details
        == f"E: {message}"
    )


@pytest.mark.parametrize("message", ["", None, "  \n"])
def test_the_end_of_the_traceback_stands_in_for_a_blank_message(message):
    made = make(
        message=message,
        details=["Traceback:\n", "  File\n", "AssertionError\n"],
    )

    assert made.message == "AssertionError"


def test_a_list_of_lines_is_joined_as_it_is():
    assert make(details=["a\n", "b\n"]).details == "a\nb\n"


def test_a_password_is_masked_in_message_and_details():
    secret = json.dumps({"admin_password": "S3cr3t"})

    made = make(message=secret, details=secret)

    assert "S3cr3t" not in made.message + made.details


def test_the_same_report_has_the_same_id_and_another_one_has_not():
    one = make(message_id="r1")

    assert make(message_id="r1", message="other").id == one.id
    assert make(message_id="r2").id != one.id
    assert (
        fault.make("nova", INSTANCE, message="m", message_id="r1").id != one.id
    )
    assert (
        fault.make("trove", "other", message="m", message_id="r1").id != one.id
    )


def test_without_a_message_id_equal_content_at_the_same_time_is_one_report():
    moment = datetime(2026, 11, 21, 20, 36)

    assert make(created=moment).id == make(created=moment).id
    assert (
        make(created=moment).id
        != make(created=moment + timedelta(seconds=1)).id
    )
    assert make().id != make().id


def test_an_id_begins_with_the_time_of_the_report_in_milliseconds():
    made = make(created=datetime(2026, 11, 21, 20, 36, 5, 250999))

    read = uuid.UUID(made.id)
    milliseconds = 1795293365250  # as date -u prints it
    assert (read.version, read.variant) == (8, uuid.RFC_4122)
    assert read.int >> 80 == milliseconds


@given(st.datetimes(datetime(1970, 1, 1)), st.datetimes(datetime(1970, 1, 1)))
def test_ids_are_in_the_order_of_the_times(one, two):
    first, second = sorted([one, two])
    if second - first >= timedelta(milliseconds=1):
        assert make(created=first).id < make(created=second).id


@pytest.mark.parametrize(
    "created",
    [
        None,
        datetime(2026, 11, 21, 20, 36),
        datetime(1, 1, 1),
        datetime(1969, 12, 31, 23, 59),
        datetime(2026, 12, 1),  # the future, until a day before it comes again
        datetime.max,
    ],
)
def test_a_report_that_comes_again_later_has_the_same_id(created, monkeypatch):
    ids = set()
    for receipt in (datetime(2026, 11, 30), datetime(2026, 12, 2)):
        monkeypatch.setattr(clock, "utcnow", lambda now=receipt: now)
        made = make(created=created, message_id="r1")
        ids |= {made.id, fault.sibling(made, "other").id}

    assert len(ids) == 2


def test_a_report_without_a_time_stands_before_all_others():
    assert make(message_id="r1").id.startswith("00000000-0000-8")


def test_the_rows_of_one_report_have_the_same_time():
    made = make(created=datetime(2026, 11, 21), message_id="r1")

    other = fault.sibling(made, "other")

    assert other.id[:13] == made.id[:13]
    assert other.id != made.id


def test_the_ids_that_releases_before_gave_are_known():
    made = make(message_id="r1")

    assert made.former_id == "f1db355f-ad28-5cfb-a249-b0b3d78c7ab7"
    assert (
        fault.sibling(made, "x").former_id
        == "f2a2e786-6297-5346-894e-e7fb012a6ffa"
    )


def test_a_fault_is_never_newer_than_its_receipt():
    made = make(created=datetime(2999, 1, 1))

    assert made.created <= clock.utcnow()


def test_a_clearance_has_no_texts():
    made = fault.make("trove", INSTANCE, message_id="r1", is_clearance=True)

    assert (made.message, made.details, made.is_clearance) == ("", "", True)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        (
            "2026-11-21 20:52:23.468184",
            datetime(2026, 11, 21, 20, 52, 23, 468184),
        ),
        ("2026-11-21T20:52:23", datetime(2026, 11, 21, 20, 52, 23)),
        ("2026-11-21T20:52:23Z", datetime(2026, 11, 21, 20, 52, 23)),
        ("2026-11-21T22:52:23+02:00", datetime(2026, 11, 21, 20, 52, 23)),
        ("0001-01-01T00:00:00+14:00", None),
        ("yesterday", None),
        ("", None),
        (None, None),
        (1795294343, None),
    ],
)
def test_times_are_utc(text, moment):
    assert clock.parse_time(text) == moment


@pytest.mark.parametrize(
    ("given", "canonical"),
    [
        (INSTANCE, INSTANCE),
        (INSTANCE.upper(), INSTANCE),
        ("My-Stack", "My-Stack"),
        ("стек", "стек"),
    ],
)
def test_an_id_has_one_form(given, canonical):
    assert fault.canonical_id(given) == canonical


@pytest.mark.parametrize(
    "given", ["", "a b", "a\n", "a\0", "x" * 65, " a", "\ud800"]
)
def test_what_cannot_be_an_id_is_refused(given):
    with pytest.raises(ValueError, match="not an id"):
        fault.canonical_id(given)


def test_what_is_said_to_have_happened_before_1970_happened_then():
    made = make(created=datetime(1, 1, 1, 0, 0, 3))

    assert made.created == datetime(1970, 1, 1)


def test_of_a_problem_with_very_many_lines_the_first_are_kept():
    lines = [f"line {number} of the output" for number in range(20_000)]
    problem = {"status": 500, "detail": "It failed.", "stdout_lines": lines}

    kept = json.loads(fault.make("tacker", "i", problem=problem).problem)

    assert kept["detail"] == "It failed."
    assert kept["stdout_lines"][:2] == lines[:2]
