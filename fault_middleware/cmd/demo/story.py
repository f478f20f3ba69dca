# SPDX-License-Identifier: Apache-2.0
"""What the demo does and tells: an operation fails, and the fault is shown."""

import json
import shutil
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast
from wsgiref.types import WSGIApplication

import webob
from paste import deploy as paste_deploy

from fault_middleware import configuration, deploy, migration, package_data
from fault_middleware.cmd import layout
from fault_middleware.cmd.demo.instances import PATH

_BEFORE = (
    "1. A database instance, as its owner sees it before anything happens. The first request also "
    "starts the consumer in the API's process."
)
_FAILURE = "2. The owner asks for a larger volume. The service accepts the request, and fails."
_AFTER = (
    "3. The service sent a notification, the consumer stored the fault in it, and the filter adds "
    "it to the answer to the same request as before. The policy rule "
    "fault_middleware:show:details lets only an administrator see the details."
)
_TRY = "4. Try it; without --once, the API serves until you press Ctrl-C."
_CREDENTIALS = (
    "The filter believes X-Roles because this configuration says credentials = headers; by "
    "default only a token that Keystone has verified counts."
)
# How long to wait for the fault, in seconds.
_LONGEST_WAIT = 10


def build(folder: Path) -> WSGIApplication:
    """Do what a deployer does: write two files, make the table, load the API."""
    for name in ("demo.conf", "api-paste.ini"):
        text = package_data.read(f"cmd/demo/{name}")
        (folder / name).write_text(text.replace("{folder}", str(folder)))
    conf = configuration.read(None, f"{folder}/demo.conf", None)
    migration.sync(deploy.deploy(conf).store.writer)
    return cast(
        WSGIApplication, paste_deploy.loadapp(f"config:{folder}/api-paste.ini")
    )


def tell(application: WSGIApplication, address: str) -> bool:
    """Make the operation fail, and print who sees what.

    :param address: of the server, for the commands to try
    :returns: whether the fault was shown in time
    """
    before = _show(application, "member")
    action = webob.Request.blank(f"{PATH}/action", method="POST")
    status = action.get_response(application).status
    if not _fault_appears(application):
        print(
            f"No fault appeared within {_LONGEST_WAIT} seconds.",
            file=sys.stderr,
        )
        return False
    _say(_BEFORE)
    print(f"{json.dumps(before, indent=2)}\n")
    _say(_FAILURE)
    print(f"POST {action.path}\n-> {status}\n")
    _say(_AFTER)
    for who, role in (
        ("the owner sees", "member"),
        ("an administrator sees", "admin"),
    ):
        print(f"--- {who}")
        _print_members(_show(application, role))
    _say(_TRY)
    for role in ("member", "admin"):
        print(f"curl -s -H 'X-Roles: {role}' {address}{PATH}")
    print()
    _say(_CREDENTIALS)
    sys.stdout.flush()
    return True


def _show(application: WSGIApplication, role: str) -> dict[str, Any]:
    request = webob.Request.blank(PATH, headers={"X-Roles": role})
    instance: dict[str, Any] = request.get_response(application).json[
        "instance"
    ]
    return instance


def _fault_appears(application: WSGIApplication) -> bool:
    end = time.monotonic() + _LONGEST_WAIT
    while time.monotonic() < end:
        if "fault" in _show(application, "member"):
            return True
        time.sleep(0.05)
    return False


def _print_members(instance: Mapping[str, Any]) -> None:
    """Print the members of the instance; those of its fault like others, to compare them."""
    members = dict(instance)
    for name, value in members.pop("fault").items():
        members[f"fault.{name}"] = value.rstrip()
    for line in layout.named_values(
        list(members), list(members.values()), _width()
    ):
        print(line)
    print()


def _say(paragraph: str) -> None:
    for line in layout.wrap(paragraph, _width()):
        print(line)
    print()


def _width() -> int:
    """As wide as the terminal, but not wider than one likes to read."""
    return min(shutil.get_terminal_size((88, 0)).columns, 88)
