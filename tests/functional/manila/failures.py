# SPDX-License-Identifier: Apache-2.0
"""What can fail in Manila, each provoked through its API by the user who would do so."""

from tests.functional.cloud import NOTIFICATION, Cloud, Failure, Resource
from tests.functional.deployment import ADMIN

_SPECS = {
    "driver_handles_share_servers": "False",
    "snapshot_support": "True",
    "create_share_from_snapshot_support": "True",
    "revert_to_snapshot_support": "True",
}


class Shares(Cloud):
    """Manila's API."""

    def share(self, name: str, **others) -> Resource:
        given = {
            "share_proto": "NFS",
            "size": 1,
            "name": name,
            "share_type": "plain",
        }
        made = self.call("POST", "/shares", {"share": {**given, **others}})[
            "share"
        ]
        return self.settle(Resource("shares", made["id"]))

    def snapshot(self, share: Resource, name: str = "well") -> Resource:
        given = {"share_id": share.id, "name": name}
        made = self.call("POST", "/snapshots", {"snapshot": given})["snapshot"]
        return self.settle(Resource("snapshots", made["id"]))

    def allow(self, share: Resource) -> Resource:
        rule = {
            "access_type": "ip",
            "access_to": "10.0.0.1",
            "access_level": "rw",
        }
        return self.act(share, allow_access=rule)

    def manage(self, name: str, share_type: str = "plain") -> Resource:
        given = {
            "service_host": "tests@good#good",
            "export_path": f"127.0.0.1:/{name.replace(' ', '-')}",
            "protocol": "NFS",
            "name": name,
            "share_type": share_type,
        }
        made = self.call("POST", "/shares/manage", {"share": given}, ADMIN)[
            "share"
        ]
        return self.settle(Resource("shares", made["id"]))

    def replica(self, share: Resource) -> Resource:
        """A second copy of a share, at the other back end."""
        given = {"share_id": share.id}
        made = self.call("POST", "/share-replicas", {"share_replica": given})
        return self.settle(
            Resource("share-replicas", made["share_replica"]["id"])
        )

    def is_up(self) -> bool:
        """Whether the services have reported, and the scheduler knows both back ends.

        The types must be there.
        """
        found = self.call("GET", "/services", token=ADMIN)["services"]
        up = [service for service in found if service["state"] == "up"]
        if len(up) < 3:
            return False
        # The pools are those that the scheduler knew when it last placed a share.
        self.delete(self.share("first"))
        pools = self.call("GET", "/scheduler-stats/pools", token=ADMIN)
        return len(pools["pools"]) == 2

    def prepare(self) -> None:
        """Make the types that the failures need."""
        for name, specs in (
            ("plain", {}),
            ("replicated", {"replication_type": "readable"}),
            ("nowhere", {"share_backend_name": "none"}),
        ):
            given = {
                "name": name,
                "share_type_access:is_public": True,
                "extra_specs": {**_SPECS, **specs},
            }
            self.call("POST", "/types", {"share_type": given}, ADMIN)


def _create(cloud):
    return cloud.share("fail-create")


def _create_chained(cloud):
    return cloud.share("fail-create chained")


def _create_unexpected(cloud):
    return cloud.share("fail-create unexpected")


def _create_nowhere(cloud):
    return cloud.share("well", share_type="nowhere")


def _create_from_snapshot(cloud):
    snapshot = cloud.snapshot(cloud.share("well"))
    return cloud.share("fail-create copy", snapshot_id=snapshot.id)


def _extend(cloud):
    return cloud.act(cloud.share("fail-extend"), extend={"new_size": 2})


def _extend_nowhere(cloud):
    return cloud.act(cloud.share("well"), extend={"new_size": 900})


def _shrink(cloud):
    share = cloud.share("fail-shrink", size=3)
    return cloud.act(share, shrink={"new_size": 1})


def _delete(cloud):
    return cloud.delete(cloud.share("fail-delete"))


def _snapshot(cloud):
    return cloud.snapshot(cloud.share("well"), "fail-snapshot")


def _snapshot_delete(cloud):
    return cloud.delete(cloud.snapshot(cloud.share("well"), "fail-snapdelete"))


def _allow(cloud):
    return cloud.allow(cloud.share("fail-access"))


def _allow_unexpected(cloud):
    return cloud.allow(cloud.share("fail-access unexpected"))


def _revert(cloud):
    share = cloud.share("well")
    snapshot = cloud.snapshot(share, "fail-revert")
    return cloud.act(share, revert={"snapshot_id": snapshot.id})


def _manage(cloud):
    return cloud.manage("fail-manage")


def _replica(cloud):
    share = cloud.share("fail-replica", share_type="replicated")
    cloud.replica(share)
    return share


def _replica_unexpected(cloud):
    share = cloud.share("fail-replica unexpected", share_type="replicated")
    cloud.replica(share)
    return share


FILER = "refused by filer 10.1.2.3 (pool full)"
_CANNOT = "The storage back end could not"
FAILURES = [
    Failure(
        "create", _create, f"create {FILER}", f"{_CANNOT} create the share."
    ),
    Failure(
        "create, chained",
        _create_chained,
        "lun-tool: create: no space in pool rack7",
        f"{_CANNOT} create the share.",
    ),
    Failure(
        "create, unexpected",
        _create_unexpected,
        "boom in create",
        "The share could not be created.",
    ),
    Failure(
        "create, no back end",
        _create_nowhere,
        "No valid host was found",
        "No valid host was found. Failed to find a weighted host, the last "
        "executed filter was CapabilitiesFilter.",
    ),
    Failure(
        "create from a snapshot",
        _create_from_snapshot,
        f"create {FILER}",
        f"{_CANNOT} create the share.",
    ),
    Failure(
        "extend", _extend, f"extend {FILER}", f"{_CANNOT} extend the share."
    ),
    Failure(
        "extend, no back end",
        _extend_nowhere,
        "No valid host",
        "The storage back end of the share has no room for the larger share.",
    ),
    Failure(
        "shrink", _shrink, f"shrink {FILER}", f"{_CANNOT} shrink the share."
    ),
    Failure(
        "delete", _delete, f"delete {FILER}", f"{_CANNOT} delete the share."
    ),
    Failure(
        "snapshot",
        _snapshot,
        f"snapshot {FILER}",
        f"{_CANNOT} create the snapshot.",
    ),
    Failure(
        "delete a snapshot",
        _snapshot_delete,
        f"snapdelete {FILER}",
        f"{_CANNOT} delete the snapshot.",
    ),
    Failure(
        "access rule",
        _allow,
        f"access {FILER}",
        f"{_CANNOT} change who has access to the share.",
    ),
    Failure(
        "access rule, unexpected",
        _allow_unexpected,
        "boom in access",
        "The access to the share could not be changed.",
    ),
    Failure(
        "revert",
        _revert,
        f"revert {FILER}",
        f"{_CANNOT} revert the share to the snapshot.",
    ),
    Failure(
        "manage", _manage, f"manage {FILER}", f"{_CANNOT} take over the share."
    ),
    Failure(
        "replica",
        _replica,
        f"replica {FILER}",
        f"{_CANNOT} create the replica.",
    ),
    Failure(
        "replica, unexpected",
        _replica_unexpected,
        "boom in replica",
        "The replica of the share could not be created.",
    ),
]
# What tells of a failure, where that is not the log alone.
SOURCES = {
    "create, no back end": NOTIFICATION,
    "extend, no back end": NOTIFICATION,
}
