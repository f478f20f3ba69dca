# SPDX-License-Identifier: Apache-2.0
"""How near a fault is to the cause, compared with other faults of the same request.

One failure is often reported several times: by the part in which it happened, by those that
waited for that part, and by the one that gave up.  Each report becomes a row with a weight, which
is known from the report alone.  So rows can arrive in any order, and a look-up still finds the
cause.
"""

import dataclasses
import enum
from collections.abc import Iterable
from datetime import datetime

from fault_middleware.fault import Fault

#: The exceptions of a chain that count; a longer chain tells no more.
MOST_EXCEPTIONS = 9


class Kind(enum.IntEnum):
    """What a fault tells its user; a greater one tells more of the cause."""

    #: Nothing but that something failed, neither here nor in the details.
    NOTHING = 0
    #: That something failed, and not why.
    SYMPTOM = 1
    #: The class of the exception.
    NAME = 2
    #: What the exception says, or a sentence that the profile has for it.
    TEXT = 3


def weigh(kind: Kind, exceptions: int) -> int:
    """The weight of a fault, from 0 to 39: first its kind counts, then its chain.

    :param exceptions: how many exceptions of the chain the details show; 0 without a traceback
    """
    return 10 * kind + min(exceptions, MOST_EXCEPTIONS)


def gives_way(row: Fault) -> bool:
    """Whether another fault of the same request may tell more than this one.

    Rows of releases without weights, and clearances, do not give way.
    """
    return _weight_in_request(row) < 10 * Kind.TEXT


def lacks_traceback(row: Fault) -> bool:
    """Whether a fault says why, but has no details, which another of the same request may have.

    Services notify of a text and log the traceback.
    """
    if row.details:
        return False
    return _weight_in_request(row) == weigh(Kind.TEXT, 0)


def nearest(newest: Fault, others: Iterable[Fault]) -> Fault:
    """Of an instance's newest fault and other rows of it, the one that is nearest to the cause.

    Only faults of the same request count, and of those only what no clearance hides.  Of equals,
    the first that happened is the cause of the others.  A newest one that says why stays, since
    that is what the service wants its user to read.  What has no details gets those of the nearest
    that has some: an administrator wants the traceback, whoever reported it.
    """
    rows = list(others)
    cleared = [row.created for row in rows if row.is_clearance]
    cleared_until = max(cleared, default=datetime.min)
    candidates = [newest]
    for row in rows:
        is_hidden = row.is_clearance or row.created <= cleared_until
        if row.request_id == newest.request_id and not is_hidden:
            candidates.append(row)
    candidates.sort(key=_order)
    chosen = candidates[0] if gives_way(newest) else newest
    if chosen.details:
        return chosen
    for row in candidates:
        if row.details:
            return dataclasses.replace(chosen, details=row.details)
    return chosen


def _weight_in_request(row: Fault) -> int:
    """The weight of a fault; the greatest where none can take its place."""
    if row.is_clearance or row.request_id is None or row.weight is None:
        return weigh(Kind.TEXT, MOST_EXCEPTIONS)
    return row.weight


def _order(row: Fault) -> tuple[int, datetime, str]:
    """Sorts what tells most before what tells less, and of equals the first before the others."""
    weight = row.weight or 0
    return -weight, row.created, row.id
