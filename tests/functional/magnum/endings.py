# SPDX-License-Identifier: Apache-2.0
"""What ends the faults of clusters; the driver works again by then."""

from tests.fixtures import wait_until
from tests.functional.endings import deletion, success
from tests.functional.magnum.failures import Clusters, come_back


def _grow(cloud: Clusters, cluster):
    """Magnum takes no update of a cluster whose update failed, but a node group."""
    cloud.mend(cluster)
    cloud.group(cluster)
    wait_until(lambda: cloud.status(cluster) == "UPDATE_COMPLETE", 60)


def _delete(cloud: Clusters, cluster):
    cloud.mend(cluster)
    cloud.delete(cluster)


def _delete_with_driver(cloud: Clusters, cluster):
    come_back(cloud)
    cloud.delete(cluster)


_GROWN = success("a node group", _grow)
_DELETED = deletion(_delete)
# What has no certificates was not begun, and the driver of the tests does not end it.
ENDINGS = {
    "create": _DELETED,
    "create, unexpected": _DELETED,
    "create, a command fails": _DELETED,
    "create, later": _DELETED,
    "create, without a reason": _DELETED,
    "create without a database": _DELETED,
    "update": _GROWN,
    "update, later": _GROWN,
    "update, undone": _GROWN,
    "resize": _GROWN,
    "upgrade, a command fails": _GROWN,
    "rotate the authority": _GROWN,
    "rotate the credential": _DELETED,
    "delete": _DELETED,
    "delete, unexpected": _DELETED,
    "delete what had failed": _DELETED,
    "delete, later": _DELETED,
    "node group": _DELETED,
    "node group, unexpected": _DELETED,
    "change of a node group": _DELETED,
    "deletion of a node group, a command fails": _DELETED,
    "delete without the driver": deletion(_delete_with_driver),
}
