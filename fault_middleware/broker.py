# SPDX-License-Identifier: Apache-2.0
"""What is read from the broker, and whether it is there at all."""

import collections
import contextlib
import functools
import threading
import time
from collections.abc import Callable
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
    def channel(self) -> object:
        """What messages come through; another one with each connection."""
        return self._link.channel

    def has_sent(self, incoming: Any) -> bool:
        """Whether a message came through this connection, and not one that broke since."""
        return incoming.message._raw_message.channel is self.channel

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


class Ahead:
    """The batches that were read and wait to be stored, because an earlier one takes its time.

    When the broker is connected anew, it sends again what was not acknowledged.  So what waits is
    forgotten then, and what comes takes its place: else a database that is away for long, and a
    connection that breaks now and then, would fill the memory.  Thread-safe.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        # Lists that oslo.messaging holds too, in the same order.
        self._batches: collections.deque[list[Any]] = collections.deque()

    def put(self, batch: list[Any]) -> list[Any]:
        """Have a batch wait; what to hand on, which is nothing where it took another's place."""
        with self._lock:
            place = None
            # Behind all that waits: an acknowledgement answers for what came before, too.
            for waiting in reversed(self._batches):
                if waiting:
                    break
                place = waiting
            if place is not None:
                place.extend(batch)
                return []
            if batch:
                self._batches.append(batch)
            return batch

    def take(self) -> list[Any]:
        """The messages of the batch that has waited longest, and waits no more."""
        with self._lock:
            return list(self._batches.popleft())

    def keep(self, is_valid: Callable[[Any], bool]) -> None:
        """Forget the messages that are not valid any more."""
        with self._lock:
            for batch in self._batches:
                batch[:] = [message for message in batch if is_valid(message)]


class Gathering(base.PollStyleListener):  # type: ignore[misc]  # oslo.messaging has no types
    """Reads from another reader; a batch ends when nothing more comes, and not later.

    :param link: what tells whether the broker is silent; None where nothing does
    :ivar ahead: what was read, and whose storing has not begun
    """

    def __init__(
        self, reader: base.PollStyleListener, link: RabbitLink | None
    ) -> None:
        super().__init__(reader.prefetch_size)
        self.reader = reader
        self._link = link
        self._channel: object = None
        self.ahead = Ahead()
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
        return self.ahead.put(self._without_broken(batch))

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

    def _without_broken(self, batch: list[Any]) -> list[Any]:
        """A batch without what came through a connection that broke, and so comes again."""
        if self._link is None or self._link.channel is self._channel:
            return batch
        # Only while reading it is connected anew, so nothing of the new connection waits yet.
        self._channel = self._link.channel
        self.ahead.keep(self._link.has_sent)
        return [message for message in batch if self._link.has_sent(message)]

    def stop(self) -> None:
        """Let :meth:`poll` end."""
        self.reader.stop()

    def cleanup(self) -> None:
        """Close the connection."""
        self.reader.cleanup()
