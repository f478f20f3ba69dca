# SPDX-License-Identifier: Apache-2.0
"""The statements by which partitions of PostgreSQL are made and added."""

import itertools
from collections.abc import Iterator, Sequence
from datetime import datetime

from fault_middleware import key
from fault_middleware.partitions.layout import BEYOND, TABLE
from fault_middleware.partitions.step import Step

#: Whoever waits for a lock holds up all who come after.
PATIENCE = "SET LOCAL lock_timeout = '2s'"
#: Of the whole, which autovacuum does not look at; the planner uses them.
STATISTICS = f"ANALYZE {TABLE}"


def children_of(parent: str, bounds: Sequence[datetime]) -> Iterator[str]:
    """Make the partitions of a table that has none and no rows, divided at these times."""
    for begin, end in itertools.pairwise(bounds):
        yield (
            f"CREATE TABLE {_name(begin)} PARTITION OF {parent}"
            f" FOR VALUES {_values(begin, end)}"
        )
    yield (
        f"CREATE TABLE {TABLE}_beyond PARTITION OF {parent}"
        f" FOR VALUES FROM ('{BEYOND}') TO (MAXVALUE)"
    )
    yield f"CREATE TABLE {TABLE}_rest PARTITION OF {parent} DEFAULT"


def extend(bounds: Sequence[datetime]) -> list[Step]:
    """Add what comes between these times, of which the first is the end of what there is.

    What has such a time already is moved there. Meanwhile everybody waits: look-ups ask the rest
    too. It has only rows of wrong clocks, as long as partitions are added in time.
    """
    statements = [
        PATIENCE,
        f"LOCK TABLE {TABLE}_rest IN ACCESS EXCLUSIVE MODE",
    ]
    for begin, end in itertools.pairwise(bounds):
        statements += _child_with_rows(begin, end)
    return [
        Step(
            f"Partitions are added until {bounds[-1]:%Y-%m-%d}",
            tuple(statements),
        ),
        Step("PostgreSQL looks at its statistics", (STATISTICS,)),
    ]


def _child_with_rows(begin: datetime, end: datetime) -> Iterator[str]:
    name = _name(begin)
    first, next_ = key.first_of(begin), key.first_of(end)
    yield f"CREATE TABLE {name} (LIKE {TABLE} INCLUDING DEFAULTS INCLUDING CONSTRAINTS)"
    yield (
        f"WITH moved AS (DELETE FROM {TABLE}_rest"  # noqa: S608 no values in it
        f" WHERE id >= '{first}' AND id < '{next_}' RETURNING *)"
        f" INSERT INTO {name} SELECT * FROM moved"
    )
    yield (
        f"ALTER TABLE {TABLE} ATTACH PARTITION {name}"
        f" FOR VALUES {_values(begin, end)}"
    )


def _name(begin: datetime) -> str:
    return f"{TABLE}_p{begin:%Y%m%d}"


def _values(begin: datetime, end: datetime) -> str:
    return f"FROM ('{key.first_of(begin)}') TO ('{key.first_of(end)}')"
