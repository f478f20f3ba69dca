# SPDX-License-Identifier: Apache-2.0
"""A deployment of a real service in a folder: its files, its processes and its API.

What differs between the services is theirs to say, in ``tests/functional/SERVICE``.
"""

import configparser
import contextlib
import dataclasses
import http.client
import json
import os
import shutil
import subprocess
import sys
import sysconfig
import urllib.parse
from collections.abc import Iterator, Mapping
from pathlib import Path

import amqp

from tests import services
from tests.fixtures import wait_until
from tests.functional import emitting
from tests.functional.keystone.deployment import Keystone

ROOT = Path(__file__).parents[2]
BIN = Path(sysconfig.get_path("scripts"))
#: Keystone has these people: ROLE:PROJECT:USER, with the id of the project.
PROJECT = "a1" * 16
ADMIN = f"admin:{PROJECT}:root"
MEMBER = f"member:{PROJECT}:alice"
#: Of another project.
NEIGHBOUR = "member:9b0f0000000040008000000000000001:bob"
PEOPLE = (ADMIN, MEMBER, NEIGHBOUR)
#: The file in a deployment's folder that says that what is behind the service does not answer.
AWAY = "back-end-is-away"
#: The file in a deployment's folder in which its notifications are, where they are kept.
EMITTED = "emitted.lines"
#: What every service is configured with, before what it needs itself.
COMMON = """\
[DEFAULT]
auth_strategy = keystone
host = tests
my_ip = 127.0.0.1
state_path = {folder}
transport_url = {broker}
rpc_response_timeout = 20
periodic_interval = 5
report_interval = 2
service_down_time = 20

[database]
connection = {database}

[oslo_concurrency]
lock_path = {folder}/locks

[coordination]
backend_url = file://{folder}/coordination

[oslo_messaging_notifications]
driver = fault_middleware

[fault_middleware]
profiles = {service}
consumer = external
logs = true
history = true

[fault_middleware_database]
connection = {faults}

"""


@dataclasses.dataclass(frozen=True)
class Deployment:
    """A service's files in a folder.

    :ivar port: of its API
    :ivar prefix: of the paths of its API, such as ``/v3/{project}``
    :ivar headers: of every request, such as the microversion
    :ivar keystone: in whose catalog the API is
    :ivar programs: those that were started, by their names
    """

    service: str
    folder: Path
    port: int
    prefix: str
    headers: Mapping[str, str]
    keystone: Keystone
    programs: dict[str, "Program"] = dataclasses.field(default_factory=dict)

    @property
    def conf(self) -> Path:
        return self.folder / f"{self.service}.conf"

    @property
    def etc(self) -> Path:
        """The files that the service's package brings."""
        return Path(sys.prefix) / "etc" / self.service

    @property
    def environ(self) -> dict[str, str]:
        return {
            **os.environ,
            "PYTHONPATH": os.pathsep.join([str(ROOT), str(self.plugins)]),
            "PYTHONWARNINGS": "ignore",
            "PYTHONUNBUFFERED": "1",
            f"{self.service.upper()}_CONF": str(self.conf),
        }

    @property
    def plugins(self) -> Path:
        """Where packages are that the service finds by their entry points."""
        return self.folder / "plugins"

    def install(self, group: str, name: str, target: str) -> None:
        """Give the service a plugin, of code that is there already.

        :param group: of the entry point, such as ``magnum.drivers``
        :param target: such as ``tests.functional.magnum.driver:Driver``
        """
        folder = self._package(group, name)
        folder.mkdir(parents=True)
        metadata = f"Name: {group}.{name}\nVersion: 1\n"
        (folder / "METADATA").write_text(f"Metadata-Version: 2.1\n{metadata}")
        text = f"[{group}]\n{name} = {target}\n"
        (folder / "entry_points.txt").write_text(text)

    def uninstall(self, group: str, name: str) -> None:
        """Take a plugin away; processes that run may still have it."""
        shutil.rmtree(self._package(group, name))

    def _package(self, group: str, name: str) -> Path:
        return self.plugins / f"{group}.{name}-1.dist-info"

    def command(self, program: str, *arguments: str) -> list[str]:
        """How one of the service's programs is called with the configuration."""
        return [
            str(BIN / program),
            "--config-file",
            str(self.conf),
            *arguments,
        ]

    def log(self, program: str) -> Path:
        """What a program has printed."""
        return self.folder / f"{program}.log"

    def run(self, program: str, *arguments: str) -> None:
        """Run one of the service's programs to its end."""
        ended = subprocess.run(
            self.command(program, *arguments),
            env=self.environ,
            cwd=self.folder,
            capture_output=True,
            text=True,
        )
        assert ended.returncode == 0, ended.stderr

    def request(
        self,
        method: str,
        path: str,
        person: str = MEMBER,
        body: object = None,
        headers: Mapping[str, str] | None = None,
    ):
        """Status and JSON of an answer of the API; the path is behind the prefix."""
        prefix = self.prefix.format(project=person.split(":")[1])
        data = None if body is None else json.dumps(body)
        sent = {
            "X-Auth-Token": self.keystone.token(person),
            "Content-Type": "application/json",
            **self.headers,
            **(headers or {}),
        }
        connection = http.client.HTTPConnection(
            "127.0.0.1", self.port, timeout=60
        )
        with contextlib.closing(connection):
            connection.request(method, prefix + path, body=data, headers=sent)
            answer = connection.getresponse()
            text = answer.read()
        is_json = text[:1] in (b"{", b"[")
        return answer.status, json.loads(text) if is_json else {}


def build(
    deployment: Deployment, configuration: str, **values: object
) -> None:
    """Write the configuration.

    :param configuration: what the service needs besides :data:`COMMON`
    :param values: what is in braces there and in COMMON: ``broker``; ``database``, the
        service's own; ``faults``, the database of the faults
    """
    for name in ("", "locks", "coordination"):
        (deployment.folder / name).mkdir(exist_ok=True)
    text = (COMMON + configuration).format(
        service=deployment.service,
        folder=deployment.folder,
        etc=deployment.etc,
        **values,
    )
    deployment.conf.write_text(text + section(deployment))
    if emitting.is_wanted():
        deployment.install(emitting.GROUP, emitting.NAME, emitting.DRIVER)
        emitting.begin(deployment.conf, deployment.folder / EMITTED)


def section(deployment: Deployment, name: str = "keystone_authtoken") -> str:
    """A section of a configuration, as whom the service asks Keystone."""
    options = deployment.keystone.authtoken(deployment.service)
    lines = [f"{name} = {value}\n" for name, value in options.items()]
    return f"\n[{name}]\n{''.join(lines)}"


def announce(
    deployment: Deployment, kind: str, path: str | None = None
) -> None:
    """Put the API into Keystone's catalog, when Keystone is there.

    :param kind: the type of the service
    :param path: that follows the port there; by default that of the deployment
    """
    if path is None:
        path = deployment.prefix.format(project="%(project_id)s")
    url = f"http://127.0.0.1:{deployment.port}{path}"
    deployment.keystone.wait()
    deployment.keystone.add_service(kind, url)


def paste(deployment: Deployment, name: str = "api-paste.ini") -> None:
    """Write the service's own paste file with our fragment.

    :param name: of the file, in the deployment as in the package
    """
    parser = _parser((deployment.etc / name).read_text())
    fragments = ROOT / "etc/fault_middleware/api-paste"
    parser.read_string((fragments / f"{deployment.service}.ini").read_text())
    for option in ("oslo_config_project", "oslo_config_program"):
        parser["filter:fault"].pop(option, None)
    parser["filter:fault"]["oslo_config_file"] = str(deployment.conf)
    with (deployment.folder / name).open("w") as file:
        parser.write(file)


def _parser(text: str) -> configparser.RawConfigParser:
    # urlmap's lines are "/path: application".
    parser = configparser.RawConfigParser(strict=False, delimiters=("=", ": "))
    parser.optionxform = str
    parser.read_string(text)
    return parser


class Program:
    """A process of a deployment, which can be ended and begun again."""

    def __init__(
        self,
        deployment: Deployment,
        name: str,
        command: list[str],
        port: int | None = None,
    ) -> None:
        self.deployment = deployment
        self.name = name
        self.command = command
        self.port = port
        self._running = contextlib.ExitStack()

    def start(self) -> None:
        process = services.process(
            self.command,
            self.deployment.log(self.name),
            port=self.port,
            seconds=180,
            env=self.deployment.environ,
            cwd=self.deployment.folder,
        )
        self._running.enter_context(process)

    def stop(self) -> None:
        """End it as an operator does: politely, and after 20 s by force."""
        self._running.close()

    def restart(self) -> None:
        self.stop()
        self.start()


@contextlib.contextmanager
def start(
    deployment: Deployment,
    name: str,
    command: list[str] | None = None,
    port: int | None = None,
) -> Iterator[Program]:
    """Run a process of the deployment, whose log has its name.

    :param command: by default the service's program of that name
    :param port: waited for, if any
    """
    program = Program(
        deployment, name, command or deployment.command(name), port
    )
    deployment.programs[name] = program
    program.start()
    try:
        yield program
    finally:
        program.stop()


@contextlib.contextmanager
def serve(deployment: Deployment, *programs: str) -> Iterator[None]:
    """Run programs of the service, in their order, and then its API in gunicorn.

    The application is that of ``tests/functional/SERVICE/wsgi.py``.
    """
    with contextlib.ExitStack() as stack:
        for program in programs:
            stack.enter_context(start(deployment, program))
        gunicorn = [
            *(str(BIN / "gunicorn"), "-k", "gthread", "--threads", "8"),
            *("-b", f"127.0.0.1:{deployment.port}"),
            f"tests.functional.{deployment.service}.wsgi:application",
        ]
        name = f"{deployment.service}-api"
        stack.enter_context(start(deployment, name, gunicorn, deployment.port))
        yield


def wait_for_queue(broker: str, name: str, seconds: float = 60) -> None:
    """Wait until a program receives: what is sent to all before is lost to it.

    :param broker: its URL, with the virtual host
    """
    url = urllib.parse.urlsplit(broker)

    def is_there() -> bool:
        with amqp.Connection(
            host=f"{url.hostname}:{url.port}",
            userid=url.username,
            password=url.password,
            virtual_host=url.path.removeprefix("/"),
        ) as connection:
            try:
                connection.channel().queue_declare(name, passive=True)
            except amqp.NotFound:
                return False
            return True

    wait_until(is_there, seconds)
