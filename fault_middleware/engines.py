# SPDX-License-Identifier: Apache-2.0
"""The ways to the database: for requests, which must not wait; for whoever writes; for operators,
who wait for as long as a large table takes.
"""

import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from oslo_db.sqlalchemy import engines

from fault_middleware import bounds
from fault_middleware.options import DATABASE_GROUP, ConfigurationError

_URLS = ("connection", "slave_connection")
_BACKENDS = ("sqlite", "mysql", "postgresql")
# An @ behind the one that to SQLAlchemy ends the password, but for one in the database's name.
_BARE_AT = re.compile(r"://[^/@][^@]*@([^/?]*@|[^?]*@[^?]*/)")
_WRONG_URL = "is not a URL; write DRIVER://USER:PASSWORD@HOST/NAME, and in a password @ as %40"
# What a node of Galera says that has lost the others.
_SPLIT = re.compile(r"\(1047, 'WSREP|Not connected to Primary Component")
# Seconds after which a statement of the writer is given up: time for a busy cluster to commit, and
# not more than a server gives its workers to end.
_WRITE_TIMEOUT = 10.0


def check(options: Mapping[str, Any]) -> None:
    """Refuse at start what could not work, naming the option but no password.

    :param options: the values of group ``[fault_middleware_database]``
    :raises ConfigurationError: when a URL is wrong or its driver is not installed
    """
    for name in _URLS:
        if options[name]:
            _check_url(f"[{DATABASE_GROUP}] {name}", options[name])


def _check_url(option: str, text: str) -> None:
    if _BARE_AT.search(text):
        # Without the URL, because the end of its password would not be masked.
        raise ConfigurationError(
            f"{option}: there is more than one @ before the host; write @ in a password as %40"
        )
    try:
        url = sa.make_url(text)
    except (sa.exc.ArgumentError, ValueError):
        # Without the reason: of a URL without a host, it says what stands where a port could.
        raise ConfigurationError(f"{option}: {_WRONG_URL}") from None
    try:
        url.get_dialect().import_dbapi()
    except (sa.exc.ArgumentError, ImportError) as exc:
        raise ConfigurationError(
            f"{option}: {type(exc).__name__}: {exc}"
        ) from exc
    backend = url.get_backend_name()
    if backend not in _BACKENDS:
        # To oslo.db, MySQL is the name of MariaDB as well.
        raise ConfigurationError(
            f"{option} = {url}: use SQLite, MySQL, MariaDB (as mysql) or PostgreSQL, not {backend}"
        )
    if backend == "sqlite" and url.database in (None, "", ":memory:"):
        raise ConfigurationError(
            f"{option} = {url}: a database in memory is seen by one connection only; name a file, "
            "e.g. sqlite:////var/lib/fault/faults.sqlite"
        )


def reader(options: Mapping[str, Any], timeout: float) -> sa.Engine:
    """An engine for look-ups: every statement by itself, in one round trip, with short timeouts.

    :param timeout: the most seconds to wait for a free connection, for a new one, for an answer
    """
    url = _reader_url(options)
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
    bounds.bound(engine, timeout)
    return engine


def reader_yields(options: Mapping[str, Any]) -> bool:
    """Whether other green threads run while :func:`reader`'s driver waits: it is in Python."""
    return _reader_url(options).get_driver_name() == "pymysql"


def _reader_url(options: Mapping[str, Any]) -> sa.URL:
    return sa.make_url(options["slave_connection"] or options["connection"])


class DisconnectedError(Exception):
    """The connection is dead."""


class Lookup:
    """A SELECT on :func:`reader`'s engine, compiled once and run on the driver's own cursor.

    What SQLAlchemy does around each statement takes longer than the statement. ``columns`` are
    those that it selects, in their order.
    """

    def __init__(
        self,
        engine: sa.Engine,
        statement: sa.ClauseElement,
        columns: list[sa.Column[Any]],
    ) -> None:
        dialect = engine.dialect
        compiled: Any = statement.compile(dialect=dialect)
        self._engine = engine
        self._sql = str(compiled)
        self._names: list[str] | None = compiled.positiontup
        self._constants = compiled.params  # of LIMIT
        self._converters: list[tuple[int, Any]] = []
        for number, column in enumerate(columns):
            kind = column.type.dialect_impl(dialect)
            convert = kind.result_processor(dialect, None)
            if convert is not None:
                self._converters.append((number, convert))

    def rows(self, values: Mapping[str, Any]) -> Iterator[list[Any]]:
        """The rows for the parameters ``values``.

        :raises DisconnectedError: instead of the driver's error, when trying again may help
        :raises Exception: of the driver or the pool
        """
        for found in self._fetch(values):
            row = list(found)
            for number, convert in self._converters:
                row[number] = convert(row[number])
            yield row

    def _fetch(self, values: Mapping[str, Any]) -> Sequence[Any]:
        """The rows as the driver gives them."""
        parameters: Any = {**self._constants, **values}
        if self._names is not None:
            parameters = [parameters[name] for name in self._names]
        pooled = self._engine.raw_connection()
        try:
            cursor = pooled.cursor()
            cursor.execute(self._sql, parameters)
            found = cursor.fetchall()
            cursor.close()
        except BaseException as exc:
            is_gone = self._is_disconnect(exc, pooled.dbapi_connection)
            # Whatever happened, an answer may still be on its way through this connection.
            pooled.invalidate(exc)
            if is_gone:
                self._engine.dispose()
                raise DisconnectedError(str(exc)) from exc
            raise
        finally:
            pooled.close()
        return found

    def _is_disconnect(self, exc: BaseException, connection: Any) -> bool:
        dialect: Any = self._engine.dialect
        if not isinstance(exc, dialect.loaded_dbapi.Error):
            return False
        return bool(dialect.is_disconnect(exc, connection, None))


def writer(options: Mapping[str, Any]) -> sa.Engine:
    """An engine by oslo.db, as the options say; whoever writes decides how long to try."""
    engine = _by_oslo(options, _WRITE_TIMEOUT)
    bounds.bound(engine, _WRITE_TIMEOUT)
    return engine


def unhurried(options: Mapping[str, Any]) -> sa.Engine:
    """The same for an operator, who ends a statement that takes too long: it has no bound."""
    return _by_oslo(options, None)


def _by_oslo(options: Mapping[str, Any], seconds: float | None) -> sa.Engine:
    """:param seconds: the most that an answer may take; None for any time"""
    url = sa.make_url(options["connection"])
    given = {
        name: value for name, value in options.items() if name not in _URLS
    }
    given["connection_parameters"] = _parameters(url, options, seconds)
    given["max_retries"] = 0
    engine: sa.Engine = engines.create_engine(options["connection"], **given)
    # oslo.db logs errors that it does not know, with the texts of faults otherwise.
    engine.hide_parameters = True
    dialect: Any = engine.dialect
    dialect.is_disconnect = _leaving_what_is_split(dialect.is_disconnect)
    return engine


def _leaving_what_is_split(
    is_disconnect: Callable[..., bool],
) -> Callable[..., bool]:
    """Also give up the connections to a node of Galera that has lost the others.

    It refuses a ROLLBACK too, of which SQLAlchemy would log a traceback.
    """

    def is_given_up(error: Any, connection: Any, cursor: Any) -> bool:
        if _SPLIT.search(str(error)):
            return True
        return is_disconnect(error, connection, cursor)

    return is_given_up


def _parameters(
    url: sa.URL, options: Mapping[str, Any], seconds: float | None
) -> str:
    """What to add to the URL: bounds on waiting, and the whole of Unicode.

    What the deployer wrote in the URL, or in ``connection_parameters``, stays.
    """
    parameters: str = options["connection_parameters"] or ""
    given = url.update_query_string(parameters).query
    for key, value in _defaults(url.get_backend_name(), seconds).items():
        if key not in given:
            separator = "&" if parameters else ""
            parameters = f"{parameters}{separator}{key}={value}"
    return parameters


def _defaults(backend: str, seconds: float | None) -> dict[str, str]:
    """:param seconds: the most that an answer may take; None for any time"""
    connecting = seconds or _WRITE_TIMEOUT
    whole = str(max(1, math.ceil(connecting)))
    milliseconds = str(math.ceil(connecting * 1000))
    if backend == "sqlite":
        return {"timeout": str(connecting)}
    defaults = {"connect_timeout": whole}
    if backend == "mysql":
        defaults["charset"] = "utf8mb4"
        if seconds is not None:
            defaults["read_timeout"] = whole
            defaults["write_timeout"] = whole
    else:
        defaults["tcp_user_timeout"] = milliseconds
        if seconds is not None:
            defaults["options"] = f"-c statement_timeout={milliseconds}"
    return defaults
