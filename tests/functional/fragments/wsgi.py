# SPDX-License-Identifier: Apache-2.0
"""A service's own WSGI application, for gunicorn.

The service gets no arguments, as under mod_wsgi: it finds its configuration where it keeps it.
"""

import importlib
import os
import sys

sys.argv = ["gunicorn"]
application = importlib.import_module(
    os.environ["FRAGMENT_MODULE"]
).application
