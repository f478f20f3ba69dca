# SPDX-License-Identifier: Apache-2.0
"""Whatever the log handler meets, the service that has it goes on, with threads and eventlet."""

import contextlib
import json
import signal
import subprocess
import sys

import pytest

from tests.fixtures import (
    close,
    make_store,
    rows,
    wait_until,
    write_configuration,
)

PROFILE = """\
service: volumes
fault:
  created: "%Y-%m-%dT%H:%M:%S"
routes:
  - path: /volumes/{id}
    object: volume
logs:
  - logger: volumes.*
    modules: [tests.functional.workers.service, __main__]
    record:
      instance_id: [{local: volume.id}]
"""
NOWHERE = "mysql+pymysql://fault@127.0.0.1:1/faults"
KINDS = pytest.mark.parametrize("kind", ["threads", "eventlet"])


class Service:
    """The process of a service."""

    def __init__(self, running):
        self._running = running
        self.figures = self._read()

    def _read(self):
        line = self._running.stdout.readline()
        assert line, "the service has ended"
        return json.loads(line)

    def meets(self, what):
        """Let something happen to it, and see that it answers its requests afterwards."""
        self._running.stdin.write(f"{what}\n")
        self._running.stdin.flush()
        self.figures = self._read()
        assert self.figures["answered"] == 100
        return self.figures

    def stop(self):
        """Its exit code after SIGTERM."""
        self._running.send_signal(signal.SIGTERM)
        return self._running.wait(30)


@pytest.fixture
def start(tmp_path):
    """Starts a service of a kind with a database."""
    with contextlib.ExitStack() as stack:

        def start(kind, url):
            profile = tmp_path / "volumes.yaml"
            profile.write_text(PROFILE)
            file = write_configuration(
                tmp_path / "service.conf", url, profiles=str(profile)
            )
            command = ["-m", "tests.functional.workers.service"]
            running = stack.enter_context(
                subprocess.Popen(
                    [sys.executable, "-W", "ignore", *command, file, kind],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.DEVNULL,
                    text=True,
                )
            )
            stack.callback(running.kill)
            return Service(running)

        yield start


@pytest.fixture
def store(sqlite_url):
    made = make_store(sqlite_url)
    yield made
    close(made)


@pytest.mark.parametrize(
    ("kind", "what"),
    [
        ("threads", "records_that_cannot_be_printed"),
        ("eventlet", "records_that_cannot_be_printed"),
        ("threads", "locks_that_others_hold"),
        ("eventlet", "locks_that_others_hold"),
        # With eventlet, Python's own logging keeps a lock there, with our handler or without.
        ("threads", "the_end_of_the_stack"),
    ],
)
def test_what_is_odd_in_what_is_logged(start, store, sqlite_url, kind, what):
    service = start(kind, sqlite_url)

    service.meets(what)

    def is_told():
        # A traceback of the whole stack takes long, so that others may find no room for a while.
        service.meets("one_failure")
        return "OSError" in {row["message"] for row in rows(store)}

    wait_until(is_told, 60)
    assert service.stop() == 0


@KINDS
def test_an_error_in_our_own_code(start, store, sqlite_url, kind):
    service = start(kind, sqlite_url)
    service.meets("one_failure")

    counts = service.meets("an_error_in_our_own_code")["counts"]
    service.meets("one_failure")

    assert counts["errors_total[log]"] == 20
    wait_until(lambda: len(rows(store)) == 2)
    assert service.stop() == 0


@KINDS
def test_a_database_that_is_dead_and_a_queue_that_is_full(start, kind):
    service = start(kind, NOWHERE)

    service.meets("one_failure")
    counts = service.meets("a_full_queue")["counts"]

    assert counts["log_records_total[too many]"] > 0
    service.meets("one_failure")
    assert service.stop() == 0


@KINDS
def test_ten_thousand_errors_at_once(start, store, sqlite_url, kind):
    service = start(kind, sqlite_url)
    service.meets("one_failure")

    met = service.meets("ten_thousand_errors")

    assert met["told"]["logged"] == 10_000
    taken = met["counts"]["log_records_total[taken]"]
    assert taken + met["counts"]["log_records_total[too many]"] == 10_001
    assert service.stop() == 0
    assert len(rows(store)) > 1


@KINDS
def test_forks_while_others_log(start, store, sqlite_url, kind):
    service = start(kind, sqlite_url)
    service.meets("one_failure")

    met = service.meets("a_fork")

    assert met["told"]["children"] == [0] * 5
    service.meets("one_failure")
    assert service.stop() == 0
