# SPDX-License-Identifier: Apache-2.0
"""A volume driver that keeps nothing, and fails in the step that a resource's name tells.

A name holds ``fail-STEP``, and perhaps how: ``unexpected``, an exception that is not Cinder's;
``chained``, Cinder's own exception that was raised from another one; ``once``, at the first try.
With ``slow-STEP``, the step takes some seconds.
"""

import os
import time
from pathlib import Path

from cinder import exception
from cinder.volume import driver
from oslo_concurrency import processutils

from tests.functional.deployment import AWAY


class Driver(driver.VolumeDriver):
    VERSION = "1.0"
    CI_WIKI_NAME = "none"

    def check_for_setup_error(self):
        pass

    def get_volume_stats(self, refresh=False):
        if (_folder() / AWAY).exists():
            raise exception.VolumeBackendAPIException(
                data="array 10.1.2.3 does not answer"
            )
        return {
            "volume_backend_name": self.configuration.safe_get(
                "volume_backend_name"
            ),
            "vendor_name": "tests",
            "driver_version": self.VERSION,
            "storage_protocol": "iSCSI",
            "total_capacity_gb": 100,
            "free_capacity_gb": 100,
            "reserved_percentage": 0,
            "QoS_support": False,
            "thin_provisioning_support": False,
            "thick_provisioning_support": True,
            "multiattach": True,
        }

    def create_volume(self, volume):
        _step("create", volume)

    def delete_volume(self, volume):
        _step("delete", volume)

    def create_snapshot(self, snapshot):
        _step("snapshot", snapshot)

    def delete_snapshot(self, snapshot):
        _step("snapdelete", snapshot)

    def create_volume_from_snapshot(self, volume, snapshot):
        _step("create", volume)

    def create_cloned_volume(self, volume, source):
        _step("create", volume)

    def extend_volume(self, volume, size):
        _step("extend", volume)

    def retype(self, context, volume, new_type, difference, host):
        _step("retype", volume)
        return True, {}

    def revert_to_snapshot(self, context, volume, snapshot):
        _step("revert", volume)

    def create_export(self, context, volume, connector):
        _step("export", volume)
        return {"provider_location": "x", "provider_auth": ""}

    def ensure_export(self, context, volume):
        pass

    def remove_export(self, context, volume):
        pass

    def initialize_connection(self, volume, connector, **options):
        _step("attach", volume)
        target = {
            "target_portal": "127.0.0.1:3260",
            "target_iqn": "iqn.x",
            "target_lun": 1,
        }
        return {
            "driver_volume_type": "iscsi",
            "data": {**target, "target_discovered": False},
        }

    def terminate_connection(self, volume, connector, **options):
        _step("detach", volume)

    def copy_image_to_volume(
        self, context, volume, service, image, disable_sparse=False
    ):
        _step("image", volume)

    def copy_volume_to_image(self, context, volume, service, meta):
        _step("upload", volume)

    def manage_existing(self, volume, existing_ref):
        _step("manage", volume)

    def manage_existing_get_size(self, volume, existing_ref):
        return 1

    def manage_existing_snapshot(self, snapshot, existing_ref):
        _step("manage", snapshot)

    def manage_existing_snapshot_get_size(self, snapshot, existing_ref):
        return 1

    def migrate_volume(self, context, volume, host):
        _step("migrate", volume)
        return True, None

    def create_group(self, context, group):
        _step("group", group)
        return {"status": "available"}

    def delete_group(self, context, group, volumes):
        _step("delgroup", group)
        return {"status": "deleted"}, []

    def backup_use_temp_snapshot(self):
        return False


def _folder():
    return Path(os.environ["CINDER_CONF"]).parent


def _step(step, resource):
    """Fail, or not, as the name of the resource says."""
    name = resource.name if "group" in step else resource["display_name"]
    if f"slow-{step}" in (name or ""):
        (_folder() / f"slow-{resource['id']}").touch()
        time.sleep(4)
    if f"fail-{step}" not in (name or ""):
        return
    if "once" in name:
        mark = _folder() / f"failed-{resource['id']}"
        if mark.exists():
            return
        mark.touch()
    if "unexpected" in name:
        raise RuntimeError(f"boom in {step}: password=hunter2 at 10.1.2.3")
    if "chained" in name:
        try:
            raise processutils.ProcessExecutionError(
                stderr=f"lun-tool: {step}: no space in pool rack7",
                exit_code=5,
                cmd="lun-tool -pX",
            )
        except processutils.ProcessExecutionError as exc:
            raise exception.VolumeBackendAPIException(
                data=f"{step} failed"
            ) from exc
    raise exception.VolumeBackendAPIException(
        data=f"{step} refused by array 10.1.2.3 (pool full)"
    )
