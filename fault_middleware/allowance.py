# SPDX-License-Identifier: Apache-2.0
"""How many log records the handler may look at."""

import time

# Most records take less than these seconds of a processor. One that takes longer, because of a
# huge traceback, counts as several.
_SECONDS_OF_ONE = 0.0003


class Allowance:
    """How many records may still be looked at.

    :param burst: how many at once
    :param per_second: how many more each second
    """

    def __init__(self, burst: float, per_second: float) -> None:
        self._burst = burst
        self._per_second = per_second
        self._left = burst
        self._counted = time.monotonic()

    def take(self) -> bool:
        """Take one, if there is one."""
        # Without a lock: threads that race may look at a few more.
        now = time.monotonic()
        self._left = min(
            self._burst, self._left + (now - self._counted) * self._per_second
        )
        self._counted = now
        if self._left < 1:
            return False
        self._left -= 1
        return True

    def charge(self, seconds: float) -> None:
        """Take more, if the one that was taken last took so long of a processor."""
        self._left -= max(seconds / _SECONDS_OF_ONE - 1, 0)
