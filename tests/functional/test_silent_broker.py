# SPDX-License-Identifier: Apache-2.0
"""A broker that the consumer has lost: the metric, the health and the log say so."""

import contextlib
import logging
import os
import signal
import time
import uuid
from pathlib import Path

import oslo_messaging
import pytest
from oslo_config import cfg

from fault_middleware.deploy import deploy
from tests.fixtures import (
    INSTANCE,
    close,
    make_store,
    parse,
    relayed,
    rows,
    start,
    wait_until,
    write_configuration,
)

HEARTBEAT = "[oslo_messaging_rabbit]\nheartbeat_timeout_threshold = {}\n"


@pytest.fixture
def broker():
    """A RabbitMQ of the test's own, for it does not survive."""
    with start("rabbitmq") as running:
        yield running


@pytest.fixture
def deployment(request, broker, sqlite_url, tmp_path):
    """A consumer that listens; the parameter is the heartbeat's time in seconds."""
    close(make_store(sqlite_url))
    file = write_configuration(
        tmp_path / "x.conf",
        sqlite_url,
        HEARTBEAT.format(request.param),
        transport_url=broker.url,
        topics=uuid.uuid4().hex,
    )
    deployment = deploy(parse(file))
    deployment.consumer.ensure()
    wait_until(lambda: deployment.consumer.listening)
    yield deployment
    deployment.consumer.close()


def send(broker, number):
    """Send a signal to the node."""
    node = Path(broker.environ["RABBITMQ_PID_FILE"]).read_text()
    os.kill(int(node), number)


@contextlib.contextmanager
def suspended(broker):
    send(broker, signal.SIGSTOP)
    try:
        yield
    finally:
        send(broker, signal.SIGCONT)


def failure(deployment):
    """What the health says of the broker."""
    return deployment.metrics.health.failures.get("broker", "")


def is_failing(deployment):
    """What Prometheus is told."""
    return deployment.metrics.registry.get_sample_value(
        "fault_middleware_failing", {"part": "broker"}
    )


@pytest.mark.parametrize("deployment", [60], indirect=True)
def test_a_broker_that_is_killed_is_told(broker, deployment, caplog):
    assert is_failing(deployment) == 0

    send(broker, signal.SIGKILL)

    wait_until(lambda: "no connection" in failure(deployment), 60)
    assert is_failing(deployment) == 1
    assert "broker: no notifications come" in caplog.text


@pytest.mark.parametrize("deployment", [4], indirect=True)
def test_a_broker_that_stands_still_is_told_until_it_goes_on(
    broker, deployment, caplog
):
    caplog.set_level(logging.INFO)
    with suspended(broker):
        wait_until(lambda: "heartbeat" in failure(deployment), 60)
        assert is_failing(deployment) == 1

    wait_until(lambda: not failure(deployment), 60)
    assert is_failing(deployment) == 0
    assert "broker: it works again" in caplog.text


@pytest.mark.parametrize("deployment", [4], indirect=True)
def test_a_broker_with_nothing_to_send_is_well(deployment):
    """For longer than the heartbeat's time, since heartbeats come."""
    end = time.monotonic() + 8

    while time.monotonic() < end:
        assert failure(deployment) == ""
        time.sleep(0.5)


@pytest.fixture
def nodes(broker):
    """Three addresses of the broker, as those of a cluster's nodes."""
    with contextlib.ExitStack() as stack:
        relays = []
        for _ in range(3):
            relays.append(stack.enter_context(relayed(broker.url)))
        yield relays


def test_a_node_that_stands_still_is_left_for_another(
    broker, nodes, sqlite_url, tmp_path
):
    store = make_store(sqlite_url)
    hosts = ",".join(f"guest:guest@127.0.0.1:{node.port}" for node in nodes)
    topic = uuid.uuid4().hex
    file = write_configuration(
        tmp_path / "x.conf",
        sqlite_url,
        HEARTBEAT.format(4),
        transport_url=f"rabbit://{hosts}/",
        topics=topic,
    )
    deployment = deploy(parse(file))
    deployment.consumer.ensure()
    wait_until(lambda: deployment.consumer.listening)
    (its_node,) = [node for node in nodes if node.trips]

    its_node.mute()
    notify(broker, topic)

    wait_until(lambda: rows(store), 120)
    wait_until(lambda: not failure(deployment), 60)
    deployment.consumer.close()
    close(store)


def notify(broker, topic):
    """Publish at the broker itself, and not at one of its nodes' addresses."""
    transport = oslo_messaging.get_notification_transport(
        cfg.ConfigOpts(), url=broker.url
    )
    notifier = oslo_messaging.Notifier(
        transport, "x", driver="messagingv2", topics=[topic]
    )
    failed = {"instance_id": INSTANCE, "message": "boom"}
    notifier.info({}, "dbaas.instance_create.error", failed)
    transport.cleanup()
