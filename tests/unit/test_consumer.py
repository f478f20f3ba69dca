# SPDX-License-Identifier: Apache-2.0
"""The consumer on oslo.messaging's transport in memory."""

import os
import re
import signal
import subprocess
import sys
import threading
import time
import uuid
from pathlib import Path

import oslo_messaging
import pytest

from fault_middleware.cmd import consumer as program
from fault_middleware.deploy import deploy
from tests.fixtures import (
    INSTANCE,
    PROJECT,
    close,
    make_store,
    rows,
    wait_until,
    write_configuration,
)

ERROR = "dbaas.instance_create.error"


def payload(**values):
    return {
        "instance_id": INSTANCE,
        "message": "No valid host",
        "exception": ["Traceback\n", "NoValidHost\n"],
        "tenant_id": PROJECT,
        **values,
    }


@pytest.fixture
def world(configure, sqlite_url):
    made = []

    def make(more="", **values):
        values = {"topics": f"t{uuid.uuid4().hex}", **values}
        text = f"[DEFAULT]\ntransport_url = fake://\n{more}"
        deployment = deploy(configure(text, **values))
        made.append(deployment)
        return World(deployment)

    store = make_store(sqlite_url)
    yield make
    for deployment in made:
        deployment.consumer.stop()
        close(deployment.store)
    close(store)


@pytest.fixture
def signals():
    """Gives the process back its handlers of signals, which the program replaces."""
    before = {number: signal.getsignal(number) for number in program.SIGNALS}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


class World:
    """A consumer, and a service that notifies."""

    def __init__(self, deployment):
        self.store = deployment.store
        self.consumer = deployment.consumer
        transport = oslo_messaging.get_notification_transport(deployment.conf)
        self.notifier = oslo_messaging.Notifier(
            transport,
            "taskmanager.host",
            driver="messagingv2",
            topics=sorted({queue.topic for queue in deployment.queues}),
        )

    def messages(self):
        return [row["message"] for row in rows(self.store)]


def test_a_topic_that_others_may_read_is_named_and_not_read(world, caplog):
    here = world(profiles="masakari", topics="")

    here.consumer.ensure()
    wait_until(lambda: here.consumer.listening)

    assert "masakari publishes to versioned_notifications alone" in caplog.text


def test_nothing_is_said_of_a_topic_that_nothing_is_published_to(
    world, caplog
):
    here = world(
        profiles="masakari",
        topics="",
        more="[oslo_messaging_notifications]\ndriver = fault_middleware\n",
    )

    here.consumer.ensure()
    wait_until(lambda: here.consumer.listening)

    assert "publishes to" not in caplog.text


def test_a_notification_becomes_a_row(world):
    here = world()
    here.notifier.info({}, ERROR, payload())

    here.consumer.ensure()

    wait_until(lambda: here.messages() == ["No valid host"])


def test_many_notifications_become_rows_in_their_order(world):
    here = world(batch_size="10")
    here.consumer.ensure()

    for number in range(35):
        here.notifier.info({}, ERROR, payload(message=str(number)))

    wait_until(lambda: len(here.messages()) == 35)
    assert here.messages() == [str(number) for number in range(35)]


def test_what_is_not_ours_is_left_out(world):
    here = world()
    here.notifier.info({}, "dbaas.instance_create.start", payload())
    here.notifier.info({}, ERROR, payload(instance_id=None))
    here.notifier.info({}, ERROR, None)
    here.notifier.error({}, ERROR, payload(message="on a queue nobody reads"))
    here.notifier.info({}, ERROR, payload(message="ours"))

    here.consumer.ensure()

    wait_until(lambda: here.messages() == ["ours"])


def test_starting_again_starts_nothing_more(world):
    here = world()
    here.consumer.ensure()
    wait_until(lambda: here.consumer.running)
    threads = threading.active_count()

    for _ in range(10):
        here.consumer.ensure()

    assert threading.active_count() == threads


@pytest.mark.parametrize(
    ("clears", "shown"),
    [
        ("operation", {"5": "attach", "6": None, "7": "attach"}),
        ("all", {"5": None, "6": None, "7": None}),
        ("true", {"5": None, "6": None, "7": None}),
        ("none", {"5": "extend", "6": "extend", "7": "attach"}),
        ("False", {"5": "extend", "6": "extend", "7": "attach"}),
    ],
)
def test_a_success_clears_what_the_deployer_wants(
    world, tmp_path, clears, shown
):
    profile = tmp_path / "orders.yaml"
    profile.write_text(
        "service: orders\n"
        "operations: {extend: order.extend.*, attach: order.attach.*}\n"
        "events:\n"
        "  - {event_type: order.*.failed, priority: info,"
        " record: {instance_id: payload.id, message: payload.why}}\n"
        "  - {event_type: order.*.done, priority: info,"
        " success: {instance_id: payload.id}}\n"
    )
    here = world(profiles=str(profile), clear_on_success=clears)
    failed = [
        ("attach", "5"),
        ("extend", "5"),
        ("extend", "6"),
        ("attach", "7"),
    ]
    for name, instance in failed:
        payload = {"id": instance, "why": name}
        here.notifier.info({}, f"order.{name}.failed", payload)
    for instance in "567":
        here.notifier.info({}, "order.extend.done", {"id": instance})
    here.notifier.info({}, "order.attach.failed", {"id": "8", "why": "last"})

    here.consumer.ensure()

    wait_until(lambda: here.store.newest("orders", "8"))
    # What succeeded is stored after what failed.
    wait_until(lambda: all_shown(here.store, "567") == shown)


def all_shown(store, instances):
    """What is shown of each instance."""
    found = dict.fromkeys(instances)
    for instance in instances:
        row = store.newest("orders", instance)
        if row is not None and not row.is_clearance:
            found[instance] = row.message
    return found


def test_while_the_database_fails_nothing_is_lost(world):
    here = world()
    with here.store.writer.begin() as connection:
        connection.exec_driver_sql(
            "ALTER TABLE instance_faults RENAME TO elsewhere"
        )
    here.consumer.ensure()
    for number in range(5):
        here.notifier.info({}, ERROR, payload(message=str(number)))
    time.sleep(0.3)

    with here.store.writer.begin() as connection:
        connection.exec_driver_sql(
            "ALTER TABLE elsewhere RENAME TO instance_faults"
        )

    wait_until(lambda: here.messages() == ["0", "1", "2", "3", "4"])


def test_the_consumer_ends_when_it_is_told_to(world):
    here = world()
    end = threading.Event()
    ended = threading.Thread(target=here.consumer.run, args=(end.wait,))
    ended.start()
    wait_until(lambda: here.consumer.running)

    end.set()

    ended.join(10)
    assert not ended.is_alive()


@pytest.mark.parametrize(
    ("section", "text"),
    [
        ("DEFAULT", "transport_url = rabbit://u:s3cret/x@127.0.0.1/\n"),
        (
            "oslo_messaging_notifications",
            "[oslo_messaging_notifications]\ntransport_url = //u:hun@s3cret@127.0.0.1/\n",
        ),
        (
            "fault_middleware",
            "transport_url = fake://\n[fault_middleware]\ntransport_url = rabbit://u@[s3cret/\n",
        ),
    ],
)
def test_a_wrong_address_of_the_broker_is_refused_without_its_password(
    tmp_path, sqlite_url, capsys, signals, section, text
):
    file = write_configuration(
        tmp_path / "service.conf", sqlite_url, f"[DEFAULT]\n{text}"
    )

    code = program.main(["--config-file", str(file)])

    err = capsys.readouterr().err
    assert code == 2
    assert f"[{section}] transport_url cannot be read" in err
    assert "s3cret" not in err


def test_a_transport_that_oslo_messaging_does_not_have_is_refused(
    tmp_path, sqlite_url, capsys, signals
):
    text = "[DEFAULT]\ntransport_url = nosuch://127.0.0.1/\n"
    file = write_configuration(tmp_path / "service.conf", sqlite_url, text)

    code = program.main(["--config-file", str(file)])

    assert code == 2
    err = capsys.readouterr().err
    assert (
        "[DEFAULT] transport_url: oslo.messaging has no transport 'nosuch'; it has "
        in err
    )
    assert "rabbit" in err


def test_kafka_is_refused_as_what_is_read_from_it_could_be_lost(
    tmp_path, sqlite_url, capsys, signals
):
    text = "[DEFAULT]\ntransport_url = kafka://127.0.0.1:9092/\n"
    file = write_configuration(tmp_path / "service.conf", sqlite_url, text)

    code = program.main(["--config-file", str(file)])

    assert code == 2
    assert "driver = fault_middleware" in capsys.readouterr().err


@pytest.mark.parametrize("seconds", [0, 0.2, 0.5, 1, 2, 4])
@pytest.mark.parametrize(
    "number", program.SIGNALS, ids=lambda number: number.name
)
def test_a_signal_at_any_moment_of_the_start_ends_the_program_with_0(
    tmp_path, sqlite_url, number, seconds
):
    text = "[DEFAULT]\ntransport_url = rabbit://127.0.0.1:1/\n"
    file = write_configuration(tmp_path / "service.conf", sqlite_url, text)
    command = [
        sys.executable,
        "-m",
        "fault_middleware.cmd.consumer",
        "--config-file",
        str(file),
    ]
    running = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    # Before that Python itself has not begun.
    wait_until(lambda: catches(running.pid, program.SIGNALS[-1]))
    time.sleep(seconds)

    running.send_signal(number)

    assert running.wait(30) == 0


# Of a process whose standard error nobody reads.
_WRITES_TO_THE_END = """
import sys, threading, time
from fault_middleware.cmd import consumer, consuming

def consume(arguments, signals):
    line, stream = "x" * 2**20, {"file": sys.stderr}
    write = threading.Thread(target=print, args=[line], kwargs=stream)
    write.daemon = True
    write.start()
    time.sleep(0.5)
    return 0

consuming.consume = consume
consumer.run()
"""


def test_a_thread_that_still_logs_does_not_keep_the_program_from_its_end():
    command = [sys.executable, "-c", _WRITES_TO_THE_END]
    environ = dict(os.environ)
    environ.pop("PYTHONUNBUFFERED", None)
    with subprocess.Popen(
        command, stderr=subprocess.PIPE, env=environ
    ) as running:
        try:
            assert running.wait(30) == 0
        finally:
            running.kill()


def catches(pid, number):
    """Whether a process has a handler of its own for a signal."""
    status = Path(f"/proc/{pid}/status").read_text()
    (mask,) = re.findall(r"^SigCgt:\s*(\w+)", status, re.MULTILINE)
    return bool(int(mask, 16) & 1 << (number - 1))
