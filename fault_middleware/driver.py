# SPDX-License-Identifier: Apache-2.0
"""The notification driver: records faults in the process that notifies of them, without a broker.

A notification is copied as it is sent, and stored by the writer of the process.
"""

import functools
import json
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from oslo_config import cfg
from oslo_messaging.notify import notifier
from oslo_serialization import jsonutils
from oslo_utils import eventletutils

from fault_middleware.deploy import deploy
from fault_middleware.event import Event
from fault_middleware.fault import Fault
from fault_middleware.health import Part
from fault_middleware.metrics import Metrics, Site
from fault_middleware.writer import Work

_primitive = functools.partial(jsonutils.to_primitive, fallback=str)


class Driver(notifier.Driver):  # type: ignore[misc]  # oslo.messaging has no types
    """What oslo.messaging calls. Never raises; opens and starts nothing until it is used."""

    def __init__(self, conf: Any = cfg.CONF, topics: Any = (), transport: Any = None) -> None:
        super().__init__(conf, topics, transport)
        self._events = list[tuple[Event, ...]]()
        self._metrics = Metrics()
        try:
            self._deployment = deploy(conf)
            self._metrics = self._deployment.metrics
            if "uwsgi" in sys.modules and eventletutils.is_monkey_patched("thread"):
                raise RuntimeError("under uWSGI no thread runs where eventlet has replaced them")
            self._stored = {"record", "clear"}
            if self._deployment.settings.clear_on_success:
                self._stored.add("success")
            self._events = [profile.events for profile in self._deployment.profiles]
            self._metrics.health.works(Part.DRIVER)
        except Exception as exc:
            self._metrics.errors.inc(Site.DRIVER)
            self._metrics.health.fails(Part.DRIVER, "it records nothing", exc)

    def notify(self, ctxt: Any, message: Mapping[str, Any], priority: str, retry: Any) -> None:
        """Take a notification if a profile wants it; ``retry`` is for drivers that send."""
        name = "a notification"
        try:
            event = self._find(message)
            if event is not None:
                instance_ids = ", ".join(map(str, event.records[0].ids(message)))
                name = f"{message['event_type']} of {instance_ids:.80}"
                context = ctxt.to_dict() if hasattr(ctxt, "to_dict") else ctxt
                # Serialized now, because the caller goes on to change the message; and not made a
                # fault yet, because masking can take a hundred times as long.
                text = jsonutils.dumps({**message, "context": context}, _primitive)
                rows = functools.partial(self._rows, text)
                self._deployment.writer.get().put(Work(name, len(text), rows))
        except Exception as exc:
            self._metrics.error(Site.DRIVER, f"{name} is lost", exc)

    def _rows(self, text: str) -> Sequence[Fault]:
        return self._deployment.recorder.extract(json.loads(text))

    def _find(self, message: Mapping[str, Any]) -> Event | None:
        """The event of a profile that makes the notification worth storing."""
        for events in self._events:
            for event in events:
                if event.matches(message):
                    if event.action in self._stored:
                        return event
                    break
        return None
