# SPDX-License-Identifier: Apache-2.0
"""A field of a message: a dotted path, with alternatives.

Profiles say with fields where an id, a message or a traceback is.  There is nothing more to the
language, so a profile is data and not code.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any


@dataclasses.dataclass(frozen=True, slots=True)
class Field:
    """Where a value is: the first of several dotted paths that leads to one.

    A dot also stands for a dot inside a key, so that ``nova_object.data.uuid`` finds the uuid of a
    versioned object.
    """

    paths: tuple[tuple[str, ...], ...]

    @classmethod
    def parse(cls, value: str | list[str]) -> "Field":
        """Read a field of a profile: a dotted path, or a list of alternatives."""
        return cls(tuple(tuple(path.split(".")) for path in texts(value)))

    def find(self, data: Any) -> Any:
        """The value in ``data``; None where no path leads to one.

        What is there but empty (null, an empty text or list) counts as absent.
        """
        for path in self.paths:
            value = _follow(data, path)
            if value not in (None, "", [], {}):
                return value
        return None

    def text(self, data: Any) -> str | None:
        """The value when it is text, else None."""
        value = self.find(data)
        return value if isinstance(value, str) else None


def texts(value: str | list[str]) -> list[str]:
    """What a profile gives as a text or as a list of them."""
    return value if isinstance(value, list) else [value]


def _follow(data: Any, path: Sequence[str]) -> Any:
    if not path:
        return data
    if isinstance(data, Mapping):
        for length in range(1, len(path) + 1):
            key = ".".join(path[:length])
            if key in data:
                return _follow(data[key], path[length:])
    return None
