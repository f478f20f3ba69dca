# SPDX-License-Identifier: Apache-2.0
"""The API of the demo: one database instance, whose volume cannot be enlarged."""

import threading
import traceback
from typing import Any

import webob
import webob.dec

from fault_middleware import configuration

PROJECT = "demo"
INSTANCE = "5f15e2a3-b556-4cd7-8ce4-e893e533dba1"
PATH = f"/{PROJECT}/instances/{INSTANCE}"
_REQUEST = "req-0e6e3f1c-demo"
_REASON = (
    "Cannot extend the volume to 50 GB: the quota of your project is 40 GB. Delete a volume, or "
    "ask for more quota."
)


class Instances:
    """An API that shows the instance at any path.

    It knows nothing of faults: like any service, it sets the status and notifies.
    """

    def __init__(self, notifier: Any) -> None:
        self._notifier = notifier
        self._instance = {"id": INSTANCE, "name": "orders", "status": "ACTIVE"}

    @webob.dec.wsgify  # type: ignore[untyped-decorator]
    def __call__(self, request: webob.Request) -> webob.Response:
        if request.method == "GET":
            return webob.Response(json_body={"instance": self._instance})
        threading.Thread(target=self._resize_volume).start()
        return webob.Response(status=202)

    def _resize_volume(self) -> None:
        try:
            raise RuntimeError(_REASON)
        except RuntimeError as exc:
            self._instance["status"] = "ERROR"
            payload = {
                "instance_id": INSTANCE,
                "tenant_id": PROJECT,
                "request_id": _REQUEST,
                "message": str(exc),
                "exception": traceback.format_exception(exc),
            }
            self._notifier.info(
                {}, "dbaas.instance_resize_volume.error", payload
            )


def instances_factory(
    global_conf: dict[str, str], *, oslo_config_file: str
) -> Instances:
    """The paste factory of the API."""
    import oslo_messaging  # warns when it is imported; by then, the program has silenced that

    conf = configuration.read(None, oslo_config_file, None)
    transport = oslo_messaging.get_notification_transport(conf)
    notifier = oslo_messaging.Notifier(transport, publisher_id="api.demo")
    return Instances(notifier)
