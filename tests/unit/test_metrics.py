# SPDX-License-Identifier: Apache-2.0
import logging
import time

import pytest

from fault_middleware import metrics as metrics_module
from fault_middleware.metrics import Metrics


@pytest.fixture
def clock(monkeypatch):
    """A clock that stands still; ``clock[0]`` is the time."""
    now = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    return now


@pytest.fixture
def metrics(caplog, clock):
    caplog.set_level(logging.INFO, logger="fault_middleware")
    return Metrics()


def lines(caplog):
    return [(record.levelname, record.getMessage()) for record in caplog.records]


@pytest.mark.parametrize("way", ["error", "drop", "trouble"])
def test_a_line_is_logged_once_a_minute_for_each_site(metrics, clock, caplog, way):
    def happen(site):
        if way == "drop":
            metrics.drop(site, "text")
        else:
            getattr(metrics, way)(site, "text", RuntimeError("why"))

    for second in (0, 1, 59.9, 60, 61, 119.9, 120):
        clock[0] = second
        happen("here")
    assert len(lines(caplog)) == 3

    happen("there")
    assert len(lines(caplog)) == 4


def test_every_error_counts_also_those_that_are_not_logged(metrics):
    for site in ("filter", "filter", "policy"):
        metrics.error(site, "text", RuntimeError("why"))
        metrics.drop(f"by {site}", "text")

    assert {
        "errors_total[filter]=2",
        "errors_total[policy]=1",
        "dropped_total[by filter]=2",
        "dropped_total[by policy]=1",
    } <= set(metrics.counts())


def test_an_error_is_logged_with_its_traceback(metrics, caplog):
    try:
        raise RuntimeError("why")
    except RuntimeError as exc:
        metrics.error("filter", "no fault is shown", exc)

    assert lines(caplog) == [("ERROR", "filter: no fault is shown")]
    assert "RuntimeError: why" in caplog.text


def test_a_trouble_lasts_until_it_is_over(metrics, caplog):
    metrics.trouble("broker", "nothing comes", OSError("no route\nSELECT secret"))
    assert metrics.troubles == {"broker": "nothing comes: OSError: no route"}

    metrics.fine("broker")
    metrics.fine("broker")

    assert metrics.troubles == {}
    assert lines(caplog) == [
        ("ERROR", "broker: nothing comes: OSError: no route"),
        ("INFO", "broker: it works again"),
    ]


def test_a_trouble_that_comes_again_is_logged_again(metrics, caplog):
    for _ in range(2):
        metrics.trouble("broker", "nothing comes", OSError("x"))
        metrics.fine("broker")

    assert [level for level, _ in lines(caplog)] == ["ERROR", "INFO"] * 2


def test_what_works_all_the_time_is_not_worth_a_line(metrics, caplog):
    metrics.fine("broker")

    assert lines(caplog) == []


def test_the_names_of_the_counts(metrics):
    assert metrics.counts() == [
        "notifications_received_total=0",
        "faults_stored_total=0",
        "duplicates_total=0",
        "retries_total=0",
        "lag_seconds=0",
        "lookups_suspended=0",
    ]


@pytest.mark.parametrize(
    ("exc", "text"),
    [
        (OSError("x"), "OSError: x"),
        (OSError(), "OSError: "),
        (ValueError("one\ntwo"), "ValueError: one"),
        (ValueError("x" * 1000), f"ValueError: {'x' * 288}"),
    ],
)
def test_an_exception_is_described_in_one_short_line(exc, text):
    assert metrics_module.describe(exc) == text
