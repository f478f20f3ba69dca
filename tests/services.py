# SPDX-License-Identifier: Apache-2.0
"""Real servers for the tests: private, on loopback, on free ports, in a folder.

Each is a context manager.  What is not installed raises :class:`Missing`.
"""

import contextlib
import dataclasses
import os
import pwd
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path


class Missing(Exception):
    """A server is not installed on this machine."""


@dataclasses.dataclass
class Broker:
    """A running RabbitMQ.

    :ivar url: for oslo.messaging
    """

    port: int
    environ: dict[str, str]

    @property
    def url(self) -> str:
        return f"rabbit://guest:guest@127.0.0.1:{self.port}/"

    def control(self, *arguments: str) -> str:
        """What rabbitmqctl prints."""
        command = [
            find("rabbitmqctl", Path("/usr/lib/rabbitmq/bin")),
            "-q",
            *arguments,
        ]
        ended = subprocess.run(
            command, env=self.environ, capture_output=True, text=True
        )
        assert ended.returncode == 0, ended.stderr
        return ended.stdout

    def new_host(self, name: str) -> str:
        """Make a virtual host; return its URL."""
        self.control("add_vhost", name)
        self.control("set_permissions", "-p", name, "guest", ".*", ".*", ".*")
        return self.url + name


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


@contextlib.contextmanager
def process(
    arguments: list[str],
    log: Path,
    *,
    port: int | None = None,
    seconds: float = 60,
    **options: object,
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a command in a session of its own, and end it, and all it started."""
    with log.open("ab") as out:
        running = subprocess.Popen(
            arguments,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            **options,
        )
    try:
        if port is not None:
            try:
                wait_for_port(port, running, seconds)
            except RuntimeError as exc:
                raise RuntimeError(
                    f"{exc}\n{log.read_text()[-3000:]}"
                ) from None
        yield running
    finally:
        stop(running)


def stop(running: subprocess.Popen[bytes]) -> None:
    """End a process politely, then what is left of its session."""
    if running.poll() is None:
        running.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            running.wait(20)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(running.pid, signal.SIGKILL)
    running.wait(10)


def wait_for_port(
    port: int,
    running: subprocess.Popen[bytes] | None = None,
    seconds: float = 60,
) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if running is not None and running.poll() is not None:
            raise RuntimeError(
                f"{running.args} ended with {running.returncode}"
            )
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        time.sleep(0.1)
    raise RuntimeError(f"nothing listens on port {port} after {seconds} s")


def new_mariadb(folder: Path) -> list[str]:
    """Make a folder with the data of a MariaDB whose user root has no password.

    :returns: the command that serves them, but for the port; where there is an account ``mysql``,
        that has to run it
    """
    server = find("mariadbd")
    install = find("mariadb-install-db")
    user = account("mysql")
    data = folder / "data"
    folder.mkdir(parents=True)
    if user:
        shutil.chown(folder, user)
    # A server that starts removes the temporary tables of others that share its folder for them.
    subprocess.run(
        [
            install,
            "--no-defaults",
            f"--datadir={data}",
            "--auth-root-authentication-method=normal",
            "--skip-test-db",
        ],
        check=True,
        stdout=subprocess.DEVNULL,
        user=user,
        env={**os.environ, "TMPDIR": str(folder)},
    )
    return [
        server,
        "--no-defaults",
        f"--datadir={data}",
        f"--socket={folder}/socket",
        "--bind-address=127.0.0.1",
        f"--pid-file={folder}/pid",
        f"--tmpdir={folder}",
    ]


@contextlib.contextmanager
def mariadb(
    folder: Path, options: Sequence[str] = (), *, durable: bool = False
) -> Iterator[int]:
    """A MariaDB whose user root has no password; yields its port.

    :param durable: whether a commit is on the disk, as it is by default
    """
    command = new_mariadb(folder)
    port = free_port()
    arguments = [
        *command,
        f"--port={port}",
        # The worst that a server may have for a default.
        "--character-set-server=latin1",
        f"--innodb-flush-log-at-trx-commit={1 if durable else 2}",
        *options,
    ]
    user = account("mysql")
    with process(arguments, folder / "log", port=port, user=user):
        yield port


@contextlib.contextmanager
def postgresql(folder: Path, *, durable: bool = False) -> Iterator[int]:
    """A PostgreSQL that trusts user postgres; yields its port.

    :param durable: whether a commit is on the disk, as it is by default
    """
    initdb = find("initdb", *sorted(Path("/usr/lib/postgresql").glob("*/bin")))
    server = str(Path(initdb).with_name("postgres"))
    data, user = folder / "data", account("postgres")
    folder.mkdir(parents=True)
    if user:
        shutil.chown(folder, user)
    subprocess.run(
        [
            initdb,
            "-U",
            "postgres",
            "-A",
            "trust",
            "-E",
            "UTF8",
            "--no-sync",
            "-D",
            data,
        ],
        check=True,
        stdout=subprocess.DEVNULL,
        user=user,
        cwd=folder,
    )
    port = free_port()
    arguments = [
        server,
        *(
            "-D",
            str(data),
            "-h",
            "127.0.0.1",
            "-p",
            str(port),
            "-k",
            str(folder),
        ),
        *(
            "-c",
            f"fsync={'on' if durable else 'off'}",
            "-c",
            "max_connections=300",
        ),
    ]
    with process(arguments, folder / "log", port=port, user=user, cwd=folder):
        yield port


@contextlib.contextmanager
def rabbitmq(folder: Path, options: str = "") -> Iterator[Broker]:
    """A RabbitMQ node with an epmd of its own.

    :param options: of Erlang, e.g. ``-rabbit consumer_timeout 5000``
    """
    server = find("rabbitmq-server", Path("/usr/lib/rabbitmq/bin"))
    epmd = find("epmd")
    (folder / "home").mkdir(parents=True)
    port, epmd_port, distribution_port = free_port(), free_port(), free_port()
    (folder / "rabbitmq.conf").write_text(
        f"listeners.tcp.1 = 127.0.0.1:{port}\n"
        "disk_free_limit.absolute = 50MB\n"
        "log.console = true\n"
    )
    (folder / "enabled_plugins").write_text("[].\n")
    environ = {
        **os.environ,
        "HOME": f"{folder}/home",
        "RABBITMQ_NODENAME": "fault@localhost",
        "RABBITMQ_CONFIG_FILE": f"{folder}/rabbitmq.conf",
        "RABBITMQ_CONF_ENV_FILE": "/dev/null",
        "RABBITMQ_MNESIA_BASE": f"{folder}/mnesia",
        "RABBITMQ_LOG_BASE": f"{folder}/log",
        "RABBITMQ_ENABLED_PLUGINS_FILE": f"{folder}/enabled_plugins",
        "RABBITMQ_PID_FILE": f"{folder}/pid",
        "RABBITMQ_DIST_PORT": str(distribution_port),
        "ERL_EPMD_PORT": str(epmd_port),
        "ERL_EPMD_ADDRESS": "127.0.0.1",
        "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": (
            f"-kernel inet_dist_use_interface {{127,0,0,1}} {options}"
        ),
    }
    with (
        process(
            [epmd, "-port", str(epmd_port), "-address", "127.0.0.1"],
            folder / "epmd.log",
            port=epmd_port,
            env=environ,
        ),
        process(
            [server],
            folder / "rabbitmq.log",
            port=port,
            seconds=120,
            env=environ,
        ),
    ):
        yield Broker(port, environ)


class Relay:
    """A wire to a server that counts what goes over it, and can fail.

    :ivar target: the port of the server
    :ivar port: where to connect
    :ivar url: the same, for those who need a URL
    :ivar trips: how often a client spoke after the server had, or for the first
        time: the round trips
    """

    def __init__(self, target: int) -> None:
        self.target = target
        self._connections: list[socket.socket] = []
        self._lock = threading.Lock()
        self._passing = threading.Event()
        self._passing.set()
        self._pause = 0.0
        self.url = ""
        self.trips = 0
        self.port = 0
        self.reopen(0)

    def reopen(self, port: int) -> None:
        """Listen on a port; 0 is any."""
        self._listening = socket.create_server(("127.0.0.1", port))
        self.port = self._listening.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def mute(self) -> None:
        """Accept connections and bytes, and hand on nothing."""
        self._passing.clear()

    def unmute(self) -> None:
        """Hand on again, also what was held."""
        self._passing.set()

    def drip(self, seconds: float) -> None:
        """Hand on what servers say byte for byte, with a pause behind each; 0 for at once."""
        self._pause = seconds

    def cut(self) -> None:
        """Close every connection."""
        with self._lock:
            connections, self._connections = self._connections, []
        for connection in connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Cut, and refuse connections from now on."""
        # Wakes accept(), which close() alone would not.
        with contextlib.suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self._passing.set()
        self.cut()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listening.accept()
            except OSError:
                return
            try:
                server = socket.create_connection(("127.0.0.1", self.target))
            except OSError:  # which may listen later
                client.close()
                continue
            with self._lock:
                self._connections += [client, server]
            spoke = [True]
            for source, sink, is_client in (
                (client, server, True),
                (server, client, False),
            ):
                arguments = (source, sink, is_client, spoke)
                threading.Thread(
                    target=self._pass, args=arguments, daemon=True
                ).start()

    def _pass(
        self,
        source: socket.socket,
        sink: socket.socket,
        is_client: bool,
        spoke: list[bool],
    ) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                self._passing.wait()
                if is_client and spoke[0]:
                    with self._lock:
                        self.trips += 1
                spoke[0] = not is_client
                if not is_client:
                    data = self._hand_on_slowly(data, sink)
                sink.sendall(data)
        for end in (source, sink):
            end.close()

    def _hand_on_slowly(self, data: bytes, sink: socket.socket) -> bytes:
        """Hand on byte for byte; returns what is left when that is over."""
        while self._pause and data:
            sink.sendall(data[:1])
            data = data[1:]
            time.sleep(self._pause)
        return data


def find(program: str, *folders: Path) -> str:
    """A program on the path, in the folders, or where Debian puts servers."""
    places = os.pathsep.join(
        map(str, [*folders, os.environ["PATH"], "/usr/sbin"])
    )
    found = shutil.which(program, path=places)
    if found is None:
        raise Missing(f"{program} is not installed")
    return found


def account(name: str) -> str | None:
    """Whom to run a server as: databases refuse to run as root."""
    if os.geteuid() != 0:
        return None
    try:
        return pwd.getpwnam(name).pw_name
    except KeyError:
        return "nobody"
