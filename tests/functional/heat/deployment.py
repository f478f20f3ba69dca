# SPDX-License-Identifier: Apache-2.0
"""Makes a deployment of Heat in a folder, and runs its processes."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from tests import services
from tests.functional.deployment import (
    ROOT,
    Deployment,
    announce,
    build,
    paste,
    serve,
)
from tests.functional.keystone.deployment import PASSWORD, Keystone

#: Seconds that a stack has to be made or changed.
PATIENCE = 20
CONFIGURATION = """\
[DEFAULT]
plugin_dirs = {root}/tests/functional/heat/plugins
environment_dir = {etc}/environment.d
template_dir = {etc}/templates
num_engine_workers = 1
stack_user_domain_name = heat
stack_domain_admin = heat_domain_admin
stack_domain_admin_password = {password}
stack_action_timeout = {patience}
# What fails is not tried again.
action_retry_limit = 0

[paste_deploy]
api_paste_config = {folder}/api-paste.ini

[clients_keystone]
auth_uri = {identity}

[trustee]
auth_type = password
auth_url = {identity}
username = heat
password = {password}
user_domain_id = default
"""


@contextlib.contextmanager
def served(
    folder: Path,
    *,
    database: str,
    faults: str,
    broker: str,
    keystone: Keystone,
) -> Iterator[Deployment]:
    """All processes of Heat with our filter and handlers.

    :param database: Heat's own
    :param faults: the database of the faults
    :param broker: for RPC
    :param keystone: that may have only begun
    """
    made = Deployment(
        "heat", folder, services.free_port(), "/v1/{project}", {}, keystone
    )
    build(
        made,
        CONFIGURATION,
        database=database,
        faults=faults,
        broker=broker,
        identity=keystone.url,
        password=PASSWORD,
        root=ROOT,
        patience=PATIENCE,
    )
    paste(made)
    made.run("heat-manage", "db_sync")
    announce(made, "orchestration")
    _make_domain(keystone)
    with serve(made, "heat-engine"):
        yield made


def _make_domain(keystone: Keystone) -> None:
    """Make the domain of the users that stacks have, its administrator, and their role."""
    domain = keystone.call("POST", "/domains", domain={"name": "heat"})
    found = domain["domain"]["id"]
    given = {"name": "heat_domain_admin", "password": PASSWORD}
    made = keystone.call("POST", "/users", user={**given, "domain_id": found})
    where = f"/domains/{found}/users/{made['user']['id']}"
    keystone.call("PUT", f"{where}/roles/{keystone.roles['admin']}")
    keystone.call("POST", "/roles", role={"name": "heat_stack_user"})
