# SPDX-License-Identifier: Apache-2.0
"""What ends the faults of nodes; their hardware works again by then."""

from tests.fixtures import wait_until
from tests.functional.cloud import Resource
from tests.functional.deployment import ADMIN
from tests.functional.endings import deletion_alone, success
from tests.functional.ironic.failures import ERASE, UPDATE, Nodes


def _again(status: str, target: str, **others):
    """A node is asked for a provision state once more, and is in another one then."""

    def act(cloud: Nodes, node: Resource):
        cloud.repair(node)
        cloud.to(node, target, **others)
        assert cloud.status(node) == status

    return act


def _clean(cloud, node):
    cloud.repair(node)
    cloud.to(node, "manage")
    cloud.to(node, "clean", clean_steps=[ERASE])
    assert cloud.status(node) == "manageable"


def _power(target: str):
    def act(cloud: Nodes, node: Resource):
        cloud.repair(node)
        cloud.power(node, target)
        assert cloud.show(node)["power_state"] == "power on"

    return act


def _console(cloud, node):
    cloud.repair(node)
    cloud.console(node)
    assert cloud.show(node)["console_enabled"]


def _find(cloud, node):
    cloud.repair(node)
    wait_until(lambda: cloud.show(node)["power_state"])


def _remove(cloud, node):
    """What is in use is taken out of it first."""
    cloud.call("PUT", f"{node.path}/maintenance", {}, ADMIN)
    cloud.remove(node)


_VERIFIED = success("a verification", _again("manageable", "manage"))
_INSPECTED = success("an inspection", _again("manageable", "inspect"))
_CLEANED = success("a cleaning", _clean)
_DEPLOYED = success("a deployment", _again("active", "active"))
_RESCUED = _again("rescue", "rescue", rescue_password="secret")
_SERVICED = _again("active", "service", service_steps=[UPDATE])
_POWERED = success("a change of power", _power("power on"))
ENDINGS = {
    "verify": _VERIFIED,
    "verify, unexpected": _VERIFIED,
    "inspect": _INSPECTED,
    "inspect, unexpected": _INSPECTED,
    "clean": _CLEANED,
    "clean, unexpected": _CLEANED,
    "clean, too slow": _CLEANED,
    "clean automatically": _CLEANED,
    "RAID": _CLEANED,
    "BIOS": _CLEANED,
    "deploy, volumes": _DEPLOYED,
    "deploy, image": _DEPLOYED,
    "deploy": _DEPLOYED,
    "deploy, unexpected": _DEPLOYED,
    "deploy, too slow": _DEPLOYED,
    "tear down": deletion_alone(
        "a release", _again("available", "deleted"), _remove
    ),
    "rescue": success("a rescue", _RESCUED),
    "unrescue": success("an unrescue", _again("active", "unrescue")),
    "service": success("a servicing", _SERVICED),
    "power on": _POWERED,
    "power on, unexpected": _POWERED,
    "power on, volumes": _POWERED,
    "reboot": success("a reboot", _power("rebooting")),
    "console": deletion_alone("a change of it", _console, _remove),
    "power lost": success("a look at its power state", _find),
}
