# SPDX-License-Identifier: Apache-2.0
"""The SQL of the store."""

import dataclasses
import functools
import importlib
import itertools
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from fault_middleware import cause, models
from fault_middleware.fault import Fault

_T = models.instance_faults
_EARLIEST = datetime.min + cause.MOST_APART
# The fields of Fault whose columns have other names.
_COLUMN_NAMES = {"is_clearance": "deleted"}
# The fields of Fault that are stored.
_FIELDS = [
    field.name
    for field in dataclasses.fields(Fault)
    if field.name not in ("former_identity", "newest_report", "skip_delta")
]
#: A row, in the order of the fields of Fault.
COLUMNS = [_T.c[_COLUMN_NAMES.get(name, name)] for name in _FIELDS]
_IS_WANTED = _T.c.instance_id == sa.bindparam("instance_id")
_IS_OURS = _T.c.service == sa.bindparam("service")
NEWEST = (
    sa.select(*COLUMNS)
    .where(_IS_WANTED, _IS_OURS)
    .order_by(_T.c.created.desc(), _T.c.id.desc())
    .limit(1)
)
NEWEST_BETWEEN = NEWEST.where(
    sa.literal_column("created") >= sa.bindparam("since"),
    sa.literal_column("created") <= sa.bindparam("until"),
)
# Of one instance: the rows of a request, those of the last seconds, and clearances, among its
# newest. The other rows are few enough to be passed over however many faults an instance has. Only
# ids are gathered at first: MariaDB would put texts on a disk for that.
_OF_FAILURE = """
    SELECT {columns} FROM (
        SELECT id FROM instance_faults
        WHERE instance_id = :id{number} AND service = :service
        ORDER BY created DESC, id DESC LIMIT 16
    ) AS recent{number}
    JOIN instance_faults AS f ON f.id = recent{number}.id
    WHERE f.request_id = :request{number} OR f.created >= :since{number} OR f.deleted
"""
# Of one instance: the newest row that is not of some operations. Rows that are passed over cost a
# step in the index each; to ask of every row whether its operation succeeded since would cost as
# many steps for each of them.
_BESIDE = """
    SELECT {columns} FROM (
        SELECT id FROM instance_faults
        WHERE instance_id = :id{number} AND service = :service
            AND (operation IS NULL OR operation NOT IN ({operations}))
        ORDER BY created DESC, id DESC LIMIT 1
    ) AS beside{number}
    JOIN instance_faults AS f ON f.id = beside{number}.id
"""
#: Of so many operations of an instance, what failed before a success is passed over.
MOST_OPERATIONS = 8
#: The most instances in one query of :func:`newest_of`.
MOST_INSTANCES = 200
#: The most instances in one query of :func:`of_failures` and :func:`beside`.
MOST_FAILURES = 16


def _selected(table: str, with_details: bool) -> str:
    """The columns of a row, in the order of the fields of Fault."""
    names = [f"{table}.{column.name}" for column in COLUMNS]
    if not with_details:
        names[names.index(f"{table}.details")] = "'' AS details"
        names[names.index(f"{table}.problem")] = "NULL AS problem"
    return ", ".join(names)


@functools.cache
def newest_of(size: int, with_details: bool) -> sa.ClauseElement:
    """The newest row of each of ``size`` instances (``:id0``, ``:id1``, ...).

    A correlated LIMIT 1 for each id walks the index to one row, however many faults an instance
    has; window functions read them all.
    """
    ids = " UNION ALL ".join(
        f"SELECT :id{number} AS instance_id" for number in range(size)
    )
    return sa.text(
        f"SELECT {_selected('f', with_details)} FROM ({ids}) AS wanted"  # noqa: S608 no values in it
        " JOIN instance_faults AS f ON f.id = (SELECT newest.id"
        " FROM instance_faults AS newest"
        " WHERE newest.instance_id = wanted.instance_id"
        " AND newest.service = :service"
        " ORDER BY newest.created DESC, newest.id DESC LIMIT 1)"
    ).columns(*COLUMNS)


@functools.cache
def newest_of_array(with_details: bool) -> sa.ClauseElement:
    """The same, for the array ``:ids``; PostgreSQL plans it in a fraction of the time."""
    return sa.text(
        "SELECT f.* FROM unnest(CAST(:ids AS varchar[])) AS wanted(instance)"  # noqa: S608 no values in it
        f" CROSS JOIN LATERAL (SELECT {_selected('instance_faults', with_details)}"
        " FROM instance_faults"
        " WHERE instance_id = wanted.instance AND service = :service"
        " ORDER BY created DESC, id DESC LIMIT 1) AS f"
    )


#: The most rows of an instance that are looked at for its history.
MOST_ROWS = 1000
#: The newest rows of an instance, without the long texts.
HISTORY = sa.text(
    f"SELECT {_selected('f', with_details=False)}"  # noqa: S608 no values in it
    " FROM instance_faults AS f"
    " WHERE f.instance_id = :instance_id AND f.service = :service"
    f" ORDER BY f.created DESC, f.id DESC LIMIT {MOST_ROWS}"
).columns(*COLUMNS)


@functools.cache
def of_ids(size: int) -> sa.ClauseElement:
    """The rows of ``size`` ids (``:id0``, ``:id1``, ...)."""
    names = ", ".join(f":id{number}" for number in range(size))
    return sa.text(
        f"SELECT {_selected('f', with_details=True)}"  # noqa: S608 no values in it
        f" FROM instance_faults AS f WHERE f.id IN ({names})"
    ).columns(*COLUMNS)


@functools.cache
def beside(size: int, operations: int, with_details: bool) -> sa.ClauseElement:
    """The newest row of each of ``size`` instances that is not of so many operations of it.

    They are ``:operation0_0``, ``:operation0_1``, ... of the instance ``:id0``.
    """
    columns = _selected("f", with_details)
    parts = []
    for number in range(size):
        names = [f":operation{number}_{place}" for place in range(operations)]
        parts.append(
            _BESIDE.format(
                columns=columns, number=number, operations=", ".join(names)
            )
        )
    return sa.text(" UNION ALL ".join(parts)).columns(*COLUMNS)


def same_failures(
    rows: Sequence[Fault], with_details: bool
) -> tuple[sa.ClauseElement, dict[str, Any]]:
    """The query for what else may report the failures that some rows report, and its values."""
    values: dict[str, Any] = {}
    for number, row in enumerate(rows):
        values[f"id{number}"] = row.instance_id
        values[f"request{number}"] = row.request_id
        since = max(row.created, _EARLIEST) - cause.MOST_APART
        values[f"since{number}"] = since.isoformat(" ", "microseconds")
    return of_failures(len(rows), with_details), values


@functools.cache
def of_failures(size: int, with_details: bool) -> sa.ClauseElement:
    """What else may report the failures of which the newest rows of ``size`` instances are."""
    columns = _selected("f", with_details)
    parts = [
        _OF_FAILURE.format(columns=columns, number=number)
        for number in range(size)
    ]
    return sa.text(" UNION ALL ".join(parts)).columns(*COLUMNS)


def rounded(size: int) -> int:
    """A number of ids that is not smaller; of few sizes, so few statements are prepared."""
    power_of_two = 1 << (size - 1).bit_length()
    return min(MOST_INSTANCES, power_of_two)


def numbered(ids: list[str]) -> dict[str, str]:
    """The parameters ``id0``, ``id1``, ...; the gap is filled with an id that is asked for."""
    filling = ids[:1] * (rounded(len(ids)) - len(ids))
    return {f"id{number}": one for number, one in enumerate(ids + filling)}


def chunks(ids: Iterable[str]) -> Iterator[list[str]]:
    """The ids, as many at a time as one query takes."""
    remaining = iter(ids)
    while chunk := list(itertools.islice(remaining, MOST_INSTANCES)):
        yield chunk


def values_of(row: Fault, updated: datetime) -> dict[str, Any]:
    """A row of the table.

    :param updated: when it is stored
    """
    values = {}
    for name, column in zip(_FIELDS, COLUMNS, strict=True):
        values[column.name] = getattr(row, name)
    values["deleted_at"] = None
    if row.is_clearance:
        values["deleted_at"] = row.created
    values["updated"] = updated
    return values


@functools.cache
def insert(dialect: str) -> Any:
    """An INSERT that passes over a row whose id is there already.

    MySQL's INSERT IGNORE would also pass over data that do not fit.
    """
    # Only the dialect in use: importing the others takes longer than all of our modules.
    module = importlib.import_module(f"sqlalchemy.dialects.{dialect}")
    statement = module.insert(_T).execution_options(preserve_rowcount=True)
    if dialect == "mysql":
        return statement.on_duplicate_key_update(id=_T.c.id)
    return statement.on_conflict_do_nothing(index_elements=[_T.c.id])
