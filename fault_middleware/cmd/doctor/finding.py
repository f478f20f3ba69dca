# SPDX-License-Identifier: Apache-2.0
"""What the doctor says: a finding has a severity, a code, a statement and a remedy.

A finding is declared as a function.  Its name is the code, its decorator the severity, and its
arguments (all of them texts) are what its words need, so that mypy sees a name that is misspelt.
"""

import dataclasses
import enum
import functools
from collections.abc import Callable
from typing import ParamSpec

from fault_middleware.masking import mask

_Arguments = ParamSpec("_Arguments")


class Severity(enum.StrEnum):
    """How much a finding matters, the worst first."""

    ERROR = "error"
    WARNING = "warning"
    SKIPPED = "skipped"
    OK = "ok"


@dataclasses.dataclass(frozen=True, slots=True)
class Words:
    """What is the case, and what to do about it. Nothing has to be done if all is well."""

    what: str
    remedy: str = ""


@dataclasses.dataclass(frozen=True, slots=True)
class Finding:
    """One thing that the doctor says. Its words have no secrets in them.

    :ivar code: words with dashes between them, which stay the same in later releases
    """

    severity: Severity
    code: str
    what: str
    remedy: str


def error(say: Callable[_Arguments, Words]) -> Callable[_Arguments, Finding]:
    """Declare what keeps faults from being stored or shown, or shows them to the wrong people."""
    return _declare(Severity.ERROR, say)


def warning(say: Callable[_Arguments, Words]) -> Callable[_Arguments, Finding]:
    """Declare what may be wrong, or will be."""
    return _declare(Severity.WARNING, say)


def skipped(say: Callable[_Arguments, Words]) -> Callable[_Arguments, Finding]:
    """Declare what was not checked, although it matters."""
    return _declare(Severity.SKIPPED, say)


def ok(say: Callable[_Arguments, Words]) -> Callable[_Arguments, Finding]:
    """Declare what is well."""
    return _declare(Severity.OK, say)


def _declare(
    severity: Severity, say: Callable[_Arguments, Words]
) -> Callable[_Arguments, Finding]:
    code = say.__name__.replace("_", "-")
    speak: Callable[..., Words] = say

    @functools.wraps(say)
    def find(*args: _Arguments.args, **kwargs: _Arguments.kwargs) -> Finding:
        texts = [mask(str(argument)) for argument in args]
        named = {
            name: mask(str(argument)) for name, argument in kwargs.items()
        }
        words = speak(*texts, **named)
        return Finding(severity, code, words.what, words.remedy)

    return find
