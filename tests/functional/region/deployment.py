# SPDX-License-Identifier: Apache-2.0
"""Makes the cloud in a folder, and runs it."""

import concurrent.futures
import contextlib
import dataclasses
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from fault_middleware.report import record
from tests import services
from tests.fixtures import (
    close,
    make_store,
    new_database,
    parse,
    write_configuration,
)
from tests.functional.fragments import service as fragments
from tests.functional.keystone import deployment as keystone
from tests.functional.keystone.deployment import Keystone
from tests.functional.region import rows
from tests.functional.region.apis import APIS, Api
from tests.functional.region.failed import Failed

#: The projects, each with the name of its member.
PROJECTS = {"orders": "alice", "billing": "bob"}
#: How many services make their tables at a time.
_AT_A_TIME = 3
_NO_CLOUD = '{"servers": {}, "ports": {}}'


@dataclasses.dataclass(frozen=True)
class Region:
    """A cloud that answers.

    :ivar apis: by the names of the services
    """

    keystone: Keystone
    failed: list[Failed]
    apis: dict[str, "Processes"]

    def of(self, project: str) -> dict[str, Failed]:
        """What has failed in a project, by service."""
        return {
            one.service: one for one in self.failed if one.project == project
        }

    @contextlib.contextmanager
    def away(self, service: str) -> Iterator[None]:
        """Meanwhile nobody listens where the catalog says that a service is."""
        self.apis[service].stop()
        try:
            yield
        finally:
            self.apis[service].start()


class Processes:
    """The API of a service, and the engines that it needs to answer."""

    def __init__(self, api: Api, made: fragments.Deployment) -> None:
        self._api = api
        self._made = made
        self._running = contextlib.ExitStack()

    def start(self) -> None:
        made = self._made
        cloud = made.home / "cloud.json"
        cloud.write_text(_NO_CLOUD)
        environ = {**made.environ, "TROVE_CLOUD": str(cloud)}
        options = {"env": environ, "cwd": made.folder, "seconds": 180}
        for engine in self._api.engines:
            log = made.home / f"{engine}.log"
            command = [str(fragments.BIN / engine)]
            process = services.process(command, log, **options)
            self._running.enter_context(process)
        command = fragments.api_command(made)
        log = made.home / "log"
        process = services.process(command, log, port=made.port, **options)
        self._running.enter_context(process)

    def stop(self) -> None:
        self._running.close()


@contextlib.contextmanager
def served(
    folder: Path,
    *,
    mariadb: str,
    broker: services.Broker,
    apis: Sequence[Api] = APIS,
) -> Iterator[Region]:
    """APIs with our filter, a real Keystone with all of them in its catalog, and failures.

    :param mariadb: for the faults, and for services that cannot do with a file
    :param broker: for the services whose APIs ask an engine
    """
    folder.mkdir(exist_ok=True)
    users = tuple(api.name for api in apis)
    with (
        new_database(mariadb) as faults,
        _databases(mariadb, apis) as owns,
        keystone.served(
            folder / "keystone", projects=PROJECTS, service_users=users
        ) as identity,
        _neighbours(folder) as networks,
        contextlib.ExitStack() as stack,
    ):
        store = make_store(faults)
        stack.callback(close, store)
        maker = _Maker(folder, identity, faults, owns, broker, networks)
        with concurrent.futures.ThreadPoolExecutor(_AT_A_TIME) as pool:
            made = list(pool.map(maker.make, apis))
        failed = []
        for api in apis:
            failed += maker.failed(api)
        _fail(folder, faults, failed)
        running = {
            api.name: Processes(api, files)
            for api, files in zip(apis, made, strict=True)
        }
        stack.callback(_stop, list(running.values()))
        with concurrent.futures.ThreadPoolExecutor(_AT_A_TIME) as pool:
            list(pool.map(Processes.start, running.values()))
        yield Region(identity, failed, running)


def _stop(running: list[Processes]) -> None:
    """All at a time: some take all the time that they are given."""
    with concurrent.futures.ThreadPoolExecutor(len(running)) as pool:
        list(pool.map(Processes.stop, running))


@dataclasses.dataclass(frozen=True)
class _Maker:
    """Makes the files and tables of services.

    :ivar owns: databases, of those that need one on a server
    """

    folder: Path
    identity: Keystone
    faults: str
    owns: dict[str, str]
    broker: services.Broker
    networks: str

    def failed(self, api: Api) -> list[Failed]:
        """What is to fail of a service: one thing in each project."""
        return [
            Failed(api.name, project, self.identity.projects[project])
            for project in PROJECTS
        ]

    def make(self, api: Api) -> fragments.Deployment:
        """Of one service, with its place in the catalog."""
        projects = [
            f"{one.project}={one.project_id}" for one in self.failed(api)
        ]
        made = fragments.build(
            api.service,
            self.folder / api.name,
            faults=self.faults,
            own=self.owns.get(api.name, ""),
            broker=self.broker.url,
            authtoken=self.identity.authtoken(api.name),
            identity=self.identity.url,
            networks=self.networks,
            projects=" ".join(projects),
        )
        url = (
            self.owns.get(api.name)
            or f"sqlite:///{made.folder}/service.sqlite"
        )
        for failed in self.failed(api):
            # Nova's are kept in several places, which it writes itself.
            if api.name != "nova":
                rows.write(api.name, url, failed)
        self.identity.add_service(
            api.kind, f"http://127.0.0.1:{made.port}{api.path}"
        )
        return made


def _fail(folder: Path, faults: str, failed: Sequence[Failed]) -> None:
    """Record the faults by the direct call, as a service that reports does."""
    names = ",".join(sorted({one.service for one in failed}))
    file = write_configuration(folder / "faults.conf", faults, profiles=names)
    conf = parse(file)
    for one in failed:
        said = (one.id, one.message, one.details, one.service)
        record(*said, conf=conf, project_id=one.project_id)


@contextlib.contextmanager
def _databases(mariadb: str, apis: Sequence[Api]) -> Iterator[dict[str, str]]:
    """A database for each service that needs one on a server."""
    with contextlib.ExitStack() as stack:
        yield {
            api.name: stack.enter_context(new_database(mariadb))
            for api in apis
            if api.service.needs_mariadb
        }


@contextlib.contextmanager
def _neighbours(folder: Path) -> Iterator[str]:
    """What stands in for Neutron, which Nova asks for security groups; its address."""
    port = services.free_port()
    command = [sys.executable, "-m", "tests.functional.nova.neighbours"]
    with services.process(
        [*command, "networks", str(port)],
        folder / "networks.log",
        port=port,
        cwd=fragments.ROOT,
    ):
        yield f"http://127.0.0.1:{port}"
