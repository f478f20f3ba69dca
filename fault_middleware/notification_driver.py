# SPDX-License-Identifier: Apache-2.0
"""The notification driver: records faults in the process that notifies of them, without a broker.

A notification is copied as it is sent, and stored by the writer of the process.
"""

import functools
import json
from collections.abc import Mapping, Sequence
from typing import Any

from oslo_config import cfg
from oslo_messaging.notify import notifier
from oslo_serialization import jsonutils

from fault_middleware import clearing, log
from fault_middleware.deploy import Deployment, deploy
from fault_middleware.event import Event
from fault_middleware.fault import Fault
from fault_middleware.health import Part
from fault_middleware.metrics import Metrics, Site
from fault_middleware.process import starts_no_threads
from fault_middleware.profile import Profile
from fault_middleware.recorder import Recorder
from fault_middleware.text import printable
from fault_middleware.vocabulary import Vocabulary
from fault_middleware.writer import Work

# The characters of ids, and of an event's name, that a log line has.
_LONGEST_NAME = 80


class Driver(notifier.Driver):  # type: ignore[misc]  # oslo.messaging has no types
    """What oslo.messaging calls. Never raises; opens and starts nothing until it is used."""

    def __init__(
        self, conf: Any = cfg.CONF, topics: Any = (), transport: Any = None
    ) -> None:
        super().__init__(conf, topics, transport)
        self._deployment: Deployment | None = None
        self._clears = clearing.NONE
        self._asks_for_context = False
        try:
            deployment = deploy(conf)
        except Exception as exc:
            self._fail(Metrics(), exc)
            return
        if starts_no_threads():
            text = (
                "under uWSGI no thread runs where eventlet has replaced them"
            )
            self._fail(deployment.metrics, RuntimeError(text))
            return
        self._clears = deployment.settings.clear_on_success
        self._deployment = deployment
        self._asks_for_context = _ask_for_context(deployment.profiles)
        if deployment.settings.logs:
            log.attach(deployment)
        deployment.metrics.health.works(Part.DRIVER)

    def _fail(self, metrics: Metrics, exc: Exception) -> None:
        metrics.errors.inc(Site.DRIVER)
        metrics.health.fails(Part.DRIVER, "it records nothing", exc)

    def notify(
        self, ctxt: Any, message: Mapping[str, Any], priority: str, retry: Any
    ) -> None:
        """Take a notification if a profile wants it; ``retry`` is for drivers that send."""
        deployment = self._deployment
        if deployment is None:
            return
        name = "a notification"
        try:
            if deployment.settings.logs:
                # A service may have replaced the handlers of its log since.
                log.attach(deployment)
            seen = message
            if self._asks_for_context:
                seen = _with_context(ctxt, message)
            event = self._find(deployment.profiles, seen)
            if event is not None:
                name = _name(event, message)
                text = _serialize(ctxt, message)
                rows = functools.partial(_rows, deployment.recorder, text)
                writer = deployment.writer.get()
                writer.put(Work(name, len(text), rows))
        except Exception as exc:
            deployment.metrics.error(Site.DRIVER, f"{name} is lost", exc)

    def _find(
        self, profiles: Sequence[Profile], message: Mapping[str, Any]
    ) -> Event | None:
        """The event of a profile that makes the notification worth storing."""
        for profile in profiles:
            for event in profile.sources.events:
                if event.matches(message):
                    if self._stores(event, message, profile.sources.words):
                        return event
                    break
        return None

    def _stores(
        self, event: Event, message: Mapping[str, Any], words: Vocabulary
    ) -> bool:
        """Whether an event that matches may make a row."""
        if event.action == "success":
            if self._clears == clearing.OPERATION:
                return event.operation_of(message, words) is not None
            return self._clears == clearing.ALL
        return event.action in ("record", "clear")


def _name(event: Event, message: Mapping[str, Any]) -> str:
    """A notification for the log. Whoever notifies chooses its texts."""
    ids = event.subjects[0].ids(message)
    instances = ", ".join(map(str, ids))
    event_type = str(message["event_type"])
    return printable(
        f"{event_type[:_LONGEST_NAME]} of {instances[:_LONGEST_NAME]}"
    )


def _serialize(ctxt: Any, message: Mapping[str, Any]) -> str:
    """A notification as a broker would get it.

    Made now, because the caller goes on to change the message; and not made a fault yet, because
    masking can take a hundred times as long.
    """
    whole = _with_context(ctxt, message)
    text: str = jsonutils.dumps(whole, _to_primitive)
    return text


def _with_context(ctxt: Any, message: Mapping[str, Any]) -> dict[str, Any]:
    """A notification as profiles read it."""
    context = ctxt
    if hasattr(ctxt, "to_dict"):
        context = ctxt.to_dict()
    return {**message, "context": context}


def _ask_for_context(profiles: Sequence[Profile]) -> bool:
    """Whether an event is recognized by its context, which is costly to get each time."""
    for profile in profiles:
        for event in profile.sources.events:
            for name, _, _ in event.when:
                if name.partition(".")[0] == "context":
                    return True
    return False


def _to_primitive(value: Any) -> Any:
    return jsonutils.to_primitive(value, fallback=str)


def _rows(recorder: Recorder, text: str) -> Sequence[Fault]:
    return recorder.extract(json.loads(text))
