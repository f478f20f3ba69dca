# SPDX-License-Identifier: Apache-2.0
"""Every option of the project, declared once, read once.

Options live in two groups of the service's own configuration file: ours are the fields of
:class:`Settings`, those of the database are oslo.db's. They are read when a part is built; nothing
is read from the configuration while a request or a notification is served.
"""

import contextlib
import dataclasses
import functools
import traceback
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from oslo_config import cfg
from oslo_db import options as oslo_db_options

from fault_middleware import clearing, finite, masking

GROUP = "fault_middleware"
DATABASE_GROUP = "fault_middleware_database"


class ConfigurationError(Exception):
    """A mistake in a deployer's file; names file, key and value."""


def _option(kind: finite.Kind, default: Any = None, **arguments: Any) -> Any:
    """A field of :class:`Settings`, with what oslo.config needs to know of it."""
    if default is not None:
        arguments["default"] = default
    return dataclasses.field(metadata={"kind": kind, "arguments": arguments})


@dataclasses.dataclass(frozen=True, kw_only=True)
class Settings:
    """The options of group ``[fault_middleware]``, and their values, those of paste on top.

    Each field is an option: its name, its type, its default and its help. Lists are tuples,
    seconds are floats.
    """

    profiles: tuple[str, ...] = _option(
        cfg.ListOpt,
        ["trove"],
        help="The profiles to use: names of those shipped with fault_middleware, or paths of "
        "YAML files. A profile says which requests of a service show an instance and "
        "which of its notifications carry a fault. A filter with profiles in its own "
        "section of a paste file serves only those; the consumer reads the notifications "
        "of those and of the ones listed here.",
    )
    consumer: str = _option(
        cfg.StrOpt,
        "cohosted",
        choices=[
            ("cohosted", "each API worker consumes notifications in a thread"),
            (
                "external",
                "a process of its own consumes them: fault-middleware-consumer, or another API",
            ),
        ],
        help="Who consumes the notifications and fills the table.",
    )
    transport_url: str | None = _option(
        cfg.StrOpt,
        secret=True,
        help="Where the notifications come from, as in oslo.messaging. Unset: "
        "[oslo_messaging_notifications] transport_url, else [DEFAULT] transport_url.",
    )
    topics: tuple[str, ...] = _option(
        cfg.ListOpt,
        sample_default=["fault_middleware"],
        help="The topics to consume. Unset: fault_middleware, and with a pool those that a "
        "service of the profiles has in its code. The first is a topic of our own, which "
        "publishers name in [oslo_messaging_notifications] topics, in addition to their own "
        "if somebody reads that, because a message of a shared topic reaches only one of its "
        "consumers. So two services with a consumer each, on one virtual host, need a "
        "topic each, e.g. fault_middleware_nova.",
    )
    exchanges: tuple[str, ...] = _option(
        cfg.ListOpt,
        help="The exchanges that the services publish to. Unset: the control_exchange of this "
        "configuration and those of the profiles.",
    )
    credentials: str = _option(
        cfg.StrOpt,
        "keystone",
        choices=[
            ("keystone", "keystonemiddleware.auth_token"),
            ("external_oauth2", "keystonemiddleware.external_oauth2_token"),
            ("headers", "nobody: the X-* headers are believed as they are"),
        ],
        help="Who vouches for the caller of a request. A caller whom nobody vouches for sees "
        "no details. 'headers' is for pipelines without authentication and for tests: a "
        "client may send any header.",
    )
    pool: str | None = _option(
        cfg.StrOpt,
        help="The name of a listener pool. Each pool gets a copy of every message of a shared "
        "topic, as long as something also reads the topic's plain queue. It is the queue's name, "
        "so let it name the service too. Unset: no pool.",
    )
    batch_size: int = _option(
        cfg.IntOpt,
        64,
        min=1,
        max=1000,
        help="The most notifications that are stored with one commit.",
    )
    batch_timeout: float = _option(
        finite.option,
        0.002,
        min=0.001,
        max=10,
        help="Seconds; notifications that arrive no further apart than this share a commit.",
    )
    lookup_timeout: float = _option(
        finite.option,
        2.0,
        min=0.1,
        max=60,
        help="The most seconds that a database which does not answer may add to a request. "
        "PostgreSQL's client library gives up a connection after 2 seconds at the earliest.",
    )
    fall_back_to_connection: bool = _option(
        cfg.BoolOpt,
        False,
        help="Whether look-ups go to connection while slave_connection does not answer. Then the "
        "primary bears their load and their connections. If not, no faults are shown meanwhile.",
    )
    clear_on_success: str = _option(
        clearing.option,
        clearing.OPERATION,
        help="What an event that the profile calls a success clears of its instance. (Trove "
        "has no such event: its .end does not mean success.)",
    )
    history: bool = _option(
        cfg.BoolOpt,
        False,
        help="Whether a GET of a show's path with /faults added answers with the history of "
        "the instance's faults, including those that were cleared, if the service itself "
        "has no such path. The service, which is asked for the show first, and the rule "
        "fault_middleware:history decide who may ask.",
    )
    logs: bool = _option(
        cfg.BoolOpt,
        False,
        help="Whether the notification driver also gives the log of its process a handler that "
        "records what the profiles say of log records: most services log far more "
        "failures than they send notifications of. Needs the driver: "
        "[oslo_messaging_notifications] driver = fault_middleware, perhaps in addition to "
        "messagingv2.",
    )
    retention_days: int = _option(
        cfg.IntOpt,
        30,
        min=0,
        max=36500,
        help="How many days faults are kept; 0 keeps all. The consumers purge older ones, but "
        "never the newest fault of an instance that was not cleared. Without a consumer a timer "
        "has to run fault-middleware-manage fault purge.",
    )
    max_faults_per_instance: int = _option(
        cfg.IntOpt,
        50,
        min=0,
        max=1000000,
        help="How many faults of an instance are kept; the consumers purge older ones. 0 keeps "
        "all.",
    )
    health_matters: bool = _option(
        cfg.BoolOpt,
        False,
        help="Whether the service's healthcheck fails when ours does. The service itself works "
        "without its faults being shown, so the default is no.",
    )
    policy_file: str | None = _option(
        cfg.StrOpt,
        help="The policy file with our rules, fault_middleware:show, "
        "fault_middleware:show:details and fault_middleware:history. Unset: the service's own, "
        "[oslo_policy] policy_file.",
    )
    masking_rules: str | None = _option(
        cfg.StrOpt,
        help="A YAML file with rules of your own for what is a secret, and exceptions, which "
        "are added to those of fault_middleware. It applies to the whole process, and is "
        "read at its start. Unset: none.",
    )
    metrics_port: int | None = _option(
        cfg.PortOpt,
        help="The port on which fault-middleware-consumer serves its counters to Prometheus, at "
        "/metrics. Unset: none. (Workers of the API count in a PROMETHEUS_MULTIPROC_DIR, see the "
        "manual.)",
    )
    metrics_host: str = _option(
        cfg.HostAddressOpt,
        "127.0.0.1",
        help="The address on which fault-middleware-consumer serves its counters.",
    )


# The options of oslo.db that our two engines honour; see engines.py for the use of each.
_DATABASE_OPTION_NAMES = (
    "connection",
    "slave_connection",
    "connection_parameters",
    "connection_recycle_time",
    "connection_debug",
    "connection_trace",
    "max_pool_size",
    "max_overflow",
    "mysql_sql_mode",
    "mysql_wsrep_sync_wait",
    "sqlite_synchronous",
)
DATABASE_OPTIONS = [
    option
    for option in oslo_db_options.database_opts
    if option.name in _DATABASE_OPTION_NAMES
]


def register_opts(conf: cfg.ConfigOpts) -> None:
    """Register our options on ``conf``, which may be the service's own."""
    for group, options in list_opts():
        conf.register_opts(options, group=group)


@functools.cache
def list_opts() -> list[tuple[str, list[cfg.Opt]]]:
    """The options by group, for oslo-config-generator and the manual."""
    ours = []
    for field in dataclasses.fields(Settings):
        kind = field.metadata["kind"]
        ours.append(kind(field.name, **field.metadata["arguments"]))
    return [(GROUP, ours), (DATABASE_GROUP, DATABASE_OPTIONS)]


def read_settings(
    conf: cfg.ConfigOpts, local: Mapping[str, str], source: str
) -> Settings:
    """Read the settings of a part that is being built.

    :param local: options set in the paste section, as text; they win
    :param source: the name of the paste file, for messages
    :raises ConfigurationError: for an unknown key or a value that does not fit
    """
    ours = list_opts()[0][1]
    options = {option.dest: option for option in ours}
    _refuse_unknown(local, options, source)
    values: dict[str, Any] = {}
    for name, option in options.items():
        if name in local:
            value = _convert(option, local[name], source)
        else:
            value = read_option(conf, GROUP, name)
        if isinstance(option, cfg.ListOpt):
            value = tuple(value or ())
        values[name] = value
    settings = Settings(**values)
    if not settings.profiles:
        raise ConfigurationError(
            f"[{GROUP}] profiles is empty; name at least one"
        )
    return settings


def _refuse_unknown(
    local: Mapping[str, str], options: Iterable[str], source: str
) -> None:
    for name in sorted(local):
        if name not in options:
            # It may be a connection.
            given = masking.mask(f"{name} = {local[name]!r}")
            known = ", ".join(sorted(options))
            raise ConfigurationError(
                f"{source}: {given}: fault_middleware has no such option; it has {known}"
            )


def _convert(option: cfg.Opt, text: str, source: str) -> Any:
    """The value of an option in a paste file."""
    try:
        return option.type(text)
    except ValueError as exc:
        raise ConfigurationError(
            f"{source}: {option.dest} = {text!r}: {exc}"
        ) from exc


def read_database_options(conf: cfg.ConfigOpts) -> dict[str, Any]:
    """The values of group ``[fault_middleware_database]`` by name.

    :raises ConfigurationError: when ``connection`` is missing or a value does not fit
    """
    names = [option.dest for option in DATABASE_OPTIONS]
    values = {name: read_option(conf, DATABASE_GROUP, name) for name in names}
    if not values["connection"]:
        raise ConfigurationError(
            f"[{DATABASE_GROUP}] connection is not set in {files_of(conf)}; it is the "
            "SQLAlchemy URL of the database that holds the table instance_faults, "
            "e.g. mysql+pymysql://fault:PASSWORD@db.example.org/fault_middleware"
        )
    return values


@contextlib.contextmanager
def reading() -> Iterator[None]:
    """Let a mistake in a configuration file that is read be a ConfigurationError that names it."""
    try:
        yield
    except UnicodeDecodeError as exc:
        # oslo.config does not say which file it is.
        files = []
        for frame, _ in traceback.walk_tb(exc.__traceback__):
            parser = frame.f_locals.get("self")
            if isinstance(parser, cfg.ConfigParser):
                files.append(parser.filename)
        raise ConfigurationError(
            f"Failed to parse {', '.join(files)}: {exc}"
        ) from exc
    except (cfg.Error, OSError) as exc:
        raise ConfigurationError(str(exc)) from exc


def read_option(conf: cfg.ConfigOpts, group: str, name: str) -> Any:
    """One value; oslo.config's errors in our words."""
    try:
        return conf[group][name]
    except cfg.Error as exc:
        raise ConfigurationError(
            f"{files_of(conf)}: [{group}] {name}: {exc}"
        ) from exc


def files_of(conf: cfg.ConfigOpts) -> str:
    """The configuration files in use, for messages."""
    names: Iterable[str] = getattr(conf, "config_file", None) or ()
    project = getattr(conf, "project", None)
    if not names and project:
        # oslo.config goes on without a file, and then everything is unset.
        return (
            f"the configuration (project {project!r} has no file: there is no {project}.conf in "
            f"~/.{project}, ~, /etc/{project} or /etc)"
        )
    return ", ".join(names) or "the configuration (no file was read)"
