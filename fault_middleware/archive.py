# SPDX-License-Identifier: Apache-2.0
"""The table of faults, as the retention and an operator who clears use it: removals, the lease."""

import dataclasses
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from fault_middleware import clock, expiry, models
from fault_middleware.store import Store

# The most instances that a step of the retention looks at.
_INSTANCES = 200
# Seconds that a lease may be ahead, and some for clocks that are set. A lease further ahead was
# written by a wrong clock.
_LONGEST_LEASE = 2 * 3600.0

_T = models.instance_faults
_LEASE = models.retention
_CLOCKS = {
    "sqlite": "SELECT strftime('%Y-%m-%d %H:%M:%f', 'now')",
    "mysql": "SELECT UTC_TIMESTAMP(6)",
    "postgresql": "SELECT clock_timestamp() AT TIME ZONE 'UTC'",
}


@dataclasses.dataclass(frozen=True, slots=True)
class Outdated:
    """What to remove of the next instances.

    :ivar end: the id of the last instance that is done with; None if there are no more
    :ivar ids: ids of rows, in an order that never uncovers a fault that was cleared
    """

    end: str | None
    ids: list[str]


class Archive:
    """The table of faults in the database of a store.

    Every method raises what the database raises.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    def newest(self, **equal: Any) -> dict[str, Any] | None:
        """The newest row, with all columns.

        :param equal: columns, and the value that each must have; None for any value
        """
        statement = sa.select(_T)
        for name, value in equal.items():
            if value is not None:
                statement = statement.where(_T.c[name] == value)
        newest_first = (_T.c.created.desc(), _T.c.id.desc())
        statement = statement.order_by(*newest_first).limit(1)
        with self._store.unhurried.connect() as connection:
            row = connection.execute(statement).mappings().first()
            return None if row is None else dict(row)

    def outdated(
        self,
        after: str,
        before: datetime | None,
        most: int | None,
        limit: int | None,
    ) -> Outdated:
        """What to remove of the next 200 instances.

        :param after: the id of the instance that was looked at last
        :param before: what happened earlier is to go; None for nothing
        :param most: how many faults of an instance stay; None for all
        :param limit: how many rows to look at, the oldest of an instance first; then come again
        """
        with self._store.writer.connect() as connection:
            instances = connection.execute(_instances(after)).all()
            wanted = _worth_a_look(instances, before, most)
            rows: Sequence[sa.Row[Any]] = []
            if wanted:
                rows = connection.execute(_oldest_of(wanted, limit)).all()
        if not instances:
            return Outdated(None, [])
        if len(rows) != limit:
            ids = expiry.expired(rows, before, most)
            return Outdated(instances[-1].instance_id, ids)
        # There may be newer rows of the instance that comes last, and what may go depends on them.
        last = rows[-1].instance_id
        others = [row for row in rows if row.instance_id != last]
        if others:
            ids = expiry.expired(others, before, most)
            return Outdated(others[-1].instance_id, ids)
        # It fills the window alone: look at it again, unless nothing of it may go.
        ids = expiry.expired(rows, before, most)
        newest_ids = _newest_ids(rows)
        ids = [one for one in ids if one not in newest_ids]
        return Outdated(after if ids else last, ids)

    def delete(self, ids: Sequence[str]) -> int:
        """Remove rows with one commit; how many there were."""
        statement = _T.delete().where(_T.c.id.in_(ids))
        with self._store.writer.begin() as connection:
            result = connection.execute(statement)
            return result.rowcount

    def delete_of_the_future(
        self, instance_id: str, service: str | None
    ) -> int:
        """Remove the rows of an instance that a wrong clock has written; how many there were.

        They are later than now, by our clock and by that of the database, and nothing that is
        recorded now would be newer.

        :param service: of the instance; None for any
        """
        now = max(self.now(), clock.utcnow())
        statement = _T.delete().where(
            _T.c.instance_id == instance_id, _T.c.created > now
        )
        if service is not None:
            statement = statement.where(_T.c.service == service)
        with self._store.writer.begin() as connection:
            result = connection.execute(statement)
            return result.rowcount

    def now(self) -> datetime:
        """The time by the database's clock, in UTC: one clock for all who share the table."""
        with self._store.writer.connect() as connection:
            return _now(connection)

    def lease(self, seconds: float) -> str | None:
        """Be the one who purges for so many seconds, at most an hour.

        :returns: the instance after which to go on, or None if nothing is due or another does it
        """
        with self._store.writer.begin() as connection:
            now = _now(connection)
            due = _LEASE.c.due
            latest = now + _seconds(_LONGEST_LEASE)
            may_be_taken = (due <= now) | (due > latest) | due.is_(None)
            take = _LEASE.update().where(may_be_taken)
            end = now + _seconds(seconds)
            taken = connection.execute(take.values(due=end))
            if not taken.rowcount:
                return None
            query = sa.select(_LEASE.c.position)
            position: str | None = connection.scalar(query)
            return position

    def advance(self, begin: str, end: str, seconds: float) -> bool:
        """Note that the purge went on from ``begin`` to ``end``, and for how long it is ours.

        :returns: whether it was; otherwise somebody else goes on
        """
        with self._store.writer.begin() as connection:
            due = _now(connection) + _seconds(seconds)
            moved = _LEASE.update().where(_LEASE.c.position == begin)
            changed = connection.execute(moved.values(position=end, due=due))
            return changed.rowcount > 0


def _instances(after: str) -> sa.Select[Any]:
    """The next instances, the time of the oldest row of each, and how many it has."""
    instance_id = _T.c.instance_id
    return (
        sa.select(
            instance_id,
            sa.func.min(_T.c.created).label("oldest"),
            sa.func.count().label("number"),
        )
        .where(instance_id > after)
        .group_by(instance_id)
        .order_by(instance_id)
        .limit(_INSTANCES)
    )


def _newest_ids(rows: Sequence[sa.Row[Any]]) -> set[str]:
    """The ids of the last rows, of which one may be shown in place of what comes behind them."""
    return {row.id for row in rows[-expiry.MOST_CAUSES :]}


def _worth_a_look(
    instances: Sequence[sa.Row[Any]], before: datetime | None, most: int | None
) -> list[str]:
    """The ids of the instances that may have something to remove."""
    wanted = []
    for instance in instances:
        is_old = before is not None and instance.oldest < before
        is_crowded = most is not None and instance.number > most
        if is_old or is_crowded:
            wanted.append(instance.instance_id)
    return wanted


def _oldest_of(instance_ids: list[str], limit: int | None) -> sa.Select[Any]:
    """The rows of instances, one instance after the other, the oldest first."""
    columns = (
        _T.c.id,
        _T.c.instance_id,
        _T.c.service,
        _T.c.created,
        _T.c.deleted,
        _T.c.request_id,
    )
    return (
        sa.select(*columns)
        .where(_T.c.instance_id.in_(instance_ids))
        .order_by(_T.c.instance_id, _T.c.created, _T.c.id)
        .limit(limit)
    )


def _now(connection: sa.Connection) -> datetime:
    query = _CLOCKS[connection.dialect.name]
    found: Any = connection.exec_driver_sql(query).scalar()
    if isinstance(found, str):
        return datetime.fromisoformat(found)
    now: datetime = found
    return now


def _seconds(seconds: float) -> timedelta:
    return timedelta(seconds=seconds)
