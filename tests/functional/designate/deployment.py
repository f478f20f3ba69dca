# SPDX-License-Identifier: Apache-2.0
"""Makes a deployment of Designate in a folder, and runs its processes."""

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path

from tests import services
from tests.fixtures import wait_until
from tests.functional.deployment import (
    ROOT,
    Deployment,
    announce,
    build,
    paste,
    serve,
    start,
)
from tests.functional.keystone.deployment import Keystone

CONFIGURATION = """\
[service:api]
api_paste_config = {folder}/api-paste.ini
auth_strategy = keystone
# Else it sends its clients to port 9001.
enable_host_header = true

[storage:sqlalchemy]
connection = {database}

[service:central]
workers = 1

[service:producer]
workers = 1

[producer_task:zone_purge]
interval = 3600

[producer_task:worker_periodic_recovery]
interval = 3600

[producer_task:increment_serial]
interval = 1

[producer_task:delayed_notify]
interval = 1

[service:worker]
workers = 1
threads = 20
poll_timeout = 1
poll_retry_interval = 1
poll_max_retries = 1
poll_delay = 1
serial_max_retries = 1
serial_retry_delay = 1
serial_timeout = 1
xfr_timeout = 2
"""
POOLS = """\
- name: default
  description: the tests'
  attributes: {{}}
  ns_records:
    - hostname: ns1.example.
      priority: 1
  nameservers:
    - host: 127.0.0.1
      port: {port}
  targets:
    - type: bind9
      masters:
        - host: 127.0.0.1
          port: 5354
      options:
        host: 127.0.0.1
        port: {port}
        rndc_host: 127.0.0.1
        rndc_port: 953
        rndc_bin_path: {folder}/rndc
"""
_RNDC = """\
#!/bin/sh
exec {python} {root}/tests/functional/designate/rndc.py "$@"
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
    """All processes of Designate with our filter and handlers, and what stands in for BIND.

    :param database: Designate's own
    :param faults: the database of the faults
    :param broker: for RPC
    :param keystone: that may have only begun
    """
    made = Deployment(
        "designate", folder, services.free_port(), "/v2", {}, keystone
    )
    build(made, CONFIGURATION, database=database, faults=faults, broker=broker)
    paste(made)
    port = services.free_port()
    rndc = folder / "rndc"
    rndc.write_text(_RNDC.format(python=sys.executable, root=ROOT))
    rndc.chmod(0o755)
    pools = folder / "pools.yaml"
    pools.write_text(POOLS.format(port=port, folder=folder))
    made.run("designate-manage", "database", "sync")
    announce(made, "dns", "")
    server = [sys.executable, "-m", "tests.functional.designate.nameserver"]
    with start(made, "nameserver", [*server, str(port)]), _central(made):
        # What is sent to a queue that is not there yet is lost.
        ready = "Creating new service status entry"
        log = made.log("designate-central")
        wait_until(lambda: ready in log.read_text(), 120)
        made.run("designate-manage", "pool", "update", "--file", str(pools))
        with serve(made, "designate-worker", "designate-producer"):
            yield made


def _central(
    deployment: Deployment,
) -> contextlib.AbstractContextManager[object]:
    name = "designate-central"
    return start(deployment, name, deployment.command(name))
