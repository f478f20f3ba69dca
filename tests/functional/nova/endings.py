# SPDX-License-Identifier: Apache-2.0
"""What ends the faults of servers; the hypervisor works again by then."""

from tests.fixtures import wait_until
from tests.functional.cloud import Resource
from tests.functional.deployment import ADMIN, MEMBER
from tests.functional.endings import deletion, deletion_alone, success
from tests.functional.nova.failures import (
    BACKUP,
    HARD,
    LIVE,
    PASSWORD,
    RESIZE,
    SNAPSHOT,
    SOFT,
    START,
    STOP,
    Cloud,
)


def _mend(cloud: Cloud, server: Resource) -> None:
    """Let the hypervisor work; an administrator says that the server is not in error."""
    cloud.mend(server)
    if cloud.status(server) == "ERROR":
        body = {"os-resetState": {"state": "active"}}
        cloud.call("POST", f"{server.path}/action", body, ADMIN)


def _again(status: str, token: str = MEMBER, **action):
    """An action after which the server has a status."""

    def act(cloud, server):
        _mend(cloud, server)
        _do(cloud, server, status, token, **action)

    return act


def _do(cloud, server, status, token=MEMBER, **action):
    cloud.act(server, token, **action)
    wait_until(lambda: cloud.status(server) == status)


def _resume(cloud, server):
    """What could not be resumed is in error, and no longer suspended."""
    _mend(cloud, server)
    _do(cloud, server, "SUSPENDED", suspend=None)
    _do(cloud, server, "ACTIVE", resume=None)


def _migrate_alive(cloud, server):
    _mend(cloud, server)
    before = cloud.host(server)
    cloud.act(server, ADMIN, **LIVE)
    wait_until(lambda: cloud.host(server) != before)


def _volumes(cloud, server):
    path = f"{server.path}/os-volume_attachments"
    return cloud.call("GET", path)["volumeAttachments"]


def _attach(cloud, server):
    _mend(cloud, server)
    cloud.attach(server)
    assert _volumes(cloud, server)


def _detach(cloud, server):
    _mend(cloud, server)
    (found,) = _volumes(cloud, server)
    path = f"{server.path}/os-volume_attachments"
    cloud.call("DELETE", f"{path}/{found['volumeId']}")
    wait_until(lambda: not _volumes(cloud, server))


def _interfaces(cloud, server):
    found = cloud.call("GET", f"{server.path}/os-interface")
    return found["interfaceAttachments"]


def _plug(cloud, server):
    _mend(cloud, server)
    cloud.plug(server)
    assert _interfaces(cloud, server)


def _unplug(cloud, server):
    _mend(cloud, server)
    (found,) = _interfaces(cloud, server)
    cloud.call("DELETE", f"{server.path}/os-interface/{found['port_id']}")
    wait_until(lambda: not _interfaces(cloud, server))


def _delete(cloud, server):
    cloud.mend(server)
    # Else it could still be restored for a while.
    cloud.act(server, forceDelete=None)


def _alone(vain_says, vain):
    return deletion_alone(vain_says, vain, _delete)


_DELETED = deletion(_delete)
_SUSPENDED = _alone("a suspension", _again("SUSPENDED", suspend=None))
_PASSWORD = _alone("a password", _again("ACTIVE", **PASSWORD))
_SNAPSHOT = _alone("a snapshot", _again("ACTIVE", **SNAPSHOT))
_ATTACHED = _alone("an attachment", _attach)
_PLUGGED = _alone("an attachment", _plug)
_RESIZED = success("a resize", _again("VERIFY_RESIZE", **RESIZE))
_MIGRATED_ALIVE = _alone("a live migration", _migrate_alive)
ENDINGS = {
    "create": _DELETED,
    "create, unexpected": _DELETED,
    "create, chained": _DELETED,
    "create, abort": _DELETED,
    "create, no host": _DELETED,
    "create several, no host": _DELETED,
    "create several, unexpected": _DELETED,
    "create, no address": _DELETED,
    "create from a volume": _DELETED,
    "reboot": _alone("a reboot", _again("ACTIVE", **HARD)),
    "reboot softly": _alone("a reboot", _again("ACTIVE", **SOFT)),
    "stop": _alone("a stop", _again("SHUTOFF", **STOP)),
    "start": success("a start", _again("ACTIVE", **START)),
    "pause": _alone("a pause", _again("PAUSED", pause=None)),
    "unpause": _alone("an unpause", _again("ACTIVE", unpause=None)),
    "suspend": _SUSPENDED,
    "suspend, unexpected": _SUSPENDED,
    "resume": success("a resumption", _resume),
    "rescue": _DELETED,
    "unrescue": _DELETED,
    "snapshot": _SNAPSHOT,
    "snapshot, unexpected": _SNAPSHOT,
    "backup": _alone("a backup", _again("ACTIVE", **BACKUP)),
    "set the password": _PASSWORD,
    "set the password, unexpected": _PASSWORD,
    "crash dump": _alone("a dump", _again("ACTIVE", trigger_crash_dump=None)),
    "attach a volume": _ATTACHED,
    "attach a volume, unexpected": _ATTACHED,
    "attach a volume, Cinder refuses": _ATTACHED,
    "detach a volume": _alone("a detachment", _detach),
    "attach an interface": _PLUGGED,
    "attach an interface, Neutron refuses": _PLUGGED,
    "detach an interface": _alone("a detachment", _unplug),
    "rebuild": _DELETED,
    "rebuild, unexpected": _DELETED,
    "resize, no host": _alone("a resize", _again("VERIFY_RESIZE", **RESIZE)),
    "resize": _RESIZED,
    "resize, finish": _DELETED,
    "resize, confirm": _DELETED,
    "resize, revert": _DELETED,
    "cold migration": success(
        "a migration", _again("VERIFY_RESIZE", ADMIN, migrate=None)
    ),
    "live migration, destination": _MIGRATED_ALIVE,
    "live migration, source": _MIGRATED_ALIVE,
    "live migration, preparation": _MIGRATED_ALIVE,
    "live migration, unexpected": _MIGRATED_ALIVE,
    "shelve": _alone("a shelving", _again("SHELVED_OFFLOADED", shelve=None)),
    "shelve, offload": _DELETED,
    "unshelve": success("an unshelving", _again("ACTIVE", unshelve=None)),
    "delete": _DELETED,
    "delete, unexpected": _DELETED,
}
