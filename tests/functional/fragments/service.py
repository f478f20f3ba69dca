# SPDX-License-Identifier: Apache-2.0
"""Makes and serves the API of a service with our fragment in its own paste file."""

import configparser
import contextlib
import dataclasses
import json
import os
import subprocess
import sys
import sysconfig
from collections.abc import Iterator, Mapping
from pathlib import Path

from tests import services

ROOT = Path(__file__).parents[3]
FRAGMENTS = ROOT / "etc/fault_middleware/api-paste"
BIN = Path(sysconfig.get_path("scripts"))
INSTANCE = "5f15e2a3-b556-4cd7-8ce4-e893e533dba1"
NO_KEYSTONE = {"www_authenticate_uri": "http://127.0.0.1/identity/v3"}
# What every service is configured with; {folder} is where it keeps its configuration.
CONFIGURATION = """\
[DEFAULT]
transport_url = {broker}
state_path = {folder}
bind_host = 127.0.0.1
bind_port = {port}
use_stderr = true

[database]
connection = {database}

[oslo_concurrency]
lock_path = {folder}/locks

[fault_middleware]
consumer = external

[fault_middleware_database]
connection = {faults}
"""


@dataclasses.dataclass(frozen=True)
class Service:
    """How a service is served, and what a show of it looks like.

    :ivar path: of a show, ``{id}`` in it
    :ivar body: the answer of the service, a member with the value ``{id}`` in it
    :ivar module: of its WSGI application, for gunicorn; or
    :ivar program: of its API, which serves by itself
    :ivar file: its configuration, in the folder ``.SERVICE`` of the home; by default SERVICE.conf
    :ivar paste: its paste file
    :ivar options: what it needs in its configuration
    :ivar prepare: commands that make its database, where it wants one to start
    :ivar needs_mariadb: whether these commands fail on SQLite
    """

    name: str
    path: str
    body: dict[str, object]
    module: str = ""
    program: str = ""
    file: str = ""
    paste: str = "api-paste.ini"
    options: str = ""
    prepare: tuple[str, ...] = ()
    needs_mariadb: bool = False


SERVICES = [
    Service(
        "cinder",
        "/v3/p1/volumes/{id}",
        {"volume": {"id": "{id}", "status": "error"}},
        module="cinder.wsgi.api",
        options="[DEFAULT]\nauth_strategy = keystone\n",
        prepare=("cinder-manage db sync",),
    ),
    Service(
        "designate",
        "/v2/zones/{id}",
        {"id": "{id}", "status": "ERROR"},
        module="designate.wsgi.api",
        options="[service:api]\nauth_strategy = keystone\n",
    ),
    Service(
        "glance",
        "/v2/images/{id}",
        {"id": "{id}", "status": "queued"},
        module="glance.wsgi.api",
        file="glance-api.conf",
        paste="glance-api-paste.ini",
        options="[paste_deploy]\nflavor = keystone\n"
        "[glance_store]\nfilesystem_store_datadir = {folder}/images\n",
    ),
    Service(
        "heat",
        "/v1/p1/stacks/orders/{id}",
        {"stack": {"id": "{id}", "stack_status": "CREATE_FAILED"}},
        module="heat.wsgi.api",
    ),
    Service(
        "magnum",
        "/v1/clusters/{id}",
        {"uuid": "{id}", "status": "CREATE_FAILED"},
        module="magnum.wsgi.api",
    ),
    Service(
        "manila",
        "/v2/shares/{id}",
        {"share": {"id": "{id}", "status": "error"}},
        module="manila.wsgi.api",
        options="[DEFAULT]\nauth_strategy = keystone\n",
    ),
    Service(
        "masakari",
        "/v1/notifications/{id}",
        {"notification": {"notification_uuid": "{id}", "status": "failed"}},
        module="masakari.wsgi.api",
        options="[DEFAULT]\nauth_strategy = keystone\n",
    ),
    Service(
        "nova",
        "/v2.1/servers/{id}",
        {"server": {"id": "{id}", "status": "ACTIVE"}},
        module="nova.wsgi.osapi_compute",
        options="[api_database]\nconnection = sqlite:///{folder}/api.sqlite\n"
        "[api]\nauth_strategy = keystone\n",
        prepare=(
            "nova-manage api_db sync",
            "nova-manage db sync --local_cell",
        ),
    ),
    Service(
        "tacker",
        "/vnflcm/v1/vnf_instances/{id}",
        {"id": "{id}", "instantiationState": "NOT_INSTANTIATED"},
        program="tacker-server",
        options="[DEFAULT]\nauth_strategy = keystone\n",
        prepare=("tacker-db-manage --config-file tacker.conf upgrade head",),
        needs_mariadb=True,
    ),
    Service(
        "trove",
        "/v1.0/p1/instances/{id}",
        {"instance": {"id": "{id}", "status": "ERROR"}},
        program="trove-api",
        options="[DEFAULT]\ntrove_api_workers = 1\n",
        prepare=("trove-manage db_sync",),
    ),
]


@dataclasses.dataclass(frozen=True)
class Deployment:
    """A service's files, below a folder that stands for the home of its user."""

    service: Service
    home: Path
    port: int

    @property
    def folder(self) -> Path:
        """Where the service keeps its configuration: one of the places that oslo.config knows."""
        return self.home / f".{self.service.name}"

    @property
    def path(self) -> str:
        return self.service.path.replace("{id}", INSTANCE)

    @property
    def environ(self) -> dict[str, str]:
        body = json.dumps(self.service.body).replace("{id}", INSTANCE)
        return {
            **os.environ,
            "HOME": str(self.home),
            "PYTHONPATH": str(ROOT),
            "PYTHONWARNINGS": "ignore",
            # For those that look in one folder alone.
            f"OS_{self.service.name.upper()}_CONFIG_DIR": str(self.folder),
            "FRAGMENT_ANSWER": body,
            "FRAGMENT_MODULE": self.service.module,
        }


def build(
    service: Service,
    home: Path,
    *,
    faults: str,
    own: str = "",
    broker: str = "fake:/",
    authtoken: Mapping[str, str] | None = None,
    **others: str,
) -> Deployment:
    """Write the configuration where the service keeps it, and its paste file with our fragment.

    :param faults: the database of the faults
    :param own: the service's own database; by default a file
    :param authtoken: options of keystonemiddleware for a real Keystone; the service itself answers
        then. By default the tests' own tokens are good, and the service's ``body`` is the answer
    :param others: what else is in braces in the service's options and commands
    """
    deployment = Deployment(service, home, services.free_port())
    deployment.folder.mkdir(parents=True)
    values = {
        **others,
        "folder": str(deployment.folder),
        "port": str(deployment.port),
        "faults": faults,
        "broker": broker,
        "python": sys.executable,
    }
    values["database"] = own or f"sqlite:///{deployment.folder}/service.sqlite"
    conf = _parser(CONFIGURATION.format(**values))
    conf.read_string(service.options.format(**values))
    conf["DEFAULT"]["api_paste_config"] = str(
        deployment.folder / service.paste
    )
    conf["keystone_authtoken"] = authtoken or NO_KEYSTONE
    _write(conf, deployment.folder / (service.file or f"{service.name}.conf"))

    own = Path(sys.prefix) / f"etc/{service.name}/{service.paste}"
    paste = _parser(own.read_text())
    fragment = (FRAGMENTS / f"{service.name}.ini").read_text()
    _add_fragment(paste, fragment, answers=authtoken is None)
    _write(paste, deployment.folder / service.paste)
    for command in service.prepare:
        _run(command.format(**values), deployment)
    return deployment


def _run(command: str, deployment: Deployment) -> None:
    program, *arguments = command.split()
    # An absolute path stays as it is.
    ended = subprocess.run(
        [str(BIN / program), *arguments],
        env=deployment.environ,
        cwd=deployment.folder,
        capture_output=True,
        text=True,
    )
    assert ended.returncode == 0, ended.stderr[-3000:]


def _add_fragment(
    paste: configparser.RawConfigParser, text: str, *, answers: bool
) -> None:
    """Paste the fragment.

    :param answers: whether, for the test, a filter answers, and another says what a token is
    """
    fragment = _parser(text)
    for section in fragment.sections():
        for name, value in fragment.items(section):
            if section == "filter:fault" or "fault" not in value.split():
                continue
            # All but our filter is as the service ships it.
            without = [word for word in value.split() if word != "fault"]
            assert without == paste[section][name].split(), (section, name)
            words = " ".join(value.split())
            if answers:
                words = words.replace(" fault ", " fault answer ")
            fragment[section][name] = words
    paste.read_dict(fragment)
    if not answers:
        return
    answer = "tests.functional.fragments.answer:filter_factory"
    paste["filter:answer"] = {"paste.filter_factory": answer}
    paste["filter:authtoken"] = {
        "paste.filter_factory": "tests.keystone:filter_factory"
    }


def _parser(text: str) -> configparser.RawConfigParser:
    # [DEFAULT] is a section like others here: its values are not those of each other one.
    parser = configparser.RawConfigParser(
        strict=False, default_section="", delimiters=("=",)
    )
    parser.optionxform = str
    # urlmap's lines are "/path: application".
    parser.read_string(
        text.replace(": ", " = ") if "[composite" in text else text
    )
    return parser


def _write(parser: configparser.RawConfigParser, file: Path) -> None:
    with file.open("w") as stream:
        parser.write(stream)


@contextlib.contextmanager
def serve(deployment: Deployment) -> Iterator[Path]:
    """Serve the API; yields its log."""
    log = deployment.home / "log"
    options = {"env": deployment.environ, "cwd": deployment.folder}
    with services.process(
        api_command(deployment),
        log,
        port=deployment.port,
        seconds=120,
        **options,
    ):
        yield log


def api_command(deployment: Deployment) -> list[str]:
    """How the API is started."""
    service = deployment.service
    if service.program:
        return [str(BIN / service.program)]
    address = f"127.0.0.1:{deployment.port}"
    # Loaded before it listens, so that a service that does not start is seen at once.
    return [
        *(str(BIN / "gunicorn"), "--preload", "-b", address),
        *("-k", "gthread", "--threads", "8"),
        "tests.functional.fragments.wsgi",
    ]
