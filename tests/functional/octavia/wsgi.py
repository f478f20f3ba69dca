# SPDX-License-Identifier: Apache-2.0
"""Octavia's API as a WSGI server is given it; OCTAVIA_CONF names the configuration."""

import os

from octavia.api import app
from oslo_config import cfg

from fault_middleware import FaultMiddleware

_ARGUMENTS = ["octavia-api", "--config-file", os.environ["OCTAVIA_CONF"]]
application = FaultMiddleware(app.setup_app(argv=_ARGUMENTS), cfg.CONF)
