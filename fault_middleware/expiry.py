# SPDX-License-Identifier: Apache-2.0
"""Which rows of an instance may be removed."""

from collections.abc import Container, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from fault_middleware import cause, models

#: How many faults of one failure stay, whatever their age, because one of them is shown. Beyond
#: that it is no longer one failure that several parts report.
MOST_CAUSES = 20

_T = models.instance_faults


def query(instance_ids: Sequence[str], limit: int | None) -> sa.Select[Any]:
    """The rows of instances, one instance after the other, the oldest first."""
    columns = (
        _T.c.id,
        _T.c.instance_id,
        _T.c.service,
        _T.c.created,
        _T.c.deleted,
        _T.c.request_id,
        _T.c.operation,
    )
    return (
        sa.select(*columns)
        .where(_T.c.instance_id.in_(instance_ids))
        .order_by(_T.c.instance_id, _T.c.created, _T.c.id)
        .limit(limit)
    )


def expired(
    rows: Sequence[sa.Row[Any]], before: datetime | None, most: int | None
) -> list[str]:
    """The ids of the rows that may go, in the order of the rows.

    :param rows: id, instance_id, service, created, deleted, request_id and operation of rows of
        some instances, the oldest of each instance first
    :param before: what happened earlier is to go; None for nothing
    :param most: how many faults of an instance stay; None for all
    """
    faults: dict[tuple[str, str], int] = {}
    newest_rows: dict[tuple[str, str], sa.Row[Any]] = {}
    cleared: set[tuple[str, str, str | None]] = set()
    found: list[str] = []
    for row in reversed(rows):
        key = (row.service, row.instance_id)
        newer_faults = faults.setdefault(key, 0)
        if row.deleted:
            cleared.add((*key, row.operation))
        if _counts(row, cleared):
            newest_rows.setdefault(key, row)
        newest = newest_rows.get(key)
        if not row.deleted:
            faults[key] += 1
        if not row.deleted and row is newest:
            # It is shown, or may be, if newer ones of the instance were not looked at.
            continue
        is_surplus = most is not None and newer_faults >= most
        # What is behind a clearance goes before it, or it would be shown again.
        is_spared = _counts(row, cleared) and _may_be_shown(
            row, newest, newer_faults
        )
        if is_surplus or _is_due(row, before, is_spared):
            found.append(row.id)
    found.reverse()
    return found


def _is_due(
    row: sa.Row[Any], before: datetime | None, is_spared: bool
) -> bool:
    """Whether a row is old, and nothing needs it."""
    return before is not None and row.created < before and not is_spared


def _counts(
    row: sa.Row[Any], cleared: Container[tuple[str, str, str | None]]
) -> bool:
    """Whether neither a clearance of all hides a row nor one of its operation, nor it is one."""
    key = (row.service, row.instance_id)
    if row.deleted:
        return row.operation is None
    if (*key, None) in cleared:
        return False
    return row.operation is None or (*key, row.operation) not in cleared


def _may_be_shown(
    row: sa.Row[Any], newest: sa.Row[Any] | None, newer_faults: int
) -> bool:
    """Whether a fault may be shown in place of the newest one, as the cause of it."""
    if (
        newest is None
        or newest.deleted
        or row.deleted
        or newer_faults >= MOST_CAUSES
    ):
        return False
    apart = newest.created - row.created
    return cause.is_same_failure(newest.request_id, row.request_id, apart)
