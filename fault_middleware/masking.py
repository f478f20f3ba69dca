# SPDX-License-Identifier: Apache-2.0
"""Secrets in texts, by the shapes that they have in logs, tracebacks and command lines.

A second line: the first is that only administrators see details.  The shapes are rules, which are
data: ``masking-rules.yaml`` has ours, and a deployer may add a file of the same form.
"""

import importlib.util
import json
import math
import re
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

from fault_middleware import escaped, masking_rules, package_data
from fault_middleware.masking_rules import Rule

#: What takes the place of a secret.
MASK = escaped.MASK

# Characters that hide a name from a search for it, and what a reader takes them for. Each is one
# character, or none: in lower case, which has two for the last of them, they stay where they are.
_LOOK_ALIKES = {
    **dict.fromkeys(
        (0xAD, *range(0x200B, 0x2010), *range(0x2060, 0x2065), 0xFEFF, 0xFFFD)
    ),
    **dict.fromkeys(
        range(0xD800, 0xE000), ord("?")
    ),  # surrogates, which no library in C takes
    **{wide: wide - 0xFEE0 for wide in range(0xFF01, 0xFF5F)},
    ord("\N{LATIN SMALL LETTER LONG S}"): ord("s"),
    ord("\N{KELVIN SIGN}"): ord("K"),
    ord("\N{LATIN CAPITAL LETTER I WITH DOT ABOVE}"): ord("I"),
}
# The part of a URL before the path, where names and passwords are, of several hosts perhaps.
_AUTHORITY = re.compile(r"(?<=://)[^\s/'\"<>]{1,16384}@")
# Hosts that stand before the next name and password.
_OTHER_HOSTS = re.compile(r"[^,:]*(?::\d{1,5})?,(?:[^,:]*(?::\d{1,5})?,)*+")
_PORT = re.compile(r"\d{1,5},")
# What may end a string, a list or an object around a mask, and is not a part of the secret.
_ENDS = "\\\"'])}"
# In a list of arguments, what stands for characters that could end an argument.
_INSIDE = {ord('"'): "\ue000", ord("'"): "\ue001", ord("\\"): "\ue002"}
_OUTSIDE = {ord(new): chr(old) for old, new in _INSIDE.items()}

#: Finds which of some keywords are in a text.
Finder = Callable[[str], set[str]]


class Masker:
    """Masks texts by a set of rules; the same for all threads."""

    def __init__(self, book: masking_rules.RuleBook) -> None:
        self._rules = book.rules
        self._exceptions = book.exceptions
        keywords = {"://"}.union(*(rule.keywords for rule in book.rules))
        self._find = (
            fast_finder(keywords) if is_fast() else plain_finder(keywords)
        )

    def mask(self, text: str) -> str:
        """Replace what looks like a secret with ``***``; linear in the text. Idempotent."""
        if text.isascii():
            return self._mask_all(text)
        plain = text.translate(_LOOK_ALIKES)
        masked = self._mask_all(plain)
        if masked == plain:
            return text
        return masked

    def is_secret_name(self, name: str) -> bool:
        """Whether what has this name is a secret, as ``db_password`` is."""
        return self.mask(f"{name[:200]}=S3cr3t.S3cr3t").endswith(f"={MASK}")

    def mask_arguments(self, arguments: list[str]) -> list[str]:
        """Mask what is a secret because of what comes before it, as in ``["mysql", "-pX"]``."""
        inside = [argument.translate(_INSIDE) for argument in arguments]
        text = json.dumps(inside, ensure_ascii=False)
        try:
            masked = json.loads(self.mask(text))
        except ValueError:
            return arguments
        if not isinstance(masked, list) or len(masked) != len(arguments):
            return arguments
        return [str(argument).translate(_OUTSIDE) for argument in masked]

    def _mask_all(self, text: str) -> str:
        """Mask a text, and what only the mask of a secret makes look like another one."""
        masked = self._mask_once(text)
        if masked == text:
            return text
        return self._mask_once(masked)

    def _mask_once(self, text: str) -> str:
        """Mask what is escaped, whose ends its quotes tell, and then all that stands there."""
        return self._mask(escaped.mask_within(text, self._mask))

    def _mask(self, text: str) -> str:
        lower = _in_lower_case(text)
        found = self._find(lower)
        if not found:
            return text
        if "://" in found:
            text = _AUTHORITY.sub(_mask_authority, text)
            lower = _in_lower_case(text)
        searched: dict[str, bool] = {}
        for rule in self._rules:
            if found.isdisjoint(rule.keywords):
                continue
            if not _has_needed(rule, lower, searched):
                continue
            masked = self._apply(rule, text, lower)
            if masked is not text:
                text = masked
                lower = _in_lower_case(text)
                searched.clear()
        return text

    def _apply(self, rule: Rule, text: str, lower: str) -> str:
        """The text without the secrets that a rule finds; the same object where it finds none."""
        pieces: list[str] = []
        end = 0
        searched = lower if rule.ignores_case else text
        for match in rule.regex.pattern.finditer(searched):
            start, stop = rule.secret(match)
            if stop <= end:
                continue
            # What is looked at ahead of a match may begin within the one before.
            start = max(start, end)
            secret = text[start:stop]
            if _is_masked(secret):
                continue
            if rule.entropy and entropy(secret) < rule.entropy:
                continue
            whole = text[match.start() : match.end()]
            if self._exceptions.cover(secret, whole):
                continue
            pieces += [text[end:start], MASK]
            end = stop
        if not pieces:
            return text
        pieces.append(text[end:])
        return "".join(pieces)


class Chosen:
    """Which masker this process uses: that of the package, until a deployer's file is read.

    Every text of a process is masked by the same rules, wherever it comes from: a part that would
    have to be told of them could be forgotten, and let a secret out.

    :ivar source: the file of a deployer, None without one
    """

    def __init__(self) -> None:
        self._masker: Masker | None = None
        self.source: str | None = None

    def choose(self, masker: Masker, source: str) -> None:
        """Use a masker from now on."""
        self._masker = masker
        self.source = source

    def masker(self) -> Masker:
        """The one to use; the rules of the package are read when they are first needed."""
        if self._masker is None:
            self._masker = build({})
        return self._masker


#: The choice of this process.
chosen = Chosen()


def mask(text: str) -> str:
    """Replace what looks like a secret with ``***``, by the rules of this process. Idempotent.

    It does not find ordinary words as secrets in prose ("bind with swordfish").
    """
    return chosen.masker().mask(text)


def is_secret_name(name: str) -> bool:
    """Whether what has this name is a secret."""
    return chosen.masker().is_secret_name(name)


def mask_arguments(arguments: list[str]) -> list[str]:
    """See :meth:`Masker.mask_arguments`."""
    return chosen.masker().mask_arguments(arguments)


def build(added: Mapping[str, Any]) -> Masker:
    """A masker with the rules of this package and those of a deployer.

    :param added: what a file of the form of ``masking-rules.yaml`` holds
    :raises masking_rules.RuleError: when one of its rules cannot be used
    """
    return Masker(
        masking_rules.make(package_data.load("masking-rules.yaml"), added)
    )


def is_fast() -> bool:
    """Whether the library of the extra ``fast`` is installed."""
    return importlib.util.find_spec("ahocorasick_rs") is not None


def plain_finder(keywords: set[str]) -> Finder:
    """Looks for one keyword after the other; for short texts that takes microseconds."""

    def find(text: str) -> set[str]:
        return {keyword for keyword in keywords if keyword in text}

    return find


def fast_finder(keywords: set[str]) -> Finder:
    """Looks for all keywords at once, by the Aho-Corasick algorithm; for long texts."""
    from ahocorasick_rs import AhoCorasick, Implementation

    ordered = sorted(keywords)
    finder = AhoCorasick(ordered, implementation=Implementation.DFA)

    def find(text: str) -> set[str]:
        try:
            hits = finder.find_matches_as_indexes(text, overlapping=True)
        except UnicodeEncodeError:
            # Half of a pair of surrogates, which no library in Rust takes: JSON may have one.
            whole = text.encode("utf-8", "replace").decode()
            hits = finder.find_matches_as_indexes(whole, overlapping=True)
        return {ordered[hit[0]] for hit in hits}

    return find


def entropy(text: str) -> float:
    """Shannon's entropy in bits for each character: 0 for "aaaa", over 3 for most tokens."""
    bits = 0.0
    for count in Counter(text).values():
        share = count / len(text)
        bits -= share * math.log2(share)
    return bits


def _in_lower_case(text: str) -> str:
    """The text in lower case, each letter in its place; what JSON escapes may be any letter."""
    lower = text.lower()
    if len(lower) == len(text):
        return lower
    return text.translate({0x130: "I"}).lower()


def _is_masked(secret: str) -> bool:
    """Whether there is nothing but a mask; what is behind an escaped quote is another string's."""
    return secret.strip(_ENDS) in ("", MASK) or secret.startswith(f"{MASK}\\")


def _has_needed(rule: Rule, lower: str, searched: dict[str, bool]) -> bool:
    """Whether there is in a text what a rule needs, which is searched for once."""
    if rule.needs is None:
        return True
    # To hash a pattern takes as long as to search a short text.
    regex = rule.needs.text
    if regex not in searched:
        match = rule.needs.pattern.search(lower)
        searched[regex] = match is not None
    return searched[regex]


def _mask_authority(url: re.Match[str]) -> str:
    """Mask the passwords of ``name:password@host,name:password@``; an ``@`` may be in each."""
    masked = ""
    pair, *rest, _ = url[0].split("@")
    for part in rest:
        hosts = _OTHER_HOSTS.match(part)
        if hosts is None:
            pair += f"@{part}"
            continue
        masked += f"{_without_password(pair)}@{hosts[0]}"
        pair = part[hosts.end() :]
    return f"{masked}{_without_password(pair)}@"


def _without_password(pair: str) -> str:
    """``name:password`` with the password masked."""
    name, colon, password = pair.partition(":")
    if not password or _PORT.match(password):
        return pair
    return f"{name}{colon}{MASK}"
