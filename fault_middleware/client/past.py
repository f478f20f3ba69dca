# SPDX-License-Identifier: Apache-2.0
"""What happened to a thing, as a cell of a table."""

from collections.abc import Iterable, Mapping
from typing import Any

from cliff.columns import FormattableColumn

from fault_middleware import clock
from fault_middleware.text import visible


class Past(FormattableColumn[list[dict[str, Any]]]):
    """The entries of a history: lines for people, objects for programs."""

    @classmethod
    def of(cls, entries: Iterable[Mapping[str, Any]]) -> "Past":
        """The cell of entries as the API has them; what they say drives no terminal."""
        return cls([_visible(entry) for entry in entries])

    def __bool__(self) -> bool:
        return bool(self._value)

    def human_readable(self) -> str:
        """A line for each entry, the newest first."""
        return "\n".join(_line(entry) for entry in self._value)


def _visible(entry: Mapping[str, Any]) -> dict[str, Any]:
    shown = {}
    for name, value in entry.items():
        shown[visible(name)] = (
            visible(value) if isinstance(value, str) else value
        )
    return shown


def _line(entry: Mapping[str, Any]) -> str:
    """When it happened last, what, how often, and whether it is over."""
    remarks = []
    count = entry.get("count")
    if isinstance(count, int) and count > 1:
        remarks.append(f"{count} times since {_time(entry.get('first'))}")
    if entry.get("cleared"):
        remarks.append("cleared")
    # In one line: the next one would look like another entry.
    message = " ".join(str(entry.get("message")).split("\n"))
    line = f"{_time(entry.get('last'))} {message}"
    if remarks:
        line += f" ({', '.join(remarks)})"
    return line


def _time(value: Any) -> str:
    moment = clock.parse_time(value)
    return moment.isoformat(" ", "seconds") if moment else "?"
