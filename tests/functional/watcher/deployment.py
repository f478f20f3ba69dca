# SPDX-License-Identifier: Apache-2.0
"""Makes a deployment of Watcher in a folder, and runs its processes."""

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path

from tests import services
from tests.functional.deployment import (
    Deployment,
    build,
    serve,
    start,
    wait_for_queue,
)

# The applier takes no action without a weight.
CONFIGURATION = """\
[watcher_clients_auth]
auth_type = password
auth_url = http://127.0.0.1:{identity}/v3
username = watcher
password = none
user_domain_id = default
project_name = service
project_domain_id = default

[keystone_authtoken]
auth_type = password
auth_url = http://127.0.0.1:{identity}/v3

[collector]
collector_plugins = compute
api_call_retries = 1

[watcher_decision_engine]
continuous_audit_interval = 2

[watcher_planners.weight]
weights = tests:70,stop:60,nop:50
parallelization = tests:1,stop:1,nop:1

[fault_middleware]
clear_on_success = true
"""
#: Of our strategy and of our action.
NAME = "tests"
PLUGINS = {"watcher_strategies": "Strategy", "watcher_actions": "Action"}


@contextlib.contextmanager
def served(
    folder: Path, *, database: str, faults: str, broker: str
) -> Iterator[Deployment]:
    """All processes of Watcher with our filter and handlers, and a Keystone.

    :param database: Watcher's own
    :param faults: the database of the faults
    :param broker: for RPC
    """
    made = Deployment(
        "watcher",
        folder,
        services.free_port(),
        "/v1",
        {"OpenStack-API-Version": "infra-optim latest"},
    )
    identity = services.free_port()
    build(
        made,
        CONFIGURATION,
        database=database,
        faults=faults,
        broker=broker,
        identity=identity,
    )
    for group, plugin in PLUGINS.items():
        target = f"tests.functional.watcher.plugins:{plugin}"
        made.install(group, NAME, target)
    made.run("watcher-db-manage", "upgrade")
    keystone = [sys.executable, "-m", "tests.functional.identity"]
    with (
        start(made, "identity", [*keystone, str(identity)], identity),
        serve(made, "watcher-decision-engine", "watcher-applier"),
    ):
        for queue in ("watcher.decision.control", "watcher.applier.control"):
            wait_for_queue(broker, queue)
        yield made
