# SPDX-License-Identifier: Apache-2.0
"""The two ways to the database: one for requests that must not wait, one for everything else."""

import math
import time
from collections.abc import Generator, Mapping
from typing import Any

import sqlalchemy as sa
from oslo_db.sqlalchemy import engines, exc_filters

from fault_middleware.conf import DATABASE_GROUP, ConfigurationError

MYSQL = ("mysql", "mariadb")
# Seconds after which a statement of the writer is given up: time for a busy cluster to commit, and
# not more than a server gives its workers to end.
_WRITE_TIMEOUT = 10.0


def check(options: Mapping[str, Any]) -> None:
    """Refuse at start what could not work, naming the option but no password.

    :param options: the values of group ``[fault_middleware_database]``
    :raises ConfigurationError: when a URL is wrong or its driver is not installed
    """
    for name in ("connection", "slave_connection"):
        if not options[name]:
            continue
        try:
            url = sa.make_url(options[name])
            url.get_dialect().import_dbapi()
        except (sa.exc.ArgumentError, sa.exc.NoSuchModuleError, ImportError) as exc:
            text = f"[{DATABASE_GROUP}] {name}: {type(exc).__name__}: {exc}"
            raise ConfigurationError(text) from exc
        backend = url.get_backend_name()
        if backend not in ("sqlite", *MYSQL, "postgresql"):
            raise ConfigurationError(
                f"[{DATABASE_GROUP}] {name} = {url}: fault_middleware works with SQLite, MySQL, "
                f"MariaDB and PostgreSQL, not with {backend}"
            )
        if backend == "sqlite" and url.database in (None, "", ":memory:"):
            raise ConfigurationError(
                f"[{DATABASE_GROUP}] {name} = {url}: a database in memory is seen by one "
                "connection only; name a file, e.g. sqlite:////var/lib/fault/faults.sqlite"
            )


def reader(options: Mapping[str, Any], timeout: float) -> sa.Engine:
    """An engine for look-ups: every statement by itself, in one round trip, soon given up.

    :param timeout: the most seconds to wait for a free connection, for a new one, for an answer
    """
    url = sa.make_url(options["slave_connection"] or options["connection"])
    engine = sa.create_engine(
        url.update_query_string(_parameters(url, options, timeout)),
        # No BEGIN, no ROLLBACK at check-in.
        isolation_level="AUTOCOMMIT",
        pool_reset_on_return=None,
        skip_autocommit_rollback=True,
        pool_recycle=options["connection_recycle_time"],
        pool_size=options["max_pool_size"],
        max_overflow=options["max_overflow"],
        pool_timeout=timeout,
        hide_parameters=True,
    )
    exc_filters.register_engine(engine)
    _bound(engine, timeout)
    return engine


def writer(options: Mapping[str, Any]) -> sa.Engine:
    """An engine by oslo.db, as the options say; whoever writes decides how long to try."""
    url = sa.make_url(options["connection"])
    names = (
        *("connection_recycle_time", "connection_debug", "connection_trace", "max_pool_size"),
        *("max_overflow", "mysql_sql_mode", "mysql_wsrep_sync_wait", "sqlite_synchronous"),
    )
    engine: sa.Engine = engines.create_engine(
        options["connection"],
        connection_parameters=_parameters(url, options, _WRITE_TIMEOUT),
        max_retries=0,
        **{name: options[name] for name in names},
    )
    _bound(engine, _WRITE_TIMEOUT)
    return engine


def _parameters(url: sa.URL, options: Mapping[str, Any], seconds: float) -> str:
    """What to add to the URL: bounds on waiting, and the whole of Unicode.

    What the deployer wrote in the URL, or in ``connection_parameters``, stays.
    """
    whole = str(max(1, math.ceil(seconds)))
    milliseconds = str(math.ceil(seconds * 1000))
    backend = url.get_backend_name()
    if backend in MYSQL:
        timeouts = dict.fromkeys(("connect_timeout", "read_timeout", "write_timeout"), whole)
        defaults = {"charset": "utf8mb4", **timeouts}
    elif backend == "postgresql":
        defaults = {
            "connect_timeout": whole,
            "tcp_user_timeout": milliseconds,
            "options": f"-c statement_timeout={milliseconds}",
        }
    else:
        defaults = {"timeout": str(seconds)}
    given = url.update_query_string(options["connection_parameters"] or "").query
    added = [f"{key}={value}" for key, value in defaults.items() if key not in given]
    return "&".join(filter(None, [options["connection_parameters"], *added]))


def _bound(engine: sa.Engine, seconds: float) -> None:
    """Bound the wait for an answer in psycopg, whose library waits for ever for a mute server."""
    if engine.dialect.driver != "psycopg":
        return
    import psycopg

    class Connection(psycopg.Connection[Any]):
        def wait(self, gen: Generator[Any, Any, Any], *args: Any, **options: Any) -> Any:
            return super().wait(self._until(gen, time.monotonic() + seconds), *args, **options)

        def _until(self, gen: Generator[Any, Any, Any], end: float) -> Generator[Any, Any, Any]:
            try:
                state = next(gen)
                while True:
                    ready = yield state
                    if time.monotonic() > end:
                        self.close()
                        raise psycopg.OperationalError(f"no answer within {seconds} s")
                    state = gen.send(ready)
            except StopIteration as exc:
                return exc.value

    @sa.event.listens_for(engine, "do_connect")
    def connect(dialect: Any, record: Any, arguments: Any, parameters: Any) -> Any:
        return Connection.connect(*arguments, **parameters)
