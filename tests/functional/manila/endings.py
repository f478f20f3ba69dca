# SPDX-License-Identifier: Apache-2.0
"""What ends the faults of Manila's resources; the back end works again by then."""

from tests.fixtures import wait_until
from tests.functional.cloud import Resource
from tests.functional.deployment import ADMIN
from tests.functional.endings import (
    deletion,
    deletion_alone,
    success,
    untold_deletion,
)
from tests.functional.manila.failures import Shares


def _mend(cloud: Shares, resource: Resource) -> None:
    """Give it a name by which the back end does not fail, and the status it had before."""
    reset = {"reset_status": {"status": "available"}}
    cloud.call("POST", f"{resource.path}/action", reset, ADMIN)
    wrapper = resource.kind.removesuffix("s")
    cloud.call("PUT", resource.path, {wrapper: {"display_name": "mended"}})


def _do(cloud: Shares, share: Resource, **action) -> None:
    _mend(cloud, share)
    cloud.act(share, **action)
    assert cloud.status(share) == "available"


def _extend(cloud, share):
    _do(cloud, share, extend={"new_size": 2})


def _shrink(cloud, share):
    _do(cloud, share, shrink={"new_size": 1})


def _rules(cloud, share):
    path = f"/share-access-rules?share_id={share.id}"
    return cloud.call("GET", path)["access_list"]


def _allow(cloud, share):
    _mend(cloud, share)
    for rule in _rules(cloud, share):
        cloud.act(share, deny_access={"access_id": rule["id"]})
    wait_until(lambda: not _rules(cloud, share))
    cloud.allow(share)
    wait_until(lambda: _rules(cloud, share)[0]["state"] == "active")


def _snapshots(cloud, share):
    found = cloud.call("GET", f"/snapshots?share_id={share.id}")["snapshots"]
    return [Resource("snapshots", one["id"]) for one in found]


def _revert(cloud, share):
    (snapshot,) = _snapshots(cloud, share)
    _mend(cloud, snapshot)
    _do(cloud, share, revert={"snapshot_id": snapshot.id})


def _delete_reverted(cloud, share):
    for snapshot in _snapshots(cloud, share):
        cloud.delete(snapshot)
        wait_until(lambda found=snapshot: cloud.is_gone(found))
    cloud.delete(share)


def _replicas(cloud, share):
    """Those that are not the share itself."""
    path = f"/share-replicas/detail?share_id={share.id}"
    found = cloud.call("GET", path)["share_replicas"]
    return [
        Resource("share-replicas", one["id"])
        for one in found
        if one["replica_state"] != "active"
    ]


def _remove_replicas(cloud, share):
    for replica in _replicas(cloud, share):
        cloud.delete(replica)
    wait_until(lambda: not _replicas(cloud, share))


def _replicate(cloud, share):
    _mend(cloud, share)
    _remove_replicas(cloud, share)
    assert cloud.status(cloud.replica(share)) == "available"


def _delete_replicated(cloud, share):
    _remove_replicas(cloud, share)
    cloud.delete(share)


def _delete_mended(cloud, resource):
    _mend(cloud, resource)
    cloud.delete(resource)


_ALLOWED = deletion_alone("a rule", _allow)
_REPLICATED = deletion_alone("a replica", _replicate, _delete_replicated)
ENDINGS = {
    "create": deletion(),
    "create, chained": deletion(),
    "create, unexpected": deletion(),
    "create, no back end": untold_deletion(),
    "create from a snapshot": deletion(),
    "extend": success("an extension", _extend),
    "extend, no back end": success("an extension", _extend),
    "shrink": success("a shrinking", _shrink),
    "delete": deletion(_delete_mended),
    "snapshot": untold_deletion(),
    "delete a snapshot": untold_deletion(_delete_mended),
    "access rule": _ALLOWED,
    "access rule, unexpected": _ALLOWED,
    "revert": deletion_alone("a reversion", _revert, _delete_reverted),
    "manage": deletion(_delete_mended),
    "replica": _REPLICATED,
    "replica, unexpected": _REPLICATED,
}
