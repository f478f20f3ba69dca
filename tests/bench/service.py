# SPDX-License-Identifier: Apache-2.0
"""The application that is filtered, and the requests that it gets."""

import io
import json
import sys
from typing import Any

from tests.fixtures import read_data

MESSAGE = (
    "No valid host was found. There are not enough hosts available. (HTTP 500)"
)
DETAILS = (
    '  File "/usr/lib/python3/dist-packages/trove/taskmanager/models.py", line 895, in create\n'
    "    server = self._create_server(name, image_id, flavor_id, nics=nics)\n"
)
_SHOWN = json.dumps(
    read_data("trove/shows.json")["mgmt show active, admin"]["body"]
)
_HEAD, _TAIL = _SHOWN.encode().split(
    b"fa17ab1e-c0de-4bad-8ace-000000000001", 1
)
_ENVIRON = {
    "REQUEST_METHOD": "GET",
    "SCRIPT_NAME": "/v1.0",
    "QUERY_STRING": "",
    "SERVER_NAME": "127.0.0.1",
    "SERVER_PORT": "8779",
    "SERVER_PROTOCOL": "HTTP/1.1",
    "REMOTE_ADDR": "127.0.0.1",
    "HTTP_HOST": "127.0.0.1:8779",
    "HTTP_ACCEPT": "application/json",
    "HTTP_USER_AGENT": "python-troveclient",
    "HTTP_X_AUTH_TOKEN": "x" * 180,
    "HTTP_X_IDENTITY_STATUS": "Confirmed",
    "HTTP_X_USER_ID": "u" * 32,
    "HTTP_X_PROJECT_ID": "p1",
    "HTTP_X_ROLES": "admin,member",
    "HTTP_X_USER_DOMAIN_ID": "default",
    "HTTP_X_PROJECT_DOMAIN_ID": "default",
    "wsgi.version": (1, 0),
    "wsgi.url_scheme": "http",
    "wsgi.input": io.BytesIO(),
    "wsgi.errors": sys.stderr,
    "wsgi.multithread": True,
    "wsgi.multiprocess": True,
    "wsgi.run_once": False,
}


def application(environ: Any, start_response: Any) -> list[bytes]:
    """Trove's answer, for any instance."""
    data = b"".join(
        [_HEAD, environ["PATH_INFO"].rpartition("/")[2].encode(), _TAIL]
    )
    return Fixed(data)(environ, start_response)


class Fixed:
    """An application with one answer."""

    def __init__(self, data: bytes) -> None:
        self.data = data

    def __call__(self, environ: Any, start_response: Any) -> list[bytes]:
        headers = [
            ("Content-Type", "application/json"),
            ("Content-Length", str(len(self.data))),
        ]
        start_response("200 OK", headers)
        return [self.data]


def environ(path: str) -> dict[str, Any]:
    """A request of an administrator, as authtoken hands it on."""
    return {**_ENVIRON, "PATH_INFO": path}


def request(application: Any, template: dict[str, Any]) -> bytes:
    """Serve one request as a server would."""
    iterable = application(dict(template), lambda *start: None)
    data = b"".join(iterable)
    if hasattr(iterable, "close"):
        iterable.close()
    return data
