# SPDX-License-Identifier: Apache-2.0
"""Texts made fit to be stored and shown: clean of secrets, within limits, valid everywhere."""

from collections.abc import Iterable
from typing import Any

from fault_middleware import masking

# Of a longer text its two ends are looked at: what lies between could not be stored, and masking
# takes time. More than is kept, so that no secret is half in what is masked.
_LONGEST = 80 * 1024
_CUT = "[...]"
_GAP = f"\n{_CUT}\n"


def clean(text: str) -> str:
    """Mask secrets and replace what some database cannot store.

    The result holds no lone surrogates, no NUL, and of over 80 Ki characters the ends. Idempotent.
    """
    if len(text) > _LONGEST:
        half = (_LONGEST - len(_GAP)) // 2
        text = text[:half] + _GAP + text[-half:]
    text = masking.mask(text).replace("\0", "\ufffd")
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")


def clean_all(value: Any, limit: int | None = None, depth: int = 100) -> Any:
    """A JSON value with every text in it, but the names, clean; what a secret's name has is one.

    :param limit: bytes of UTF-8 at which to cut a text; ``depth``: levels below which to cut
    """
    if isinstance(value, str):
        return clean(value) if limit is None else cut_bytes(clean(value), limit)
    if isinstance(value, list | dict) and not depth:
        return _CUT
    if isinstance(value, list):
        return [clean_all(part, limit, depth - 1) for part in value]
    if isinstance(value, dict):
        return {
            name: masking.MASK
            if isinstance(part, str) and masking.mask(f"{name}=x").endswith(masking.MASK)
            else clean_all(part, limit, depth - 1)
            for name, part in value.items()
        }
    return value


def cut_characters(text: str, limit: int) -> str:
    """At most ``limit`` characters of ``text``, with a mark where it is cut."""
    return text if len(text) <= limit else text[: limit - len(_CUT)] + _CUT


def cut_bytes(text: str, limit: int) -> str:
    """At most ``limit`` bytes of ``text`` in UTF-8, its middle cut out.

    The beginning of a traceback says where it began, its end what happened. No character is split.
    """
    data = text.encode("utf-8")
    if len(data) <= limit:
        return text
    half = (limit - len(_GAP)) // 2
    return _GAP.join(part.decode("utf-8", "ignore") for part in (data[:half], data[-half:]))


def as_text(value: Any) -> str:
    """Text of a field whose type differs from service to service."""
    if value is None or isinstance(value, str):
        return value or ""
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if isinstance(value, Iterable) and not isinstance(value, dict):
        return "".join(map(str, value))
    return str(value)


def last_line(text: str) -> str:
    """What a traceback ends with."""
    lines = text.strip().splitlines()
    return lines[-1].strip() if lines else ""
