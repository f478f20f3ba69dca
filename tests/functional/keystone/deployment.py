# SPDX-License-Identifier: Apache-2.0
"""A real Keystone: people of two projects, an administrator, the services' users, and a catalog.

Needs keystone in the same virtualenv (``tox -e cloud``).
"""

import contextlib
import dataclasses
import os
import subprocess
import sysconfig
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from keystoneauth1 import session
from keystoneauth1.identity import v3

from tests import services

ROOT = Path(__file__).parents[3]
BIN = Path(sysconfig.get_path("scripts"))
#: Of everybody here.
PASSWORD = "secret"
REGION = "RegionOne"
#: The project of the administrator, and that of the services.
ADMINISTRATION = "admin"
SERVICE = "service"
_CONFIGURATION = """\
[DEFAULT]
use_stderr = true

[database]
connection = {database}

[token]
provider = fernet

[fernet_tokens]
key_repository = {folder}/fernet

[identity]
# Else each password takes a quarter of a second.
password_hash_rounds = 4
"""


@dataclasses.dataclass(frozen=True)
class Keystone:
    """A Keystone that answers.

    :ivar url: without the version
    :ivar projects: ids, by the names of the projects
    """

    url: str
    projects: dict[str, str]
    _session: session.Session

    def call(self, method: str, path: str, **body: Any) -> Any:
        """What the administrator is answered."""
        options = {"json": body} if body else {}
        answer = self._session.request(
            f"{self.url}/v3{path}", method, **options
        )
        return answer.json() if answer.content else None

    def add_project(self, name: str) -> str:
        """A new project; its id."""
        made = self.call("POST", "/projects", project={"name": name})
        found: str = made["project"]["id"]
        self.projects[name] = found
        return found

    def add_user(self, name: str, project: str, *roles: str) -> None:
        """A new user, with roles in a project.

        :param project: its name
        """
        user = {"name": name, "password": PASSWORD}
        made = self.call("POST", "/users", user=user)
        where = (
            f"/projects/{self.projects[project]}/users/{made['user']['id']}"
        )
        for found in self.call("GET", "/roles")["roles"]:
            if found["name"] in roles:
                self.call("PUT", f"{where}/roles/{found['id']}")

    def add_service(self, kind: str, url: str) -> None:
        """A service in the catalog.

        :param kind: its type
        :param url: of its API; ``%(project_id)s`` stands for the project of whoever asks
        """
        service = {"type": kind, "name": kind}
        made = self.call("POST", "/services", service=service)
        for interface in ("public", "internal", "admin"):
            endpoint = {
                "service_id": made["service"]["id"],
                "interface": interface,
                "region_id": REGION,
                "url": url,
            }
            self.call("POST", "/endpoints", endpoint=endpoint)

    def authtoken(self, user: str) -> dict[str, str]:
        """The options of keystonemiddleware for a service whose user is this one."""
        return {
            "www_authenticate_uri": self.url,
            "auth_url": self.url,
            "auth_type": "password",
            "username": user,
            "password": PASSWORD,
            "user_domain_id": "default",
            "project_domain_id": "default",
            "project_name": SERVICE,
            "region_name": REGION,
            "service_token_roles": SERVICE,
            "service_token_roles_required": "true",
        }


@contextlib.contextmanager
def served(
    folder: Path,
    *,
    projects: Mapping[str, str],
    service_users: tuple[str, ...] = (),
) -> Iterator[Keystone]:
    """A Keystone with a new database in a folder, under gunicorn.

    :param projects: the names of projects, each with the name of its member
    :param service_users: with the roles service and admin in the services' project
    """
    folder.mkdir()
    port = services.free_port()
    url = f"http://127.0.0.1:{port}"
    _build(folder, url)
    gunicorn = [
        *(str(BIN / "gunicorn"), "-k", "gthread", "--threads", "16"),
        *(
            "-b",
            f"127.0.0.1:{port}",
            "tests.functional.keystone.wsgi:application",
        ),
    ]
    with services.process(
        gunicorn,
        folder / "keystone.log",
        port=port,
        env=_environ(folder),
        cwd=folder,
    ):
        keystone = _enter(url)
        keystone.add_project(SERVICE)
        for user in service_users:
            keystone.add_user(user, SERVICE, "admin", "service")
        for name, member in projects.items():
            keystone.add_project(name)
            keystone.add_user(member, name, "member")
        yield keystone


def _build(folder: Path, url: str) -> None:
    """The files and the tables of a Keystone that knows its administrator and itself."""
    text = _CONFIGURATION.format(
        folder=folder, database=f"sqlite:///{folder}/keystone.sqlite"
    )
    (folder / "keystone.conf").write_text(text)
    (folder / "fernet").mkdir(mode=0o700)
    _manage(folder, "db_sync")
    ids = ["--keystone-user", str(os.getuid())]
    ids += ["--keystone-group", str(os.getgid())]
    _manage(folder, "fernet_setup", *ids)
    addresses = []
    for interface in ("public", "internal", "admin"):
        addresses += [f"--bootstrap-{interface}-url", f"{url}/v3"]
    password = ["--bootstrap-password", PASSWORD]
    region = ["--bootstrap-region-id", REGION]
    _manage(folder, "bootstrap", *password, *region, *addresses)


def _manage(folder: Path, *arguments: str) -> None:
    file = ["--config-file", str(folder / "keystone.conf")]
    ended = subprocess.run(
        [str(BIN / "keystone-manage"), *file, *arguments],
        env=_environ(folder),
        cwd=folder,
        capture_output=True,
        text=True,
    )
    assert ended.returncode == 0, ended.stderr[-3000:]


def _environ(folder: Path) -> dict[str, str]:
    return {
        **os.environ,
        "OS_KEYSTONE_CONFIG_DIR": str(folder),
        "PYTHONPATH": str(ROOT),
        "PYTHONWARNINGS": "ignore",
    }


def _enter(url: str) -> Keystone:
    """The Keystone as its administrator finds it."""
    password = v3.Password(
        f"{url}/v3",
        username="admin",
        password=PASSWORD,
        user_domain_id="default",
        project_name=ADMINISTRATION,
        project_domain_id="default",
    )
    keystone = Keystone(url, {}, session.Session(password))
    for found in keystone.call("GET", "/projects")["projects"]:
        keystone.projects[found["name"]] = found["id"]
    return keystone
