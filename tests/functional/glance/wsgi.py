# SPDX-License-Identifier: Apache-2.0
"""Glance's API as a WSGI server is given it; GLANCE_CONF names the configuration."""

import os
import sys
from pathlib import Path

_FOLDER = Path(os.environ["GLANCE_CONF"]).parent
# Glance reads no arguments: its file is glance-api.conf in a folder.
os.environ["OS_GLANCE_CONFIG_DIR"] = str(_FOLDER)
# There is the entry point of the tests' store.
sys.path.insert(0, str(_FOLDER))

from glance.wsgi.api import application  # noqa: E402

__all__ = ["application"]
