# SPDX-License-Identifier: Apache-2.0
"""A field of a message: a dotted path, with alternatives, and the form of what is there.

Profiles say with fields where an id, a message or a traceback is.  There is nothing more to the
language, so a profile is data and not code.
"""

import dataclasses
import re
from collections.abc import Mapping, Sequence
from typing import Any

from fault_middleware import exception, fault

_STEP = re.compile(r"\[[^]]*\]|[^.\[]+")
# A dict is told from other types at once, which takes longer for a Mapping.
_OBJECT = (dict, Mapping)


@dataclasses.dataclass(frozen=True, slots=True)
class Field:
    """Where a value is: the first of several dotted paths that leads to one.

    A dot also stands for a dot inside a key, so that ``nova_object.data.uuid`` finds the uuid of a
    versioned object; ``[name=x]`` is the first object of a list whose name is x.

    :ivar form: how to read what is there, of those in ``profile-schema.yaml``; "" for as it is
    """

    paths: tuple[tuple[str, ...], ...]
    form: str = ""

    @classmethod
    def parse(cls, value: Any) -> "Field":
        """Read a field of a profile: a dotted path, a list of alternatives, or with a form."""
        form = ""
        if isinstance(value, dict):
            form = value.get("form", "")
            value = value["path"]
        paths = []
        for path in texts(value):
            steps = _STEP.findall(path)
            paths.append(tuple(steps))
        return cls(tuple(paths), form)

    def find(self, data: Any) -> Any:
        """The value in ``data``; None where no path leads to one.

        What is there but empty (null, an empty text or list) counts as absent.
        """
        for path in self.paths:
            value = _follow(data, path)
            if self.form and isinstance(value, str):
                value = _read(self.form, value)
            if value not in (None, "", [], {}):
                return value
        return None

    def text(self, data: Any) -> str | None:
        """The value when it is text, else None."""
        value = self.find(data)
        if isinstance(value, str):
            return value
        return None


def texts(value: str | list[str]) -> list[str]:
    """What a profile gives as a text or as a list of them."""
    if isinstance(value, list):
        return value
    return [value]


def _follow(data: Any, path: Sequence[str]) -> Any:
    """The value to which a path leads; None where it leads nowhere."""
    if not path:
        return data
    if isinstance(data, _OBJECT):
        return _follow_key(data, path)
    if isinstance(data, list) and path[0].startswith("["):
        condition = path[0][1:-1]
        name, _, wanted = condition.partition("=")
        for element in data:
            if isinstance(element, Mapping) and element.get(name) == wanted:
                return _follow(element, path[1:])
    return None


def _follow_key(data: Mapping[str, Any], path: Sequence[str]) -> Any:
    """The same for an object; its key may have dots in it."""
    if path[0] in data:
        return _follow(data[path[0]], path[1:])
    for length in range(2, len(path) + 1):
        key = ".".join(path[:length])
        if key in data:
            rest = path[length:]
            return _follow(data[key], rest)
    return None


def _read(form: str, text: str) -> str | None:
    """Decode a text by its form; return it unchanged if it does not have that form."""
    if form == "uuid":
        uuid = fault.UUID.search(text)
        return uuid[0] if uuid else None
    if form == "joined":
        return text.replace("\n,", "\n")
    raised = exception.read(text)
    if raised is None:
        return text
    return raised.text or text
