# SPDX-License-Identifier: Apache-2.0
"""Makes a Horizon in a folder, and serves it.

Needs horizon and trove-dashboard in the same virtualenv (``tox -e dashboard``).
"""

import contextlib
import copy
import dataclasses
import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from keystoneauth1 import session
from keystoneauth1.identity import v3
from oslo_config import cfg

from fault_middleware.report import record
from tests import services
from tests.documents import MANUAL, ROOT, blocks
from tests.fixtures import parse, wait_until
from tests.functional.fragments.service import BIN
from tests.functional.keystone.deployment import PASSWORD
from tests.functional.region import deployment as region
from tests.functional.region.apis import APIS, Api
from tests.functional.region.deployment import PROJECTS, Region
from tests.functional.region.failed import Failed

#: The manual's snippets.
INSTALL, REMOVE = blocks(MANUAL / "dashboard.rst", "shell")
_NOTIFICATIONS = """
[fault_middleware]
consumer = cohosted

[oslo_messaging_notifications]
driver = messagingv2
topics = fault_middleware
"""
_SETTINGS = """\
ALLOWED_HOSTS = ["127.0.0.1"]
SECRET_KEY = "of the tests"
OPENSTACK_KEYSTONE_URL = "{identity}/v3"
SESSION_ENGINE = "django.contrib.sessions.backends.file"
SESSION_FILE_PATH = "{folder}/sessions"
CACHES = {{
    "default": {{"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
}}
STATIC_ROOT = "{folder}/static"
COMPRESS_OFFLINE = True
AVAILABLE_THEMES = [("default", "Default", "themes/default")]
"""


def folder_of(package: str) -> Path:
    """Where a package is installed."""
    found = importlib.util.find_spec(package)
    assert found is not None
    assert found.origin is not None
    return Path(found.origin).parent


class Horizon:
    """A Horizon with trove-dashboard, and with nothing of ours yet.

    Its files are copied, as a deployer puts others beside them.

    :ivar folder: that has ``openstack_dashboard`` in it
    """

    def __init__(self, folder: Path, identity: str) -> None:
        self.folder = folder
        self.port = services.free_port()
        package = folder / "openstack_dashboard"
        (folder / "sessions").mkdir(parents=True)
        own = folder_of("openstack_dashboard")
        without = shutil.ignore_patterns("locale", "test", "__pycache__")
        shutil.copytree(own, package, ignore=without)
        settings = _SETTINGS.format(identity=identity, folder=folder)
        (package / "local/local_settings.py").write_text(settings)
        for file in (folder_of("trove_dashboard") / "enabled").glob("_1*.py"):
            shutil.copy(file, package / "local/enabled")
        self._run("python -m django collectstatic --noinput")
        self._run("python -m django compress --force")

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def environ(self) -> dict[str, str]:
        return {
            **os.environ,
            "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": str(self.folder),
            "PYTHONWARNINGS": "ignore",
            "DJANGO_SETTINGS_MODULE": "openstack_dashboard.settings",
        }

    def elsewhere(self) -> "Horizon":
        """The same files, served on another port."""
        found = copy.copy(self)
        found.port = services.free_port()
        return found

    def follow(self, *snippets: str) -> None:
        """Run snippets of the manual, as they are pasted."""
        for snippet in snippets:
            self._run(snippet)

    def _run(self, script: str) -> None:
        ended = subprocess.run(
            ["bash", "-euc", script],
            env=self.environ,
            cwd=self.folder,
            capture_output=True,
            text=True,
        )
        assert ended.returncode == 0, ended.stderr[-3000:]

    @contextlib.contextmanager
    def served(self) -> Iterator[None]:
        """Under gunicorn, until the block ends."""
        command = [
            *(str(BIN / "gunicorn"), "-k", "gthread", "--threads", "8"),
            *("-b", f"127.0.0.1:{self.port}", "--preload"),
            "tests.functional.dashboard.wsgi",
        ]
        paths = f"{self.folder}{os.pathsep}{ROOT}"
        with services.process(
            command,
            self.folder / "log",
            port=self.port,
            env={**self.environ, "PYTHONPATH": paths},
            cwd=self.folder,
        ):
            yield


@dataclasses.dataclass(frozen=True)
class Stand:
    """A cloud of two services with a Horizon.

    :ivar conf: of the faults
    """

    folder: Path
    region: Region
    horizon: Horizon
    conf: cfg.ConfigOpts

    def fail(self, failed: Failed, message: str, details: str) -> None:
        """Record a fault by the direct call."""
        said = (failed.id, message, details, failed.service)
        record(*said, conf=self.conf, project_id=failed.project_id)

    def fail_in_trove(self, project: str, message: str) -> None:
        """Let the resize of a volume fail within Trove, which notifies of it."""
        failed = self.region.of(project)["trove"]
        member = _session(self.region, project)
        url = member.get_endpoint(service_type="database")

        def is_shown() -> bool:
            answer = member.get(f"{url}/instances/{failed.id}").json()
            said: str = answer["instance"]["fault"]["message"]
            return message in said

        # It listens from its first request on; what was notified of before that is lost.
        log = self.folder / "region/trove/log"
        assert not is_shown()
        wait_until(lambda: "Listening for" in log.read_text())
        conf = self.folder / "region/trove/.trove/trove.conf"
        environ = {
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "PYTHONWARNINGS": "ignore",
            "TROVE_CONF": str(conf),
            "TROVE_PROJECT": failed.project_id,
        }
        script = [sys.executable, "-m", "tests.functional.trove.fail"]
        event = ["DBaaSInstanceResizeVolume", failed.id, message]
        ended = subprocess.run(
            [*script, *event, "taskmanager"],
            env=environ,
            cwd=self.folder,
            capture_output=True,
            text=True,
        )
        assert ended.returncode == 0, ended.stderr
        wait_until(is_shown)


def _session(running: Region, project: str) -> session.Session:
    """That of the member of a project."""
    password = v3.Password(
        f"{running.keystone.url}/v3",
        username=PROJECTS[project],
        password=PASSWORD,
        user_domain_id="default",
        project_id=running.keystone.projects[project],
    )
    return session.Session(password)


@contextlib.contextmanager
def stand(
    folder: Path, *, mariadb: str, broker: services.Broker
) -> Iterator[Stand]:
    """Keystone, Trove, Cinder, and a Horizon with our panel, installed as the manual says."""
    apis = [_api(api) for api in APIS if api.name in ("cinder", "trove")]
    with region.served(
        folder / "region", mariadb=mariadb, broker=broker, apis=apis
    ) as running:
        horizon = Horizon(folder / "horizon", running.keystone.url)
        horizon.follow(INSTALL)
        conf = parse(folder / "region/faults.conf")
        with horizon.served():
            yield Stand(folder, running, horizon, conf)


def _api(api: Api) -> Api:
    """An API as in the cloud; Trove's takes the notifications that it sends."""
    if api.name != "trove":
        return api
    options = api.service.options + _NOTIFICATIONS
    service = dataclasses.replace(api.service, options=options)
    return dataclasses.replace(api, service=service)
