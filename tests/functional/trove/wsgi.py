# SPDX-License-Identifier: Apache-2.0
"""Trove's API for WSGI servers that have words of their own in sys.argv."""

import os
import sys

sys.argv = ["trove-wsgi", "--config-file", os.environ["TROVE_CONF"]]

from trove.cmd.app_wsgi import application  # noqa: E402

__all__ = ["application"]
