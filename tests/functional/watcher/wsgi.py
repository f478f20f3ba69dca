# SPDX-License-Identifier: Apache-2.0
"""Watcher's API in our filter, as a WSGI server is given it; its file is in WATCHER_CONF."""

import os
import sys

from oslo_config import cfg

from fault_middleware import FaultMiddleware

# Watcher reads its options from the command line, which is the server's.
sys.argv = ["watcher-api", "--config-file", os.environ["WATCHER_CONF"]]

from watcher.wsgi.api import application as watcher  # noqa: E402

application = FaultMiddleware(watcher, cfg.CONF)
