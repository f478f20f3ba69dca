# SPDX-License-Identifier: Apache-2.0
"""The notification driver: records faults in the process that notifies of them, without a broker.

A notification is copied as it is sent, and stored by a thread, with the code of the consumer.
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
from fault_middleware.health import Part
from fault_middleware.metrics import Metrics, Reason, Site

# The characters that may wait in memory, the seconds that they may delay a process's end, those
# until the thread looks by itself: a green thread and another cannot wake each other.
_LONGEST_QUEUE, _LONGEST_STOP, _GLANCE = 16 * 2**20, 5.0, 10.0
_primitive = functools.partial(jsonutils.to_primitive, fallback=str)


class Driver(notifier.Driver):  # type: ignore[misc]  # oslo.messaging has no types
    """What oslo.messaging calls. Never raises; opens and starts nothing until it is used."""

    def __init__(self, conf: Any = cfg.CONF, topics: Any = (), transport: Any = None) -> None:
        super().__init__(conf, topics, transport)
        self._events, self._metrics = list[tuple[Event, ...]](), Metrics()
        try:
            self._deployment = deploy(conf)
            self._metrics = self._deployment.metrics
            if "uwsgi" in sys.modules and eventletutils.is_monkey_patched("thread"):
                raise RuntimeError("under uWSGI no thread runs where eventlet has replaced them")
            clears = self._deployment.settings.clear_on_success
            self._stored = {"record", "clear"} | ({"success"} if clears else set())
            self._events = [one.events for one in self._deployment.profiles]
            self._metrics.health.works(Part.DRIVER)
        except Exception as exc:
            self._metrics.errors.inc(Site.DRIVER)
            self._metrics.health.fails(Part.DRIVER, "it records nothing", exc)

    def notify(self, ctxt: Any, message: Mapping[str, Any], priority: str, retry: Any) -> None:
        """Take a notification if a profile wants it; ``retry`` is for drivers that send."""
        name = "a notification"
        try:
            event = self._find(message)
            if event is not None:
                instance_id = event.fields["instance_id"].find(message)
                name = f"{message['event_type']} of {instance_id!s:.80}"
                context = ctxt.to_dict() if hasattr(ctxt, "to_dict") else ctxt
                # Now, for others go on to change the message; as what a broker would get; and not
                # to a fault, since masking can take a hundred times as long.
                text = jsonutils.dumps({**message, "context": context}, _primitive)
                _writer(self._deployment, os.getpid()).put(name, text)
        except Exception as exc:
            self._metrics.error(Site.DRIVER, f"{name} is lost", exc)

    def _find(self, message: Mapping[str, Any]) -> Event | None:
        """An event of some profile that makes it worth storing."""
        for events in self._events:
            event = next((one for one in events if one.matches(message)), None)
            if event is not None and event.action in self._stored:
                return event
        return None


class _Writer:
    """A queue of notifications, and the thread that stores them."""

    def __init__(self, deployment: Deployment, pid: int) -> None:
        self._deployment, self._metrics = deployment, deployment.metrics
        self._queue: list[tuple[str, str]] = []  # the names for the log, and the texts
        self._length, self._lock = 0, threading.Lock()
        self._wake, self._ending = threading.Event(), threading.Event()
        # Before there is work, since a green thread runs until it waits before start() returns.
        self._thread = threading.Thread(None, self._run, "fault-driver", daemon=True)
        self._thread.start()
        atexit.register(self._end, pid)

    def put(self, name: str, text: str) -> None:
        if self._length + len(text) > _LONGEST_QUEUE or self._ending.is_set():
            self._metrics.drop(Reason.QUEUE_FULL, name)
        else:
            with self._lock:
                self._length += len(text)
            self._queue.append((name, text))
            self._wake.set()

    def _run(self) -> None:
        is_last = False
        while not is_last:
            self._wake.wait(_GLANCE)
            self._wake.clear()
            # A try that the end broke off was the last but one.
            is_last = self._ending.is_set()
            self._store()

    def _store(self) -> None:
        recorder, size = self._deployment.recorder, self._deployment.settings.batch_size
        while batch := self._queue[:size]:
            try:
                rows = [row for _, text in batch for row in recorder.extract(json.loads(text))]
                if not recorder.record(rows, self._ending.wait):
                    return
            except Exception as exc:
                if len(batch) > 1:
                    size = 1  # so that only what is wrong is lost, and each of it is counted
                    continue
                self._metrics.error(Site.DRIVER, f"{batch[0][0]} is lost", exc)
            del self._queue[: len(batch)]
            with self._lock:
                self._length -= sum(len(text) for _, text in batch)

    def _end(self, pid: int) -> None:
        if os.getpid() == pid:  # and no fork of it
            self._ending.set()
            self._wake.set()
            self._thread.join(_LONGEST_STOP)
            for name, _ in self._queue:
                self._metrics.drop(Reason.PROCESS_ENDED, name)


_writer = functools.cache(_Writer)  # one for the notifiers of a process; a fork gets its own
