# SPDX-License-Identifier: Apache-2.0
import logging
import os
import subprocess
import sys
import textwrap

import pytest

from fault_middleware.health import Part
from fault_middleware.metrics import Metrics, Reason, Site
from tests.documents import ROOT


@pytest.fixture
def metrics(caplog, still_clock):
    caplog.set_level(logging.INFO, logger="fault_middleware")
    return Metrics()


def lines(caplog):
    return [
        (record.levelname, record.getMessage()) for record in caplog.records
    ]


@pytest.mark.parametrize(
    ("happen", "first", "second"),
    [
        (
            lambda metrics, reason: metrics.drop(reason, "text"),
            *list(Reason)[:2],
        ),
        (
            lambda metrics, site: metrics.error(site, "text", OSError()),
            *list(Site)[:2],
        ),
    ],
)
def test_a_line_is_logged_once_a_minute_for_each_label(
    metrics, still_clock, caplog, happen, first, second
):
    for seconds in (0, 1, 59.9, 60, 61, 119.9, 120):
        still_clock.now = seconds
        happen(metrics, first)
    assert len(lines(caplog)) == 3

    happen(metrics, second)
    assert len(lines(caplog)) == 4


def test_every_error_counts_also_those_that_are_not_logged(metrics):
    for site in (Site.FILTER, Site.FILTER, Site.POLICY):
        metrics.error(site, "text", RuntimeError("why"))
    for reason in (Reason.UNREADABLE, Reason.UNREADABLE, Reason.REFUSED):
        metrics.drop(reason, "text")

    assert {
        "errors_total[filter]=2",
        "errors_total[policy]=1",
        "dropped_total[unreadable]=2",
        "dropped_total[refused by the database]=1",
    } <= set(metrics.counts())


def test_an_error_is_kept_from_the_service_and_logged_with_its_traceback(
    metrics, caplog
):
    with metrics.guard(Site.FILTER, "no fault is shown"):
        raise RuntimeError("why")

    assert lines(caplog) == [("ERROR", "filter: no fault is shown")]
    assert "RuntimeError: why" in caplog.text
    assert "errors_total[filter]=1" in metrics.counts()


def test_what_ends_the_process_is_not_kept_from_it(metrics):
    with (
        pytest.raises(SystemExit),
        metrics.guard(Site.FILTER, "no fault is shown"),
    ):
        raise SystemExit


def test_the_names_of_the_counts(metrics):
    assert metrics.counts() == [
        "notifications_received_total=0",
        "faults_stored_total=0",
        "duplicates_total=0",
        "faults_purged_total=0",
        "retries_total=0",
        "lag_seconds=0",
        "lookups_suspended=0",
    ]


def test_names_follow_prometheus(metrics):
    for metric in metrics.registry.collect():
        assert metric.name.startswith("fault_middleware_")
        assert metric.documentation
        if metric.type == "counter":
            assert not metric.name.endswith("_total"), (
                "prometheus_client adds it"
            )


@pytest.mark.parametrize(
    ("name", "label", "labels"),
    [("dropped_total", "reason", Reason), ("errors_total", "site", Site)],
)
def test_every_label_is_there_before_it_counts(metrics, name, label, labels):
    """Prometheus sees no increase of what was not there."""
    for member in labels:
        value = metrics.registry.get_sample_value(
            f"fault_middleware_{name}", {label: member.label}
        )
        assert value == 0, member


def test_a_part_that_fails_is_shown(metrics):
    def failing():
        return metrics.registry.get_sample_value(
            "fault_middleware_failing", {"part": "broker"}
        )

    assert failing() == 0
    metrics.health.starting(Part.BROKER)
    assert failing() == 1
    metrics.health.works(Part.BROKER)
    assert failing() == 0
    metrics.health.fails(Part.BROKER, "nothing comes", OSError("x"))
    assert failing() == 1


def run(script, folder):
    """What a script prints, in a process of its own that shares a folder with others."""
    environ = {**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(folder)}
    ended = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)],
        env=environ,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout + ended.stderr


COUNT = """
    import os, shutil, sys
    import prometheus_client
    from fault_middleware.health import Part
    from fault_middleware.metrics import Metrics, Reason
    metrics = Metrics()
    {first}
    for _ in range(3):
        if os.fork() == 0:
            metrics.counts()
            metrics.received.inc(2)
            metrics.drop(Reason.UNREADABLE, "text")
            metrics.health.fails(Part.BROKER, "text", OSError("x"))
            metrics.health.works(Part.BROKER)
            os._exit(0)
        assert os.wait()[1] == 0
    print(prometheus_client.generate_latest(metrics.exposed).decode())
"""


def test_processes_that_were_forked_count_together(tmp_path):
    out = run(COUNT.format(first="metrics.received.inc()"), tmp_path)

    assert "fault_middleware_notifications_received_total 7.0" in out
    assert 'fault_middleware_dropped_total{reason="unreadable"} 3.0' in out
    assert 'fault_middleware_dropped_total{reason="no instance"} 0.0' in out
    assert 'fault_middleware_failing{part="broker"} 0.0' in out


def test_what_ended_processes_counted_stays(tmp_path):
    for _ in range(2):
        out = run(COUNT.format(first=""), tmp_path)

    assert "fault_middleware_notifications_received_total 12.0" in out


def test_a_folder_that_is_not_there_harms_nobody(tmp_path):
    out = run(
        COUNT.format(first="print(metrics.counts())"), tmp_path / "nowhere"
    )

    assert "metrics: not everything is counted: FileNotFoundError" in out


def test_a_folder_that_goes_away_harms_nobody(tmp_path):
    """A forked process makes files of its own there."""
    folder = tmp_path / "shared"
    folder.mkdir()

    out = run(COUNT.format(first=f"shutil.rmtree({str(folder)!r})"), folder)

    assert "metrics: not everything is counted: " in out


WORKER = """
import sys
import prometheus_client
from fault_middleware.breaker import Breaker
from fault_middleware.metrics import Metrics
metrics = Metrics()
try:
    with Breaker(2, metrics).call("a look-up"):
        1 / int(sys.argv[1])
except ZeroDivisionError:
    pass
print(prometheus_client.generate_latest(metrics.exposed).decode())
"""


def test_a_worker_that_ended_in_trouble_leaves_no_alarm_behind(tmp_path):
    environ = {**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(tmp_path)}
    shown = [
        subprocess.run(
            [sys.executable, "-c", WORKER, works],
            env=environ,
            capture_output=True,
            text=True,
        ).stdout
        for works in "01"
    ]

    for state, text in zip("10", shown, strict=True):
        assert f"\nfault_middleware_lookups_suspended {state}.0\n" in text
        assert (
            f'\nfault_middleware_failing{{part="database (look-ups)"}} {state}.0\n'
            in text
        )


FORKED = """
metrics.health.works(Part.BROKER)
    if os.fork() == 0:
        metrics.health.fails(Part.BROKER, "text", OSError())
        os._exit(0)
    assert os.wait()[1] == 0
    if os.fork() == 0:
        metrics.health.works(Part.BROKER)
        os._exit(0)
    assert os.wait()[1] == 0
    os._exit(print(prometheus_client.generate_latest(metrics.exposed).decode(), flush=True) or 0)
"""


def test_a_process_that_was_forked_finds_it_by_itself(tmp_path):
    """What its parent has found may be older than what another has."""
    out = run(COUNT.format(first=FORKED.strip()), tmp_path)

    assert 'fault_middleware_failing{part="broker"} 0.0' in out


BUSY = """
metrics.received.inc()
    import signal, threading
    sys.setswitchinterval(1e-5)
    # The line that the first one logs has been written: Python does not free the lock of stderr
    # in a child that is forked in the middle of it.
    metrics.drop(Reason.UNREADABLE, "text")
    def count():
        while True:
            metrics.drop(Reason.UNREADABLE, "text")
    for _ in range(2):
        threading.Thread(target=count, daemon=True).start()
    for _ in range(20):
        child = os.fork()
        if child == 0:
            signal.alarm(20)
            metrics.drop(Reason.REFUSED, "text")
            os._exit(0)
        _, status = os.waitpid(child, 0)
        if status:
            os._exit(print("a child hung", flush=True) or 0)
    os._exit(print("all children counted", flush=True) or 0)
"""


def test_a_process_that_is_forked_while_others_count_counts_too(tmp_path):
    """A lock that a thread of its parent had would be locked for ever."""
    out = run(COUNT.format(first=BUSY.strip()), tmp_path)

    assert "all children counted" in out


INTERRUPTED = """
metrics.received.inc()
    import signal
    signal.signal(signal.SIGALRM, lambda *_: metrics.retries.inc())
    signal.setitimer(signal.ITIMER_REAL, 1e-4, 1e-4)
    for _ in range(20_000):
        metrics.retries.inc()
    os._exit(print("counted to the end", flush=True) or 0)
"""


def test_a_signal_handler_counts_in_the_middle_of_counting(tmp_path):
    out = run(COUNT.format(first=INTERRUPTED.strip()), tmp_path)

    assert "counted to the end" in out
