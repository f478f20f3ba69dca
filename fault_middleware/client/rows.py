# SPDX-License-Identifier: Apache-2.0
"""Faults as the rows of a table, for people."""

from collections.abc import Iterable
from datetime import datetime

from fault_middleware import clock
from fault_middleware.client.cloud import Shown
from fault_middleware.client.resource import Fault
from fault_middleware.text import visible


def rows(
    shown: Iterable[Shown], since: datetime | None = None
) -> list[dict[str, str]]:
    """The table, the newest first; what has no time comes last.

    Of the same second, services come in the order of their names, whichever answered first.
    """
    found = []
    for failed in shown:
        fault = failed.fault
        if fault is None:
            continue
        created = clock.parse_time(fault.created)
        if since is None or (created is not None and created >= since):
            found.append((created or datetime.min, row(failed, fault)))
    found.sort(key=lambda pair: (pair[1]["Service"], pair[1]["ID"]))
    found.sort(key=lambda pair: pair[0], reverse=True)
    return [cells for _, cells in found]


def row(shown: Shown, fault: Fault) -> dict[str, str]:
    """The cells of a fault. What a service says must not control the terminal."""
    resource = shown.resource
    thing = shown.thing
    # Services write times in five ways.
    created = clock.parse_time(fault.created)
    cells = {
        "Created": created.isoformat(" ", "seconds") if created else "",
        "Service": resource.service.name,
        "Resource": resource.word,
        "Name": resource.name_of(thing) or resource.id_of(thing),
        "ID": resource.id_of(thing),
        "Status": resource.status_of(thing),
        "Message": fault.message,
        "Project": resource.project_of(thing),
        "Details": fault.details,
    }
    return {name: visible(cell) for name, cell in cells.items()}
