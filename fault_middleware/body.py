# SPDX-License-Identifier: Apache-2.0
"""JSON text changed in one place and left byte for byte in all others.

A service's own JSON writer chose its number formats, its escapes and the order of its keys, and
clients rely on them.  So the body of a response is not rewritten: the decoder of the standard
library says where a value begins and ends, and only that piece of text is exchanged.
"""

import json
import re
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple, NoReturn


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")


_DECODER = json.JSONDecoder(parse_constant=_refuse)
_ENCODER = json.JSONEncoder(allow_nan=False)
_WHITE_SPACE = re.compile(r"[ \t\n\r]*")


class Span(NamedTuple):
    """A JSON value and its place: ``text[start:end]``.

    A tuple, because a list has thousands, and a tuple is made in half the time.
    """

    value: Any
    start: int
    end: int


class Edit(NamedTuple):
    """``text[start:end]`` becomes ``new``; sorted by their places."""

    start: int
    end: int
    new: str


class _Member(NamedTuple):
    """A member of an object: where its key begins, and its value."""

    start: int
    value: Span


class _Object(NamedTuple):
    """An object's members by key, and where it ends."""

    members: dict[str, _Member]
    end: int


_Reader = Callable[[str, int], Span]


def locate(
    text: str, keys: Iterable[str], *, each: bool = False
) -> Span | None:
    """The value to which ``keys`` lead; None where a key is absent, or its place is not an object.

    :param each: let the value of an array be the spans of its elements
    :raises ValueError: for text that is not one JSON value (NaN and Infinity are not), or if an
        object on the way has a key twice
    :raises RecursionError: for JSON nested too deep to decode
    """
    read: _Reader = _decode
    if each:
        read = _elements
    start = _skip(text, 0)
    end = None
    span = None
    for key in keys:
        if not text.startswith("{", start):
            return None
        found = _read_object(text, start, key, read)
        if key not in found.members:
            return None
        if end is None:
            end = found.end
        span = found.members[key].value
        start = span.start
    if span is None:
        span = read(text, start)
    if end is None:
        end = span.end
    if _skip(text, end) != len(text):
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
        old = _read_object(text, target.start).members[key].value
        return Edit(old.start, old.end, new)
    added = f"{json.dumps(key)}: {new}"
    if target.value:
        added = f", {added}"
    end = target.end - 1
    return Edit(end, end, added)


def remove_member(text: str, target: Span, key: str) -> Edit:
    """The edit that takes out a member that is there; ValueError where a key stands twice."""
    members = _read_object(text, target.start).members
    position = list(members).index(key)
    values = list(members.values())
    removed = values[position]
    if position > 0:
        # With the comma before it.
        before = values[position - 1]
        return Edit(before.value.end, removed.value.end, "")
    if len(values) > 1:
        # With the comma behind it.
        return Edit(removed.start, values[1].start, "")
    return Edit(removed.start, removed.value.end, "")


def splice(text: str, edits: Iterable[Edit]) -> str:
    """The text with every edit made; edits must not overlap."""
    pieces = []
    index = 0
    for edit in sorted(edits):
        pieces.append(text[index : edit.start])
        pieces.append(edit.new)
        index = edit.end
    pieces.append(text[index:])
    return "".join(pieces)


def _decode(text: str, start: int) -> Span:
    value, end = _DECODER.raw_decode(text, start)
    return Span(value, start, end)


def _elements(text: str, start: int) -> Span:
    """An array with the spans of its elements, so that each is decoded once; or another value."""
    if not text.startswith("[", start):
        return _decode(text, start)
    spans: list[Span] = []
    index = _skip(text, start + 1)
    while not text.startswith("]", index):
        if spans:
            index = _expect(text, index, ",")
        element = _decode(text, index)
        spans.append(element)
        index = _skip(text, element.end)
    return Span(spans, start, index + 1)


def _read_object(
    text: str,
    start: int,
    special: str | None = None,
    read_special: _Reader = _decode,
) -> _Object:
    """Read an object with the places of its members.

    :param special: the key whose value is read by ``read_special``
    """
    members: dict[str, _Member] = {}
    index = _skip(text, start + 1)
    while not text.startswith("}", index):
        if members:
            index = _expect(text, index, ",")
        key = _decode(text, index)
        if not isinstance(key.value, str):
            raise ValueError(f"the key {key.value!r} is not a text")
        if key.value in members:
            raise ValueError(
                f"the key {key.value!r} stands twice in one object"
            )
        read: _Reader = _decode
        if key.value == special:
            read = read_special
        begin = _expect(text, key.end, ":")
        value = read(text, begin)
        members[key.value] = _Member(index, value)
        index = _skip(text, value.end)
    return _Object(members, index + 1)


def _expect(text: str, index: int, character: str) -> int:
    """The index behind a character that must come now, and white space around it."""
    index = _skip(text, index)
    if not text.startswith(character, index):
        raise ValueError(f"no {character!r} at character {index}")
    return _skip(text, index + 1)


def _skip(text: str, index: int) -> int:
    """The index of the next character that is not white space."""
    match = _WHITE_SPACE.match(text, index)
    if match is None:  # which this pattern never does
        return index
    return match.end()
