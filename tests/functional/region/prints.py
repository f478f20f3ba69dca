# SPDX-License-Identifier: Apache-2.0
"""What people's usual commands print of a fault, in the cloud of the tests.

    .tox/cloud/bin/python -m tests.functional.region.prints

writes that down; ``python -m tests.clients`` makes the manual's page of it.
"""

import ast
import concurrent.futures
import importlib.metadata
import json
import tempfile
from pathlib import Path
from typing import Any

from tests import fixtures
from tests.catalog import openstack
from tests.clients import COMMANDS, RECORDED, VERSIONS
from tests.functional.region.deployment import PROJECTS, Region, served
from tests.functional.region.failed import Failed

_ADMINISTRATORS = "masakari"


def recorded() -> Any:
    """How each command printed the fault, as written down."""
    return json.loads(RECORDED.read_text())["printed"]


def observe(region: Region) -> dict[str, dict[str, str]]:
    """How each command prints the fault of what has failed in a project; empty if it does not."""
    own = region.of("orders")
    asked = []
    for service, commands in COMMANDS.items():
        for command in commands:
            asked.append((region, own[service], command))
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        seen = pool.map(lambda one: _see(*one), asked)
    printed: dict[str, dict[str, str]] = {}
    for (_, failed, command), how in zip(asked, seen, strict=True):
        printed.setdefault(failed.service, {})[command] = how
    return printed


def _see(region: Region, failed: Failed, command: str) -> str:
    """How a command prints the fault: the field, and its form; empty if it does not."""
    user, project = PROJECTS["orders"], "orders"
    if failed.service == _ADMINISTRATORS:
        user, project = "admin", "admin"
    words = command.format(id=failed.id, name=failed.name).split()
    ended = openstack(
        region.keystone.url,
        *words,
        user=user,
        project=region.keystone.projects[project],
    )
    assert ended.returncode == 0, (command, ended.stderr)
    assert failed.id in ended.stdout or failed.name in ended.stdout, command
    return how_printed(ended.stdout, failed.message)


def how_printed(table: str, message: str) -> str:
    """How a table of the program's has a message.

    :returns: such as ``fault, as text``; empty if it has not
    """
    field = ""
    for line in table.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|", 1)]
        field = cells[0] or field
        if message in line:
            value = cells[-1].rstrip("| ")
            return f"{field}, {_form(value, message)}"
    return ""


def _form(value: str, message: str) -> str:
    if value == message:
        return "as text"
    try:
        ast.literal_eval(value)
    except (SyntaxError, ValueError):
        return "among others"
    return "as an object in one line"


def main() -> None:
    with (
        fixtures.start("mariadb") as port,
        fixtures.start("rabbitmq") as broker,
        tempfile.TemporaryDirectory() as folder,
        served(
            Path(folder) / "region",
            mariadb=f"mysql+pymysql://root@127.0.0.1:{port}",
            broker=broker,
        ) as region,
    ):
        printed = observe(region)
    versions = {name: importlib.metadata.version(name) for name in VERSIONS}
    told = {"versions": versions, "printed": printed}
    RECORDED.write_text(json.dumps(told, indent=2) + "\n")


if __name__ == "__main__":
    main()
