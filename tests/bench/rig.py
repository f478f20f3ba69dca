# SPDX-License-Identifier: Apache-2.0
"""Servers, databases and folders for the measurements; started when they are first asked for."""

import contextlib
import importlib.util
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from tests import fixtures, services

#: The module that each database needs, and the server that it is on.
DATABASES = {
    "SQLite": ("sqlite3", ""),
    "MariaDB, PyMySQL": ("pymysql", "mariadb"),
    "MariaDB, mysqlclient": ("MySQLdb", "mariadb"),
    "PostgreSQL, psycopg": ("psycopg", "postgresql"),
}
_PREFIXES = {
    "MariaDB, PyMySQL": "mysql+pymysql://root@127.0.0.1",
    "MariaDB, mysqlclient": "mysql+mysqldb://root@127.0.0.1",
    "PostgreSQL, psycopg": "postgresql+psycopg://postgres@127.0.0.1",
}


class Rig(contextlib.ExitStack):
    """What there is to measure on.

    :ivar quick: whether to be short rather than exact
    :ivar trove: the Python of a virtualenv in which Trove is installed, or None
    """

    def __init__(self, *, quick: bool, trove: str | None) -> None:
        super().__init__()
        self.quick = quick
        self.trove = trove
        self._servers: dict[str, Any] = {}
        self._number = 0
        self._root = Path(tempfile.mkdtemp(prefix="fault-bench-"))
        # Servers do not run as root, and must get there.
        self._root.chmod(0o755)
        self.callback(shutil.rmtree, self._root, ignore_errors=True)

    def say(self, text: str) -> None:
        """Tell how far it is."""
        print(f"... {text}", file=sys.stderr, flush=True)

    def rounds(self, number: int) -> int:
        return max(3, number // 4) if self.quick else number

    def folder(self) -> Path:
        """A new folder."""
        self._number += 1
        made = self._root / str(self._number)
        made.mkdir()
        return made

    def server(self, name: str) -> Any:
        """A server, as one of the functions of :mod:`tests.services` yields it.

        :raises Missing: when it is not installed
        """
        if name not in self._servers:
            self.say(f"{name} starts")
            options = {} if name == "rabbitmq" else {"durable": True}
            start = getattr(services, name)
            self._servers[name] = self.enter_context(
                start(self.folder() / "run", **options)
            )
            if name == "mariadb":
                _enlarge(
                    f"{_PREFIXES['MariaDB, PyMySQL']}:{self._servers[name]}"
                )
        return self._servers[name]

    @contextlib.contextmanager
    def database(self, kind: str) -> Iterator[str]:
        """The URL of an empty database of one of the kinds of :data:`DATABASES`.

        :raises Missing: when the server or its driver is not installed
        """
        module, server = DATABASES[kind]
        if importlib.util.find_spec(module) is None:
            raise services.Missing(f"{module} is not installed")
        if not server:
            yield f"sqlite:///{self.folder()}/faults.sqlite"
            return
        with fixtures.new_database(
            f"{_PREFIXES[kind]}:{self.server(server)}"
        ) as url:
            yield url

    def configuration(self, url: str, **values: str) -> Path:
        """A configuration file for a database, with a policy file beside it.

        :param values: options of [fault_middleware]
        """
        folder = self.folder()
        policy_file = folder / "policy.yaml"
        policy_file.write_text('"admin": "role:admin"\n')
        values = {
            "credentials": "headers",
            "consumer": "external",
            "policy_file": str(policy_file),
            **values,
        }
        return fixtures.write_configuration(
            folder / "bench.conf", url, **values
        )


def _enlarge(server: str) -> None:
    """Give MariaDB the memory that a server for a million rows would have."""
    engine = sa.create_engine(server)
    with engine.connect() as connection:
        connection.exec_driver_sql(
            "SET GLOBAL innodb_buffer_pool_size = 1073741824"
        )
    engine.dispose()
