# SPDX-License-Identifier: Apache-2.0
"""Retention: removes rows that are old, or of which an instance has too many.

It goes from instance to instance in small steps, each with a commit of its own.  What an instance
shows never changes by it: the newest row stays if it is a fault, and a clearance goes after what
it hides.  In the background, one process at a time does it; another goes on where it ended.
"""

import time
from collections.abc import Callable, Iterator
from datetime import timedelta

from fault_middleware import clock
from fault_middleware.health import Part
from fault_middleware.metrics import Metrics
from fault_middleware.store import Store

# Rows that go with one commit, and that a step looks at.
_BATCH, _LOOK = 500, 10_000
# Seconds: how often a process asks whether something is due; how long one that says nothing more
# is waited for; the least rest after each step; the time from the end of a pass to the next one.
_GLANCE, _LEASE, _REST, _INTERVAL = 300.0, 120.0, 0.05, 3600.0


class Retention:
    """What is kept in a table.

    :param days: how long, 0 for ever
    :param most: how many faults of an instance, 0 for all
    """

    def __init__(self, store: Store, metrics: Metrics, days: int, most: int) -> None:
        self._store, self._metrics = store, metrics
        self._days, self._most = days, most

    def keep(self, wait: Callable[[float], bool]) -> None:
        """Purge whenever it is due. Raises nothing.

        :param wait: waits for some seconds; returns whether to end
        """
        while (self._days or self._most) and not wait(_GLANCE):
            try:
                begin, began = self._store.lease(_LEASE), time.monotonic()
                for end, _ in () if begin is None else self.purge(begin):
                    seconds = _LEASE if end else _INTERVAL
                    if not self._store.advance(begin or "", end, seconds):
                        break
                    # In an API worker, requests come first: they have half of the time at least.
                    if wait(min(_REST + time.monotonic() - began, _LEASE / 4)):
                        break
                    begin, began = end, time.monotonic()
                self._metrics.health.works(Part.RETENTION)
            except Exception as exc:
                self._metrics.health.fails(Part.RETENTION, "old faults stay in the table", exc)

    def purge(self, position: str = "", dry_run: bool = False) -> Iterator[tuple[str, int]]:
        """Purge the instances behind ``position``, step by step.

        :param dry_run: only say what would go
        :returns: for each step where it ended, which is empty at the end of all, and how many rows
            went
        :raises Exception: of the database; what went until then is gone
        """
        before = clock.utcnow() - timedelta(days=self._days) if self._days else None
        end: str | None = position
        while end is not None:
            limit = None if dry_run else _LOOK
            end, ids = self._store.outdated(end, before, self._most or None, limit)
            gone = len(ids)
            if not dry_run:
                batches = (ids[n : n + _BATCH] for n in range(0, len(ids), _BATCH))
                gone = sum(map(self._store.delete, batches))
                self._metrics.purged.inc(gone)
            yield end or "", gone
