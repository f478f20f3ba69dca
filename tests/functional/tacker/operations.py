# SPDX-License-Identifier: Apache-2.0
"""Lets operations fail, and succeed, in Tacker's own conductors, which its own RPC asks.

Run as ``python -m tests.functional.tacker.operations CONFIGURATION``; prints an object of JSON: of
each kind the ids of the VNF instance and of the operation, its state, and the state of a change of
the same VNF instance, which was asked for when all else was done, and nothing failed any more.
The broker is that of oslo.messaging in one process.  Replaced are the VIM of v1 and its look-up,
and the package of the VNF.  The NFVO that grants in v1 is a port at which nobody listens, and v2
has no package until that change.
"""

import atexit
import dataclasses
import json
import os
import sys
import time
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace
from unittest import mock

from oslo_log import log as logging
from oslo_utils import timeutils, uuidutils
from sqlalchemy import orm
from tacker import manager, objects
from tacker.common import config, coordination, rpc, topics
from tacker.common.exceptions import NotFound
from tacker.conductor import conductor_server
from tacker.conductor.conductorrpc import vnf_lcm_rpc
from tacker.context import Context
from tacker.db import api
from tacker.db.db_sqlalchemy import models
from tacker.db.vnfm import vnfm_db
from tacker.objects.change_ext_conn_req import ChangeExtConnRequest
from tacker.objects.fields import ErrorPoint
from tacker.objects.heal_vnf_request import HealVnfRequest
from tacker.objects.instantiate_vnf_req import InstantiateVnfRequest
from tacker.objects.scale_vnf_request import ScaleVnfRequest
from tacker.objects.terminate_vnf_req import TerminateVnfRequest
from tacker.sol_refactored import objects as sol_objects
from tacker.sol_refactored.conductor import conductor_rpc_v2
from tacker.sol_refactored.nfvo.nfvo_client import NfvoClient
from tacker.vnflcm import utils

from tests.functional.tacker.seed import VIM as VIM_ID
from tests.functional.tacker.seed import VNFD as VNFD_ID
from tests.functional.tacker.vnfs import PROJECT

HERE = Path(__file__).parent
VIM = {
    "id": VIM_ID,
    "vim_id": VIM_ID,
    "vim_type": "lab",
    "tenant_id": PROJECT,
    "access_info": {},
}
STEPS = ("instantiate_start", "terminate_start", "modify_information_start")
UNDER_WAY = (None, "STARTING", "PROCESSING", "ROLLING_BACK")
SECONDS = 60


def vnfd():
    """The VNF's descriptor, whose management driver is asked in some steps."""
    steps = {step: {"implementation": "steps"} for step in STEPS}
    node = {
        "type": "tosca.nodes.Root",
        "interfaces": {"Vnflcm": steps},
        "artifacts": {"steps": {"file": "steps.py"}},
    }
    return {
        "topology_template": {"inputs": {}, "node_templates": {"VNF": node}}
    }


def member():
    """The context of a request of the owner."""
    return Context(
        user_id="alice",
        tenant_id=PROJECT,
        is_admin=False,
        roles=["member"],
        overwrite=False,
    )


def add(*rows):
    session = api.get_session()
    for row in rows:
        with session.begin():
            session.add(row)


@dataclasses.dataclass(frozen=True)
class Made:
    """A VNF instance of v1 and an operation on it that begins."""

    instance: objects.VnfInstance
    operation: objects.VnfLcmOpOcc

    @property
    def ids(self):
        return {
            "version": 1,
            "instance": self.instance.id,
            "operation": self.operation.id,
        }


def make(name, word, status="ACTIVE", point=0):
    """Make an instance, whose name says what fails.

    :param point: how far an operation that is tried again came
    """
    made = uuidutils.generate_uuid()
    is_there = status == "ACTIVE"
    add(
        models.VnfInstance(
            id=made,
            vnf_instance_name=name,
            vnf_instance_description="lab",
            vnfd_id=VNFD_ID,
            vnf_pkg_id=VNFD_ID,
            vnf_provider="Lab",
            vnf_product_name="Sample",
            vnf_software_version="1.0",
            vnfd_version="1.0",
            tenant_id=PROJECT,
            instantiation_state="INSTANTIATED"
            if is_there
            else "NOT_INSTANTIATED",
            vim_connection_info=[],
            vnf_metadata={},
        ),
        vnfm_db.VNF(
            id=made,
            tenant_id=PROJECT,
            name=made,
            vnfd_id=VNFD_ID,
            vim_id=VIM_ID,
            status=status,
            deleted_at=datetime.min,
        ),
    )
    instance = objects.VnfInstance.get_by_id(member(), made)
    instance.instantiated_vnf_info = objects.InstantiatedVnfInfo(
        context=member(),
        flavour_id="simple",
        vnf_instance_id=made,
        instance_id="stack",
        scale_status=[objects.ScaleInfo(aspect_id="worker", scale_level=0)],
    )
    instance.instantiated_vnf_info.reinitialize()
    if is_there:
        instance.instantiated_vnf_info.instance_id = "stack"
    instance.save()
    now = timeutils.utcnow()
    operation = objects.VnfLcmOpOcc(
        context=member(),
        id=uuidutils.generate_uuid(),
        operation_state="STARTING",
        state_entered_time=now,
        start_time=now,
        vnf_instance_id=made,
        operation=word,
        is_automatic_invocation=False,
        operation_params="{}",
        is_cancel_pending=False,
        error_point=point,
        tenant_id=PROJECT,
    )
    operation.create()
    return Made(instance, operation)


def state(one, point=1, status="ACTIVE"):
    """What the API hands over of an instance's state."""
    return {
        "id": one.instance.id,
        "name": one.instance.vnf_instance_name,
        "status": status,
        "before_error_point": point,
        "current_error_point": point,
        "attributes": {"scaling_group_names": "none"},
        "scale_status": [],
        "vnfd": {"id": VNFD_ID, "attributes": {}},
        "vnf_lcm_op_occ": one.operation,
        "instance_id": one.instance.id,
        "notification": {},
    }


def instantiate(asked, name, point=1):
    one = make(name, "INSTANTIATE", "INACTIVE")
    request = InstantiateVnfRequest(
        flavour_id="simple", vim_connection_info=[]
    )
    given = state(one, point, "INACTIVE")
    del given["vnf_lcm_op_occ"]
    asked.instantiate(member(), one.instance, given, request, one.operation.id)
    return one


def terminate(asked, name):
    one = make(name, "TERMINATE")
    request = TerminateVnfRequest(termination_type="FORCEFUL")
    given = state(one)
    del given["vnf_lcm_op_occ"]
    asked.terminate(member(), one.instance, given, request, one.operation.id)
    return one


def heal(asked, name):
    one = make(name, "HEAL")
    request = HealVnfRequest(vnfc_instance_id=["vnfc"], cause="healing")
    given = state(one)
    del given["vnf_lcm_op_occ"]
    asked.heal(member(), one.instance, given, request, one.operation.id)
    return one


def scale(asked, name):
    one = make(name, "SCALE")
    request = ScaleVnfRequest(
        type="SCALE_OUT",
        aspect_id="worker",
        number_of_steps=1,
        additional_params={},
    )
    asked.scale(member(), state(one), one.instance, request)
    return one


def change_connections(asked, name):
    one = make(name, "CHANGE_EXT_CONN")
    given = state(one)
    del given["vnf_lcm_op_occ"]
    request = ChangeExtConnRequest(
        ext_virtual_links=[], vim_connection_info=[]
    )
    asked.change_ext_conn(
        member(), one.instance, given, request, one.operation.id
    )
    return one


def roll_back(asked, name):
    one = make(name, "INSTANTIATE", point=ErrorPoint.POST_VIM_CONTROL)
    asked.rollback(member(), state(one), one.instance, {})
    return one


def modify(asked, name):
    one = make(name, "MODIFY_INFO")
    return Made(one.instance, rename(asked, one.instance, f"{name}-2"))


def rename(asked, instance, name):
    """Ask for another name of an instance; the operation."""
    # The conductor makes the row itself.
    made = uuidutils.generate_uuid()
    given = {
        "id": made,
        "vnf_instance_id": instance.id,
        "state_entered_time": timeutils.utcnow(),
        "operationParams": "{}",
        "tenant_id": PROJECT,
    }
    change = {"vnf_instance_name": name}
    asked.update(member(), given, change, {}, instance.vnfd_id)
    operation = objects.VnfLcmOpOcc(context=member())
    operation.id = made
    return operation


VERSION_1 = {
    "instantiate: the VIM refuses": (instantiate, "instantiate_vnf"),
    "instantiate: the VIM gives up": (instantiate, "create_wait"),
    "instantiate: the management driver": (instantiate, "instantiate_start"),
    "instantiate: no grant": (instantiate, "grant", 0),
    "terminate: the VIM refuses": (terminate, "delete"),
    "terminate: the management driver": (terminate, "terminate_start"),
    "heal: the VIM refuses": (heal, "heal_vnf"),
    "scale: the VIM refuses": (scale, "get_scale_ids"),
    "connections: the VIM refuses": (
        change_connections,
        "change_ext_conn_vnf",
    ),
    "rollback: the VIM refuses": (roll_back, "delete"),
    "modify: the management driver": (modify, "modify_information_start"),
    "healthy termination": (terminate, "healthy"),
    "healthy modification": (modify, "healthy"),
}


def version_2(kind, word, request, operation_state="STARTING"):
    """An instance of v2 and an operation on it."""
    instance = sol_objects.VnfInstanceV2(
        id=uuidutils.generate_uuid(),
        vnfInstanceName="lab",
        vnfdId=VNFD_ID,
        vnfProvider="Lab",
        vnfProductName="Sample",
        vnfSoftwareVersion="1.0",
        vnfdVersion="1.0",
        instantiationState="NOT_INSTANTIATED",
    )
    instance.create(member())
    return operate(instance.id, kind, word, request, operation_state)


def operate(instance, kind, word, request, operation_state):
    """Ask for an operation on an instance of v2."""
    now = timeutils.utcnow()
    operation = sol_objects.VnfLcmOpOccV2(
        id=uuidutils.generate_uuid(),
        operationState=operation_state,
        stateEnteredTime=now,
        startTime=now,
        vnfInstanceId=instance,
        operation=word,
        isAutomaticInvocation=False,
        isCancelPending=False,
        operationParams=request,
    )
    operation.create(member())
    getattr(conductor_rpc_v2.VnfLcmRpcApiV2(), kind)(member(), operation.id)
    return {"version": 2, "instance": instance, "operation": operation.id}


def ask_version_2():
    to_instantiate = sol_objects.InstantiateVnfRequest.from_dict(
        {"flavourId": "simple"}
    )
    return {
        "v2 instantiate: no package": version_2(
            "start_lcm_op", "INSTANTIATE", to_instantiate
        ),
        "v2 retry: no package": version_2(
            "retry_lcm_op", "INSTANTIATE", to_instantiate, "FAILED_TEMP"
        ),
        "v2 rollback: no package": version_2(
            "rollback_lcm_op", "INSTANTIATE", to_instantiate, "FAILED_TEMP"
        ),
        "v2 modify: no package": version_2(
            "modify_vnfinfo",
            "MODIFY_INFO",
            change_of_version_2(),
            "PROCESSING",
        ),
    }


def change_of_version_2():
    return sol_objects.VnfInfoModificationRequest.from_dict(
        {"vnfInstanceName": "other"}
    )


def change_well(asked, ids):
    """Ask for a change of an instance, in which nothing fails."""
    if ids["version"] == 2:
        return operate(
            ids["instance"],
            "modify_vnfinfo",
            "MODIFY_INFO",
            change_of_version_2(),
            "PROCESSING",
        )
    instance = objects.VnfInstance.get_by_id(member(), ids["instance"])
    # Its name has said what fails.
    instance.vnf_instance_name = "healthy"
    instance.save()
    return Made(instance, rename(asked, instance, "healthy-2")).ids


def serve():
    """Tacker's conductors, which take requests; returns what to close."""
    conductor = conductor_server.Conductor("localhost")
    conductor.vnflcm_driver._vnfm_plugin = conductor.vnfm_plugin
    connection = rpc.create_connection()
    connection.create_consumer(topics.TOPIC_CONDUCTOR, [conductor])

    class Service:
        conn = connection

    conductor.initialize_service_hook(Service)
    connection.consume_in_threads()
    return conductor, connection


def state_of(ids):
    """The state of an operation; None before the conductor has made it."""
    if ids["version"] == 2:
        found = sol_objects.VnfLcmOpOccV2.get_by_id(member(), ids["operation"])
        return found.operationState
    try:
        found = objects.VnfLcmOpOcc.get_by_id(member(), ids["operation"])
    except NotFound:
        return None
    return found.operation_state


def wait(asked):
    """Wait until all operations are done, and note what became of them."""
    end = time.monotonic() + SECONDS
    for ids in asked.values():
        ids["state"] = state_of(ids)
        while ids["state"] in UNDER_WAY and time.monotonic() < end:
            time.sleep(0.1)
            ids["state"] = state_of(ids)


def run():
    conductor, connection = serve()
    client = vnf_lcm_rpc.VNFLcmRPCAPI()
    asked = {}
    for kind, (ask, *given) in VERSION_1.items():
        asked[kind] = ask(client, *given).ids
    asked.update(ask_version_2())
    wait(asked)
    package = SimpleNamespace(get_interface_script=lambda *_: None)
    with mock.patch.object(NfvoClient, "get_vnfd", return_value=package):
        well = {kind: change_well(client, ids) for kind, ids in asked.items()}
        wait(well)
    for kind, ids in well.items():
        asked[kind]["changed"] = ids["state"]
    # What runs by itself, and is about all instances.
    conductor._sync_db()
    connection.close()
    print(json.dumps(asked), flush=True)


if __name__ == "__main__":
    config.init(["--config-file", sys.argv[1]])
    logging.setup(conductor_server.CONF, "tacker")
    objects.register_all()
    sol_objects.register_all()
    api.get_engine()
    orm.configure_mappers()
    coordination.COORDINATOR.start()
    with (
        mock.patch.object(
            manager.TackerManager,
            "get_service_plugins",
            return_value={"VNFM": None},
        ),
        mock.patch.object(utils, "_get_vim", return_value=VIM),
        mock.patch.object(utils, "get_vim", return_value=VIM),
        mock.patch.object(
            utils, "_get_vnfd_dict", side_effect=lambda *_: vnfd()
        ),
        mock.patch.object(
            utils, "get_vnfd_dict", side_effect=lambda *_: vnfd()
        ),
        mock.patch.object(
            utils, "_get_vnf_package_path", return_value=str(HERE)
        ),
        mock.patch.object(
            utils, "get_vnf_package_path", return_value=str(HERE)
        ),
        mock.patch.object(utils, "_get_vnf_package_id", return_value=VNFD_ID),
    ):
        run()
    # The conductors leave threads behind that never end.
    atexit._run_exitfuncs()
    os._exit(0)
