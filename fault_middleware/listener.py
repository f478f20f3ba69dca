# SPDX-License-Identifier: Apache-2.0
"""A listener of oslo.messaging for what the profiles name, mended in five places.

It takes from the broker no more than it soon stores; what cannot be read costs the others of its
batch nothing; nobody waits for a batch to fill; it is read together, and acknowledged together.
"""

import contextlib
import functools
import itertools
import logging
import types
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import oslo_messaging
from oslo_config import cfg
from oslo_messaging import opts as messaging_opts

from fault_middleware.metrics import Metrics, Reason
from fault_middleware.options import GROUP, ConfigurationError, Settings
from fault_middleware.profile import Profile

LOG = logging.getLogger(__name__)

# Messages that the broker may send ahead of their acknowledgement, in batches. oslo.messaging's
# default is no limit, which is a queue in memory.
_BATCHES_AHEAD = 4
# How long to wait for a first message; while none comes, nothing else is done.
_IDLE = 0.5
# The part of batch_timeout in which to read on; with none, py-amqp would wait in a busy loop.
_NEXT = 0.001
_WRONG_URL = (
    "transport_url cannot be read; in a password write @ as %40, / as %2F, ? as %3F, # as %23, "
    "[ as %5B and ] as %5D"
)

#: Is given notifications as profiles read them; returns whether they are done with.
Handler = Callable[[Sequence[Mapping[str, Any]]], bool]


def start(
    conf: cfg.ConfigOpts,
    settings: Settings,
    profiles: Sequence[Profile],
    metrics: Metrics,
    handle: Handler,
) -> Any:
    """Start a listener; ``stop()`` and ``wait()`` end it. Blocks while the broker is down."""
    transport = oslo_messaging.get_notification_transport(conf, url=transport_url(conf, settings))
    published = (name for profile in profiles for name in profile.exchanges)
    exchanges = dict.fromkeys(settings.exchanges or (conf.control_exchange, *published))
    pairs = itertools.product(settings.topics, exchanges)
    targets = [oslo_messaging.Target(topic=topic, exchange=name) for topic, name in pairs]
    priorities = frozenset[str]().union(*(profile.priorities for profile in profiles))
    methods = {name: functools.partial(_on_messages, handle, name) for name in priorities}
    endpoints = [types.SimpleNamespace(**methods)]
    batch = {"batch_size": settings.batch_size, "batch_timeout": settings.batch_timeout}
    server = oslo_messaging.get_batch_notification_listener(
        transport, targets, endpoints, allow_requeue=True, pool=settings.pool, **batch
    )
    dispatcher = server.dispatcher
    dispatcher.dispatch = functools.partial(_dispatch, dispatcher.dispatch, metrics)
    server._create_listener = functools.partial(_gathering, server._create_listener)
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


def transport_url(conf: cfg.ConfigOpts, settings: Settings) -> oslo_messaging.TransportURL:
    """Where to listen; for RabbitMQ with a bound on what it sends ahead.

    Its option is also the service's, for its own connections: hence in the URL.

    :raises ConfigurationError: naming the option, but no password
    """
    group = "oslo_messaging_notifications"
    conf.register_opts(dict(messaging_opts.list_opts())[group], group=group)
    given = {GROUP: settings.transport_url, group: conf[group].transport_url, "DEFAULT": None}
    place = next((name for name, text in given.items() if text), "DEFAULT")
    try:
        url = oslo_messaging.TransportURL.parse(conf, given[place])
    except (ValueError, oslo_messaging.InvalidTransportURL):
        # What the parser says may hold a part of the password.
        raise ConfigurationError(f"[{place}] {_WRONG_URL}") from None
    if url.transport.startswith(("rabbit", "kombu")):
        ahead = str(settings.batch_size * _BATCHES_AHEAD)
        url.query.setdefault("rabbit_qos_prefetch_count", ahead)
    return url


def _on_messages(handle: Handler, priority: str, messages: Sequence[Mapping[str, Any]]) -> str:
    """The method of the endpoint for a priority."""
    read = [{"priority": priority, "context": m["ctxt"], **m, **m["metadata"]} for m in messages]
    result = oslo_messaging.NotificationResult
    return str(result.HANDLED if handle(read) else result.REQUEUE)


def _dispatch(dispatch: Any, metrics: Metrics, incoming: list[Any]) -> Any:
    """Spare oslo.messaging's dispatcher what would upset it; what is left out counts as done.

    A message without a text as its priority makes it raise, and all others of the batch are
    requeued with it, for ever.
    """
    readable = []
    for item in incoming:
        message = item.message
        if isinstance(message, dict) and isinstance(message.get("priority"), str):
            readable.append(item)
        else:
            metrics.drop(Reason.UNREADABLE, "a message that is no notification")
    requeued = dispatch(readable)
    last = getattr(incoming[-1].message, "_raw_message", None)
    if last is not None and not requeued:
        # To RabbitMQ it answers for all before it, and with one thread those are settled.
        last.ack = functools.partial(last.ack, multiple=True)
        del incoming[:-1]
    return requeued


def _gathering(create: Callable[[], Any]) -> Any:
    """A listener whose polls end when no further message comes, not after ``batch_timeout``."""
    adapter = create()
    take = adapter._poll_style_listener.poll
    with contextlib.suppress(AttributeError):  # the other drivers have no such thing
        link = adapter._poll_style_listener.conn.connection
        drain = functools.partial(_drain, link, link.connection.drain_events, adapter.batch_size)
        link.connection.drain_events = drain

    def poll(batch_size: int, batch_timeout: float) -> list[Any]:
        batch: list[Any] = take(timeout=_IDLE)
        while 0 < len(batch) < batch_size and (more := take(timeout=batch_timeout - _NEXT)):
            batch += more
        return batch

    adapter._poll_style_listener.poll = poll
    return adapter


def _drain(link: Any, drain: Callable[..., None], most: int, timeout: Any = None) -> None:
    """Wait for a message and read what is behind it, which takes less than a wait for each."""
    # py-amqp opens a channel anew that the broker has closed, and there messages are numbered from
    # 1 again: what is in hand would be acknowledged as others. Now oslo.messaging connects anew.
    link.channel._do_revive = link.channel.collect
    drain(timeout=timeout)
    with contextlib.suppress(TimeoutError):
        for _ in range(most):
            drain(timeout=_NEXT)
