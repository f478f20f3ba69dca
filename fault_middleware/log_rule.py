# SPDX-License-Identifier: Apache-2.0
"""A log rule: which log records of a service carry a fault, and whose fault it is."""

import dataclasses
import logging
import re
from collections.abc import Mapping, Sequence
from typing import Any

from fault_middleware import cause, fault, log_place
from fault_middleware.cause import Kind
from fault_middleware.fault import Fault
from fault_middleware.field import texts
from fault_middleware.log_place import Place, Seen
from fault_middleware.log_record import (
    Failure,
    Sighting,
    is_administrator,
    message_of,
    text_at,
)
from fault_middleware.text import beginning
from fault_middleware.vocabulary import Vocabulary, globs, safe_globs
from fault_middleware.wording import UNKNOWN

LEVELS = {
    "info": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
    "critical": logging.CRITICAL,
}
#: By what a rule may not match a record, in the order in which it is looked at.
OBSTACLES = ("logger", "level", "user", "text", "exception", "function")
# Characters of a record's own text that are stored.
_LONGEST_TEXT = 8192
# What makes a name a pattern, as fnmatch has them.
_PATTERN = re.compile(r"[*?[]")


@dataclasses.dataclass(frozen=True, slots=True)
class LogRule:
    """Which records it matches; ``profile-schema.yaml`` says what the parts mean.

    :ivar packages: the first parts of the loggers' names; "" where that may be any
    :ivar exceptions: matches a class of the exception, or one it is derived from; None for any
    :ivar functions: matches a function of the service that was running; None for any
    :ivar text: is found in the record's own text; None for any
    :ivar takes_handled: whether the exception that is being handled counts where a record has none
    :ivar contexts: local variables in which a request's context is, before that of the thread
    :ivar safe: matches the exceptions whose texts owners may read
    :ivar request_paths: where the context has the id of the request, in order of preference
    :ivar places: where the instance's id is, in order of preference; none to ignore the record
    """

    loggers: re.Pattern[str]
    packages: frozenset[str]
    level: int
    text: re.Pattern[str] | None
    exceptions: re.Pattern[str] | None
    functions: re.Pattern[str] | None
    modules: re.Pattern[str]
    needs_user: bool
    takes_handled: bool
    contexts: tuple[str, ...]
    places: tuple[Place, ...]
    safe: re.Pattern[str]
    request_paths: tuple[str, ...]

    def see(self, sighting: Sighting) -> Sighting:
        """A record that is being logged, with what the rule looks for around it."""
        seen = sighting
        if self.takes_handled:
            seen = seen.handling()
        if self.contexts:
            seen = seen.within(self.contexts, self.modules)
        return seen

    def matches_source(self, logger: str, level: int) -> bool:
        """Whether records of a logger and level may match."""
        return (
            level >= self.level and self.loggers.fullmatch(logger) is not None
        )

    def matches(self, sighting: Seen) -> bool:
        """Whether this very record matches, of a logger and level that may."""
        return self._obstacle_within(sighting) is None

    def obstacle(self, sighting: Seen) -> str | None:
        """Which of :data:`OBSTACLES` keeps it from matching a record; None where it matches."""
        record = sighting.record
        if self.loggers.fullmatch(record.name) is None:
            return "logger"
        if record.levelno < self.level:
            return "level"
        return self._obstacle_within(sighting)

    def _obstacle_within(self, sighting: Seen) -> str | None:
        """The same for a record of a logger and level that may match."""
        if self.needs_user and not text_at(sighting.context, "user_id"):
            return "user"
        if self.text is not None:
            text = message_of(sighting.record)
            if not self.text.search(text):
                return "text"
        if self.exceptions is not None:
            names = sighting.exception_names
            if not _matches_one(self.exceptions, names):
                return "exception"
        if self.functions is None:
            return None
        calls = sighting.calls(self.modules)
        functions = [call.function for call in calls]
        if not _matches_one(self.functions, functions):
            return "function"
        return None

    def find(self, sighting: Seen) -> str | None:
        """The instance of a record that matches; AmbiguousError where several are as good."""
        for place in self.places:
            found = place.find(sighting)
            if found is not None:
                return found
        return None

    def project_of(self, sighting: Seen, instance_id: str) -> str | None:
        """The instance's project: as the service's own object has it, else the caller's.

        Administrators work on the resources of others, so their project says nothing.
        """
        for place in self.places:
            found = place.project_of(sighting, instance_id)
            if found is not None:
                return found
        if is_administrator(sighting.context):
            return None
        return text_at(sighting.context, "project_id")


def make_fault(
    service: str, rule: LogRule, failure: Failure, words: Vocabulary
) -> Fault:
    """The fault that a failure is; masking its texts may take time.

    :param words: what the service's profile says of exceptions
    """
    kind, message = _message(rule, failure, words)
    if not failure.causes:
        # Without an exception, it says that something failed, but not why.
        kind = Kind.SYMPTOM
    elif words.is_symptom(failure.causes[-1].names):
        kind = Kind.SYMPTOM
    text = beginning(failure.text, _LONGEST_TEXT)
    parts = [part for part in (text, failure.trace) if part]
    details = "\n\n".join(parts)
    return fault.make(
        service,
        failure.instance_id,
        message=message,
        details=details,
        created=failure.created,
        event_type=f"{fault.LOGGED}{failure.logger}",
        request_id=failure.request_id,
        project_id=failure.project_id,
        weight=cause.weigh(kind, len(failure.causes)),
        operation=words.operation(failure.sources),
    )


def build(data: Mapping[str, Any], modules: Sequence[str]) -> LogRule:
    """Build one of a profile's ``logs``.

    :param modules: globs of the service's modules, unless the rule has its own
    :raises ValueError: for what the profile's schema cannot see
    """
    if ("record" in data) == ("ignore" in data):
        raise ValueError("needs exactly one of record, ignore")
    own_modules = globs(data.get("modules", list(modules)))
    recorded = data.get("record", {})
    places = []
    for place in recorded.get("instance_id", []):
        places.append(log_place.build(place, own_modules))
    return LogRule(
        loggers=globs(data["logger"]),
        packages=frozenset(map(_package, texts(data["logger"]))),
        level=LEVELS[data.get("level", "error")],
        text=_pattern(data.get("text")),
        exceptions=_optional_globs(data.get("exception")),
        functions=_optional_globs(data.get("function")),
        modules=own_modules,
        needs_user=data.get("user", "required") == "required",
        takes_handled=data.get("handled", False),
        contexts=tuple(texts(data.get("context", []))),
        places=tuple(places),
        safe=safe_globs(data.get("safe_exceptions", [])),
        request_paths=tuple(texts(recorded.get("request_id", "request_id"))),
    )


def _message(
    rule: LogRule, failure: Failure, words: Vocabulary
) -> tuple[Kind, str]:
    """What the owner reads, and how much that tells of the cause.

    The nearer to the cause the better: so the exception that it began with is asked first.
    """
    for found in reversed(failure.causes):
        if _matches_one(rule.safe, (found.kind, found.name)):
            return Kind.TEXT, found.text
    sentence = _sentence(failure, words)
    if sentence is not None:
        return Kind.TEXT, sentence
    if failure.causes:
        first = failure.causes[-1]
        return Kind.NAME, first.name
    return Kind.SYMPTOM, UNKNOWN


def _sentence(failure: Failure, words: Vocabulary) -> str | None:
    """The profile's sentence for the exception or one that led to it, in these functions."""
    names: list[str] = []
    for found in failure.causes:
        names.extend(found.names)
    return words.sentence(names, failure.sources, {})


def _package(logger: str) -> str:
    """The first part of a logger's name, or "" for a pattern of it."""
    first = logger.partition(".")[0]
    return "" if _PATTERN.search(first) else first


def _matches_one(wanted: re.Pattern[str], names: Sequence[str]) -> bool:
    """Whether a pattern matches the whole of one of some names."""
    for name in names:
        if wanted.fullmatch(name):
            return True
    return False


def _optional_globs(value: str | list[str] | None) -> re.Pattern[str] | None:
    if value is None:
        return None
    return globs(value)


def _pattern(value: str | None) -> re.Pattern[str] | None:
    if value is None:
        return None
    return re.compile(value)
