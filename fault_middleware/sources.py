# SPDX-License-Identifier: Apache-2.0
"""What a profile says of the sources of faults: a service's notifications, and its log.

A module of its own, because a process that only shows faults does not need it.
"""

import dataclasses
import functools
from collections.abc import Mapping
from typing import Any

from fault_middleware import event, log_rule, vocabulary
from fault_middleware.document import Document
from fault_middleware.event import Event, Extraction
from fault_middleware.field import Field
from fault_middleware.log_rule import LogRule
from fault_middleware.vocabulary import Vocabulary


@dataclasses.dataclass(frozen=True, slots=True)
class Sources:
    """Which notifications and log records carry a fault, and how to speak of exceptions.

    :ivar service: the name of the service
    """

    service: str
    events: tuple[Event, ...]
    logs: tuple[LogRule, ...]
    words: Vocabulary

    def extract(self, notification: Mapping[str, Any]) -> Extraction:
        """What a notification says. Pure; raises nothing, whatever the data are.

        :param notification: ``event_type``, ``priority``, ``payload``, ``message_id``,
            ``timestamp``, ``publisher_id`` and ``context``
        """
        for kind in self.events:
            if kind.matches(notification):
                return kind.extract(self.service, notification, self.words)
        return Extraction("ignore")

    def obstacles(self, notification: Mapping[str, Any]) -> list[str]:
        """For people: why no event takes a notification, a line for each of its type.

        One line says so if no event is of its type; no line if an event takes it.
        """
        lines = []
        for number, kind in enumerate(self.events):
            obstacle = kind.obstacle(notification)
            if obstacle is None:
                return []
            if obstacle != "event_type":
                value = Field.parse(obstacle).find(notification)
                lines.append(
                    f"events[{number}] wants another {obstacle} than {value!r:.80}"
                )
        return lines or [
            f"no event has the event_type {notification.get('event_type')!r:.80}"
        ]


def build(document: Document) -> Sources:
    """The sources of a profile's document, on which mistakes in them are noted."""
    data = document.data
    events = document.build("events", event.build)
    modules = [f"{data.get('service')}.*"]
    build_rule = functools.partial(log_rule.build, modules=modules)
    logs = document.build("logs", build_rule)
    sentences = document.build("sentences", vocabulary.build)
    symptoms = vocabulary.globs(data.get("symptoms", []))
    operations = [
        (name, vocabulary.globs(patterns))
        for name, patterns in data.get("operations", {}).items()
    ]
    return Sources(
        service=data.get("service", ""),
        events=tuple(events),
        logs=tuple(logs),
        words=Vocabulary(tuple(sentences), symptoms, tuple(operations)),
    )
