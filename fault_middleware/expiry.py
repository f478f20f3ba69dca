# SPDX-License-Identifier: Apache-2.0
"""Which rows of an instance may be removed."""

import dataclasses
from collections.abc import Sequence
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


@dataclasses.dataclass(slots=True)
class _Newer:
    """What the rows of an instance say that are newer than the one that is looked at.

    :ivar faults: how many of them are faults
    :ivar cleared: the operations that they clear; None is among them if one clears all
    :ivar shown: the newest fault that no clearance hides
    """

    faults: int = 0
    cleared: set[str | None] = dataclasses.field(default_factory=set)
    shown: sa.Row[Any] | None = None

    def is_hidden(self, row: sa.Row[Any]) -> bool:
        """Whether a clearance hides an older fault."""
        return None in self.cleared or row.operation in self.cleared

    def add(self, row: sa.Row[Any]) -> None:
        """Go on to the row before this one."""
        if row.deleted:
            self.cleared.add(row.operation)
            return
        self.faults += 1
        if self.shown is None and not self.is_hidden(row):
            self.shown = row


def expired(
    rows: Sequence[sa.Row[Any]], before: datetime | None, most: int | None
) -> list[str]:
    """The ids of the rows that may go, in the order of the rows.

    :param rows: id, instance_id, service, created, deleted, request_id and operation of rows of
        some instances, the oldest of each instance first
    :param before: what happened earlier is to go; None for nothing
    :param most: how many faults of an instance stay; None for all
    """
    seen: dict[tuple[str, str], _Newer] = {}
    found: list[str] = []
    for row in reversed(rows):
        newer = seen.setdefault((row.service, row.instance_id), _Newer())
        is_surplus = most is not None and newer.faults >= most
        is_old = before is not None and row.created < before
        # What a clearance hides goes before it, or it would be shown again.
        is_due = is_surplus or (is_old and not _may_be_cause(row, newer))
        if is_due and not _is_shown(row, newer):
            found.append(row.id)
        newer.add(row)
    found.reverse()
    return found


def _is_shown(row: sa.Row[Any], newer: _Newer) -> bool:
    """Whether a fault is shown, or may be if newer rows were not looked at."""
    if row.deleted or newer.shown is not None:
        return False
    return not newer.is_hidden(row)


def _may_be_cause(row: sa.Row[Any], newer: _Newer) -> bool:
    """Whether a fault may be shown in place of the newest one, as the cause of it."""
    if row.deleted or newer.shown is None or newer.is_hidden(row):
        return False
    if newer.faults >= MOST_CAUSES:
        return False
    apart = newer.shown.created - row.created
    return cause.is_same_failure(newer.shown.request_id, row.request_id, apart)
