# SPDX-License-Identifier: Apache-2.0
"""What Nova asks of Neutron, Cinder and Glance over HTTP, answered out of memory.

    python -m tests.functional.nova.neighbours networks PORT

What is to be refused is asked for by its id: :data:`FULL_NETWORK`, :data:`BROKEN_VOLUME`.
"""

import json
import sys
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

NETWORK = "7e000000-0000-4000-8000-000000000001"
#: A network without a free address.
FULL_NETWORK = "7e000000-0000-4000-8000-000000000002"
#: With this begin the ids of volumes whose storage does not give them out.
BROKEN_VOLUME = "fa000000"
IMAGE = "5d000000-0000-4000-8000-000000000001"
_SUBNET = "50000000-0000-4000-8000-000000000001"
_PROJECT = "a1" * 16

_NETWORK = {
    "name": "net",
    "tenant_id": _PROJECT,
    "project_id": _PROJECT,
    "admin_state_up": True,
    "status": "ACTIVE",
    "subnets": [_SUBNET],
    "shared": True,
    "router:external": False,
    "port_security_enabled": False,
    "mtu": 1500,
    "provider:physical_network": None,
}
_SUBNETS = [
    {
        "id": _SUBNET,
        "name": "subnet",
        "network_id": NETWORK,
        "cidr": "10.9.0.0/24",
        "gateway_ip": "10.9.0.1",
        "ip_version": 4,
        "enable_dhcp": False,
        "dns_nameservers": [],
        "host_routes": [],
        "tenant_id": _PROJECT,
        "allocation_pools": [{"start": "10.9.0.2", "end": "10.9.0.250"}],
    }
]
_PORT = {
    "name": "",
    "status": "ACTIVE",
    "admin_state_up": True,
    "mac_address": "fa:16:3e:00:00:01",
    "device_owner": "",
    "binding:vif_type": "ovs",
    "binding:vnic_type": "normal",
    "binding:vif_details": {},
    "binding:profile": {},
    "security_groups": [],
    "tenant_id": _PROJECT,
    "allowed_address_pairs": [],
}
_VOLUME = {
    "name": "volume",
    "description": "",
    "size": 1,
    "status": "available",
    "attachments": [],
    "availability_zone": "nova",
    "bootable": "true",
    "multiattach": False,
    "encrypted": False,
    "volume_type": "type",
    "snapshot_id": None,
    "source_volid": None,
    "metadata": {},
    "volume_image_metadata": {"container_format": "bare"},
    "created_at": "2026-01-01T00:00:00.000000",
    "shared_targets": False,
    "service_uuid": None,
}
_IMAGE = {
    "name": "image",
    "status": "active",
    "visibility": "public",
    "container_format": "bare",
    "disk_format": "raw",
    "size": 1024,
    "min_disk": 0,
    "min_ram": 0,
    "checksum": "0" * 32,
    "owner": _PROJECT,
    "protected": False,
    "tags": [],
    "created_at": "2026-01-01T00:00:00Z",
    "updated_at": "2026-01-01T00:00:00Z",
    "schema": "/v2/schemas/image",
    "os_hidden": False,
    "virtual_size": None,
    "os_hash_algo": None,
    "os_hash_value": None,
}


class Neighbour(BaseHTTPRequestHandler):
    """One service; subclasses answer what they are asked.

    :cvar made: what was made, by its id
    """

    protocol_version = "HTTP/1.1"
    made: ClassVar[dict[str, dict[str, Any]]] = {}

    def respond(self, method: str, parts: list[str], body: Any):
        """Status and JSON of the answer.

        :param parts: of the path
        """
        raise NotImplementedError

    def handle_request(self):
        path, _, self.query = self.path.partition("?")
        size = int(self.headers.get("Content-Length") or 0)
        text = self.rfile.read(size)
        is_json = "json" in (self.headers.get("Content-Type") or "")
        body = json.loads(text) if text and is_json else None
        parts = path.strip("/").removesuffix(".json").split("/")
        status, value = self.respond(self.command, parts, body)
        data = b"" if value is None else json.dumps(value).encode()
        self.send_response(status)
        if data:
            self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = handle_request

    def version(self, name: str, path: str, **others: str) -> dict[str, Any]:
        href = f"http://127.0.0.1:{self.server.server_port}/{path}/"
        links = [{"rel": "self", "href": href}]
        return {"id": name, "status": "CURRENT", "links": links, **others}

    def log_message(self, *arguments):
        pass


class Networks(Neighbour):
    """Neutron."""

    def respond(self, method, parts, body):
        if parts == [""]:
            return 200, {"versions": [self.version("v2.0", "v2.0")]}
        kind, name = parts[1], parts[2:]
        if kind == "networks":
            return self.networks(name)
        if kind == "ports":
            return self.ports(method, name, body)
        if kind == "subnets":
            return 200, {"subnets": _SUBNETS}
        if kind == "quotas":
            return 200, {"quota": {"port": -1, "security_group": -1}}
        return 200, {kind.replace("-", "_"): []}

    def networks(self, name):
        found = [{**_NETWORK, "id": id_} for id_ in (NETWORK, FULL_NETWORK)]
        if name:
            return 200, {"network": {**_NETWORK, "id": name[0]}}
        return 200, {"networks": [net for net in found if self.is_asked(net)]}

    def ports(self, method, name, body):
        if method == "POST":
            return self.new_port(body["port"])
        if not name:
            found = list(self.made.values())
            return 200, {"ports": list(filter(self.is_asked, found))}
        port = self.made.get(name[0])
        if port is None:
            return 404, _neutron_error("PortNotFound", "No such port.")
        if method == "DELETE":
            del self.made[name[0]]
            return 204, None
        port.update((body or {}).get("port", {}))
        return 200, {"port": port}

    def new_port(self, asked):
        if asked["network_id"] == FULL_NETWORK:
            text = f"No more IP addresses available on network {FULL_NETWORK}."
            return 409, _neutron_error("IpAddressGenerationFailure", text)
        number = len(self.made) % 200 + 2
        address = {"subnet_id": _SUBNET, "ip_address": f"10.9.0.{number}"}
        name = str(uuid.uuid4())
        self.made[name] = {
            **_PORT,
            "id": name,
            "fixed_ips": [address],
            **asked,
        }
        return 201, {"port": self.made[name]}

    def is_asked(self, found):
        """Whether the query names this one, as far as it names ids."""
        for pair in self.query.split("&"):
            key = pair.partition("=")[0]
            wanted = self.values(key)
            if key in ("id", "device_id") and found.get(key, "") not in wanted:
                return False
        return True

    def values(self, key):
        pairs = [pair.partition("=") for pair in self.query.split("&")]
        return [value for name, _, value in pairs if name == key]


class Volumes(Neighbour):
    """Cinder. A volume is there as soon as it is asked for."""

    def respond(self, method, parts, body):
        if len(parts) < 2:
            version = self.version(
                "v3.0", "v3", version="3.71", min_version="3.0"
            )
            return 200 if parts[0] else 300, {"versions": [version]}
        kind, name = parts[2], parts[3:]
        if kind == "attachments":
            return self.attachments(method, name, body)
        if kind == "volumes" and name[-1] == "action":
            return 202, {}
        if kind == "volumes":
            return 200, {"volume": {**_VOLUME, "id": name[0]}}
        if kind == "snapshots":
            return 202, {"snapshot": {"id": str(uuid.uuid4())}}
        return 404, _cinder_error(404, "no such resource")

    def attachments(self, method, name, body):
        if method == "POST" and not name:
            return 200, {"attachment": self.new_attachment(body["attachment"])}
        if not name:
            return 200, {"attachments": []}
        found = self.made.get(name[0])
        if found is None:
            return 404, _cinder_error(404, "no such attachment")
        if method == "DELETE":
            del self.made[name[0]]
            return 200, {"attachments": []}
        if name[-1] == "action":
            return 204, None
        if method == "PUT":
            return self.connect(found)
        return 200, {"attachment": found}

    def new_attachment(self, asked):
        name = str(uuid.uuid4())
        self.made[name] = {
            "id": name,
            "volume_id": asked["volume_uuid"],
            "instance": asked.get("instance_uuid"),
            "status": "reserved",
            "connection_info": {},
            "attach_mode": "rw",
        }
        return self.made[name]

    def connect(self, found):
        if found["volume_id"].startswith(BROKEN_VOLUME):
            text = "The server has either erred or is incapable."
            return 500, _cinder_error(500, text)
        found["connection_info"] = {
            "driver_volume_type": "fake",
            "serial": found["volume_id"],
            "data": {"auth_password": "hunter2"},
        }
        return 200, {"attachment": found}


class Images(Neighbour):
    """Glance. An image is there until it is deleted."""

    def respond(self, method, parts, body):
        if len(parts) < 2:
            version = self.version("v2.9", "v2")
            return 200 if parts[0] else 300, {"versions": [version]}
        if parts[1] == "schemas":
            return 200, _schema()
        if method == "POST":
            return 201, self.shown(str(uuid.uuid4()), status="queued")
        if len(parts) < 3:
            return 200, {"images": []}
        return self.image(method, parts[2])

    def image(self, method, name):
        if method == "DELETE":
            self.made[name] = {"deleted": True}
            return 204, None
        if name in self.made:
            return 404, {"message": "No such image."}
        return 200, self.shown(name)

    def shown(self, name, **others):
        path = f"/v2/images/{name}"
        return {**_IMAGE, "id": name, "file": f"{path}/file", **others}


def _schema():
    properties = {name: {"is_base": True} for name in (*_IMAGE, "id", "file")}
    extra = {"type": "string"}
    return {
        "name": "image",
        "properties": properties,
        "additionalProperties": extra,
    }


def _neutron_error(kind, text):
    return {"NeutronError": {"type": kind, "message": text, "detail": ""}}


def _cinder_error(code, text):
    return {"computeFault": {"code": code, "message": text}}


KINDS = {"networks": Networks, "volumes": Volumes, "images": Images}


if __name__ == "__main__":
    ThreadingHTTPServer(
        ("127.0.0.1", int(sys.argv[2])), KINDS[sys.argv[1]]
    ).serve_forever()
