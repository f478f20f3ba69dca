# SPDX-License-Identifier: Apache-2.0
"""What tests share: servers, databases, configurations, a small service.

A test that needs a server which is not installed is skipped, with the reason;
it fails instead where FAULT_MIDDLEWARE_REQUIRE names the server (CI does).
"""

import contextlib
import json
import os
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from oslo_config import cfg

from fault_middleware import migration, options
from fault_middleware.store import Store
from tests import services

DATA = Path(__file__).parent / "data"
PROJECT = "p1"
INSTANCE = "5f15e2a3-b556-4cd7-8ce4-e893e533dba1"


def require(name: str, reason: str) -> None:
    """Skip the test, or fail it where ``name`` must be there."""
    if name in os.environ.get("FAULT_MIDDLEWARE_REQUIRE", "").split(","):
        pytest.fail(f"{name} is required here: {reason}")
    pytest.skip(f"{name}: {reason}")


@contextlib.contextmanager
def start(name: str, **options: Any) -> Iterator[Any]:
    """One of the servers of :mod:`tests.services`; the test is skipped where it is missing."""
    # Not in pytest's folder: every run of pytest that begins shuts others out of that, and so the
    # databases, which do not run as root.
    with (
        tempfile.TemporaryDirectory() as folder,
        contextlib.ExitStack() as stack,
    ):
        Path(folder).chmod(0o755)
        try:
            server = stack.enter_context(
                getattr(services, name)(Path(folder) / "run", **options)
            )
        except services.Missing as exc:
            require(name, str(exc))
        yield server


@pytest.fixture(scope="session")
def mariadb() -> Iterator[str]:
    """The URL of a private MariaDB, without a database."""
    with start("mariadb") as port:
        yield f"mysql+pymysql://root@127.0.0.1:{port}"


@pytest.fixture(scope="session")
def postgresql() -> Iterator[str]:
    """The URL of a private PostgreSQL, without a database."""
    with start("postgresql") as port:
        yield f"postgresql+psycopg://postgres@127.0.0.1:{port}"


@pytest.fixture(scope="session")
def broker() -> Iterator[services.Broker]:
    """A private RabbitMQ."""
    with start("rabbitmq") as running:
        yield running


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """A database file that is not there yet."""
    return f"sqlite:///{tmp_path}/faults.sqlite"


@pytest.fixture(params=["sqlite", "mariadb", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """An empty database, on each of the three servers in turn."""
    if request.param == "sqlite":
        yield request.getfixturevalue("sqlite_url")
        return
    with new_database(request.getfixturevalue(request.param)) as url:
        yield url


@contextlib.contextmanager
def new_database(server: str) -> Iterator[str]:
    """A database of its own on a server."""
    name = f"t{uuid.uuid4().hex}"
    default = "/postgres" if server.startswith("postgresql") else ""
    admin = sa.create_engine(server + default, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(sa.text(f"CREATE DATABASE {name}"))
    yield f"{server}/{name}"
    force = " WITH (FORCE)" if server.startswith("postgresql") else ""
    with admin.connect() as connection:
        connection.execute(sa.text(f"DROP DATABASE {name}{force}"))
    admin.dispose()


def lose_connections(server: str) -> None:
    """Let a MariaDB end everybody's connections to its databases, as when it restarts."""
    engine = sa.create_engine(server, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        own = connection.scalar(sa.text("SELECT CONNECTION_ID()"))
        found = connection.scalars(
            sa.text(
                "SELECT id FROM information_schema.processlist WHERE db IS NOT NULL"
            )
        ).all()
        for number in found:
            if number != own:
                # It may just have ended by itself.
                with contextlib.suppress(sa.exc.DBAPIError):
                    connection.exec_driver_sql(f"KILL {number}")
    engine.dispose()


@contextlib.contextmanager
def relayed(url: str) -> Iterator[services.Relay]:
    """A wire to the server of a URL; its attribute ``url`` leads over it."""
    direct = sa.make_url(url)
    relay = services.Relay(direct.port or 0)
    relay.url = direct.set(port=relay.port).render_as_string(
        hide_password=False
    )
    yield relay
    relay.close()


def database_options(url: str, **values: Any) -> dict[str, Any]:
    """The group [fault_middleware_database] with its defaults."""
    conf = cfg.ConfigOpts()
    conf([], default_config_files=[])
    options.register_opts(conf)
    conf.set_override("connection", url, group=options.DATABASE_GROUP)
    return {**options.read_database_options(conf), **values}


def make_store(url: str, **values: Any) -> Store:
    """The table in a database, made by the migrations."""
    store = Store(database_options(url, **values), lookup_timeout=2.0)
    migration.sync(store.writer)
    return store


@pytest.fixture
def store(sqlite_url: str) -> Iterator[Store]:
    """The table in an embedded database."""
    made = make_store(sqlite_url)
    yield made
    close(made)


@pytest.fixture
def any_store(database_url: str) -> Iterator[Store]:
    """The table on each of the three servers in turn."""
    made = make_store(database_url)
    yield made
    close(made)


def close(store: Store) -> None:
    """Give back the connections."""
    store.reader.dispose()
    store.writer.dispose()
    store.unhurried.dispose()


def rows(store: Store) -> list[dict[str, Any]]:
    """All that is in the table, oldest first."""
    with store.writer.connect() as connection:
        return [
            dict(row)
            for row in connection.execute(
                sa.text("SELECT * FROM instance_faults ORDER BY created, id")
            ).mappings()
        ]


@pytest.fixture
def configure(
    tmp_path: Path, sqlite_url: str
) -> Callable[..., cfg.ConfigOpts]:
    """Makes a parsed configuration of a text, with a database of its own."""

    def make(text: str = "", **values: str) -> cfg.ConfigOpts:
        return parse(
            write_configuration(
                tmp_path / "service.conf", sqlite_url, text, **values
            )
        )

    return make


def parse(file: Path) -> cfg.ConfigOpts:
    """A configuration that was read from a file."""
    conf = cfg.ConfigOpts()
    conf([], default_config_files=[str(file)])
    return conf


def write_configuration(
    file: Path, url: str, text: str = "", **values: str
) -> Path:
    """Write a configuration file.

    :param values: options of [fault_middleware]
    """
    lines = "".join(f"{name} = {value}\n" for name, value in values.items())
    file.write_text(
        f"{text}\n[fault_middleware]\n{lines}\n[fault_middleware_database]\nconnection = {url}\n"
    )
    return file


class Service:
    """An application that answers everything with the same JSON.

    :ivar body: what it answers
    """

    def __init__(self, body: Any = None) -> None:
        self.body = (
            body if body is not None else {"instance": {"id": INSTANCE}}
        )

    @property
    def data(self) -> bytes:
        return json.dumps(self.body).encode()

    def __call__(
        self, environ: dict[str, Any], start_response: Any
    ) -> list[bytes]:
        headers = [("Content-Type", "application/json")]
        headers.append(("Content-Length", str(len(self.data))))
        start_response("200 OK", headers)
        return [self.data]


def trove_notifications() -> list[str]:
    """The names of the recorded notifications of Trove."""
    return sorted(
        path.name for path in (DATA / "trove/notifications").iterdir()
    )


def read_data(name: str) -> Any:
    """A JSON file of the recorded data."""
    return json.loads((DATA / name).read_text())


def decode(recorded: dict[str, Any]) -> dict[str, Any]:
    """The notification in a recorded AMQP message, as profiles read it."""
    message = json.loads(json.loads(recorded["raw_body"])["oslo.message"])
    names = ("message_id", "publisher_id", "event_type", "priority", "payload")
    return {name: message[name] for name in (*names, "timestamp")}


def wait_until(condition: Callable[[], Any], seconds: float = 20) -> None:
    """Wait for something that another thread or process does."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise AssertionError(f"it did not come true within {seconds} s")
        time.sleep(0.02)


class StillClock:
    """A clock that goes on when it is told to; ``now`` is in seconds."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def still_clock(monkeypatch: pytest.MonkeyPatch) -> StillClock:
    """The time that the code under test sees."""
    clock = StillClock()
    monkeypatch.setattr(time, "monotonic", clock)
    return clock
