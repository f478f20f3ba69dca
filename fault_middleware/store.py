# SPDX-License-Identifier: Apache-2.0
"""The one module that speaks SQL: faults in, the newest fault out.

Rows are only ever inserted, so writers never wait for each other, and recording the same fault
twice leaves one row.  A clearance is a row too.  Which row of an instance is shown follows from
the rows alone (the greatest by ``created`` and ``id``), so the order in which they arrive does not
matter.
"""

import dataclasses
import functools
import importlib
import itertools
import os
import time
import uuid
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, TypeVar

import sqlalchemy as sa

from fault_middleware import cause, clock, engines, fault, models
from fault_middleware.breaker import Breaker
from fault_middleware.fault import Fault
from fault_middleware.metrics import Metrics

#: The most instances that one query looks up.
CHUNK = 200

_Made = TypeVar("_Made")
_T = models.instance_faults
# A row in the order of the fields of Fault.
_COLUMNS = [_T.c[field.name] for field in dataclasses.fields(Fault)]
_IS_WANTED = _T.c.instance_id == sa.bindparam("instance_id")
_IS_OURS = _T.c.service == sa.bindparam("service")
_NEWEST = sa.select(*_COLUMNS).where(_IS_WANTED, _IS_OURS).limit(1)
_NEWEST = _NEWEST.order_by(_T.c.created.desc(), _T.c.id.desc())
_NEWEST_BETWEEN = _NEWEST.where(
    sa.literal_column("created") >= sa.bindparam("since"),
    sa.literal_column("created") <= sa.bindparam("until"),
)
# The same as _newest_of(), by what PostgreSQL plans in a fraction of the time.
_NEWEST_OF_ARRAY = sa.text(
    "SELECT f.* FROM unnest(CAST(:ids AS varchar[])) AS wanted(one)"  # noqa: S608 no values in it
    f" CROSS JOIN LATERAL (SELECT {', '.join(one.name for one in _COLUMNS)} FROM instance_faults"
    " WHERE instance_id = wanted.one AND service = :service"
    " ORDER BY created DESC, id DESC LIMIT 1) AS f"
)

# Of one instance: the rows of a request, and clearances, among its newest. The other rows are few
# enough to be passed over however many faults an instance has. Only ids are gathered at first:
# MariaDB would put texts on a disk for that.
_OF_REQUEST = """
    SELECT {columns} FROM (
        SELECT id FROM instance_faults
        WHERE instance_id = :id{number} AND service = :service
        ORDER BY created DESC, id DESC LIMIT 16
    ) AS recent{number}
    JOIN instance_faults AS f ON f.id = recent{number}.id
    WHERE f.request_id = :request{number} OR f.deleted
"""
# The most instances in one such query.
_REQUESTS = 16


class Store:
    """The table of faults in one database. Thread-safe.

    Opens nothing until it is used, and again in a forked process: build it before a server forks.

    :param options: the values of group ``[fault_middleware_database]``
    :param lookup_timeout: the most seconds that a look-up waits for a connection, and an answer
    :raises ConfigurationError: when ``connection`` is no usable URL
    """

    def __init__(
        self, options: Mapping[str, Any], lookup_timeout: float, metrics: Metrics | None = None
    ) -> None:
        self._options = options
        self._lookup_timeout = lookup_timeout
        self._breaker = Breaker(lookup_timeout, metrics or Metrics())
        self._made: dict[Hashable, Any] = {}
        self._pid = os.getpid()
        engines.check(options)

    @property
    def reader(self) -> sa.Engine:
        """For look-ups in requests."""
        return self._once("reader", lambda: engines.reader(self._options, self._lookup_timeout))

    @property
    def writer(self) -> sa.Engine:
        """For everything else."""
        return self._once("writer", lambda: engines.writer(self._options))

    def last(self, service: str, instance_id: str, *between: datetime) -> Fault | None:
        """What is to be shown of an instance: a fault, a clearance, or None.

        One round trip finds the newest row.  Only where that tells little of the cause, a second
        one looks for a better one of the same request (see :mod:`fault_middleware.cause`).

        :param between: no times, or two: only what happened from the first to the second
        :raises SuspendedError: when the database did not answer a moment ago
        :raises Exception: of the database, when it cannot answer
        """
        # In the one form that every database takes.
        times = [moment.isoformat(" ", "microseconds") for moment in between]
        values = {"service": service, "instance_id": instance_id}
        values |= zip(("since", "until"), times, strict=False)
        with self._breaker.call(f"{service} {instance_id}"):
            rows = self._read(_NEWEST_BETWEEN if between else _NEWEST, values)
            if not between:
                rows = self._causes(service, rows)
        # The database may find ids equal that are not (case, trailing spaces).
        return next((row for row in rows if row.instance_id == instance_id), None)

    def last_many(self, service: str, instance_ids: Iterable[str]) -> dict[str, Fault]:
        """What is to be shown of many, by instance id; raises as :meth:`last`.

        One round trip for each 200, and more only for what :meth:`last` would look at twice.
        """
        wanted = dict.fromkeys(instance_ids)
        if not wanted:
            return {}
        found: dict[str, Fault] = {}
        ids = iter(wanted)
        end = time.monotonic() + self._lookup_timeout
        with self._breaker.call(f"{service} {next(iter(wanted))}"):
            while chunk := list(itertools.islice(ids, CHUNK)):
                if time.monotonic() > end:
                    raise TimeoutError(f"{len(wanted)} look-ups took too long")
                # Few sizes, so few statements to prepare; the gap is filled with an id that is
                # asked for anyway.
                size = min(CHUNK, 1 << (len(chunk) - 1).bit_length())
                chunk += chunk[:1] * (size - len(chunk))
                values: dict[str, Any] = {f"id{n}": one for n, one in enumerate(chunk)}
                statement = _newest_of(size)
                if self.reader.dialect.name == "postgresql":
                    statement, values = _NEWEST_OF_ARRAY, {"ids": chunk}
                newest = self._read(statement, {"service": service, **values})
                for row in self._causes(service, newest):
                    if row.instance_id in wanted:
                        found[row.instance_id] = row
        return found

    def record(self, faults: Sequence[Fault]) -> int:
        """Store faults and clearances with one commit; how many of them were new.

        :raises Exception: of the database; none of them was stored then, and it may be tried again
        """
        if not faults:
            return 0
        updated = clock.utcnow()
        with self.writer.begin() as connection:
            insert = _insert(connection.dialect.name)
            result = connection.execute(insert, [_values(row, updated) for row in faults])
            if connection.dialect.name == "mysql":
                # To SQLAlchemy's connections, MySQL also counts what was there.
                is_new = _T.c.id.in_([row.id for row in faults]) & (_T.c.updated == updated)
                return connection.scalar(sa.select(sa.func.count()).where(is_new)) or 0
            return max(result.rowcount, 0)

    def history(
        self, limit: int | None, since: datetime | None, fold: bool = False, **equal: Any
    ) -> list[dict[str, Any]]:
        """Rows for people, the newest first, with all columns.

        :param since: only what happened then or later
        :param fold: make one of the rows of an instance that say the same; instead of the columns
            that tell them apart it has ``count``, ``first`` and ``last``
        :param equal: columns and what is in them; None for whatever
        :raises Exception: of the database, as all that follow
        """
        what = (_T.c.service, _T.c.instance_id, _T.c.message, _T.c.deleted)
        time = _T.c.created
        first, last = sa.func.min(time).label("first"), sa.func.max(time).label("last")
        statement = sa.select(_T).order_by(time.desc(), _T.c.id.desc())
        if fold:
            count = sa.func.count().label("count")
            statement = sa.select(*what, count, first, last).group_by(*what).order_by(last.desc())
        given = [_T.c[name] == value for name, value in equal.items() if value is not None]
        given += [time >= since] if since else []
        with self.writer.connect() as connection:
            rows = connection.execute(statement.where(*given).limit(limit))
            return [dict(row) for row in rows.mappings()]

    def outdated(
        self, after: str, before: datetime | None, most: int | None, limit: int | None
    ) -> tuple[str | None, list[str]]:
        """What to purge of the next 200 instances.

        :param after: the id of the instance that was looked at last
        :param before: what happened earlier is to go; None for nothing
        :param most: how many faults of an instance stay; None for all
        :param limit: how many rows to look at, the oldest of an instance first; then come again
        :returns: the id of the last instance that is done with, None if there are no more; and the
            ids of rows, in an order that never uncovers a fault that was cleared
        """
        one, count = _T.c.instance_id, sa.func.count()
        some = sa.select(one, sa.func.min(_T.c.created), count).where(one > after).group_by(one)
        columns = (_T.c.id, one, _T.c.service, _T.c.created, _T.c.deleted)
        faults: Counter[tuple[str, str]] = Counter()
        outdated: list[str] = []
        with self.writer.connect() as connection:
            found = connection.execute(some.order_by(one).limit(CHUNK)).all()
            wanted = [
                instance_id
                for instance_id, oldest, number in found
                if (before and oldest < before) or (most and number > most)
            ]
            order = (one, _T.c.created, _T.c.id)
            statement = sa.select(*columns).where(one.in_(wanted)).order_by(*order).limit(limit)
            rows = connection.execute(statement).all() if wanted else []
        for row in reversed(rows):
            key = row.service, row.instance_id
            # Or it may be, if newer ones of the instance were not looked at.
            is_shown = key not in faults and not row.deleted
            is_surplus = most is not None and faults[key] >= most
            faults[key] += not row.deleted
            if not is_shown and (is_surplus or (before and row.created < before)):
                outdated.append(row.id)
        ends = [after, *(instance_id for instance_id, _, _ in found)]
        if len(rows) == limit:
            ends = ends[: ends.index(rows[-1].instance_id) + (not outdated)]
        return (ends[-1] if found else None), outdated[::-1]

    def delete(self, ids: Sequence[str]) -> int:
        """Remove rows with one commit; how many there were."""
        with self.writer.begin() as connection:
            return connection.execute(_T.delete().where(_T.c.id.in_(ids))).rowcount

    def lease(self, seconds: float) -> str | None:
        """Be the one who purges for so many seconds.

        :returns: the instance after which to go on, or None if nothing is due or another does it
        """
        table, now = models.retention, clock.utcnow()
        until = table.update().values(due=now + timedelta(seconds=seconds))
        with self.writer.begin() as connection:
            is_ours = connection.execute(until.where(table.c.due <= now)).rowcount
            position: str | None = connection.scalar(sa.select(table.c.position))
            return position if is_ours else None

    def advance(self, begin: str, end: str, seconds: float) -> bool:
        """Note that the purge went on from ``begin`` to ``end``, and for how long it is ours.

        :returns: whether it was; otherwise somebody else goes on
        """
        table, due = models.retention, clock.utcnow() + timedelta(seconds=seconds)
        moved = table.update().where(table.c.position == begin).values(position=end, due=due)
        with self.writer.begin() as connection:
            return connection.execute(moved).rowcount > 0

    def probe(self) -> None:
        """Store a row and take it out again, or raise what the database does."""
        row = fault.make("-", "-", message="-", message_id=str(uuid.uuid4()))
        with self.writer.begin() as connection:
            connection.execute(_insert(connection.dialect.name), [_values(row, row.created)])
            connection.execute(_T.delete().where(_T.c.id == row.id))

    def _causes(self, service: str, newest: Sequence[Fault]) -> list[Fault]:
        """The newest row of each instance, or another of the same request that tells more."""
        shown = {row.instance_id: row for row in newest}
        poor = [row for row in newest if cause.gives_way(row)]
        for begin in range(0, len(poor), _REQUESTS):
            some = poor[begin : begin + _REQUESTS]
            values: dict[str, Any] = {"service": service}
            for number, row in enumerate(some):
                values |= {f"id{number}": row.instance_id, f"request{number}": row.request_id}
            found = self._read(_of_requests(len(some)), values)
            for row in some:
                others = [other for other in found if other.instance_id == row.instance_id]
                shown[row.instance_id] = cause.nearest(row, others)
        return list(shown.values())

    def _read(self, statement: sa.ClauseElement, values: Mapping[str, Any]) -> list[Fault]:
        lookup = self._once(statement, lambda: engines.Lookup(self.reader, statement, _COLUMNS))
        begin = time.monotonic()
        try:
            return list(itertools.starmap(Fault, lookup.rows(values)))
        except engines.DisconnectedError:
            # A pooled connection that the server has closed meanwhile; asking each one before use
            # would cost every request a round trip. The pool has dropped them all by now, so this
            # connects anew. What took its time to fail would take it again.
            if time.monotonic() - begin > self._lookup_timeout / 10:
                raise
            return list(itertools.starmap(Fault, lookup.rows(values)))

    def _once(self, key: Hashable, make: Callable[[], _Made]) -> _Made:
        """What is made once in a process."""
        if self._pid != os.getpid():
            # Forked: the connections are the parent's, who goes on using them.
            for one in self._made.values():
                if isinstance(one, sa.Engine):
                    one.dispose(close=False)
            self._made, self._pid = {}, os.getpid()
        if key not in self._made:
            self._made.setdefault(key, make())
        made: _Made = self._made[key]
        return made


@functools.cache
def _newest_of(size: int) -> sa.ClauseElement:
    """The newest row of each of ``size`` instances (``:id0``, ``:id1``, ...).

    A correlated LIMIT 1 for each id walks the index to one row, however many faults an instance
    has; window functions read them all.
    """
    ids = " UNION ALL ".join(f"SELECT :id{n} AS instance_id" for n in range(size))
    columns = ", ".join(f"f.{column.name}" for column in _COLUMNS)
    return sa.text(
        f"SELECT {columns} FROM ({ids}) AS wanted"  # noqa: S608 no values in it
        " JOIN instance_faults AS f ON f.id = (SELECT newest.id"
        " FROM instance_faults AS newest"
        " WHERE newest.instance_id = wanted.instance_id"
        " AND newest.service = :service"
        " ORDER BY newest.created DESC, newest.id DESC LIMIT 1)"
    ).columns(*_COLUMNS)


@functools.cache
def _of_requests(size: int) -> sa.ClauseElement:
    """What else happened to ``size`` instances under the requests of their newest faults."""
    columns = ", ".join(f"f.{column.name}" for column in _COLUMNS)
    parts = [_OF_REQUEST.format(columns=columns, number=number) for number in range(size)]
    return sa.text(" UNION ALL ".join(parts)).columns(*_COLUMNS)


def _values(row: Fault, updated: datetime) -> dict[str, Any]:
    """A row of the table."""
    values = {column.name: getattr(row, column.name) for column in _COLUMNS}
    values["deleted_at"] = row.created if row.deleted else None
    return {**values, "updated": updated}


@functools.cache
def _insert(dialect: str) -> Any:
    """An INSERT that passes over a row whose id is there already.

    MySQL's INSERT IGNORE would also pass over data that do not fit.
    """
    # Only the dialect in use: importing the others takes longer than all of our modules.
    module = importlib.import_module(f"sqlalchemy.dialects.{dialect}")
    insert = module.insert(_T).execution_options(preserve_rowcount=True)
    if dialect == "mysql":
        return insert.on_duplicate_key_update(id=_T.c.id)
    return insert.on_conflict_do_nothing(index_elements=[_T.c.id])
