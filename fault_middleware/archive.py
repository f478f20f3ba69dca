# SPDX-License-Identifier: Apache-2.0
"""The table of faults, as the retention and an operator who clears use it: removals, the lease."""

import dataclasses
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from fault_middleware import clock, expiry, models
from fault_middleware.partitions.spent import Partitions
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
    :ivar large: the id of the instance behind ``end``, if it has more rows than are looked at
    """

    end: str | None
    ids: list[str]
    large: str | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class Pile:
    """The rows that a service has of one instance, where they are too many for one look.

    :ivar first: time and id of the oldest fault that is not too many; None where none is
    """

    instance_id: str
    service: str | None
    first: tuple[datetime, str] | None


class Archive:
    """The table of faults in the database of a store.

    Every method raises what the database raises.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        #: Those that the table has, if any.
        self.partitions = Partitions(store)

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
        :param limit: how many rows to look at, the oldest of an instance first; then come again.
            Of an instance that has more, see :meth:`piles`
        """
        with self._store.writer.connect() as connection:
            instances = connection.execute(_instances(after)).all()
            wanted = _worth_a_look(instances, before, most)
            rows: Sequence[sa.Row[Any]] = []
            if wanted:
                rows = connection.execute(expiry.query(wanted, limit)).all()
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
        return Outdated(after, [], large=last)

    def piles(
        self, instance_id: str, most: int | None, limit: int
    ) -> list[Pile]:
        """The rows of a large instance, by service.

        Where the oldest fault is that stays is told from the newest one on, so that it is true
        whatever comes, and whatever somebody else removes. It takes as long as ``most`` is large.

        :param most: how many faults of it stay; None for all
        :param limit: how many rows a query steps over
        """
        found = []
        services = (
            sa.select(_T.c.service)
            .where(_T.c.instance_id == instance_id)
            .distinct()
        )
        with self._store.writer.connect() as connection:
            for service in connection.scalars(services).all():
                pile = Pile(instance_id, service, None)
                if most is not None:
                    first = _first_that_stays(connection, pile, most, limit)
                    pile = dataclasses.replace(pile, first=first)
                found.append(pile)
        return found

    def outdated_of(
        self, pile: Pile, before: datetime | None, limit: int
    ) -> list[str]:
        """The ids of rows of a pile that may go, in an order as in :class:`Outdated`.

        :param before: what happened earlier is to go; None for nothing
        :param limit: how many rows to look at, the oldest first; none that may go is the end
        """
        query = expiry.query([pile.instance_id], limit).where(_is_of(pile))
        with self._store.writer.connect() as connection:
            rows = connection.execute(query).all()
        surplus = []
        for row in rows:
            if pile.first is not None and (row.created, row.id) < pile.first:
                surplus.append(row.id)
        others = rows[len(surplus) :]
        old = expiry.expired(others, before, None)
        if len(rows) == limit:
            # What may go of the last ones depends on newer rows.
            newest_ids = _newest_ids(rows)
            old = [row_id for row_id in old if row_id not in newest_ids]
        return surplus + old

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


def _is_of(pile: Pile) -> sa.ColumnElement[bool]:
    """Whether a row is one of a pile."""
    is_of_instance = _T.c.instance_id == pile.instance_id
    # "IS NULL" for the rows of no service.
    return is_of_instance & _T.c.service.is_not_distinct_from(pile.service)


def _first_that_stays(
    connection: sa.Connection, pile: Pile, most: int, limit: int
) -> tuple[datetime, str] | None:
    """Time and id of a pile's fault number ``most``, from the newest one; None if it has fewer."""
    faults = sa.select(_T.c.created, _T.c.id).where(
        _is_of(pile), _T.c.deleted.is_not(sa.true())
    )
    newest_first = faults.order_by(_T.c.created.desc(), _T.c.id.desc())
    place: tuple[datetime, str] | None = None
    left = most
    while left > 0:
        query = newest_first.offset(min(left, limit) - 1).limit(1)
        if place is not None:
            query = query.where(_is_older(*place))
        row = connection.execute(query).first()
        if row is None:
            return None
        place = (row.created, row.id)
        left -= limit
    return place


def _is_older(created: datetime, row_id: str) -> sa.ColumnElement[bool]:
    """Whether a row comes before a place, in the order of the index."""
    is_next_to_it = (_T.c.created == created) & (_T.c.id < row_id)
    # The first condition is what MariaDB looks up in the index.
    return (_T.c.created <= created) & (
        (_T.c.created < created) | is_next_to_it
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


def _now(connection: sa.Connection) -> datetime:
    query = _CLOCKS[connection.dialect.name]
    found: Any = connection.exec_driver_sql(query).scalar()
    if isinstance(found, str):
        return datetime.fromisoformat(found)
    now: datetime = found
    return now


def _seconds(seconds: float) -> timedelta:
    return timedelta(seconds=seconds)
