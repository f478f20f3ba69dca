# SPDX-License-Identifier: Apache-2.0
"""Bounds on the wait for a database, where its driver has none, or one for each silence only.

What a driver calls a timeout may start again with each byte that comes, so that a server that
sends one now and then would be waited for without end.
"""

import io
import time
from collections.abc import Callable, Generator
from typing import Any

import sqlalchemy as sa


def bound(engine: sa.Engine, seconds: float) -> None:
    """Let every connection wait so long for a connection, and for an answer, and no longer.

    Does nothing for other drivers than psycopg (version 3) and PyMySQL.
    """
    makers = {"psycopg": _psycopg, "pymysql": _pymysql}
    make = makers.get(engine.dialect.driver)
    if make is None:
        return
    connect = make(seconds)

    @sa.event.listens_for(engine, "do_connect")
    def do_connect(
        dialect: Any, record: Any, arguments: Any, parameters: Any
    ) -> Any:
        return connect(*arguments, **parameters)


def _psycopg(seconds: float) -> Callable[..., Any]:
    """Connects by psycopg, whose library waits for ever for a silent server."""
    import psycopg

    class Connection(psycopg.Connection[Any]):
        def wait(
            self, gen: Generator[Any, Any, Any], *args: Any, **options: Any
        ) -> Any:
            return super().wait(
                self._until(gen, time.monotonic() + seconds), *args, **options
            )

        def _until(
            self, gen: Generator[Any, Any, Any], end: float
        ) -> Generator[Any, Any, Any]:
            try:
                state = next(gen)
                while True:
                    ready = yield state
                    if time.monotonic() > end:
                        self.close()
                        raise psycopg.OperationalError(
                            f"no answer within {seconds} s"
                        )
                    state = gen.send(ready)
            except StopIteration as exc:
                return exc.value

    return Connection.connect


def _pymysql(seconds: float) -> Callable[..., Any]:
    """Connects by PyMySQL, whose ``read_timeout`` starts again with each byte that comes."""
    from pymysql import connections

    class Connection(connections.Connection):  # type: ignore[misc]  # has no types
        _end = 0.0
        _is_connecting = False
        _reader: io.BufferedReader | None = None

        def connect(self, sock: Any = None) -> None:
            self._end = time.monotonic() + seconds
            self._is_connecting = True
            try:
                super().connect(sock)
            finally:
                self._is_connecting = False

        def _execute_command(self, command: int, sql: Any) -> None:
            # What is asked on the way to a connection belongs to that.
            if not self._is_connecting:
                self._end = time.monotonic() + seconds
            super()._execute_command(command, sql)

        @property
        def _rfile(self) -> io.BufferedReader | None:
            """What PyMySQL reads from; set when it has connected, and again behind TLS."""
            return self._reader

        @_rfile.setter
        def _rfile(self, file: io.BufferedReader | None) -> None:
            self._reader = None
            if file is not None:
                self._reader = io.BufferedReader(_Hurried(file, self._receive))

        def _receive(self, buffer: Any) -> int:
            left = self._end - time.monotonic()
            if left <= 0:
                raise TimeoutError(f"no answer within {seconds} s")
            self._sock.settimeout(left)
            # PyMySQL remembers here what it set, and so sets its own bound again.
            self._current_timeout = left
            size: int = self._sock.recv_into(buffer)
            return size

    return Connection


class _Hurried(io.RawIOBase):
    """A file of a socket that is read by a function instead.

    :param file: is closed with this one
    :param receive: puts what comes into a buffer, and returns how much it was
    """

    def __init__(
        self, file: io.BufferedReader, receive: Callable[[Any], int]
    ) -> None:
        self._file = file
        self._receive = receive

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        return self._receive(buffer)

    def close(self) -> None:
        super().close()
        self._file.close()
