# SPDX-License-Identifier: Apache-2.0
"""Makes a deployment of Trove in a folder, and serves it."""

import configparser
import contextlib
import dataclasses
import json
import os
import subprocess
import sys
import sysconfig
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from tests import services
from tests.documents import MANUAL, blocks
from tests.functional.trove import client

ROOT = Path(__file__).parents[3]
BIN = Path(sysconfig.get_path("scripts"))
CONFIGURATION = """\
[DEFAULT]
bind_host = 127.0.0.1
bind_port = {port}
trove_api_workers = 2
api_paste_config = {folder}/api-paste.ini
use_stderr = true
state_path = {folder}
control_exchange = trove
transport_url = {rpc}
trove_conductor_workers = 2
remote_nova_client = tests.functional.trove.clouds.nova
remote_neutron_client = tests.functional.trove.clouds.neutron
remote_cinder_client = tests.functional.trove.clouds.cinder
remote_glance_client = tests.functional.trove.clouds.glance
remote_guest_client = tests.functional.trove.clouds.guest
agent_heartbeat_expiry = 3000000000
http_get_rate = 1000000000
http_post_rate = 1000000000

[service_credentials]
region_name = RegionOne
username = trove
project_id = service

[mysql]
volume_support = True

[keystone_authtoken]
www_authenticate_uri = http://127.0.0.1/identity/v3
service_token_roles_required = True

[database]
connection = {database}
"""


@dataclasses.dataclass
class Deployment:
    """Trove's files in a folder."""

    folder: Path
    port: int

    @property
    def conf(self) -> Path:
        return self.folder / "trove.conf"

    @property
    def paste(self) -> Path:
        return self.folder / "api-paste.ini"

    @property
    def environ(self) -> dict[str, str]:
        return {
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "PYTHONWARNINGS": "ignore",
            "PYTHONUNBUFFERED": "1",
            "TROVE_CLOUD": str(self.folder / "cloud.json"),
            "TROVE_CONF": str(self.conf),
        }

    def run(self, *arguments: str) -> None:
        """Run a command in the deployment's environment."""
        ended = subprocess.run(
            arguments,
            env=self.environ,
            cwd=self.folder,
            capture_output=True,
            text=True,
        )
        assert ended.returncode == 0, ended.stderr

    def request(
        self, method: str, path: str, person: str, body: object = None
    ) -> tuple[int, dict[str, Any]]:
        """Status and JSON of an answer of the API; the path is behind the project."""
        project = person.split(":")[1]
        data = None if body is None else json.dumps(body)
        status, _, text = client.request(
            self, f"/v1.0/{project}{path}", person, method, data
        )
        return status, json.loads(text) if text[:1] == b"{" else {}

    def notify(
        self,
        event: str,
        instance_id: str,
        message: str = "",
        server: str = "taskmanager",
    ) -> None:
        """Let an operation end: badly with a message, well without."""
        script = "tests.functional.trove.fail"
        self.run(
            sys.executable, "-m", script, event, instance_id, message, server
        )


def build(
    folder: Path,
    *,
    faults: str,
    broker: str,
    rpc: str = "fake:/",
    own: str = "",
    spares: bool = False,
) -> Deployment:
    """Make a deployment with the filter, as the manual says.

    :param faults: the database of the faults
    :param broker: where the notifications go
    :param rpc: where all else of Trove goes; by default it stays in memory
    :param own: Trove's own database; by default a file in the folder
    :param spares: whether there are instances for failures
    """
    deployment = stock(folder, rpc=rpc, own=own, spares=spares)
    paste(deployment, blocks(MANUAL / "install/trove.rst", "ini")[:3])
    url = {"transport_url": broker}
    configure(
        deployment, {"fault_middleware_database": {"connection": faults}}
    )
    configure(deployment, {"oslo_messaging_notifications": url})
    return deployment


def stock(
    folder: Path, *, rpc: str = "fake:/", own: str = "", spares: bool = False
) -> Deployment:
    """Make a deployment without anything of ours, and make and seed its database.

    Trove's own api-paste.ini is taken as it is installed, and the look-up of
    authtoken is replaced.
    """
    folder.mkdir()
    deployment = Deployment(folder, services.free_port())
    values = {
        "rpc": rpc,
        "database": own or f"sqlite:///{folder}/trove.sqlite",
    }
    deployment.conf.write_text(
        CONFIGURATION.format(folder=folder, port=deployment.port, **values)
    )
    pipelines = _parser(
        (Path(sys.prefix) / "etc/trove/api-paste.ini").read_text()
    )
    pipelines["filter:authtoken"].clear()
    factory = "tests.keystone:filter_factory"
    pipelines["filter:authtoken"]["paste.filter_factory"] = factory
    _write(pipelines, deployment.paste)

    manage = str(BIN / "trove-manage")
    deployment.run(manage, "--config-file", str(deployment.conf), "db_sync")
    seed = [sys.executable, "-m", "tests.functional.trove.seed"]
    deployment.run(*seed, *(["spares"] if spares else []))
    return deployment


def paste(deployment: Deployment, snippets: Sequence[str]) -> None:
    """Paste snippets of a document into the two files that they are for."""
    database, pipelines, notifications = snippets
    conf = _parser(deployment.conf.read_text())
    conf.read_string(database)
    conf.read_string(notifications)
    _write(conf, deployment.conf)

    parser = _parser(deployment.paste.read_text())
    before = parser["pipeline:troveapi"]["pipeline"].split()
    parser.read_string(pipelines)
    after = parser["pipeline:troveapi"]["pipeline"].split()
    assert [name for name in after if name != "fault"] == before
    # The tests' trove.conf is not where the name of the project leads to.
    parser["filter:fault"]["oslo_config_file"] = str(deployment.conf)
    _write(parser, deployment.paste)


def configure(
    deployment: Deployment, options: Mapping[str, Mapping[str, str]]
) -> None:
    """Set options of sections in trove.conf."""
    conf = _parser(deployment.conf.read_text())
    for section, values in options.items():
        if section != "DEFAULT" and not conf.has_section(section):
            conf.add_section(section)
        for name, value in values.items():
            conf.set(section, name, value)
    _write(conf, deployment.conf)


def _write(parser: configparser.RawConfigParser, file: Path) -> None:
    with file.open("w") as stream:
        parser.write(stream)


def _parser(text: str) -> configparser.RawConfigParser:
    parser = configparser.RawConfigParser(strict=False)
    parser.optionxform = str
    parser.read_string(text)
    return parser


def without_filter(deployment: Deployment, folder: Path) -> Deployment:
    """The same deployment, on a port of its own, without the filter."""
    folder.mkdir()
    bare = Deployment(folder, services.free_port())
    text = deployment.conf.read_text().replace(
        f"bind_port = {deployment.port}", f"bind_port = {bare.port}"
    )
    bare.conf.write_text(text.replace(str(deployment.paste), str(bare.paste)))
    bare.paste.write_text(deployment.paste.read_text().replace(" fault ", " "))
    (folder / "cloud.json").write_text(
        (deployment.folder / "cloud.json").read_text()
    )
    return bare


@contextlib.contextmanager
def serve(
    deployment: Deployment, server: str
) -> Iterator[subprocess.Popen[bytes]]:
    """Serve the API, with two workers.

    :param server: trove-api (eventlet), gunicorn, gunicorn-gthread or uwsgi; the
        latter two without Trove's monkey patch, with which they cannot work
    """
    environ = deployment.environ
    address = f"127.0.0.1:{deployment.port}"
    wsgi = "tests.functional.trove.wsgi:application"
    if server == "trove-api":
        command = [
            str(BIN / "trove-api"),
            "--config-file",
            str(deployment.conf),
        ]
    elif server == "uwsgi":
        environ["NO_EVENTLET_MONKEYPATCH"] = "1"
        command = [
            str(BIN / "uwsgi"),
            *("--http-socket", address, "--master", "--processes", "2"),
            *("--enable-threads", "--die-on-term", "--need-app"),
            *("--virtualenv", sys.prefix, "--module", wsgi),
        ]
    else:
        command = [str(BIN / "gunicorn"), "-w", "2", "-b", address, wsgi]
        if server == "gunicorn-gthread":
            environ["NO_EVENTLET_MONKEYPATCH"] = "1"
            command[1:1] = ["-k", "gthread", "--threads", "2"]
    log = deployment.folder / f"{server}.log"
    with services.process(
        command, log, port=deployment.port, env=environ, cwd=deployment.folder
    ) as running:
        yield running


@contextlib.contextmanager
def run(
    deployment: Deployment, name: str
) -> Iterator[subprocess.Popen[bytes]]:
    """One of the processes behind the API: trove-taskmanager or trove-conductor."""
    command = [str(BIN / name), "--config-file", str(deployment.conf)]
    with _begin(deployment, name, command) as running:
        yield running


@contextlib.contextmanager
def run_agents(
    deployment: Deployment, *instances: str
) -> Iterator[subprocess.Popen[bytes]]:
    """The guest agents of instances."""
    agents = [sys.executable, "-m", "tests.functional.trove.guest"]
    with _begin(deployment, "agents", [*agents, *instances]) as running:
        yield running


@contextlib.contextmanager
def _begin(
    deployment: Deployment, name: str, command: list[str]
) -> Iterator[subprocess.Popen[bytes]]:
    log = deployment.folder / f"{name}.log"
    folder = deployment.folder
    with services.process(
        command, log, env=deployment.environ, cwd=folder
    ) as running:
        yield running
