# SPDX-License-Identifier: Apache-2.0
import ast
import logging
import os
import subprocess
import sys
import textwrap
import time

import pytest
import yaml

from fault_middleware import metrics as metrics_module
from fault_middleware.metrics import Metrics
from tests.documents import ROOT


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
        "faults_purged_total=0",
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


def test_every_label_in_the_code_is_there_before_it_counts():
    """Prometheus sees no increase of what was not there."""
    declared = yaml.safe_load((ROOT / "fault_middleware/metrics.yaml").read_text())
    used = {"drop": set(), "error": set(), "trouble": set()}
    for file in (ROOT / "fault_middleware").rglob("*.py"):
        tree = ast.parse(file.read_text())
        constants = {
            node.targets[0].id: node.value.value
            for node in tree.body
            if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)
        }
        for node in ast.walk(tree):
            match node:
                case ast.Call(ast.Attribute(owner, way), [label, *_]) if way in used:
                    if "metrics" in ast.unparse(owner):
                        name = isinstance(label, ast.Name)
                        used[way].add(constants[label.id] if name else label.value)

    assert set() < used["drop"] <= set(declared["dropped"]["values"])
    assert set() < used["error"] <= set(declared["errors"]["values"])
    assert set() < used["trouble"] <= set(declared["failing"]["values"])


def test_names_follow_prometheus(metrics):
    for metric in metrics.registry.collect():
        assert metric.name.startswith("fault_middleware_")
        assert metric.documentation
        if metric.type == "counter":
            assert not metric.name.endswith("_total"), "prometheus_client adds it"


def test_a_part_that_fails_is_told(metrics):
    def failing():
        return metrics.registry.get_sample_value("fault_middleware_failing", {"part": "broker"})

    assert failing() == 0
    metrics.begin("broker")
    assert failing() == 1
    metrics.fine("broker")
    assert failing() == 0
    metrics.trouble("broker", "nothing comes", OSError("x"))
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
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout + ended.stderr


COUNT = """
    import os, shutil, sys
    import prometheus_client
    from fault_middleware.metrics import Metrics
    metrics = Metrics()
    {first}
    for _ in range(3):
        if os.fork() == 0:
            metrics.counts()
            metrics.count("received", 2)
            metrics.drop("unreadable", "text")
            metrics.trouble("broker", "text", OSError("x"))
            metrics.fine("broker")
            os._exit(0)
        assert os.wait()[1] == 0
    print(prometheus_client.generate_latest(metrics.exposed).decode())
"""


def test_processes_that_were_forked_count_together(tmp_path):
    out = run(COUNT.format(first='metrics.count("received", 1)'), tmp_path)

    assert "fault_middleware_notifications_received_total 7.0" in out
    assert 'fault_middleware_dropped_total{reason="unreadable"} 3.0' in out
    assert 'fault_middleware_dropped_total{reason="no instance"} 0.0' in out
    assert 'fault_middleware_failing{part="broker"} 0.0' in out


def test_what_ended_processes_counted_stays(tmp_path):
    for _ in range(2):
        out = run(COUNT.format(first=""), tmp_path)

    assert "fault_middleware_notifications_received_total 12.0" in out


def test_a_folder_that_is_not_there_harms_nobody(tmp_path):
    out = run(COUNT.format(first="print(metrics.counts())"), tmp_path / "nowhere")

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
            [sys.executable, "-c", WORKER, works], env=environ, capture_output=True, text=True
        ).stdout
        for works in "01"
    ]

    for state, text in zip("10", shown, strict=True):
        assert f"\nfault_middleware_lookups_suspended {state}.0\n" in text
        assert f'\nfault_middleware_failing{{part="database (look-ups)"}} {state}.0\n' in text


FORKED = """
metrics.fine("broker")
    if os.fork() == 0:
        metrics.trouble("broker", "text", OSError())
        os._exit(0)
    assert os.wait()[1] == 0
    if os.fork() == 0:
        metrics.fine("broker")
        os._exit(0)
    assert os.wait()[1] == 0
    os._exit(print(prometheus_client.generate_latest(metrics.exposed).decode(), flush=True) or 0)
"""


def test_a_process_that_was_forked_finds_it_by_itself(tmp_path):
    """What its parent has found may be older than what another has."""
    out = run(COUNT.format(first=FORKED.strip()), tmp_path)

    assert 'fault_middleware_failing{part="broker"} 0.0' in out
