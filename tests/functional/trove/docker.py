# SPDX-License-Identifier: Apache-2.0
"""The Docker of a machine whose disk is full.

Run as ``python -m tests.functional.trove.docker``; prints its address.
"""

import http.server
import json

VERSION = {"ApiVersion": "1.45", "MinAPIVersion": "1.24", "Version": "26.1"}
REFUSAL = {"message": "no space left on device: /var/lib/docker/rack7"}


class Docker(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        is_version = self.path.endswith("/version")
        body = json.dumps(VERSION if is_version else REFUSAL).encode()
        self.send_response(200 if is_version else 500)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_DELETE = do_GET

    def log_message(self, *_):
        pass


if __name__ == "__main__":
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Docker)
    print(f"tcp://127.0.0.1:{server.server_port}", flush=True)
    server.serve_forever()
