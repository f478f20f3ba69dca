# SPDX-License-Identifier: Apache-2.0
"""Secrets in texts, by the shapes that they have in logs, tracebacks and command lines.

A second line: the first is that only administrators see details.  oslo.utils masks what its list
of keys names; the rules of ``masking-rules.yaml`` add the shapes that it does not know.
"""

import functools
import itertools
import re

from ahocorasick_rs import AhoCorasick
from oslo_utils import strutils

from fault_middleware import package_data

#: What comes in the place of a secret.
MASK = "***"
# The part of a URL before the path, where names and passwords are, of several hosts perhaps.
_AUTHORITY = re.compile(r"(?<=://)[^\s/'\"<>]{1,512}@")
_PASSWORD = re.compile(r"([^:/@,]{0,64}:)[^@,]{1,256}@")


# A rule's needles, its pattern, and what comes in place of what it matches.
_Rule = tuple[frozenset[str], re.Pattern[str], str]


def mask(text: str) -> str:
    """Replace what looks like a secret with ``***``. Idempotent.

    What it does not find are secrets in free prose ("bind with X failed").
    """
    needles, finder, oslo, rules = _load()
    lower = text.lower()
    if not lower.isascii():  # a surrogate is no character, and is in no needle
        lower = lower.encode("utf-8", "replace").decode()
    found = {needles[hit] for hit, _, _ in finder.find_matches_as_indexes(lower, overlapping=True)}
    if not found:
        return text
    if "://" in found:
        text = _AUTHORITY.sub(lambda url: _PASSWORD.sub(rf"\1{MASK}@", url[0]), text)
    for wanted, pattern, replacement in rules:
        if not found.isdisjoint(wanted):
            text = pattern.sub(replacement, text)
    return text if found.isdisjoint(oslo) else str(strutils.mask_password(text))


@functools.lru_cache(maxsize=1024)
def is_secret_name(name: str) -> bool:
    """Whether what a member or an argument of this name holds is a secret."""
    return mask(f"{name}=x").endswith(MASK)


def mask_arguments(arguments: list[str]) -> list[str]:
    """Mask what is a secret for what stands before it: an option, or the command."""
    if not arguments:
        return []
    command = arguments[0]
    masked = [command]
    for before, argument in itertools.pairwise(arguments):
        option = before.lstrip("-")
        is_named = before.startswith("-") and (option == "p" or is_secret_name(option))
        if is_named and not argument.startswith("-"):
            masked.append(MASK)
            continue
        # As on the command line, where "mysql -pX" says what X is.
        line = mask(f"{command} {argument}")
        known = line.startswith(f"{command} ")
        masked.append(line[len(command) + 1 :] if known else argument)
    return masked


@functools.cache
def _load() -> tuple[list[str], AhoCorasick, frozenset[str], list[_Rule]]:
    """All needles, what finds them in one pass, those of oslo.utils, and the rules."""
    data = package_data.load("masking-rules.yaml")
    parts = {**data["parts"], "stems": "|".join(data["stems"])}
    rules = []
    for rule in data["rules"]:
        text = rule["pattern"].replace("\n", "")
        for name, part in parts.items():
            text = text.replace(f"<{name}>", part)
        pattern = re.compile(text, re.IGNORECASE | re.MULTILINE)
        kept = r"\1" if pattern.groups else ""
        wanted = rule.get("needles", data["stems"] + data["short_stems"])
        rules.append((frozenset(wanted), pattern, f"{kept}{MASK}"))
    needles = sorted({"://", *data["oslo"]}.union(*(wanted for wanted, _, _ in rules)))
    return needles, AhoCorasick(needles), frozenset(data["oslo"]), rules
