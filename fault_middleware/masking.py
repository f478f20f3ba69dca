# SPDX-License-Identifier: Apache-2.0
"""Secrets in texts, by the shapes that they have in logs, tracebacks and command lines.

A second line: the first is that only administrators see details.  oslo.utils masks what its list
of keys names; the rules of ``masking-rules.yaml`` add the shapes that it does not know.
"""

import functools
import re
from collections.abc import Iterable

from oslo_utils import strutils

from fault_middleware import files

_MASK = "***"
# The part of a URL before the path, where names and passwords are, of several hosts perhaps.
_AUTHORITY = re.compile(r"(?<=://)[^\s/'\"<>]{1,512}@")
_PASSWORD = re.compile(r"([^:/@,]{0,64}:)[^@,]{1,256}@")
# A rule's needles (None: the stems), its pattern, and what comes in place of what it matches.
_Rule = tuple[list[str] | None, re.Pattern[str], str]


def mask(text: str) -> str:
    """Replace what looks like a secret with ``***``. Idempotent.

    What it does not find are secrets in free prose ("bind with X failed").
    """
    stems, oslo, rules = _load()
    lower = text.lower()
    has_stem = _has(lower, stems)
    if "://" in lower:
        text = _AUTHORITY.sub(lambda url: _PASSWORD.sub(rf"\1{_MASK}@", url[0]), text)
    for needles, pattern, replacement in rules:
        if has_stem if needles is None else _has(lower, needles):
            text = pattern.sub(replacement, text)
    return str(strutils.mask_password(text)) if _has(lower, oslo) else text


def _has(text: str, needles: Iterable[str]) -> bool:
    return any(needle in text for needle in needles)


@functools.cache
def _load() -> tuple[list[str], list[str], list[_Rule]]:
    """The stems, what oslo.utils needs, and the rules."""
    data = files.load("masking-rules.yaml")
    parts = {**data["parts"], "stems": "|".join(data["stems"])}
    rules = []
    for rule in data["rules"]:
        text = rule["pattern"].replace("\n", "")
        for name, part in parts.items():
            text = text.replace(f"<{name}>", part)
        pattern = re.compile(text, re.IGNORECASE | re.MULTILINE)
        kept = r"\1" if pattern.groups else ""
        rules.append((rule.get("needles"), pattern, f"{kept}{_MASK}"))
    return data["stems"] + data["short_stems"], data["oslo"], rules
