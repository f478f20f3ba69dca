# SPDX-License-Identifier: Apache-2.0
"""Rows of early releases, which gave ids without a time.

What they have stored under another id must not be stored again, and to look for that takes as long
as to store. Most tables have no such rows, or will soon have none; so that is asked first.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

import sqlalchemy as sa

from fault_middleware import clock, key, models, statements
from fault_middleware.fault import Fault

_T = models.instance_faults
# Such ids are spread over all values, and others begin with a time: of a hundred of the former,
# one is not behind what is stored within a day.
_LEAD = timedelta(days=1)
# Where an id has its version.
_AT = 15
# Few ids have a time that is far ahead, unless somebody makes them up.
_LATEST = (
    sa.select(_T.c.id)
    .where(_T.c.id > sa.bindparam("latest"))
    .order_by(_T.c.id.desc())
    .limit(1000)
    .subquery()
)
_ANY = (
    sa.select(_LATEST.c.id)
    .where(sa.func.substr(_LATEST.c.id, _AT, 1) == str(key.FORMER_VERSION))
    .limit(1)
)


def may_exist(connection: sa.Connection) -> bool:
    """Whether the table has such rows. Ask each time: an early release may still write."""
    latest = key.make(clock.utcnow() + _LEAD, b"")
    return connection.scalar(_ANY, {"latest": latest}) is not None


def count_new(
    connection: sa.Connection,
    faults: Sequence[Fault],
    updated: datetime,
    has_former: bool,
) -> int:
    """How many of the faults that were just stored had not been stored before.

    :param has_former: whether a release before this one may have stored some under other ids;
        these are removed
    """
    ours = {row.id for row in faults}
    formers: dict[str, str] = {}
    if has_former:
        for row in faults:
            if row.former_id:
                formers[row.former_id] = row.id
    found = _stored(connection, [*ours, *formers])
    twice = {own for former, own in formers.items() if former in found}
    if twice:
        connection.execute(_T.delete().where(_T.c.id.in_(twice)))
    return sum(found.get(row_id) == updated for row_id in ours - twice)


def _stored(
    connection: sa.Connection, ids: Iterable[str]
) -> dict[str, datetime]:
    """When the rows of some ids were stored."""
    found: dict[str, datetime] = {}
    for chunk in statements.chunks(ids):
        query = sa.select(_T.c.id, _T.c.updated).where(_T.c.id.in_(chunk))
        for row in connection.execute(query):
            found[row.id] = row.updated
    return found
