# SPDX-License-Identifier: Apache-2.0
"""The listener: oslo.messaging's own, for batches, with five differences.

It takes no more from the broker than it soon stores. A message that cannot be read does not affect
the others of its batch. A batch ends when nothing more comes. RabbitMQ's messages are read
together, and acknowledged together. And it reports when the broker is silent: oslo.messaging
connects again by itself, for as long as that takes, and tells nobody.
"""

import functools
import logging
import types
from collections.abc import Callable, Mapping, Sequence
from importlib import metadata
from typing import Any

import oslo_messaging
from oslo_config import cfg
from oslo_messaging._drivers import base
from oslo_messaging.notify import dispatcher
from oslo_messaging.notify import listener as messaging_listener

from fault_middleware import queues
from fault_middleware.broker import Gathering, RabbitLink
from fault_middleware.metrics import Metrics, Reason, Site
from fault_middleware.options import GROUP, ConfigurationError, Settings
from fault_middleware.profile import Profile

LOG = logging.getLogger(__name__)

#: Batches that the broker may send ahead of their acknowledgement. oslo.messaging's default is no
#: limit, which is a queue in memory.
BATCHES_AHEAD = 4
#: kombu's name for "the next node is any of them". In their order, which is the default, it is the
#: node that hangs, again and again: for one attempt oslo.messaging moves on once and kombu 5.7
#: twice, which is once around a cluster of three.
_ANY_NODE = "shuffle"
_MESSAGING_GROUP = "oslo_messaging_notifications"
# The entry point of the notification driver.
_OUR_DRIVER = "fault_middleware"
_WRONG_URL = (
    "transport_url cannot be read; in a password write @ as %40, / as %2F, ? as %3F, # as %23, "
    "[ as %5B and ] as %5D"
)
_KAFKA = (
    "transport_url: the consumer does not listen to Kafka. oslo.messaging's driver takes a "
    "notification for done before it is stored, so some would be lost. Let the services store "
    "their faults themselves, with [oslo_messaging_notifications] driver = fault_middleware"
)

#: Notifications as profiles read them.
Notifications = Sequence[Mapping[str, Any]]
#: Is given notifications; returns whether they are done with.
Handler = Callable[[Notifications], bool]


def start(
    conf: cfg.ConfigOpts,
    settings: Settings,
    profiles: Sequence[Profile],
    metrics: Metrics,
    handle: Handler,
) -> "Listener":
    """Start a listener. Blocks while the broker is down.

    :param handle: is called in the one thread that stores
    :returns: the listener; ``stop()`` and then ``wait()`` end it
    :raises ConfigurationError: when the address of the broker cannot be one
    :raises Exception: when the broker refuses us
    """
    url = listening_url(conf, settings)
    transport = oslo_messaging.get_notification_transport(conf, url=url)
    targets = []
    topics = queues.topics(settings, profiles)
    for exchange in queues.exchanges(
        settings, profiles, conf.control_exchange
    ):
        for topic in topics:
            targets.append(
                oslo_messaging.Target(topic=topic, exchange=exchange)
            )
    listener = Listener(
        transport,
        targets,
        queues.priorities(profiles),
        settings,
        metrics,
        handle,
        is_rabbit=_is_rabbit(url),
    )
    try:
        # One thread, so that notifications are stored in their order. The default of 64 would also
        # be as many connections to the database.
        listener.start(override_pool_size=1)
    except Exception:
        transport.cleanup()
        raise
    services = ", ".join(profile.service for profile in profiles)
    LOG.info(
        "Listening for %s notifications of %s", " and ".join(topics), services
    )
    _warn_of_unheard(conf, settings, profiles)
    return listener


def _warn_of_unheard(
    conf: cfg.ConfigOpts, settings: Settings, profiles: Sequence[Profile]
) -> None:
    """Say which services publish to a topic that is not read."""
    if _OUR_DRIVER in conf[_MESSAGING_GROUP].driver:
        # Their processes record faults themselves, and publish nothing.
        return
    for profile in queues.unheard(settings, profiles):
        LOG.warning(
            "%s publishes to %s alone, and that is not read, because something else may read it: "
            "add it to topics in [fault_middleware] if nothing else does, and else let a consumer "
            "of its own read it with a pool",
            profile.service,
            " and ".join(profile.topics),
        )


def listening_url(
    conf: cfg.ConfigOpts, settings: Settings
) -> oslo_messaging.TransportURL:
    """The same as :func:`transport_url`; refuses a broker from which notifications get lost.

    :raises ConfigurationError: naming the option, but no password
    """
    url = transport_url(conf, settings)
    if url.transport == "kafka":
        raise ConfigurationError(_KAFKA)
    return url


def transport_url(
    conf: cfg.ConfigOpts, settings: Settings
) -> oslo_messaging.TransportURL:
    """Where to listen; for RabbitMQ with a bound on what it sends ahead, and any node's turn next.

    The options of both are also the service's, for its own connections: hence in the URL.

    :raises ConfigurationError: naming the option, but no password
    """
    # It loads every driver, which a server that starts need not wait for.
    from oslo_messaging import opts as messaging_opts

    messaging_options = dict(messaging_opts.list_opts())
    conf.register_opts(
        messaging_options[_MESSAGING_GROUP], group=_MESSAGING_GROUP
    )
    group = "DEFAULT"
    text = None  # oslo.messaging's own default
    if settings.transport_url:
        group = GROUP
        text = settings.transport_url
    elif conf[_MESSAGING_GROUP].transport_url:
        group = _MESSAGING_GROUP
        text = conf[_MESSAGING_GROUP].transport_url
    try:
        url = oslo_messaging.TransportURL.parse(conf, text)
    except (ValueError, oslo_messaging.InvalidTransportURL):
        # What the parser says may hold a part of the password.
        raise ConfigurationError(f"[{group}] {_WRONG_URL}") from None
    known = metadata.entry_points(group="oslo.messaging.drivers").names
    # What follows a "+" is up to the driver, such as kombu+memory.
    if url.transport.partition("+")[0] not in known:
        raise ConfigurationError(
            f"[{group}] transport_url: oslo.messaging has no transport {url.transport!r}; "
            f"it has {', '.join(sorted(known))}"
        )
    if _is_rabbit(url):
        ahead = str(settings.batch_size * BATCHES_AHEAD)
        url.query.setdefault("rabbit_qos_prefetch_count", ahead)
        url.query.setdefault("kombu_failover_strategy", _ANY_NODE)
    return url


def _is_rabbit(url: oslo_messaging.TransportURL) -> bool:
    return url.transport in ("rabbit", "kombu")


class Listener(messaging_listener.BatchNotificationServer):  # type: ignore[misc]  # has no types
    """Reads notifications in batches, and settles them with the broker when they are stored."""

    def __init__(
        self,
        transport: oslo_messaging.transport.NotificationTransport,
        targets: Sequence[oslo_messaging.Target],
        priorities: Sequence[str],
        settings: Settings,
        metrics: Metrics,
        handle: Handler,
        *,
        is_rabbit: bool,
    ) -> None:
        # oslo.messaging calls the method of an endpoint that is named like a priority.
        endpoint = types.SimpleNamespace()
        for priority in priorities:
            method = functools.partial(_on_messages, handle, priority)
            setattr(endpoint, priority, method)
        super().__init__(
            transport,
            targets,
            dispatcher.BatchNotificationDispatcher([endpoint], None),
            allow_requeue=True,
            pool=settings.pool,
            batch_size=settings.batch_size,
            batch_timeout=settings.batch_timeout,
        )
        self._metrics = metrics
        self._is_rabbit = is_rabbit
        self._gathering: Gathering | None = None

    @property
    def silence(self) -> str | None:
        """What to report when nothing comes from the broker; None while all is well.

        A RabbitMQ that hangs is noticed because its heartbeats do not come. Of other brokers it
        is only known that reading does not end.
        """
        if self._gathering is None:
            return None
        return self._gathering.silence()

    def _create_listener(self) -> base.PollStyleListenerAdapter:
        """What reads from the broker."""
        reader = super()._create_listener()._poll_style_listener
        link = None
        if self._is_rabbit:
            try:
                link = RabbitLink(reader.conn, self._batch_size)
                RabbitLink.let_come_again(reader)
            except Exception:
                reader.cleanup()  # else it would keep messages that nobody stores
                raise
        self._gathering = Gathering(reader, link)
        return base.PollStyleListenerAdapter(
            self._gathering, self._batch_size, self._batch_timeout
        )

    def _process_incoming(self, incoming: list[Any]) -> None:
        """Store a batch, and settle its messages. What cannot be read counts as done.

        To oslo.messaging, a message without a text as its priority is an error of the whole batch,
        which it would give back to the queue, for ever.
        """
        assert self._gathering is not None  # noqa: S101 it has read them
        # The same batch, or what has taken its place since.
        incoming = self._gathering.ahead.take()
        if not incoming:
            return
        readable = [
            message for message in incoming if self._is_readable(message)
        ]
        given_back = set(readable)
        with self._metrics.guard(
            Site.CONSUMER, "a batch goes back to its queue"
        ):
            given_back = self.dispatcher.dispatch(readable)
        if self._is_rabbit and not given_back:
            with self._metrics.guard(
                Site.CONSUMER, "messages are acknowledged one by one"
            ):
                RabbitLink.let_answer_for_all(incoming[-1])
                incoming = incoming[-1:]
        for message in incoming:
            with self._metrics.guard(
                Site.CONSUMER, "a message was not settled, and comes again"
            ):
                if message in given_back:
                    message.requeue()
                else:
                    message.acknowledge()

    def _is_readable(self, incoming: Any) -> bool:
        message = incoming.message
        if isinstance(message, dict) and isinstance(
            message.get("priority"), str
        ):
            return True
        self._metrics.drop(
            Reason.UNREADABLE, "a message that is not a notification"
        )
        return False


def _on_messages(
    handle: Handler, priority: str, messages: Notifications
) -> str:
    """The method of the endpoint for a priority."""
    notifications = []
    for message in messages:
        notification = {"priority": priority, "context": message["ctxt"]}
        notification.update(message)
        notification.update(message["metadata"])
        notifications.append(notification)
    if handle(notifications):
        return str(oslo_messaging.NotificationResult.HANDLED)
    return str(oslo_messaging.NotificationResult.REQUEUE)
