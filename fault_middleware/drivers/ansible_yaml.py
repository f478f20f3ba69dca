# SPDX-License-Identifier: Apache-2.0
"""A result that Ansible printed in YAML, read again.

A task may print what looks like one, and YAML has ways to make much of little.
"""

import json
from collections.abc import Iterator
from typing import Any

import yaml

# A result in YAML is not larger; reading it takes a second for each MiB.
_LONGEST = 256 * 1024
# Characters, elements and members of a result with all of its aliases written out.
_LARGEST = 4 * _LONGEST
_SAFE_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Loader(_SAFE_LOADER):  # type: ignore[misc]
    """Reads YAML as values that JSON has: what else it knows is a text or a list.

    It has no merge keys, of which a few lines make billions of members.
    """

    def flatten_mapping(self, node: Any) -> None:
        """Leave a merge key as it is, which nothing can be made of."""

    def construct_as_written(self, node: Any) -> str:
        """Text for a time, or for binary data."""
        text: str = self.construct_scalar(node)
        return text

    def construct_number(self, node: Any) -> Any:
        """A number where it is written as in JSON, else its text.

        Python reads no decimal number of over 4,300 digits, nor writes a hexadecimal one.
        """
        written = self.construct_as_written(node)
        try:
            return json.loads(written)
        except ValueError:
            return written

    def construct_names(self, node: Any) -> Iterator[list[Any]]:
        """A list for a set; in two steps, because a set may be a part of itself."""
        names: list[Any] = []
        yield names
        names += [self.construct_object(name) for name, _ in node.value]


for _tag, _construct in {
    "timestamp": _Loader.construct_as_written,
    "binary": _Loader.construct_as_written,
    "int": _Loader.construct_number,
    "float": _Loader.construct_number,
    "set": _Loader.construct_names,
    # Else lists of tuples, in which more could hide than is counted.
    "omap": _Loader.construct_yaml_seq,
    "pairs": _Loader.construct_yaml_seq,
}.items():
    _Loader.add_constructor(f"tag:yaml.org,2002:{_tag}", _construct)


def read(block: str) -> Any:
    """The value in a block of lines; an empty object for what is not YAML, or is too large."""
    try:
        value = yaml.load(block[:_LONGEST], _Loader)  # noqa: S506 it is a safe one
    except Exception:
        # A tag may call a value what it is not, and the library does not expect that.
        return {}
    return value if _is_small(value) else {}


def _is_small(value: Any) -> bool:
    """Whether a value is small when all of its aliases are written out."""
    room = _LARGEST
    waiting = [value]
    while waiting and room > 0:
        part = waiting.pop()
        room -= 1
        if isinstance(part, str | list | dict):
            room -= len(part)
        if room > 0 and isinstance(part, list | dict):
            waiting += part
        if room > 0 and isinstance(part, dict):
            waiting += part.values()
    return room > 0
