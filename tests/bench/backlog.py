# SPDX-License-Identifier: Apache-2.0
"""Queues full of notifications."""

import json
import uuid

import amqp

from tests.fixtures import read_data
from tests.services import Broker

EXCHANGE = "trove"
_RECORDED = read_data(
    "trove/notifications/002-dbaas.instance_create.error.json"
)
_MESSAGE = json.loads(json.loads(_RECORDED["raw_body"])["oslo.message"])


class Backlog:
    """A queue of its own, as a listener of oslo.messaging declares it.

    :ivar topic: what the listener listens for
    """

    def __init__(self, broker: Broker) -> None:
        self.topic = uuid.uuid4().hex
        self._queue = f"{self.topic}.info"
        self._connection = amqp.Connection(f"127.0.0.1:{broker.port}")
        self._connection.connect()
        self._channel = self._connection.channel()
        self._channel.exchange_declare(
            EXCHANGE, "topic", durable=False, auto_delete=False
        )
        self._channel.queue_declare(
            self._queue, durable=False, auto_delete=False
        )
        self._channel.queue_bind(self._queue, EXCHANGE, self._queue)

    def publish(self, count: int) -> None:
        """Send notifications of failures, of 4 KB, each another one."""
        for number in range(count):
            # oslo.messaging passes over what it knows by its _unique_id.
            ids = {
                "message_id": str(uuid.uuid4()),
                "_unique_id": uuid.uuid4().hex,
            }
            message = {**_MESSAGE, **ids}
            message["payload"] = {
                **message["payload"],
                "instance_id": f"instance-{number % 500}",
            }
            body = {"oslo.version": "2.0", "oslo.message": json.dumps(message)}
            self._channel.basic_publish(
                amqp.Message(json.dumps(body), **_RECORDED["properties"]),
                EXCHANGE,
                self._queue,
            )

    @property
    def depth(self) -> int:
        """The messages that nobody took yet."""
        return self._channel.queue_declare(
            self._queue, passive=True
        ).message_count

    def close(self) -> None:
        self._channel.queue_delete(self._queue)
        self._connection.close()
