# SPDX-License-Identifier: Apache-2.0
"""The service as a WSGI module; monkey-patched first where FAULT_TEST_PATCH is set."""

import os

if os.environ.get("FAULT_TEST_PATCH"):
    import eventlet

    eventlet.monkey_patch(all=True)

from tests.functional.servers.pipeline import load

application = load()
