# SPDX-License-Identifier: Apache-2.0
"""The words of a fault: what of a failure its user reads, and what only the details hold.

An exception that a service did not write itself can name what users must not know: hosts, paths,
other tenants' resources (CVE-2019-14433).  So a profile may say that only the class of exceptions
is shown, except for those that it names.
"""

import dataclasses
import re
from collections.abc import Mapping
from typing import Any

from fault_middleware import cause, exception
from fault_middleware.cause import Kind
from fault_middleware.vocabulary import Vocabulary

#: What is said about a failure if nothing else is known.
UNKNOWN = "Internal error"
# Where the text of an exception that came from another process goes on with how it came there.
_TRACE = "\nTraceback (most recent call last):"


@dataclasses.dataclass(frozen=True, slots=True)
class Evidence:
    """What is known of a failure.

    :ivar source: the type of the event, or the name of the logger
    :ivar data: the notification, for the fields of sentences
    :ivar message: what happened, which may be an exception's text; "" for nothing
    :ivar details: more of it, such as a traceback; "" for nothing
    :ivar exception: the exception's class, repr() or attributes; "" where only the traceback in
        the details tells it
    :ivar otherwise: what to say where nothing else is known; "" for nothing
    """

    source: str
    data: Mapping[str, Any]
    message: str = ""
    details: str = ""
    exception: str = ""
    otherwise: str = ""


@dataclasses.dataclass(frozen=True, slots=True)
class Wording:
    """Message, details and weight, as :func:`fault_middleware.fault.make` takes them."""

    message: str
    details: str
    weight: int


def word(
    evidence: Evidence, safe: re.Pattern[str] | None, vocabulary: Vocabulary
) -> Wording:
    """Choose the words.

    A text that users may read is the message.  Else it is a sentence of the profile, the class of
    the exception, or what the profile says otherwise, whichever is there first.

    :param safe: matches the classes of exceptions whose texts users may read; None for all
    """
    evidence = _tidy(evidence)
    names = _classes(evidence)
    is_safe = safe is None or (names != () and all(map(safe.fullmatch, names)))
    # A message that is but the class is what a service itself says in place of the text.
    is_told = evidence.message not in {exception.label(name) for name in names}
    if is_safe and is_told and (evidence.message or evidence.details):
        kind, message, details = Kind.TEXT, evidence.message, evidence.details
    else:
        kind, message = _instead(evidence, names, vocabulary)
        details = _with_text(evidence, names)
    if vocabulary.is_symptom(names):
        kind = Kind.SYMPTOM
    return Wording(
        message, details, cause.weigh(kind, exception.count(evidence.details))
    )


def _tidy(evidence: Evidence) -> Evidence:
    """Put what belongs into the details there, and leave out what says nothing."""
    message, is_remote, trace = evidence.message.partition(_TRACE)
    message = message.rstrip()
    details = evidence.details
    if details.strip() == exception.NOTHING:
        details = ""
    if is_remote and trace not in details:
        details = f"{details}{is_remote}{trace}".lstrip("\n")
    # Of a repr() without a text, the class says as much.
    raised = (
        exception.read(message)
        if message and message == evidence.exception
        else None
    )
    if raised is not None:
        message = raised.text
        details = details or evidence.exception
    if (message, details) == (evidence.message, evidence.details):
        return evidence
    return dataclasses.replace(evidence, message=message, details=details)


def _classes(evidence: Evidence) -> tuple[str, ...]:
    """The classes that all have to be safe; none where none is known.

    A class without its module is known better from the traceback, where that ends in the same
    class and the very message.  Where another text follows, it may be a part of the message, so
    both count.
    """
    raised = exception.raised_last(evidence.details)
    if not evidence.exception:
        return raised.names if raised else ()
    known = exception.read(evidence.exception)
    if known is None:
        return ()
    if raised is None or not raised.names[0].endswith(f".{known.names[0]}"):
        return known.names
    end = f"{raised.names[0]}: {evidence.message}".rstrip()
    if evidence.details.rstrip().endswith(end):
        return raised.names
    return known.names + raised.names


def _instead(
    evidence: Evidence, names: tuple[str, ...], vocabulary: Vocabulary
) -> tuple[Kind, str]:
    """What to say in place of a text that is not there, or that users must not read."""
    sentence = vocabulary.sentence(names, (evidence.source,), evidence.data)
    if sentence is not None:
        return Kind.TEXT, sentence
    if names:
        return Kind.NAME, exception.label(names[0])
    told = evidence.message or evidence.details
    kind = Kind.SYMPTOM if told else Kind.NOTHING
    return kind, evidence.otherwise or UNKNOWN


def _with_text(evidence: Evidence, names: tuple[str, ...]) -> str:
    """The details with the text that is not the message, and with the class."""
    name = exception.label(names[0]) if names else ""
    text = "" if evidence.message == name else evidence.message
    details = evidence.details
    if name not in details:
        told = [name, text or details]
        text = ": ".join(part for part in told if part)
    if text in details:
        return details
    if details in text:
        return text
    return f"{text}\n\n{details}".strip("\n")
