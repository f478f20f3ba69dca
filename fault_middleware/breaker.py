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

    :param limit: the seconds beyond which a call counts as failed, whatever it returned
    """

    def __init__(self, limit: float, metrics: Metrics) -> None:
        self._limit = limit
        self._metrics = metrics
        self._pause = 0.0
        self._opened = self._closed_until = 0.0
        self._is_first = True  # call, of this process

    @contextmanager
    def call(self, what: str) -> Iterator[None]:
        """Surround a call, named for what it is; SuspendedError while calls are suspended."""
        begin = time.monotonic()
        if self._pause:
            if begin < self._closed_until:
                raise SuspendedError
            # The others wait for what this one will find.
            self._closed_until = begin + self._pause
        try:
            yield
        except Exception as exc:
            self._open(what, exc)
            raise
        if time.monotonic() - begin > self._limit:
            self._open(what, TimeoutError(f"it took more than {self._limit} s"))
        elif (self._pause or self._is_first) and begin >= self._opened:
            self._pause, self._is_first = 0.0, False
            self._metrics.suspended.set(0)
            self._metrics.health.works(Part.LOOK_UPS)

    def _open(self, what: str, exc: Exception) -> None:
        self._pause = min(max(self._pause * 2, _FIRST_PAUSE), _LONGEST_PAUSE)
        self._opened = time.monotonic()
        self._closed_until = self._opened + self._pause
        self._metrics.suspended.set(1)
        self._metrics.health.fails(Part.LOOK_UPS, f"faults are not shown, first of {what}", exc)
