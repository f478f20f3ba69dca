# SPDX-License-Identifier: Apache-2.0
"""What has failed in each service: the rows that it keeps of such a resource."""

import uuid
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from tests.functional.region.failed import Failed

Rows = Iterator[tuple[str, Mapping[str, Any]]]

_NOW = datetime(2026, 11, 27, 8, 0)
_TIMES = {"created_at": _NOW, "updated_at": _NOW}
#: Trove's number of "Build error: Server.".
_BUILD_ERROR = 0x51
#: Trove's number of a guest that has not said anything.
_NEW = 0x17


def write(service: str, url: str, failed: Failed) -> None:
    """Let a service know a resource that has failed.

    :param url: of its database
    """
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        for name, values in _WRITERS[service](failed, connection):
            table = sa.Table(name, sa.MetaData(), autoload_with=connection)
            connection.execute(table.insert().values(**values))
    engine.dispose()


def _cinder(failed: Failed, connection: sa.Connection) -> Rows:
    kind = connection.scalar(sa.text("SELECT id FROM volume_types"))
    yield (
        "volumes",
        {
            **_TIMES,
            "id": failed.id,
            "display_name": failed.name,
            "project_id": failed.project_id,
            "user_id": failed.project_id,
            "volume_type_id": kind,
            "size": 1,
            "status": "error",
            "attach_status": "detached",
            "availability_zone": "nova",
            "bootable": False,
            "multiattach": False,
            "use_quota": True,
            "deleted": False,
        },
    )


def _designate(failed: Failed, connection: sa.Connection) -> Rows:
    pool = connection.scalar(sa.text("SELECT id FROM pools"))
    yield (
        "zones",
        {
            **_TIMES,
            "id": uuid.UUID(failed.id).hex,
            "name": failed.name,
            "reverse_name": failed.name[::-1],
            "tenant_id": failed.project_id,
            "pool_id": pool,
            "email": "hostmaster@example.org",
            "type": "PRIMARY",
            "status": "ERROR",
            "action": "CREATE",
            "version": 1,
            "serial": 1,
            "shard": 0,
            **dict.fromkeys(("ttl", "refresh", "retry"), 3600),
            **dict.fromkeys(("expire", "minimum"), 86400),
        },
    )


def _glance(failed: Failed, connection: sa.Connection) -> Rows:
    yield (
        "images",
        {
            **_TIMES,
            "id": failed.id,
            "name": failed.name,
            "owner": failed.project_id,
            "status": "queued",
            "visibility": "private",
            "disk_format": "raw",
            "container_format": "bare",
            "min_disk": 0,
            "min_ram": 0,
            "deleted": False,
        },
    )


def _heat(failed: Failed, connection: sa.Connection) -> Rows:
    number = connection.scalar(sa.text("SELECT COUNT(*) + 1 FROM stack"))
    template = '{"heat_template_version": "2018-08-31"}'
    yield (
        "raw_template",
        {
            **_TIMES,
            "id": number,
            "template": template,
            "environment": "{}",
            "files": "{}",
        },
    )
    yield (
        "stack",
        {
            **_TIMES,
            "id": failed.id,
            "name": failed.name,
            "raw_template_id": number,
            "tenant": failed.project_id,
            "action": "CREATE",
            "status": "FAILED",
            "status_reason": "Resource CREATE failed",
            "timeout": 60,
            "disable_rollback": True,
            "nested_depth": 0,
            "convergence": True,
            "backup": False,
        },
    )


def _magnum(failed: Failed, connection: sa.Connection) -> Rows:
    template = str(uuid.uuid4())
    yield (
        "cluster_template",
        {
            **_TIMES,
            "uuid": template,
            "name": failed.name,
            "project_id": failed.project_id,
            "coe": "kubernetes",
            "labels": "{}",
        },
    )
    yield (
        "cluster",
        {
            **_TIMES,
            "uuid": failed.id,
            "name": failed.name,
            "project_id": failed.project_id,
            "cluster_template_id": template,
            "status": "CREATE_FAILED",
            "status_reason": "",
            "labels": "{}",
        },
    )
    for role in ("master", "worker"):
        yield (
            "nodegroup",
            {
                **_TIMES,
                "uuid": str(uuid.uuid4()),
                "name": f"default-{role}",
                "role": role,
                "cluster_id": failed.id,
                "project_id": failed.project_id,
                "node_count": 1,
                "min_node_count": 1,
                "is_default": True,
                "status": "CREATE_FAILED",
                "status_reason": "",
                "labels": "{}",
                "node_addresses": "[]",
            },
        )


def _manila(failed: Failed, connection: sa.Connection) -> Rows:
    yield (
        "shares",
        {
            **_TIMES,
            "id": failed.id,
            "display_name": failed.name,
            "project_id": failed.project_id,
            "user_id": failed.project_id,
            "share_proto": "NFS",
            "size": 1,
            "deleted": "False",
        },
    )
    yield (
        "share_instances",
        {
            **_TIMES,
            "id": str(uuid.uuid4()),
            "share_id": failed.id,
            "status": "error",
            "access_rules_status": "active",
            "cast_rules_to_readonly": False,
            "deleted": "False",
        },
    )


def _masakari(failed: Failed, connection: sa.Connection) -> Rows:
    """Recoveries belong to no project."""
    yield (
        "notifications",
        {
            **_TIMES,
            "notification_uuid": failed.id,
            "generated_time": _NOW,
            "type": "VM",
            "payload": '{"event": "LIFECYCLE"}',
            "status": "failed",
            "source_host_uuid": str(uuid.uuid4()),
            "deleted": 0,
        },
    )


def _tacker(failed: Failed, connection: sa.Connection) -> Rows:
    instance = str(uuid.uuid4())
    yield (
        "vnf_instances",
        {
            **_TIMES,
            "id": instance,
            "vnf_instance_name": failed.name,
            "vnf_provider": "Lab",
            "vnf_product_name": "Sample",
            "vnf_software_version": "1.0",
            "vnfd_version": "1.0",
            "vnfd_id": str(uuid.uuid4()),
            "vnf_pkg_id": str(uuid.uuid4()),
            "instantiation_state": "NOT_INSTANTIATED",
            "vim_connection_info": "[]",
            "tenant_id": failed.project_id,
            "deleted": False,
        },
    )
    yield (
        "vnf_lcm_op_occs",
        {
            **_TIMES,
            "id": failed.id,
            "vnf_instance_id": instance,
            "operation": "INSTANTIATE",
            "operation_state": "FAILED_TEMP",
            # A JSON column that holds a JSON string.
            "operation_params": '"{}"',
            "start_time": _NOW,
            "state_entered_time": _NOW,
            "is_automatic_invocation": False,
            "is_cancel_pending": False,
            "error_point": 0,
            "tenant_id": failed.project_id,
            "deleted": False,
        },
    )


def _trove(failed: Failed, connection: sa.Connection) -> Rows:
    version = connection.scalar(sa.text("SELECT id FROM datastore_versions"))
    if version is None:
        version, datastore = str(uuid.uuid4()), str(uuid.uuid4())
        yield "datastores", {"id": datastore, "name": "mysql"}
        yield (
            "datastore_versions",
            {
                "id": version,
                "datastore_id": datastore,
                "name": "8.0",
                "version": "8.0.36",
                "manager": "mysql",
                "active": True,
                "registry_ext": "none",
                "repl_strategy": "none",
            },
        )
    yield (
        "instances",
        {
            "id": failed.id,
            "name": failed.name,
            "tenant_id": failed.project_id,
            "created": _NOW,
            "updated": _NOW,
            "task_id": _BUILD_ERROR,
            "task_description": "Build error: Server.",
            "task_start_time": _NOW,
            "datastore_version_id": version,
            "flavor_id": "1",
            "volume_size": 5,
            "region_id": "RegionOne",
            "access": '{"is_public": false}',
            "deleted": False,
        },
    )
    yield (
        "service_statuses",
        {
            "id": str(uuid.uuid4()),
            "instance_id": failed.id,
            "status_id": _NEW,
            "status_description": "new",
            "updated_at": _NOW,
        },
    )


_WRITERS: Mapping[str, Callable[[Failed, sa.Connection], Rows]] = {
    "cinder": _cinder,
    "designate": _designate,
    "glance": _glance,
    "heat": _heat,
    "magnum": _magnum,
    "manila": _manila,
    "masakari": _masakari,
    "tacker": _tacker,
    "trove": _trove,
}
