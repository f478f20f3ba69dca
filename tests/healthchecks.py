# SPDX-License-Identifier: Apache-2.0
"""oslo.middleware's healthcheck with our backend, as a service loads it."""

import webtest
from oslo_middleware import healthcheck


def ask(conf):
    """The answer to GET / with all details."""
    backend = {"backends": "fault_middleware", "detailed": True}
    app = healthcheck.Healthcheck.app_factory(backend, oslo_config_project="x")
    for extension in app._backends:
        extension.obj.oslo_conf = conf
    return webtest.TestApp(app).get(
        "/", headers={"Accept": "application/json"}, status="*"
    )
