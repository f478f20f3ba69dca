# SPDX-License-Identifier: Apache-2.0
"""What is read from the broker, and whether it is there at all."""

import collections
import contextlib
import functools
import time
from typing import Any

from oslo_messaging._drivers import base

# Seconds to wait for a first message. While none comes, nothing else is done.
_IDLE = 0.5
# Seconds to wait for what has arrived already; with none, py-amqp would wait in a busy loop.
_NEXT = 0.001
# Seconds without a connection after which it is gone. Connecting to another node takes about one.
_LONGEST_GAP = 10.0


class RabbitLink:
    """A connection to RabbitMQ that reads all that waits, and not one message after the other.

    Private names of kombu and py-amqp are used here, and of oslo.messaging also in the listener.
    If one has disappeared, listening fails and says so: to go on without it could lose
    notifications.

    :param link: oslo.messaging's connection
    :param most: how many messages to read at once
    """

    def __init__(self, link: Any, most: int) -> None:
        self._link = link.connection
        self._most = most
        # Of kombu, whose object stays the same when it connects again.
        self._drain = self._link.connection.drain_events
        self._link.connection.drain_events = self._drain_all
        # Now, and not when messages are in hand, as said above.
        _ = self.heartbeat, self.frames

    @property
    def heartbeat(self) -> float:
        """Seconds within which a healthy broker sends something; 0 if it need not."""
        return float(self._link.heartbeat_timeout_threshold)

    @property
    def frames(self) -> int | None:
        """How many frames have come, heartbeats too; None while there is no connection."""
        channel = self._link.channel
        # Of the channel, as kombu would connect when it is asked for its connection.
        connection = None if channel is None else channel.connection
        if connection is None or not connection.connected:
            return None
        return int(connection.bytes_recv)

    def _drain_all(self, timeout: float | None = None) -> None:
        """Wait for a message, and read what is behind it: faster than a wait for each."""
        # py-amqp opens a channel again that the broker has closed. There messages are numbered
        # from 1 again, so what is in hand would be acknowledged as others. Now oslo.messaging
        # connects anew.
        channel = self._link.channel
        channel._do_revive = channel.collect
        self._drain(timeout=timeout)
        with contextlib.suppress(TimeoutError):
            for _ in range(self._most):
                self._drain(timeout=_NEXT)

    @staticmethod
    def let_come_again(reader: Any) -> None:
        """Let oslo.messaging's reader hand on what it has had before.

        It would log a traceback, drop the message and never acknowledge it. Such a message comes
        where the connection broke before the broker had the acknowledgement; to the table it is
        the same row.
        """
        cache = reader.msg_id_cache
        _ = cache.prev_msgids
        cache.prev_msgids = collections.deque(maxlen=0)

    @staticmethod
    def let_answer_for_all(incoming: Any) -> None:
        """Let the acknowledgement of a message answer for all before it.

        One thread stores, so those before it are stored too.
        """
        message = incoming.message._raw_message
        message.ack = functools.partial(message.ack, multiple=True)


class Gathering(base.PollStyleListener):  # type: ignore[misc]  # oslo.messaging has no types
    """Reads from another reader; a batch ends when nothing more comes, and not later.

    :param link: what tells whether the broker is silent; None where nothing does
    """

    def __init__(
        self, reader: base.PollStyleListener, link: RabbitLink | None
    ) -> None:
        super().__init__(reader.prefetch_size)
        self.reader = reader
        self._link = link
        # By time.monotonic(): when there was a connection, and when the broker was heard.
        self._connected = time.monotonic()
        self._heard = self._connected
        self._frames = 0

    def poll(
        self,
        timeout: float | None = None,
        batch_size: int = 1,
        batch_timeout: float | None = None,
    ) -> list[Any]:
        """A batch; empty if nothing came for half a second."""
        # Before a batch is in hand, which an error would lose.
        self._note()
        pause = (batch_timeout or 0) - _NEXT
        batch: list[Any] = self.reader.poll(timeout=_IDLE)
        while 0 < len(batch) < batch_size:
            more = self.reader.poll(timeout=pause)
            if not more:
                break
            batch += more
        return batch

    def silence(self) -> str | None:
        """As :attr:`fault_middleware.listener.Listener.silence`."""
        now = time.monotonic()
        gap = now - self._connected
        if gap > _LONGEST_GAP:
            return f"there has been no connection for {gap:.0f} s"
        if self._link is None or not self._link.heartbeat:
            return None
        silent = now - self._heard
        if silent > self._link.heartbeat:
            return f"not even a heartbeat has come for {silent:.0f} s"
        return None

    def _note(self) -> None:
        """Note whether there is a connection, and whether something has come through it."""
        now = time.monotonic()
        if self._link is None:
            self._connected = now
            return
        frames = self._link.frames
        if frames is None:
            return
        self._connected = now
        if frames != self._frames:
            self._frames = frames
            self._heard = now

    def stop(self) -> None:
        """Let :meth:`poll` end."""
        self.reader.stop()

    def cleanup(self) -> None:
        """Close the connection."""
        self.reader.cleanup()
