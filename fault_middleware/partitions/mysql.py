# SPDX-License-Identifier: Apache-2.0
"""The statements by which MariaDB and MySQL divide the table.

Each is one statement, which the server does as a whole or not at all.
"""

import itertools
from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa

from fault_middleware import key
from fault_middleware.partitions.layout import BEYOND, TABLE
from fault_middleware.partitions.step import Step

#: Where rows are while a partition is dropped in which they cannot stay.
KEPT = "fault_middleware_kept"
#: Put them back; those that are there already stay as they are.
PUT_BACK = f"INSERT INTO {TABLE} SELECT * FROM {KEPT} ON DUPLICATE KEY UPDATE id = {TABLE}.id"  # noqa: S608 no values in it

# Seconds. By default the server waits a day for somebody's open transaction, and whoever comes
# after waits too.
_PATIENCE = "SET SESSION lock_wait_timeout = 60"


def leftovers(connection: sa.Connection) -> list[Step]:
    """What is left to be done where dropping a partition was interrupted."""
    if not sa.inspect(connection).has_table(KEPT):
        return []
    return [
        Step("Rows are put back", (PUT_BACK,)),
        Step("Their other table is dropped", (f"DROP TABLE {KEPT}",)),
    ]


def divide(bounds: Sequence[datetime]) -> Step:
    """Divide the table at these times."""
    parts = [_part("earlier", key.first_of(bounds[0]))]
    parts += _periods(bounds)
    parts += [
        _part("later", BEYOND),
        "PARTITION beyond VALUES LESS THAN (MAXVALUE)",
    ]
    return Step(
        "The server copies the table into partitions; look-ups go on, and writers wait",
        (
            _PATIENCE,
            f"ALTER TABLE {TABLE} PARTITION BY RANGE COLUMNS (id) ({_list(parts)})",
        ),
    )


def extend(bounds: Sequence[datetime]) -> Step:
    """Add what comes between these times, of which the first is the end of what there is."""
    parts = [*_periods(bounds), _part("later", BEYOND)]
    return Step(
        f"Partitions are added until {bounds[-1]:%Y-%m-%d}",
        (
            _PATIENCE,
            f"ALTER TABLE {TABLE} REORGANIZE PARTITION later INTO ({_list(parts)})",
        ),
    )


def undo() -> Step:
    """Make it one table again."""
    return Step(
        "The server copies the partitions into one table; look-ups go on, and writers wait",
        (_PATIENCE, f"ALTER TABLE {TABLE} REMOVE PARTITIONING"),
    )


def _periods(bounds: Sequence[datetime]) -> list[str]:
    parts = []
    for begin, end in itertools.pairwise(bounds):
        parts.append(_part(f"p{begin:%Y%m%d}", key.first_of(end)))
    return parts


def _part(name: str, bound: str) -> str:
    return f"PARTITION {name} VALUES LESS THAN ('{bound}')"


def _list(parts: Sequence[str]) -> str:
    return ", ".join(parts)
