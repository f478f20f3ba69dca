# SPDX-License-Identifier: Apache-2.0
"""The table of faults, as requests and notifications use it: faults in, the newest fault out.

Rows are inserted and purged, and never changed, so writers never wait for each other, and
recording the same fault twice leaves one row.  A clearance is a row too.  Which row of an instance
is shown follows from the rows alone (the newest, or the cause of it), so the order in which they
arrive does not matter.  What operators and the retention ask is in ``archive``.
"""

import dataclasses
import os
import time
import uuid
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from fault_middleware import (
    beside,
    cause,
    clock,
    ending,
    engines,
    fault,
    former,
    models,
    statements,
)
from fault_middleware.breaker import Breaker
from fault_middleware.fault import Fault
from fault_middleware.health import Part
from fault_middleware.metrics import Metrics
from fault_middleware.process import PerProcess

#: The most instances that one query looks up.
CHUNK = statements.MOST_INSTANCES

_T = models.instance_faults


class Store:
    """The table of faults in one database. Thread-safe.

    Opens nothing until it is used, and again in a forked process: build it before a server forks.
    Its methods may be called in any order. A look-up that gets no answer is logged by the breaker
    before it raises.

    :param options: the values of group ``[fault_middleware_database]``
    :param lookup_timeout: the most seconds that a look-up waits for a connection, and an answer
    :param part: what does not work while look-ups get no answer
    :raises ConfigurationError: when ``connection`` is not a usable URL
    """

    def __init__(
        self,
        options: Mapping[str, Any],
        lookup_timeout: float,
        metrics: Metrics | None = None,
        part: Part = Part.LOOK_UPS,
    ) -> None:
        self._options = options
        self._lookup_timeout = lookup_timeout
        self._breaker = Breaker(lookup_timeout, metrics or Metrics(), part)
        engines.check(options)
        self._breaker.recover_by(self._ask, engines.reader_yields(options))
        self._reader = PerProcess(
            lambda: engines.reader(options, lookup_timeout), _abandon
        )
        self._writer = PerProcess(lambda: engines.writer(options), _abandon)
        self._unhurried = PerProcess(
            lambda: engines.unhurried(options), _abandon
        )
        self._lookups = PerProcess[dict[sa.ClauseElement, engines.Lookup]](
            dict
        )

    @property
    def reader(self) -> sa.Engine:
        """For look-ups in requests."""
        return self._reader.get()

    @property
    def writer(self) -> sa.Engine:
        """For everything else."""
        return self._writer.get()

    @property
    def unhurried(self) -> sa.Engine:
        """For operators, who wait for as long as it takes."""
        return self._unhurried.get()

    def newest(self, service: str, instance_id: str) -> Fault | None:
        """What is to be shown of an instance: a fault, a clearance, or None.

        One round trip finds the newest row.  Only where that is the success of an operation,
        others look for what is not of it; and only where what is found tells little of the cause,
        one looks for a better one of the same failure (see :mod:`fault_middleware.cause`).

        :raises SuspendedError: when the database did not answer a moment ago
        :raises Exception: of the database, when it cannot answer
        """
        values = {"service": service, "instance_id": instance_id}
        end = time.monotonic() + self._lookup_timeout
        with self._breaker.call(f"{service} {instance_id}"):
            rows = self._read(statements.NEWEST, values)
            if rows:  # of most instances there are none
                rows = self._beside_successes(service, rows, end)
                rows = self._causes(service, rows, end)
        return _row_of(instance_id, rows)

    def newest_between(
        self, service: str, instance_id: str, since: datetime, until: datetime
    ) -> Fault | None:
        """The newest of what happened from one time to another; raises as :meth:`newest`."""
        values = {
            "service": service,
            "instance_id": instance_id,
            # All three drivers take a time as text.
            "since": since.isoformat(" ", "microseconds"),
            "until": until.isoformat(" ", "microseconds"),
        }
        with self._breaker.call(f"{service} {instance_id}"):
            rows = self._read(statements.NEWEST_BETWEEN, values)
        return _row_of(instance_id, rows)

    def newest_of_many(
        self,
        service: str,
        instance_ids: Iterable[str],
        with_details: bool = True,
    ) -> dict[str, Fault]:
        """What is to be shown of many, by instance id; raises as :meth:`newest`.

        One round trip for each 200, and more only for what :meth:`newest` would look at twice.

        :param with_details: whether to read the long texts, ``details`` and ``problem``, which are
            empty otherwise
        """
        wanted = dict.fromkeys(instance_ids)
        if not wanted:
            return {}
        found: dict[str, Fault] = {}
        end = time.monotonic() + self._lookup_timeout
        with self._breaker.call(f"{service} {next(iter(wanted))}"):
            for chunk in statements.chunks(wanted):
                _refuse_after(end)
                newest = self._newest_rows(service, chunk, with_details)
                newest = self._beside_successes(
                    service, newest, end, with_details
                )
                for row in self._causes(service, newest, end, with_details):
                    if row.instance_id in wanted:
                        found[row.instance_id] = row
        return found

    def history(self, service: str, instance_id: str) -> list[Fault]:
        """The newest 1,000 rows of an instance, the newest first, without their long texts.

        One round trip; raises as :meth:`newest`.
        """
        values = {"service": service, "instance_id": instance_id}
        with self._breaker.call(f"{service} {instance_id}"):
            rows = self._read(statements.HISTORY, values)
        # A database may find ids equal that are not (case, spaces).
        return [row for row in rows if row.instance_id == instance_id]

    def whole(self, rows: Sequence[Fault]) -> dict[str, Fault]:
        """Some rows with their long texts, at most 200, by their own ids.

        One round trip; raises as :meth:`newest`.
        """
        if not rows:
            return {}
        ids = [row.id for row in rows]
        statement = statements.of_ids(statements.rounded(len(ids)))
        with self._breaker.call(f"{rows[0].service} {rows[0].instance_id}"):
            found = self._read(statement, statements.numbered(ids))
        return {row.id: row for row in found}

    def record(self, faults: Sequence[Fault]) -> int:
        """Store faults and clearances with one commit; how many of them were new.

        :raises Exception: of the database; none of them was stored then, and it may be tried again
        """
        if not faults:
            return 0
        updated = clock.utcnow()
        values = [statements.values_of(row, updated) for row in faults]
        with self.writer.begin() as connection:
            dialect = connection.dialect.name
            result = connection.execute(statements.insert(dialect), values)
            has_former = former.may_exist(connection)
            # To SQLAlchemy's connections, MySQL also counts what was there.
            if dialect != "mysql" and not has_former:
                return max(result.rowcount, 0)
            return former.count_new(connection, faults, updated, has_former)

    def record_successes(self, clearances: Sequence[Fault]) -> int:
        """Store clearances of one operation each, if that has failed; how many were new.

        :raises Exception: of the database; it may be tried again
        """
        if not clearances:
            return 0
        with self.writer.connect() as connection:
            needed = ending.needed(connection, clearances)
        return self.record(needed)

    def probe(self, like: Fault | None = None) -> None:
        """Store a row and take it out again, or raise what the database does.

        :param like: a row as large as the one to try; None for a small one
        """
        # With a time, so that it is tried where new rows go.
        row = fault.make("-", "-", message=str(uuid.uuid4()))
        if like is not None:
            message = _noise_like(like.message)
            row = dataclasses.replace(
                row,
                message=message[: fault.MESSAGE_CHARACTERS],
                details=_noise_like(like.details),
                problem=_noise_like(like.problem or ""),
            )
        with self.writer.begin() as connection:
            connection.execute(
                statements.insert(connection.dialect.name),
                [statements.values_of(row, row.created)],
            )
            connection.execute(_T.delete().where(_T.c.id == row.id))

    def reconnect(self) -> None:
        """Store by new connections from now on.

        A pooled one may lead to a server that has become read-only, while its name leads to
        another one by now; and SQLite's stay read-only when the file is not any more.
        """
        self.writer.dispose()

    def _newest_rows(
        self, service: str, ids: list[str], with_details: bool
    ) -> list[Fault]:
        """The newest row of each instance of a chunk; some may come twice."""
        if self.reader.dialect.name == "postgresql":
            statement = statements.newest_of_array(with_details)
            return self._read(statement, {"service": service, "ids": ids})
        statement = statements.newest_of(
            statements.rounded(len(ids)), with_details
        )
        return self._read(
            statement, {"service": service, **statements.numbered(ids)}
        )

    def _causes(
        self,
        service: str,
        newest: Sequence[Fault],
        end: float,
        with_details: bool = True,
    ) -> list[Fault]:
        """The newest row of each instance, or another of the same failure that tells more.

        :param end: when the last look-up may begin, by time.monotonic(); TimeoutError after that
        """
        if not newest:
            return []  # as of most instances
        shown = {row.instance_id: row for row in newest}
        poor = cause.told_poorly(newest, with_details)
        for begin in range(0, len(poor), statements.MOST_FAILURES):
            _refuse_after(end)
            some = poor[begin : begin + statements.MOST_FAILURES]
            statement, values = statements.same_failures(some, with_details)
            others = self._read(statement, {"service": service, **values})
            shown.update(cause.nearest_of(some, others))
        return list(shown.values())

    def _beside_successes(
        self,
        service: str,
        rows: list[Fault],
        end: float,
        with_details: bool = True,
    ) -> list[Fault]:
        """Rows; in place of the success of an operation, what is not of that operation."""

        def look_up(succeeded: beside.Succeeded) -> list[Fault]:
            _refuse_after(end)
            statement, values = beside.query(succeeded, with_details)
            return self._read(statement, {"service": service, **values})

        return beside.successes(rows, look_up)

    def _ask(self) -> None:
        """Look up what is not there; raises while the database does not answer."""
        self._read(statements.NEWEST, {"service": "-", "instance_id": "-"})

    def _read(
        self, statement: sa.ClauseElement, values: Mapping[str, Any]
    ) -> list[Fault]:
        lookup = self._lookup(statement)
        begin = time.monotonic()
        try:
            return [Fault(*row) for row in lookup.rows(values)]
        except engines.DisconnectedError:
            # A pooled connection that the server has closed meanwhile; asking each one before use
            # would cost every request a round trip. The pool has dropped them all by now, so this
            # connects again. What took long to fail would take as long again.
            if time.monotonic() - begin > self._lookup_timeout / 10:
                raise
            return [Fault(*row) for row in lookup.rows(values)]

    def _lookup(self, statement: sa.ClauseElement) -> engines.Lookup:
        """The look-up of a statement, which this process prepares once."""
        lookups = self._lookups.get()
        lookup = lookups.get(statement)
        if lookup is None:
            lookup = engines.Lookup(self.reader, statement, statements.COLUMNS)
            lookups[statement] = lookup
        return lookup


def _refuse_after(end: float) -> None:
    """TimeoutError where a moment of time.monotonic() has passed: one more look-up is too many."""
    if time.monotonic() > end:
        raise TimeoutError("the look-ups of one request took too long")


def _abandon(engine: sa.Engine) -> None:
    """Forget connections that are those of the process from which this one was forked."""
    engine.dispose(close=False)


def _row_of(instance_id: str, rows: Iterable[Fault]) -> Fault | None:
    """The row of an instance; a database may find ids equal that are not (case, spaces)."""
    for row in rows:
        if row.instance_id == instance_id:
            return row
    return None


def _noise_like(text: str) -> str:
    """As many bytes in ASCII characters, which a database that compresses cannot make fewer."""
    size = len(text.encode())
    noise = os.urandom(size // 2 + 1).hex()
    return noise[:size]
