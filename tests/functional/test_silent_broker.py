# SPDX-License-Identifier: Apache-2.0
"""A broker that the consumer has lost: the metric, the health and the log say so."""

import contextlib
import logging
import os
import signal
import time
import uuid
from pathlib import Path

import pytest

from fault_middleware.deploy import deploy
from tests.fixtures import (
    close,
    make_store,
    parse,
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
