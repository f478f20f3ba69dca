# SPDX-License-Identifier: Apache-2.0
"""What can fail in Cinder, each provoked through its API by the user who would do so."""

from pathlib import Path

from tests.functional.cinder.deployment import VERSION
from tests.functional.cloud import NOTIFICATION, Cloud, Failure, Resource
from tests.functional.deployment import ADMIN, MEMBER

IMAGE = "5d000000-0000-4000-8000-000000000001"
CONNECTOR = {
    "initiator": "iqn.y",
    "ip": "127.0.0.1",
    "host": "client",
    "platform": "x86_64",
    "os_type": "linux",
    "multipath": False,
}


class Volumes(Cloud):
    """Cinder's API."""

    def volume(self, name: str, **others) -> Resource:
        return self.settle(self.begin_volume(name, **others))

    def begin_volume(self, name: str, **others) -> Resource:
        """A volume that may not be there yet."""
        given = {"size": 1, "name": name, "volume_type": "good", **others}
        made = self.call("POST", "/volumes", {"volume": given})["volume"]
        return Resource("volumes", made["id"])

    def snapshot(self, volume: Resource, name: str = "well") -> Resource:
        given = {"volume_id": volume.id, "name": name, "force": True}
        body = {"snapshot": given}
        # Later versions refuse to be told whether a volume may be in use.
        version = {VERSION: "volume 3.65"}
        status, answer = self.deployment.request(
            "POST", "/snapshots", MEMBER, body, version
        )
        assert status == 202, answer
        return self.settle(Resource("snapshots", answer["snapshot"]["id"]))

    def backup(self, volume: Resource, name: str = "well") -> Resource:
        return self.settle(self.begin_backup(volume, name))

    def begin_backup(self, volume: Resource, name: str) -> Resource:
        """A backup that may not be there yet."""
        given = {"volume_id": volume.id, "name": name}
        made = self.call("POST", "/backups", {"backup": given})["backup"]
        return Resource("backups", made["id"])

    def hand_over(self, volume: Resource, token: str) -> None:
        """Let the user of a token have a volume, who accepts it."""
        given = {"transfer": {"volume_id": volume.id}}
        made = self.call("POST", "/volume-transfers", given)["transfer"]
        accepted = {"accept": {"auth_key": made["auth_key"]}}
        path = f"/volume-transfers/{made['id']}/accept"
        self.call("POST", path, accepted, token)

    def attach(self, volume: Resource) -> Resource:
        given = {
            "volume_uuid": volume.id,
            "instance_uuid": IMAGE,
            "connector": CONNECTOR,
        }
        self.deployment.request(
            "POST", "/attachments", MEMBER, {"attachment": given}
        )
        return volume

    def manage(
        self,
        name: str,
        volume_type: str = "good",
        host: str = "tests@good#good",
    ):
        given = {"host": host, "ref": {"source-name": "lun"}, "name": name}
        body = {"volume": {**given, "volume_type": volume_type}}
        made = self.call("POST", "/manageable_volumes", body, ADMIN)["volume"]
        return self.settle(Resource("volumes", made["id"]))

    def group(self, name: str, volume_type: str = "good") -> Resource:
        types = self.call("GET", "/types", token=ADMIN)["volume_types"]
        wanted = [
            found["id"] for found in types if found["name"] == volume_type
        ]
        kinds = self.call("GET", "/group_types", token=ADMIN)["group_types"]
        kind = next(found["id"] for found in kinds if found["name"] == "tests")
        given = {"name": name, "group_type": kind, "volume_types": wanted}
        body = {"group": {**given, "availability_zone": "nova"}}
        made = self.call("POST", "/groups", body)["group"]
        return self.settle(Resource("groups", made["id"]))

    def slow_step_of(self, volume: Resource) -> Path:
        """What is there when a slow step of a volume has begun."""
        return self.deployment.folder / f"slow-{volume.id}"

    def is_up(self) -> bool:
        """Whether all services have reported, and the scheduler knows both back ends."""
        found = self.call("GET", "/os-services", token=ADMIN)["services"]
        pools = self.call("GET", "/scheduler-stats/get_pools", token=ADMIN)[
            "pools"
        ]
        up = [service for service in found if service["state"] == "up"]
        return len(up) == 4 and len(pools) == 2

    def prepare(self) -> None:
        """Make the types that the failures need: a back end that works, one that is full, none."""
        for name in ("good", "full", "nowhere"):
            given = {
                "name": name,
                "extra_specs": {"volume_backend_name": name},
            }
            self.call("POST", "/types", {"volume_type": given}, ADMIN)
        self.call("POST", "/types", {"volume_type": {"name": "any"}}, ADMIN)
        self.call(
            "POST", "/group_types", {"group_type": {"name": "tests"}}, ADMIN
        )


def _create(cloud):
    return cloud.volume("fail-create")


def _create_chained(cloud):
    return cloud.volume("fail-create chained")


def _create_unexpected(cloud):
    return cloud.volume("fail-create unexpected")


def _create_nowhere(cloud):
    return cloud.volume("nowhere", volume_type="nowhere")


def _create_from_image(cloud):
    return cloud.volume("fail-image", imageRef=IMAGE)


def _create_from_snapshot(cloud):
    snapshot = cloud.snapshot(cloud.volume("well"))
    return cloud.volume("fail-create from snapshot", snapshot_id=snapshot.id)


def _clone(cloud):
    source = cloud.volume("well")
    return cloud.volume("fail-create clone", source_volid=source.id)


def _extend(cloud):
    return cloud.act(
        cloud.volume("fail-extend"), **{"os-extend": {"new_size": 2}}
    )


def _extend_unexpected(cloud):
    return cloud.act(
        cloud.volume("fail-extend unexpected"),
        **{"os-extend": {"new_size": 2}},
    )


def _extend_nowhere(cloud):
    return cloud.act(cloud.volume("well"), **{"os-extend": {"new_size": 900}})


def _delete(cloud):
    return cloud.delete(cloud.volume("fail-delete"))


def _snapshot(cloud):
    return cloud.snapshot(cloud.volume("well"), "fail-snapshot")


def _snapshot_delete(cloud):
    return cloud.delete(
        cloud.snapshot(cloud.volume("well"), "fail-snapdelete")
    )


def _attach(cloud):
    return cloud.attach(cloud.volume("fail-attach"))


def _export(cloud):
    return cloud.attach(cloud.volume("fail-export"))


def _detach(cloud):
    volume = cloud.volume("fail-detach")
    cloud.act(
        volume, ADMIN, **{"os-initialize_connection": {"connector": CONNECTOR}}
    )
    action = {"os-terminate_connection": {"connector": CONNECTOR}}
    cloud.deployment.request("POST", f"{volume.path}/action", ADMIN, action)
    return volume


def _upload(cloud):
    action = {"os-volume_upload_image": {"image_name": "x"}}
    return cloud.act(cloud.volume("fail-upload"), **action)


def _revert(cloud):
    volume = cloud.volume("fail-revert")
    snapshot = cloud.snapshot(volume)
    return cloud.act(volume, revert={"snapshot_id": snapshot.id})


def _retype(cloud):
    action = {
        "os-retype": {"new_type": "full", "migration_policy": "on-demand"}
    }
    return cloud.act(cloud.volume("fail-retype fail-migrate"), **action)


def _retype_nowhere(cloud):
    action = {
        "os-retype": {"new_type": "nowhere", "migration_policy": "never"}
    }
    return cloud.act(cloud.volume("well"), **action)


def _migrate(cloud):
    volume = cloud.volume("fail-migrate", volume_type="any")
    here = cloud.show(volume, ADMIN)["os-vol-host-attr:host"]
    there = (
        "tests@good#good" if here == "tests@full#full" else "tests@full#full"
    )
    action = {"os-migrate_volume": {"host": there, "force_host_copy": False}}
    return cloud.act(volume, ADMIN, **action)


def _manage(cloud):
    return cloud.manage("fail-manage")


def _manage_nowhere(cloud):
    return cloud.manage("well", volume_type="nowhere")


def _manage_snapshot(cloud):
    volume = cloud.volume("well")
    given = {
        "volume_id": volume.id,
        "ref": {"source-name": "lun"},
        "name": "fail-manage",
    }
    made = cloud.call(
        "POST", "/manageable_snapshots", {"snapshot": given}, ADMIN
    )["snapshot"]
    return cloud.settle(Resource("snapshots", made["id"]))


def _backup(cloud):
    return cloud.backup(cloud.volume("fail-attach"))


def _backup_delete(cloud):
    return cloud.delete(
        cloud.backup(cloud.volume("well"), "fail-backupdelete")
    )


def _restore(cloud):
    backup = cloud.backup(cloud.volume("well"))
    target = cloud.volume("fail-attach")
    cloud.call(
        "POST", f"{backup.path}/restore", {"restore": {"volume_id": target.id}}
    )
    cloud.settle(backup)
    return cloud.settle(target)


def _group(cloud):
    return cloud.group("fail-group")


def _group_nowhere(cloud):
    return cloud.group("well", "nowhere")


def _group_delete(cloud):
    group = cloud.group("fail-delgroup")
    return cloud.act(group, delete={"delete-volumes": False})


ARRAY = "refused by array 10.1.2.3 (pool full)"
FAILURES = [
    Failure(
        "create",
        _create,
        f"create {ARRAY}",
        "The storage back end could not create the volume.",
    ),
    Failure(
        "create, chained",
        _create_chained,
        "lun-tool: create: no space in pool rack7",
        "The storage back end could not create the volume.",
    ),
    Failure(
        "create, unexpected",
        _create_unexpected,
        "boom in create",
        "The volume could not be created.",
    ),
    Failure(
        "create, no back end",
        _create_nowhere,
        "No weighed backends available",
        "No valid backend was found. No weighed backends available",
    ),
    Failure(
        "create from an image",
        _create_from_image,
        "HTTPNotFound",
        "The image could not be copied to the volume.",
    ),
    Failure(
        "create from a snapshot",
        _create_from_snapshot,
        f"create {ARRAY}",
        "The storage back end could not create the volume.",
    ),
    Failure(
        "clone",
        _clone,
        f"create {ARRAY}",
        "The storage back end could not create the volume.",
    ),
    Failure(
        "extend",
        _extend,
        f"extend {ARRAY}",
        "The storage back end could not extend the volume.",
    ),
    Failure(
        "extend, unexpected",
        _extend_unexpected,
        "boom in extend",
        "The volume could not be extended.",
    ),
    Failure(
        "extend, no back end",
        _extend_nowhere,
        "Cannot place volume",
        "The storage back end of the volume has no room for the larger volume.",
    ),
    Failure(
        "delete",
        _delete,
        f"delete {ARRAY}",
        "The storage back end could not delete the volume.",
    ),
    Failure(
        "snapshot",
        _snapshot,
        f"snapshot {ARRAY}",
        "The storage back end could not create the snapshot.",
    ),
    Failure(
        "delete a snapshot",
        _snapshot_delete,
        f"snapdelete {ARRAY}",
        "The storage back end could not delete the snapshot.",
    ),
    Failure(
        "attach",
        _attach,
        f"attach {ARRAY}",
        "The storage back end could not attach the volume.",
    ),
    Failure(
        "attach, export",
        _export,
        f"export {ARRAY}",
        "The storage back end could not attach the volume.",
    ),
    Failure(
        "detach",
        _detach,
        f"detach {ARRAY}",
        "The storage back end could not detach the volume.",
    ),
    Failure(
        "upload to an image",
        _upload,
        f"upload {ARRAY}",
        "The storage back end could not copy the volume to the image.",
    ),
    Failure(
        "revert",
        _revert,
        f"revert {ARRAY}",
        "The storage back end could not revert the volume to the snapshot.",
    ),
    Failure(
        "retype",
        _retype,
        ARRAY,
        "The storage back end could not change the type of the volume.",
    ),
    Failure(
        "retype, no back end",
        _retype_nowhere,
        "No valid backend",
        "No storage back end fits the new type of the volume.",
    ),
    Failure(
        "migrate",
        _migrate,
        f"migrate {ARRAY}",
        "The storage back end could not migrate the volume.",
    ),
    Failure(
        "manage",
        _manage,
        f"manage {ARRAY}",
        "The storage back end could not take over the volume.",
    ),
    Failure(
        "manage, no back end",
        _manage_nowhere,
        "Cannot place volume",
        "The storage back end does not fit what it was to manage.",
    ),
    Failure(
        "manage a snapshot",
        _manage_snapshot,
        f"manage {ARRAY}",
        "The storage back end could not take over the snapshot.",
    ),
    Failure(
        "backup",
        _backup,
        f"attach {ARRAY}",
        "The storage back end could not attach the volume for the backup.",
    ),
    Failure(
        "delete a backup",
        _backup_delete,
        "/srv/backups on 10.1.2.9 is read-only",
        "The backup could not be deleted.",
    ),
    Failure(
        "restore",
        _restore,
        f"attach {ARRAY}",
        "The storage back end could not attach the volume for the backup.",
    ),
    Failure(
        "group",
        _group,
        f"group {ARRAY}",
        "The storage back end could not create the group.",
    ),
    Failure(
        "group, no back end",
        _group_nowhere,
        "Could not find a backend for group",
        "No storage back end can take the group.",
    ),
    Failure(
        "delete a group",
        _group_delete,
        f"delgroup {ARRAY}",
        "The storage back end could not delete the group.",
    ),
]
# What tells of a failure, where that is not the log alone.
SOURCES = {
    "create, no back end": NOTIFICATION,
    "extend, no back end": NOTIFICATION,
    "retype, no back end": NOTIFICATION,
    "manage, no back end": NOTIFICATION,
}
