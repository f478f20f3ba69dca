# SPDX-License-Identifier: Apache-2.0
"""Recorded notifications through RabbitMQ, the stand-alone consumer, a table."""

import functools
import json
import sys
import time
import uuid
from collections import Counter

import amqp
import kombu
import pytest
from oslo_messaging._drivers import impl_rabbit

from fault_middleware.deploy import deploy
from tests.fixtures import (
    close,
    make_store,
    parse,
    read_data,
    rows,
    trove_notifications,
    wait_until,
    write_configuration,
)
from tests.services import process


def publish(broker, names):
    """Send recorded messages just as they came, byte for byte."""
    with amqp.Connection(f"127.0.0.1:{broker.port}") as connection:
        channel = connection.channel()
        for name in names:
            recorded = read_data(f"trove/notifications/{name}")
            channel.basic_publish(
                amqp.Message(recorded["raw_body"], **recorded["properties"]),
                exchange=recorded["exchange"],
                routing_key=recorded["routing_key"],
            )


def queue_is_empty(broker):
    with amqp.Connection(f"127.0.0.1:{broker.port}") as connection:
        queue = connection.channel().queue_declare(
            "notifications.info", passive=True
        )
        return queue.message_count == 0


@pytest.fixture
def consumer(broker, database_url, tmp_path):
    """A running fault-middleware-consumer; yields its log."""
    store = make_store(database_url)
    file = write_configuration(
        tmp_path / "consumer.conf",
        database_url,
        transport_url=broker.url,
        topics="notifications",
    )
    log = tmp_path / "consumer.log"
    command = [
        sys.executable,
        "-W",
        "ignore",
        "-m",
        "fault_middleware.cmd.consumer",
    ]
    with process([*command, "--config-file", str(file)], log) as running:
        wait_until(lambda: "Listening for notifications" in log.read_text())
        yield store, running
        running.terminate()
        assert running.wait(10) == 0, log.read_text()
    close(store)


def test_the_table_holds_what_the_recorded_notifications_say(consumer, broker):
    store, _ = consumer
    names = trove_notifications()
    expected = read_data("trove/expected.json")
    wanted = [row for name in names for row in expected[name]]

    publish(broker, names)
    wait_until(lambda: len(rows(store)) == len(wanted))
    once = rows(store)
    publish(broker, names)
    publish(broker, reversed(names))
    wait_until(lambda: queue_is_empty(broker))
    time.sleep(0.5)

    assert rows(store) == once
    assert sorted(map(describe, once)) == sorted(
        json.dumps(row, sort_keys=True) for row in wanted
    )


def test_what_comes_again_is_acknowledged(start, broker):
    """It comes where the broker has not had the acknowledgement; oslo.messaging would drop it."""
    store = start(topics="notifications")
    (deployment,) = start.started
    expected = read_data("trove/expected.json")
    name = next(one for one in trove_notifications() if expected[one])
    publish(broker, [name])
    wait_until(lambda: rows(store))

    publish(broker, [name])

    wait_until(lambda: "duplicates_total=1" in deployment.metrics.counts())


def describe(row):
    """A row in the words of the expectations."""
    created = str(row["created"]).replace(" ", "T")
    described = {
        "created": created,
        "deleted": bool(row["deleted"]),
        "details_begin": row["details"].split("\n")[0],
        "details_end": row["details"].rstrip("\n").split("\n")[-1],
    }
    for name in (
        "instance_id",
        "message",
        "event_type",
        "request_id",
        "project_id",
    ):
        described[name] = row[name]
    return json.dumps(described, sort_keys=True)


@pytest.fixture
def start(broker, sqlite_url, tmp_path):
    """Starts consumers in this process, on a table of their own."""
    store = make_store(sqlite_url)
    started = []

    def start(**values):
        values = {"transport_url": broker.url, **values}
        file = write_configuration(
            tmp_path / f"{len(started)}.conf", sqlite_url, **values
        )
        deployment = deploy(parse(file))
        deployment.consumer.ensure()
        wait_until(lambda: deployment.consumer.listening)
        started.append(deployment)
        return store

    def end():
        while started:
            deployment = started.pop()
            deployment.consumer.close()
            close(deployment.store)

    start.end, start.started = end, started
    yield start
    end()
    close(store)


def notify(broker, topic, message, exchange):
    """Publish an error to an exchange.

    oslo's notifier would bind the queue to the exchange itself.
    """
    notification = {
        "message_id": message,
        "publisher_id": "x",
        "event_type": "dbaas.x.error",
        "priority": "INFO",
        "timestamp": "2026-01-01 00:00:00",
        "payload": {"instance_id": "i", "message": message},
    }
    body = json.dumps(
        {"oslo.version": "2.0", "oslo.message": json.dumps(notification)}
    )
    properties = {
        "content_type": "application/json",
        "content_encoding": "utf-8",
    }
    with amqp.Connection(f"127.0.0.1:{broker.port}") as connection:
        channel = connection.channel()
        channel.exchange_declare(
            exchange, "topic", durable=False, auto_delete=False
        )
        channel.basic_publish(
            amqp.Message(body, **properties), exchange, f"{topic}.info"
        )


def test_the_exchanges_of_the_configuration_and_of_the_profiles_are_heard(
    start, broker
):
    topic = uuid.uuid4().hex
    store = start(topics=topic)

    for exchange in ("openstack", "trove", "elsewhere"):
        notify(broker, topic, f"from {exchange}", exchange)

    wait_until(lambda: len(rows(store)) == 2)
    assert sorted(row["message"] for row in rows(store)) == [
        "from openstack",
        "from trove",
    ]


def test_other_exchanges_and_topics_are_named_by_options(start, broker):
    topics = [uuid.uuid4().hex for _ in range(2)]
    store = start(topics=",".join(topics), exchanges="elsewhere,nowhere")

    notify(broker, topics[0], "one", "elsewhere")
    notify(broker, topics[1], "two", "nowhere")

    wait_until(lambda: len(rows(store)) == 2)


def test_a_pool_gets_a_copy_beside_the_other_readers_of_a_topic(start, broker):
    topic = uuid.uuid4().hex
    start(topics=topic)
    store = start(topics=topic, pool=f"fault_middleware.{topic}")

    for number in range(6):
        notify(broker, topic, f"{number}", "trove")

    # Each reader gets all six, which are the same six rows.
    wait_until(lambda: len(rows(store)) == 6)
    with amqp.Connection(f"127.0.0.1:{broker.port}") as connection:
        channel = connection.channel()
        for queue in (f"{topic}.info", f"fault_middleware.{topic}"):
            assert (
                channel.queue_declare(queue, passive=True).consumer_count > 0
            )


def test_messages_that_wait_are_read_and_acknowledged_together(
    start, broker, monkeypatch
):
    calls = Counter()

    def count(owner, name):
        original = getattr(owner, name)

        def counted(*arguments, **options):
            calls[name] += 1
            return original(*arguments, **options)

        monkeypatch.setattr(owner, name, counted)

    topic = uuid.uuid4().hex
    with amqp.Connection(f"127.0.0.1:{broker.port}") as connection:
        channel = connection.channel()
        channel.exchange_declare(
            "trove", "topic", durable=False, auto_delete=False
        )
        queue = functools.partial(
            channel.queue_declare, f"{topic}.info", auto_delete=False
        )
        queue()
        channel.queue_bind(f"{topic}.info", "trove", f"{topic}.info")
        for number in range(150):
            notify(broker, topic, f"{number}", "trove")
        wait_until(lambda: queue().message_count == 150)
        count(amqp.Channel, "basic_ack")
        count(impl_rabbit.Connection, "consume")

        store = start(topics=topic)
        wait_until(lambda: len(rows(store)) == 150)
        waits = calls["consume"]
        wait_until(
            lambda: calls["basic_ack"] >= 3
        )  # 150 are three batches of 64
        start.end()

        assert queue().message_count == 0
        assert {row["message"] for row in rows(store)} == {
            f"{number}" for number in range(150)
        }
        assert calls["basic_ack"] < 15
        assert waits < 75


def test_what_is_in_hand_while_the_channel_is_closed_acknowledges_nothing_else(
    start, broker, monkeypatch
):
    topic, acknowledged = uuid.uuid4().hex, []
    store = start(topics=topic)
    for number in range(30):
        notify(broker, topic, f"{number}", "trove")
    wait_until(lambda: len(rows(store)) == 30)
    with store.writer.begin() as connection:
        connection.exec_driver_sql(
            "ALTER TABLE instance_faults RENAME TO elsewhere"
        )
    (deployment,) = start.started
    notify(broker, topic, "in hand", "trove")
    wait_until(
        lambda: "database (storing)" in deployment.metrics.health.failures
    )
    for number in range(20):
        notify(broker, topic, f"behind it {number}", "trove")

    acknowledge = amqp.Channel.basic_ack

    def spy(channel, delivery_tag, multiple=False):
        acknowledge(channel, delivery_tag, multiple)
        acknowledged.append(delivery_tag)

    poll = deployment.consumer.listener.listener._poll_style_listener.reader
    channel = poll.conn.channel
    # The broker closes the channel, as it does when a message is not acknowledged for too long.
    poll._message_operations_handler.do(lambda: channel.basic_ack(10**6))
    wait_until(lambda: poll.conn.channel is not channel or not channel.is_open)
    monkeypatch.setattr(amqp.Channel, "basic_ack", spy)
    with store.writer.begin() as connection:
        connection.exec_driver_sql(
            "ALTER TABLE elsewhere RENAME TO instance_faults"
        )

    wait_until(lambda: len(rows(store)) == 51)
    wait_until(lambda: 21 in acknowledged)
    # On a new channel the 21 messages that come again are numbered from 1; the first had 31.
    assert max(acknowledged) == 21


def test_while_the_database_is_away_the_broker_hears_of_us(start, broker):
    topic = uuid.uuid4().hex
    heartbeats = "[oslo_messaging_rabbit]\nheartbeat_timeout_threshold = 2\n"
    store = start(topics=topic, text=heartbeats)
    with store.writer.begin() as connection:
        connection.exec_driver_sql(
            "ALTER TABLE instance_faults RENAME TO elsewhere"
        )
    for number in range(5):
        notify(broker, topic, f"{number}", "trove")

    time.sleep(8)  # the broker hangs up on somebody who is silent for so long

    with amqp.Connection(f"127.0.0.1:{broker.port}") as connection:
        queue = connection.channel().queue_declare(
            f"{topic}.info", passive=True
        )
        assert (queue.message_count, queue.consumer_count) == (0, 1)
    with store.writer.begin() as connection:
        connection.exec_driver_sql(
            "ALTER TABLE elsewhere RENAME TO instance_faults"
        )
    wait_until(lambda: len(rows(store)) == 5)


def test_where_kombu_has_changed_nothing_is_consumed_and_the_broker_keeps_it(
    broker, sqlite_url, tmp_path, monkeypatch
):
    """Versions that setup.cfg does not allow: to go on without could lose notifications."""
    topic = uuid.uuid4().hex
    close(make_store(sqlite_url))
    file = write_configuration(
        tmp_path / "x.conf", sqlite_url, transport_url=broker.url, topics=topic
    )
    deployment = deploy(parse(file))
    monkeypatch.delattr(kombu.Connection, "drain_events")

    deployment.consumer.ensure()

    wait_until(
        lambda: (
            "AttributeError"
            in deployment.metrics.health.failures.get("broker", "")
        )
    )
    notify(broker, topic, "kept", "trove")
    with amqp.Connection(f"127.0.0.1:{broker.port}") as connection:
        queue = connection.channel().queue_declare(
            f"{topic}.info", passive=True
        )
        assert queue.message_count == 1
    deployment.consumer.close()
    close(deployment.store)
