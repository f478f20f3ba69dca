# SPDX-License-Identifier: Apache-2.0
"""A circuit breaker: spares requests the wait for a database that does not answer."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from fault_middleware.health import Part
from fault_middleware.metrics import Metrics

_FIRST_PAUSE = 5.0
_LONGEST_PAUSE = 30.0


class SuspendedError(Exception):
    """The database is not asked, because it did not answer a moment ago."""


class Breaker:
    """Lets calls through until one fails; then one at a time, after a pause.

    Calls that were under way together when one of them failed belong to one episode: how the
    others end makes no difference.

    :param limit: the seconds beyond which a call counts as failed, even if it returned
    """

    def __init__(self, limit: float, metrics: Metrics) -> None:
        self._limit = limit
        self._metrics = metrics
        # Seconds between two tries; 0 while calls go through.
        self._pause = 0.0
        self._closed_until = 0.0
        self._episode = 0
        self._is_first = True  # call, of this process

    @contextmanager
    def call(self, what: str) -> Iterator[None]:
        """Surround a call; SuspendedError while calls are suspended."""
        begin = time.monotonic()
        if self._pause:
            if begin < self._closed_until:
                raise SuspendedError
            # The others wait for the result of this one.
            self._closed_until = begin + self._pause
        episode = self._episode
        try:
            yield
        except Exception as exc:
            self._failed(episode, what, exc)
            raise
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
        doubled = max(self._pause * 2, _FIRST_PAUSE)
        self._pause = min(doubled, _LONGEST_PAUSE)
        self._closed_until = time.monotonic() + self._pause
        self._metrics.suspended.set(1)
        self._metrics.health.fails(
            Part.LOOK_UPS, f"faults are not shown, first of {what}", exc
        )

    def _succeeded(self, episode: int) -> None:
        is_news = bool(self._pause) or self._is_first
        if not is_news or episode != self._episode:
            return
        self._pause = 0.0
        self._is_first = False
        self._metrics.suspended.set(0)
        self._metrics.health.works(Part.LOOK_UPS)
