# SPDX-License-Identifier: Apache-2.0
"""What python-openstackclient asks of a plugin."""

import argparse
from typing import Any

API_NAME = "fault"
API_VERSION_OPTION = "os_fault_api_version"
API_VERSIONS = ("1",)
DEFAULT_API_VERSION = "1"


def make_client(manager: Any) -> Any:
    """The session: faults are read from the services themselves, there is no API of their own."""
    return manager.session


def build_option_parser(
    parser: argparse.ArgumentParser,
) -> argparse.ArgumentParser:
    """Add options to ``openstack`` itself; there are none."""
    return parser
