# SPDX-License-Identifier: Apache-2.0
"""Of several reports of one failure, the one that tells most of the cause is chosen."""

import itertools
from datetime import datetime, timedelta

import pytest

from fault_middleware import cause, fault
from fault_middleware.cause import Kind
from tests.fixtures import INSTANCE

BEGIN = datetime(2026, 11, 21, 20, 36, 5)
SYMPTOM = cause.weigh(Kind.SYMPTOM, 1)
NAME = cause.weigh(Kind.NAME, 1)
TEXT = cause.weigh(Kind.TEXT, 1)


def make(message, second, weight, request_id="req-1", **values):
    created = BEGIN + timedelta(seconds=second)
    return fault.make(
        "nova",
        INSTANCE,
        message=message,
        created=created,
        request_id=request_id,
        weight=weight,
        **values,
    )


def test_the_kind_counts_before_the_length_of_the_chain():
    assert SYMPTOM < NAME < TEXT
    assert cause.weigh(Kind.SYMPTOM, 500) < cause.weigh(Kind.NAME, 0)
    assert cause.weigh(Kind.TEXT, 1) < cause.weigh(Kind.TEXT, 2)


@pytest.mark.parametrize(
    ("row", "gives_way"),
    [
        (make("no more hosts", 0, SYMPTOM), True),
        (make("RuntimeError", 0, NAME), True),
        (make("refused", 0, cause.weigh(Kind.TEXT, 0)), False),
        (make("of an older release", 0, None), False),
        (make("of no request", 0, SYMPTOM, request_id=None), True),
        (make("", 0, None, is_clearance=True), False),
    ],
)
def test_a_fault_that_tells_little_gives_way(row, gives_way):
    assert cause.gives_way(row) == gives_way


@pytest.mark.parametrize(
    ("others", "message"),
    [
        ([], "no more hosts"),
        ([make("refused", 1, TEXT)], "refused"),
        (
            [make("refused", 1, TEXT), make("refused there, too", 2, TEXT)],
            "refused",
        ),
        (
            [make("RuntimeError", 1, NAME), make("no host", 2, SYMPTOM)],
            "RuntimeError",
        ),
        ([make("another request", 1, TEXT, "req-2")], "no more hosts"),
        ([make("no more hosts, first", 1, SYMPTOM)], "no more hosts, first"),
        (
            [make("cleared", 1, TEXT), make("", 2, None, is_clearance=True)],
            "no more hosts",
        ),
        (
            [make("", 1, None, is_clearance=True), make("refused", 2, TEXT)],
            "refused",
        ),
        ([make("of an older release", 1, None)], "no more hosts"),
    ],
)
def test_the_cause_is_shown_before_the_symptom_in_any_order(others, message):
    newest = make("no more hosts", 9, SYMPTOM)

    for order in itertools.permutations([newest, *others]):
        assert cause.nearest(newest, order).message == message


@pytest.mark.parametrize("logged", [NAME, TEXT])
def test_a_text_stays_and_gets_the_traceback_of_another_report(logged):
    told = make("It could not be made.", 1, cause.weigh(Kind.TEXT, 0))
    log = make("OSError", 0, logged, details="OSError: disk full")
    assert cause.lacks_traceback(told)

    shown = cause.nearest(told, [log, told])

    assert shown.message == "It could not be made."
    assert shown.details == "OSError: disk full"
    assert shown.id == told.id


def test_a_cause_is_known_to_have_been_reported_until_the_newest_report():
    newest = make("no more hosts", 100, SYMPTOM)
    shown = cause.nearest(newest, [make("refused", 1, TEXT)])

    assert shown.created == BEGIN + timedelta(seconds=1)
    assert shown.reported_until == newest.created
    assert cause.nearest(newest, []).reported_until == newest.created


def test_details_of_its_own_stay():
    told = make("refused", 1, cause.weigh(Kind.TEXT, 0), details="by host 7")
    logged = make("OSError", 0, NAME, details="OSError: disk full")

    assert not cause.lacks_traceback(told)
    assert cause.nearest(told, [logged, told]) == told


def test_what_has_a_traceback_lacks_none():
    assert not cause.lacks_traceback(make("refused", 0, TEXT))


@pytest.mark.parametrize(
    ("newest_request", "request_id"),
    [(None, None), (None, "req-1"), ("req-1", None)],
)
@pytest.mark.parametrize(
    ("second", "message"), [(4, "refused"), (3.9, "no more hosts")]
)
def test_without_a_request_what_happened_within_seconds_belongs_together(
    newest_request, request_id, second, message
):
    newest = make("no more hosts", 9, SYMPTOM, newest_request)
    other = make("refused", second, TEXT, request_id)

    assert cause.nearest(newest, [newest, other]).message == message


def test_a_text_of_no_request_gets_the_traceback_of_its_neighbour():
    told = make("It could not be made.", 2, cause.weigh(Kind.TEXT, 0), None)
    log = make("OSError", 0, NAME, None, details="OSError: disk full")

    assert cause.nearest(told, [log, told]).details == "OSError: disk full"


def test_time_alone_joins_no_failures_of_two_projects():
    newest = make("no more hosts", 9, SYMPTOM, None, project_id="p2")
    theirs = make("refused", 8, TEXT, "req-1", project_id="p1")

    assert cause.nearest(newest, [theirs]) == newest


def test_a_request_joins_no_failures_of_two_known_projects():
    newest = make("no more hosts", 9, SYMPTOM, project_id="p2")
    theirs = make("refused", 8, TEXT, project_id="p1")

    assert cause.nearest(newest, [theirs]).message == "no more hosts"


def test_a_cause_without_a_project_is_of_that_in_whose_place_it_stands():
    newest = make("no more hosts", 9, SYMPTOM, project_id="p1")
    logged = make("refused", 8, TEXT)

    shown = cause.nearest(newest, [logged])

    assert (shown.message, shown.project_id) == ("refused", "p1")


def test_time_alone_joins_what_is_of_no_known_project():
    newest = make("no more hosts", 9, SYMPTOM, None)
    logged = make("refused", 8, TEXT, "req-1", project_id="p1")

    assert cause.nearest(newest, [logged]) == logged


def test_a_text_gets_no_traceback_of_another_project():
    told = make("full", 1, cause.weigh(Kind.TEXT, 0), project_id="p2")
    theirs = make("OSError", 0, NAME, details="of p1", project_id="p1")
    unknown = make("OSError", 0, NAME, details="of whoever it was")

    assert cause.nearest(told, [theirs]).details == ""
    assert cause.nearest(told, [theirs, unknown]).details == unknown.details


@pytest.mark.parametrize("request_id", [None, "req-1"])
def test_with_a_traceback_comes_the_project_that_it_is_of(request_id):
    told = make("full", 1, cause.weigh(Kind.TEXT, 0), request_id)
    logged = make("OSError", 0, NAME, details="of p1", project_id="p1")

    shown = cause.nearest(told, [logged])

    # So whoever has the instance by now does not see it.
    assert (shown.details, shown.project_id) == ("of p1", "p1")
