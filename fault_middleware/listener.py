# SPDX-License-Identifier: Apache-2.0
"""A listener of oslo.messaging for what the profiles name, mended in three places.

It takes from the broker no more than it soon stores; what cannot be read costs the others of its
batch nothing; and nobody waits for a batch to fill.
"""

import functools
import logging
import types
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import oslo_messaging
from oslo_config import cfg
from oslo_messaging import opts as messaging_opts

from fault_middleware.conf import Settings
from fault_middleware.metrics import Metrics
from fault_middleware.profile import Profile

LOG = logging.getLogger(__name__)

# Messages that the broker may send ahead of their acknowledgement, in batches. oslo.messaging's
# default is no limit, which is a queue in memory.
_BATCHES_AHEAD = 4
# How long to wait for a first message; while none comes, nothing else is done.
_IDLE = 0.5

#: Is given notifications as profiles read them; returns whether they are done with.
Handler = Callable[[Sequence[Mapping[str, Any]]], bool]


def start(
    conf: cfg.ConfigOpts,
    settings: Settings,
    profiles: Sequence[Profile],
    handle: Handler,
    metrics: Metrics,
) -> Any:
    """Start a listener; ``stop()`` and ``wait()`` end it. Blocks while the broker is down."""
    transport = oslo_messaging.get_notification_transport(conf, url=_url(conf, settings))
    exchanges = settings.exchanges or (
        conf.control_exchange,
        *(name for profile in profiles for name in profile.exchanges),
    )
    targets = [
        oslo_messaging.Target(topic=topic, exchange=exchange)
        for topic in settings.topics
        for exchange in dict.fromkeys(exchanges)
    ]
    priorities = frozenset[str]().union(*(profile.priorities for profile in profiles))
    methods = {name: functools.partial(_on_messages, handle, name) for name in priorities}
    server = oslo_messaging.get_batch_notification_listener(
        transport,
        targets,
        [types.SimpleNamespace(**methods)],
        allow_requeue=True,
        pool=settings.pool,
        batch_size=settings.batch_size,
        batch_timeout=settings.batch_timeout,
    )
    server.dispatcher = _ReadableOnly(server.dispatcher, metrics)
    make = server._create_listener
    server._create_listener = lambda: _gathering(make())
    try:
        # One thread, so that notifications are stored in their order; the default of 64 would also
        # be as many database connections.
        server.start(override_pool_size=1)
    except Exception:
        transport.cleanup()
        raise
    services = ", ".join(profile.service for profile in profiles)
    LOG.info("Listening for %s notifications of %s", " and ".join(settings.topics), services)
    return server


def _url(conf: cfg.ConfigOpts, settings: Settings) -> oslo_messaging.TransportURL:
    """Where to listen; for RabbitMQ with a bound on what it sends ahead.

    The bound stands in the URL because the option of that name is also the service's, for its own
    connections.
    """
    group = "oslo_messaging_notifications"
    for name, options in messaging_opts.list_opts():
        if name == group:
            conf.register_opts(options, group=group)
    url = oslo_messaging.TransportURL.parse(
        conf, settings.transport_url or conf[group].transport_url
    )
    if url.transport.startswith(("rabbit", "kombu")):
        ahead = str(settings.batch_size * _BATCHES_AHEAD)
        url.query.setdefault("rabbit_qos_prefetch_count", ahead)
    return url


def _on_messages(handle: Handler, priority: str, messages: Sequence[Mapping[str, Any]]) -> str:
    """The method of the endpoint for a priority."""
    done = handle(
        [
            {
                "priority": priority,
                "event_type": message["event_type"],
                "publisher_id": message["publisher_id"],
                "payload": message["payload"],
                "context": message["ctxt"],
                **message["metadata"],
            }
            for message in messages
        ]
    )
    result = oslo_messaging.NotificationResult
    return str(result.HANDLED if done else result.REQUEUE)


class _ReadableOnly:
    """A dispatcher before oslo.messaging's, which it spares what would upset it.

    A message without a text as its priority makes the batch dispatcher raise, and all others of
    its batch are requeued with it, for ever.
    """

    def __init__(self, dispatcher: Any, metrics: Metrics) -> None:
        self._dispatcher = dispatcher
        self._metrics = metrics
        self.supported_priorities = dispatcher.supported_priorities

    def dispatch(self, incoming: Sequence[Any]) -> set[Any]:
        """Hand on what can be read; what is left out counts as done."""
        readable = []
        for item in incoming:
            message = item.message
            if isinstance(message, dict) and isinstance(message.get("priority"), str):
                readable.append(item)
            else:
                self._metrics.drop("unreadable", "a message that is no notification")
        requeue: set[Any] = self._dispatcher.dispatch(readable) if readable else set()
        return requeue


def _gathering(adapter: Any) -> Any:
    """Let a listener's polls end as soon as no further message comes.

    oslo.messaging's own wait for the whole of ``batch_timeout``, from their start.
    """
    listener = adapter._poll_style_listener
    take = listener.poll

    def poll(batch_size: int, batch_timeout: float) -> list[Any]:
        batch: list[Any] = take(timeout=_IDLE)
        while batch and len(batch) < batch_size and (more := take(timeout=batch_timeout)):
            batch += more
        return batch

    listener.poll = poll
    return adapter
