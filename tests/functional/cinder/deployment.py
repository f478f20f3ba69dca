# SPDX-License-Identifier: Apache-2.0
"""Makes a deployment of Cinder in a folder, and runs its processes."""

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
enabled_backends = good, full
default_volume_type = good
host = {host}
my_ip = 127.0.0.1
transport_url = {broker}
glance_api_servers = http://127.0.0.1:{images}
glance_num_retries = 0
backup_driver = tests.functional.cinder.backup.Driver
backup_posix_path = {folder}/backups
rootwrap_config = {etc}/rootwrap.conf
resource_query_filters_file = {etc}/resource_filters.json
quota_volumes = -1
quota_snapshots = -1
quota_gigabytes = -1
quota_backups = -1
quota_backup_gigabytes = -1
rpc_response_timeout = 20
periodic_interval = 5
report_interval = 2
service_down_time = 20

[good]
volume_driver = tests.functional.cinder.driver.Driver
volume_backend_name = good
target_helper = fake

[full]
volume_driver = tests.functional.cinder.driver.Driver
volume_backend_name = full
target_helper = fake

[database]
connection = {database}

[oslo_concurrency]
lock_path = {folder}/locks

[coordination]
backend_url = file://{folder}/coordination

[oslo_messaging_notifications]
driver = fault_middleware

[fault_middleware]
profiles = cinder
consumer = external
logs = true

[fault_middleware_database]
connection = {faults}
"""


@dataclasses.dataclass(frozen=True)
class Deployment:
    """Cinder's files in a folder."""

    folder: Path
    port: int
    images: int

    @property
    def conf(self) -> Path:
        return self.folder / "cinder.conf"

    @property
    def environ(self) -> dict[str, str]:
        return {
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "PYTHONWARNINGS": "ignore",
            "PYTHONUNBUFFERED": "1",
            "CINDER_CONF": str(self.conf),
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

    def request(self, method, path, token=MEMBER, body=None, version="3.71"):
        """Status and JSON of an answer of the API; the path is behind the project."""
        headers = {
            "X-Auth-Token": token,
            "Content-Type": "application/json",
            "OpenStack-API-Version": f"volume {version}",
        }
        project = token.split(":")[1]
        connection = http.client.HTTPConnection(
            "127.0.0.1", self.port, timeout=60
        )
        try:
            data = None if body is None else json.dumps(body)
            connection.request(
                method, f"/v3/{project}{path}", body=data, headers=headers
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
    """Write the configuration, Cinder's own paste file with our fragment, and its tables.

    :param database: Cinder's own
    :param faults: the database of the faults
    :param broker: for RPC
    """
    for name in ("", "locks", "coordination", "backups", "conversion"):
        (folder / name).mkdir(exist_ok=True)
    deployment = Deployment(folder, services.free_port(), services.free_port())
    etc = Path(sys.prefix) / "etc/cinder"
    deployment.conf.write_text(
        CONFIGURATION.format(
            folder=folder,
            host="tests",
            etc=etc,
            broker=broker,
            images=deployment.images,
            database=database,
            faults=faults,
        )
    )
    paste = _parser((etc / "api-paste.ini").read_text())
    paste["filter:authtoken"].clear()
    paste["filter:authtoken"]["paste.filter_factory"] = (
        "tests.keystone:filter_factory"
    )
    fragment = ROOT / "etc/fault_middleware/api-paste/cinder.ini"
    paste.read_string(fragment.read_text())
    del paste["filter:fault"]["oslo_config_project"]
    paste["filter:fault"]["oslo_config_file"] = str(deployment.conf)
    with (folder / "api-paste.ini").open("w") as file:
        paste.write(file)
    manage = str(BIN / "cinder-manage")
    deployment.run(manage, "--config-file", str(deployment.conf), "db", "sync")
    return deployment


def _parser(text: str) -> configparser.RawConfigParser:
    parser = configparser.RawConfigParser(strict=False, delimiters=("=", ": "))
    parser.optionxform = str
    parser.read_string(text)
    return parser


@contextlib.contextmanager
def serve(deployment: Deployment) -> Iterator[None]:
    """Run all processes of Cinder, and what stands in for Glance."""
    with contextlib.ExitStack() as stack:
        images = [
            sys.executable,
            "-m",
            "tests.functional.cinder.images",
            str(deployment.images),
        ]
        stack.enter_context(
            start(deployment, "images", images, deployment.images)
        )
        for name in ("cinder-scheduler", "cinder-volume", "cinder-backup"):
            stack.enter_context(run(deployment, name))
        wsgi = "tests.functional.cinder.wsgi:application"
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
            start(deployment, "cinder-api", gunicorn, deployment.port)
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
