# SPDX-License-Identifier: Apache-2.0
"""What Masakari asks of Nova, over HTTP.

Every host exists.  What is asked of hosts and servers fails as their names tell: ``fail-STEP``,
and once only with ``once``.
"""

import json
import sys
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PROJECT = "a1" * 16
REFUSED = {
    400: "badRequest",
    409: "conflictingRequest",
    500: "computeFault",
    404: "itemNotFound",
}


class Refused(Exception):
    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


class Hosts:
    """Hosts and servers, as far as they were changed."""

    def __init__(self) -> None:
        self.servers: dict[str, dict] = {}
        self.disabled: set[str] = set()
        self.failed: set[str] = set()

    def fails(self, step: str, name: str) -> bool:
        """Whether a step fails for a host or a server of this name."""
        if f"fail-{step}" not in name:
            return False
        if "once" in name and (step, name) in self.failed:
            return False
        self.failed.add((step, name))
        return True

    def make(self, name: str, host: str) -> dict:
        server = {
            "id": str(uuid.uuid4()),
            "name": name,
            "status": "ACTIVE",
            "tenant_id": PROJECT,
            "metadata": {"HA_Enabled": "True"},
            "OS-EXT-SRV-ATTR:host": host,
            "OS-EXT-SRV-ATTR:hypervisor_hostname": host,
            "OS-EXT-STS:vm_state": "paused" if "paused" in name else "active",
            "OS-EXT-STS:task_state": None,
            "OS-EXT-STS:power_state": 1,
            "locked": False,
            "links": [],
        }
        self.servers[server["id"]] = server
        return server

    def server(self, found: str) -> dict:
        if found not in self.servers:
            raise Refused(404, f"Instance {found} could not be found.")
        return self.servers[found]

    def service(self, host: str) -> dict:
        status = "disabled" if host in self.disabled else "enabled"
        return {
            "id": host,
            "binary": "nova-compute",
            "host": host,
            "zone": "nova",
            "status": status,
            "state": "up",
            "updated_at": "2026-01-01T00:00:00",
            "disabled_reason": None,
            "forced_down": False,
        }

    def disable(self, host: str) -> None:
        if self.fails("disable", host):
            raise Refused(500, "Unexpected API Error at db7.internal.")
        if not self.fails("confirm", host):
            self.disabled.add(host)

    def act(self, server: dict, action: dict) -> None:
        """Do what a server's action says, or refuse it."""
        kind = next(iter(action))
        name = server["name"]
        if kind == "os-stop" and self.fails("stop", name):
            raise Refused(500, "Unexpected API Error at db7.internal.")
        if kind == "os-start" and self.fails("start", name):
            raise Refused(400, "Flavor's disk is too small on cpu7.internal.")
        if kind == "evacuate":
            self.evacuate(server, name)
        elif kind == "os-stop" and not self.fails("halt", name):
            server["OS-EXT-STS:vm_state"] = "stopped"
        elif kind == "os-start" and not self.fails("boot", name):
            server["OS-EXT-STS:vm_state"] = "active"

    def evacuate(self, server: dict, name: str) -> None:
        if self.fails("evacuate", name):
            raise Refused(
                400, "Compute service of cpu7.internal is still in use."
            )
        if self.fails("rebuild", name):
            server["OS-EXT-STS:vm_state"] = "error"
        elif not self.fails("move", name):
            server["OS-EXT-SRV-ATTR:hypervisor_hostname"] = "spare"


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    hosts = Hosts()

    def do_GET(self):
        path, _, query = self.path.partition("?")
        asked = dict(pair.split("=") for pair in query.split("&") if pair)
        parts = path.strip("/").split("/")
        if parts[-1] == "os-services":
            self.answer(200, {"services": [self.hosts.service(asked["host"])]})
        elif parts[-2:] == ["servers", "detail"]:
            found = [
                server
                for server in self.hosts.servers.values()
                if server["OS-EXT-SRV-ATTR:host"] == asked["host"]
            ]
            self.answer(
                200, {"servers": found if "marker" not in asked else []}
            )
        elif "servers" in parts:
            self.tried(lambda: {"server": self.hosts.server(parts[-1])})
        else:
            self.answer(200, {"version": self.version()})

    def do_POST(self):
        body = self.body()
        parts = self.path.strip("/").split("/")
        if parts[-1] == "action":
            server = self.hosts.servers[parts[-2]]
            self.tried(lambda: self.hosts.act(server, body))
        else:
            self.tried(lambda: self.hosts.make(body["name"], body["host"]))

    def do_PUT(self):
        self.body()
        # /os-services/HOST/disable-log-reason, or from 2.53 on /os-services/HOST
        host = self.path.partition("/os-services/")[2].split("/")[0]
        self.tried(lambda: self.hosts.disable(host))

    def tried(self, work):
        try:
            found = work()
        except Refused as exc:
            told = {"code": exc.status, "message": str(exc)}
            self.answer(exc.status, {REFUSED[exc.status]: told})
        else:
            self.answer(200, found or {})

    def version(self):
        href = f"http://127.0.0.1:{self.server.server_port}/compute/v2.1/"
        return {
            "id": "v2.1",
            "status": "CURRENT",
            "version": "2.96",
            "min_version": "2.1",
            "media-types": [],
            "links": [{"rel": "self", "href": href}],
        }

    def body(self):
        data = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        return json.loads(data or b"{}")

    def answer(self, status, value):
        data = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *arguments):
        pass


if __name__ == "__main__":
    ThreadingHTTPServer(
        ("127.0.0.1", int(sys.argv[1])), Handler
    ).serve_forever()
