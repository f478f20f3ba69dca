# SPDX-License-Identifier: Apache-2.0
"""Builds everything from one configuration.

The paste filter, the commands and the stand-alone consumer all come here for their parts, so they
cannot drift apart.  A part gets what it needs, and not the deployment: so a part can be built and
read by itself, and imports nothing of this module.  (What oslo.messaging, logging or a
service's own code makes or calls has to look for its deployment: driver, handler, direct call.)

What the filters of one process share is made once for the same inputs:

==========  ============================================================================
metrics     the files of the configuration
profile     its name
store       the files, the options of the database, ``lookup_timeout``, and
            ``fall_back_to_connection``
policy      the files, ``policy_file`` and ``credentials``
consumer    the files, the broker, the exchanges, and the queues: two consumers of one queue
            take each other's notifications
deployment  the files, all settings, the consumed profiles, and the options of the database
==========  ============================================================================
"""

import dataclasses
import functools
import logging
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar
from wsgiref.types import WSGIApplication

from oslo_config import cfg

from fault_middleware import (
    configuration,
    masking_file,
    options,
    profile,
    queues,
    replica,
)
from fault_middleware.archive import Archive
from fault_middleware.filter import FaultFilter
from fault_middleware.historian import Historian
from fault_middleware.metrics import Metrics
from fault_middleware.options import ConfigurationError, Settings
from fault_middleware.policy import Policy
from fault_middleware.process import PerProcess
from fault_middleware.profile import Profile, RouteTable
from fault_middleware.queues import Queue
from fault_middleware.recorder import Recorder
from fault_middleware.retention import Retention
from fault_middleware.store import Store
from fault_middleware.writer import Writer

if TYPE_CHECKING:
    from fault_middleware.consumer import Consumer

LOG = logging.getLogger(__name__)

_Part = TypeVar("_Part")

# The state of this module: what the filters, a health check and a direct call of one process
# share, by what it is made of. (The masking rules that were chosen are the state of masking.)
_shared: dict[tuple[Hashable, ...], Any] = {}


def _share(make: Callable[[], _Part], kind: str, *inputs: Hashable) -> _Part:
    """The part of a kind that is made of these inputs."""
    key = (kind, *inputs)
    if key not in _shared:
        # In one step: another thread may be making it too.
        _shared.setdefault(key, make())
    part: _Part = _shared[key]
    return part


@dataclasses.dataclass(frozen=True, eq=False)
class Deployment:
    """The parts that one configuration describes. Opens nothing until used.

    :ivar settings: the options of ``[fault_middleware]``, with those of a paste section on top
    :ivar profiles: of the services that are served: whose shows get faults, and whose logs are
        recorded
    :ivar consumed_profiles: of the services whose notifications are recorded; more than
        ``profiles`` if the configuration lists others, see :func:`_consumed_names`
    """

    conf: cfg.ConfigOpts
    settings: Settings
    profiles: tuple[Profile, ...]
    consumed_profiles: tuple[Profile, ...]
    store: Store
    metrics: Metrics

    @functools.cached_property
    def recorder(self) -> Recorder:
        """What stores the contents of notifications."""
        clears = self.settings.clear_on_success
        return Recorder(
            self.consumed_profiles, self.store, self.metrics, clears
        )

    @functools.cached_property
    def writer(self) -> PerProcess[Writer]:
        """What stores in the background; each process has its own."""
        size = self.settings.batch_size
        return PerProcess(lambda: Writer(self.recorder, self.metrics, size))

    @functools.cached_property
    def retention(self) -> Retention:
        """What removes old rows."""
        days = self.settings.retention_days
        most = self.settings.max_faults_per_instance
        return Retention(Archive(self.store), self.metrics, days, most)

    @property
    def queues(self) -> frozenset[Queue]:
        """The queues that the consumer reads, see :func:`fault_middleware.queues.queues`.

        Empty if no profile has an event, but for those to ignore.
        """
        return frozenset(queues.queues(self.settings, self.consumed_profiles))

    @property
    def consumes(self) -> bool:
        """Whether a process that serves requests is configured to consume notifications too.

        It begins with its first request, in a worker of uWSGI earlier. What may still keep it from
        listening is only known then: :meth:`fault_middleware.consumer.Consumer.ensure`.
        """
        return self.settings.consumer == "cohosted" and bool(self.queues)

    @property
    def consumer(self) -> "Consumer":
        """What reads these queues in this process. Loads oslo.messaging."""
        key = (
            configuration.identity(self.conf),
            self.settings.transport_url,
            self.settings.exchanges,
            self.queues,
        )
        return _share(self._make_consumer, "consumer", *key)

    def _make_consumer(self) -> "Consumer":
        from fault_middleware import consumer, listener

        listen = functools.partial(
            listener.start,
            self.conf,
            self.settings,
            self.consumed_profiles,
            self.metrics,
        )
        return consumer.Consumer(
            listen, self.recorder, self.retention, self.metrics
        )

    @property
    def policy(self) -> Policy:
        """The rules on who may see what."""
        file = self.settings.policy_file
        credentials = self.settings.credentials
        make = functools.partial(
            Policy, self.conf, file, credentials, self.metrics
        )
        return _share(
            make,
            "policy",
            configuration.identity(self.conf),
            file,
            credentials,
        )

    def filter(self, application: WSGIApplication) -> FaultFilter:
        """The filter around an application."""
        routes = RouteTable(self.profiles)
        if self.settings.history:
            application = Historian(
                application, routes, self.store, self.policy, self.metrics
            )
        return FaultFilter(
            application,
            routes,
            self.store,
            self.policy,
            self.metrics,
            self.consumer.ensure if self.consumes else None,
        )


def deploy(
    conf: cfg.ConfigOpts,
    local: Mapping[str, str] | None = None,
    source: str = "the arguments",
) -> Deployment:
    """The deployment of a configuration; for the same options the same one in a process.

    :param conf: parsed; our options are registered on it
    :param local: options of ``[fault_middleware]`` that win, as text
    :param source: where ``local`` comes from, for messages
    :raises ConfigurationError: naming file, key and value
    """
    options.register_opts(conf)
    settings = options.read_settings(conf, local or {}, source)
    if settings.masking_rules:
        masking_file.use(settings.masking_rules)
    consumed_names = _consumed_names(conf, settings)
    database = options.read_database_options(conf)
    database_key = sorted(database.items())
    identity = configuration.identity(conf)

    def make() -> Deployment:
        metrics = _share(Metrics, "metrics", identity)
        # A filter's look-ups keep to its own options, so there is a store for each.
        own = settings.lookup_timeout, settings.fall_back_to_connection
        make_store = functools.partial(replica.make, database, *own, metrics)
        store = _share(make_store, "store", identity, *own, *database_key)
        consumed_profiles = _load_profiles(consumed_names)
        profiles = _load_profiles(settings.profiles)
        made = Deployment(
            conf, settings, profiles, consumed_profiles, store, metrics
        )
        _compare_with_others(made, source)
        return made

    return _share(
        make, "deployment", identity, settings, consumed_names, *database_key
    )


def deployed(conf: cfg.ConfigOpts) -> list[Deployment]:
    """What this process has deployed of a configuration, or deploys now; never empty.

    :raises ConfigurationError: naming file, key and value
    """
    return _known(conf) or [deploy(conf)]


def _known(conf: cfg.ConfigOpts) -> list[Deployment]:
    """What this process has deployed of a configuration, with whatever options on top."""
    wanted = ("deployment", configuration.identity(conf))
    # Copied in one step: other threads may deploy meanwhile.
    parts = _shared.copy().items()
    return [part for key, part in parts if key[:2] == wanted]


def _consumed_names(
    conf: cfg.ConfigOpts, settings: Settings
) -> tuple[str, ...]:
    """The names of the profiles whose notifications are recorded.

    A filter may serve one service and share the consumer with the filters of others. So these are
    the profiles that the configuration lists, and those of the filter's own paste section.
    """
    listed: list[str] = []
    place = conf.get_location("profiles", options.GROUP)
    # The option's default is not a deployer's list, and does not count.
    if place is not None and place.location.is_user_controlled:
        listed = options.read_option(conf, options.GROUP, "profiles")
    return tuple(dict.fromkeys([*listed, *settings.profiles]))


def _compare_with_others(made: Deployment, source: str) -> None:
    """Check whether a deployment is compatible with those that have been made before.

    :raises ConfigurationError: when they would take each other's notifications
    """
    for other in _known(made.conf):
        if not _compete(made, other):
            continue
        services = _services(made.consumed_profiles)
        others = _services(other.consumed_profiles)
        if set(services) != set(others):
            raise ConfigurationError(
                f"{source}: profiles: the filters for {','.join(others)} and "
                f"{','.join(services)} would take each other's notifications; "
                "list all in the configuration"
            )
        if not _are_the_same(made.consumed_profiles, other.consumed_profiles):
            # The API starts all the same, as it did before this was looked at.
            text = "%s: profiles: another filter reads the same queues by other profiles of %s"
            LOG.error(text, source, ",".join(services))
        if made.queues == other.queues:
            _warn_of_tuning(other.settings, made.settings, source)


def _compete(made: Deployment, other: Deployment) -> bool:
    """Whether the consumers of two deployments would read a queue of the same broker."""
    if not made.consumes or not other.consumes:
        return False
    if made.settings.transport_url != other.settings.transport_url:
        return False
    return not _names(made.queues).isdisjoint(_names(other.queues))


def _names(found: Iterable[Queue]) -> set[str]:
    """What the broker calls some queues; of a pool, those of all topics are one."""
    return {queue.name for queue in found}


def _warn_of_tuning(first: Settings, second: Settings, source: str) -> None:
    """Say which options have no effect on a consumer that another filter has made."""
    wanted = _tuning(second)
    for name, value in _tuning(first).items():
        if value != wanted[name]:
            LOG.warning(
                "%s: %s has no effect: filters share a consumer, made with %s = %s",
                source,
                name,
                name,
                value,
            )


def _tuning(settings: Settings) -> dict[str, float | str]:
    """The options of a consumer that do not decide what it reads."""
    return {
        "batch_size": settings.batch_size,
        "batch_timeout": settings.batch_timeout,
        "clear_on_success": settings.clear_on_success,
        "retention_days": settings.retention_days,
        "max_faults_per_instance": settings.max_faults_per_instance,
    }


def _are_the_same(some: Sequence[Profile], others: Sequence[Profile]) -> bool:
    # A profile is made once for its name.
    return set(map(id, some)) == set(map(id, others))


def _services(profiles: Sequence[Profile]) -> list[str]:
    return [profile.service for profile in profiles]


def _load_profiles(names: Sequence[str]) -> tuple[Profile, ...]:
    """The profiles of these names.

    :raises ConfigurationError: when one is wrong, or two describe one service
    """
    profiles: list[Profile] = []
    for name in names:
        load = functools.partial(profile.load, name)
        loaded = _share(load, "profile", name)
        if loaded.service in _services(profiles):
            raise ConfigurationError(
                f"[{options.GROUP}] profiles = {','.join(names)}: two profiles describe the "
                f"service {loaded.service!r}"
            )
        profiles.append(loaded)
    return tuple(profiles)
