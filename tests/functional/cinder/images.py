# SPDX-License-Identifier: Apache-2.0
"""What Cinder asks of Glance, over HTTP: every image exists and is active."""

import json
import sys
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

IMAGE = {
    "id": "",
    "file": "/v2/images/x/file",
    "name": "image",
    "status": "active",
    "visibility": "public",
    "container_format": "bare",
    "disk_format": "raw",
    "size": 1024,
    "min_disk": 0,
    "min_ram": 0,
    "checksum": "0" * 32,
    "owner": "p1",
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


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        path = self.path.partition("?")[0].rstrip("/")
        if path == "/v2/schemas/image":
            properties = {name: {"is_base": True} for name in IMAGE}
            extra = {"type": "string"}
            self.answer(
                200,
                {
                    "name": "image",
                    "properties": properties,
                    "additionalProperties": extra,
                },
            )
        elif path.startswith("/v2/images/") and path.count("/") == 3:
            self.answer(200, {**IMAGE, "id": path.rpartition("/")[2]})
        elif path == "/v2/images":
            self.answer(200, {"images": []})
        elif path in ("", "/versions", "/v2"):
            self.answer(
                300 if not path else 200, {"versions": [self.version()]}
            )
        else:
            self.answer(404, {})

    def do_POST(self):
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.answer(
            201, {**IMAGE, "id": str(uuid.uuid4()), "status": "queued"}
        )

    def do_DELETE(self):
        self.answer(204, None)

    def version(self):
        link = {
            "rel": "self",
            "href": f"http://127.0.0.1:{self.server.server_port}/v2/",
        }
        return {"id": "v2.9", "status": "CURRENT", "links": [link]}

    def answer(self, status, value):
        data = b"" if value is None else json.dumps(value).encode()
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
