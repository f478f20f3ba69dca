# SPDX-License-Identifier: Apache-2.0
"""What is to be done with the table, so that it is divided as it should be, or not at all."""

from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa

from fault_middleware import clock, models
from fault_middleware.partitions import layout, mysql, postgresql, rebuild
from fault_middleware.partitions.period import Period, bounds_from, first_bound
from fault_middleware.partitions.step import Step

_T = models.instance_faults


class RefusedError(Exception):
    """This table cannot be divided, or not by us; nothing was changed."""


def steps_to_divide(engine: sa.Engine, period: Period | None) -> list[Step]:
    """What is to be done, so that the table has the partitions that it needs now.

    :param period: how long partitions are, from now on; None for those that there are, or months
    :raises RefusedError: when that cannot be
    """
    _refuse(engine)
    with engine.connect() as connection:
        found = _layout(connection)
        steps = _leftovers(connection)
        if not found.is_divided:
            chosen = period or Period.MONTH
            return steps + _dividing(connection, _bounds(connection, chosen))
        if _is_postgresql(connection) and rebuild.under_way(connection):
            steps.append(rebuild.give_up())
        end = found.end or clock.utcnow()
        chosen = period or found.period or Period.MONTH
        bounds = [end, *bounds_from(chosen, end, clock.utcnow())]
        if len(bounds) == 1:
            return steps
        if _is_postgresql(connection):
            return steps + postgresql.extend(bounds)
        return [*steps, mysql.extend(bounds)]


def steps_to_undo(engine: sa.Engine) -> list[Step]:
    """What is to be done, so that the table has no partitions.

    :raises RefusedError: when that cannot be
    """
    _refuse(engine)
    with engine.connect() as connection:
        found = _layout(connection)
        steps = _leftovers(connection)
        if _is_postgresql(connection):
            if found.is_divided:
                return steps + rebuild.plan(connection, None)
            if rebuild.under_way(connection):
                steps.append(rebuild.give_up())
        elif found.is_divided:
            steps.append(mysql.undo())
        return steps


def _refuse(engine: sa.Engine) -> None:
    if engine.dialect.name not in layout.DIALECTS:
        raise RefusedError(
            f"{engine.dialect.name} has no partitions: nothing was changed"
        )


def _layout(connection: sa.Connection) -> layout.Layout:
    found = layout.read(connection)
    if found.is_divided and not found.is_ours:
        raise RefusedError(
            f"{layout.TABLE} is divided in another way than db partition does it; nothing was "
            "changed"
        )
    return found


def _is_postgresql(connection: sa.Connection) -> bool:
    return connection.dialect.name == "postgresql"


def _leftovers(connection: sa.Connection) -> list[Step]:
    if _is_postgresql(connection):
        return rebuild.leftovers(connection)
    return mysql.leftovers(connection)


def _dividing(
    connection: sa.Connection, bounds: Sequence[datetime]
) -> list[Step]:
    if _is_postgresql(connection):
        return rebuild.plan(connection, bounds)
    return [mysql.divide(bounds)]


def _bounds(connection: sa.Connection, period: Period) -> list[datetime]:
    """Where to divide the table that is there."""
    now = clock.utcnow()
    oldest = connection.scalar(sa.select(sa.func.min(_T.c.created)))
    begin = first_bound(period, oldest, now)
    return [begin, *bounds_from(period, begin, now)]
