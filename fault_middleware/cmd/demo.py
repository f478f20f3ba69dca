# SPDX-License-Identifier: Apache-2.0
"""``fault-middleware-demo``: the whole way, on this machine alone.

A small API of database instances stands in for Trove; everything else is what a deployer gets: the
paste filter, the co-hosted consumer, the migrations, oslo's notifier.  SQLite and oslo.messaging's
transport in memory take the places of the database server and the broker.
"""

import argparse
import contextlib
import json
import shutil
import sys
import tempfile
import threading
import time
import traceback
import warnings
from pathlib import Path
from typing import Any, cast
from wsgiref import simple_server
from wsgiref.types import WSGIApplication

import prettytable
import webob
import webob.dec
from paste import deploy as paste_deploy

from fault_middleware import deploy, migration, package_data
from fault_middleware.field import Field

PROJECT = "f00d5e1f0b6e4c2a9d3c7a5b1e8d4c60"
INSTANCE = "5f15e2a3-b556-4cd7-8ce4-e893e533dba1"
PATH = f"/{PROJECT}/instances/{INSTANCE}"


class Instances:
    """An API with one database instance, at any path; its volume cannot be resized.

    It knows nothing of faults: it sets the status, as services do, and notifies, as services do.
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
            raise RuntimeError(
                "Cannot extend the volume to 50 GB: the quota of your project is 40 GB. Delete a "
                "volume, or ask for more quota."
            )
        except RuntimeError as exc:
            ids = {
                "instance_id": INSTANCE,
                "tenant_id": PROJECT,
                "request_id": "req-0e6e3f1c-demo",
            }
            told = {"message": str(exc), "exception": traceback.format_exception(exc)}
            self._instance["status"] = "ERROR"
            self._notifier.info({}, "dbaas.instance_resize_volume.error", ids | told)


def instances_factory(global_conf: dict[str, str], *, oslo_config_file: str) -> Instances:
    """The paste factory of the API."""
    import oslo_messaging

    conf = deploy.configuration(None, oslo_config_file, None)
    transport = oslo_messaging.get_notification_transport(conf)
    return Instances(oslo_messaging.Notifier(transport, publisher_id="api.demo"))


def main(arguments: list[str] | None = None) -> int:
    """Run it, with ``arguments`` in place of ``sys.argv``; 0 when the fault was shown, else 1."""
    parser = argparse.ArgumentParser(prog="fault-middleware-demo", description=__doc__)
    parser.add_argument("--once", action="store_true", help="show it once and end")
    parser.add_argument("--port", type=int, default=0, help="port on 127.0.0.1 (any free one)")
    options = parser.parse_args(arguments)
    # That oslo.messaging still loads eventlet is not for this story; it warns when it is imported,
    # which is why that comes later.
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory(prefix="fault-middleware-demo-") as folder:
        application = _build(Path(folder))
        with simple_server.make_server("127.0.0.1", options.port, application) as server:
            seen = _tell(application, f"http://127.0.0.1:{server.server_port}{PATH}")
            if seen and not options.once:
                with contextlib.suppress(KeyboardInterrupt):
                    server.serve_forever()
    return 0 if seen else 1


def _build(folder: Path) -> WSGIApplication:
    """Do what a deployer does: write two files, make the table, load the API."""
    for name in ("demo.conf", "api-paste.ini"):
        text = package_data.read(f"demo/{name}")
        (folder / name).write_text(text.replace("{folder}", str(folder)))
    conf = deploy.configuration(None, f"{folder}/demo.conf", None)
    migration.sync(deploy.deploy(conf).store.writer)
    return cast(WSGIApplication, paste_deploy.loadapp(f"config:{folder}/api-paste.ini"))


def _tell(application: WSGIApplication, url: str) -> bool:
    """Make the operation fail and show who sees what; whether it was seen."""

    def show(role: str) -> Any:
        request = webob.Request.blank(PATH, headers={"X-Roles": role})
        return request.get_response(application).json["instance"]

    before = json.dumps(show("member"), indent=2)
    action = webob.Request.blank(f"{PATH}/action", method="POST")
    answer = f"POST {action.path} -> {action.get_response(application).status}"
    end = time.monotonic() + 10
    while "fault" not in show("member"):
        if time.monotonic() > end:
            print("No fault came within 10 seconds.", file=sys.stderr)
            return False
        time.sleep(0.05)
    table = prettytable.PrettyTable(["", "the owner sees", "an administrator sees"])
    table.align, table.hrules = "l", prettytable.HRuleStyle.ALL
    table.max_width = max(40, (shutil.get_terminal_size((130, 24)).columns - 26) // 2)
    views = [show(role) for role in ("member", "admin")]
    for path in ("id", "name", "status", "fault.created", "fault.message", "fault.details"):
        table.add_row([path, *(Field.parse(path).find(view) or "" for view in views)])
    story = package_data.read("demo/story.txt")
    print(story.format(before=before, answer=answer, table=table, url=url), flush=True)
    return True


if __name__ == "__main__":
    sys.exit(main())
