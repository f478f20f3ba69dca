# SPDX-License-Identifier: Apache-2.0
"""What can fail in Trove, each provoked through its API by the user who would do so."""

import contextlib
import dataclasses
import sys
from collections.abc import Iterator

from tests.fixtures import wait_until
from tests.functional.cloud import (
    NOTIFICATION,
    SERVICE,
    Cloud,
    Failure,
    Resource,
)
from tests.functional.deployment import ADMIN
from tests.functional.trove.instances import (
    NOT_READY,
    REPLICAS,
    SPARE,
    WATCHED,
    Seeded,
    uid,
)

#: The status of an instance that Trove is at.
_PASSING = {"BUILD", "DETACH", "PROMOTE", "REBOOT", "RESIZE", "UPGRADE"}


@dataclasses.dataclass(frozen=True)
class Databases(Cloud):
    """Trove's API, and instances that are there."""

    watched: list[Seeded] = dataclasses.field(
        default_factory=lambda: list(WATCHED)
    )
    spare: list[Seeded] = dataclasses.field(
        # The sources of the replicas are the last ones.
        default_factory=lambda: SPARE[: -len(REPLICAS)]
    )
    not_ready: list[Seeded] = dataclasses.field(
        default_factory=lambda: [NOT_READY]
    )
    replicas: list[Seeded] = dataclasses.field(
        default_factory=lambda: list(REPLICAS)
    )

    @contextlib.contextmanager
    def failing(self, step: str) -> Iterator[None]:
        """Meanwhile what is behind Trove refuses this step."""
        file = self.deployment.folder / "failing"
        file.write_text(step)
        try:
            yield
        finally:
            file.unlink()

    def is_passing(self, status: str) -> bool:
        return status in _PASSING

    def settle(self, resource: Resource, seconds: float = 60) -> Resource:
        return super().settle(resource, seconds)

    def take(self, kind: list[Seeded]) -> Resource:
        """An instance that nothing has failed at."""
        return Resource("instances", kind.pop(0).id)

    def create(self) -> Resource:
        given = {
            "name": "new",
            "flavorRef": "1",
            "volume": {"size": 1},
            "datastore": {"type": "mysql", "version": "8.0"},
        }
        made = self.call("POST", "/instances", {"instance": given})
        return self.settle(Resource("instances", made["instance"]["id"]))

    def change(self, instance: Resource, **given: object) -> Resource:
        self.call("PATCH", instance.path, {"instance": given})
        return self.settle(instance)

    def ask(self, instance: Resource, event: str) -> Resource:
        """Give the agent of an instance something to do, as the API does by RPC.

        The API itself first asks the agent for what is there, which fails too.
        """
        script = "tests.functional.trove.ask"
        self.deployment.run(sys.executable, "-m", script, event, instance.id)
        return instance

    def open(self, instance: Resource) -> Resource:
        """Let everybody reach an instance."""
        given = {"access": {"is_public": True}}
        self.call("PUT", instance.path, {"instance": given})
        return self.settle(instance)

    def back_up(self, instance: Resource) -> Resource:
        given = {"instance": instance.id, "name": "b"}
        self.call("POST", "/backups", {"backup": given})
        return instance

    def administer(self, instance: Resource, **action: object) -> Resource:
        self.act(Resource("mgmt/instances", instance.id), ADMIN, **action)
        return self.settle(instance)

    def resize_volume(self, instance: Resource) -> Resource:
        return self.act(instance, resize={"volume": {"size": 7}})


def _restart(cloud):
    return cloud.act(cloud.take(cloud.watched), restart={})


def _asked(event):
    return lambda cloud: cloud.ask(cloud.take(cloud.watched), event)


def _back_up(cloud):
    return cloud.back_up(cloud.take(cloud.watched))


def _failed(step, ask):
    """What is asked for while a step fails."""

    def provoke(cloud):
        with cloud.failing(step):
            instance = ask(cloud)
            wait_until(lambda: "fault" in cloud.show(instance))
            return cloud.settle(instance)

    return provoke


def _acted(**action):
    return lambda cloud: cloud.act(cloud.take(cloud.spare), **action)


def _administered(**action):
    return lambda cloud: cloud.administer(cloud.take(cloud.spare), **action)


def _upgrade(cloud):
    return cloud.change(cloud.take(cloud.spare), datastore_version="8.0")


def _open(cloud):
    return cloud.open(cloud.take(cloud.spare))


def _promote(cloud):
    replica = cloud.take(cloud.replicas)
    return cloud.act(replica, promote_to_replica_source={})


def _detach(cloud):
    return cloud.change(cloud.take(cloud.replicas), replica_of="")


def _not_ready(cloud):
    instance = cloud.take(cloud.not_ready)
    assert cloud.refused("POST", f"{instance.path}/action", {"restart": {}})
    return instance


_CONFLICT = "no address at 10.1.2.3"
_FULL = "no space left on device"
_GUEST = "mysqld is not there on node7 at 10.1.2.3"
_NOVA = "no host of rack7 at 10.1.2.3"
_ROOM = "no room on array 10.1.2.3"
_TIMED_OUT = "Polling request timed out."
_VOLUME = {"volume": {"size": 7}}
_NOT_RESIZED = "The volume could not be resized."
FAILURES = [
    Failure(
        "restart", _restart, _FULL, "The database could not be restarted."
    ),
    Failure(
        "create database",
        _asked("DBaaSDatabaseCreate"),
        "UnprocessableEntity: File does not exist",
        "File does not exist: /var/lib/mysql/conf.d/root.cnf",
    ),
    Failure(
        "create user",
        _asked("DBaaSUserCreate"),
        "UnprocessableEntity: File does not exist",
        "File does not exist: /var/lib/mysql/conf.d/root.cnf",
    ),
    Failure(
        "create backup",
        _back_up,
        "UnprocessableEntity: File does not exist",
        "File does not exist: /var/lib/mysql/conf.d/os_admin.cnf",
    ),
    Failure(
        "create, Nova refuses",
        _failed("server.create", Databases.create),
        _NOVA,
        f"Failed to create server for instance {{id}}\n{_NOVA} (HTTP 403)",
    ),
    Failure(
        "create, Cinder refuses",
        _failed("volume.create", Databases.create),
        _ROOM,
        f"Failed to create volume for instance {{id}}\n{_ROOM} (HTTP 413)",
    ),
    Failure(
        "create, Neutron refuses",
        _failed("group.create", Databases.create),
        _CONFLICT,
        "Failed to create security group for instance {id}",
    ),
    Failure(
        "create, no host",
        _failed("server.build", Databases.create),
        "No valid host was found at 10.1.2.3",
        # Trove breaks long messages.
        "Server not active, status:\n    ERROR, fault message: "
        "No valid host was found at 10.1.2.3.",
    ),
    Failure(
        "create, the agent is silent",
        Databases.create,
        "PollTimeOut",
        _TIMED_OUT,
    ),
    Failure(
        "reboot",
        _failed("server.reboot", _administered(reboot={})),
        _NOVA,
        "The instance could not be rebooted.",
    ),
    Failure(
        "resize volume, Cinder refuses",
        _failed("volume.extend", _acted(resize=_VOLUME)),
        # Trove logs what Cinder said, and waits for the volume to be larger.
        _TIMED_OUT,
        _NOT_RESIZED,
    ),
    Failure(
        "resize volume, the agent fails",
        _failed("guest.resize_fs", _acted(resize=_VOLUME)),
        _GUEST,
        _NOT_RESIZED,
    ),
    Failure(
        "resize, Nova refuses",
        _failed("server.resize", _acted(resize={"flavorRef": "2"})),
        _NOVA,
        "The instance could not be resized.",
    ),
    Failure(
        "migrate, Nova refuses",
        _failed("server.migrate", _administered(migrate={"host": "cpu7"})),
        _NOVA,
        "The instance could not be migrated.",
    ),
    Failure(
        "rebuild, Nova refuses",
        _failed(
            "server.rebuild", _administered(rebuild={"image_id": uid(900)})
        ),
        _NOVA,
        "The instance could not be rebuilt.",
    ),
    Failure(
        "upgrade, the agent fails",
        _failed("guest.pre_upgrade", _upgrade),
        _GUEST,
        "The instance could not be upgraded.",
    ),
    Failure(
        "access, Neutron refuses",
        _failed("port.list", _open),
        _CONFLICT,
        "The access to the instance could not be changed.",
    ),
    Failure(
        "restart, not ready",
        _not_ready,
        "UnprocessableEntity",
        "Instance {id} is not currently available for an action to be "
        "performed (task status was PROMOTING).",
    ),
    Failure(
        "promote, the agent fails",
        _failed("guest.get_latest_txn_id", _promote),
        _GUEST,
        "The replica could not be promoted.",
    ),
    Failure(
        "detach, the agent fails",
        _failed("guest.detach_replica", _detach),
        _GUEST,
        "The replica could not be detached.",
    ),
]
READERS = (
    "Its owner reads it. Databases and users are asked of the guest agent over "
    "RPC, as Trove's API does."
)
# What tells of a failure, where that is not the log alone.
SOURCES = {
    "create database": NOTIFICATION,
    "create user": NOTIFICATION,
    "create backup": NOTIFICATION,
    "create, Nova refuses": NOTIFICATION,
    "create, Cinder refuses": NOTIFICATION,
    "create, Neutron refuses": NOTIFICATION,
    "create, no host": SERVICE,
    "create, the agent is silent": SERVICE,
    "restart, not ready": NOTIFICATION,
}
