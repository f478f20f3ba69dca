# SPDX-License-Identifier: Apache-2.0
"""How near a fault is to the cause, compared with other reports of the same failure.

One failure is often reported several times: by the part in which it happened, by those that
waited for that part, and by the one that gave up.  Each report becomes a row with a weight, which
is known from the report alone.  So rows can arrive in any order, and a look-up still finds the
cause.
"""

import dataclasses
import enum
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from fault_middleware.fault import Fault

#: The exceptions of a chain that count; a longer chain tells no more.
MOST_EXCEPTIONS = 9
#: How long before the newest row what has no request can have happened, to be the same failure.
MOST_APART = timedelta(seconds=5)


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


def is_same_failure(
    newest_request: str | None, request: str | None, apart: timedelta
) -> bool:
    """Whether a row of an instance may report the failure that its newest row reports.

    Requests decide where both rows have one; otherwise the time does.

    :param apart: by how much the other row is older
    """
    if newest_request is not None and request is not None:
        return newest_request == request
    return apart <= MOST_APART


def gives_way(row: Fault) -> bool:
    """Whether another report of the same failure may tell more than this one.

    Rows of releases without weights, and clearances, do not give way.
    """
    if row.is_clearance or row.weight is None:
        return False
    return row.weight < 10 * Kind.TEXT


def lacks_traceback(row: Fault) -> bool:
    """Whether a fault says why, but has no details, which another report of it may have.

    Services notify of a text and log the traceback.
    """
    if row.is_clearance or row.details:
        return False
    return row.weight == weigh(Kind.TEXT, 0)


def told_poorly(rows: Iterable[Fault], with_details: bool) -> list[Fault]:
    """Of the newest faults of some instances, those of which another may tell more."""
    found = []
    for row in rows:
        wants_traceback = with_details and lacks_traceback(row)
        if wants_traceback or gives_way(row):
            found.append(row)
    return found


def nearest_of(
    newest: Iterable[Fault], others: Sequence[Fault]
) -> dict[str, Fault]:
    """What is shown of some instances, by their ids, see :func:`nearest`.

    :param others: rows of any of them
    """
    shown = {}
    for row in newest:
        own = [
            other for other in others if other.instance_id == row.instance_id
        ]
        shown[row.instance_id] = nearest(row, own)
    return shown


def nearest(newest: Fault, others: Iterable[Fault]) -> Fault:
    """Of an instance's newest fault and other rows of it, the one that is nearest to the cause.

    Only reports of the same failure count, and of those only what no clearance hides.  Of equals,
    the first that happened is the cause of the others.  A newest one that says why stays, since
    that is what the service wants its user to read.  What has no details gets those of the nearest
    that has some: an administrator wants the traceback, whoever reported it.
    """
    rows = list(others)
    hidden = _hidden(rows)
    candidates = [newest]
    for row in rows:
        if row.is_clearance or row.id in hidden:
            continue
        if _is_of(newest, row):
            candidates.append(row)
    candidates.sort(key=_order)
    chosen = newest
    if gives_way(newest) and candidates[0] is not newest:
        # It stands where a report of a known project stood, and may be shown to no other one.
        chosen = dataclasses.replace(
            candidates[0],
            newest_report=newest.created,
            project_id=candidates[0].project_id or newest.project_id,
        )
    if chosen.details:
        return chosen
    return _with_details(chosen, candidates)


def _hidden(rows: Sequence[Fault]) -> set[str]:
    """The ids of the faults that clearances hide: all before one, or those of an operation."""
    cleared_until: dict[str | None, datetime] = {}
    for row in rows:
        if row.is_clearance:
            latest = cleared_until.get(row.operation, row.created)
            cleared_until[row.operation] = max(latest, row.created)
    found = set()
    for row in rows:
        for operation in (None, row.operation):
            if row.created <= cleared_until.get(operation, datetime.min):
                found.add(row.id)
    return found


def _with_details(chosen: Fault, candidates: Iterable[Fault]) -> Fault:
    """A fault with the details of the first report that has some, if one may lend them."""
    for row in candidates:
        if row.details and not _differ_in_project(chosen, row):
            # Who may see it follows from the project, and the details have one too.
            project_id = chosen.project_id or row.project_id
            return dataclasses.replace(
                chosen, details=row.details, project_id=project_id
            )
    return chosen


def _is_of(newest: Fault, row: Fault) -> bool:
    """Whether a row reports the failure of the newest one.

    They must not be of two projects: an instance may be handed over.
    """
    if _differ_in_project(newest, row):
        return False
    apart = newest.created - row.created
    return is_same_failure(newest.request_id, row.request_id, apart)


def _differ_in_project(one: Fault, other: Fault) -> bool:
    """Whether two rows are known to be of different projects."""
    if one.project_id is None or other.project_id is None:
        return False
    return one.project_id != other.project_id


def _order(row: Fault) -> tuple[int, datetime, str]:
    """Sorts what tells most before what tells less, and of equals the first before the others."""
    weight = row.weight or 0
    return -weight, row.created, row.id
