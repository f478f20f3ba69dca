# SPDX-License-Identifier: Apache-2.0
"""The history of an instance: what happened to it, folded and in pages. Pure."""

import dataclasses
import urllib.parse
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from fault_middleware.fault import Fault

#: The most entries of a page, and how many it has where nobody says.
MOST_ENTRIES = 100
#: The form of times, in UTC.
TIME = "%Y-%m-%dT%H:%M:%SZ"

_PLACE_TIME = "%Y%m%dT%H%M%S%f"


class ParameterError(Exception):
    """A parameter of the request that cannot be read; says which, for the caller."""


@dataclasses.dataclass(frozen=True, slots=True)
class Entry:
    """What happened to an instance, as often as it did.

    :ivar row: the newest of the faults that say the same
    :ivar count: how many they are
    :ivar first: when the oldest of them happened
    :ivar is_cleared: whether the instance has been well since then, or is gone
    """

    row: Fault
    count: int
    first: datetime
    is_cleared: bool

    @property
    def place(self) -> tuple[datetime, str]:
        """Where it stands: the greatest comes first."""
        return self.row.created, self.row.id

    @property
    def id(self) -> str:
        """Its place as a text, which is the marker of the page behind it.

        It leads to that page even when the row has been removed meanwhile.
        """
        return f"{self.row.created.strftime(_PLACE_TIME)}-{self.row.id}"

    def render(self, details: str | None) -> dict[str, Any]:
        """The entry as JSON has it.

        :param details: of the newest fault; None for a caller who may not see them
        """
        view: dict[str, Any] = {
            "id": self.id,
            "message": self.row.message,
            "count": self.count,
            "first": self.first.strftime(TIME),
            "last": self.row.created.strftime(TIME),
            "cleared": self.is_cleared,
        }
        if details is not None:
            view["details"] = details
            view["request_id"] = self.row.request_id
        return view


@dataclasses.dataclass(frozen=True, slots=True)
class Page:
    """The part of a history that a request asks for.

    :ivar limit: the most entries
    :ivar after: the place behind which it begins; None for the beginning
    """

    limit: int = MOST_ENTRIES
    after: tuple[datetime, str] | None = None

    def choose(self, entries: Iterable[Entry]) -> tuple[list[Entry], bool]:
        """The entries of the page, and whether there are more behind it."""
        wanted = []
        for entry in entries:
            if self.after is None or entry.place < self.after:
                wanted.append(entry)
        return wanted[: self.limit], len(wanted) > self.limit


def read_page(query: str) -> Page:
    """The page that a query string asks for; other parameters are passed over.

    :raises ParameterError: for a limit or a marker that is none
    """
    given = dict(urllib.parse.parse_qsl(query, keep_blank_values=True))
    page = Page()
    if "limit" in given:
        page = dataclasses.replace(page, limit=_limit(given["limit"]))
    if "marker" in given:
        page = dataclasses.replace(page, after=_place(given["marker"]))
    return page


def fold(
    rows: Sequence[Fault], sees: Mapping[str, bool], *, is_well: bool
) -> list[Entry]:
    """One entry for the faults that say the same, the newest first.

    :param rows: faults and clearances of one instance, the newest first
    :param sees: whether the caller sees a fault at all, by the row's id
    :param is_well: whether the instance can have no fault now
    """
    entries: dict[str, Entry] = {}
    succeeded = set[str | None]()
    for row in rows:
        if row.is_of_one_operation:
            succeeded.add(row.operation)
        elif row.is_clearance:
            is_well = True
        elif sees[row.id]:
            newest = entries.get(row.message)
            if newest is None:
                is_cleared = is_well or row.operation in succeeded
                entry = Entry(row, 1, row.created, is_cleared)
            else:
                entry = dataclasses.replace(
                    newest, count=newest.count + 1, first=row.created
                )
            entries[row.message] = entry
    return list(entries.values())


def _limit(text: str) -> int:
    if not (text.isascii() and text.isdigit()) or not text.strip("0"):
        raise ParameterError("limit is not a number from 1 on")
    if len(text) > len(str(MOST_ENTRIES)):
        return MOST_ENTRIES
    return min(int(text), MOST_ENTRIES)


def _place(marker: str) -> tuple[datetime, str]:
    time, _, row_id = marker.partition("-")
    try:
        return datetime.strptime(time, _PLACE_TIME), row_id
    except ValueError as exc:
        raise ParameterError("marker is not the id of an entry") from exc
