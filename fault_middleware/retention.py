# SPDX-License-Identifier: Apache-2.0
"""Retention: removes rows that are old, or of which an instance has too many.

It goes from instance to instance in small steps, each with a commit of its own.  What an instance
shows does not change with age: the newest row stays if it is a fault, and with it those of the
same request, one of which may be shown as the cause; a clearance goes after what it hides.  In the
background, one process at a time does it; another goes on where it ended.  Where the table has
partitions, those in which little must stay are dropped before that.

The lease is kept by the database's clock.  A row is old when both that clock and ours say so: one
wrong clock removes no young rows, and stops nobody.
"""

import dataclasses
import itertools
import logging
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

import sqlalchemy as sa
from oslo_db import exception as db_exception

from fault_middleware import clock
from fault_middleware.archive import Archive
from fault_middleware.health import Part
from fault_middleware.metrics import Metrics
from fault_middleware.partitions.layout import Partition
from fault_middleware.text import describe

LOG = logging.getLogger(__name__)

# Rows that go with one commit.
_BATCH = 500
# Rows that a step looks at.
_LOOK = 10_000
# Seconds between two times that a process asks whether something is due.
_GLANCE = 300.0
# Seconds for which a process that says nothing more is waited for.
_LEASE = 120.0
# Seconds of rest after each step, at least.
_REST = 0.05
# Seconds from the end of a pass to the next one.
_INTERVAL = 3600.0


@dataclasses.dataclass(frozen=True, slots=True)
class Step:
    """A step of a purge.

    :ivar end: the id of the last instance that is done with; None at the end of all
    :ivar gone: how many rows went
    :ivar partition: the partition with which they went; None where they went one by one
    """

    end: str | None
    gone: int
    partition: str | None = None


class Retention:
    """What is kept in a table.

    :param days: for how long, 0 for ever
    :param most: how many faults of an instance, 0 for all
    """

    def __init__(
        self, archive: Archive, metrics: Metrics, days: int, most: int
    ) -> None:
        self._archive = archive
        self._metrics = metrics
        self._days = days
        self._most = most

    def run(self, wait: Callable[[float], bool]) -> None:
        """Purge whenever it is due, until ``wait`` says to end. Raises nothing.

        :param wait: waits for some seconds; returns whether to end
        """
        if not self._days and not self._most:
            return
        while not wait(_GLANCE):
            try:
                position = self._archive.lease(_LEASE)
                if position is not None:
                    self._go_on(position, wait)
                self._metrics.health.works(Part.RETENTION)
            except Exception as exc:
                self._metrics.health.fails(
                    Part.RETENTION, "old faults stay in the table", exc
                )

    def purge(
        self, position: str = "", dry_run: bool = False
    ) -> Iterator[Step]:
        """Purge the instances behind ``position``, step by step.

        :param dry_run: only say what would go
        :raises Exception: of the database; what went until then is gone
        """
        before = self._horizon()
        limit = None if dry_run else _LOOK
        end: str | None = position
        dropped: list[Partition] = []
        if not position and before is not None:
            yield from self._drop(before, dry_run, dropped)
        while end is not None:
            outdated = self._archive.outdated(
                end, before, self._most or None, limit
            )
            end = outdated.end
            yield Step(end, self._dispose(outdated.ids, dry_run, dropped))
            if outdated.large is not None:
                for gone in self._purge_large(outdated.large, before):
                    yield Step(end, gone)
                end = outdated.large

    def _dispose(
        self, ids: list[str], dry_run: bool, dropped: list[Partition]
    ) -> int:
        """Remove rows, or count those that have not been counted with their partitions."""
        if dry_run:
            return _count_others(ids, dropped)
        return self._remove(ids)

    def _drop(
        self, before: datetime, dry_run: bool, dropped: list[Partition]
    ) -> Iterator[Step]:
        """Drop the partitions that hold what may go, whole.

        Where that does not work, for a lock or a right, what is in them goes one by one.

        :param dropped: gets the partitions that went, or would go
        """
        partitions = self._archive.partitions
        try:
            if not dry_run:
                partitions.put_back()
            for spent in partitions.spent(before, self._most or None):
                if spent is None:
                    yield Step("", 0)
                elif dry_run or partitions.drop(spent):
                    dropped.append(spent.partition)
                    if not dry_run:
                        self._metrics.purged.inc(spent.gone)
                    yield Step("", spent.gone, spent.partition.name)
        except (db_exception.DBError, sa.exc.SQLAlchemyError) as exc:
            LOG.info(
                "No partition was dropped, so rows go one by one: %s",
                describe(exc),
            )

    def _purge_large(
        self, instance_id: str, before: datetime | None
    ) -> Iterator[int]:
        """Purge an instance that has too many rows for one step; how many rows each step removes.

        What of it is too many is found out once, so that it takes no longer for each row than
        other instances do.
        """
        most = self._most or None
        for pile in self._archive.piles(instance_id, most, _LOOK):
            while ids := self._archive.outdated_of(pile, before, _LOOK):
                yield self._remove(ids)

    def _go_on(self, position: str, wait: Callable[[float], bool]) -> None:
        """Purge from ``position`` on, for as long as the lease is ours."""
        began = time.monotonic()
        for step in self.purge(position):
            seconds = _INTERVAL if step.end is None else _LEASE
            end = step.end or ""
            if not self._archive.advance(position, end, seconds):
                return
            # In an API worker, requests come first: they have half of the time at least.
            took = time.monotonic() - began
            if wait(min(_REST + took, _LEASE / 4)):
                return
            position = end
            began = time.monotonic()

    def _horizon(self) -> datetime | None:
        """What happened before this moment is to go."""
        if not self._days:
            return None
        now = min(clock.utcnow(), self._archive.now())
        return now - timedelta(days=self._days)

    def _remove(self, ids: list[str]) -> int:
        gone = 0
        remaining = iter(ids)
        while batch := list(itertools.islice(remaining, _BATCH)):
            gone += self._archive.delete(batch)
        self._metrics.purged.inc(gone)
        return gone


def _count_others(ids: list[str], dropped: list[Partition]) -> int:
    """How many rows are in none of these partitions."""
    number = 0
    for row_id in ids:
        number += not any(partition.has(row_id) for partition in dropped)
    return number
