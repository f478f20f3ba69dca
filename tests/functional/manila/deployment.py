# SPDX-License-Identifier: Apache-2.0
"""Makes a deployment of Manila in a folder, and runs its processes."""

import configparser
import contextlib
import dataclasses
import http.client
import json
import os
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path

from tests import services

ROOT = Path(__file__).parents[3]
BIN = Path(sysconfig.get_path("scripts"))
PROJECT = "a1" * 16
ADMIN = f"admin:{PROJECT}:root"
MEMBER = f"member:{PROJECT}:alice"
CONFIGURATION = """\
[DEFAULT]
api_paste_config = {folder}/api-paste.ini
auth_strategy = keystone
state_path = {folder}
enabled_share_backends = good
enabled_share_protocols = NFS
default_share_type = plain
host = {host}
my_ip = 127.0.0.1
transport_url = {broker}
rootwrap_config = {etc}/rootwrap.conf
rpc_response_timeout = 20
periodic_interval = 5
report_interval = 2
service_down_time = 20

[quota]
shares = -1
gigabytes = -1
snapshots = -1
snapshot_gigabytes = -1

[good]
share_driver = tests.functional.manila.driver.Driver
share_backend_name = good
driver_handles_share_servers = False

[database]
connection = {database}

[oslo_concurrency]
lock_path = {folder}/locks

[coordination]
backend_url = file://{folder}/coordination

[oslo_messaging_notifications]
driver = fault_middleware

[fault_middleware]
profiles = manila
consumer = external
logs = true

[fault_middleware_database]
connection = {faults}
"""


@dataclasses.dataclass(frozen=True)
class Deployment:
    """Manila's files in a folder."""

    folder: Path
    port: int

    @property
    def conf(self) -> Path:
        return self.folder / "manila.conf"

    @property
    def environ(self) -> dict[str, str]:
        return {
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "PYTHONWARNINGS": "ignore",
            "PYTHONUNBUFFERED": "1",
            "MANILA_CONF": str(self.conf),
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

    def request(self, method, path, token=MEMBER, body=None):
        """Status and JSON of an answer of the API."""
        headers = {
            "X-Auth-Token": token,
            "Content-Type": "application/json",
            "X-OpenStack-Manila-API-Version": "2.65",
            "X-OpenStack-Manila-API-Experimental": "true",
        }
        connection = http.client.HTTPConnection(
            "127.0.0.1", self.port, timeout=60
        )
        try:
            data = None if body is None else json.dumps(body)
            connection.request(
                method, f"/v2{path}", body=data, headers=headers
            )
            answer = connection.getresponse()
            text = answer.read()
        finally:
            connection.close()
        return answer.status, json.loads(text) if text[:1] in (
            b"{",
            b"[",
        ) else {}


def build(
    folder: Path, *, database: str, faults: str, broker: str
) -> Deployment:
    """Write the configuration, Manila's own paste file with our fragment, and its tables.

    :param database: Manila's own
    :param faults: the database of the faults
    :param broker: for RPC
    """
    for name in ("", "locks", "coordination"):
        (folder / name).mkdir(exist_ok=True)
    deployment = Deployment(folder, services.free_port())
    etc = Path(sys.prefix) / "etc/manila"
    deployment.conf.write_text(
        CONFIGURATION.format(
            folder=folder,
            host="tests",
            etc=etc,
            broker=broker,
            database=database,
            faults=faults,
        )
    )
    paste = _parser((etc / "api-paste.ini").read_text())
    paste["filter:authtoken"].clear()
    paste["filter:authtoken"]["paste.filter_factory"] = (
        "tests.keystone:filter_factory"
    )
    fragment = ROOT / "etc/fault_middleware/api-paste/manila.ini"
    paste.read_string(fragment.read_text())
    del paste["filter:fault"]["oslo_config_project"]
    paste["filter:fault"]["oslo_config_file"] = str(deployment.conf)
    with (folder / "api-paste.ini").open("w") as file:
        paste.write(file)
    manage = str(BIN / "manila-manage")
    deployment.run(manage, "--config-file", str(deployment.conf), "db", "sync")
    return deployment


def _parser(text: str) -> configparser.RawConfigParser:
    parser = configparser.RawConfigParser(strict=False, delimiters=("=", ": "))
    parser.optionxform = str
    parser.read_string(text)
    return parser


@contextlib.contextmanager
def serve(deployment: Deployment) -> Iterator[None]:
    """Run all processes of Manila in which shares can fail."""
    with contextlib.ExitStack() as stack:
        for name in ("manila-scheduler", "manila-share"):
            stack.enter_context(run(deployment, name))
        wsgi = "tests.functional.manila.wsgi:application"
        address = f"127.0.0.1:{deployment.port}"
        gunicorn = [
            str(BIN / "gunicorn"),
            "-k",
            "gthread",
            "--threads",
            "8",
            "-b",
            address,
            wsgi,
        ]
        stack.enter_context(
            start(deployment, "manila-api", gunicorn, deployment.port)
        )
        yield


def run(
    deployment: Deployment, name: str
) -> contextlib.AbstractContextManager[object]:
    """One of the processes behind the API."""
    command = [str(BIN / name), "--config-file", str(deployment.conf)]
    return start(deployment, name, command)


@contextlib.contextmanager
def start(
    deployment: Deployment,
    name: str,
    command: list[str],
    port: int | None = None,
) -> Iterator[subprocess.Popen[bytes]]:
    log = deployment.folder / f"{name}.log"
    folder = deployment.folder
    with services.process(
        command, log, port=port, env=deployment.environ, cwd=folder
    ) as running:
        yield running
