# SPDX-License-Identifier: Apache-2.0
"""Writes the manual's page on what each client prints, from what a run of them recorded.

``python -m tests.clients`` writes ``doc/source/clients.rst``. A test fails when the page is not
what is recorded, and ``tox -e cloud`` when the programs print something else.
"""

import json
import textwrap
from collections.abc import Mapping
from typing import Any

from tests.documents import ROOT

PAGE = ROOT / "doc/source/clients.rst"
RECORDED = ROOT / "tests/data/clients.json"

#: What is run, by service. ``{id}`` and ``{name}`` are those of something that has failed.
COMMANDS = {
    "cinder": ("volume show {id}", "volume list --long"),
    "designate": ("zone show {id}", "zone list --long"),
    "glance": ("image show {id}", "image list --long"),
    "heat": ("stack show {id}", "stack list"),
    "magnum": ("coe cluster show {id}", "coe cluster list"),
    "manila": ("share show {id}", "share list --long"),
    # From 1.1 on, the show asks the engine how far the recovery came.
    "masakari": (
        "--os-ha-api-version 1.0 notification show {id}",
        "notification list",
    ),
    "nova": ("server show {id}", "server list --long"),
    "tacker": ("vnflcm op show {id}", "vnflcm op list"),
    "trove": ("database instance show {id}", "database instance list"),
}
#: The packages that print.
VERSIONS = (
    "python-openstackclient",
    "openstacksdk",
    "python-designateclient",
    "python-heatclient",
    "python-magnumclient",
    "python-manilaclient",
    "python-masakariclient",
    "python-tackerclient",
    "python-troveclient",
)

HEAD = """\
..
   This page is written by "python -m tests.clients" from what "tox -e cloud" has seen.

=======================
What each client prints
=======================

A fault is a member of the ordinary show. Whether people see it there depends on their client. The
tests run each command against the real API of the service, with a real Keystone, for a resource
that has a fault. ``openstack fault list`` and ``openstack fault show`` (:doc:`client`) print all
of them.

.. list-table::
   :header-rows: 1
   :widths: 16 42 42

   * - Service
     - ``openstack ...``
     - The fault is printed
"""

FOOT = """
"As an object in one line" is a Python dictionary with ``created`` and ``message``, and ``details``
for administrators. "Among others" is a field with more in it: all properties of an image, or the
problem of an operation on several lines.

{versions}

What would be needed upstream so that all of them print it is on a page of its own:
:doc:`contributor/upstream`.
"""


def page(seen: Mapping[str, Any]) -> str:
    """The page of the manual.

    :param seen: what was recorded
    """
    lines = [HEAD.rstrip("\n")]
    for service, commands in seen["printed"].items():
        for number, (command, how) in enumerate(commands.items()):
            lines += [
                f"   * - {'' if number else service.capitalize()}".rstrip(),
                f"     - ``{command.replace(' {id}', ' ID')}``",
                f"     - {_words(how)}",
            ]
    versions = [f"{name} {one}" for name, one in seen["versions"].items()]
    told = f"Seen with {', '.join(versions[:-1])} and {versions[-1]}."
    wrapped = textwrap.fill(told, 98, break_on_hyphens=False)
    return "\n".join(lines) + "\n" + FOOT.format(versions=wrapped)


def _words(how: str) -> str:
    if not how:
        return "no"
    field, _, form = how.rpartition(", ")
    return f"``{field}``, {form}"


def main() -> None:
    PAGE.write_text(page(json.loads(RECORDED.read_text())))


if __name__ == "__main__":
    main()
