# SPDX-License-Identifier: Apache-2.0
"""What the success of an operation ends, and whether that is worth a row.

Most operations succeed, and never failed before. Rows of those would fill the table, and each
look-up would step over them.
"""

import dataclasses
from collections.abc import Sequence
from datetime import timedelta

import sqlalchemy as sa

from fault_middleware import clearing, clock, models
from fault_middleware.fault import Fault

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
