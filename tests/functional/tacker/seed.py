# SPDX-License-Identifier: Apache-2.0
"""Fills a new database of Tacker through Tacker's own objects.

Run as ``python -m tests.functional.tacker.seed CONFIGURATION``.
"""

import json
import sys
from datetime import datetime, timedelta

import sqlalchemy as sa
from tacker import objects
from tacker.common import config
from tacker.context import Context
from tacker.db import api
from tacker.db.db_sqlalchemy import models
from tacker.db.nfvo.nfvo_db import Vim
from tacker.db.vnfm import vnfm_db
from tacker.objects.vnf_lcm_op_occs import ProblemDetails
from tacker.sol_refactored import objects as sol_objects

from tests.functional.tacker.vnfs import PROJECT, RICH, V1, V2

START = datetime(2024, 5, 6, 7, 8, 9)
MINUTE = timedelta(minutes=1)
VNFD = "33333333-0000-4000-8000-000000000001"
PACKAGE = "44444444-0000-4000-8000-000000000001"
VIM = "55555555-0000-4000-8000-000000000001"


def admin():
    return Context(
        user_id="root",
        tenant_id=PROJECT,
        is_admin=True,
        roles=["admin"],
        overwrite=False,
    )


def version_1():
    instance = models.VnfInstance(
        # The class of objects would choose the id itself.
        id=V1.instance,
        vnf_instance_name="lab-v1",
        vnf_instance_description="lab",
        vnfd_id=VNFD,
        vnf_pkg_id=PACKAGE,
        vnf_provider="Lab",
        vnf_product_name="Sample",
        vnf_software_version="1.0",
        vnfd_version="1.0",
        tenant_id=PROJECT,
        instantiation_state="NOT_INSTANTIATED",
        vim_connection_info=[],
        vnf_metadata={"owner": "lab"},
    )
    # Where Tacker keeps the state of the instance.
    vim = Vim(id=VIM, tenant_id=PROJECT, type="openstack", name="vim")
    descriptor = vnfm_db.VNFD(id=VNFD, tenant_id=PROJECT, name="vnfd")
    vnf = vnfm_db.VNF(
        id=V1.instance,
        tenant_id=PROJECT,
        name="lab-v1",
        vnfd_id=VNFD,
        vim_id=VIM,
        status="INACTIVE",
        # So Tacker marks what is not deleted.
        deleted_at=datetime.min,
    )
    session = api.get_session()
    for row in (instance, vim, descriptor, vnf):
        with session.begin():
            session.add(row)
    for number, (operation, error) in enumerate(V1.operations.items()):
        made = objects.VnfLcmOpOcc(
            context=admin(),
            id=operation,
            operation_state="COMPLETED"
            if operation == V1.completed
            else "FAILED_TEMP",
            state_entered_time=START + (number + 1) * MINUTE,
            start_time=START + number * MINUTE,
            vnf_instance_id=V1.instance,
            operation="INSTANTIATE",
            is_automatic_invocation=False,
            operation_params=json.dumps({"flavourId": "simple"}),
            is_cancel_pending=False,
            error_point=0,
            tenant_id=PROJECT,
        )
        made.create()
        if error:
            known = {
                name: error[name] for name in ("title", "status", "detail")
            }
            made.error = ProblemDetails(context=admin(), **known)
            made.save()


def version_2():
    sol_objects.VnfInstanceV2(
        id=V2.instance,
        vnfInstanceName="lab-v2",
        vnfdId=VNFD,
        vnfProvider="Lab",
        vnfProductName="Sample",
        vnfSoftwareVersion="1.0",
        vnfdVersion="1.0",
        instantiationState="NOT_INSTANTIATED",
        metadata={"owner": "lab"},
    ).create(admin())
    for number, (operation, error) in enumerate(V2.operations.items()):
        made = sol_objects.VnfLcmOpOccV2(
            id=operation,
            operationState="COMPLETED"
            if operation == V2.completed
            else "FAILED_TEMP",
            stateEnteredTime=START + (number + 1) * MINUTE,
            startTime=START + number * MINUTE,
            vnfInstanceId=V2.instance,
            operation="INSTANTIATE",
            isAutomaticInvocation=False,
            isCancelPending=False,
            operationParams=sol_objects.InstantiateVnfRequest.from_dict(
                {"flavourId": "simple"}
            ),
        )
        if error:
            made.error = sol_objects.ProblemDetails.from_dict(error)
        made.create(admin())


def past_the_classes():
    """An error with attributes that Tacker's classes would drop."""
    # A JSON column that holds a JSON string: so both versions keep it.
    error = json.dumps(json.dumps(RICH))
    session = api.get_session()
    with session.begin():
        for table, operation in (
            ("vnf_lcm_op_occs", V1),
            ("VnfLcmOpOccV2", V2),
        ):
            session.execute(
                sa.text(f"UPDATE {table} SET error = :error WHERE id = :id"),
                {"error": error, "id": operation.raw_error},
            )


if __name__ == "__main__":
    config.init(["--config-file", sys.argv[1]])
    objects.register_all()
    sol_objects.register_all()
    api.get_engine()
    version_1()
    version_2()
    past_the_classes()
