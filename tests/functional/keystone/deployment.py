# SPDX-License-Identifier: Apache-2.0
"""A real Keystone: people of two projects, an administrator, the services' users, and a catalog.

Needs keystone in the same virtualenv (as in ``tox -e cinder``).
"""

import base64
import concurrent.futures
import contextlib
import dataclasses
import functools
import os
import sqlite3
import subprocess
import sys
import sysconfig
from collections.abc import Collection, Iterator, Mapping
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
DATABASE = "keystone.sqlite"
#: The project of the administrator, and that of the services.
ADMINISTRATION = "admin"
SERVICE = "service"
_CONFIGURATION = """\
[DEFAULT]
use_stderr = true

[database]
connection = sqlite:///{folder}/{database}
# Nobody needs it after a loss of power, and busy disks take half a minute to be sure of it.
sqlite_synchronous = false

# A cloud's Keystone remembers what it has looked up; without, it takes 80 ms to look at a token.
[cache]
enabled = true
backend = oslo_cache.dict

[token]
provider = fernet

[fernet_tokens]
key_repository = {folder}/fernet

[fernet_receipts]
key_repository = {folder}/fernet

[identity]
# Else each password takes a quarter of a second.
password_hash_rounds = 4
"""


@dataclasses.dataclass(frozen=True)
class Keystone:
    """A Keystone.

    :ivar wire: over which it is reached
    :ivar folder: of its files
    :ivar projects: ids, by the names of the projects
    :ivar users: ids, by the names of the users
    """

    wire: services.Relay
    folder: Path
    projects: dict[str, str] = dataclasses.field(default_factory=dict)
    users: dict[str, str] = dataclasses.field(default_factory=dict)
    _tokens: dict[str, str] = dataclasses.field(default_factory=dict)
    _begun: concurrent.futures.Future[None] | None = None

    @property
    def url(self) -> str:
        """Without the version."""
        return f"http://127.0.0.1:{self.wire.port}"

    @functools.cached_property
    def _session(self) -> session.Session:
        return session.Session(
            self._password("admin", project_name=ADMINISTRATION)
        )

    def _password(self, user: str, **project: str) -> v3.Password:
        return v3.Password(
            f"{self.url}/v3",
            username=user,
            password=PASSWORD,
            user_domain_id="default",
            project_domain_id="default",
            **project,
        )

    def wait(self) -> None:
        """Until it answers, and knows whom it was told of."""
        if self._begun is not None:
            self._begun.result()

    @contextlib.contextmanager
    def away(self) -> Iterator[None]:
        """Meanwhile it refuses connections."""
        port = self.wire.port
        self.wire.close()
        try:
            yield
        finally:
            self.wire.reopen(port)

    def token(self, person: str) -> str:
        """The token of somebody who was added, which is always the same.

        :param person: as of :meth:`add_person`
        """
        return self._tokens[person]

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
        self.users[name] = made["user"]["id"]
        where = f"/projects/{self.projects[project]}/users/{self.users[name]}"
        for role in roles:
            self.call("PUT", f"{where}/roles/{self.roles[role]}")

    @functools.cached_property
    def roles(self) -> dict[str, str]:
        """Ids, by the names."""
        found = self.call("GET", "/roles")["roles"]
        return {role["name"]: role["id"] for role in found}

    @contextlib.contextmanager
    def disabled(self, user: str) -> Iterator[None]:
        """Meanwhile a user may not log in."""
        path = f"/users/{self.users[user]}"
        self.call("PATCH", path, user={"enabled": False})
        try:
            yield
        finally:
            self.call("PATCH", path, user={"enabled": True})

    def add_person(self, person: str) -> None:
        """A new user with a token, and the project if it is new.

        :param person: ``ROLE:PROJECT:USER``, of which PROJECT is the id of a project
        """
        role, project, user = person.split(":")
        if project not in self.projects:
            self._number(self.add_project(project), project)
            self.projects[project] = project
        self.add_user(user, project, role)
        password = self._password(user, project_id=project)
        self._tokens[person] = password.get_token(session.Session())

    def _number(self, given: str, wanted: str) -> None:
        """Let a new project, which nothing refers to yet, have another id.

        Keystone's API takes none, and that of the tests' projects stands in their paths and in
        what their stand-ins answer.
        """
        database = sqlite3.connect(self.folder / DATABASE, timeout=60)
        with contextlib.closing(database), database:
            change = "UPDATE project SET id = ? WHERE id = ?"
            database.execute(change, (wanted, given))

    def add_service(self, kind: str, url: str, name: str = "") -> None:
        """A service in the catalog.

        :param kind: its type
        :param url: of its API; ``%(project_id)s`` stands for the project of whoever asks
        :param name: by default its type
        """
        service = {"type": kind, "name": name or kind}
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
    keystone = _new(folder)
    with _serve(keystone):
        _begin(keystone, service_users)
        for name, member in projects.items():
            keystone.add_project(name)
            keystone.add_user(member, name, "member")
        yield keystone


@contextlib.contextmanager
def beginning(
    folder: Path, *, people: Collection[str], service: str
) -> Iterator[Keystone]:
    """A Keystone that is made ready beside the block; see :meth:`Keystone.wait`.

    :param people: as of :meth:`Keystone.add_person`
    :param service: the name of a service, which is that of its user
    """
    keystone = _new(folder)

    def begin() -> None:
        _begin(keystone, (service,))
        for person in people:
            keystone.add_person(person)

    with _serve(keystone), concurrent.futures.ThreadPoolExecutor(1) as pool:
        begun = pool.submit(begin)
        yield dataclasses.replace(keystone, _begun=begun)


def _new(folder: Path) -> Keystone:
    """The files of a Keystone that has not begun."""
    folder.mkdir()
    keys = folder / "fernet"
    keys.mkdir(mode=0o700)
    # As ``keystone-manage fernet_setup`` makes them; the API does not load without.
    for name in ("0", "1"):
        key = base64.urlsafe_b64encode(os.urandom(32))
        (keys / name).write_bytes(key)
    text = _CONFIGURATION.format(folder=folder, database=DATABASE)
    (folder / "keystone.conf").write_text(text)
    return Keystone(services.Relay(services.free_port()), folder)


@contextlib.contextmanager
def _serve(keystone: Keystone) -> Iterator[None]:
    """The API, which is loaded while the tables are made."""
    port = keystone.wire.target
    gunicorn = [
        *(str(BIN / "gunicorn"), "-k", "gthread", "--threads", "16"),
        *("-b", f"127.0.0.1:{port}", "--timeout", "180"),
        # Else it ends connections that clients keep, and may do so when one asks.
        *("--keep-alive", "600"),
        "tests.functional.keystone.wsgi:application",
    ]
    with services.process(
        gunicorn,
        keystone.folder / "keystone.log",
        port=port,
        env=_environ(keystone.folder),
        cwd=keystone.folder,
    ):
        try:
            yield
        finally:
            keystone.wire.close()


def _begin(keystone: Keystone, service_users: tuple[str, ...]) -> None:
    """Make the tables, the administrator and the users of services."""
    ended = subprocess.run(
        [
            *(sys.executable, "-m", "tests.functional.keystone.manage"),
            *(f"{keystone.url}/v3", PASSWORD, REGION),
        ],
        env=_environ(keystone.folder),
        cwd=keystone.folder,
        capture_output=True,
        text=True,
    )
    assert ended.returncode == 0, ended.stderr[-3000:]
    for found in keystone.call("GET", "/projects")["projects"]:
        keystone.projects[found["name"]] = found["id"]
    keystone.add_project(SERVICE)
    for user in service_users:
        keystone.add_user(user, SERVICE, "admin", "service")


def _environ(folder: Path) -> dict[str, str]:
    return {
        **os.environ,
        "OS_KEYSTONE_CONFIG_DIR": str(folder),
        "PYTHONPATH": str(ROOT),
        "PYTHONWARNINGS": "ignore",
    }
