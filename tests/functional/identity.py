# SPDX-License-Identifier: Apache-2.0
"""What services ask of Keystone themselves: what version it is, and a token.

    python -m tests.functional.identity PORT

Everybody gets a token of a member of the tests' project.  Whose another token is, it says as
:mod:`tests.keystone` reads it.
"""

import http.server
import json
import sys

from tests.functional.deployment import MEMBER
from tests.keystone import read_token


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        if "/auth/tokens" in self.path:
            self._answer(200, read_token(self.headers["X-Subject-Token"]))
            return
        version = {
            "id": "v3.14",
            "status": "stable",
            "links": [
                {"rel": "self", "href": f"http://{self.headers['Host']}/v3/"}
            ],
        }
        if self.path.strip("/") == "v3":
            self._answer(200, {"version": version})
        else:
            self._answer(300, {"versions": {"values": [version]}})

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        given = read_token(MEMBER)
        given["token"]["catalog"].append(self._itself())
        self._answer(201, given)

    def _itself(self):
        """Where services find Keystone, which they ask whose a token is."""
        url = f"http://{self.headers['Host']}"
        endpoints = []
        for interface in ("public", "internal", "admin"):
            endpoints.append(
                {
                    "id": f"identity-{interface}",
                    "interface": interface,
                    "region": "RegionOne",
                    "region_id": "RegionOne",
                    "url": url,
                }
            )
        return {
            "id": "identity",
            "type": "identity",
            "name": "keystone",
            "endpoints": endpoints,
        }

    def _answer(self, status, body):
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.send_header("X-Subject-Token", MEMBER)
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, text, *arguments):
        pass


if __name__ == "__main__":
    address = ("127.0.0.1", int(sys.argv[1]))
    http.server.ThreadingHTTPServer(address, _Handler).serve_forever()
