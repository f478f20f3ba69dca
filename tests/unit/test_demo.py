# SPDX-License-Identifier: Apache-2.0
import contextlib
import http.client
import os
import signal
import subprocess
import sys

import pytest

from tests.fixtures import wait_until
from tests.services import free_port, wait_for_port

DEMO = [sys.executable, "-m", "fault_middleware.cmd.demo"]


@pytest.mark.parametrize("width", [60, 80])
def test_the_demo_shows_the_fault_to_its_owner_and_the_details_to_an_admin(
    width,
):
    environ = {**os.environ, "COLUMNS": str(width)}
    ended = subprocess.run(
        [*DEMO, "--once"],
        capture_output=True,
        text=True,
        timeout=60,
        env=environ,
    )

    assert (ended.returncode, ended.stderr) == (0, "")
    _, owner, admin = ended.stdout.split("\n--- ")
    for view in owner, admin:
        assert "status         ERROR\n" in view
        assert "fault.message  Cannot extend the volume" in view
    assert "fault.details" not in owner
    assert "fault.details  Traceback (most recent call last):\n" in admin
    for line in ended.stdout.splitlines():
        # Commands and paths are not broken, so that they can be copied.
        assert (
            len(line) <= width
            or line.startswith(("curl ", "POST "))
            or "/" in line
        )


@contextlib.contextmanager
def serving():
    """The demo, serving on a port until it is told to end."""
    port = free_port()
    command = [*DEMO, "--port", str(port)]
    running = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        wait_for_port(port, running)
        yield running, port
    finally:
        running.kill()
        running.communicate()


def test_the_demo_keeps_serving_and_says_how_to_ask():
    with serving() as (running, port):
        printed = []
        wait_until(
            lambda: (
                printed.append(running.stdout.readline())
                or b"curl" in printed[-1]
            )
        )
        connection = http.client.HTTPConnection("127.0.0.1", port)
        connection.request(
            "GET", "/" + printed[-1].decode().split("/", 3)[3].strip()
        )
        assert b"Cannot extend the volume" in connection.getresponse().read()
        connection.close()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_demo_ends_quietly_when_it_is_told_to_however_often(number):
    with serving() as (running, _):
        wait_until(lambda: b"Keystone" in running.stdout.readline())
        for _ in range(3):
            os.killpg(running.pid, number)
        _, errors = running.communicate(timeout=30)

        assert (running.returncode, errors) == (0, b"")
