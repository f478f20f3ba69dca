# SPDX-License-Identifier: Apache-2.0
"""The files of the package that hold data."""

from importlib import resources
from typing import Any

import yaml

FOLDER = resources.files(__package__)
#: How YAML is read. The one in C takes a twentieth of the time; not every PyYAML has it.
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def read(name: str) -> str:
    """The text of a file."""
    return (FOLDER / name).read_text("utf-8")


def load(name: str) -> Any:
    """What a file of YAML holds."""
    return yaml.load(read(name), LOADER)  # noqa: S506
