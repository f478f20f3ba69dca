# SPDX-License-Identifier: Apache-2.0
"""Every option of the project, declared once, read once.

Options live in two groups of the service's own configuration file.  They are read into a
:class:`Settings` when a part is built; nothing is read from the configuration while a request or a
notification is served.
"""

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any

from oslo_config import cfg
from oslo_db import options as oslo_db_options

GROUP = "fault_middleware"
DATABASE_GROUP = "fault_middleware_database"


class ConfigurationError(Exception):
    """Something in a file that a deployer wrote; names file, key and value."""


@dataclasses.dataclass(frozen=True)
class Settings:
    """The values of group ``[fault_middleware]``, those of paste on top.

    Lists are tuples, seconds are floats; the fields are the options.
    """

    profiles: tuple[str, ...]
    consumer: str
    transport_url: str | None
    topics: tuple[str, ...]
    exchanges: tuple[str, ...]
    credentials: str
    pool: str | None
    batch_size: int
    batch_timeout: float
    lookup_timeout: float
    clear_on_success: bool
    health_matters: bool
    policy_file: str | None


OPTIONS = [
    cfg.ListOpt(
        "profiles",
        default=["trove"],
        help="The profiles to use: names of those shipped with fault_middleware, or paths of YAML "
        "files. A profile says which requests of a service show an instance and which of its "
        "notifications carry a fault.",
    ),
    cfg.StrOpt(
        "consumer",
        default="cohosted",
        choices=[
            ("cohosted", "each API worker consumes notifications in a thread"),
            ("external", "fault-middleware-consumer, or another API process, does"),
        ],
        help="Who consumes the notifications and fills the table.",
    ),
    cfg.StrOpt(
        "transport_url",
        secret=True,
        help="Where the notifications come from, as in oslo.messaging. Unset: "
        "[oslo_messaging_notifications] transport_url, else [DEFAULT] transport_url.",
    ),
    cfg.ListOpt(
        "topics",
        default=["fault_middleware"],
        help="The topics to consume. The default is a topic of our own, which publishers name "
        "beside theirs ([oslo_messaging_notifications] topics = notifications,fault_middleware), "
        "because a message of a shared topic reaches only one of its consumers.",
    ),
    cfg.ListOpt(
        "exchanges",
        help="The exchanges that the services publish to. Unset: the control_exchange of this "
        "configuration and those of the profiles.",
    ),
    cfg.StrOpt(
        "credentials",
        default="keystone",
        choices=[
            ("keystone", "keystonemiddleware.auth_token"),
            ("external_oauth2", "keystonemiddleware.external_oauth2_token"),
            ("headers", "nobody: the X-* headers are believed as they come"),
        ],
        help="Who vouches for the caller of a request. A caller for whom nobody vouches sees no "
        "details. 'headers' is for pipelines without authentication and for tests: a client may "
        "send any header.",
    ),
    cfg.StrOpt(
        "pool",
        help="The name of a listener pool. Each pool gets a copy of every message of a shared "
        "topic, as long as somebody also reads the topic's plain queue. It is the queue's name, "
        "so let it name the service too. Unset: no pool.",
    ),
    cfg.IntOpt(
        "batch_size",
        default=64,
        min=1,
        max=1000,
        help="The most notifications that are stored with one commit.",
    ),
    cfg.FloatOpt(
        "batch_timeout",
        default=0.005,
        min=0.001,
        max=10,
        help="Seconds; notifications that come no further apart share a commit.",
    ),
    cfg.FloatOpt(
        "lookup_timeout",
        default=2.0,
        min=0.1,
        max=60,
        help="The most seconds that a database which does not answer may add to a request. "
        "PostgreSQL's client library takes no less than 2 seconds for a connection.",
    ),
    cfg.BoolOpt(
        "clear_on_success",
        default=False,
        help="Whether an event that the profile calls a success clears the faults of its "
        "instance. (Trove has none: its .end does not mean success.)",
    ),
    cfg.BoolOpt(
        "health_matters",
        default=False,
        help="Whether the service's healthcheck fails when ours does. The service itself works "
        "without its faults being shown, so the default is no.",
    ),
    cfg.StrOpt(
        "policy_file",
        help="The policy file with the rules fault_middleware:*. Unset: the service's own, "
        "[oslo_policy] policy_file.",
    ),
]

# What has a meaning for our two engines; see engines.py for the use of each.
_DATABASE_OPTION_NAMES = (
    *("connection", "slave_connection", "connection_parameters", "connection_recycle_time"),
    *("connection_debug", "connection_trace", "max_pool_size", "max_overflow", "mysql_sql_mode"),
    *("mysql_wsrep_sync_wait", "sqlite_synchronous"),
)
DATABASE_OPTIONS = [
    option for option in oslo_db_options.database_opts if option.name in _DATABASE_OPTION_NAMES
]


def register_opts(conf: cfg.ConfigOpts) -> None:
    """Register our options on ``conf``, which may be the service's own."""
    conf.register_opts(OPTIONS, group=GROUP)
    conf.register_opts(DATABASE_OPTIONS, group=DATABASE_GROUP)


def list_opts() -> list[tuple[str, list[cfg.Opt]]]:
    """The options by group, for oslo-config-generator and the manual."""
    return [(GROUP, OPTIONS), (DATABASE_GROUP, DATABASE_OPTIONS)]


def read_settings(conf: cfg.ConfigOpts, local: Mapping[str, str], source: str) -> Settings:
    """Read the settings of a part that is being built.

    :param local: options set in the paste section, as text; they win
    :param source: the name of the paste file, for messages
    :raises ConfigurationError: for an unknown key or a value that does not fit
    """
    options = {option.dest: option for option in OPTIONS}
    unknown = sorted(set(local) - set(options))
    if unknown:
        raise ConfigurationError(
            f"{source}: {unknown[0]} = {local[unknown[0]]!r}: fault_middleware has "
            f"no such option; it has {', '.join(sorted(options))}"
        )
    values: dict[str, Any] = {}
    for name, option in options.items():
        try:
            value = option.type(local[name]) if name in local else read_option(conf, GROUP, name)
        except ValueError as exc:
            raise ConfigurationError(f"{source}: {name} = {local[name]!r}: {exc}") from exc
        values[name] = tuple(value or ()) if isinstance(option, cfg.ListOpt) else value
    for name in ("profiles", "topics"):
        if not values[name]:
            raise ConfigurationError(f"[{GROUP}] {name} is empty; name at least one")
    return Settings(**values)


def read_database_options(conf: cfg.ConfigOpts) -> dict[str, Any]:
    """The values of group ``[fault_middleware_database]`` by name.

    :raises ConfigurationError: when ``connection`` is missing or a value does not fit
    """
    values = {
        option.dest: read_option(conf, DATABASE_GROUP, option.dest) for option in DATABASE_OPTIONS
    }
    if not values["connection"]:
        raise ConfigurationError(
            f"[{DATABASE_GROUP}] connection is not set in {files_of(conf)}; it is the "
            "SQLAlchemy URL of the database that holds the table instance_faults, "
            "e.g. mysql+pymysql://fault:PASSWORD@db.example.org/fault_middleware"
        )
    return values


def read_option(conf: cfg.ConfigOpts, group: str, name: str) -> Any:
    """One value; oslo.config's errors in our words."""
    try:
        return conf[group][name]
    except (cfg.ConfigFileValueError, cfg.TemplateSubstitutionError) as exc:
        raise ConfigurationError(f"{files_of(conf)}: [{group}] {name}: {exc}") from exc


def files_of(conf: cfg.ConfigOpts) -> str:
    """The configuration files in use, for messages."""
    names: Iterable[str] = getattr(conf, "config_file", None) or ()
    return ", ".join(names) or "the configuration (no file was read)"
