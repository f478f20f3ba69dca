# SPDX-License-Identifier: Apache-2.0
"""JSON text changed in one place and left byte for byte in all others.

A service's own JSON writer chose its number formats, its escapes and the order of its keys, and
clients rely on them.  So the body of a response is not written anew: the decoder of the standard
library says where a value begins and ends, and only that piece of text is exchanged.
"""

import dataclasses
import json
import re
from collections.abc import Iterable, Iterator
from typing import Any, NoReturn


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")


_DECODER = json.JSONDecoder(parse_constant=_refuse)
_WHITE_SPACE = re.compile(r"[ \t\n\r]*")


@dataclasses.dataclass(frozen=True, slots=True)
class Span:
    """A JSON value and where it stands: ``text[start:end]``."""

    value: Any
    start: int
    end: int


@dataclasses.dataclass(frozen=True, slots=True)
class Edit:
    """``text[start:end]`` becomes ``new``."""

    start: int
    end: int
    new: str


@dataclasses.dataclass(frozen=True, slots=True)
class _Member:
    """A member of an object: where its key begins, and its value."""

    start: int
    value: Span


def locate(text: str, keys: Iterable[str]) -> Span | None:
    """Find the value to which ``keys`` lead from the outermost one.

    Returns None where a key is absent or something on the way is no object.

    :raises ValueError: for what is not one JSON value (NaN and Infinity are none), or where an
        object on the way has a key twice
    :raises RecursionError: for JSON nested too deep to decode
    """
    start = _skip(text, 0)
    end = None
    span = None
    for key in keys:
        if text[start : start + 1] != "{":
            return None
        members, object_end = _members(text, start)
        end = end or object_end
        if key not in members:
            return None
        span = members[key].value
        start = span.start
    if span is None:
        span = _decode(text, start)
    if _skip(text, end or span.end) != len(text):
        raise ValueError("more than one JSON value")
    return span


def elements(text: str, array: Span) -> Iterator[Span]:
    """The elements of an array that :func:`locate` found."""
    index = array.start + 1
    for _ in array.value:
        span = _decode(text, _skip(text, index))
        yield span
        index = _skip(text, span.end) + 1


def set_member(text: str, target: Span, key: str, value: Any) -> Edit:
    """The edit that gives an object's member a new value, or adds it at the end.

    :param target: the object; its ``value`` is a dict
    :param value: anything that :mod:`json` can write; written in ASCII
    :raises ValueError: when the object has a key twice
    """
    new = json.dumps(value, allow_nan=False)
    if key in target.value:
        old = _members(text, target.start)[0][key].value
        return Edit(old.start, old.end, new)
    comma = ", " if target.value else ""
    return Edit(target.end - 1, target.end - 1, f"{comma}{json.dumps(key)}: {new}")


def remove_member(text: str, target: Span, key: str) -> Edit:
    """The edit that takes a member out of an object that has it.

    :raises ValueError: when the object has a key twice
    """
    members, _ = _members(text, target.start)
    keys = list(members)
    position = keys.index(key)
    if position:
        # With the comma before it.
        return Edit(members[keys[position - 1]].value.end, members[key].value.end, "")
    if len(keys) > 1:
        # With the comma behind it.
        return Edit(members[key].start, members[keys[1]].start, "")
    return Edit(members[key].start, members[key].value.end, "")


def apply(text: str, edits: Iterable[Edit]) -> str:
    """The text with every edit made; edits must not overlap."""
    pieces = []
    index = 0
    for edit in sorted(edits, key=lambda edit: edit.start):
        pieces += [text[index : edit.start], edit.new]
        index = edit.end
    return "".join([*pieces, text[index:]])


def _members(text: str, start: int) -> tuple[dict[str, _Member], int]:
    """The members of the object that begins at ``start``, and where it ends."""
    members: dict[str, _Member] = {}
    index = _skip(text, start + 1)
    while text[index : index + 1] != "}":
        if members:
            index = _expect(text, index, ",")
        key = _decode(text, index)
        if not isinstance(key.value, str):
            raise ValueError(f"the key {key.value!r} is no text")
        if key.value in members:
            raise ValueError(f"the key {key.value!r} stands twice in one object")
        value = _decode(text, _expect(text, key.end, ":"))
        members[key.value] = _Member(index, value)
        index = _skip(text, value.end)
    return members, index + 1


def _decode(text: str, start: int) -> Span:
    value, end = _DECODER.raw_decode(text, start)
    return Span(value, start, end)


def _expect(text: str, index: int, character: str) -> int:
    """The index behind a character that must come now, and white space around it."""
    index = _skip(text, index)
    if text[index : index + 1] != character:
        raise ValueError(f"no {character!r} at character {index}")
    return _skip(text, index + 1)


def _skip(text: str, index: int) -> int:
    """The index of the next character that is no white space."""
    match = _WHITE_SPACE.match(text, index)
    return match.end() if match else index
