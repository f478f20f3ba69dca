# SPDX-License-Identifier: Apache-2.0
"""The rules of masking: those of ``masking-rules.yaml``, and those of a deployer."""

import dataclasses
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

_LEADING_FLAGS = re.compile(r"^\(\?([a-z]+)\)")
_UPPER_CASE = re.compile(r"(?<!\\)[A-Z]")
_PART = re.compile(r"(?<!P)<(\w+)>")

#: Keys and positions that lead to something in the data of the rules.
Place = tuple[str | int, ...]


class Regex:
    """A regular expression that is compiled when it is first needed.

    Most texts have the keywords of few rules, and compiling all of them takes 70 ms, for which the
    first fault of a process would have to wait.

    :ivar text: as it is written
    """

    __slots__ = ("_flags", "_pattern", "text")

    def __init__(self, text: str, flags: int = 0) -> None:
        self.text = text
        self._flags = flags
        self._pattern: re.Pattern[str] | None = None

    @property
    def pattern(self) -> re.Pattern[str]:
        """What searches; raises what :func:`re.compile` does."""
        if self._pattern is None:
            self._pattern = re.compile(self.text, self._flags)
        return self._pattern


@dataclasses.dataclass(frozen=True, slots=True)
class Rule:
    """A shape that secrets have.

    :ivar ignores_case: the regex is for the text in lower case
    :ivar group: the group of the regex that is the secret; 0 for the first that took part in a
        match, or the whole match where there are no groups
    :ivar entropy: bits for each character below which a match is not a secret
    :ivar needs: is found in the lower case of every text in which the rule finds something
    """

    id: str
    keywords: frozenset[str]
    regex: Regex
    ignores_case: bool = False
    group: int = 0
    entropy: float = 0.0
    needs: Regex | None = None

    def secret(self, match: re.Match[str]) -> tuple[int, int]:
        """Where the secret of a match begins and ends."""
        if self.group:
            return match.span(self.group)
        for group in range(1, match.re.groups + 1):
            if match[group]:
                return match.span(group)
        return match.span()


@dataclasses.dataclass(frozen=True, slots=True)
class Exceptions:
    """What is left as it is though a rule finds it.

    :ivar secrets: of a secret alone
    :ivar matches: of all that the rule's pattern matched
    :ivar stopwords: lower-case words that no secret has in it
    """

    secrets: Sequence[re.Pattern[str]] = ()
    matches: Sequence[re.Pattern[str]] = ()
    stopwords: Sequence[str] = ()

    def cover(self, secret: str, match: str) -> bool:
        """Whether one of them applies to this secret."""
        for pattern in self.secrets:
            if pattern.search(secret):
                return True
        for pattern in self.matches:
            if pattern.search(match):
                return True
        lower = secret.lower()
        return any(word in lower for word in self.stopwords)

    def with_more(self, more: "Exceptions") -> "Exceptions":
        """These and others."""
        return Exceptions(
            [*self.secrets, *more.secrets],
            [*self.matches, *more.matches],
            [*self.stopwords, *more.stopwords],
        )


class RuleError(ValueError):
    """A rule cannot be used.

    :ivar place: the keys that lead to what is wrong, within the data of the rules
    """

    def __init__(self, place: Place, what: str) -> None:
        self.place = place
        super().__init__(what)


@dataclasses.dataclass(frozen=True, slots=True)
class RuleBook:
    """Rules in the order in which they are tried, and the exceptions from all of them."""

    rules: Sequence[Rule]
    exceptions: Exceptions


def make(shipped: Mapping[str, Any], added: Mapping[str, Any]) -> RuleBook:
    """The rules of the package together with those that a deployer added.

    :param shipped: the rules of the package, with the parts that regexes may name
    :param added: rules and exceptions of the same form; may be empty
    :raises RuleError: when one of those that were added cannot be used
    """
    parts = _Parts(shipped["parts"])
    # A deployer's <name> is a text.
    none = _Parts({})
    rules = list(_read_rules(shipped["rules"], parts, _read_regex))
    own_rules = _read_rules(added.get("rules", []), none, _as_written)
    for number, rule in enumerate(own_rules):
        _check(rule, number)
        rules.append(rule)
    extend = added.get("extend", {})
    kept = _without(extend.get("disabledRules", []), rules)
    own = _compile_exceptions(shipped["allowlists"], parts)
    more = _compile_exceptions(added.get("allowlists", []), none)
    exceptions = own.with_more(more)
    return RuleBook(kept, exceptions)


def _without(disabled: Sequence[str], rules: Sequence[Rule]) -> list[Rule]:
    """The rules but those that the deployer disabled; RuleError for an id that none has."""
    ids = {rule.id for rule in rules}
    for number, name in enumerate(disabled):
        if name not in ids:
            place = ("extend", "disabledRules", number)
            raise RuleError(place, f"there is no rule {name!r}")
    kept = []
    for rule in rules:
        if rule.id not in disabled:
            kept.append(rule)
    return kept


class _Parts:
    """The named pieces of regexes and the named lists of keywords."""

    def __init__(self, parts: Mapping[str, str | list[str]]) -> None:
        self._parts = parts

    def fill(self, regex: str) -> str:
        """The regex with its parts put in; what is not the name of a part stays."""
        filled = _PART.sub(self._text, regex)
        if filled == regex:
            return filled
        # A part may name others.
        return self.fill(filled)

    def keywords(self, given: str | list[str]) -> frozenset[str]:
        """The keywords of a rule: a list, or the name of one."""
        if isinstance(given, str):
            name = given.strip("<>")
            return frozenset(self._parts[name])
        return frozenset(map(str.lower, given))

    def _text(self, placeholder: re.Match[str]) -> str:
        """The part that ``<name>`` names, or ``<name>`` itself."""
        name = placeholder[1]
        part = self._parts.get(name, placeholder[0])
        if isinstance(part, list):
            return _any_of(part)
        return part


def _any_of(words: Iterable[str]) -> str:
    """A regex for one of some words, sorted by the letter that each begins with.

    Python tries one alternative after the other, so it is faster to have few of them.
    """
    by_letter: dict[str, list[str]] = {}
    for word in words:
        letter = word[0]
        rests = by_letter.setdefault(letter, [])
        rests.append(word[1:])
    alternatives = []
    for letter, rests in by_letter.items():
        any_rest = "|".join(rests)
        alternatives.append(f"{letter}(?:{any_rest})")
    return "|".join(alternatives)


def _read_rules(
    data: Iterable[Mapping[str, Any]],
    parts: _Parts,
    read: Callable[[str], tuple[Regex, bool]],
) -> Iterator[Rule]:
    for rule in data:
        regex, ignores_case = read(parts.fill(rule["regex"]))
        needs = None
        if "needs" in rule:
            needs = Regex(parts.fill(rule["needs"]), re.VERBOSE)
        yield Rule(
            id=rule["id"],
            keywords=parts.keywords(rule["keywords"]),
            regex=regex,
            ignores_case=ignores_case,
            # To JSON Schema, 1.0 is an integer.
            group=int(rule.get("secretGroup", 0)),
            entropy=rule.get("entropy", 0.0),
            needs=needs,
        )


def _check(rule: Rule, number: int) -> None:
    """Find now what is wrong with a rule of a deployer's, and not when it is first needed."""
    pattern = _compiled(rule.regex, ("rules", number, "regex"))
    if rule.group > pattern.groups:
        what = f"the regex has {pattern.groups} groups, so there is no group {rule.group}"
        raise RuleError(("rules", number, "secretGroup"), what)


def _compile_exceptions(
    data: Iterable[Mapping[str, Any]], parts: _Parts
) -> Exceptions:
    secrets: list[re.Pattern[str]] = []
    matches: list[re.Pattern[str]] = []
    stopwords: list[str] = []
    for number, allowlist in enumerate(data):
        patterns = secrets
        if allowlist.get("regexTarget") == "match":
            patterns = matches
        for position, regex in enumerate(allowlist.get("regexes", [])):
            place = ("allowlists", number, "regexes", position)
            pattern = _compiled(Regex(parts.fill(regex)), place)
            patterns.append(pattern)
        for word in allowlist.get("stopwords", []):
            stopwords.append(word.lower())
    return Exceptions(secrets, matches, stopwords)


def _read_regex(regex: str) -> tuple[Regex, bool]:
    """A regex, and whether it is for a text in lower case.

    Python finds a pattern without regard to case several times as slowly. So one that has no
    upper-case letters, but the flag for that, is found in the text in lower case.
    """
    leading = _LEADING_FLAGS.match(regex)
    flags = ""
    if leading is not None:
        flags = leading[1]
    if "i" not in flags or _UPPER_CASE.search(regex):
        return Regex(regex), False
    rest = _LEADING_FLAGS.sub("", regex, count=1)
    others = flags.replace("i", "")
    if others:
        rest = f"(?{others}){rest}"
    return Regex(rest), True


def _as_written(regex: str) -> tuple[Regex, bool]:
    """A deployer's regex, whose letters may be written in any way: escaped, or as a range."""
    return Regex(regex), False


def _compiled(regex: Regex, place: Place) -> re.Pattern[str]:
    try:
        return regex.pattern
    except (re.error, RecursionError, OverflowError) as exc:
        raise RuleError(
            place, f"not a regular expression of Python: {exc}"
        ) from exc
