# SPDX-License-Identifier: Apache-2.0
"""Shows users of OpenStack-style APIs why their instance failed.

A paste.deploy filter adds the *fault* of an instance to the ordinary show call of a service; a
consumer of the service's error notifications stores the faults in a table of our own.  Read
:mod:`fault_middleware.deploy` first, then :mod:`fault_middleware.filter`.  What the words mean is
in :mod:`fault_middleware.fault`.
"""

import importlib
from typing import Any

# Loaded at first use (PEP 562): whoever needs one of them neither loads the others nor needs their
# dependencies.
_EXPORTS = {
    "AnsiblePlaybookError": "fault_middleware.drivers.ansible",
    "ConfigurationError": "fault_middleware.options",
    "FaultMiddleware": "fault_middleware.factories",
    "ManagementDriverException": "fault_middleware.drivers.problem",
    "ProblemDetails": "fault_middleware.drivers.problem",
    "filter_factory": "fault_middleware.factories",
    "record_fault": "fault_middleware.report",
    "reporting": "fault_middleware.report",
}

__all__ = sorted(_EXPORTS)


def __getattr__(name: str) -> Any:
    if name not in _EXPORTS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_EXPORTS[name]), name)
