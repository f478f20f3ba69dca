# SPDX-License-Identifier: Apache-2.0
"""An event: a notification of a service, and the fault that it carries."""

import fnmatch
import functools
import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from fault_middleware import clock, fault
from fault_middleware.fault import Fault
from fault_middleware.field import Field, texts
from fault_middleware.text import as_text

#: What an event can do: store a fault, store a clearance, say that all is well, which is a
#: clearance where the deployer wants it to be one, or nothing, on purpose.
ACTIONS = ("record", "clear", "success", "ignore")
# What fields of a notification begin with.
_ROOTS = (
    *("payload", "context", "event_type", "priority"),
    *("publisher_id", "message_id", "timestamp"),
)
# How an exception in a traceback, or a repr(), begins.
_EXCEPTION = re.compile(r"[A-Za-z_][\w.]*(?=[:(]|$)")
# In a traceback, what follows the last frame; behind it, a message may have lines of its own.
# Nothing is read twice, whether something follows or not.
_RAISED = re.compile(r"^  File .*\n(?:[ ].*\n)*+(\S.*)?", re.MULTILINE)
# The characters, from the end, in which it is looked for: re holds up all threads meanwhile.
_LONGEST = 2**18
_NO_EXCEPTION = "Internal error"
# Where the text of an exception that came from another process goes on with how it came there.
_REMOTE = "\nTraceback (most recent call last):"


class Extraction(NamedTuple):
    """What a notification says: the rows to store, or why there are none.

    :ivar action: one of :data:`ACTIONS`; ``ignore`` also for what could not be used
    :ivar reason: for an event of ours that had to be ignored, else empty
    """

    action: str
    faults: tuple[Fault, ...] = ()
    reason: str = ""


class Event(NamedTuple):
    """A kind of notification; ``profile-schema.yaml`` says what its parts mean.

    :ivar safe: matches the exceptions whose messages users may read; None where it is all
    :ivar action: one of :data:`ACTIONS`
    :ivar when: members of the notification, and what each has to match
    :ivar fields: where the parts of the fault are: instance_id, which may lead to a list of
        several, and others of the arguments of fault.make; none to ignore it
    """

    event_type: re.Pattern[str]
    publisher_id: re.Pattern[str]
    safe: re.Pattern[str] | None
    priorities: frozenset[str]
    action: str
    when: Sequence[tuple[Field, re.Pattern[str]]]
    fields: Mapping[str, Field]

    def matches(self, notification: Mapping[str, Any]) -> bool:
        """Whether a notification is of this kind."""
        kind, priority = notification.get("event_type"), notification.get("priority")
        if not (isinstance(kind, str) and isinstance(priority, str)):
            return False
        if priority.lower() not in self.priorities or not self.event_type.fullmatch(kind):
            return False
        found = [(str(notification.get("publisher_id")), self.publisher_id)]
        found += ((as_text(field.find(notification)), wanted) for field, wanted in self.when)
        return all(wanted.fullmatch(text) for text, wanted in found)

    def extract(self, service: str, notification: Mapping[str, Any]) -> Extraction:
        """Turn a notification that matches into what is to be stored."""
        if not self.fields:
            return Extraction("ignore")
        values = {name: field.find(notification) for name, field in self.fields.items()}
        found = values.pop("instance_id")
        if found is None:
            return Extraction("ignore", reason="it names no instance")
        values["created"] = clock.parse_time(notification.get("timestamp"))
        message_id = notification.get("message_id")
        values["message_id"] = message_id if isinstance(message_id, str) else None
        values["event_type"] = notification["event_type"]
        values["deleted"] = self.action != "record"
        exception = values.pop("exception", None)
        message, remote, trace = as_text(values.get("message")).partition(_REMOTE)
        if remote:
            values["message"], details = message, as_text(values.get("details"))
            missing = "" if trace in details else f"{remote}{trace}"
            values["details"] = f"{details}{missing}".lstrip("\n")
        if self.action == "record" and self.safe is not None:
            self._hide_message(values, exception, self.safe)
        rows: list[Fault] = []
        wrong = []
        make: Any = functools.partial(fault.make, service, **values)
        for value in found if isinstance(found, list) else [found]:
            try:
                rows.append(make(value))
            except ValueError as exc:
                wrong.append(str(exc))
            else:
                # Masking takes time, and is done once however many instances there are.
                make = functools.partial(fault.sibling, rows[0])
        reason = f"{len(wrong)} of {len(rows) + len(wrong)} ids: {wrong[0]}" if wrong else ""
        return Extraction(self.action if rows else "ignore", tuple(rows), reason)

    def _hide_message(self, values: dict[str, Any], exception: Any, safe: re.Pattern[str]) -> None:
        """Let the exception's class be the message, and put the text into the details.

        Texts of exceptions that a service did not write itself can name what its users must not
        know (Nova's rule, CVE-2019-14433).
        """
        message, details = map(as_text, (values.get("message"), values.get("details")))
        last = next(filter(None, _RAISED.findall(details[-_LONGEST:])[::-1]), "")
        raised = _EXCEPTION.match(last)
        name = _EXCEPTION.match(as_text(exception)) if exception else raised
        names = {match[0] for match in (name,) if match is not None}
        # A bare name is known better from where it was raised, if that is not within the message.
        if name is not None and raised is not None and raised[0].endswith(f".{name[0]}"):
            is_end = details.rstrip().endswith(f"{raised[0]}: {message}".rstrip())
            names = {raised[0]} if is_end else {name[0], raised[0]}
        if names and all(map(safe.fullmatch, names)):
            return
        if message not in details:
            values["details"] = f"{message}\n\n{details}"
        values["message"] = name[0].rpartition(".")[2] if name is not None else _NO_EXCEPTION


def build(data: Mapping[str, Any]) -> Event:
    """Build one of a profile's ``events``; raises ValueError for what its schema cannot see."""
    actions = [name for name in ACTIONS if name in data]
    if len(actions) != 1:
        raise ValueError(f"needs exactly one of {', '.join(ACTIONS)}")
    safe = _globs(data.get("safe_exceptions", []))
    fields = {name: Field.parse(field) for name, field in data[actions[0]].items()}
    when = [(Field.parse(name), _globs(value)) for name, value in data.get("when", {}).items()]
    for path in (path for one in (*fields.values(), *dict(when)) for path in one.paths):
        if path[0] not in _ROOTS:
            raise ValueError(f"{'.'.join(path)!r} does not begin with {', '.join(_ROOTS)}")
    return Event(
        event_type=_globs(data["event_type"]),
        publisher_id=_globs(data.get("publisher_id", "*")),
        safe=safe if data.get("message") == "class" else None,
        priorities=frozenset(texts(data["priority"])),
        action=actions[0],
        when=when,
        fields=fields,
    )


def _globs(value: str | list[str]) -> re.Pattern[str]:
    return re.compile("|".join(map(fnmatch.translate, texts(value))) or "(?!)")
