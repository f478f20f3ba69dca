# SPDX-License-Identifier: Apache-2.0
"""The API of a real service in the words of the tests, and what is asked of each failure."""

import contextlib
import dataclasses
import importlib.util
import json
import re
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import AbstractContextManager
from importlib import metadata
from pathlib import Path
from typing import Any

from fault_middleware.store import Store
from tests.fixtures import (
    close,
    make_store,
    new_database,
    require,
    rows,
    wait_until,
)
from tests.functional import emitted, emitting, taken
from tests.functional.deployment import ADMIN, AWAY, MEMBER, PEOPLE, Deployment
from tests.functional.keystone import deployment as keystone
from tests.services import Broker, Relay

_PASSING = re.compile(r"\w+ing([-_]\w+)?")

#: What tells of a failure, see :func:`source_of`.
LOG = "log"
NOTIFICATION = "notification"
SERVICE = "service"


@dataclasses.dataclass(frozen=True)
class Resource:
    """What a failure is to be shown on.

    :ivar kind: as in the path, such as ``volumes``
    """

    kind: str
    id: str

    @property
    def path(self) -> str:
        return f"/{self.kind}/{self.id}"


@dataclasses.dataclass(frozen=True)
class Cloud:
    """The API of a deployment; each service adds what it can make and do."""

    deployment: Deployment

    def call(self, method: str, path: str, body=None, token=MEMBER):
        """The answer to a request that is in order."""
        status, answer = self.deployment.request(method, path, token, body)
        assert status < 300, (method, path, status, answer)
        return answer

    def refused(self, method: str, path: str, body=None, token=MEMBER) -> bool:
        """Whether the answer is that the user made a mistake."""
        status, _ = self.deployment.request(method, path, token, body)
        return 400 <= status < 500

    def show(self, resource: Resource, token=MEMBER) -> dict[str, Any]:
        """The resource as the API shows it; nothing when it is gone."""
        status, answer = self.deployment.request("GET", resource.path, token)
        if status != 200:
            return {}
        name = resource.kind.removesuffix("s").replace("-", "_")
        # Some services show a resource below its kind, others by itself.
        return answer.get(name, answer)

    def status(self, resource: Resource) -> str:
        return self.show(resource, ADMIN).get("status", "gone")

    def is_gone(self, resource: Resource) -> bool:
        """Whether the service says that there is no such resource."""
        status, _ = self.deployment.request("GET", resource.path, ADMIN)
        return bool(status == 404)

    def is_passing(self, status: str) -> bool:
        """Whether a resource leaves a status by itself."""
        return "error" not in status and bool(_PASSING.fullmatch(status))

    def settle(self, resource: Resource, seconds: float = 30) -> Resource:
        """Wait until the status of a resource changes no more by itself."""
        end = time.monotonic() + seconds
        while self.is_passing(self.status(resource)):
            if time.monotonic() > end:
                break
            time.sleep(0.2)
        return resource

    def act(self, resource: Resource, token=MEMBER, **action) -> Resource:
        self.call("POST", f"{resource.path}/action", action, token)
        return self.settle(resource)

    def delete(self, resource: Resource) -> Resource:
        self.call("DELETE", resource.path)
        return self.settle(resource)


@dataclasses.dataclass(frozen=True)
class Failure:
    """A kind of failure and what is known of it.

    :ivar provoke: makes it happen in a service's :class:`Cloud`; returns the resource that it
        is about
    :ivar root: the root cause, which an administrator must find in the details
    :ivar says: what its owner reads
    """

    name: str
    provoke: Callable[[Any], Resource]
    root: str
    says: str


@dataclasses.dataclass(frozen=True)
class Told:
    """A kind of failure of which a program of the tests lets one happen.

    :ivar root: as of a :class:`Failure`
    :ivar says: what its owner reads
    """

    name: str
    root: str
    says: str


@dataclasses.dataclass(frozen=True)
class Unshown:
    """A kind of failure that nobody can be shown, and why."""

    name: str
    why: str


@dataclasses.dataclass(frozen=True)
class Stand:
    """A service that runs.

    :ivar store: the table of its faults
    :ivar database: the service's own, in MariaDB
    """

    deployment: Deployment
    store: Store
    database: str


def need(service: str, *packages: str) -> None:
    """Skip the test where the service is not installed, or a package that it needs."""
    for name in (service, *packages):
        if importlib.util.find_spec(name) is None:
            text = f"{name} is not installed; tox -e {service} has it"
            require(service, text)


@contextlib.contextmanager
def running(
    service: str,
    served: Callable[..., AbstractContextManager[Deployment]],
    folder: Path,
    *,
    database: str,
    faults: str,
    broker: Broker,
    people: Collection[str] = PEOPLE,
) -> Iterator[tuple[Deployment, Store]]:
    """A service with the filter, the driver and the log handler, and the table of its faults.

    Keystone begins beside it.

    :param served: of the module ``deployment`` that the service has in ``tests/functional``
    :param folder: for its files
    :param database: the service's own, in MariaDB
    :param faults: the server that the table gets a database in
    :param people: whom Keystone knows
    """
    need(service, "keystone")
    with (
        new_database(faults) as table,
        keystone.beginning(
            folder / "keystone", people=people, service=service
        ) as identity,
    ):
        store = make_store(table)
        with served(
            folder / "run",
            database=f"{database}?charset=utf8mb4",
            faults=table,
            broker=broker.new_host(service),
            keystone=identity,
        ) as deployment:
            yield deployment, store
        close(store)
        keep_emitted(deployment)


def keep_emitted(deployment: Deployment) -> None:
    """Keep what a service sent whose processes have ended, where that is asked for."""
    if emitting.is_wanted():
        version = _version(deployment.service)
        emitted.keep(deployment, version)
        taken.keep(deployment, version)


def _version(service: str) -> str:
    """The version of what is installed; Heat's distribution has a longer name."""
    (distribution, *_) = metadata.packages_distributions()[service]
    return metadata.version(distribution)


def faults_of(store: Store) -> set[str]:
    """The ids of the resources that have a fault, and have not been cleared since."""
    newest = {row["instance_id"]: row for row in rows(store)}
    return {found for found, row in newest.items() if not row["deleted"]}


@contextlib.contextmanager
def back_end_away(deployment: Deployment) -> Iterator[None]:
    """Meanwhile what is behind the service does not answer."""
    away = deployment.folder / AWAY
    away.touch()
    try:
        yield
    finally:
        away.unlink()


@contextlib.contextmanager
def broker_away(broker: Broker) -> Iterator[None]:
    """Meanwhile the broker refuses connections."""
    broker.control("stop_app")
    try:
        yield
    finally:
        broker.control("start_app")


@contextlib.contextmanager
def database_away(wire: Relay) -> Iterator[None]:
    """Meanwhile connections to the service's database are refused.

    :param wire: over which the service reaches it
    """
    wire.close()
    try:
        yield
    finally:
        wire.reopen(wire.port)


def source_of(store: Store, resource: Resource, failure: Failure) -> str:
    """What tells of a failure: a notification, the log alone, or the service's own fault."""
    said = failure.says.replace("{id}", resource.id)
    kinds = set()
    for row in rows(store):
        is_its = row["instance_id"] == resource.id
        if is_its and row["message"].startswith(said):
            kinds.add(row["event_type"].partition(" ")[0])
    if not kinds:
        return SERVICE
    return LOG if kinds == {LOG} else NOTIFICATION


def assert_source(
    store: Store,
    resource: Resource,
    failure: Failure,
    sources: Mapping[str, str],
) -> None:
    """What tells of a failure is what is written down of it.

    :param sources: what tells of the failures of a service, where that is not the log alone
    """
    expected = sources.get(failure.name, LOG)
    wait_until(lambda: source_of(store, resource, failure) == expected)


def assert_shown(
    cloud: Cloud,
    resource: Resource,
    failure: Failure,
    secrets: Collection[str],
) -> None:
    """The owner reads what failed, and an administrator why.

    :param secrets: what the exceptions hold and no owner may read
    """
    wait_until(lambda: "fault" in cloud.show(resource))
    # What comes after the first record of a failure must not hide it.
    time.sleep(1)
    fault = cloud.show(resource)["fault"]
    assert fault["message"] == failure.says
    assert "details" not in fault
    assert not [secret for secret in secrets if secret in json.dumps(fault)]
    full = cloud.show(resource, ADMIN)["fault"]
    assert failure.root in f"{full['message']}\n{full['details']}"


def assert_told(cloud: Cloud, resource: Resource, failure: Failure) -> None:
    """Administrators, whose API it is, read what failed, and why.

    What they read begins with what ``failure`` says; a service may add which resource.
    """
    wait_until(lambda: "fault" in cloud.show(resource, ADMIN))
    # What comes after the first record of a failure must not hide it.
    time.sleep(1)
    fault = cloud.show(resource, ADMIN)["fault"]
    assert fault["message"].startswith(failure.says)
    assert failure.root in f"{fault['message']}\n{fault['details']}"
