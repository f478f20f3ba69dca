# SPDX-License-Identifier: Apache-2.0
"""A share driver that keeps nothing, and fails in the step that a share's name tells.

A name holds ``fail-STEP``, and perhaps how: ``unexpected``, an exception that is not Manila's;
``chained``, Manila's own exception that was raised from another one.
"""

import os
from pathlib import Path

from manila import exception
from manila.share import driver
from oslo_concurrency import processutils

from tests.functional.deployment import AWAY

EXPORTS = [{"path": "127.0.0.1:/share"}]


class Driver(driver.ShareDriver):
    def __init__(self, *arguments, **options):
        super().__init__([False], *arguments, **options)

    def do_setup(self, context):
        pass

    def check_for_setup_error(self):
        pass

    def _update_share_stats(self, data=None):
        if (Path(os.environ["MANILA_CONF"]).parent / AWAY).exists():
            raise exception.ShareBackendException(
                msg="filer 10.1.2.3 does not answer"
            )
        stats = {
            "share_backend_name": self.configuration.share_backend_name,
            "vendor_name": "tests",
            "driver_version": "1",
            "storage_protocol": "NFS_CIFS",
            "total_capacity_gb": 100,
            "free_capacity_gb": 90,
            "reserved_percentage": 0,
            "snapshot_support": True,
            "create_share_from_snapshot_support": True,
            "revert_to_snapshot_support": True,
            "mount_snapshot_support": False,
            "replication_type": "readable",
        }
        super()._update_share_stats(stats)

    def create_share(self, context, share, share_server=None):
        _step("create", share)
        return EXPORTS

    def create_share_from_snapshot(
        self, context, share, snapshot, share_server=None, parent_share=None
    ):
        _step("create", share)
        return EXPORTS

    def delete_share(self, context, share, share_server=None):
        _step("delete", share)

    def create_snapshot(self, context, snapshot, share_server=None):
        _step("snapshot", snapshot)
        return {}

    def delete_snapshot(self, context, snapshot, share_server=None):
        _step("snapdelete", snapshot)

    def extend_share(self, share, size, share_server=None):
        _step("extend", share)

    def shrink_share(self, share, size, share_server=None):
        _step("shrink", share)

    def update_access(
        self,
        context,
        share,
        access_rules,
        add_rules,
        delete_rules,
        update_rules=None,
        share_server=None,
    ):
        _step("access", share)

    def revert_to_snapshot(
        self,
        context,
        snapshot,
        share_access_rules,
        snapshot_access_rules,
        share_server=None,
    ):
        _step("revert", snapshot)

    def manage_existing(self, share, driver_options):
        _step("manage", share)
        return {"size": 1}

    def create_replica(
        self,
        context,
        replica_list,
        new_replica,
        access_rules,
        replica_snapshots,
        share_server=None,
    ):
        _step("replica", new_replica)
        return {"export_locations": EXPORTS, "replica_state": "in_sync"}

    def update_replica_state(
        self,
        context,
        replica_list,
        replica,
        access_rules,
        replica_snapshots,
        share_server=None,
    ):
        return replica["replica_state"]

    def delete_replica(
        self,
        context,
        replica_list,
        replica_snapshots,
        replica,
        share_server=None,
    ):
        pass

    def ensure_shares(self, context, shares):
        return {}

    def get_backend_info(self, context):
        return {}


def _step(step, resource):
    """Fail, or not, as the name of the share or snapshot says."""
    name = resource.get("display_name")
    if not name:
        # Of a share's instance or a snapshot without a name, the share has one.
        name = (resource.get("share") or {}).get("display_name") or ""
    if f"fail-{step}" not in name:
        return
    if "unexpected" in name:
        raise RuntimeError(f"boom in {step}: password=hunter2 at 10.1.2.3")
    if "chained" in name:
        try:
            raise processutils.ProcessExecutionError(
                stderr=f"lun-tool: {step}: no space in pool rack7",
                exit_code=5,
                cmd="lun-tool -phunter2",
            )
        except processutils.ProcessExecutionError as exc:
            raise exception.ShareBackendException(
                msg=f"{step} failed at 10.1.2.3:/srv/shares"
            ) from exc
    raise exception.ShareBackendException(
        msg=f"{step} refused by filer 10.1.2.3 (pool full)"
    )
