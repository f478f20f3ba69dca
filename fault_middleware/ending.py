# SPDX-License-Identifier: Apache-2.0
"""What the success of an operation ends, whether that is worth a row, and what is shown beside it.

Most operations succeed, and never failed before. Rows of those would fill the table, and each
look-up would step over them.
"""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any

import sqlalchemy as sa

from fault_middleware import clearing, clock, models, statements
from fault_middleware.fault import Fault

#: The operations of an instance of which a look-up has found that they succeeded, by its id; as
#: many of each.
Succeeded = Mapping[str, Sequence[str | None]]
_T = models.instance_faults
# A fault can come by another queue, and later. What is looked at so soon is not kept waiting.
_SOON = timedelta(seconds=5)
_IS_CLEARANCE = (
    sa.select(_T.c.deleted)
    .where(
        _T.c.instance_id == sa.bindparam("instance_id"),
        _T.c.service == sa.bindparam("service"),
        _T.c.operation == sa.bindparam("operation"),
        _T.c.created <= sa.bindparam("created"),
    )
    .order_by(_T.c.created.desc(), _T.c.id.desc())
    .limit(1)
)


def clearances(rows: Sequence[Fault], choice: str) -> list[Fault]:
    """Of the rows of a success, what is to be stored.

    Where the operation is not known, its success may say nothing about what failed.
    """
    if choice == clearing.ALL:
        return [dataclasses.replace(row, operation=None) for row in rows]
    if choice == clearing.OPERATION:
        return [row for row in rows if row.operation is not None]
    return []


def needed(
    connection: sa.Connection, clearances: Sequence[Fault]
) -> list[Fault]:
    """Of clearances of one operation each, those that hide a fault, or may still have to."""
    oldest = clock.utcnow() - _SOON
    found = []
    for row in clearances:
        if row.created < oldest or _hides_a_fault(connection, row):
            found.append(row)
    return found


def _hides_a_fault(connection: sa.Connection, row: Fault) -> bool:
    values = {
        "instance_id": row.instance_id,
        "service": row.service,
        "operation": row.operation,
        "created": row.created,
    }
    is_clearance = connection.execute(_IS_CLEARANCE, values).first()
    return is_clearance is not None and not is_clearance.deleted


def beside_successes(
    rows: Sequence[Fault], look_up: Callable[[Succeeded], list[Fault]]
) -> list[Fault]:
    """The newest rows of some instances, each of them one that hides no operation alone.

    In place of the success of an operation comes what is not of that operation: all that is, is
    older. An instance of which so many operations succeeded that this could go on is left out.

    :param rows: the newest of each
    :param look_up: finds the newest row of at most 16 instances that is not of some operations
    """
    kept: list[Fault] = []
    succeeded: dict[str, list[str | None]] = {}
    for _ in range(statements.MOST_OPERATIONS):
        again: list[str] = []
        # A query that was filled up to its size has some of them more than once.
        for row in {row.id: row for row in rows}.values():
            if row.is_of_one_operation:
                succeeded.setdefault(row.instance_id, []).append(row.operation)
                again.append(row.instance_id)
            else:
                kept.append(row)
        if not again:
            return kept
        rows = []
        for begin in range(0, len(again), statements.MOST_FAILURES):
            some = again[begin : begin + statements.MOST_FAILURES]
            rows += look_up({name: succeeded[name] for name in some})
    return kept + [row for row in rows if not row.is_of_one_operation]


def beside(
    succeeded: Succeeded, with_details: bool
) -> tuple[sa.ClauseElement, dict[str, Any]]:
    """The query for the newest rows that are not of some operations, and its values."""
    values: dict[str, Any] = {}
    most = 0
    for number, (name, operations) in enumerate(succeeded.items()):
        most = max(most, len(operations))
        values[f"id{number}"] = name
        for place, operation in enumerate(operations):
            values[f"operation{number}_{place}"] = operation
    return statements.beside(len(succeeded), most, with_details), values
