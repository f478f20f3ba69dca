# SPDX-License-Identifier: Apache-2.0
"""Databases of several servers: Galera, PostgreSQL with a standby, MariaDB with a replica."""

import contextlib
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import sqlalchemy as sa

from tests import services
from tests.fixtures import wait_until
from tests.functional.clusters.nodes import Node

NAME = "faults"
_GALERA = Path("/usr/lib/galera/libgalera_smm.so")


class Server(Node):
    """A node with a database ``faults``; ``url`` leads over its wire, ``direct`` past it."""

    def __init__(self, scheme: str, *arguments: object, **options: object):
        super().__init__(*arguments, **options)
        self.url = f"{scheme}@127.0.0.1:{self.relay.port}/{NAME}"
        self.direct = f"{scheme}@127.0.0.1:{self.port}/"

    def sql(self, text: str, database: str = "") -> list[sa.Row]:
        """What a statement returns, by a connection of its own."""
        engine = sa.create_engine(
            self.direct + database,
            isolation_level="AUTOCOMMIT",
            poolclass=sa.NullPool,
            connect_args={"connect_timeout": 2},
        )
        with engine.connect() as connection:
            found = connection.exec_driver_sql(text)
            return list(found) if found.returns_rows else []

    def answers(self) -> bool:
        """Whether it serves the table."""
        with contextlib.suppress(sa.exc.DBAPIError):
            self.sql("SELECT 1 FROM instance_faults LIMIT 1", NAME)
            return True
        return False


def _mariadb(folder: Path, *more: str) -> Server:
    port = services.free_port()
    command = [
        *services.new_mariadb(folder),
        f"--port={port}",
        "--innodb-flush-log-at-trx-commit=2",
        "--innodb-buffer-pool-size=64M",
        *more,
    ]
    user = services.account("mysql")
    scheme = "mysql+pymysql://root"
    return Server(scheme, command, folder / "log", port, user=user)


@contextlib.contextmanager
def galera(folder: Path) -> Iterator[list[Server]]:
    """Three nodes, each of which may be written to."""
    if not _GALERA.exists():
        raise services.Missing("Galera (Debian: galera-4) is not installed")
    for program in ("rsync", "lsof"):
        services.find(program)
    ports = [services.free_port() for _ in range(9)]
    group, incremental, whole = ports[:3], ports[3:6], ports[6:]
    members = ",".join(f"127.0.0.1:{port}" for port in group)
    with contextlib.ExitStack() as stack:
        nodes = []
        for number in range(3):
            provider = (
                f"gmcast.listen_addr=tcp://127.0.0.1:{group[number]};"
                f"base_port={group[number]};"
                f"ist.recv_addr=127.0.0.1:{incremental[number]};"
                "gcache.size=32M"
            )
            node = _mariadb(
                folder / f"node{number}",
                "--binlog-format=ROW",
                "--innodb-autoinc-lock-mode=2",
                "--wsrep-on=ON",
                f"--wsrep-provider={_GALERA}",
                "--wsrep-cluster-name=faults",
                f"--wsrep-cluster-address=gcomm://{members}",
                f"--wsrep-node-address=127.0.0.1:{group[number]}",
                "--wsrep-sst-method=rsync",
                f"--wsrep-sst-receive-address=127.0.0.1:{whole[number]}",
                f"--wsrep-provider-options={provider}",
            )
            stack.callback(node.close)
            nodes.append(node)
        nodes[0].start("--wsrep-new-cluster")
        nodes[0].wait()
        wait_until(lambda: _is_synced(nodes[0]), 60)
        nodes[0].sql(f"CREATE DATABASE {NAME}")
        for node in nodes[1:]:
            join(node)
        yield nodes


def join(node: Server) -> None:
    """Start a node of a running cluster; wait until it has what the others have."""
    node.start()
    wait_until(lambda: _is_synced(node), 90)


def _is_synced(node: Server) -> bool:
    with contextlib.suppress(sa.exc.DBAPIError):
        state = node.sql("SHOW STATUS LIKE 'wsrep_local_state_comment'")
        return bool(state) and state[0][1] == "Synced"
    return False


@contextlib.contextmanager
def haproxy(folder: Path, sample: Path, nodes: list[Server]) -> Iterator[str]:
    """HAProxy with the manual's configuration for these nodes; yields the URL."""
    program, port = services.find("haproxy"), services.free_port()
    nodes[0].sql("CREATE USER IF NOT EXISTS haproxy")
    text = sample.read_text()
    places = {"192.0.2.10:3306": port, "192.0.2.11:3306": nodes[0].port}
    places |= {"192.0.2.12:3306": nodes[1].port}
    places |= {"192.0.2.13:3306": nodes[2].port}
    for place, own in places.items():
        assert text.count(place) == 1
        text = text.replace(place, f"127.0.0.1:{own}")
    folder.mkdir(parents=True)
    file = folder / "haproxy.cfg"
    file.write_text(text)
    command = [program, "-db", "-f", str(file)]
    with services.process(command, folder / "log", port=port):
        yield f"mysql+pymysql://root@127.0.0.1:{port}/{NAME}"


@contextlib.contextmanager
def mariadb_pair(folder: Path) -> Iterator[tuple[Server, Server]]:
    """A primary and its replica."""
    with contextlib.ExitStack() as stack:
        pair = []
        for number in (1, 2):
            node = _mariadb(
                folder / f"node{number}",
                f"--server-id={number}",
                "--log-bin=log",
                "--binlog-format=ROW",
                "--slave-net-timeout=4",
            )
            stack.callback(node.close)
            node.start()
            node.wait()
            pair.append(node)
        primary, replica = pair
        replica.sql(
            f"CHANGE MASTER TO master_host='127.0.0.1', master_port={primary.port}, "
            "master_user='root', master_use_gtid=slave_pos, master_connect_retry=1"
        )
        replica.sql("START SLAVE")
        primary.sql(f"CREATE DATABASE {NAME}")
        yield primary, replica


@contextlib.contextmanager
def postgresql_pair(folder: Path) -> Iterator[tuple[Server, Server]]:
    """A primary and its standby, which has what is committed (``synchronous_commit``)."""
    binaries = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    initdb = services.find("initdb", *binaries)
    user = services.account("postgres")
    folder.mkdir(parents=True)
    if user:
        shutil.chown(folder, user)
    options = {"user": user, "cwd": folder}

    def run(program: str, *arguments: object) -> None:
        command = [Path(initdb).with_name(program), *map(str, arguments)]
        subprocess.run(
            command, check=True, stdout=subprocess.DEVNULL, **options
        )

    def server(name: str, *more: str) -> Server:
        port = services.free_port()
        command = [str(Path(initdb).with_name("postgres"))]
        command += ["-D", str(folder / name), "-h", "127.0.0.1"]
        command += ["-p", str(port), "-k", str(folder), *more]
        scheme = "postgresql+psycopg://postgres"
        return Server(scheme, command, folder / f"{name}.log", port, **options)

    run(
        "initdb",
        "-U",
        "postgres",
        "-A",
        "trust",
        "--no-sync",
        "-D",
        folder / "a",
    )
    with contextlib.ExitStack() as stack:
        primary = server("a")
        stack.callback(primary.close)
        primary.start()
        primary.wait()
        primary.sql(f"CREATE DATABASE {NAME}", "postgres")
        source = ["-h", "127.0.0.1", "-p", primary.port, "-U", "postgres"]
        run("pg_basebackup", *source, "-D", folder / "b", "-R", "-c", "fast")
        standby = server("b")
        stack.callback(standby.close)
        standby.start()
        standby.wait()
        primary.sql(
            "ALTER SYSTEM SET synchronous_standby_names = '*'", "postgres"
        )
        primary.sql("SELECT pg_reload_conf()", "postgres")
        yield primary, standby


def promote(standby: Server) -> None:
    """Let a standby be the primary, for which it needs no standby of its own."""
    standby.sql("SELECT pg_promote(true)", "postgres")
