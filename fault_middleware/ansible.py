# SPDX-License-Identifier: Apache-2.0
"""The former name of :mod:`fault_middleware.drivers.ansible`, for drivers that use it."""

from fault_middleware.drivers.ansible import AnsiblePlaybookError, run_playbook

__all__ = ["AnsiblePlaybookError", "run_playbook"]
