# SPDX-License-Identifier: Apache-2.0
"""Serves the pipeline with waitress, or with oslo.service as Trove does.

Run as ``python -m tests.functional.servers.serve KIND PORT``.
"""

import sys

KIND, PORT = sys.argv[1], int(sys.argv[2])

if KIND.startswith("oslo"):
    import eventlet

    if KIND.endswith("full"):
        eventlet.monkey_patch(all=True)
    else:
        eventlet.patcher.monkey_patch(all=False, socket=True)
    import eventlet.wsgi
    from oslo_config import cfg
    from oslo_service import service

    from tests.functional.servers.pipeline import load

    class Api(service.Service):
        def __init__(self):
            self._application = load()
            self._socket = eventlet.listen(("127.0.0.1", PORT))
            super().__init__(1000)

        def start(self):
            super().start()
            self.tg.add_thread(
                eventlet.wsgi.server,
                self._socket,
                self._application,
                custom_pool=self.tg.pool,
                log_output=False,
            )

    cfg.CONF([], default_config_files=[])
    workers = 1 if "-1" in KIND else 2
    service.launch(cfg.CONF, Api(), workers, restart_method="mutate").wait()
else:
    import waitress

    from tests.functional.servers.pipeline import load

    waitress.serve(load(), listen=f"127.0.0.1:{PORT}")
