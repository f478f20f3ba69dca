# SPDX-License-Identifier: Apache-2.0
"""Makes a deployment of Heat in a folder, and runs its processes."""

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path

from tests import services
from tests.functional.deployment import (
    ROOT,
    Deployment,
    build,
    paste,
    serve,
    start,
)

#: Seconds that a stack has to be made or changed.
PATIENCE = 20
CONFIGURATION = """\
[DEFAULT]
plugin_dirs = {root}/tests/functional/heat/plugins
environment_dir = {etc}/environment.d
template_dir = {etc}/templates
num_engine_workers = 1
keystone_backend = tests.functional.heat.keystone.Client
stack_action_timeout = {patience}
# What fails is not tried again.
action_retry_limit = 0

[paste_deploy]
api_paste_config = {folder}/api-paste.ini

[clients_keystone]
auth_uri = http://127.0.0.1:{identity}

[trustee]
auth_type = password
auth_url = http://127.0.0.1:{identity}
username = heat
password = none
user_domain_id = default
"""


@contextlib.contextmanager
def served(
    folder: Path, *, database: str, faults: str, broker: str
) -> Iterator[Deployment]:
    """All processes of Heat with our filter and handlers.

    :param database: Heat's own
    :param faults: the database of the faults
    :param broker: for RPC
    """
    made = Deployment(
        "heat", folder, services.free_port(), "/v1/{project}", {}
    )
    identity = services.free_port()
    build(
        made,
        CONFIGURATION,
        database=database,
        faults=faults,
        broker=broker,
        identity=identity,
        root=ROOT,
        patience=PATIENCE,
    )
    paste(made)
    made.run("heat-manage", "db_sync")
    keystone = [sys.executable, "-m", "tests.functional.identity"]
    with (
        start(made, "identity", [*keystone, str(identity)], identity),
        serve(made, "heat-engine"),
    ):
        yield made
