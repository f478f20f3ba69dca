# SPDX-License-Identifier: Apache-2.0
"""Keystone's API as a WSGI server is given it; OS_KEYSTONE_CONFIG_DIR names its folder."""

import sys

# Keystone reads its options from the command line, which is the server's.
sys.argv = ["keystone"]

from keystone.wsgi.api import application  # noqa: E402

__all__ = ["application"]
