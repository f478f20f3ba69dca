# SPDX-License-Identifier: Apache-2.0
import http.client
import subprocess
import sys

from tests.fixtures import wait_until
from tests.services import free_port, stop, wait_for_port

DEMO = [sys.executable, "-m", "fault_middleware.cmd.demo"]


def test_the_demo_shows_the_fault_to_its_owner_and_the_details_to_an_admin():
    ended = subprocess.run([*DEMO, "--once"], capture_output=True, text=True, timeout=60)

    assert ended.returncode == 0, ended.stderr
    assert ended.stderr == ""
    lines = [
        [cell.strip() for cell in line.split("|")[1:-1]]
        for line in ended.stdout.splitlines()
        if line.startswith("|")
    ]
    table = {line[0]: line[1:] for line in lines if line[0]}
    assert table["status"] == ["ERROR", "ERROR"]
    assert table["fault.message"][0].startswith("Cannot extend the volume")
    assert table["fault.details"] == ["", "Traceback (most recent call last):"]


def test_the_demo_keeps_serving_until_it_is_told_to_end():
    port = free_port()
    running = subprocess.Popen(
        [*DEMO, "--port", str(port)], stdout=subprocess.PIPE, start_new_session=True
    )
    try:
        wait_for_port(port, running)
        printed = []
        wait_until(lambda: printed.append(running.stdout.readline()) or b"curl" in printed[-1])
        connection = http.client.HTTPConnection("127.0.0.1", port)
        connection.request("GET", "/" + printed[-1].decode().split("/", 3)[3].strip())
        assert b"Cannot extend the volume" in connection.getresponse().read()
        connection.close()
    finally:
        stop(running)
        running.stdout.close()
