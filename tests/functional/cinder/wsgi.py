# SPDX-License-Identifier: Apache-2.0
"""Cinder's API as a WSGI server is given it; CINDER_CONF names the configuration."""

import os
import sys

# Cinder reads its options from the command line, which is the server's.
sys.argv = ["cinder-api", "--config-file", os.environ["CINDER_CONF"]]

from cinder.wsgi.wsgi import initialize_application  # noqa: E402

application = initialize_application()
