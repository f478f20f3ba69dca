# SPDX-License-Identifier: Apache-2.0
"""Trove's own guest agents, of which each has a machine with a Docker whose disk is full.

Run as ``python -m tests.functional.trove.guest INSTANCE...``, with the configuration named by
TROVE_CONF.  Each agent has a process of its own, since it is configured with its instance.  Of the
machine there is that Docker, and no database.
"""

import os
import signal
import subprocess
import sys
import time

IDS = sys.argv[1:]
sys.argv = [sys.argv[0], "--config-file", os.environ["TROVE_CONF"]]

from trove.cmd.common import with_initialize  # noqa: E402

MANAGER = "trove.guestagent.datastore.mysql.manager.Manager"


def start_docker():
    """Begin the Docker of the machines; what to end."""
    running = subprocess.Popen(
        [sys.executable, "-m", "tests.functional.trove.docker"],
        stdout=subprocess.PIPE,
        text=True,
    )
    os.environ["DOCKER_HOST"] = running.stdout.readline().strip()
    return running


def serve(conf, instance, key):
    """The agent of an instance, in this process."""
    from trove.common.rpc import service
    from trove.guestagent import api

    conf.set_override("guest_id", instance)
    conf.set_override("instance_rpc_encr_key", key)
    service.RpcService(
        key=key,
        manager=MANAGER,
        topic=f"guestagent.{instance}",
        host=instance,
        rpc_api_version=api.API.API_LATEST_VERSION,
    ).start()
    rest()


def rest():
    # Trove's green threads work meanwhile.
    while True:
        time.sleep(60)


@with_initialize
def main(conf):
    # It has options of its own.
    import trove.cmd.guest  # noqa: F401
    from trove.instance import models

    conf.set_override("report_interval", 0)
    conf.set_override("datastore_manager", "mysql")
    keys = {one: models.get_instance_encryption_key(one) for one in IDS}
    children = [start_docker().pid]
    for instance, key in keys.items():
        child = os.fork()
        if not child:
            serve(conf, instance, key)
        children.append(child)

    def end(*_):
        for child in children:
            os.kill(child, signal.SIGKILL)
        os._exit(0)

    signal.signal(signal.SIGTERM, end)
    rest()


main()
