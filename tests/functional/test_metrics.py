# SPDX-License-Identifier: Apache-2.0
"""What Prometheus is shown by the processes that count."""

import concurrent.futures
import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
import uuid
from pathlib import Path

import oslo_messaging
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests import services
from tests.documents import MANUAL, ROOT, blocks
from tests.fixtures import (
    close,
    make_store,
    new_database,
    parse,
    relayed,
    require,
    rows,
    wait_until,
    write_configuration,
)
from tests.functional.servers.world import SERVERS, World

CONSUMER = [
    sys.executable,
    "-W",
    "ignore",
    "-m",
    "fault_middleware.cmd.consumer",
]
SHARING = ["gunicorn", "gunicorn preload", "uwsgi", "uwsgi lazy"]


def ask(port):
    """Every sample that a process shows, by its name and its label."""
    with urllib.request.urlopen(
        f"http://127.0.0.1:{port}/metrics", timeout=10
    ) as answer:
        families = list(text_string_to_metric_families(answer.read().decode()))
    return {
        " ".join(
            [
                sample.name.removeprefix("fault_middleware_"),
                *sample.labels.values(),
            ]
        ): (sample.value)
        for family in families
        for sample in family.samples
    }


@pytest.mark.parametrize("server", SHARING)
def test_workers_that_share_a_folder_are_shown_as_one(
    server, broker, postgresql, tmp_path
):
    if not Path(SERVERS[server][0]).exists():
        require("servers", f"{server} is not installed in this virtualenv")
    folder = tmp_path / "metrics"
    folder.mkdir()
    names = [f"{number:02}" for number in range(40)]
    with new_database(postgresql) as url, relayed(url) as relay:
        world = World(tmp_path, broker, url, relay.url)
        with (
            world.serve(server, PROMETHEUS_MULTIPROC_DIR=str(folder)),
            concurrent.futures.ThreadPoolExecutor(8) as pool,
        ):
            workers = set()

            def everybody_works():
                workers.update(
                    one["pid"] for one in pool.map(world.ask, names)
                )
                return (
                    world.has_listener()
                    and len(workers) == world.queue().consumer_count == 2
                )

            wait_until(everybody_works)
            for name in names:  # a pause, so that both workers take some
                world.notify([name])
                time.sleep(0.02)
            wait_until(lambda: world.stored() == names)

            wait_until(lambda: ask(world.port)["faults_stored_total"] == 40)
            answers = [ask(world.port) for _ in range(10)]
            assert {
                one["notifications_received_total"] for one in answers
            } == {40}
            assert {one["dropped_total no instance"] for one in answers} == {0}
            assert {one["failing broker"] for one in answers} == {0}

            relay.close()
            world.ask("07")
            assert ask(world.port)["lookups_suspended"] == 1
            assert ask(world.port)["failing database (look-ups)"] == 1

            os.kill(workers.pop(), signal.SIGKILL)
            wait_until(lambda: ask(world.port)["faults_stored_total"] == 40)
        close(world.store)


def test_a_folder_that_cannot_be_written_harms_no_service(
    broker, postgresql, tmp_path
):
    if not Path(SERVERS["gunicorn"][0]).exists():
        require("servers", "gunicorn is not installed in this virtualenv")
    with new_database(postgresql) as url:
        world = World(tmp_path, broker, url)
        with world.serve("gunicorn", PROMETHEUS_MULTIPROC_DIR="/proc/nowhere"):
            world.ask_every_worker()
            wait_until(world.has_listener)
            world.notify(["1"])
            wait_until(lambda: world.stored() == ["1"])

            assert world.ask("1")["fault"]["message"] == "1"
            assert (
                ask(world.port) == {}
            )  # of what cannot be kept, nothing is shown
            assert "not everything is counted" in world.log.read_text()
        close(world.store)


@contextlib.contextmanager
def consumer(folder, url, broker, port):
    """A consumer in a process of its own, and somebody who notifies."""
    topic = uuid.uuid4().hex
    file = write_configuration(
        folder / f"{topic}.conf",
        url,
        transport_url=broker.url,
        topics=topic,
        metrics_port=str(port),
    )
    log = folder / f"{topic}.log"
    with log.open("w") as output:
        running = subprocess.Popen(
            [*CONSUMER, "--config-file", str(file)],
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=ROOT,
        )
    transport = oslo_messaging.get_notification_transport(
        parse(file), url=broker.url
    )
    notifier = oslo_messaging.Notifier(
        transport, "x", driver="messagingv2", topics=[topic]
    )
    try:
        yield notifier, log
    finally:
        running.terminate()
        assert running.wait(10) == 0


def notify(notifier, name):
    notifier.info({}, "dbaas.x.error", {"instance_id": name, "message": name})


def test_the_consumer_shows_what_it_counts(broker, postgresql, tmp_path):
    port = services.free_port()
    with new_database(postgresql) as url:
        store = make_store(url)
        with consumer(tmp_path, url, broker, port) as (notifier, _):
            for name in ("1", "2"):
                notify(notifier, name)
            notifier.info({}, "dbaas.x.error", {"message": "of no instance"})
            wait_until(lambda: len(rows(store)) == 2)

            wait_until(lambda: ask(port)["dropped_total no instance"] == 1)
            shown = ask(port)
            assert shown["notifications_received_total"] == 3
            assert shown["faults_stored_total"] == 2
            assert 0 <= shown["lag_seconds"] < 60
            assert shown["failing broker"] == 0
        close(store)


def test_a_port_that_is_taken_stops_no_consumer(broker, postgresql, tmp_path):
    with (
        new_database(postgresql) as url,
        socket.create_server(("127.0.0.1", 0)) as taken,
    ):
        store, port = make_store(url), taken.getsockname()[1]
        with consumer(tmp_path, url, broker, port) as (notifier, log):
            notify(notifier, "1")
            wait_until(lambda: len(rows(store)) == 1)

            assert "metrics: nothing is shown at" in log.read_text()
        close(store)


def test_the_workers_are_shown_on_a_port_of_its_own(tmp_path, sqlite_url):
    """The command of the manual, with the paste file in etc/."""
    if not Path(SERVERS["gunicorn"][0]).exists():
        require("servers", "gunicorn is not installed in this virtualenv")
    folder, port = tmp_path / "metrics", services.free_port()
    folder.mkdir()
    conf = write_configuration(tmp_path / "x.conf", sqlite_url)
    ini = tmp_path / "metrics.ini"
    sample = (ROOT / "etc/fault_middleware/metrics.ini").read_text()
    ini.write_text(
        sample.replace("config_project = trove", f"config_file = {conf}")
    )
    (line,) = (
        block
        for block in blocks(MANUAL / "operations/watching.rst", "console")
        if "gunicorn" in block
    )
    _, setting, program, *arguments = line.split()
    environ = {
        **os.environ,
        "PROMETHEUS_MULTIPROC_DIR": str(folder),
        "PYTHONWARNINGS": "ignore",
    }
    worker = (
        "from fault_middleware.metrics import Metrics; Metrics().stored.inc(5)"
    )
    subprocess.run(
        [sys.executable, "-c", worker], env=environ, cwd=ROOT, check=True
    )
    command = [SERVERS[program][0], *arguments]
    command = [
        f"127.0.0.1:{port}" if one.startswith("127.") else one
        for one in command
    ]

    with services.process(
        command, tmp_path / "log", port=port, env=environ, cwd=tmp_path
    ):
        assert setting.startswith("PROMETHEUS_MULTIPROC_DIR=")
        assert ask(port)["faults_stored_total"] == 5
