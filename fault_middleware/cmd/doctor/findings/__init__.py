# SPDX-License-Identifier: Apache-2.0
"""What the doctor may say, a module for each part of a deployment. The manual is made of it."""

import importlib
import inspect
from collections.abc import Iterator

from fault_middleware.cmd.doctor.finding import Finding

#: The parts in the order in which they are looked at and described.
PARTS = (
    "configuration",
    "reading",
    "pipeline",
    "database",
    "policy",
    "publishing",
    "broker",
    "logs",
    "metrics",
    "uwsgi",
    "part",
)


def declared(part: str) -> Iterator[Finding]:
    """All that may be said of a part, with the names of what is filled in instead of it."""
    module = importlib.import_module(f"{__name__}.{part}")
    for function in vars(module).values():
        if inspect.isfunction(function) and hasattr(function, "__wrapped__"):
            names = inspect.signature(function).parameters
            yield function(*(name.upper() for name in names))
