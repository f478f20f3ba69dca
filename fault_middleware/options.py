# SPDX-License-Identifier: Apache-2.0
"""Every option of the project, declared once, read once.

Options live in two groups of the service's own configuration file; ours are declared in
``options.yaml``, those of the database by oslo.db.  They are read into a :class:`Settings` when a
part is built; nothing is read from the configuration while a request or a notification is served.
"""

import dataclasses
import functools
from collections.abc import Iterable, Mapping
from typing import Any

from oslo_config import cfg
from oslo_db import options as oslo_db_options

from fault_middleware import masking, package_data

GROUP = "fault_middleware"
DATABASE_GROUP = "fault_middleware_database"


class ConfigurationError(Exception):
    """Something in a file that a deployer wrote; names file, key and value."""


@dataclasses.dataclass(frozen=True)
class Settings:
    """The values of group ``[fault_middleware]``, those of paste on top.

    Lists are tuples, seconds are floats; the fields are the options, see ``options.yaml``.
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
    retention_days: int
    max_faults_per_instance: int
    health_matters: bool
    policy_file: str | None
    metrics_port: int | None
    metrics_host: str


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
    for group, options in list_opts():
        conf.register_opts(options, group=group)


@functools.cache
def list_opts() -> list[tuple[str, list[cfg.Opt]]]:
    """The options by group, for oslo-config-generator and the manual."""
    ours = [_option(name, **option) for name, option in package_data.load("options.yaml").items()]
    return [(GROUP, ours), (DATABASE_GROUP, DATABASE_OPTIONS)]


def _option(name: str, kind: str, choices: Mapping[str, str] | None = None, **others: Any) -> Any:
    given = {"choices": list(choices.items())} if choices else {}
    return getattr(cfg, kind)(name, **given, **others)


def read_settings(conf: cfg.ConfigOpts, local: Mapping[str, str], source: str) -> Settings:
    """Read the settings of a part that is being built.

    :param local: options set in the paste section, as text; they win
    :param source: the name of the paste file, for messages
    :raises ConfigurationError: for an unknown key or a value that does not fit
    """
    options = {option.dest: option for option in list_opts()[0][1]}
    unknown = sorted(set(local) - set(options))
    if unknown:
        text = f"fault_middleware has no such option; it has {', '.join(sorted(options))}"
        given = masking.mask(f"{unknown[0]} = {local[unknown[0]]!r}")  # such as a connection
        raise ConfigurationError(f"{source}: {given}: {text}")
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
    names = [option.dest for option in DATABASE_OPTIONS]
    values = {name: read_option(conf, DATABASE_GROUP, name) for name in names}
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
