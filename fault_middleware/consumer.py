# SPDX-License-Identifier: Apache-2.0
"""The consumer: from the services' notifications to rows of the table.

A notification is acknowledged after the commit of what it says, and given back to the queue if
that cannot be done before the process ends.  The consumer runs in a thread of the API's worker, or
in a process of its own (``fault-middleware-consumer``); the code is the same.
"""

import dataclasses
import logging
import threading
import time
from collections.abc import Callable

# In the main thread, and not when the first request comes: eventlet, which both bring along, makes
# Python 3.11 and 3.12 hang at exit now and then if another thread was the first to import it, or
# its copy of threading. The executors of oslo.messaging's listeners are futurist's.
import futurist  # noqa: F401
from oslo_utils import eventletutils  # noqa: F401

from fault_middleware.health import Part
from fault_middleware.listener import Handler, Listener, Notifications
from fault_middleware.metrics import Metrics, Site
from fault_middleware.process import (
    PerProcess,
    call_in_uwsgi_workers,
    is_in_uwsgi,
    starts_no_threads,
)
from fault_middleware.recorder import Recorder
from fault_middleware.retention import Retention

LOG = logging.getLogger(__name__)

# Seconds: the longest pause between two tries to listen; how long the broker may take to let us
# go; how often a wait looks whether the process is ending, and whether the broker is there.
_LONGEST_PAUSE = 30.0
_LONGEST_STOP = 5.0
_GLANCE = 0.5
# In a worker of the API a consumer rests after each batch, so many times as long as the batch
# took, and so many seconds at most: Python runs one thread at a time, and others serve requests.
_REST = 3.0
_LONGEST_REST = 0.08
_LISTEN_AGAIN = (
    "no notifications come; see transport_url, and amqp_durable_queues and rabbit_quorum_queue, "
    "which must be the publishers'; trying again in"
)
_SILENT = "no notifications come; oslo.messaging connects again by itself"
_UWSGI_PATCHED = (
    "Notifications are not consumed: eventlet has replaced threads, and under uWSGI such threads "
    "do not run. Set NO_EVENTLET_MONKEYPATCH=1 for Trove, or [fault_middleware] consumer = "
    "external and run fault-middleware-consumer"
)
_UWSGI_WITHOUT_THREADS = (
    "Notifications are consumed only while requests are served: set enable-threads = true in the "
    "configuration of uWSGI"
)


class SilentBrokerError(Exception):
    """The broker is silent."""


@dataclasses.dataclass(slots=True)
class _State:
    """The state of a consumer in one process.

    :ivar settled: whether nothing is left to be started: this process listens, or tries to, or
        cannot
    :ivar started: when a thread was started, by time.monotonic()
    :ivar is_guest: whether others serve requests in this process
    :ivar rest_until: when to go on storing, by time.monotonic()
    """

    lock: threading.Lock = dataclasses.field(default_factory=threading.Lock)
    stopping: threading.Event = dataclasses.field(
        default_factory=threading.Event
    )
    listener: Listener | None = None
    settled: bool = False
    started: float = float("-inf")
    is_guest: bool = True
    rest_until: float = 0.0


class Consumer:
    """Listens for the notifications that the profiles name.

    Building one opens nothing and starts no thread, so it may be built in a process that forks;
    each process that uses it listens on its own.

    :param listen: starts a listener, e.g. :func:`fault_middleware.listener.start`
    """

    def __init__(
        self,
        listen: Callable[[Handler], Listener],
        recorder: Recorder,
        retention: Retention,
        metrics: Metrics,
    ) -> None:
        self._listen = listen
        self._recorder = recorder
        self._retention = retention
        self._metrics = metrics
        self._state = PerProcess(_State)
        # Elsewhere a process listens from its first request on.
        call_in_uwsgi_workers(self.ensure)

    @property
    def running(self) -> bool:
        """Whether nothing is left to be started: this process listens, or tries to, or cannot."""
        return self._state.get().settled

    @property
    def listening(self) -> bool:
        """Whether the broker has let this process listen."""
        return self.listener is not None

    @property
    def listener(self) -> Listener | None:
        """What listens in this process; None until the broker has let it."""
        return self._state.get().listener

    def ensure(self) -> None:
        """Start listening in this process, unless it does already, which costs next to nothing.

        Returns at once; a thread does the rest, because a broker that is down would block. A
        thread that was started but never ran (a worker that replaces its event loop after the fork
        loses it) is started again after a second. In uWSGI with eventlet's threads, which cannot
        run beside requests, it starts none and logs that. Raises nothing.
        """
        state = self._state.get()
        if not state.settled:
            with self._metrics.guard(
                Site.CONSUMER, "no notifications are consumed"
            ):
                self._start(state)

    def run(self, wait: Callable[[], object]) -> None:
        """Listen until ``wait`` returns, and close; for a process of its own."""
        self._state.get().is_guest = False
        self.ensure()
        wait()
        self.close()

    def stop(self) -> None:
        """Store nothing more, and return at once; what waits goes back to its queue."""
        self._state.get().stopping.set()

    def close(self) -> None:
        """Stop, and close the connection to the broker, within 5 seconds."""
        self.stop()
        listener = self.listener
        if listener is not None:
            # In a thread, since the broker may not answer.
            ending = threading.Thread(
                target=_shut_down, args=(listener,), daemon=True
            )
            ending.start()
            ending.join(_LONGEST_STOP)

    def _start(self, state: _State) -> None:
        with state.lock:
            if state.settled or time.monotonic() - state.started < 1:
                return
            state.started = time.monotonic()
            if starts_no_threads():
                LOG.error(_UWSGI_PATCHED)
                state.settled = True
                return
            thread = threading.Thread(
                target=self._run_in_thread,
                args=(state,),
                name="fault-consumer",
                daemon=True,
            )
            thread.start()

    def _run_in_thread(self, state: _State) -> None:
        with state.lock:
            if state.settled:
                return
            state.settled = True
        if is_in_uwsgi():
            self._warn_of_a_still_thread()
        # A broker that is down keeps the listener waiting.
        self._metrics.health.starting(Part.BROKER)
        self._recorder.check()
        self._begin_to_listen(state)
        self._retention.run(self._watch)
        while not self._watch(_LONGEST_PAUSE):
            pass

    def _warn_of_a_still_thread(self) -> None:
        """Say so if this thread does not run while no request is served."""
        begin = time.monotonic()
        is_ending = self._wait(_GLANCE)
        if not is_ending and time.monotonic() - begin > 4 * _GLANCE:
            LOG.error(_UWSGI_WITHOUT_THREADS)

    def _begin_to_listen(self, state: _State) -> None:
        """Try until the broker lets us, or the process is ending."""
        pause = 0.0
        while not self._wait(pause):
            pause = min(max(pause * 2, 1.0), _LONGEST_PAUSE)
            try:
                state.listener = self._listen(self._store)
            except Exception as exc:
                text = f"{_LISTEN_AGAIN} {pause:.0f} s"
                self._metrics.health.fails(Part.BROKER, text, exc)
            else:
                self._metrics.health.works(Part.BROKER)
                return

    def _store(self, notifications: Notifications) -> bool:
        """Store what notifications say; False for giving them back."""
        state = self._state.get()
        if state.is_guest:
            self._wait(state.rest_until - time.monotonic())
        begin = time.monotonic()
        rows = self._recorder.extract(*notifications)
        stored = self._recorder.record(rows, self._wait)
        end = time.monotonic()
        state.rest_until = end + min(_REST * (end - begin), _LONGEST_REST)
        return stored

    def _watch(self, seconds: float) -> bool:
        """Wait as :meth:`_wait`, and note meanwhile whether the broker is there."""
        end = time.monotonic() + seconds
        while not self._wait(min(end - time.monotonic(), _GLANCE)):
            self._look_at_broker()
            if time.monotonic() >= end:
                return False
        return True

    def _look_at_broker(self) -> None:
        silence = None
        if self.listener is not None:
            silence = self.listener.silence
        if silence is None:
            self._metrics.health.works(Part.BROKER)
        else:
            self._metrics.health.fails(
                Part.BROKER, _SILENT, SilentBrokerError(silence)
            )

    def _wait(self, seconds: float) -> bool:
        """Wait; return True, and soon, if the process is ending."""
        stopping = self._state.get().stopping
        end = time.monotonic() + seconds
        # Threads of an executor are joined before atexit handlers run, so the end of the main
        # thread is the only sign that the process is ending.
        while threading.main_thread().is_alive() and not stopping.is_set():
            left = end - time.monotonic()
            if left <= 0:
                return False
            stopping.wait(min(left, _GLANCE))
        return True


def _shut_down(listener: Listener) -> None:
    listener.stop()
    listener.wait()
