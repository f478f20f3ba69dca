# SPDX-License-Identifier: Apache-2.0
"""Secrets in lists and objects that no text of them alone tells."""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from fault_middleware import masking

# Members that say of which thing an object holds the value, and the members that hold it.
_LABELS = frozenset(
    (
        "field",
        "id",
        "key",
        "name",
        "option",
        "parameter",
        "setting",
        "variable",
    )
)
_VALUES = frozenset(("default", "val", "value"))

_KEY_BEGINS = re.compile(r"-----? ?BEGIN [A-Z0-9 ]{0,30}PRIVATE KEY")
_KEY_ENDS = re.compile(r"-----? ?END [A-Z0-9 ]{0,30}PRIVATE KEY")
_KEY_LINE = re.compile(
    r"[^\w+/]*(?:[A-Za-z0-9+/=]{1,100}[^\w+/]*|(?:Proc-Type|DEK-Info|Version|Comment):.*|)",
    re.DOTALL,
)


def labels(members: Mapping[str, Any]) -> list[Any]:
    """What an object says it holds the value of, as in ``{"name": "PWD", "value": "X"}``."""
    return [part for name, part in members.items() if name.lower() in _LABELS]


def is_value(name: str) -> bool:
    """Whether a member of this name holds what the object's label tells."""
    return name.lower() in _VALUES


def mask_elements(elements: list[Any]) -> list[Any]:
    """Mask what is a secret because of its place in a list: an argument, or a line of a key."""
    texts = _mask_keys([_text(part) for part in elements])
    # The border of a key would make one secret of all that is up to the other one.
    arguments = ["" if _is_border(text) else text for text in texts]
    masked = masking.mask_arguments(arguments)
    return [
        argument if isinstance(part, str) and not _is_border(part) else part
        for part, argument in zip(elements, masked, strict=True)
    ]


def _text(part: Any) -> str:
    return part if isinstance(part, str) else ""


def _is_border(line: str) -> bool:
    return "PRIVATE KEY" in line


def _mask_keys(lines: list[str]) -> list[str]:
    """Mask private keys that are a list of lines, though the beginning or the end is lost."""
    if not any(map(_is_border, lines)):
        return lines
    masked = list(lines)
    _mask_run(masked, range(len(lines)), _KEY_BEGINS.search)
    _mask_run(masked, reversed(range(len(lines))), _KEY_ENDS.search)
    return masked


def _mask_run(
    lines: list[str],
    numbers: Iterable[int],
    borders: Callable[[str], re.Match[str] | None],
) -> None:
    """Mask the lines of a key that are next to its border."""
    inside = False
    for number in numbers:
        line = lines[number]
        if borders(line):
            inside = True
        elif inside and _KEY_LINE.fullmatch(line):
            lines[number] = line and masking.MASK
        else:
            # A mask is a part of the key as well.
            inside = inside and line == masking.MASK
