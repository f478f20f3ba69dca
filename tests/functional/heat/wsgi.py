# SPDX-License-Identifier: Apache-2.0
"""Heat's API as a WSGI server is given it; HEAT_CONF names the configuration."""

import os
import sys

# Heat reads its options from the command line, which is the server's.
sys.argv = ["heat-api", "--config-file", os.environ["HEAT_CONF"]]

from heat.wsgi.api import application  # noqa: E402

__all__ = ["application"]
