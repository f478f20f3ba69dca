# SPDX-License-Identifier: Apache-2.0
"""The notification driver: records faults in the process that notifies of them, without a broker.

A notification is copied while it is sent, as the text that a broker would get; a thread stores
what it says, with the code of the consumer.
"""

import atexit
import functools
import json
import os
import sys
import threading
from collections.abc import Mapping
from typing import Any

from oslo_config import cfg
from oslo_messaging.notify import notifier
from oslo_serialization import jsonutils
from oslo_utils import eventletutils

from fault_middleware.deploy import Deployment, deploy
from fault_middleware.event import Event
from fault_middleware.metrics import Metrics

# The characters that may wait in memory, and the seconds that they may delay a process's end.
_LONGEST_QUEUE, _LONGEST_STOP = 16 * 2**20, 5.0
# Seconds after which the thread looks by itself: green threads and others cannot wake each other.
_GLANCE = 10.0
_COPIED = ("message_id", "publisher_id", "event_type", "priority", "payload", "timestamp")


class Driver(notifier.Driver):  # type: ignore[misc]  # oslo.messaging has no types
    """What oslo.messaging calls. Never raises; opens and starts nothing until it is used."""

    def __init__(self, conf: Any = cfg.CONF, topics: Any = (), transport: Any = None) -> None:
        super().__init__(conf, topics, transport)
        self._events, self._metrics = list[Event](), Metrics()
        try:
            self._deployment = deploy(conf)
            self._metrics = self._deployment.metrics
            if "uwsgi" in sys.modules and eventletutils.is_monkey_patched("thread"):
                raise RuntimeError("under uWSGI no thread runs where eventlet has replaced them")
            self._events = [event for one in self._deployment.profiles for event in one.events]
        except Exception as exc:
            self._metrics.errors.labels("driver").inc()
            self._metrics.trouble("notification driver", "it records nothing", exc)

    def notify(self, ctxt: Any, message: Mapping[str, Any], priority: str, retry: Any) -> None:
        """Take a notification if a profile wants it; ``retry`` is for drivers that send."""
        name = "a notification"
        try:
            event = next((event for event in self._events if event.matches(message)), None)
            if event is not None:
                found = event.fields["instance_id"].find(message)
                name = f"{message['event_type']} {message['message_id']} of {found!s:.80}"
                context = ctxt.to_dict() if hasattr(ctxt, "to_dict") else ctxt
                copied = {"context": context, **{key: message[key] for key in _COPIED}}
                # Now, for others go on to change the message; and not to a fault, since masking
                # can take a hundred times as long.
                to_text = functools.partial(jsonutils.to_primitive, fallback=str)
                text = jsonutils.dumps(copied, to_text)
                _writer(self._deployment, os.getpid()).put(name, text)
        except Exception as exc:
            self._metrics.error("driver", f"{name} is lost", exc)


class _Writer:
    """A queue of notifications, and the thread that stores them."""

    def __init__(self, deployment: Deployment, pid: int) -> None:
        self._deployment, self._metrics = deployment, deployment.metrics
        self._queue: list[tuple[str, str]] = []
        self._length, self._lock = 0, threading.Lock()
        self._running = threading.Lock()  # held while the thread does
        self._wake, self._ending = threading.Event(), threading.Event()
        atexit.register(self._end, pid)

    def put(self, name: str, text: str) -> None:
        """Queue a notification; ``name`` is for the log."""
        if self._length + len(text) > _LONGEST_QUEUE or self._ending.is_set():
            self._metrics.drop("the queue is full or closed", name)
            return
        if self._running.acquire(blocking=False):
            # While there is nothing to do, since a green thread begins before start() returns.
            try:
                threading.Thread(None, self._run, "fault-driver", daemon=True).start()
            except BaseException:
                self._running.release()
                raise
        with self._lock:
            self._queue.append((name, text))
            self._length += len(text)
        self._wake.set()

    def _run(self) -> None:
        is_last = False
        while not is_last:
            self._wake.wait(_GLANCE)
            self._wake.clear()
            is_last = self._ending.is_set()
            self._store()
        self._running.release()

    def _store(self) -> None:
        recorder, size = self._deployment.recorder, self._deployment.settings.batch_size
        while batch := self._queue[:size]:
            try:
                rows = [row for _, text in batch for row in recorder.extract(json.loads(text))]
                # A second time, for at the end of the process the last try may be a while ago.
                if not any(recorder.record(rows, self._ending.wait) for _ in range(2)):
                    return
            except Exception as exc:
                self._metrics.error("driver", f"{batch[0][0]} and others are lost", exc)
            with self._lock:
                del self._queue[: len(batch)]
                self._length -= sum(len(text) for _, text in batch)

    def _end(self, pid: int) -> None:
        if os.getpid() == pid:  # and no fork of it
            self._ending.set()
            self._wake.set()
            self._running.acquire(timeout=_LONGEST_STOP)
            for name, _ in self._queue:
                self._metrics.drop("the process ended", name)


# One for the notifiers of a process; a fork gets its own.
_writer = functools.cache(_Writer)
