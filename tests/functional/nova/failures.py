# SPDX-License-Identifier: Apache-2.0
"""What can fail in Nova, each provoked through its API by the user who would do so."""

import contextlib
import dataclasses
import time
import uuid
from collections.abc import Iterator

from tests.fixtures import wait_until
from tests.functional import cloud
from tests.functional.cloud import NOTIFICATION, SERVICE, Failure, Resource
from tests.functional.deployment import ADMIN, MEMBER
from tests.functional.nova.neighbours import (
    BROKEN_VOLUME,
    FULL_NETWORK,
    IMAGE,
    NETWORK,
)

#: Flavors: memory in MB, processors and disk in GB. No host has room for what is huge.
FLAVORS = {"small": (16, 1, 1), "medium": (32, 1, 1), "huge": (16, 1, 1000000)}


@dataclasses.dataclass(frozen=True)
class Cloud(cloud.Cloud):
    """Nova's API in the words of the tests."""

    def is_passing(self, status: str) -> bool:
        return status == "BUILD" or status.startswith("doing ")

    def status(self, resource: Resource) -> str:
        """The server's status; what is being done to it comes first."""
        shown = self.show(resource, ADMIN)
        task = shown.get("OS-EXT-STS:task_state")
        if task is not None:
            return f"doing {task}"
        return shown.get("status", "gone")

    def new(self, flavor="small", networks="none", count=1, **others):
        """Ask for a server; its first id is the answer."""
        given = {
            "name": "server",
            "imageRef": IMAGE,
            "flavorRef": flavor,
            "networks": networks,
            "min_count": count,
            **others,
        }
        made = self.call("POST", "/servers", {"server": given})["server"]
        return Resource("servers", made["id"])

    def server(self, fail="", **others) -> Resource:
        """Make a server whose hypervisor will fail in a step."""
        metadata = {"fail": fail} if fail else {}
        return self.settle(self.new(metadata=metadata, **others))

    def will_fail(self, server: Resource, step: str) -> Resource:
        """Have the hypervisor fail from now on."""
        body = {"metadata": {"fail": step}}
        self.call("POST", f"{server.path}/metadata", body)
        return server

    def mend(self, server: Resource) -> None:
        """Have the hypervisor fail no more, whatever the metadata of the server say."""
        (self.deployment.folder / f"mended-{server.id}").touch()

    def attach(self, server: Resource, prefix: str = "") -> Resource:
        """Attach a volume of its own, whose id begins with a prefix."""
        volume = prefix + str(uuid.uuid4())[len(prefix) :]
        body = {"volumeAttachment": {"volumeId": volume}}
        path = f"{server.path}/os-volume_attachments"
        self.ask("POST", path, body)
        return self.settle(server)

    def plug(self, server: Resource, network: str = NETWORK) -> Resource:
        body = {"interfaceAttachment": {"net_id": network}}
        path = f"{server.path}/os-interface"
        self.ask("POST", path, body)
        return self.settle(server)

    def ask(self, method, path, body, token=MEMBER) -> int:
        """What may be refused."""
        return self.deployment.request(method, path, token, body)[0]

    def servers(self) -> set[str]:
        """The ids of all."""
        found = self.call("GET", "/servers", token=ADMIN)["servers"]
        return {server["id"] for server in found}

    @contextlib.contextmanager
    def down(self, host: str) -> Iterator[None]:
        """Have an administrator say that a host is down, for a while."""
        found = self.call("GET", "/os-services", token=ADMIN)["services"]
        (service,) = [
            item["id"]
            for item in found
            if item["host"] == host and item["binary"] == "nova-compute"
        ]
        path = f"/os-services/{service}"
        self.call("PUT", path, {"forced_down": True}, ADMIN)
        try:
            yield
        finally:
            self.call("PUT", path, {"forced_down": False}, ADMIN)

    def host(self, server: Resource) -> str:
        return self.show(server, ADMIN)["OS-EXT-SRV-ATTR:host"]

    def is_up(self) -> bool:
        """Whether the hosts are known to the API, and have reported."""
        status, answer = self.deployment.request(
            "GET", "/os-services?binary=nova-compute", ADMIN
        )
        if status != 200:
            return False
        found = [item["state"] for item in answer["services"]]
        _, answer = self.deployment.request(
            "GET", "/os-hypervisors/detail", ADMIN
        )
        nodes = answer.get("hypervisors", [])
        return found.count("up") == 2 and len(nodes) == 2

    def prepare(self) -> None:
        """Make the flavors."""
        for name, (memory, processors, disk) in FLAVORS.items():
            sizes = {"ram": memory, "vcpus": processors, "disk": disk}
            body = {"flavor": {"name": name, "id": name, **sizes}}
            self.call("POST", "/flavors", body, ADMIN)


HARD = {"reboot": {"type": "HARD"}}
SOFT = {"reboot": {"type": "SOFT"}}
STOP = {"os-stop": None}
START = {"os-start": None}
RESIZE = {"resize": {"flavorRef": "medium"}}
LIVE = {"os-migrateLive": {"host": None, "block_migration": "auto"}}
PASSWORD = {"changePassword": {"adminPass": "Xy12345678"}}
SNAPSHOT = {"createImage": {"name": "image"}}
BACKUP = {
    "createBackup": {"name": "image", "backup_type": "daily", "rotation": 1}
}


def _create(fail, **others):
    return lambda cloud: cloud.server(fail, **others)


def _create_from_broken_volume(cloud):
    device = {
        "boot_index": 0,
        "uuid": f"{BROKEN_VOLUME}-0000-4000-8000-000000000001",
        "source_type": "volume",
        "destination_type": "volume",
    }
    return cloud.server(imageRef="", block_device_mapping_v2=[device])


def _act(fail, *actions, token=MEMBER):
    """Actions on a server whose hypervisor fails in a step; the last one meets that."""

    def provoke(cloud):
        server = cloud.server(fail)
        for action in actions[:-1]:
            cloud.act(server, **action)
            time.sleep(0.5)
        cloud.ask("POST", f"{server.path}/action", actions[-1], token)
        return cloud.settle(server)

    return provoke


def _act_later(fail, *actions):
    """As above, but what also happens in a creation is to go well there."""

    def provoke(cloud):
        server = cloud.will_fail(cloud.server(), fail)
        for action in actions:
            cloud.act(server, **action)
        return server

    return provoke


def _attach(fail):
    return lambda cloud: cloud.attach(cloud.server(fail))


def _attach_broken(cloud):
    return cloud.attach(cloud.server(), BROKEN_VOLUME)


def _detach(cloud):
    server = cloud.attach(cloud.server("detach_volume"))
    path = f"{server.path}/os-volume_attachments"
    (found,) = cloud.call("GET", path)["volumeAttachments"]
    time.sleep(1)
    cloud.call("DELETE", f"{path}/{found['volumeId']}")
    return server


def _plug(cloud):
    return cloud.plug(cloud.server("attach_interface"))


def _plug_full(cloud):
    return cloud.plug(cloud.server(), FULL_NETWORK)


def _unplug(cloud):
    server = cloud.plug(cloud.server("detach_interface"))
    found = cloud.call("GET", f"{server.path}/os-interface")
    port = found["interfaceAttachments"][0]["port_id"]
    cloud.call("DELETE", f"{server.path}/os-interface/{port}")
    return server


def refused(name, provoke, step, says=""):
    """A step that the hypervisor refuses by an exception of Nova's, whose text owners may read."""
    text = f"{step} refused by hypervisor"
    return Failure(
        name, provoke, text, says or f"Failed to deploy instance: {text}"
    )


def unexpected(name, provoke, step):
    """An exception that is not Nova's, of which Nova shows its owner the class."""
    return Failure(name, provoke, f"boom in {step}", "RuntimeError")


def chained(name, provoke, step):
    """An exception of Nova's that was raised because of another one."""
    text = f"{step} could not be prepared"
    return Failure(name, provoke, f"{step}: no space left", text)


BLOCK_STORAGE = "The block storage service refused the volume."
NO_ADDRESS = f"No fixed IP addresses available for network: {FULL_NETWORK}"
ABORTED = "Build of instance {id} aborted: "
NO_HOST = "No valid host was found."
FAILURES = [
    refused("create", _create("spawn"), "spawn"),
    unexpected("create, unexpected", _create("spawn unexpected"), "spawn"),
    chained("create, chained", _create("spawn chained"), "spawn"),
    refused(
        "create, abort",
        _create("spawn abort"),
        "spawn",
        f"{ABORTED}spawn refused by hypervisor",
    ),
    Failure(
        "create, no host", _create("", flavor="huge"), NO_HOST, f"{NO_HOST} "
    ),
    Failure(
        "create several, no host",
        _create("", flavor="huge", count=3),
        NO_HOST,
        f"{NO_HOST} ",
    ),
    unexpected(
        "create several, unexpected",
        _create("spawn unexpected", count=2),
        "spawn",
    ),
    Failure(
        "create, no address",
        _create("", networks=[{"uuid": FULL_NETWORK}]),
        "No fixed IP addresses",
        f"{ABORTED}Failed to allocate the network(s) with error {NO_ADDRESS}"
        ", not rescheduling.",
    ),
    Failure(
        "create from a volume",
        _create_from_broken_volume,
        "has either erred",
        f"{ABORTED}The server has either erred or is incapable. (HTTP 500)",
    ),
    refused("reboot", _act("reboot", HARD), "reboot"),
    unexpected("reboot softly", _act("reboot unexpected", SOFT), "reboot"),
    refused("stop", _act("power_off", STOP), "power_off"),
    unexpected("start", _act("power_on unexpected", STOP, START), "power_on"),
    unexpected("pause", _act("pause unexpected", {"pause": None}), "pause"),
    refused(
        "unpause",
        _act("unpause", {"pause": None}, {"unpause": None}),
        "unpause",
    ),
    refused("suspend", _act("suspend", {"suspend": None}), "suspend"),
    unexpected(
        "suspend, unexpected",
        _act("suspend unexpected", {"suspend": None}),
        "suspend",
    ),
    refused(
        "resume", _act("resume", {"suspend": None}, {"resume": None}), "resume"
    ),
    refused(
        "rescue",
        _act("rescue", {"rescue": {}}),
        "rescue",
        "Instance {id} cannot be rescued: Driver Error: "
        "Failed to deploy instance: rescue refused by hypervisor",
    ),
    refused(
        "unrescue",
        _act("unrescue", {"rescue": {}}, {"unrescue": None}),
        "unrescue",
    ),
    refused("snapshot", _act("snapshot", SNAPSHOT), "snapshot"),
    unexpected(
        "snapshot, unexpected",
        _act("snapshot unexpected", SNAPSHOT),
        "snapshot",
    ),
    chained("backup", _act("snapshot chained", BACKUP), "snapshot"),
    refused(
        "set the password",
        _act("set_admin_password", PASSWORD),
        "set_admin_password",
    ),
    Failure(
        "set the password, unexpected",
        _act("set_admin_password unexpected", PASSWORD),
        "boom in set_admin_password",
        "Failed to set admin password on {id} because error setting "
        "admin password",
    ),
    refused(
        "crash dump",
        _act("trigger_crash_dump", {"trigger_crash_dump": None}),
        "trigger_crash_dump",
    ),
    refused("attach a volume", _attach("attach_volume"), "attach_volume"),
    unexpected(
        "attach a volume, unexpected",
        _attach("attach_volume unexpected"),
        "attach_volume",
    ),
    Failure(
        "attach a volume, Cinder refuses",
        _attach_broken,
        "has either erred",
        BLOCK_STORAGE,
    ),
    refused("detach a volume", _detach, "detach_volume"),
    refused("attach an interface", _plug, "attach_interface"),
    Failure(
        "attach an interface, Neutron refuses",
        _plug_full,
        "No more IP addresses",
        NO_ADDRESS,
    ),
    refused("detach an interface", _unplug, "detach_interface"),
    refused(
        "rebuild",
        _act_later("spawn", {"rebuild": {"imageRef": IMAGE}}),
        "spawn",
    ),
    unexpected(
        "rebuild, unexpected",
        _act_later("spawn unexpected", {"rebuild": {"imageRef": IMAGE}}),
        "spawn",
    ),
    Failure(
        "resize, no host",
        _act("", {"resize": {"flavorRef": "huge"}}),
        NO_HOST,
        NO_HOST,
    ),
    refused("resize", _act("migrate_disk", RESIZE), "migrate_disk"),
    unexpected(
        "resize, finish",
        _act("finish_migration unexpected", RESIZE),
        "finish_migration",
    ),
    refused(
        "resize, confirm",
        _act("confirm_migration", RESIZE, {"confirmResize": None}),
        "confirm_migration",
    ),
    refused(
        "resize, revert",
        _act("finish_revert", RESIZE, {"revertResize": None}),
        "finish_revert",
    ),
    chained(
        "cold migration",
        _act("migrate_disk chained", {"migrate": None}, token=ADMIN),
        "migrate_disk",
    ),
    refused(
        "live migration, destination",
        _act("check_destination", LIVE, token=ADMIN),
        "check_destination",
    ),
    refused(
        "live migration, source",
        _act("check_source", LIVE, token=ADMIN),
        "check_source",
    ),
    refused(
        "live migration, preparation",
        _act("pre_live_migration", LIVE, token=ADMIN),
        "pre_live_migration",
    ),
    unexpected(
        "live migration, unexpected",
        _act("live_migration unexpected", LIVE, token=ADMIN),
        "live_migration",
    ),
    refused("shelve", _act("snapshot", {"shelve": None}), "snapshot"),
    unexpected(
        "shelve, offload",
        _act("destroy unexpected", {"shelve": None}),
        "destroy",
    ),
    refused(
        "unshelve",
        _act_later("spawn", {"shelve": None}, {"unshelve": None}),
        "spawn",
    ),
    refused("delete", _act("destroy", {"forceDelete": None}), "destroy"),
    unexpected(
        "delete, unexpected",
        _act("destroy unexpected", {"forceDelete": None}),
        "destroy",
    ),
]


def evacuate(cloud) -> Resource:
    """An administrator moves a server away from a host that is down, and it does not start."""
    server = cloud.will_fail(cloud.server(), "spawn")
    with cloud.down(cloud.host(server)):
        cloud.act(server, ADMIN, evacuate={})
        wait_until(lambda: "fault" in cloud.show(server))
    return server


# What tells of a failure, where that is not the log alone.
SOURCES = {
    "create": NOTIFICATION,
    "create, unexpected": NOTIFICATION,
    "create, chained": NOTIFICATION,
    "create, abort": NOTIFICATION,
    "create, no host": SERVICE,
    "create several, no host": SERVICE,
    "create several, unexpected": NOTIFICATION,
    "create, no address": SERVICE,
    "create from a volume": NOTIFICATION,
    "reboot": NOTIFICATION,
    "reboot softly": NOTIFICATION,
    "stop": NOTIFICATION,
    "start": NOTIFICATION,
    "pause": NOTIFICATION,
    "unpause": NOTIFICATION,
    "suspend": NOTIFICATION,
    "suspend, unexpected": NOTIFICATION,
    "resume": NOTIFICATION,
    "rescue": NOTIFICATION,
    "unrescue": NOTIFICATION,
    "snapshot": NOTIFICATION,
    "snapshot, unexpected": NOTIFICATION,
    "backup": NOTIFICATION,
    "set the password, unexpected": NOTIFICATION,
    "crash dump": NOTIFICATION,
    "attach a volume": NOTIFICATION,
    "attach a volume, unexpected": NOTIFICATION,
    "detach a volume": NOTIFICATION,
    "attach an interface, Neutron refuses": NOTIFICATION,
    "rebuild": NOTIFICATION,
    "rebuild, unexpected": NOTIFICATION,
    "resize, no host": NOTIFICATION,
    "resize": NOTIFICATION,
    "resize, finish": NOTIFICATION,
    "resize, confirm": NOTIFICATION,
    "resize, revert": NOTIFICATION,
    "cold migration": NOTIFICATION,
    "live migration, destination": NOTIFICATION,
    "live migration, source": NOTIFICATION,
    "live migration, preparation": NOTIFICATION,
    "shelve": NOTIFICATION,
    "shelve, offload": NOTIFICATION,
    "unshelve": NOTIFICATION,
    "delete": NOTIFICATION,
    "delete, unexpected": NOTIFICATION,
}
# And what only a versioned notification tells of, where those are sent too.
IN_BOTH_FORMATS = {
    "attach a volume, Cinder refuses": NOTIFICATION,
    "attach an interface": NOTIFICATION,
}
