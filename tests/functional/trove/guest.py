# SPDX-License-Identifier: Apache-2.0
"""Lets operations fail in Trove's own guest agent, which the task manager and the API ask by RPC.

Run as ``python -m tests.functional.trove.guest``, with the configuration named by TROVE_CONF.  The
agent, the conductor and the task manager are in this process, and the broker is oslo.messaging's
own.  Of the machine of the instance there is a Docker that knows no image, and no database.  It
goes on until its input ends.
"""

import os
import select
import subprocess
import sys

sys.argv = [sys.argv[0], "--config-file", os.environ["TROVE_CONF"]]

from trove.cmd.common import with_initialize  # noqa: E402

from tests.functional.trove.instances import ACTIVE, uid  # noqa: E402


def start_docker():
    """Begin the Docker of the machine; what to end."""
    running = subprocess.Popen(
        [sys.executable, "-m", "tests.functional.trove.docker"],
        stdout=subprocess.PIPE,
        text=True,
    )
    os.environ["DOCKER_HOST"] = running.stdout.readline().strip()
    return running


def serve(conf, key):
    """The task manager, the conductor and the guest agent of the instance."""
    from trove.common.rpc import conductor_host_serializer, service
    from trove.conductor import api as conductor_api
    from trove.guestagent import api as guest_api
    from trove.taskmanager import api as task_api

    managed = "trove.guestagent.datastore.mysql.manager.Manager"
    for options in (
        {
            "key": conf.taskmanager_rpc_encr_key,
            "manager": conf.taskmanager_manager,
            "topic": conf.taskmanager_queue,
            "rpc_api_version": task_api.API.API_LATEST_VERSION,
        },
        {
            "key": None,
            "manager": conf.conductor_manager,
            "topic": conf.conductor_queue,
            "rpc_api_version": conductor_api.API.API_LATEST_VERSION,
            "secure_serializer": conductor_host_serializer.ConductorHostSerializer,
        },
        {
            "key": key,
            "manager": managed,
            "topic": f"guestagent.{ACTIVE.id}",
            "host": ACTIVE.id,
            "rpc_api_version": guest_api.API.API_LATEST_VERSION,
        },
    ):
        service.RpcService(**options).start()


def asked(event):
    """The context of a request of the owner, and the notification of its start."""
    from trove.common import context, notification, wsgi

    made = context.TroveContext(
        auth_token="the-token-of-alice",
        project_id="p1",
        user_id="alice",
        roles=["member"],
        service_catalog=[
            {
                "type": "compute",
                "endpoints": [{"region": "RegionOne", "publicURL": "x"}],
            }
        ],
    )
    request = wsgi.Request.blank("/v1.0/p1/instances")
    made.notification = getattr(notification, event)(made, request=request)
    given = {
        "instance_id": ACTIVE.id,
        "dbname": "d",
        "username": "u",
        "name": "b",
        "description": "",
        "parent_id": None,
    }
    return made, notification.StartNotification(made, **given)


def ask(conf):
    """Ask for what will fail."""
    from trove.guestagent.api import API
    from trove.taskmanager.api import API as TaskManager

    made, start = asked("DBaaSInstanceRestart")
    with start:
        TaskManager(made).restart(ACTIVE.id)
    made, start = asked("DBaaSDatabaseCreate")
    with start:
        API(made, ACTIVE.id).create_database([{"_name": "d"}])
    made, start = asked("DBaaSUserCreate")
    with start:
        API(made, ACTIVE.id).create_user(
            [{"_name": "u", "_password": "s3cret-of-u", "_databases": []}]
        )
    made, start = asked("DBaaSBackupCreate")
    with start:
        API(made, ACTIVE.id).create_backup(
            {
                "id": uid(700),
                "instance_id": ACTIVE.id,
                "datastore": "mysql",
                "datastore_version": "8.0",
                "location": "",
                "type": "full",
                "storage_driver": "swift",
                "swift_container": "backups",
                "parent": None,
            }
        )


@with_initialize
def main(conf):
    # It has options of its own.
    import trove.cmd.guest  # noqa: F401
    from trove.common import notification
    from trove.instance import models

    key = models.get_instance_encryption_key(ACTIVE.id)
    conf.set_override("report_interval", 0)
    conf.set_override("datastore_manager", "mysql")
    conf.set_override("guest_id", ACTIVE.id)
    conf.set_override("instance_rpc_encr_key", key)
    notification.DBaaSAPINotification.register_notify_callback(
        models.persist_instance_fault
    )
    docker = start_docker()
    serve(conf, key)
    ask(conf)
    print("asked", flush=True)
    select.select([sys.stdin], [], [])
    docker.kill()
    os._exit(0)


main()
