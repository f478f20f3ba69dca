# SPDX-License-Identifier: Apache-2.0
"""Manila's API as a WSGI server is given it; MANILA_CONF names the configuration."""

import os
import sys

# Manila reads its options from the command line, which is the server's.
sys.argv = ["manila-api", "--config-file", os.environ["MANILA_CONF"]]

from manila.wsgi.wsgi import initialize_application  # noqa: E402

application = initialize_application()
