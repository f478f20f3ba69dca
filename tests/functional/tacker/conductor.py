# SPDX-License-Identifier: Apache-2.0
"""Lets an operation fail in a management driver, inside Tacker's own conductors.

Run as ``python -m tests.functional.tacker.conductor CONFIGURATION VERSION``; prints the id of the
operation. Only what would reach a VIM or a VNF package is replaced.
"""

import os
import sys
from pathlib import Path
from types import SimpleNamespace
from unittest import mock

from oslo_utils import timeutils, uuidutils
from sqlalchemy import orm
from tacker import manager, objects
from tacker.common import config, coordination
from tacker.conductor import conductor_server
from tacker.db import api
from tacker.objects.instantiate_vnf_req import InstantiateVnfRequest
from tacker.sol_refactored import objects as sol_objects
from tacker.sol_refactored.conductor import conductor_v2
from tacker.vnflcm import utils, vnflcm_driver

from tests.functional.tacker.seed import admin
from tests.functional.tacker.vnfs import PROJECT, V1, V2

HERE = Path(__file__).parent
# The VNF's node in its descriptor, with the driver for one step of instantiation.
NODE = {
    "interfaces": {
        "Vnflcm": {"instantiate_end": {"implementation": "failing"}}
    },
    "artifacts": {"failing": {"file": "driver.py"}},
}
VNFD = {"topology_template": {"node_templates": {"VNF": NODE}}}
VIM = {
    "id": "vim",
    "vim_id": "vim",
    "vim_type": "openstack",
    "tenant_id": PROJECT,
}


def version_1(operation):
    now = timeutils.utcnow()
    objects.VnfLcmOpOcc(
        context=admin(),
        id=operation,
        operation_state="STARTING",
        state_entered_time=now,
        start_time=now,
        vnf_instance_id=V1.instance,
        operation="INSTANTIATE",
        is_automatic_invocation=False,
        operation_params="{}",
        is_cancel_pending=False,
        error_point=0,
        tenant_id=PROJECT,
    ).create()
    with (
        mock.patch.object(
            manager.TackerManager,
            "get_service_plugins",
            return_value={"VNFM": None},
        ),
        mock.patch.object(vnflcm_driver.VnfLcmDriver, "_instantiate_vnf"),
        mock.patch.object(utils, "_get_vim", return_value=VIM),
        mock.patch.object(utils, "_get_vnfd_dict", return_value=VNFD),
        mock.patch.object(
            utils, "_get_vnf_package_path", return_value=str(HERE)
        ),
    ):
        conductor_server.Conductor("localhost").instantiate(
            admin(),
            objects.VnfInstance.get_by_id(admin(), V1.instance),
            {
                "before_error_point": 1,
                "current_error_point": 1,
                "status": "INACTIVE",
            },
            InstantiateVnfRequest(flavour_id="simple", vim_connection_info=[]),
            operation,
        )


def version_2(operation):
    # First, since what it finds in PROCESSING when it starts has failed.
    conductor = conductor_v2.ConductorV2()
    change = {"vnfInstanceName": "lab-v2"}
    now = timeutils.utcnow()
    sol_objects.VnfLcmOpOccV2(
        id=operation,
        operationState="PROCESSING",
        stateEnteredTime=now,
        startTime=now,
        vnfInstanceId=V2.instance,
        operation="MODIFY_INFO",
        isAutomaticInvocation=False,
        isCancelPending=False,
        operationParams=sol_objects.VnfInfoModificationRequest.from_dict(
            change
        ),
    ).create(admin())
    package = SimpleNamespace(
        get_interface_script=lambda *_: "script.py",
        make_tmp_csar_dir=lambda: str(HERE / "package"),
        remove_tmp_csar_dir=lambda _: None,
    )
    conductor.nfvo_client.get_vnfd = lambda *_: package
    conductor.modify_vnfinfo(admin(), operation)


if __name__ == "__main__":
    config.init(["--config-file", sys.argv[1]])
    config.setup_logging(conductor_server.CONF)
    objects.register_all()
    sol_objects.register_all()
    api.get_engine()
    orm.configure_mappers()
    coordination.COORDINATOR.start()
    operation = uuidutils.generate_uuid()
    {"1": version_1, "2": version_2}[sys.argv[2]](operation)
    print(operation, flush=True)
    # The conductors leave threads behind that never end.
    os._exit(0)
