# SPDX-License-Identifier: Apache-2.0
"""Gives the agent of an instance something to do, over RPC, as Trove's API does.

Run as ``python -m tests.functional.trove.ask EVENT INSTANCE``, with the configuration named by
TROVE_CONF.
"""

import os
import sys

EVENT, INSTANCE = sys.argv[1:]
sys.argv = [sys.argv[0], "--config-file", os.environ["TROVE_CONF"]]

from trove.cmd.common import with_initialize  # noqa: E402

from tests.functional.trove.instances import OWNER  # noqa: E402

USER = {"_name": "u", "_password": "s3cret-of-u", "_databases": []}


@with_initialize
def main(conf):
    from trove.common import context, notification, wsgi
    from trove.guestagent.api import API

    endpoint = {"region": "RegionOne", "publicURL": "x"}
    asked = context.TroveContext(
        auth_token="the-token-of-alice",
        project_id=OWNER,
        user_id="alice",
        roles=["member"],
        service_catalog=[{"type": "compute", "endpoints": [endpoint]}],
    )
    request = wsgi.Request.blank(f"/v1.0/{OWNER}/instances")
    asked.notification = getattr(notification, EVENT)(asked, request=request)
    given = {"instance_id": INSTANCE, "dbname": "d", "username": "u"}
    with notification.StartNotification(asked, **given):
        agent = API(asked, INSTANCE)
        if EVENT == "DBaaSDatabaseCreate":
            agent.create_database([{"_name": "d"}])
        else:
            agent.create_user([USER])


main()
