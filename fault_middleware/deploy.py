# SPDX-License-Identifier: Apache-2.0
"""Builds everything from one configuration.

The paste filter, the commands and the stand-alone consumer all come here for their parts, so they
cannot drift apart.  What the parts of one process share (the store with its connections, the
consumer with its listener) is made once for each configuration.
"""

import dataclasses
import functools
import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any
from wsgiref.types import WSGIApplication

import prometheus_client as prometheus
from oslo_config import cfg

from fault_middleware import options, profile
from fault_middleware.archive import Archive
from fault_middleware.filter import FaultFilter
from fault_middleware.metrics import Metrics
from fault_middleware.options import ConfigurationError, Settings
from fault_middleware.policy import Policy
from fault_middleware.process import PerProcess
from fault_middleware.profile import Profile, RouteTable
from fault_middleware.recorder import Recorder
from fault_middleware.retention import Retention
from fault_middleware.store import Store
from fault_middleware.writer import Writer

if TYPE_CHECKING:
    from fault_middleware.consumer import Consumer

_PASTE_ONLY = ("oslo_config_project", "oslo_config_file", "oslo_config_program")


@dataclasses.dataclass(frozen=True, eq=False)
class Deployment:
    """The parts that one configuration describes. Opens nothing until used."""

    conf: cfg.ConfigOpts
    settings: Settings
    profiles: tuple[Profile, ...]
    store: Store
    metrics: Metrics

    @functools.cached_property
    def recorder(self) -> Recorder:
        """What stores the contents of notifications."""
        return Recorder(self.profiles, self.store, self.metrics, self.settings.clear_on_success)

    @functools.cached_property
    def writer(self) -> PerProcess[Writer]:
        """What stores in the background; each process has its own."""
        size = self.settings.batch_size
        return PerProcess(lambda: Writer(self.recorder, self.metrics, size))

    @functools.cached_property
    def retention(self) -> Retention:
        """What removes old rows."""
        days, most = self.settings.retention_days, self.settings.max_faults_per_instance
        return Retention(Archive(self.store), self.metrics, days, most)

    @functools.cached_property
    def consumer(self) -> "Consumer":
        """The consumer of this process; loads oslo.messaging."""
        from fault_middleware import consumer, listener

        listen = functools.partial(
            listener.start, self.conf, self.settings, self.profiles, self.metrics
        )
        return consumer.Consumer(listen, self.recorder, self.retention, self.metrics)

    @property
    def queues(self) -> frozenset[tuple[str | None, str, str]]:
        """What the API's own workers read; nothing if they are not to, or there is nothing to."""
        settings = self.settings
        priorities = frozenset[str]().union(*(profile.priorities for profile in self.profiles))
        names = itertools.product([settings.pool], settings.topics, priorities)
        return frozenset(names if settings.consumer == "cohosted" else ())

    @property
    def cohosted(self) -> "Consumer | None":
        """The consumer, if the API's own workers are to consume, and there is what to consume."""
        return self.consumer if self.queues else None

    @functools.cached_property
    def policy(self) -> Policy:
        """The rules on who may see what."""
        settings = self.settings
        return Policy(self.conf, settings.policy_file, settings.credentials, self.metrics)

    def filter(self, application: WSGIApplication, names: Sequence[str] = ()) -> FaultFilter:
        """The filter around an application, for the profiles of these names, or for all."""
        named = zip(self.settings.profiles, self.profiles, strict=True)
        profiles = [one for name, one in named if not names or name in names]
        ensure_consumer = self.cohosted.ensure if self.cohosted else None
        return FaultFilter(
            application,
            RouteTable(profiles),
            self.store,
            self.policy,
            self.metrics,
            ensure_consumer,
        )


# The one state of a module: several pipelines, a health check and a direct call of one process
# share their connections and their listener.
_deployments: dict[tuple[Any, ...], Deployment] = {}


def deploy(
    conf: cfg.ConfigOpts, local: Mapping[str, str] | None = None, source: str = "the arguments"
) -> Deployment:
    """The deployment of a configuration; the same one each time in a process.

    :param conf: parsed; our options are registered on it
    :param local: options of ``[fault_middleware]`` that win, as text; ``profiles`` are added to
        those that the configuration lists
    :param source: where ``local`` stands, for messages
    :raises ConfigurationError: naming file, key and value
    """
    options.register_opts(conf)
    settings = options.read_settings(conf, local or {}, source)
    place = conf.get_location("profiles", options.GROUP)
    if place is not None and place.location.is_user_controlled:
        # Filters of one service each share the consumer, which reads the notifications of all.
        listed = options.read_option(conf, options.GROUP, "profiles")
        names = tuple(dict.fromkeys([*listed, *settings.profiles]))
        settings = dataclasses.replace(settings, profiles=names)
    database = options.read_database_options(conf)
    key = (_identity(conf), settings, *sorted(database.items()))
    if key not in _deployments:
        # In a list at once, and in one step: other threads may deploy.
        alike = [one for (files, *_), one in [*_deployments.items()] if files == key[0]]
        profiles = _load_profiles(settings.profiles)
        metrics = alike[0].metrics if alike else Metrics()
        store = Store(database, settings.lookup_timeout, metrics)
        made = Deployment(conf, settings, profiles, store, metrics)
        for one in alike:
            if one.queues & made.queues and one.settings.profiles != settings.profiles:
                text = "would take each other's notifications; list all in the configuration"
                both = f"{','.join(one.settings.profiles)} and {','.join(settings.profiles)}"
                raise ConfigurationError(f"{source}: profiles: the filters for {both} {text}")
        _deployments.setdefault(key, made)
    return _deployments[key]


def deployed(conf: cfg.ConfigOpts) -> list[Deployment]:
    """What this process has deployed of a configuration, with whatever local options."""
    mine = [one for (files, *_), one in _deployments.items() if files == _identity(conf)]
    return mine or [deploy(conf)]


def filter_factory(
    global_conf: Mapping[str, str] | None, **local_conf: str
) -> Callable[[WSGIApplication], FaultFilter]:
    """The factory for paste.deploy.

    ``oslo_config_project``, ``oslo_config_file`` and ``oslo_config_program`` name the
    configuration as in oslo.middleware; without them it is the one that the service itself has
    parsed, ``cfg.CONF``. Every option of ``[fault_middleware]`` may stand in the section too.

    :raises ConfigurationError: naming file, key and value
    """
    given = dict(global_conf or {})
    conf = configuration(*(local_conf.pop(name, given.get(name)) for name in _PASTE_ONLY))
    source = given.get("__file__", "the paste file")
    deployment = deploy(conf, local_conf, source)
    own = options.read_settings(conf, local_conf, source).profiles
    return functools.partial(deployment.filter, names=own if "profiles" in local_conf else ())


def metrics_factory(global_conf: Mapping[str, str] | None, **local_conf: str) -> WSGIApplication:
    """The paste factory of an application that shows Prometheus what was counted.

    It takes the options of :func:`filter_factory` that name the configuration.
    """
    conf = configuration(*map(local_conf.get, _PASTE_ONLY))

    def application(*wsgi: Any) -> Any:
        # Looked for when it is asked: the filter may be built after it.
        return prometheus.make_wsgi_app(deployed(conf)[0].metrics.exposed)(*wsgi)

    return application


def FaultMiddleware(  # used like the class whose instance it makes
    application: WSGIApplication, conf: cfg.ConfigOpts | Mapping[str, str] | None = None
) -> FaultFilter:
    """Wrap the application of a service without paste.deploy.

    :param conf: a parsed configuration, or a dict of what would stand in the section of a paste
        file; None for ``cfg.CONF``
    :raises ConfigurationError: naming file, key and value
    """
    if isinstance(conf, cfg.ConfigOpts):
        return deploy(conf).filter(application)
    return filter_factory(None, **(conf or {}))(application)


def _identity(conf: cfg.ConfigOpts) -> object:
    """What tells configurations apart: their files, or the object where there are none."""
    names = (getattr(conf, option, None) or () for option in ("config_file", "config_dir"))
    return tuple(itertools.chain(*names)) or id(conf)


@functools.cache
def configuration(project: str | None, file: str | None, program: str | None) -> cfg.ConfigOpts:
    """The configuration that paste's options name; ConfigurationError if it cannot be read."""
    if project is None and file is None:
        return cfg.CONF
    conf = cfg.ConfigOpts()
    files = [file] if file else None
    try:
        conf([], project, program, default_config_files=files, validate_default_values=True)
    except cfg.Error as exc:
        raise ConfigurationError(str(exc)) from exc
    return conf


def _load_profiles(names: tuple[str, ...]) -> tuple[Profile, ...]:
    profiles = tuple(profile.load(name) for name in names)
    services = [one.service for one in profiles]
    twice = [service for service in services if services.count(service) > 1]
    if twice:
        raise ConfigurationError(
            f"[{options.GROUP}] profiles = {','.join(names)}: two profiles describe the "
            f"service {twice[0]!r}"
        )
    return profiles
