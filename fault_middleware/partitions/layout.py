# SPDX-License-Identifier: Apache-2.0
"""Which partitions the table has, as the catalogue of the database says.

By the time in a key, a row is in

- the partition of its period: ``p20261101``, named by the day on which that begins
- ``rest``, where no period is for it: it has no time, its time is before the first period, behind
  the last one, or in one that was dropped
- ``beyond``, where the time is after 2109, as nearly all ids of early releases have it by chance

MariaDB and MySQL know upper ends only. There ``rest`` is two: ``earlier`` and ``later``, and what
belongs to a period that was dropped goes to the next one.
"""

import dataclasses
import re
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from fault_middleware import key, models
from fault_middleware.partitions.period import Period, named_by

TABLE = models.instance_faults.name
#: The databases that have partitions here, as SQLAlchemy names their dialects.
DIALECTS = ("mysql", "postgresql")
#: Where the last partition begins.
BEYOND = "04000000-0000-0000-0000-000000000000"

_MYSQL = """
    SELECT partition_name AS name, partition_description AS bounds
    FROM information_schema.partitions
    WHERE table_schema = DATABASE() AND table_name = :table AND partition_name IS NOT NULL
    ORDER BY partition_ordinal_position
"""
_POSTGRESQL = """
    SELECT c.relname AS name, pg_get_expr(c.relpartbound, c.oid) AS bounds
    FROM pg_class AS parent
    JOIN pg_inherits AS i ON i.inhparent = parent.oid
    JOIN pg_class AS c ON c.oid = i.inhrelid
    WHERE parent.relname = :table AND parent.relnamespace = current_schema()::regnamespace
        AND parent.relkind = 'p'
"""
_NAME = re.compile(r"(?:instance_faults_)?p(\d{8})")
_BOUND = re.compile(r"'([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f-]{22})'")


@dataclasses.dataclass(frozen=True, slots=True)
class Partition:
    """A partition of one period.

    :ivar name: to MariaDB and MySQL that of a partition, to PostgreSQL that of a table
    :ivar begin: the day that it is named by
    :ivar end: when the next one begins
    :ivar first: no key in it is below this
    """

    name: str
    begin: datetime
    end: datetime
    first: str

    def has(self, row_id: str) -> bool:
        """Whether the row with this key is in it."""
        return self.first <= row_id < key.first_of(self.end)


@dataclasses.dataclass(frozen=True, slots=True)
class Layout:
    """The partitions of the table.

    :ivar is_divided: whether there are any
    :ivar is_ours: whether they are as this package makes them
    :ivar periods: those that have a period, the oldest first
    """

    is_divided: bool
    is_ours: bool
    periods: tuple[Partition, ...] = ()

    @property
    def end(self) -> datetime | None:
        """Where the last period ends."""
        return self.periods[-1].end if self.periods else None

    @property
    def period(self) -> Period | None:
        """How long the last period is."""
        if not self.periods:
            return None
        last = self.periods[-1]
        return named_by(last.begin, last.end)


NONE = Layout(False, False)


def read(connection: sa.Connection) -> Layout:
    """What partitions the table has; none where the database has no such thing."""
    dialect = connection.dialect.name
    if dialect not in DIALECTS:
        return NONE
    query = _MYSQL if dialect == "mysql" else _POSTGRESQL
    found = connection.execute(sa.text(query), {"table": TABLE}).all()
    if not found:
        return NONE
    names = {row.name.removeprefix(f"{TABLE}_") for row in found}
    is_ours = "beyond" in names
    if not is_ours:
        return Layout(True, False)
    return Layout(True, True, tuple(_periods(found)))


def _periods(found: Sequence[sa.Row[Any]]) -> list[Partition]:
    """Those of the rows of the catalogue that have a period."""
    periods = []
    # MariaDB and MySQL say where a partition ends, and PostgreSQL where it begins, too.
    before = ""
    for row in found:
        name = _NAME.fullmatch(row.name)
        bounds = _BOUND.findall(row.bounds)
        if name is not None and bounds:
            begin = datetime.strptime(name[1], "%Y%m%d")
            first, end = [before, *bounds][-2:]
            periods.append(
                Partition(row.name, begin, key.bound_of(end), first)
            )
        before = "".join(bounds[-1:])
    periods.sort(key=lambda partition: partition.begin)
    return periods
