# SPDX-License-Identifier: Apache-2.0
"""What can fail in Ironic, each provoked through its API by the user who would do so."""

import itertools

from tests.functional.cloud import (
    NOTIFICATION,
    Cloud,
    Failure,
    Resource,
    Unshown,
)
from tests.functional.deployment import ADMIN, MEMBER

_NUMBERS = itertools.count()
ERASE = {"interface": "deploy", "step": "erase"}
UPDATE = {"interface": "deploy", "step": "update"}
_RAID = {"interface": "raid", "step": "create_configuration"}
_BIOS = {
    "interface": "bios",
    "step": "apply_configuration",
    "args": {"settings": [{"name": "Boot", "value": "Uefi"}]},
}


class Nodes(Cloud):
    """Ironic's API. Administrators enroll nodes; their project's members use them."""

    def node(self, fail: str = "", **extra) -> Resource:
        """A node that has just been enrolled, and fails in these steps."""
        body = {
            "name": f"node-{next(_NUMBERS)}",
            "driver": "fake-hardware",
            "resource_class": "metal",
            "extra": {"fail": fail, **extra},
        }
        made = self.call("POST", "/nodes", body, ADMIN)
        return Resource("nodes", made["uuid"])

    def manageable(self, fail: str = "", **extra) -> Resource:
        return self.to(self.node(fail, **extra), "manage")

    def available(self, fail: str = "", **extra) -> Resource:
        return self.to(self.manageable(fail, **extra), "provide")

    def active(self, fail: str = "", **extra) -> Resource:
        return self.to(self.available(fail, **extra), "active")

    def to(self, node: Resource, target: str, **others) -> Resource:
        """Ask for a provision state, and wait for what becomes of it."""
        body = {"target": target, **others}
        self.call("PUT", f"{node.path}/states/provision", body)
        return self.settle(node)

    def accepts(self, node: Resource, target: str) -> bool:
        """Whether Ironic can do what is asked; while it comes back it cannot."""
        path = f"{node.path}/states/provision"
        answer = self.deployment.request(
            "PUT", path, MEMBER, {"target": target}
        )
        return answer[0] < 300

    def power(self, node: Resource, target: str) -> Resource:
        self.call("PUT", f"{node.path}/states/power", {"target": target})
        return self.settle(node)

    def console(self, node: Resource) -> Resource:
        path = f"{node.path}/states/console"
        self.call("PUT", path, {"enabled": True})
        return self.settle(node)

    def fails(self, node: Resource, steps: str) -> Resource:
        """Let a node fail in other steps than so far."""
        patch = [{"op": "replace", "path": "/extra/fail", "value": steps}]
        self.call("PATCH", node.path, patch)
        return node

    def well(self, node: Resource) -> None:
        """Say that a node is in order again; Ironic takes what could not be cleaned out of use."""
        self.call("DELETE", f"{node.path}/maintenance", token=ADMIN)

    def remove(self, node: Resource) -> None:
        self.call("DELETE", node.path, token=ADMIN)

    def repair(self, node: Resource) -> None:
        """Let a node do what it is asked for, and be in use again if it was taken out of it."""
        patch = [{"op": "replace", "path": "/extra", "value": {"fail": ""}}]
        self.call("PATCH", node.path, patch)
        self.well(node)

    def show(self, resource: Resource, token=MEMBER):
        """The node; ``fault`` is Ironic's own word there, and ours is another member."""
        shown = super().show(resource, token)
        shown.pop("fault", None)
        if "last_fault" in shown:
            shown["fault"] = shown["last_fault"]
        return shown

    def status(self, resource: Resource) -> str:
        shown = self.show(resource, ADMIN)
        if shown.get("reservation"):
            return "reserved"
        return shown.get("provision_state", "gone")

    def is_passing(self, status: str) -> bool:
        is_waiting = status == "reserved" or "wait" in status
        return is_waiting or status.endswith("ing")

    def is_up(self) -> bool:
        """Whether Ironic takes a node, which it does when it knows of a conductor."""
        body = {"name": "first", "driver": "fake-hardware"}
        answer = self.deployment.request("POST", "/nodes", ADMIN, body)
        return answer[0] == 201


def _verify(cloud):
    return cloud.manageable("power-state")


def _verify_unexpected(cloud):
    return cloud.manageable("power-state unexpected")


def _inspect(cloud):
    return cloud.to(cloud.manageable("inspect"), "inspect")


def _inspect_unexpected(cloud):
    return cloud.to(cloud.manageable("inspect unexpected"), "inspect")


def _clean(cloud):
    node = cloud.manageable("erase")
    return cloud.to(node, "clean", clean_steps=[ERASE])


def _clean_unexpected(cloud):
    node = cloud.manageable("erase unexpected")
    return cloud.to(node, "clean", clean_steps=[ERASE])


def _clean_late(cloud):
    node = cloud.manageable(slow=True)
    return cloud.to(node, "clean", clean_steps=[ERASE])


def _clean_automatically(cloud):
    return cloud.available("prepare-cleaning")


def _raid(cloud):
    node = cloud.manageable("raid")
    return cloud.to(node, "clean", clean_steps=[_RAID])


def _bios(cloud):
    node = cloud.manageable("bios")
    return cloud.to(node, "clean", clean_steps=[_BIOS])


def _deployed(fail: str):
    return lambda cloud: cloud.active(fail)


def _deploy_late(cloud):
    node = cloud.available()
    patch = [{"op": "add", "path": "/extra/slow", "value": True}]
    cloud.call("PATCH", node.path, patch)
    return cloud.to(node, "active")


def _tear_down(cloud):
    return cloud.to(cloud.active("tear-down"), "deleted")


def _rescue(cloud):
    return cloud.to(cloud.active("rescue"), "rescue", rescue_password="secret")


def _unrescue(cloud):
    node = cloud.active("unrescue")
    cloud.to(node, "rescue", rescue_password="secret")
    return cloud.to(node, "unrescue")


def _service(cloud):
    node = cloud.active("update")
    return cloud.to(node, "service", service_steps=[UPDATE])


def _power_on(cloud):
    return cloud.power(cloud.available("power"), "power on")


def _power_on_unexpected(cloud):
    return cloud.power(cloud.available("power unexpected"), "power on")


def _power_on_without_volumes(cloud):
    return cloud.power(cloud.active("volumes"), "power on")


def _reboot(cloud):
    return cloud.power(cloud.active("reboot"), "rebooting")


def _console(cloud):
    return cloud.console(cloud.active("console"))


def _lose(cloud):
    """The management controller of a node that is in use answers no more."""
    node = cloud.active()
    return cloud.fails(node, "power-state")


_GONE = "BMC https://root@10.1.2.3 is gone (node7)"
_CONTROLLER = (
    "The management controller of the node (BMC) did not do what it was asked "
    "for."
)
_UNVERIFIED = (
    "The node could not be verified, since its power state could not be read."
)
_UNINSPECTED = "The inspection of the node failed."
_UNCLEANED = "The cleaning of the node failed."
_UNDEPLOYED = "The deployment of the node failed."
_LATE = "What runs on the node did not report in time."
_POWERLESS = "The power state of the node could not be changed."
FAILURES = [
    Failure("verify", _verify, _GONE, _CONTROLLER),
    Failure(
        "verify, unexpected",
        _verify_unexpected,
        "boom in power-state",
        _UNVERIFIED,
    ),
    Failure("inspect", _inspect, _GONE, _UNINSPECTED),
    Failure(
        "inspect, unexpected",
        _inspect_unexpected,
        "boom in inspect",
        _UNINSPECTED,
    ),
    Failure("clean", _clean, _GONE, _UNCLEANED),
    Failure(
        "clean, unexpected", _clean_unexpected, "boom in erase", _UNCLEANED
    ),
    Failure("clean, too slow", _clean_late, "Timeout reached", _LATE),
    Failure("clean automatically", _clean_automatically, _GONE, _UNCLEANED),
    Failure("RAID", _raid, _GONE, _CONTROLLER),
    Failure("BIOS", _bios, _GONE, _CONTROLLER),
    Failure(
        "deploy, volumes",
        _deployed("prepare"),
        _GONE,
        "The volumes of the node could not be attached or detached.",
    ),
    Failure(
        "deploy, image",
        _deployed("boot"),
        _GONE,
        "The image could not be given to the node.",
    ),
    Failure("deploy", _deployed("deploy"), _GONE, _UNDEPLOYED),
    Failure(
        "deploy, unexpected",
        _deployed("deploy unexpected"),
        "boom in deploy",
        _UNDEPLOYED,
    ),
    Failure("deploy, too slow", _deploy_late, "Timeout reached", _LATE),
    Failure("tear down", _tear_down, _GONE, "The node could not be released."),
    Failure(
        "rescue",
        _rescue,
        _GONE,
        "The node could not be brought into rescue mode.",
    ),
    Failure(
        "unrescue",
        _unrescue,
        _GONE,
        "The node could not be brought out of rescue mode.",
    ),
    Failure("service", _service, _GONE, "The servicing of the node failed."),
    Failure("power on", _power_on, _GONE, _POWERLESS),
    Failure(
        "power on, unexpected",
        _power_on_unexpected,
        "boom in power",
        _POWERLESS,
    ),
    Failure("power on, volumes", _power_on_without_volumes, _GONE, _POWERLESS),
    Failure("reboot", _reboot, _GONE, _POWERLESS),
    Failure(
        "console",
        _console,
        _GONE,
        "The console of the node could not be changed.",
    ),
    Failure(
        "power lost",
        _lose,
        _GONE,
        "The power state of the node could not be read any more, so the node "
        "is in maintenance.",
    ),
]
# What tells of a failure, where that is not the log alone.
SOURCES = dict.fromkeys(
    [
        "verify, unexpected",
        "inspect",
        "inspect, unexpected",
        "clean",
        "clean, unexpected",
        "clean automatically",
        "deploy",
        "deploy, unexpected",
        "rescue",
        "unrescue",
        "service",
        "power on",
        "power on, unexpected",
        "power on, volumes",
        "reboot",
        "console",
    ],
    NOTIFICATION,
)
UNSHOWN = [
    Unshown(
        "allocation without a node",
        "An allocation shows its last_error itself.",
    )
]
