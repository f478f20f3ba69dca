# SPDX-License-Identifier: Apache-2.0
"""What an instance shows where its newest row is the success of one operation.

Such a row hides the faults of that operation alone. So the newest row of anything else is looked
up.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from fault_middleware import statements
from fault_middleware.fault import Fault

#: The operations that have succeeded, by the id of the instance; as many for each instance.
Succeeded = Mapping[str, Sequence[str | None]]


def successes(
    rows: Sequence[Fault], look_up: Callable[[Succeeded], list[Fault]]
) -> list[Fault]:
    """The newest row of each of some instances that is not the success of one operation.

    The success of an operation hides what happened in that operation before. So the newest row
    of anything else takes its place. An instance is left out where that row, too, is the success
    of another operation, and so on, eight times over.

    :param rows: the newest row of each
    :param look_up: finds the newest row of each of at most 16 instances that is not of some
        operations
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


def query(
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
