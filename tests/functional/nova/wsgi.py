# SPDX-License-Identifier: Apache-2.0
"""Nova's API as a WSGI server is given it; NOVA_CONF names the configuration."""

import os
import sys

# Nova reads its options from the command line, which is the server's.
sys.argv = ["nova-api"]
os.environ["OS_NOVA_CONFIG_DIR"] = os.path.dirname(os.environ["NOVA_CONF"])
os.environ["OS_NOVA_CONFIG_FILES"] = "api-paste.ini;nova.conf;cells.conf"

from nova.wsgi.osapi_compute import application  # noqa: E402

__all__ = ["application"]
