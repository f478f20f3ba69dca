# SPDX-License-Identifier: Apache-2.0
"""The table of faults, as operators and the retention use it: lists, removals, the lease."""

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

#: The most rows that are counted for what is most frequent.
MOST_COUNTED = 100_000

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


@dataclasses.dataclass(frozen=True, slots=True)
class Frequent:
    """What failed most often.

    :ivar rows: the most frequent first: the columns that were counted together, ``count``,
        ``instances`` (how many had it), ``first`` and ``last``
    :ivar looked_at: how many rows of the table were looked at, clearances too; where it is
        :data:`MOST_COUNTED`, there are more
    """

    rows: list[dict[str, Any]]
    looked_at: int


class Archive:
    """The table of faults in the database of a store.

    Every method raises what the database raises.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    def history(
        self,
        limit: int | None,
        since: datetime | None,
        fold: bool = False,
        **equal: Any,
    ) -> list[dict[str, Any]]:
        """Rows for people, the newest first, with all columns.

        :param since: only what happened then or later
        :param fold: make one of the rows of an instance that say the same; instead of the columns
            that tell them apart it has ``count``, ``first`` and ``last``
        :param equal: columns, and the value that each must have; None for any value
        """
        statement = _unfolded()
        if fold:
            statement = _folded()
        for name, value in equal.items():
            if value is not None:
                statement = statement.where(_T.c[name] == value)
        if since is not None:
            statement = statement.where(_T.c.created >= since)
        with self._store.unhurried.connect() as connection:
            rows = connection.execute(statement.limit(limit))
            return [dict(row) for row in rows.mappings()]

    def most_frequent(
        self,
        keys: Sequence[str],
        since: datetime,
        service: str | None,
        limit: int | None,
    ) -> Frequent:
        """What failed most often, among the newest 100,000 rows of a time.

        :param keys: columns; faults that have the same there are counted together
        :param since: only what happened then or later
        :param service: only faults of it; None for all
        :param limit: the most to return; None for all
        """
        recent = _recent(keys, since, service)
        with self._store.unhurried.connect() as connection:
            rows = connection.execute(_grouped(recent, keys).limit(limit))
            found = [dict(row) for row in rows.mappings()]
            number = sa.select(sa.func.count()).select_from(recent)
            looked_at = connection.scalar(number) or 0
        return Frequent(found, looked_at)

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
        ids = expiry.expired(rows, before, most)
        if not instances:
            return Outdated(None, ids)
        if len(rows) != limit:
            return Outdated(instances[-1].instance_id, ids)
        # There may be more rows of the instance that comes last. Look at it again, unless nothing
        # of it may go.
        last = rows[-1].instance_id
        if not ids:
            return Outdated(last, ids)
        end = after
        for instance in instances:
            if instance.instance_id == last:
                break
            end = instance.instance_id
        return Outdated(end, ids)

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


def _unfolded() -> sa.Select[Any]:
    return sa.select(_T).order_by(_T.c.created.desc(), _T.c.id.desc())


def _folded() -> sa.Select[Any]:
    same = (_T.c.service, _T.c.instance_id, _T.c.message, _T.c.deleted)
    count = sa.func.count().label("count")
    first = sa.func.min(_T.c.created).label("first")
    last = sa.func.max(_T.c.created).label("last")
    return (
        sa.select(*same, count, first, last)
        .group_by(*same)
        .order_by(last.desc())
    )


def _recent(
    keys: Sequence[str], since: datetime, service: str | None
) -> sa.Subquery:
    """The newest rows of a time: one walk down an index, however large the table is."""
    names = dict.fromkeys([*keys, "instance_id", "created", "deleted"])
    statement = (
        sa.select(*[_T.c[name] for name in names])
        .where(_T.c.created >= since)
        .order_by(_T.c.created.desc(), _T.c.id.desc())
        .limit(MOST_COUNTED)
    )
    if service is not None:
        statement = statement.where(_T.c.service == service)
    return statement.subquery("recent")


def _grouped(recent: sa.Subquery, keys: Sequence[str]) -> sa.Select[Any]:
    """The faults of some rows, counted; of equals, what happened last comes first."""
    columns = [recent.c[name] for name in keys]
    count = sa.func.count().label("count")
    instances = sa.func.count(sa.distinct(recent.c.instance_id))
    first = sa.func.min(recent.c.created).label("first")
    last = sa.func.max(recent.c.created).label("last")
    return (
        sa.select(*columns, count, instances.label("instances"), first, last)
        .where(recent.c.deleted.is_(False))
        .group_by(*columns)
        .order_by(count.desc(), last.desc(), *columns)
    )


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
