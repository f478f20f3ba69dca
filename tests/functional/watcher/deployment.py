# SPDX-License-Identifier: Apache-2.0
"""Makes a deployment of Watcher in a folder, and runs its processes."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from tests import services
from tests.functional.deployment import (
    Deployment,
    announce,
    build,
    serve,
    wait_for_queue,
)
from tests.functional.keystone.deployment import Keystone

# The applier takes no action without a weight.
CONFIGURATION = """\
[watcher_clients_auth]
auth_section = keystone_authtoken

[collector]
collector_plugins = compute
api_call_retries = 1

[watcher_decision_engine]
continuous_audit_interval = 2

[watcher_planners.weight]
weights = tests:70,stop:60,nop:50
parallelization = tests:1,stop:1,nop:1
"""
#: Of our strategy and of our action.
NAME = "tests"
PLUGINS = {"watcher_strategies": "Strategy", "watcher_actions": "Action"}


@contextlib.contextmanager
def served(
    folder: Path,
    *,
    database: str,
    faults: str,
    broker: str,
    keystone: Keystone,
) -> Iterator[Deployment]:
    """All processes of Watcher with our filter and handlers, beside a Keystone.

    :param database: Watcher's own
    :param faults: the database of the faults
    :param broker: for RPC
    :param keystone: that may have only begun
    """
    made = Deployment(
        "watcher",
        folder,
        services.free_port(),
        "/v1",
        {"OpenStack-API-Version": "infra-optim latest"},
        keystone,
    )
    build(made, CONFIGURATION, database=database, faults=faults, broker=broker)
    for group, plugin in PLUGINS.items():
        target = f"tests.functional.watcher.plugins:{plugin}"
        made.install(group, NAME, target)
    made.run("watcher-db-manage", "upgrade")
    announce(made, "infra-optim", "")
    # There Watcher looks for Nova, which is away.
    nobody = services.free_port()
    keystone.add_service("compute", f"http://127.0.0.1:{nobody}")
    with serve(made, "watcher-decision-engine", "watcher-applier"):
        for queue in ("watcher.decision.control", "watcher.applier.control"):
            wait_for_queue(broker, queue)
        yield made
