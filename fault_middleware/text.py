# SPDX-License-Identifier: Apache-2.0
"""Texts made fit to be stored and shown: without secrets, within limits, valid everywhere."""

import math
import re
from collections.abc import Iterable
from typing import Any

from fault_middleware import masking, pairs

# Of a longer text only the two ends are looked at: what lies between could not be stored, and
# masking takes time. This many characters of each end are kept at most.
_KEPT = 32 * 1024
# Masked with each end, and then dropped: a secret that the cut divides is not always recognized.
_MARGIN = 8 * 1024
#: Characters of a longer text that are looked at.
LONGEST = 2 * (_KEPT + _MARGIN)
#: Takes the place of what was cut out.
CUT = "[...]"
_GAP = f"\n{CUT}\n"
# What an end may begin with: the rest of a long value, in one line or in lines of base64.
_REST_OF_A_VALUE = re.compile(
    r"[\w+/=.~%$\\:-]*(?:\s+[\w+/=]{20,}(?=\s))*(?:\s+[\w+/=]+\s+-----END[^\n]*)?",
    re.ASCII,
)

# What a terminal obeys to change colours; readers of logs do without it.
_COLOURS = re.compile(r"\x1b\[[0-9;:]{0,64}m")
_LINE_BREAKS = re.compile("\r\n|[\r\v\f\x85\u2028\u2029]")
# Control characters but tab and line feed, marks of the direction of text, lone surrogates.
_FORBIDDEN = (
    r"\x00-\x08\x0e-\x1f\x7f-\x9f"
    r"\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"
    r"\ud800-\udfff"
)
# Characters without width. Some scripts and emoji need them, ASCII characters never do.
_WITHOUT_WIDTH = (
    r"\xad\u034f\u180b-\u180e\u200b-\u200d\u2060-\u2065\u206a-\u206f\ufe00-\ufe0f\ufeff"
    r"\U000e0000-\U000e0fff"
)
#: Characters that no reader sees, as the inside of a class of a regular expression.
UNSEEN = _FORBIDDEN + _WITHOUT_WIDTH
_HIDDEN = re.compile(f"(?<=[ -~])[{UNSEEN}]+(?=[ -~])")
_REPLACED = re.compile(f"[{_FORBIDDEN}]")
# Whether there is anything to do is asked first: most texts have none of these characters.
_UNSEEN = re.compile(f"[\r\v\f\x85\u2028\u2029{UNSEEN}]")
_SEEN_ASCII = b"\t\n" + bytes(range(0x20, 0x7F))
# Python refuses to write longer integers in decimal digits.
_INTEGER_BITS = 14_000


def clean(text: str, kept: int = _KEPT) -> str:
    """Mask secrets, and remove what no reader sees and what some database cannot store.

    The result has no control character but tab and line feed, no mark that changes the direction
    of text, no lone surrogate, and of over 80 Ki characters only the ends. Idempotent.

    :param kept: of each end of a longer text so many characters are kept at most
    """
    half = kept + _MARGIN
    if len(text) <= 2 * half:
        return _masked(text)
    head = _masked(text[:half])
    head = head[:-_MARGIN]
    head = head[:kept]
    # What was masked before the cut stays so, where only a part of the asterisks were left.
    head = head.rstrip(masking.MASK[0])
    tail = _masked(text[-half:])
    tail = tail[_MARGIN:]
    tail = tail[-kept:]
    tail = _REST_OF_A_VALUE.sub("", tail, count=1)
    return head + _GAP + tail


def beginning(text: str, limit: int) -> str:
    """So many characters of a text, clean.

    More of it is masked than is kept, for a secret that the cut divides is not always recognized.
    """
    longest = limit + _MARGIN
    head = _masked(text[:longest])
    if len(text) > longest:
        head = head[:-_MARGIN]
    if len(head) <= limit and len(text) <= longest:
        return head
    # As at other cuts, a mask stays, or goes, whole.
    return head[:limit].rstrip(masking.MASK[0])


def visible(text: str) -> str:
    """Write every line break as a line feed, and take out what a terminal obeys.

    Such characters would also keep a secret from being found. Between ASCII characters they are
    removed, and elsewhere replaced by U+FFFD.
    """
    if _is_visible(text):
        return text
    text = _COLOURS.sub("", text)
    text = _LINE_BREAKS.sub("\n", text)
    text = _HIDDEN.sub("", text)
    return _REPLACED.sub("\ufffd", text)


def clean_all(value: Any, limit: int | None = None, depth: int = 100) -> Any:
    """A JSON value with every text in it clean, the names of members too.

    What a name marks as a secret is masked whole: the texts in it, at whatever depth, and the
    ``value`` of an object whose ``name``, ``key`` or the like says so.

    :param limit: bytes of UTF-8 at which to cut a text
    :param depth: levels below which to cut
    """
    if isinstance(value, str):
        if limit is None:
            return clean(value)
        cleaned = clean(value, min(_KEPT, limit // 2))
        return cut_bytes(cleaned, limit)
    if isinstance(value, list | dict) and depth == 0:
        return CUT
    if isinstance(value, dict):
        return _clean_members(value, limit, depth - 1)
    if isinstance(value, list):
        return _clean_elements(value, limit, depth - 1)
    return _as_number(value)


def cut_characters(text: str, limit: int) -> str:
    """At most ``limit`` characters of ``text``, with a mark where it is cut."""
    if len(text) <= limit:
        return text
    return text[: limit - len(CUT)] + CUT


def cut_bytes(text: str, limit: int) -> str:
    """At most ``limit`` bytes of ``text`` in UTF-8, its middle cut out.

    The beginning of a traceback says where it began, its end what happened. No character is split.
    """
    data = text.encode("utf-8")
    if len(data) <= limit:
        return text
    half = (limit - len(_GAP)) // 2
    head = data[:half].decode("utf-8", "ignore")
    tail = data[-half:].decode("utf-8", "ignore")
    return head + _GAP + tail


def as_text(value: Any) -> str:
    """Text of a field whose type differs from service to service. Raises nothing."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if isinstance(value, Iterable) and not isinstance(value, dict):
        return "".join(map(written, value))
    return written(value)


def written(value: Any) -> str:
    """The text form of anything, whatever is wrong with that."""
    try:
        return str(value)
    except Exception:
        if isinstance(value, int):
            # Python writes no more than 4,300 decimal digits.
            return hex(value)
        return f"<{type(value).__name__}>"


def last_line(text: str) -> str:
    """What a traceback ends with."""
    lines = text.strip().splitlines()
    if not lines:
        return ""
    return lines[-1].strip()


def printable(text: str) -> str:
    """A text for one line of a log or a terminal: what is not printable becomes its escape.

    So nobody who may choose the text forges a line, or tells a terminal what to do.
    """
    if text.isprintable():
        return text
    shown = ""
    for character in text:
        if character.isprintable():
            shown += character
        else:
            quoted = ascii(character)
            shown += quoted[1:-1]
    return shown


def describe(exc: BaseException) -> str:
    """An exception in one line of at most 300 characters."""
    first_line, _, _ = str(exc).partition("\n")
    line = printable(f"{type(exc).__name__}: {first_line}")
    return line[:300]


def _is_visible(text: str) -> bool:
    if text.isascii():
        unseen = text.encode("ascii").translate(None, _SEEN_ASCII)
        return not unseen
    return _UNSEEN.search(text) is None


def _masked(text: str) -> str:
    seen = visible(text)
    masked = masking.mask(seen)
    if masked == seen or masked.isascii():
        return masked
    # The asterisks are ASCII, and may be next to something without width.
    return visible(masked)


def _clean_members(
    value: dict[str, Any], limit: int | None, depth: int
) -> dict[str, Any]:
    cleaned: dict[str, Any] = {}
    says_secret = any(map(_names_secret, pairs.labels(value)))
    for name, part in value.items():
        part = clean_all(part, limit, depth)
        is_secret_value = says_secret and pairs.is_value(name)
        if is_secret_value or _names_secret(name):
            part = _hide(part)
        cleaned[visible(name)] = part
    return cleaned


def _clean_elements(
    value: list[Any], limit: int | None, depth: int
) -> list[Any]:
    cleaned = [clean_all(part, limit, depth) for part in value]
    return pairs.mask_elements(cleaned)


def _names_secret(name: Any) -> bool:
    return isinstance(name, str) and masking.is_secret_name(visible(name))


def _hide(value: Any) -> Any:
    """A JSON value with every text in it masked; numbers may be lengths or times, and stay."""
    if isinstance(value, str):
        return masking.MASK
    if isinstance(value, list):
        return list(map(_hide, value))
    if isinstance(value, dict):
        hidden = {}
        for name, part in value.items():
            hidden[name] = _hide(part)
        return hidden
    return value


def _as_number(value: Any) -> Any:
    """A number, or its text where JSON or Python's own reader could not take it."""
    if isinstance(value, int) and value.bit_length() > _INTEGER_BITS:
        return written(value)
    if isinstance(value, float) and not math.isfinite(value):
        return written(value)
    return value
