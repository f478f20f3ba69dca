# SPDX-License-Identifier: Apache-2.0
"""Clients of Nova, Neutron, Cinder, Glance and the guest with nothing behind them.

Trove takes its clients by name from its configuration (``remote_nova_client`` and
so on). These read the file named by TROVE_CLOUD at each call, so that all workers
of all servers see one cloud.
"""

import json
import os
from pathlib import Path
from types import SimpleNamespace

from novaclient import api_versions
from novaclient import exceptions as nova_exceptions


def _cloud():
    return json.loads(Path(os.environ["TROVE_CLOUD"]).read_text())


def _server(server_id, row):
    return SimpleNamespace(
        id=server_id,
        name=row["name"],
        status=row["status"],
        tenant_id=row["project"],
        hostId="host-1",
        addresses={},
        flavor={"id": "1"},
        tags=["trove_instance"],
        metadata={},
        fault=None,
    )


class _Servers:
    def get(self, server_id):
        row = _cloud()["servers"].get(server_id)
        if row is None:
            raise nova_exceptions.NotFound(
                404, f"Instance {server_id} not found"
            )
        return _server(server_id, row)

    def list(self, detailed=True, search_opts=None, limit=None, **kwargs):
        rows = _cloud()["servers"]
        tags = (search_opts or {}).get("tags-any")
        return [
            _server(server_id, row)
            for server_id, row in rows.items()
            if tags is None
            or f"trove_instance_id_{row['instance']}" in tags.split(",")
        ]


class _Flavors:
    def get(self, flavor_id):
        return SimpleNamespace(
            id=str(flavor_id),
            name="small",
            ram=2048,
            ephemeral=0,
            vcpus=1,
            disk=10,
        )

    def list(self):
        return [self.get(1)]


def nova(context, region_name=None, password=None):
    groups = SimpleNamespace(list=list)
    return SimpleNamespace(
        api_version=api_versions.APIVersion("2.57"),
        servers=_Servers(),
        flavors=_Flavors(),
        server_groups=groups,
    )


class _Neutron:
    def list_ports(self, device_id=None, device_owner=None, **kwargs):
        if device_owner:
            return {"ports": [{"id": "router-port"}]}
        return {"ports": _cloud()["ports"].get(device_id, [])}

    def list_floatingips(self, **kwargs):
        return {"floatingips": []}

    def show_network(self, network_id):
        return {"network": {"id": network_id, "name": f"net-{network_id}"}}


def neutron(context, region_name=None):
    return _Neutron()


class _Volumes:
    def get(self, volume_id):
        return SimpleNamespace(
            id=volume_id,
            size=5,
            status="available",
            attachments=[],
            availability_zone="nova",
            created_at="2026-01-01T00:00:00.000000",
        )

    def list(self, **kwargs):
        return []


def cinder(context, region_name=None):
    return SimpleNamespace(volumes=_Volumes())


def glance(context, region_name=None):
    return SimpleNamespace(
        images=SimpleNamespace(get=lambda image_id: {"id": image_id})
    )


class _Guest:
    def get_volume_info(self):
        return {
            "used": 0.41,
            "total": 5.0,
            "avail_blocks": 1200000,
            "free_blocks": 1200000,
            "total_blocks": 1300000,
        }

    def restart(self):
        raise RuntimeError("mysqld did not stop")


def guest(context, instance_id, manager=None):
    return _Guest()
