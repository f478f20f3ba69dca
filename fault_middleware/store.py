# SPDX-License-Identifier: Apache-2.0
"""The table of faults, as requests and notifications use it: faults in, the newest fault out.

Rows are only ever inserted, so writers never wait for each other, and recording the same fault
twice leaves one row.  A clearance is a row too.  Which row of an instance is shown follows from
the rows alone (the greatest by ``created`` and ``id``), so the order in which they arrive does not
matter.  What operators and the retention ask is in ``archive``.
"""

import dataclasses
import functools
import importlib
import itertools
import os
import time
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from fault_middleware import cause, clock, engines, fault, models
from fault_middleware.breaker import Breaker
from fault_middleware.fault import Fault
from fault_middleware.metrics import Metrics
from fault_middleware.process import PerProcess

#: The most instances that one query looks up.
CHUNK = 200

_T = models.instance_faults
# A row in the order of the fields of Fault.
_COLUMNS = [_T.c[field.name] for field in dataclasses.fields(Fault)]
_IS_WANTED = _T.c.instance_id == sa.bindparam("instance_id")
_IS_OURS = _T.c.service == sa.bindparam("service")
_NEWEST = (
    sa.select(*_COLUMNS)
    .where(_IS_WANTED, _IS_OURS)
    .order_by(_T.c.created.desc(), _T.c.id.desc())
    .limit(1)
)
_NEWEST_BETWEEN = _NEWEST.where(
    sa.literal_column("created") >= sa.bindparam("since"),
    sa.literal_column("created") <= sa.bindparam("until"),
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
    :raises ConfigurationError: when ``connection`` is not a usable URL
    """

    def __init__(
        self, options: Mapping[str, Any], lookup_timeout: float, metrics: Metrics | None = None
    ) -> None:
        self._options = options
        self._lookup_timeout = lookup_timeout
        self._breaker = Breaker(lookup_timeout, metrics or Metrics())
        engines.check(options)
        self._reader = PerProcess(lambda: engines.reader(options, lookup_timeout), _abandon)
        self._writer = PerProcess(lambda: engines.writer(options), _abandon)
        self._lookups = PerProcess[dict[sa.ClauseElement, engines.Lookup]](dict)

    @property
    def reader(self) -> sa.Engine:
        """For look-ups in requests."""
        return self._reader.get()

    @property
    def writer(self) -> sa.Engine:
        """For everything else."""
        return self._writer.get()

    def last(self, service: str, instance_id: str, *between: datetime) -> Fault | None:
        """What is to be shown of an instance: a fault, a clearance, or None.

        One round trip finds the newest row.  Only where that tells little of the cause, a second
        one looks for a better one of the same request (see :mod:`fault_middleware.cause`).

        :param between: no times, or two: only what happened from the first to the second
        :raises SuspendedError: when the database did not answer a moment ago
        :raises Exception: of the database, when it cannot answer
        """
        statement = _NEWEST
        values = {"service": service, "instance_id": instance_id}
        if between:
            since, until = between
            statement = _NEWEST_BETWEEN
            # All three drivers take a time as text.
            values["since"] = since.isoformat(" ", "microseconds")
            values["until"] = until.isoformat(" ", "microseconds")
        with self._breaker.call(f"{service} {instance_id}"):
            rows = self._read(statement, values)
            if not between:
                rows = self._causes(service, rows)
        for row in rows:
            # The database may find ids equal that are not (case, trailing spaces).
            if row.instance_id == instance_id:
                return row
        return None

    def last_many(
        self, service: str, instance_ids: Iterable[str], with_details: bool = True
    ) -> dict[str, Fault]:
        """What is to be shown of many, by instance id; raises as :meth:`last`.

        One round trip for each 200, and more only for what :meth:`last` would look at twice.

        :param with_details: whether to read the long texts, ``details`` and ``problem``, which are
            empty otherwise
        """
        wanted = dict.fromkeys(instance_ids)
        if not wanted:
            return {}
        found: dict[str, Fault] = {}
        end = time.monotonic() + self._lookup_timeout
        with self._breaker.call(f"{service} {next(iter(wanted))}"):
            for chunk in _chunks(wanted):
                if time.monotonic() > end:
                    raise TimeoutError(f"{len(wanted)} look-ups took too long")
                newest = self._newest_of(service, chunk, with_details)
                for row in self._causes(service, newest, with_details):
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
            if connection.dialect.name != "mysql":
                return max(result.rowcount, 0)
            # To SQLAlchemy's connections, MySQL also counts what was there.
            is_new = _T.c.id.in_([row.id for row in faults]) & (_T.c.updated == updated)
            return connection.scalar(sa.select(sa.func.count()).where(is_new)) or 0

    def probe(self, like: Fault | None = None) -> None:
        """Store a row and take it out again, or raise what the database does.

        :param like: a row as large as the one to try; None for a small one
        """
        row = fault.make("-", "-", message="-", message_id=str(uuid.uuid4()))
        if like is not None:
            row = dataclasses.replace(
                row,
                message=_noise(min(len(like.message.encode()), fault.MESSAGE_CHARACTERS)),
                details=_noise(len(like.details.encode())),
                problem=_noise(len((like.problem or "").encode())),
            )
        with self.writer.begin() as connection:
            connection.execute(_insert(connection.dialect.name), [_values(row, row.created)])
            connection.execute(_T.delete().where(_T.c.id == row.id))

    def reconnect(self) -> None:
        """Store by new connections from now on.

        A pooled one may lead to a server that has become read-only, while its name leads to
        another one by now; and SQLite's stay read-only when the file is not any more.
        """
        self.writer.dispose()

    def _newest_of(self, service: str, ids: list[str], with_details: bool) -> list[Fault]:
        """The newest row of each instance of a chunk; some may come twice."""
        if self.reader.dialect.name == "postgresql":
            values = {"service": service, "ids": ids}
            return self._read(_newest_of_array(with_details), values)
        # Few sizes, so few statements to prepare; the gap is filled with an id that is asked for
        # anyway.
        size = min(CHUNK, 1 << (len(ids) - 1).bit_length())
        padded = ids + ids[:1] * (size - len(ids))
        named = {f"id{number}": instance_id for number, instance_id in enumerate(padded)}
        return self._read(_newest_of(size, with_details), {"service": service, **named})

    def _causes(
        self, service: str, newest: Sequence[Fault], with_details: bool = True
    ) -> list[Fault]:
        """The newest row of each instance, or another of the same request that tells more."""
        shown = {row.instance_id: row for row in newest}
        poor = [row for row in newest if cause.gives_way(row)]
        for begin in range(0, len(poor), _REQUESTS):
            some = poor[begin : begin + _REQUESTS]
            values: dict[str, Any] = {"service": service}
            for number, row in enumerate(some):
                values[f"id{number}"] = row.instance_id
                values[f"request{number}"] = row.request_id
            found = self._read(_of_requests(len(some), with_details), values)
            for row in some:
                others = [other for other in found if other.instance_id == row.instance_id]
                shown[row.instance_id] = cause.nearest(row, others)
        return list(shown.values())

    def _read(self, statement: sa.ClauseElement, values: Mapping[str, Any]) -> list[Fault]:
        lookup = self._lookup(statement)
        begin = time.monotonic()
        try:
            return [Fault(*row) for row in lookup.rows(values)]
        except engines.DisconnectedError:
            # A pooled connection that the server has closed meanwhile; asking each one before use
            # would cost every request a round trip. The pool has dropped them all by now, so this
            # connects anew. What took its time to fail would take it again.
            if time.monotonic() - begin > self._lookup_timeout / 10:
                raise
            return [Fault(*row) for row in lookup.rows(values)]

    def _lookup(self, statement: sa.ClauseElement) -> engines.Lookup:
        """The look-up of a statement, which this process prepares once."""
        lookups = self._lookups.get()
        if statement not in lookups:
            lookups[statement] = engines.Lookup(self.reader, statement, _COLUMNS)
        return lookups[statement]


def _abandon(engine: sa.Engine) -> None:
    """Forget connections that are those of the process from which this one was forked."""
    engine.dispose(close=False)


def _chunks(ids: Iterable[str]) -> Iterator[list[str]]:
    remaining = iter(ids)
    while chunk := list(itertools.islice(remaining, CHUNK)):
        yield chunk


def _selected(table: str, with_details: bool) -> str:
    """The columns of a row, in the order of the fields of Fault."""
    names = [f"{table}.{column.name}" for column in _COLUMNS]
    if not with_details:
        names[names.index(f"{table}.details")] = "'' AS details"
        names[names.index(f"{table}.problem")] = "NULL AS problem"
    return ", ".join(names)


@functools.cache
def _newest_of(size: int, with_details: bool) -> sa.ClauseElement:
    """The newest row of each of ``size`` instances (``:id0``, ``:id1``, ...).

    A correlated LIMIT 1 for each id walks the index to one row, however many faults an instance
    has; window functions read them all.
    """
    ids = " UNION ALL ".join(f"SELECT :id{number} AS instance_id" for number in range(size))
    return sa.text(
        f"SELECT {_selected('f', with_details)} FROM ({ids}) AS wanted"  # noqa: S608 no values in it
        " JOIN instance_faults AS f ON f.id = (SELECT newest.id"
        " FROM instance_faults AS newest"
        " WHERE newest.instance_id = wanted.instance_id"
        " AND newest.service = :service"
        " ORDER BY newest.created DESC, newest.id DESC LIMIT 1)"
    ).columns(*_COLUMNS)


@functools.cache
def _newest_of_array(with_details: bool) -> sa.ClauseElement:
    """The same, for the array ``:ids``; PostgreSQL plans it in a fraction of the time."""
    return sa.text(
        "SELECT f.* FROM unnest(CAST(:ids AS varchar[])) AS wanted(instance)"  # noqa: S608 no values in it
        f" CROSS JOIN LATERAL (SELECT {_selected('instance_faults', with_details)}"
        " FROM instance_faults"
        " WHERE instance_id = wanted.instance AND service = :service"
        " ORDER BY created DESC, id DESC LIMIT 1) AS f"
    )


@functools.cache
def _of_requests(size: int, with_details: bool) -> sa.ClauseElement:
    """What else happened to ``size`` instances under the requests of their newest faults."""
    columns = _selected("f", with_details)
    parts = [_OF_REQUEST.format(columns=columns, number=number) for number in range(size)]
    return sa.text(" UNION ALL ".join(parts)).columns(*_COLUMNS)


def _noise(size: int) -> str:
    """So many ASCII characters, which a database that compresses cannot make fewer."""
    return os.urandom(size // 2 + 1).hex()[:size]


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
