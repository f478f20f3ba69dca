# SPDX-License-Identifier: Apache-2.0
"""The templates and the stylesheet of the panel; each of the two panels needs them."""

FEATURE = "faults"
ADD_INSTALLED_APPS = ["fault_middleware.dashboard"]
