# SPDX-License-Identifier: Apache-2.0
"""A circuit breaker: spares requests the wait for a database that does not answer."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from fault_middleware.health import Part
from fault_middleware.metrics import Metrics
from fault_middleware.recovery import Recovery

_FIRST_PAUSE = 5.0
_LONGEST_PAUSE = 30.0
# The bounds that one look-up may take: for a free connection, for a new one, for the answer.
_BOUNDS = 3

# What follows while a part does not answer, and for whom.
_CONSEQUENCES = {
    Part.LOOK_UPS: "faults are not shown, first of",
    Part.REPLICA: "look-ups go to connection and not to slave_connection, first of",
}


class SuspendedError(Exception):
    """The database is not asked, because it did not answer a moment ago."""


class Breaker:
    """Lets calls through until one fails; then none, until the database answers again.

    Whether it does is found out by a :class:`Recovery`, if there is one and its thread can run.
    Otherwise one call at a time tries, after a pause.

    Calls that were under way together when one of them failed belong to one episode: how the
    others end makes no difference.

    :param limit: the seconds beyond which a call counts as failed, even if it returned
    :param part: what does not work while calls are suspended
    """

    def __init__(
        self, limit: float, metrics: Metrics, part: Part = Part.LOOK_UPS
    ) -> None:
        self._limit = limit
        self._metrics = metrics
        self._part = part
        self._recovery: Recovery | None = None
        # Seconds between two tries; 0 while calls go through.
        self._pause = 0.0
        self._closed_until = 0.0
        self._episode = 0
        self._is_first = True  # call, of this process
        self._what = ""

    def recover_by(self, ask: Callable[[], object], yields: bool) -> None:
        """Let a thread try, and not the requests.

        :param ask: what to try; raises while the database does not answer
        :param yields: whether other green threads run while it waits
        """
        self._recovery = Recovery(lambda: self._try(ask), yields)

    @contextmanager
    def call(self, what: str) -> Iterator[None]:
        """Surround a call; SuspendedError while calls are suspended."""
        if self._pause:
            self._want_recovery()
            begin = time.monotonic()
            if begin < self._closed_until:
                raise SuspendedError
            # The others wait for the result of this one.
            self._closed_until = begin + self._pause
        begin = time.monotonic()
        episode = self._episode
        # Not by a context of its own, which each show would pay for.
        try:
            yield
        except Exception as exc:
            self._failed(episode, what, exc)
            raise
        else:
            self._judge(begin, episode, what)
        finally:
            if self._pause:
                self._want_recovery()

    def _want_recovery(self) -> None:
        if self._recovery is not None:
            self._recovery.want()

    def _try(self, ask: Callable[[], object]) -> bool:
        """Try for all calls; whether the database answers."""
        # No request tries meanwhile. If this thread stops, they do again.
        end = time.monotonic() + _BOUNDS * self._limit + _FIRST_PAUSE
        self._closed_until = max(self._closed_until, end)
        begin = time.monotonic()
        episode = self._episode
        try:
            ask()
        except Exception as exc:
            self._failed(episode, self._what, exc)
            return False
        self._judge(begin, episode, self._what)
        return not self._pause

    def _judge(self, begin: float, episode: int, what: str) -> None:
        """Learn from a call that returned, by how long it took."""
        if time.monotonic() - begin > self._limit:
            self._failed(
                episode,
                what,
                TimeoutError(f"it took more than {self._limit} s"),
            )
        else:
            self._succeeded(episode)

    def _failed(self, episode: int, what: str, exc: Exception) -> None:
        if episode != self._episode:
            return
        self._episode += 1
        self._what = what
        doubled = max(self._pause * 2, _FIRST_PAUSE)
        self._pause = min(doubled, _LONGEST_PAUSE)
        self._closed_until = time.monotonic() + self._pause
        self._show_suspended(1)
        consequence = _CONSEQUENCES[self._part]
        self._metrics.health.fails(self._part, f"{consequence} {what}", exc)

    def _succeeded(self, episode: int) -> None:
        is_news = bool(self._pause) or self._is_first
        if not is_news or episode != self._episode:
            return
        self._pause = 0.0
        self._is_first = False
        self._show_suspended(0)
        self._metrics.health.works(self._part)

    def _show_suspended(self, value: int) -> None:
        if self._part is Part.LOOK_UPS:
            self._metrics.suspended.set(value)
