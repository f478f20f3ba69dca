# SPDX-License-Identifier: Apache-2.0
"""Magnum's API as a WSGI server is given it; MAGNUM_CONF names the configuration."""

import os
import sys

# Magnum reads its options from the command line, which is the server's.
sys.argv = ["magnum-api", "--config-file", os.environ["MAGNUM_CONF"]]

from magnum.wsgi.api import application  # noqa: E402

__all__ = ["application"]
