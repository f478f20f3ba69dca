# SPDX-License-Identifier: Apache-2.0
"""What Magnum's API asks of Nova, Glance and Neutron over HTTP, which have what it looks for.

python -m tests.functional.magnum.neighbours PORT
"""

import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

FLAVOR = "small"
KEYPAIR = "key"
NETWORK = "public"
#: Where each of them is, behind the address.
PATHS = ("compute", "image", "network")


class Neighbour(BaseHTTPRequestHandler):
    """All of them, each below its own path.  An image's name is that of its distribution."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        service, *rest = self.path.partition("?")[0].strip("/").split("/")
        kind = rest[0] if rest else ""
        name = rest[1] if len(rest) > 1 else ""
        status, found = self.found(service, kind, name)
        data = json.dumps(found).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def found(self, service, kind, name):
        """Status and JSON of the answer."""
        if kind == "flavors":
            flavor = {"id": FLAVOR, "name": FLAVOR, "disk": 20, "ram": 4096}
            return 200, {"flavors": [{**flavor, "vcpus": 2}]}
        if kind == "os-keypairs":
            return 200, {"keypair": {"name": name, "id": name}}
        if kind == "images":
            image = {"id": name, "name": name, "os_distro": name}
            return 200, {**image, "status": "active"}
        if kind == "networks":
            network = {"id": NETWORK, "name": NETWORK}
            return 200, {"networks": [{**network, "router:external": True}]}
        return 200, {"versions": [self.version(service)]}

    def version(self, service):
        port = self.server.server_port
        href = f"http://127.0.0.1:{port}/{service}/"
        numbers = {"version": "2.96", "min_version": "2.1"}
        links = [{"rel": "self", "href": href}]
        return {"id": "v2.1", "status": "CURRENT", "links": links, **numbers}

    def log_message(self, text, *arguments):
        pass


if __name__ == "__main__":
    address = ("127.0.0.1", int(sys.argv[1]))
    ThreadingHTTPServer(address, Neighbour).serve_forever()
