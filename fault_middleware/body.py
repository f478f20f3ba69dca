# SPDX-License-Identifier: Apache-2.0
"""JSON text changed in one place and left byte for byte in all others.

A service's own JSON writer chose its number formats, its escapes and the order of its keys, and
clients rely on them.  So the body of a response is not written anew: the decoder of the standard
library says where a value begins and ends, and only that piece of text is exchanged.
"""

import json
import re
from collections.abc import Iterable
from typing import Any, NamedTuple, NoReturn


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")


_DECODER, _ENCODER = json.JSONDecoder(parse_constant=_refuse), json.JSONEncoder(allow_nan=False)
_WHITE_SPACE = re.compile(r"[ \t\n\r]*")


class Span(NamedTuple):
    """A JSON value and where it stands: ``text[start:end]``."""

    value: Any
    start: int
    end: int


class Edit(NamedTuple):
    """``text[start:end]`` becomes ``new``."""

    start: int
    end: int
    new: str


def locate(text: str, keys: Iterable[str], *, each: bool = False) -> Span | None:
    """The value to which ``keys`` lead, or None: a key is absent, or its place is no object.

    :param each: let the value of an array be the spans of its elements
    :raises ValueError: for what is not one JSON value (NaN and Infinity are none), or where an
        object on the way has a key twice
    :raises RecursionError: for JSON nested too deep to decode
    """
    start = _skip(text, 0)
    end = 0
    span = None
    for key in keys:
        if text[start : start + 1] != "{":
            return None
        members, object_end = _members(text, start, key if each else None)
        if key not in members:
            return None
        end = end or object_end
        _, span = members[key]
        start = span.start
    span = span or (_elements if each else _decode)(text, start)
    if _skip(text, end or span.end) != len(text):
        raise ValueError("more than one JSON value")
    return span


def set_member(text: str, target: Span, key: str, value: Any) -> Edit:
    """The edit that gives an object's member a new value, or adds it at the end.

    :param target: the object; its ``value`` is a dict
    :param value: anything that :mod:`json` can write; written in ASCII
    :raises ValueError: when the object has a key twice
    """
    new = _ENCODER.encode(value)
    if key in target.value:
        _, old = _members(text, target.start)[0][key]
        return Edit(old.start, old.end, new)
    comma = ", " if target.value else ""
    return Edit(target.end - 1, target.end - 1, f"{comma}{json.dumps(key)}: {new}")


def remove_member(text: str, target: Span, key: str) -> Edit:
    """The edit that takes out a member that is there; ValueError where a key stands twice."""
    members, _ = _members(text, target.start)
    position = list(members).index(key)
    starts, spans = zip(*members.values(), strict=True)
    if position:  # With the comma before it.
        return Edit(spans[position - 1].end, spans[position].end, "")
    # With the comma behind it, where there is one.
    return Edit(starts[0], starts[1] if len(starts) > 1 else spans[0].end, "")


def splice(text: str, edits: Iterable[Edit]) -> str:
    """The text with every edit made; edits must not overlap."""
    pieces = []
    index = 0
    for start, end, new in sorted(edits):
        pieces += [text[index:start], new]
        index = end
    return "".join([*pieces, text[index:]])


def _members(
    text: str, start: int, each: str | None = None
) -> tuple[dict[str, tuple[int, Span]], int]:
    """An object's members by key (where the key begins, and the value), and where it ends.

    :param each: the key whose value is read as :func:`_elements` does
    """
    members: dict[str, tuple[int, Span]] = {}
    index = _skip(text, start + 1)
    while text[index : index + 1] != "}":
        if members:
            index = _expect(text, index, ",")
        key = _decode(text, index)
        if not isinstance(key.value, str):
            raise ValueError(f"the key {key.value!r} is no text")
        if key.value in members:
            raise ValueError(f"the key {key.value!r} stands twice in one object")
        read = _elements if key.value == each else _decode
        value = read(text, _expect(text, key.end, ":"))
        members[key.value] = index, value
        index = _skip(text, value.end)
    return members, index + 1


def _elements(text: str, start: int) -> Span:
    """An array with the spans of its elements, so that each is decoded once; or another value."""
    if text[start : start + 1] != "[":
        return _decode(text, start)
    spans: list[Span] = []
    index = _skip(text, start + 1)
    while text[index : index + 1] != "]":
        if spans:
            index = _expect(text, index, ",")
        spans.append(_decode(text, index))
        index = _skip(text, spans[-1].end)
    return Span(spans, start, index + 1)


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
