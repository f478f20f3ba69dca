# SPDX-License-Identifier: Apache-2.0
"""Compares what this configuration publishes with what the consumer reads."""

import dataclasses
from collections.abc import Iterator

import oslo_messaging
from oslo_config import cfg

from fault_middleware import listener, queues
from fault_middleware.cmd.doctor.case import Case, Setup
from fault_middleware.cmd.doctor.finding import Finding
from fault_middleware.cmd.doctor.findings import publishing as findings
from fault_middleware.options import ConfigurationError

_GROUP = "oslo_messaging_notifications"
_MESSAGING = ("messaging", "messagingv2", "routing")
_DRIVER = "fault_middleware"
# Topics that other services read as well.
_SHARED = ("notifications", "versioned_notifications")
# Services that publish versioned objects: to topics that an option of their own names, or to one
# that is in their code, and that no option changes.
_VERSIONED_OPTION = "versioned_notifications_topics"
_VERSIONED = ("ironic",)
# With these formats Nova publishes nothing else, and names this topic where nobody names another.
_FORMAT = "notification_format"
_ONLY_VERSIONED = "versioned"
_VERSIONED_DEFAULT = "versioned_notifications"
# The option without which a service publishes nothing.
_LEVELS = {"ironic": "notification_level"}


@dataclasses.dataclass(frozen=True, slots=True)
class Place:
    """A virtual host of a broker.

    :ivar hosts: ``name:port``
    """

    transport: str
    hosts: tuple[str, ...]
    virtual_host: str

    def __str__(self) -> str:
        return f"{', '.join(self.hosts)} (virtual host {self.virtual_host})"


@dataclasses.dataclass(frozen=True, slots=True)
class Facts:
    """What the configuration says of the way of notifications.

    :ivar drivers: of publishers
    :ivar topics: that they publish to
    :ivar exchanges: that they publish to
    :ivar heard: the exchanges that the consumer listens to
    :ivar publishers: where they publish
    :ivar has_publishers_url: whether this configuration says where
    :ivar consumer: where the consumer reads
    :ivar rpc: where the service's RPC is
    """

    drivers: tuple[str, ...]
    topics: tuple[str, ...]
    exchanges: tuple[str, ...]
    retry: int
    heard: tuple[str, ...]
    publishers: oslo_messaging.TransportURL
    has_publishers_url: bool
    consumer: oslo_messaging.TransportURL
    rpc: oslo_messaging.TransportURL

    @property
    def is_messaging(self) -> bool:
        """Whether notifications go to a broker."""
        return not set(_MESSAGING).isdisjoint(self.drivers)

    @property
    def are_apart(self) -> bool:
        """Whether publishers name another place than the consumer. Unset, it is not known here."""
        is_known = self.is_messaging and self.has_publishers_url
        return is_known and place(self.publishers) != place(self.consumer)


def gather(case: Case, setup: Setup) -> Facts:
    """Read what the configuration says.

    :raises ConfigurationError: when a URL cannot be read
    """
    conf = case.conf
    consumer = listener.transport_url(conf, setup.settings)
    publishers = listener.transport_url(
        conf, dataclasses.replace(setup.settings, transport_url=None)
    )
    rpc = oslo_messaging.TransportURL.parse(conf)
    said = conf[_GROUP]
    published: list[str] = []
    for described in setup.profiles:
        published += described.exchanges
    exchanges = published
    if not published or _is_set(conf, "control_exchange"):
        exchanges = [conf.control_exchange]
    heard = queues.exchanges(
        setup.settings, setup.profiles, conf.control_exchange
    )
    return Facts(
        drivers=tuple(said.driver),
        topics=tuple(dict.fromkeys([*said.topics, *_versioned(case, setup)])),
        exchanges=tuple(dict.fromkeys(exchanges)),
        retry=said.retry,
        heard=tuple(heard),
        publishers=publishers,
        has_publishers_url=bool(said.transport_url)
        or _is_set(conf, "transport_url"),
        consumer=consumer,
        rpc=rpc,
    )


def _is_set(conf: cfg.ConfigOpts, name: str) -> bool:
    """Whether a file sets an option of [DEFAULT]."""
    found = conf.get_location(name)
    return found is not None and bool(found.location.is_user_controlled)


def has_driver(case: Case) -> bool:
    """Whether processes with this configuration record faults as they notify."""
    for option in case.find_options("driver"):
        if option.section == _GROUP and option.value == _DRIVER:
            return True
    return False


def needs_broker(setup: Setup, facts: Facts) -> bool:
    """Whether notifications go over a broker at all."""
    is_recorded_there = _DRIVER in facts.drivers and not facts.is_messaging
    return not (is_recorded_there and setup.settings.consumer == "external")


def place(url: oslo_messaging.TransportURL) -> Place:
    """Where a URL leads."""
    hosts = [f"{host.hostname}:{host.port or 5672}" for host in url.hosts]
    if not hosts:
        hosts = ["localhost:5672, since no transport_url is set"]
    return Place(url.transport, tuple(hosts), url.virtual_host or "/")


def look(case: Case) -> Iterator[Finding]:
    """Yield what does not fit."""
    if not isinstance(case.setup, Setup):
        return
    setup = case.setup
    if not setup.priorities:
        if (
            setup.settings.retention_days
            or setup.settings.max_faults_per_instance
        ):
            yield findings.no_purge()
        yield findings.no_notifications()
        return
    try:
        facts = gather(case, setup)
    except ConfigurationError as exc:
        yield findings.transport_wrong(str(exc))
        return
    if not needs_broker(setup, facts):
        yield findings.broker_not_needed()
        return
    found = [*_publishers(case, setup, facts), *_consumer(setup, facts)]
    yield from found or [findings.publishing_well(", ".join(setup.topics))]


def _publishers(case: Case, setup: Setup, facts: Facts) -> Iterator[Finding]:
    for service in setup.services:
        level = _LEVELS.get(service)
        if level is not None and not case.find_options(level):
            yield findings.publisher_level(level, service)
    if _DRIVER not in facts.drivers:
        if not facts.is_messaging:
            yield findings.publisher_silent(", ".join(facts.drivers))
        yield from _topics(case, setup, facts)
        yield from _unread(case, setup)
    if facts.is_messaging and facts.retry != -1:
        yield findings.publisher_retry(str(facts.retry))
    unheard = [name for name in facts.exchanges if name not in facts.heard]
    if unheard:
        yield findings.publisher_exchange(
            ", ".join(unheard), ", ".join(facts.heard)
        )


def _topics(case: Case, setup: Setup, facts: Facts) -> Iterator[Finding]:
    """The topics that the consumer reads and publishers do not name."""
    if all(described.topics for described in setup.profiles):
        # What is in a service's code cannot be named elsewhere.
        return
    missing = [topic for topic in setup.topics if topic not in facts.topics]
    if not missing:
        return
    option = f"topics in [{_GROUP}]"
    is_versioned = not set(_VERSIONED).isdisjoint(setup.services)
    if is_versioned or case.find_options(_VERSIONED_OPTION):
        option = _VERSIONED_OPTION
    wanted = list(missing)
    if _are_named(case):
        wanted = [*facts.topics, *missing]
    yield findings.publisher_topic(
        ", ".join(missing), option, ",".join(wanted)
    )


def _consumer(setup: Setup, facts: Facts) -> Iterator[Finding]:
    publishers = place(facts.publishers)
    consumer = place(facts.consumer)
    if facts.are_apart:
        if publishers.virtual_host != consumer.virtual_host:
            yield findings.publisher_elsewhere(str(publishers), str(consumer))
        elif not set(publishers.hosts) & set(consumer.hosts):
            yield findings.publisher_other_hosts(
                str(publishers), str(consumer)
            )
    shared = []
    for name in setup.topics:
        if name in _SHARED and name not in _fixed_topics(setup):
            shared.append(name)
    if shared and setup.settings.pool is None:
        yield findings.topic_shared(", ".join(shared))


def _are_named(case: Case) -> bool:
    """Whether the deployer named topics, so that somebody is likely to read them."""
    if case.find_options(_VERSIONED_OPTION):
        return True
    sections = {option.section for option in case.find_options("topics")}
    return _GROUP in sections


def _versioned(case: Case, setup: Setup) -> list[str]:
    """The topics of notifications that are versioned objects."""
    topics = _fixed_topics(setup)
    for option in case.find_options(_VERSIONED_OPTION):
        for topic in option.value.split(","):
            if topic.strip():
                topics.append(topic.strip())
    return topics


def _fixed_topics(setup: Setup) -> list[str]:
    """The topics that services have whatever the configuration says."""
    topics: list[str] = []
    for described in setup.profiles:
        topics += described.topics
    return topics


def _unread(case: Case, setup: Setup) -> Iterator[Finding]:
    """Topics to which a service publishes alone, and that the consumer does not read."""
    for described in queues.unheard(setup.settings, setup.profiles):
        read = dict.fromkeys([*setup.topics, *described.topics])
        yield findings.topic_of_the_service(
            described.service, ", ".join(described.topics), ",".join(read)
        )
    formats = [option.value for option in case.find_options(_FORMAT)]
    if "nova" not in setup.services or formats[-1:] != [_ONLY_VERSIONED]:
        return
    named = _versioned(case, setup) or [_VERSIONED_DEFAULT]
    if set(named).isdisjoint(setup.topics):
        yield findings.topic_of_the_format(
            ", ".join(named), ", ".join(setup.topics)
        )
