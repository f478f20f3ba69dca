# SPDX-License-Identifier: Apache-2.0
"""Lets an operation fail inside Trove's own notification classes.

Run as ``python -m tests.functional.trove.fail EVENT INSTANCE MESSAGE SERVER``, with the
configuration named by TROVE_CONF. The operation starts in the API's name, its context
crosses to the server (``taskmanager`` or ``guest``) as a dict, as it does over RPC, and
it ends there: with an error unless the message is empty. A guest tells the conductor.
TROVE_PROJECT names another project than that of the tests' own deployment.
"""

import json
import os
import sys

EVENT, INSTANCE, MESSAGE, SERVER = sys.argv[1:]
PROJECT = os.environ.get("TROVE_PROJECT", "p1")
sys.argv = [sys.argv[0], "--config-file", os.environ["TROVE_CONF"]]

from trove.cmd.common import with_initialize  # noqa: E402


@with_initialize
def main(conf):
    from trove.common import context, exception, notification, wsgi

    request = wsgi.Request.blank(f"/v1.0/{PROJECT}/instances")
    asked = context.TroveContext(
        auth_token="the-token-of-alice",
        project_id=PROJECT,
        user_id="alice",
        roles=["member"],
        service_catalog=[
            {
                "type": "compute",
                "endpoints": [{"region": "RegionOne", "publicURL": "x"}],
            }
        ],
    )
    asked.notification = getattr(notification, EVENT)(asked, request=request)
    with notification.StartNotification(
        asked, instance_id=INSTANCE, new_size=50
    ):
        with notification.NotificationCastWrapper(asked, SERVER):
            crossed = json.loads(json.dumps(asked.to_dict()))
        there = context.TroveContext.from_dict(crossed)
    if SERVER == "guest":
        from trove.instance.models import get_instance_encryption_key

        conf.set_override("guest_id", INSTANCE)
        conf.set_override(
            "instance_rpc_encr_key", get_instance_encryption_key(INSTANCE)
        )
    try:
        with notification.EndNotification(there):
            if MESSAGE:
                raise exception.TroveError(MESSAGE)
    except exception.TroveError:
        pass


main()
