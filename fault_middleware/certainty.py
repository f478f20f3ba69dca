# SPDX-License-Identifier: Apache-2.0
"""Checks of oslo.policy that make no yes of what is not known."""

import ast
import re
from collections.abc import Iterator, Mapping, MutableMapping
from typing import Any

from oslo_policy import _checks, _external, policy

#: A key of the target in a check.
TARGET_KEY = re.compile(r"%\(([^)]*)\)")

# The words of a rule that are not checks.
_WORDS = ("", "@", "!", "and", "or", "not")


class Unreadable(_checks.FalseCheck):
    """A part of a rule that oslo.policy does not understand. It is neither a yes nor a no."""


class _CertainNot(policy.NotCheck):
    """A ``not`` that says yes only where the "no" within it is certain.

    oslo.policy's makes a yes of whatever is not known.
    """

    def __call__(
        self,
        target: Mapping[str, Any],
        creds: MutableMapping[str, Any],
        enforcer: Any,
        current_rule: str | None = None,
    ) -> bool:
        return _is_refuted(self.rule, (target, creds, enforcer, current_rule))


def make_certain(check: Any, text: Any) -> Any:
    """The same check with every ``not`` in it a certain one.

    :param text: the rule as it is written; may be anything that YAML has
    """
    if text in (False, [], {}):
        # oslo.policy takes them for "everybody".
        return Unreadable()
    return _certain(check, is_readable=_is_readable(text, check))


def _certain(check: Any, *, is_readable: bool) -> Any:
    if isinstance(check, policy.NotCheck):
        return _CertainNot(_certain(check.rule, is_readable=is_readable))
    if isinstance(check, policy.AndCheck | policy.OrCheck):
        parts = []
        for part in check.rules:
            parts.append(_certain(part, is_readable=is_readable))
        return type(check)(parts)
    if isinstance(check, _checks.FalseCheck) and not is_readable:
        return Unreadable()
    return check


def _is_readable(text: Any, check: Any) -> bool:
    """Whether oslo.policy understood all of a rule. It makes a ``!`` of what it did not."""
    if isinstance(check, _checks.FalseCheck):
        return str(text).strip(" ()") == "!"
    return all(map(_is_word, _words(text)))


def _words(text: Any) -> Iterator[str]:
    """The words of a rule, in its present form or in that of lists."""
    if isinstance(text, str):
        yield from text.split()
    elif isinstance(text, list):
        for part in text:
            yield from _words(part)


def _is_word(word: str) -> bool:
    bare = word.lstrip("(").rstrip(")").lower()
    return ":" in bare or bare in _WORDS


def _is_refuted(check: Any, asked: tuple[Any, ...]) -> bool:
    """Whether a check is known to say no.

    :param asked: the arguments of a check: target, credentials, enforcer, name of the rule
    """
    target, credentials, enforcer, _ = asked
    if isinstance(check, policy.NotCheck):
        return _says_yes(check.rule, asked)
    if isinstance(check, policy.AndCheck):
        return any(_is_refuted(part, asked) for part in check.rules)
    if isinstance(check, policy.OrCheck):
        return all(_is_refuted(part, asked) for part in check.rules)
    if isinstance(check, policy.RuleCheck):
        rule = enforcer.rules.get(check.match)
        return rule is not None and _is_refuted(rule, asked)
    return _is_known(check, target, credentials) and not _says_yes(
        check, asked
    )


def _says_yes(check: Any, asked: tuple[Any, ...]) -> bool:
    # An "or" of one part calls it as oslo.policy calls checks, old kinds as well.
    return bool(policy.OrCheck([check])(*asked))


def _is_known(
    check: Any, target: Mapping[str, Any], credentials: Mapping[str, Any]
) -> bool:
    """Whether all that a check compares is known."""
    if isinstance(check, Unreadable):
        return False
    if not isinstance(check, policy.Check):
        return True  # it compares nothing
    if isinstance(check, _external.HttpCheck):
        return False  # an error of the server is a no to oslo.policy as well
    if not set(TARGET_KEY.findall(check.match)) <= set(target):
        return False
    if isinstance(check, _checks.RoleCheck):
        return "roles" in credentials
    if isinstance(check, _checks.GenericCheck):
        # This is also what becomes of a kind of check that does not exist.
        return check.kind in credentials or _is_literal(check.kind)
    return True


def _is_literal(text: str) -> bool:
    try:
        ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return False
    return True
