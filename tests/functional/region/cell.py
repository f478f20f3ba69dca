# SPDX-License-Identifier: Apache-2.0
"""Puts a server that found no host into Nova's cell for such, one for each project.

Run as ``python -m tests.functional.region.cell NAME=PROJECT...``, with Nova's configuration.
"""

import sys

arguments, sys.argv = sys.argv[1:], ["nova-manage"]

from nova import config, context, objects  # noqa: E402
from nova.network import model as network_model  # noqa: E402
from nova.objects import cell_mapping  # noqa: E402

from tests.functional.region.failed import Failed  # noqa: E402


def flavor():
    return objects.Flavor(
        id=1,
        flavorid="1",
        name="small",
        memory_mb=512,
        vcpus=1,
        root_gb=1,
        ephemeral_gb=0,
        swap=0,
        rxtx_factor=1.0,
        vcpu_weight=0,
        disabled=False,
        is_public=True,
        extra_specs={},
        description=None,
        deleted=False,
        created_at=None,
        updated_at=None,
        deleted_at=None,
    )


def write(admin, cell, failed):
    with context.target_cell(admin, cell) as targeted:
        objects.Instance(
            targeted,
            uuid=failed.id,
            display_name=failed.name,
            hostname=failed.project,
            project_id=failed.project_id,
            user_id=failed.project_id,
            vm_state="error",
            task_state=None,
            power_state=0,
            image_ref="",
            flavor=flavor(),
            old_flavor=None,
            new_flavor=None,
            instance_type_id=1,
            memory_mb=512,
            vcpus=1,
            root_gb=1,
            ephemeral_gb=0,
            system_metadata={},
            metadata={},
            locked=False,
            config_drive="",
            info_cache=objects.InstanceInfoCache(
                network_info=network_model.NetworkInfo()
            ),
            auto_disk_config=False,
        ).create()
    objects.InstanceMapping(
        admin,
        instance_uuid=failed.id,
        project_id=failed.project_id,
        user_id=failed.project_id,
        cell_mapping=cell,
        queued_for_delete=False,
    ).create()


config.parse_args(sys.argv)
objects.register_all()
administrator = context.get_admin_context()
cell0 = objects.CellMapping.get_by_uuid(
    administrator, cell_mapping.CellMapping.CELL0_UUID
)
for argument in arguments:
    name, _, project = argument.partition("=")
    write(administrator, cell0, Failed("nova", name, project))
