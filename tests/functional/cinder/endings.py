# SPDX-License-Identifier: Apache-2.0
"""What ends the faults of Cinder's resources; the back end works again by then."""

from tests.fixtures import wait_until
from tests.functional.cinder.failures import CONNECTOR, IMAGE, Volumes
from tests.functional.cloud import Resource
from tests.functional.deployment import ADMIN, MEMBER
from tests.functional.endings import (
    deletion,
    deletion_alone,
    success,
    untold_deletion,
)


def _reset(cloud: Volumes, resource: Resource) -> None:
    """Have an administrator say that a resource is as it was before it failed."""
    action = "reset_status" if resource.kind == "groups" else "os-reset_status"
    status = {"status": "available"}
    if resource.kind == "volumes":
        status["attach_status"] = "detached"
    body = {action: status}
    cloud.call("POST", f"{resource.path}/action", body, ADMIN)


def _mend(cloud: Volumes, resource: Resource) -> None:
    """Give a resource a name by which the back end does not fail."""
    _reset(cloud, resource)
    body = {resource.kind.removesuffix("s"): {"name": "mended"}}
    cloud.call("PUT", resource.path, body)


def _do(cloud: Volumes, volume: Resource, token=MEMBER, **action) -> None:
    _mend(cloud, volume)
    cloud.act(volume, token, **action)
    assert cloud.status(volume) == "available"


def _extend(cloud, volume):
    _do(cloud, volume, **{"os-extend": {"new_size": 2}})


def _retype(cloud, volume):
    given = {"new_type": "any", "migration_policy": "never"}
    _do(cloud, volume, **{"os-retype": given})


def _revert(cloud, volume):
    path = f"/snapshots?volume_id={volume.id}"
    found = cloud.call("GET", path)["snapshots"]
    ours = {one["name"]: Resource("snapshots", one["id"]) for one in found}
    snapshot = ours.pop("well")
    # Cinder made another one before, and reverts to none but the newest.
    for other in ours.values():
        cloud.delete(other)
        wait_until(lambda found=other: cloud.is_gone(found))
    _do(cloud, volume, revert={"snapshot_id": snapshot.id})


def _upload(cloud, volume):
    _do(cloud, volume, **{"os-volume_upload_image": {"image_name": "x"}})


def _migrate(cloud, volume):
    here = cloud.show(volume, ADMIN)["os-vol-host-attr:host"]
    (there,) = {"tests@good#good", "tests@full#full"} - {here}
    given = {"host": there, "force_host_copy": False}
    _do(cloud, volume, ADMIN, **{"os-migrate_volume": given})


def _attach(cloud, volume):
    _mend(cloud, volume)
    given = {"instance_uuid": IMAGE, "connector": CONNECTOR}
    body = {"attachment": {"volume_uuid": volume.id, **given}}
    cloud.call("POST", "/attachments", body)


def _detach(cloud, volume):
    _mend(cloud, volume)
    action = {"os-terminate_connection": {"connector": CONNECTOR}}
    cloud.call("POST", f"{volume.path}/action", action, ADMIN)


def _delete_attached(cloud, volume):
    # Cinder would ask Nova, before it takes a server's volume away.
    _reset(cloud, volume)
    cloud.delete(volume)


def _restore(cloud, volume):
    backup = cloud.backup(cloud.volume("well"))
    _mend(cloud, volume)
    body = {"restore": {"volume_id": volume.id}}
    cloud.call("POST", f"{backup.path}/restore", body)
    cloud.settle(backup)
    assert cloud.status(cloud.settle(volume)) == "available"


def _delete_mended(cloud, resource):
    _mend(cloud, resource)
    cloud.delete(resource)


def _delete_group(cloud, group):
    cloud.act(group, delete={"delete-volumes": True})


def _delete_mended_group(cloud, group):
    _mend(cloud, group)
    _delete_group(cloud, group)


_DELETED = [
    "create",
    "create, chained",
    "create, unexpected",
    "create, no back end",
    "create from an image",
    "create from a snapshot",
    "clone",
    "snapshot",
    "manage",
    "manage, no back end",
    "manage a snapshot",
    "backup",
]
_EXTENDED = success("an extension", _extend)
_RETYPED = success("a retype", _retype)
_ATTACHED = deletion_alone("an attachment", _attach, _delete_attached)
ENDINGS = {
    **dict.fromkeys(_DELETED, deletion()),
    "extend": _EXTENDED,
    "extend, unexpected": _EXTENDED,
    "extend, no back end": _EXTENDED,
    "delete": deletion(_delete_mended),
    "delete a snapshot": deletion(_delete_mended),
    "attach": _ATTACHED,
    "attach, export": _ATTACHED,
    "detach": deletion_alone("a detachment", _detach),
    "upload to an image": deletion_alone("an upload", _upload),
    "revert": success("a reversion", _revert),
    "retype": _RETYPED,
    "retype, no back end": _RETYPED,
    "migrate": deletion_alone("a migration", _migrate),
    "delete a backup": deletion(_delete_mended),
    "restore": deletion_alone("a restoration", _restore),
    "group": deletion(_delete_group),
    "group, no back end": untold_deletion(_delete_group),
    "delete a group": deletion(_delete_mended_group),
}
