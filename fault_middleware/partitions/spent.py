# SPDX-License-Identifier: Apache-2.0
"""Partitions whose rows may all go, but for a few that are carried over; and how they go.

Which rows may go is what :mod:`fault_middleware.expiry` says, as where they are removed one by
one. Those that must stay are stored again when the partition is gone: by then their keys belong
to another one.
"""

import dataclasses
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from fault_middleware import expiry, models
from fault_middleware.partitions import layout, mysql, step
from fault_middleware.partitions.layout import TABLE, Partition
from fault_middleware.store import Store

# Instances that are looked at together.
_INSTANCES = 200
# Rows of theirs, in all partitions. Where there are more, rows are removed one by one.
_MOST_ROWS = 50_000
# Rows that are carried over, while everybody waits.
_MOST_KEPT = 2000

_T = models.instance_faults


@dataclasses.dataclass(frozen=True, slots=True)
class _Content:
    """What changes with each row that comes or goes.

    :ivar newest: when the last one was stored
    """

    rows: int
    newest: datetime | None


@dataclasses.dataclass(frozen=True, slots=True)
class Spent:
    """A partition that may be dropped.

    :ivar content: what it had when it was looked at
    :ivar kept: the ids of the rows that must stay
    """

    partition: Partition
    content: _Content
    kept: tuple[str, ...]

    @property
    def gone(self) -> int:
        """How many rows go with it."""
        return self.content.rows - len(self.kept)


class Partitions:
    """The partitions of the table in the database of a store."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def spent(
        self, before: datetime, most: int | None
    ) -> Iterator[Spent | None]:
        """Those that may be dropped, the oldest first; None after each part of the looking.

        :param before: what happened earlier is to go
        :param most: how many faults of an instance stay; None for all
        """
        with self._store.writer.connect() as connection:
            periods = layout.read(connection).periods
        for partition in periods:
            if partition.end <= before:
                yield from self._look(partition, before, most)

    def put_back(self) -> None:
        """Put back rows that are nowhere else since dropping their partition was interrupted."""
        engine = self._store.writer
        if engine.dialect.name != "mysql":
            return
        with engine.connect() as connection:
            steps = mysql.leftovers(connection)
        for step_ in steps:
            step.run(engine, step_, lambda number: None)

    def drop(self, spent: Spent) -> bool:
        """Drop a partition, unless it has changed meanwhile; whether it did."""
        if self._store.writer.dialect.name == "mysql":
            return self._drop_from_mysql(spent)
        return self._drop_from_postgresql(spent)

    def _look(
        self, partition: Partition, before: datetime, most: int | None
    ) -> Iterator[Spent | None]:
        if self._has_young(partition, before):
            return
        with self._store.writer.connect() as connection:
            content = _content(connection, self._place(partition))
        total = 0
        kept: list[str] = []
        after = ""
        while rows := self._rows(partition, after):
            if len(rows) > _MOST_ROWS:
                return
            gone = set(expiry.expired(rows, before, most))
            for row in rows:
                if partition.has(row.id):
                    total += 1
                    if row.id not in gone:
                        kept.append(row.id)
            if len(kept) > _MOST_KEPT:
                return
            after = rows[-1].instance_id
            yield None
        if total == content.rows:
            yield Spent(partition, content, tuple(kept))

    def _has_young(self, partition: Partition, before: datetime) -> bool:
        """Whether something in it is not old, whatever its key says."""
        place = self._place(partition)
        query = sa.text(
            f"SELECT 1 FROM {place} WHERE created >= :before LIMIT 1"  # noqa: S608 no values in it
        )
        with self._store.writer.connect() as connection:
            found = connection.execute(query, {"before": before})
            return found.first() is not None

    def _rows(self, partition: Partition, after: str) -> Sequence[sa.Row[Any]]:
        """All rows of the next instances that the partition has, wherever these rows are."""
        instances = sa.text(
            f"SELECT DISTINCT instance_id FROM {self._place(partition)}"  # noqa: S608 no values in it
            " WHERE instance_id > :after ORDER BY instance_id LIMIT :limit"
        )
        values = {"after": after, "limit": _INSTANCES}
        with self._store.writer.connect() as connection:
            ids = connection.scalars(instances, values).all()
            if not ids:
                return []
            query = expiry.query(ids, _MOST_ROWS + 1)
            return connection.execute(query).all()

    def _place(self, partition: Partition) -> str:
        """How a statement names the partition."""
        if self._store.writer.dialect.name == "mysql":
            return f"{TABLE} PARTITION ({partition.name})"
        return partition.name

    def _drop_from_postgresql(self, spent: Spent) -> bool:
        """With one commit. Everybody waits from the middle of it on, and not for the counting."""
        name = spent.partition.name
        with self._store.writer.begin() as connection:
            connection.exec_driver_sql("SET LOCAL lock_timeout = '1s'")
            connection.exec_driver_sql(f"LOCK TABLE {name} IN SHARE MODE")
            if _content(connection, name) != spent.content:
                return False
            connection.exec_driver_sql(
                f"ALTER TABLE {TABLE} DETACH PARTITION {name}"
            )
            if spent.kept:
                carry = sa.text(
                    f"INSERT INTO {TABLE} SELECT * FROM {name} WHERE id = ANY(:ids)"  # noqa: S608 no values in it
                )
                connection.execute(carry, {"ids": list(spent.kept)})
            connection.exec_driver_sql(f"DROP TABLE {name}")
        return True

    def _drop_from_mysql(self, spent: Spent) -> bool:
        """Under a lock, since each statement commits; what is to stay is in another table."""
        with self._store.writer.connect() as connection:
            try:
                return self._drop_locked(connection, spent)
            finally:
                # The locks are gone with the connection, wherever this ended.
                connection.invalidate()

    def _drop_locked(self, connection: sa.Connection, spent: Spent) -> bool:
        tables = [TABLE]
        if spent.kept:
            self._lay_aside(connection, spent)
            tables.append(mysql.KEPT)
        locks = ", ".join(f"{table} WRITE" for table in tables)
        connection.exec_driver_sql("SET SESSION lock_wait_timeout = 1")
        connection.exec_driver_sql(f"LOCK TABLES {locks}")
        place = self._place(spent.partition)
        is_same = _content(connection, place) == spent.content
        if is_same:
            connection.exec_driver_sql(
                f"ALTER TABLE {TABLE} DROP PARTITION {spent.partition.name}"
            )
        if is_same and spent.kept:
            connection.exec_driver_sql(mysql.PUT_BACK)
        connection.commit()
        connection.exec_driver_sql("UNLOCK TABLES")
        if spent.kept:
            connection.exec_driver_sql(f"DROP TABLE {mysql.KEPT}")
        return is_same

    def _lay_aside(self, connection: sa.Connection, spent: Spent) -> None:
        """Store the rows that are to stay a second time."""
        for statement in (
            f"CREATE TABLE {mysql.KEPT} LIKE {TABLE}",
            f"ALTER TABLE {mysql.KEPT} REMOVE PARTITIONING",
        ):
            connection.exec_driver_sql(statement)
        keep = sa.text(
            f"INSERT INTO {mysql.KEPT} SELECT * FROM {self._place(spent.partition)}"  # noqa: S608 no values in it
            " WHERE id IN :ids"
        ).bindparams(sa.bindparam("ids", expanding=True))
        connection.execute(keep, {"ids": list(spent.kept)})
        connection.commit()


def _content(connection: sa.Connection, place: str) -> _Content:
    query = f"SELECT count(*), max(updated) FROM {place}"  # noqa: S608 no values in it
    rows, newest = connection.exec_driver_sql(query).one()
    return _Content(int(rows), newest)
