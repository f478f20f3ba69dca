# SPDX-License-Identifier: Apache-2.0
"""A result that Ansible printed in YAML, read again.

A task may print what looks like one, and YAML has ways to make much of little.
"""

from typing import Any

import yaml

# A result in YAML is not larger; reading it takes a second for each MiB.
_LONGEST = 256 * 1024
# Characters, elements and members of a result with all of its aliases written out.
_LARGEST = 4 * _LONGEST
_SAFE_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Loader(_SAFE_LOADER):  # type: ignore[misc]
    """Reads YAML without merge keys, of which a few lines make billions of members."""

    def flatten_mapping(self, node: Any) -> None:
        """Leave a merge key as it is, which nothing can be made of."""


def read(block: str) -> Any:
    """The value in a block of lines; an empty object for what is no YAML, or too large."""
    try:
        value = yaml.load(block[:_LONGEST], _Loader)  # noqa: S506 it is a safe one
    except (yaml.YAMLError, RecursionError):
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
