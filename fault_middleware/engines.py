# SPDX-License-Identifier: Apache-2.0
"""The two ways to the database: one for requests that must not wait, one for everything else."""

import math
import re
import time
from collections.abc import Generator, Iterator, Mapping
from typing import Any

import sqlalchemy as sa
from oslo_db.sqlalchemy import engines

from fault_middleware.options import DATABASE_GROUP, ConfigurationError

_URLS = ("connection", "slave_connection")
# An @ behind the one that to SQLAlchemy ends the password, but for one in the database's name.
_BARE_AT = re.compile(r"://[^/@][^@]*@([^/?]*@|[^?]*@[^?]*/)")
# Seconds after which a statement of the writer is given up: time for a busy cluster to commit, and
# not more than a server gives its workers to end.
_WRITE_TIMEOUT = 10.0


def check(options: Mapping[str, Any]) -> None:
    """Refuse at start what could not work, naming the option but no password.

    :param options: the values of group ``[fault_middleware_database]``
    :raises ConfigurationError: when a URL is wrong or its driver is not installed
    """
    for name in filter(options.get, _URLS):
        if _BARE_AT.search(options[name]):
            # Without the URL, of which the password's end would not be masked.
            text = "there is more than one @ before the host; write @ in a password as %40"
            raise ConfigurationError(f"[{DATABASE_GROUP}] {name}: {text}")
        try:
            url = sa.make_url(options[name])
            url.get_dialect().import_dbapi()
        except (sa.exc.ArgumentError, sa.exc.NoSuchModuleError, ImportError, ValueError) as exc:
            text = f"[{DATABASE_GROUP}] {name}: {type(exc).__name__}: {exc}"
            raise ConfigurationError(text) from exc
        backend, what = url.get_backend_name(), None
        # To oslo.db, MySQL is the name of MariaDB as well.
        if backend not in ("sqlite", "mysql", "postgresql"):
            what = f"use SQLite, MySQL, MariaDB (as mysql) or PostgreSQL, not {backend}"
        elif backend == "sqlite" and url.database in (None, "", ":memory:"):
            what = "a database in memory is seen by one connection only; name a file, e.g. "
            what += "sqlite:////var/lib/fault/faults.sqlite"
        if what:
            raise ConfigurationError(f"[{DATABASE_GROUP}] {name} = {url}: {what}")


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
    _bound(engine, timeout)
    return engine


class DisconnectedError(Exception):
    """The connection was, or became, none."""


class Lookup:
    """A SELECT on :func:`reader`'s engine, compiled once and run on the driver's own cursor.

    What SQLAlchemy does around each statement takes longer than the statement. ``columns`` are
    those that it selects, in their order.
    """

    def __init__(
        self, engine: sa.Engine, statement: sa.ClauseElement, columns: list[sa.Column[Any]]
    ) -> None:
        dialect = engine.dialect
        compiled: Any = statement.compile(dialect=dialect)
        self._engine = engine
        self._sql = str(compiled)
        self._names: list[str] | None = compiled.positiontup
        self._constants = compiled.params  # of LIMIT
        types = (column.type.dialect_impl(dialect) for column in columns)
        converters = (kind.result_processor(dialect, None) for kind in types)
        self._converters = [(n, convert) for n, convert in enumerate(converters) if convert]

    def rows(self, values: Mapping[str, Any]) -> Iterator[list[Any]]:
        """The rows for the parameters ``values``.

        :raises DisconnectedError: instead of the driver's error, when trying again may help
        :raises Exception: of the driver or the pool
        """
        given: Any = {**self._constants, **values}
        if self._names is not None:
            given = [given[name] for name in self._names]
        pooled = self._engine.raw_connection()
        try:
            cursor = pooled.cursor()
            cursor.execute(self._sql, given)
            found = cursor.fetchall()
            cursor.close()
        except BaseException as exc:
            dialect: Any = self._engine.dialect
            is_error = isinstance(exc, dialect.loaded_dbapi.Error)
            is_gone = is_error and dialect.is_disconnect(exc, pooled.dbapi_connection, None)
            # Whatever happened, an answer may still be on its way through this connection.
            pooled.invalidate(exc)
            if is_gone:
                self._engine.dispose()
                raise DisconnectedError(str(exc)) from exc
            raise
        finally:
            pooled.close()
        for row in map(list, found):
            for number, convert in self._converters:
                row[number] = convert(row[number])
            yield row


def writer(options: Mapping[str, Any]) -> sa.Engine:
    """An engine by oslo.db, as the options say; whoever writes decides how long to try."""
    url = sa.make_url(options["connection"])
    given = {name: options[name] for name in options if name not in _URLS}
    given |= {"connection_parameters": _parameters(url, options, _WRITE_TIMEOUT), "max_retries": 0}
    engine: sa.Engine = engines.create_engine(options["connection"], **given)
    _bound(engine, _WRITE_TIMEOUT)
    return engine


def _parameters(url: sa.URL, options: Mapping[str, Any], seconds: float) -> str:
    """What to add to the URL: bounds on waiting, and the whole of Unicode.

    What the deployer wrote in the URL, or in ``connection_parameters``, stays.
    """
    whole = str(max(1, math.ceil(seconds)))
    milliseconds = str(math.ceil(seconds * 1000))
    backend = url.get_backend_name()
    if backend == "mysql":
        timeouts = dict.fromkeys(("connect_timeout", "read_timeout", "write_timeout"), whole)
        defaults = {"charset": "utf8mb4", **timeouts}
    elif backend == "postgresql":
        bound = f"-c statement_timeout={milliseconds}"
        defaults = {"connect_timeout": whole, "tcp_user_timeout": milliseconds, "options": bound}
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
