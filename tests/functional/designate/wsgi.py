# SPDX-License-Identifier: Apache-2.0
"""Designate's API as a WSGI server is given it; DESIGNATE_CONF names the configuration."""

import os
from pathlib import Path

# Designate reads no arguments: its files are in a folder.
os.environ["OS_DESIGNATE_CONFIG_DIR"] = str(
    Path(os.environ["DESIGNATE_CONF"]).parent
)

from designate.wsgi.api import application

__all__ = ["application"]
