# SPDX-License-Identifier: Apache-2.0
"""The database or the broker away while notifications come: nothing is lost, nothing loops.

FAULT_MIDDLEWARE_FULL=1 (``tox -e full``) runs each at its full length.
"""

import contextlib
import os
import random
import signal
import sys
import threading
import time
import uuid

import amqp
import oslo_messaging
import psutil
import pytest
import webtest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fault_middleware import clock, fault
from fault_middleware.deploy import deploy
from fault_middleware.factories import FaultMiddleware
from tests import services
from tests.fixtures import (
    INSTANCE,
    Service,
    close,
    make_store,
    new_database,
    parse,
    relayed,
    rows,
    start,
    wait_until,
    write_configuration,
)

FULL = bool(os.environ.get("FAULT_MIDDLEWARE_FULL"))
ERROR = "dbaas.instance_create.error"
CONSUMER = [
    sys.executable,
    "-W",
    "ignore",
    "-m",
    "fault_middleware.cmd.consumer",
]
DURABLE = "[oslo_messaging_rabbit]\namqp_durable_queues = true\n"
QUORUM = "[oslo_messaging_rabbit]\nrabbit_quorum_queue = true\n"


class World:
    """A database, a publisher, and consumers in processes of their own."""

    def __init__(
        self, folder, url, broker_url, text="", database=None, **values
    ):
        self.store = make_store(url)
        self.folder = folder
        self.log = folder / "consumer.log"
        self.topic = uuid.uuid4().hex
        values = {"transport_url": broker_url, "topics": self.topic, **values}
        self.file = write_configuration(
            folder / "x.conf", database or url, text, **values
        )
        self.stack = contextlib.ExitStack()
        self._notifier = None

    def start(self):
        """Start a consumer; return once it listens."""
        before = self.listening()
        command = [*CONSUMER, "--config-file", str(self.file)]
        running = self.stack.enter_context(services.process(command, self.log))
        wait_until(lambda: self.listening() > before, 40)
        return running

    def listening(self):
        return (
            self.log.read_text().count("Listening for")
            if self.log.exists()
            else 0
        )

    def notify(self, names, size=0):
        """Publish a failure of each name, once all of them are with the broker."""
        if self._notifier is None:
            conf = parse(self.file)
            transport = oslo_messaging.get_notification_transport(
                conf, url=deploy(conf).settings.transport_url
            )
            self._notifier = oslo_messaging.Notifier(
                transport,
                "taskmanager.h",
                driver="messagingv2",
                topics=[self.topic],
            )
            self._notifier = self._notifier.prepare(retry=20)
        for name in names:
            details = ["x" * size]
            payload = {
                "instance_id": str(name),
                "message": str(name),
                "exception": details,
            }
            self._notifier.info({}, ERROR, payload)

    def messages(self):
        return sorted(row["message"] for row in rows(self.store))

    def close(self):
        self.stack.close()
        close(self.store)


@pytest.fixture
def make_world(tmp_path):
    with contextlib.ExitStack() as stack:

        def make(*arguments, **values):
            made = World(tmp_path, *arguments, **values)
            stack.callback(made.close)
            return made

        yield make


@pytest.mark.parametrize("server", ["mariadb", "postgresql"])
@pytest.mark.parametrize("way", ["mute", "closed", "no table"])
def test_the_database_away_under_load(
    make_world, broker, request, server, way
):
    seconds, count = (60, 1000) if FULL else (4, 300)
    with (
        new_database(request.getfixturevalue(server)) as url,
        relayed(url) as relay,
    ):
        world = make_world(url, broker.url, database=relay.url)
        process = psutil.Process(world.start().pid)
        world.notify(["first"])
        wait_until(lambda: world.messages() == ["first"])
        memory, port = process.memory_info().rss, relay.port
        rename = "ALTER TABLE {} RENAME TO {}"
        if way == "mute":
            relay.mute()
        elif way == "closed":
            relay.close()
        else:
            with world.store.writer.begin() as connection:
                connection.exec_driver_sql(
                    rename.format("instance_faults", "elsewhere")
                )

        names = [f"{number:04}" for number in range(count)]
        world.notify(names, size=4000)
        processor = sum(process.cpu_times()[:2])
        time.sleep(seconds)
        processor = sum(process.cpu_times()[:2]) - processor
        grown = process.memory_info().rss - memory
        if way == "mute":
            relay.unmute()
        elif way == "closed":
            relay.reopen(port)
        else:
            with world.store.writer.begin() as connection:
                connection.exec_driver_sql(
                    rename.format("elsewhere", "instance_faults")
                )

        wait_until(lambda: len(rows(world.store)) == count + 1, 60)
        assert world.messages() == sorted(["first", *names])
        assert grown <= 20 * 1024 * 1024
        assert processor <= 0.1 * seconds + 0.3
        assert world.log.read_text().count("faults wait") <= 1 + seconds / 10
        # A write is given up after ten seconds.
        assert (
            FULL or way == "mute" or "it works again" in world.log.read_text()
        )


def test_what_waits_is_with_the_broker_but_for_four_batches(
    make_world, broker, sqlite_url
):
    world = make_world(sqlite_url, broker.url, batch_size="10")
    world.start()
    with world.store.writer.begin() as connection:
        connection.exec_driver_sql("DROP TABLE instance_faults")

    world.notify(range(200))

    wait_until(lambda: "faults wait" in world.log.read_text())
    with amqp.Connection(f"127.0.0.1:{broker.port}") as connection:
        channel = connection.channel()
        queue = f"{world.topic}.info"
        wait_until(
            lambda: (
                channel.queue_declare(queue, passive=True).message_count == 160
            )
        )


def test_a_row_that_can_never_be_stored(make_world, broker, database_url):
    world = make_world(database_url, broker.url)
    refuse = {
        "sqlite": "CREATE TRIGGER no BEFORE INSERT ON instance_faults WHEN new.message LIKE"
        " 'poison%' BEGIN SELECT RAISE(ABORT, 'no'); END",
        "mysql": "ALTER TABLE instance_faults ADD CHECK (message NOT LIKE 'poison%')",
        "postgresql": "ALTER TABLE instance_faults ADD CHECK (message NOT LIKE 'poison%')",
    }
    with world.store.writer.begin() as connection:
        connection.exec_driver_sql(
            refuse[connection.dialect.name].replace("%", "%%")
        )
    names = ["good-1", "poison-1", "good-2", "good-3", "poison-2", "good-4"]
    world.notify(names)
    world.notify(["last"])

    world.start()

    wait_until(lambda: "last" in world.messages())
    assert world.messages() == ["good-1", "good-2", "good-3", "good-4", "last"]
    assert "dropped (refused by the database)" in world.log.read_text()


@pytest.fixture
def own_broker(tmp_path_factory):
    """A RabbitMQ that a test may restart."""
    with services.rabbitmq(tmp_path_factory.mktemp("own") / "run") as running:
        yield running


@pytest.mark.parametrize("text", [DURABLE, QUORUM], ids=["durable", "quorum"])
def test_the_broker_restarts(make_world, own_broker, sqlite_url, text):
    world = make_world(sqlite_url, own_broker.url, text)
    process = world.start()
    world.notify(["before"])
    wait_until(lambda: world.messages() == ["before"])
    # What waits for a consumer while the broker goes down.
    process.send_signal(signal.SIGSTOP)
    names = [f"{number:03}" for number in range(100)]
    world.notify(names)

    own_broker.control("stop_app")
    process.send_signal(signal.SIGCONT)
    time.sleep(2)
    own_broker.control("start_app")

    wait_until(lambda: len(rows(world.store)) == 101, 90)
    assert world.messages() == sorted(["before", *names])
    world.notify(["after"])
    wait_until(lambda: "after" in world.messages(), 60)


@pytest.fixture
def impatient_broker():
    """A RabbitMQ that waits for an acknowledgement for seconds; by default it is half an hour."""
    options = (
        "-rabbit consumer_timeout 5000 -rabbit channel_tick_interval 2000"
    )
    with start("rabbitmq", options=options) as running:
        yield running


def test_the_broker_takes_back_what_was_not_acknowledged_in_time(
    make_world, impatient_broker, postgresql
):
    with new_database(postgresql) as url, relayed(url) as relay:
        world = make_world(
            url, impatient_broker.url, database=relay.url, batch_size="5"
        )
        world.start()
        world.notify(["before"])
        wait_until(lambda: world.messages() == ["before"])
        port = relay.port
        relay.close()
        names = [f"{number:02}" for number in range(50)]
        world.notify(names)

        wait_until(lambda: "PRECONDITION_FAILED" in world.log.read_text(), 90)
        relay.reopen(port)

        wait_until(lambda: len(rows(world.store)) == 51, 60)
        assert world.messages() == sorted(["before", *names])
        world.notify(["after"])
        wait_until(lambda: "after" in world.messages(), 60)


@pytest.mark.parametrize("way", ["cut", "frozen"])
def test_the_wire_to_the_broker_breaks(make_world, broker, sqlite_url, way):
    relay = services.Relay(broker.port)
    url = broker.url.replace(str(broker.port), str(relay.port))
    text = "[oslo_messaging_rabbit]\nheartbeat_timeout_threshold = 6\n"
    world = make_world(sqlite_url, broker.url, text)
    text = world.file.read_text()
    world.notify([])
    world.file.write_text(text.replace(broker.url, url))
    world.start()
    world.notify(["before"])
    wait_until(lambda: world.messages() == ["before"])

    if way == "cut":
        relay.cut()
        world.notify(["meanwhile"])
    else:
        relay.mute()
        world.notify(["meanwhile"])
        time.sleep(15 if FULL else 3)
        relay.unmute()

    wait_until(lambda: world.messages() == ["before", "meanwhile"], 60)
    world.notify(["after"])
    wait_until(lambda: "after" in world.messages(), 60)
    world.stack.close()
    relay.close()


def test_killed_at_any_moment(make_world, broker, postgresql):
    with new_database(postgresql) as url:
        world = make_world(url, broker.url, batch_size="5")
        names = []
        for round_ in range(50 if FULL else 6):
            process = world.start()
            more = [f"{round_:02}-{number:02}" for number in range(30)]
            sender = threading.Thread(target=world.notify, args=(more,))
            sender.start()
            time.sleep(random.uniform(0, 0.15))
            process.kill()
            sender.join()
            names += more
        world.start()

        wait_until(lambda: len(rows(world.store)) >= len(names), 60)
        time.sleep(1)
        assert world.messages() == names


def test_sigterm_gives_back_what_is_not_stored(make_world, broker, postgresql):
    with new_database(postgresql) as url, relayed(url) as relay:
        world = make_world(url, broker.url, database=relay.url)
        process = world.start()
        relay.close()
        names = [f"{number}" for number in range(10)]
        world.notify(names)
        time.sleep(1)

        process.terminate()
        assert process.wait(10) == 0
        relay.reopen(relay.port)
        world.start()

        wait_until(lambda: world.messages() == names)


@settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(data=st.data())
def test_duplicates_and_disorder_among_workers_change_nothing(any_store, data):
    moments = [
        clock.parse_time(f"2026-01-01T00:00:0{n}.{n}") for n in range(5)
    ]
    instance_id = uuid.uuid4().hex
    reports = [
        fault.make(
            "trove",
            instance_id,
            created=moments[number],
            message_id=f"m{number}",
            is_clearance=True,
        )
        if data.draw(st.booleans())
        else fault.make(
            "trove",
            instance_id,
            message=f"m{number}",
            created=moments[data.draw(st.integers(0, 4))],
            message_id=f"m{number}",
        )
        for number in range(5)
    ]
    in_order = max(reports, key=lambda row: (row.created, row.id))

    def work(order):
        for number in order:
            any_store.record([reports[number]])

    orders = [data.draw(st.permutations(range(5))) for _ in range(4)]
    workers = [
        threading.Thread(target=work, args=(order * 2,)) for order in orders
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()

    stored = [
        row for row in rows(any_store) if row["instance_id"] == instance_id
    ]
    assert sorted(row["id"] for row in stored) == sorted(
        row.id for row in reports
    )
    assert any_store.newest("trove", instance_id) == in_order
    assert (
        any_store.newest_of_many("trove", [instance_id])[instance_id]
        == in_order
    )


class TestTheBrokerAtTheStartOfTheApi:
    """The API serves, whatever the broker does, and the consumer gets through in the end."""

    def serve(self, tmp_path, url, text=""):
        database = f"sqlite:///{tmp_path}/faults.sqlite"
        close(make_store(database))
        file = write_configuration(
            tmp_path / "x.conf",
            database,
            text,
            transport_url=url,
            topics=uuid.uuid4().hex,
            credentials="headers",
        )
        conf = parse(file)
        wrapped = FaultMiddleware(Service(), conf)
        begin = time.monotonic()
        for _ in range(20):
            assert (
                webtest.TestApp(wrapped).get(f"/p1/instances/{INSTANCE}").body
            )
        assert time.monotonic() - begin < 2
        return deploy(conf)

    def test_closed(self, tmp_path):
        port = services.free_port()
        parts = self.serve(tmp_path, f"rabbit://guest:guest@127.0.0.1:{port}/")

        wait_until(lambda: "broker" in parts.metrics.health.failures)

    def test_mute(self, tmp_path, broker):
        relay = services.Relay(broker.port)
        relay.mute()
        parts = self.serve(
            tmp_path, f"rabbit://guest:guest@127.0.0.1:{relay.port}/"
        )
        relay.unmute()
        wait_until(lambda: parts.consumer.listening, 60)
        parts.consumer.close()
        relay.close()

    def test_wrong_password(self, tmp_path, broker, caplog):
        url = broker.url.replace("guest:guest", "guest:S3cr3t")

        parts = self.serve(tmp_path, url)

        wait_until(
            lambda: (
                "AccessRefused"
                in parts.metrics.health.failures.get("broker", "")
            )
        )
        assert "S3cr3t" not in caplog.text
        parts.consumer.stop()

    def test_a_queue_that_is_declared_otherwise(self, tmp_path, broker):
        url = broker.new_host(uuid.uuid4().hex)
        first = self.serve(tmp_path, url, DURABLE)
        wait_until(lambda: first.consumer.listening)
        (folder := tmp_path / "other").mkdir()

        other = self.serve(folder, url)

        wait_until(
            lambda: (
                "amqp_durable_queues"
                in other.metrics.health.failures.get("broker", "")
            )
        )
        other.consumer.stop()
        first.consumer.close()


def test_while_the_database_is_away_what_comes_again_is_kept_once(
    make_world, broker, sqlite_url
):
    relay = services.Relay(broker.port)
    url = broker.url.replace(str(broker.port), str(relay.port))
    world = make_world(sqlite_url, broker.url, batch_size="5")
    text = world.file.read_text()
    names = [f"{number:03}" for number in range(100)]
    world.notify([])
    world.file.write_text(text.replace(broker.url, url))
    rename = "ALTER TABLE {} RENAME TO {}"
    with world.store.writer.begin() as connection:
        connection.exec_driver_sql(
            rename.format("instance_faults", "elsewhere")
        )
    world.start()
    world.notify(names)
    wait_until(lambda: "faults wait" in world.log.read_text())

    for number in range(1, 6):
        relay.cut()
        wait_until(
            lambda: world.log.read_text().count("Reconnected") >= number  # noqa: B023
        )
        # The broker sends again what fits into four batches.
        time.sleep(1)
    with world.store.writer.begin() as connection:
        connection.exec_driver_sql(
            rename.format("elsewhere", "instance_faults")
        )

    wait_until(lambda: world.messages() == names, 60)
    # Only the batch that was being stored had come through a connection that broke.
    assert world.log.read_text().count("Failed to acknowledge") <= 1
    world.stack.close()
    relay.close()
