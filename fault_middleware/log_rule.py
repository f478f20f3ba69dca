# SPDX-License-Identifier: Apache-2.0
"""A log rule: which log records of a service carry a fault, and whose fault it is."""

import dataclasses
import logging
import re
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from fault_middleware import cause, fault
from fault_middleware.cause import Kind
from fault_middleware.fault import Fault
from fault_middleware.field import texts
from fault_middleware.log_record import (
    Call,
    Failure,
    Sighting,
    message_of,
    text_at,
)
from fault_middleware.vocabulary import Vocabulary, globs, safe_globs
from fault_middleware.wording import UNKNOWN

LEVELS = {
    "info": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
    "critical": logging.CRITICAL,
}
# What makes a name a pattern, as fnmatch has them.
_PATTERN = re.compile(r"[*?[]")
# What services and oslo.log write before the text of a record: a kind and an id.
_LABEL = re.compile(
    rf"\[(?:instance: |[a-z_]+-)?({fault.UUID.pattern})\] ?", re.ASCII | re.I
)


class Seen(Protocol):
    """A log record, as it is being logged or as it stands in a file."""

    @property
    def record(self) -> logging.LogRecord: ...

    @property
    def context(self) -> object: ...

    @property
    def exception_names(self) -> Sequence[str]: ...

    def calls(self, modules: re.Pattern[str]) -> Sequence[Call]: ...


class AmbiguousError(Exception):
    """A record names several instances equally well; the wrong one is worse than none."""


class Place(Protocol):
    """Somewhere that a record may name its instance."""

    def find(self, sighting: Seen) -> "str | None":
        """The id that is there; AmbiguousError for several."""


@dataclasses.dataclass(frozen=True, slots=True)
class RecordPlace:
    """Attributes of the record, such as ``instance.uuid``.

    A label that the log makes of a resource counts too, such as ``[instance: UUID] ``.
    """

    paths: tuple[str, ...]

    def find(self, sighting: Seen) -> str | None:
        attributes = vars(sighting.record)
        found = _ids(attributes, self.paths)
        for path in self.paths:
            label = _LABEL.fullmatch(text_at(attributes, path) or "")
            if label is not None:
                found.append(label[1].lower())
        return _agreed(found)


@dataclasses.dataclass(frozen=True, slots=True)
class ContextPlace:
    """Attributes of the request's oslo.context, such as ``resource_uuid``."""

    paths: tuple[str, ...]

    def find(self, sighting: Seen) -> str | None:
        return _agreed(_ids(sighting.context, self.paths))


@dataclasses.dataclass(frozen=True, slots=True)
class LocalPlace:
    """Local variables of the service's functions; the outermost function that has one counts.

    :ivar functions: matches the names of the functions that are asked
    :ivar modules: matches the names of the service's own modules
    """

    paths: tuple[str, ...]
    functions: re.Pattern[str]
    modules: re.Pattern[str]

    def find(self, sighting: Seen) -> str | None:
        for call in sighting.calls(self.modules):
            if self.functions.fullmatch(call.function):
                found = _agreed(_ids(call.values, self.paths))
                if found is not None:
                    return found
        return None


@dataclasses.dataclass(frozen=True, slots=True)
class TextPlace:
    """The text of the record, by a pattern with one group."""

    pattern: re.Pattern[str]

    def find(self, sighting: Seen) -> str | None:
        found = []
        text = message_of(sighting.record)
        for match in self.pattern.finditer(text):
            # What a user has chosen may stand in the text too.
            if match[1] and fault.UUID.fullmatch(match[1]):
                found.append(match[1].lower())
        return _agreed(found)


@dataclasses.dataclass(frozen=True, slots=True)
class LogRule:
    """Which records are meant; ``profile-schema.yaml`` says what the parts mean.

    :ivar packages: the first parts of the loggers' names; "" where that may be any
    :ivar exceptions: matches a class of the exception, or one it is derived from; None for any
    :ivar functions: matches a function of the service that was running; None for any
    :ivar text: is found in the record's own text; None for any
    :ivar takes_handled: whether the exception that is being handled counts where a record has none
    :ivar contexts: local variables in which a request's context is, where the thread has none
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
        """Whether records of a logger and level may be meant."""
        return (
            level >= self.level and self.loggers.fullmatch(logger) is not None
        )

    def matches(self, sighting: Seen) -> bool:
        """Whether this very record is meant, of a logger and level that are."""
        if self.needs_user and not text_at(sighting.context, "user_id"):
            return False
        if self.text is not None:
            text = message_of(sighting.record)
            if not self.text.search(text):
                return False
        if self.exceptions is not None:
            names = sighting.exception_names
            if not _matches_one(self.exceptions, names):
                return False
        if self.functions is None:
            return True
        calls = sighting.calls(self.modules)
        functions = [call.function for call in calls]
        return _matches_one(self.functions, functions)

    def find(self, sighting: Seen) -> str | None:
        """The instance of a record that matches; AmbiguousError where several are as good."""
        for place in self.places:
            found = place.find(sighting)
            if found is not None:
                return found
        return None


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
    parts = [part for part in (failure.text, failure.trace) if part]
    details = "\n\n".join(parts)
    return fault.make(
        service,
        failure.instance_id,
        message=message,
        details=details,
        created=failure.created,
        event_type=f"log {failure.logger}",
        request_id=failure.request_id,
        project_id=failure.project_id,
        weight=cause.weigh(kind, len(failure.causes)),
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
        places.append(_build_place(place, own_modules))
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


def _build_place(data: Mapping[str, Any], modules: re.Pattern[str]) -> Place:
    if "record" in data:
        paths = texts(data["record"])
        return RecordPlace(tuple(paths))
    if "context" in data:
        paths = texts(data["context"])
        return ContextPlace(tuple(paths))
    if "local" in data:
        paths = texts(data["local"])
        functions = globs(data.get("function", "*"))
        return LocalPlace(tuple(paths), functions, modules)
    pattern = _pattern(data["text"])
    if pattern is None or pattern.groups != 1:
        raise ValueError(f"{data['text']!r} needs one group, which is the id")
    return TextPlace(pattern)


def _matches_one(wanted: re.Pattern[str], names: Sequence[str]) -> bool:
    """Whether a pattern matches the whole of one of some names."""
    for name in names:
        if wanted.fullmatch(name):
            return True
    return False


def _agreed(ids: Sequence[str]) -> str | None:
    """The one id that there is."""
    distinct = sorted(set(ids))
    if not distinct:
        return None
    if len(distinct) > 1:
        some = ", ".join(distinct[:3])
        raise AmbiguousError(f"{len(distinct)} ids: {some}")
    return distinct[0]


def _ids(root: object, paths: Sequence[str]) -> list[str]:
    """The ids that some paths lead to, in lower case."""
    found: list[str] = []
    for path in paths:
        value = text_at(root, path)
        # Nothing but a UUID: a longer text may hold what a user has chosen.
        if value is not None and fault.UUID.fullmatch(value):
            found.append(value.lower())
    return found


def _optional_globs(value: str | list[str] | None) -> re.Pattern[str] | None:
    if value is None:
        return None
    return globs(value)


def _pattern(value: str | None) -> re.Pattern[str] | None:
    if value is None:
        return None
    return re.compile(value)
