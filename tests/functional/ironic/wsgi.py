# SPDX-License-Identifier: Apache-2.0
"""Ironic's API as a WSGI server is given it; IRONIC_CONF names the configuration."""

import os

from ironic.api import wsgi
from oslo_config import cfg

from fault_middleware import FaultMiddleware

_ARGUMENTS = ["ironic-api", "--config-file", os.environ["IRONIC_CONF"]]
application = FaultMiddleware(wsgi.initialize_wsgi_app(_ARGUMENTS), cfg.CONF)
