# SPDX-License-Identifier: Apache-2.0
"""The consumer: from the services' notifications to rows of the table.

A notification is acknowledged after the commit of what it says, and given back to the queue if
that cannot be done before the process ends.  The consumer runs in a thread of the API's worker, or
in a process of its own (``fault-middleware-consumer``); the code is the same.
"""

import contextlib
import importlib
import logging
import os
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

# In the main thread, and not when the first request comes: eventlet, which both bring along, makes
# Python 3.11 and 3.12 hang at exit now and then if another thread was the first to import it, or
# its copy of threading. The executors of oslo.messaging's listeners are futurist's.
import futurist  # noqa: F401
from oslo_utils import eventletutils

from fault_middleware.health import Part
from fault_middleware.listener import Handler
from fault_middleware.metrics import Metrics, Site
from fault_middleware.recorder import Recorder
from fault_middleware.retention import Retention

LOG = logging.getLogger(__name__)

_LONGEST_PAUSE, _LONGEST_STOP = 30.0, 5.0
# In a worker of the API a consumer rests after each batch, this many times as long as the
# batch took, and at most so many seconds: Python runs one thread at a time, others have requests.
_REST, _LONGEST_REST = 3.0, 0.08
_LISTEN_AGAIN = (
    "no notifications come; see transport_url, and amqp_durable_queues and rabbit_quorum_queue, "
    "which must be the publishers'; trying again in"
)
# How often a wait looks whether the process is ending.
_GLANCE = 0.5
_UWSGI_PATCHED = (
    "No notifications are consumed: under uWSGI no thread runs where eventlet has replaced them. "
    "Set NO_EVENTLET_MONKEYPATCH=1 for Trove, or [fault_middleware] consumer = external and run "
    "fault-middleware-consumer"
)
_UWSGI_WITHOUT_THREADS = (
    "Notifications are consumed only while requests are served: set enable-threads = true in the "
    "configuration of uWSGI"
)
# uWSGI's own module, which is there in its processes and nowhere else.
_UWSGI: Any = sys.modules.get("uwsgi")


class Consumer:
    """Listens for the notifications that the profiles name.

    Building one opens nothing and starts no thread, so it may be built in a process that forks;
    each process that uses it listens on its own.

    :param listen: starts a listener, e.g. :func:`fault_middleware.listener.start`
    :ivar running: whether this process listens, or tries to
    :ivar listener: what listens in this process; None until the broker has let it begin
    """

    def __init__(
        self,
        listen: Callable[[Handler], Any],
        recorder: Recorder,
        retention: Retention,
        metrics: Metrics,
    ) -> None:
        self._listen = listen
        self._recorder = recorder
        self._retention = retention
        self._metrics = metrics
        self._forget()
        os.register_at_fork(after_in_child=self._forget)
        if _UWSGI is not None:
            # The one server that tells its workers, so that they need not wait for a request.
            with contextlib.suppress(Exception):  # there is no such hook without a master
                importlib.import_module("uwsgidecorators").postfork(self._on_uwsgi_fork)

    def _forget(self) -> None:
        """The state of a new process, in which no thread of ours runs."""
        self._lock = threading.Lock()
        self._started = float("-inf")
        self._stopping = threading.Event()
        self.listener: Any = None
        self._is_guest = True
        self._rest_until = 0.0
        self.running = False

    def ensure(self) -> None:
        """Start listening in this process, unless it does already, which costs next to nothing.

        Returns at once; a thread does the rest, for a broker that is down would block. A thread
        that was started but never ran (a worker that replaces its event loop after the fork loses
        it) is started again after a second. Raises nothing.
        """
        if not self.running:
            with self._metrics.guard(Site.CONSUMER, "no notifications are consumed"):
                self._ensure()

    def _ensure(self) -> None:
        with self._lock:
            if self.running or time.monotonic() - self._started < 1:
                return
            self._started = time.monotonic()
            if _UWSGI is not None and eventletutils.is_monkey_patched("thread"):
                LOG.error(_UWSGI_PATCHED)
                self.running = True
                return
            threading.Thread(None, self._run_in_thread, "fault-consumer", daemon=True).start()

    def run(self) -> None:
        """Listen until :meth:`stop` is called; for a process of its own."""
        self._is_guest = False
        self.ensure()
        self._stopping.wait()
        self.close()

    def stop(self) -> None:
        """End :meth:`run`; returns at once. What is not stored yet goes back to the queue."""
        self._stopping.set()

    def close(self) -> None:
        """Stop, and take leave of the broker, which may take 5 seconds."""
        self.stop()
        if self.listener is not None:
            # Stopping waits for the broker, which may not answer.
            ending = threading.Thread(target=_shut_down, args=(self.listener,), daemon=True)
            ending.start()
            ending.join(_LONGEST_STOP)

    @property
    def listening(self) -> bool:
        """Whether notifications reach this process."""
        return self.listener is not None

    def _on_uwsgi_fork(self) -> None:
        if _UWSGI is not None and _UWSGI.worker_id():  # neither a mule nor a spooler
            self.ensure()

    def _run_in_thread(self) -> None:
        with self._lock:
            if self.running:
                return
            self.running = True
        begin = time.monotonic()
        if _UWSGI is not None and not self._wait(_GLANCE):
            seconds = time.monotonic() - begin
            if seconds > 4 * _GLANCE:  # the thread stands still while no request is served
                LOG.error(_UWSGI_WITHOUT_THREADS)
        # A broker that is down keeps the listener waiting.
        self._metrics.health.starting(Part.BROKER)
        self._recorder.check()
        pause = 0.0
        while not self._wait(pause):
            pause = min(pause * 2 or 1.0, _LONGEST_PAUSE)
            try:
                self.listener = self._listen(self._store)
            except Exception as exc:
                self._metrics.health.fails(Part.BROKER, f"{_LISTEN_AGAIN} {pause:.0f} s", exc)
            else:
                self._metrics.health.works(Part.BROKER)
                break
        self._retention.run(self._wait)

    def _store(self, notifications: Sequence[Mapping[str, Any]]) -> bool:
        """Store what notifications say; False for giving them back."""
        if self._is_guest:
            self._wait(self._rest_until - time.monotonic())
        begin = time.monotonic()
        rows = [row for one in notifications for row in self._recorder.extract(one)]
        stored = self._recorder.record(rows, self._wait)
        end = time.monotonic()
        self._rest_until = end + min(_REST * (end - begin), _LONGEST_REST)
        return stored

    def _wait(self, seconds: float) -> bool:
        """Wait; return True, and soon, if the process is ending."""
        end = time.monotonic() + seconds
        # Threads of an executor are joined before atexit handlers run, so the end of the main
        # thread is the only sign of it there is.
        while threading.main_thread().is_alive() and not self._stopping.is_set():
            left = end - time.monotonic()
            if left <= 0:
                return False
            self._stopping.wait(min(left, _GLANCE))
        return True


def _shut_down(server: Any) -> None:
    server.stop()
    server.wait()
