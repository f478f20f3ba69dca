# SPDX-License-Identifier: Apache-2.0
"""An event: a notification of a service, and the faults that it carries."""

import dataclasses
import re
from collections.abc import Mapping, Sequence
from typing import Any

from fault_middleware import clock, fault, vocabulary, wording
from fault_middleware.fault import Fault
from fault_middleware.field import Field, texts
from fault_middleware.text import as_text
from fault_middleware.vocabulary import Vocabulary
from fault_middleware.wording import Evidence

#: What an event can do: store a fault, store a clearance, say that an operation went well, which
#: is a clearance of what the deployer wants it to be, or nothing, on purpose.
ACTIONS = ("record", "clear", "success", "ignore")
# What fields of a notification begin with.
_ROOTS = (
    "payload",
    "context",
    "event_type",
    "priority",
    "publisher_id",
    "message_id",
    "timestamp",
)
# Of a fault, what its words are made of; one of them is needed.
_WORDS = ("message", "details", "exception")


@dataclasses.dataclass(frozen=True, slots=True)
class Extraction:
    """What a notification says: the rows to store, and what could not be used.

    :ivar action: one of :data:`ACTIONS`; ``ignore`` also for what could not be used
    :ivar reason: why an event of ours, or an instance of it, had to be ignored; else empty
    """

    action: str
    faults: tuple[Fault, ...] = ()
    reason: str = ""


@dataclasses.dataclass(frozen=True, slots=True)
class Subject:
    """Whose faults a notification carries or clears, and where their parts are in it.

    :ivar instance_id: leads to the id of an instance, or to a list of ids
    :ivar fields: where other parts of the fault are: message, details, exception, request_id,
        project_id
    :ivar otherwise: what to say if nothing is known but that it failed
    """

    instance_id: Field
    fields: Mapping[str, Field]
    otherwise: str = ""

    def ids(self, notification: Mapping[str, Any]) -> list[Any]:
        """The ids as they were sent, right or wrong."""
        found = self.instance_id.find(notification)
        if found is None:
            return []
        if isinstance(found, list):
            return found
        return [found]

    def find(self, name: str, notification: Mapping[str, Any]) -> Any:
        """A part of the fault; None where the notification does not have it."""
        field = self.fields.get(name)
        if field is None:
            return None
        return field.find(notification)

    def evidence(self, notification: Mapping[str, Any]) -> Evidence:
        """What is known of the failure."""
        return Evidence(
            source=notification["event_type"],
            data=notification,
            message=as_text(self.find("message", notification)),
            details=as_text(self.find("details", notification)),
            exception=as_text(self.find("exception", notification)),
            otherwise=self.otherwise,
        )


@dataclasses.dataclass(frozen=True, slots=True)
class Event:
    """A kind of notification; ``profile-schema.yaml`` says what its parts mean.

    :ivar safe: matches the exceptions whose messages users may read; None where it is all
    :ivar action: one of :data:`ACTIONS`
    :ivar when: members of the notification by their names, where they are, and what each has to
        match
    :ivar subjects: whose faults it carries, or clears; none to ignore it
    :ivar skip_delta: seconds; its faults are not stored where one that is not older is there
    :ivar operation: which operation failed or succeeded, if the type of the event does not tell
    """

    event_type: re.Pattern[str]
    publisher_id: re.Pattern[str]
    safe: re.Pattern[str] | None
    priorities: frozenset[str]
    action: str
    when: Sequence[tuple[str, Field, re.Pattern[str]]]
    subjects: tuple[Subject, ...]
    operation: str | None = None
    skip_delta: float = 0.0

    def matches(self, notification: Mapping[str, Any]) -> bool:
        """Whether a notification is of this kind."""
        return self.obstacle(notification) is None

    def obstacle(self, notification: Mapping[str, Any]) -> str | None:
        """The first member by which a notification is not of this kind; None where it is."""
        kind = notification.get("event_type")
        if not isinstance(kind, str) or not self.event_type.fullmatch(kind):
            return "event_type"
        priority = notification.get("priority")
        if not isinstance(priority, str):
            return "priority"
        if priority.lower() not in self.priorities:
            return "priority"
        publisher = str(notification.get("publisher_id"))
        if not self.publisher_id.fullmatch(publisher):
            return "publisher_id"
        for name, field, wanted in self.when:
            if not wanted.fullmatch(as_text(field.find(notification))):
                return name
        return None

    def operation_of(
        self, notification: Mapping[str, Any], words: Vocabulary
    ) -> str | None:
        """The operation that failed or succeeded; None where that is not known."""
        return self.operation or words.operation([notification["event_type"]])

    def extract(
        self, service: str, notification: Mapping[str, Any], words: Vocabulary
    ) -> Extraction:
        """Turn a notification that matches into what is to be stored."""
        rows: list[Fault] = []
        wrong: list[str] = []
        count = 0
        for subject in self.subjects:
            ids = subject.ids(notification)
            count += len(ids)
            if ids:
                values = self._values(subject, notification, words)
                rows += _rows(service, ids, values, wrong)
        reason = ""
        if wrong:
            reason = f"{len(wrong)} of {count} ids: {wrong[0]}"
        elif self.subjects and not rows:
            reason = "it names no instance"
        if not rows:
            return Extraction("ignore", reason=reason)
        return Extraction(self.action, tuple(rows), reason)

    def _values(
        self,
        subject: Subject,
        notification: Mapping[str, Any],
        words: Vocabulary,
    ) -> dict[str, Any]:
        """The arguments of fault.make."""
        message_id = notification.get("message_id")
        values = {
            "created": clock.parse_time(notification.get("timestamp")),
            "message_id": message_id if isinstance(message_id, str) else None,
            "event_type": notification["event_type"],
            "request_id": subject.find("request_id", notification),
            "project_id": subject.find("project_id", notification),
            "is_clearance": self.action != "record",
        }
        if self.action != "clear":
            values["operation"] = self.operation_of(notification, words)
        if self.action == "record":
            worded = wording.word(
                subject.evidence(notification), self.safe, words
            )
            values["message"] = worded.message
            values["details"] = worded.details
            values["weight"] = worded.weight
            values["skip_delta"] = self.skip_delta
        return values


def _rows(
    service: str,
    ids: Sequence[Any],
    values: Mapping[str, Any],
    wrong: list[str],
) -> list[Fault]:
    """A row for each id; what is not an id is added to ``wrong``."""
    rows: list[Fault] = []
    surplus = len(ids) - fault.MOST_INSTANCES
    wrong += [f"only the first {fault.MOST_INSTANCES} are used"] * surplus
    for instance_id in ids[: fault.MOST_INSTANCES]:
        try:
            fault.canonical_id(instance_id)
        except ValueError as exc:
            wrong.append(str(exc))
            continue
        if rows:
            # Masking takes time, and is done once however many instances there are.
            rows.append(fault.sibling(rows[0], instance_id))
        else:
            rows.append(fault.make(service, instance_id, **values))
    return rows


def build(data: Mapping[str, Any]) -> Event:
    """Build one of a profile's ``events``; raises ValueError for what its schema cannot see."""
    actions = [name for name in ACTIONS if name in data]
    if len(actions) != 1:
        raise ValueError(f"needs exactly one of {', '.join(ACTIONS)}")
    action = actions[0]
    safe = None
    if data.get("message") == "class":
        safe = vocabulary.safe_globs(data.get("safe_exceptions", []))
    return Event(
        event_type=vocabulary.globs(data["event_type"]),
        publisher_id=vocabulary.globs(data.get("publisher_id", "*")),
        safe=safe,
        priorities=frozenset(texts(data["priority"])),
        action=action,
        when=[
            _condition(name, value)
            for name, value in data.get("when", {}).items()
        ],
        subjects=_build_subjects(action, data[action]),
        operation=data.get("operation"),
        skip_delta=data.get("skip_delta", 0.0),
    )


def _build_subjects(action: str, data: Any) -> tuple[Subject, ...]:
    if action == "ignore":
        return ()
    if isinstance(data, list):
        return tuple(_build_subject(action, subject) for subject in data)
    return (_build_subject(action, data),)


def _build_subject(action: str, data: Mapping[str, Any]) -> Subject:
    if action == "record" and not any(name in data for name in _WORDS):
        raise ValueError(f"needs in {action!r} one of {', '.join(_WORDS)}")
    fields = {}
    for name, value in data.items():
        if not _is_text(value):
            fields[name] = _field(value)
    otherwise = ""
    message = data.get("message")
    if isinstance(message, dict):
        otherwise = message.get("text", "")
    return Subject(fields.pop("instance_id"), fields, otherwise)


def _condition(
    name: str, value: str | list[str]
) -> tuple[str, Field, re.Pattern[str]]:
    return name, _field(name), vocabulary.globs(value)


def _is_text(value: Any) -> bool:
    """Whether this is a text and leads nowhere: ``{text: It failed.}``."""
    return isinstance(value, dict) and "path" not in value


def _field(value: Any) -> Field:
    field = Field.parse(value)
    for path in field.paths:
        if path[0] not in _ROOTS:
            raise ValueError(
                f"{'.'.join(path)!r} does not begin with {', '.join(_ROOTS)}; a text of its own"
                " is written {text: It failed.}"
            )
    return field
