# SPDX-License-Identifier: Apache-2.0
"""The former name of :mod:`fault_middleware.drivers.problem`, for drivers that use it."""

from fault_middleware.drivers.problem import (
    ABOUT_BLANK,
    ManagementDriverException,
    ProblemDetails,
    ProblemError,
    driver_script,
    lift,
)

__all__ = [
    "ABOUT_BLANK",
    "ManagementDriverException",
    "ProblemDetails",
    "ProblemError",
    "driver_script",
    "lift",
]
