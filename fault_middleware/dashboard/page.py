# SPDX-License-Identifier: Apache-2.0
"""What is on the page: rows, and what their reader has to know about them."""

import dataclasses
import logging
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from fault_middleware import clock
from fault_middleware.client.asking import ask
from fault_middleware.client.cloud import Answer, Cloud, Shown
from fault_middleware.client.refusals import ForbiddenError, SilentError
from fault_middleware.client.resource import Resource, resources
from fault_middleware.client.rows import rows

LOG = logging.getLogger(__name__)

#: How long a page waits for the services. Web servers often end a request after 30 seconds.
SECONDS = 20.0
#: The most rows of a page.
MOST_ROWS = 200


@dataclasses.dataclass(frozen=True, slots=True)
class Row:
    """A fault.

    :ivar created: when it happened, with a time zone, or None where the service does not say
    :ivar details: empty for users who may not see them
    """

    created: datetime | None
    service: str
    resource: str
    name: str
    id: str
    status: str
    message: str
    project: str
    details: str


@dataclasses.dataclass(frozen=True, slots=True)
class Page:
    """The page.

    :ivar rows: the newest first
    :ivar older: how many are left out behind them
    :ivar services: the names of the services that the cloud has
    :ivar remarks: what is not known, a line each
    :ivar others: what the services list for other users only
    """

    rows: tuple[Row, ...]
    older: int
    services: tuple[str, ...]
    remarks: tuple[str, ...]
    others: tuple[str, ...]


def page(cloud: Cloud, *, service: str, text: str, all_projects: bool) -> Page:
    """Ask the services.

    :param service: the name of the only one that is asked; empty for all
    :param text: what a row must have in it, in upper or lower case; empty for anything
    """
    known = [kind for kind in resources() if cloud.has(kind.service)]
    wanted = known
    if service:
        wanted = [kind for kind in known if kind.service.name == service]
    shown: list[Shown] = []
    remarks: list[str] = []
    others: list[str] = []
    for answer in ask(
        cloud, wanted, all_projects=all_projects, seconds=SECONDS
    ):
        shown += answer.shown
        if isinstance(answer.refusal, ForbiddenError):
            others.append(_named(answer.resource))
        else:
            remarks += _remarks(answer)
    found = [_row(cells) for cells in rows(shown) if _has(cells, text)]
    return Page(
        tuple(found[:MOST_ROWS]),
        max(len(found) - MOST_ROWS, 0),
        _names(known),
        tuple(sorted(remarks)),
        tuple(sorted(others)),
    )


def _names(known: Sequence[Resource]) -> tuple[str, ...]:
    return tuple(sorted({kind.service.name for kind in known}))


def _named(resource: Resource) -> str:
    """A kind of thing, and its service."""
    return f"{resource.word} ({resource.service.name})"


def _remarks(answer: Answer) -> list[str]:
    """What the reader has to know of an answer.

    What a connection says when it fails has addresses in it that are not for users.
    """
    name = _named(answer.resource)
    said = list(answer.remarks)
    if isinstance(answer.refusal, SilentError):
        LOG.warning("%s: %s", name, answer.refusal)
        said.append("the service does not answer")
    elif answer.refusal is not None:
        said.append(str(answer.refusal))
    return [f"{name}: {text}" for text in said]


def _has(cells: Mapping[str, str], text: str) -> bool:
    """Whether a row has a text anywhere in it."""
    wanted = text.casefold()
    return any(wanted in cell.casefold() for cell in cells.values())


def _row(cells: Mapping[str, str]) -> Row:
    created = clock.parse_time(cells["Created"])
    return Row(
        created=created and created.replace(tzinfo=UTC),
        service=cells["Service"],
        resource=cells["Resource"],
        name=cells["Name"],
        id=cells["ID"],
        status=cells["Status"],
        message=cells["Message"],
        project=cells["Project"],
        details=cells["Details"],
    )
