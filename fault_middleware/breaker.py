# SPDX-License-Identifier: Apache-2.0
"""A circuit breaker: spares requests the wait for a database that does not answer."""

import time
from collections.abc import Callable
from typing import TypeVar

from fault_middleware.metrics import Metrics

_FIRST_PAUSE = 5.0
_LONGEST_PAUSE = 30.0
_PART = "database (look-ups)"

_Result = TypeVar("_Result")


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

    def call(self, what: str, function: Callable[..., _Result], *args: object) -> _Result:
        """Call a function with ``args``; ``what`` names the call in the log.

        :raises SuspendedError: instead, while calls are suspended
        :raises Exception: whatever the function raises
        """
        begin = time.monotonic()
        if self._pause:
            if begin < self._closed_until:
                raise SuspendedError
            # The others wait for what this one will find.
            self._closed_until = begin + self._pause
        try:
            result = function(*args)
        except Exception as exc:
            self._open(what, exc)
            raise
        if time.monotonic() - begin > self._limit:
            self._open(what, TimeoutError(f"it took more than {self._limit} s"))
        elif self._pause and begin >= self._opened:
            self._pause = 0.0
            self._metrics.count("suspended", 0)
            self._metrics.fine(_PART)
        return result

    def _open(self, what: str, exc: Exception) -> None:
        self._pause = min(max(self._pause * 2, _FIRST_PAUSE), _LONGEST_PAUSE)
        self._opened = time.monotonic()
        self._closed_until = self._opened + self._pause
        self._metrics.count("suspended", 1)
        self._metrics.trouble(_PART, f"faults are not shown, first of {what}", exc)
