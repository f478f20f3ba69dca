# SPDX-License-Identifier: Apache-2.0
"""Drivers of Magnum whose clusters fail in the steps that their labels name.

The labels are those of :mod:`tests.functional.magnum.labels`.
"""

import os
import sys
import uuid
from pathlib import Path

from magnum.common import exception
from magnum.drivers.common import driver
from oslo_concurrency import processutils

from tests.functional.magnum.labels import FAILS, HOW, LATER, REASON, UNDONE

_COMMAND = "import sys; sys.exit('Error: UPGRADE FAILED on node7.internal')"


class Driver(driver.Driver):
    """Clusters that consist of nothing."""

    provides = ({"server_type": "vm", "os": "tests", "coe": "kubernetes"},)

    def create_cluster(self, context, cluster, cluster_create_timeout):
        cluster.stack_id = str(uuid.uuid4())
        _step(cluster, "create")

    def update_cluster(
        self, context, cluster, scale_manager=None, rollback=False
    ):
        _step(cluster, "update")

    def resize_cluster(
        self,
        context,
        cluster,
        resize_manager,
        node_count,
        nodes_to_remove,
        nodegroup=None,
    ):
        _step(cluster, "resize")

    def upgrade_cluster(
        self,
        context,
        cluster,
        cluster_template,
        max_batch_size,
        nodegroup,
        scale_manager=None,
        rollback=False,
    ):
        _step(cluster, "upgrade")

    def delete_cluster(self, context, cluster):
        _step(cluster, "delete")

    def create_nodegroup(self, context, cluster, nodegroup):
        _step(cluster, "group-create")

    def update_nodegroup(self, context, cluster, nodegroup):
        _step(cluster, "group-update")

    def delete_nodegroup(self, context, cluster, nodegroup):
        _step(cluster, "group-delete")
        nodegroup.destroy()

    def rotate_credential(self, context, cluster):
        _step(cluster, "credential")

    def rotate_ca_certificate(self, context, cluster):
        _step(cluster, "rotate")

    def create_federation(self, context, federation):
        raise NotImplementedError

    update_federation = delete_federation = create_federation

    def update_cluster_status(self, context, cluster, use_admin_ctx=False):
        """What the cluster has come to; Magnum asks every ten seconds."""
        cluster.refresh()
        if cluster.stack_id is None:
            return
        step, _, rest = cluster.status.partition("_")
        if rest != "IN_PROGRESS":
            raise RuntimeError("It has failed since it was asked for.")
        cluster.status, cluster.status_reason = _outcome(cluster, step)
        cluster.api_address = "https://192.0.2.1:6443"
        for group in cluster.nodegroups:
            group.status = cluster.status.replace("ROLLBACK", "UPDATE")
            group.save()
        cluster.save()


class Leaving(Driver):
    """One that was there when its clusters were made, and is not any more."""

    provides = ({"server_type": "vm", "os": "leaving", "coe": "kubernetes"},)


def _outcome(cluster, step):
    """Status and reason after a step that was begun."""
    is_late = step.lower() in cluster.labels.get(LATER, "").split()
    if not is_late or _is_mended(cluster):
        return f"{step}_COMPLETE", None
    how = cluster.labels.get(HOW)
    if how == "undone":
        return "ROLLBACK_COMPLETE", UNDONE
    reason = None if how == "silently" else REASON
    return f"{step}_FAILED", reason


def _is_mended(cluster):
    """Whether the tests say that nothing of a cluster fails any more."""
    folder = Path(os.environ["MAGNUM_CONF"]).parent
    return (folder / f"mended-{cluster.uuid}").exists()


def _step(cluster, step):
    is_refused = step in cluster.labels.get(FAILS, "").split()
    if not is_refused or _is_mended(cluster):
        return
    how = cluster.labels.get(HOW)
    if how == "unexpected":
        raise RuntimeError(f"boom in {step}: password=hunter2")
    if how == "command":
        processutils.execute(sys.executable, "-c", _COMMAND)
    raise exception.InvalidParameterValue(
        err=f"{step}: No Flavor matching {{'name': 'large'}}"
    )
