# SPDX-License-Identifier: Apache-2.0
"""Where a log record names the instance that failed, and the instance's project."""

import dataclasses
import logging
import re
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from fault_middleware import fault
from fault_middleware.field import texts
from fault_middleware.log_record import Call, message_of, text_at
from fault_middleware.vocabulary import globs

# What services and oslo.log write before the text of a record: a kind and an id.
_LABEL = re.compile(
    rf"\[(?:instance: |[a-z_]+-)?({fault.UUID.pattern})\] ?", re.ASCII | re.I
)
# What objects call their own id.
_OWN_IDS = ("id", "uuid")


class Seen(Protocol):
    """A log record, as it is being logged or as it was written to a file."""

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

    def project_of(self, sighting: Seen, instance_id: str) -> "str | None":
        """The project of the object there that has the id, if it says so."""


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

    def project_of(self, sighting: Seen, instance_id: str) -> str | None:
        return _project_of(vars(sighting.record), self.paths, instance_id)


@dataclasses.dataclass(frozen=True, slots=True)
class ContextPlace:
    """Attributes of the request's oslo.context, such as ``resource_uuid``."""

    paths: tuple[str, ...]

    def find(self, sighting: Seen) -> str | None:
        return _agreed(_ids(sighting.context, self.paths))

    def project_of(self, sighting: Seen, instance_id: str) -> str | None:
        return None


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

    def project_of(self, sighting: Seen, instance_id: str) -> str | None:
        for call in sighting.calls(self.modules):
            if self.functions.fullmatch(call.function):
                found = _project_of(call.values, self.paths, instance_id)
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
            # What a user has chosen may be in the text too.
            if match[1] and fault.UUID.fullmatch(match[1]):
                found.append(match[1].lower())
        return _agreed(found)

    def project_of(self, sighting: Seen, instance_id: str) -> str | None:
        return None


def build(data: Mapping[str, Any], modules: re.Pattern[str]) -> Place:
    """Build one of the places of a rule's ``instance_id``.

    :param modules: matches the names of the service's own modules
    :raises ValueError: for what the profile's schema cannot see
    """
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
    pattern = re.compile(data["text"])
    if pattern.groups != 1:
        raise ValueError(f"{data['text']!r} needs one group, which is the id")
    return TextPlace(pattern)


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


def _project_of(
    root: object, paths: Sequence[str], instance_id: str
) -> str | None:
    """The project of the object with the id to which some paths lead."""
    for path in paths:
        holder, _, name = path.rpartition(".")
        if not holder or name not in _OWN_IDS:
            continue
        value = text_at(root, path)
        if value is not None and value.lower() == instance_id:
            return text_at(root, f"{holder}.project_id")
    return None
