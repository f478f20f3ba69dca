# SPDX-License-Identifier: Apache-2.0
"""What has failed in all projects, beside the overview of administrators."""

PANEL = "faults"
PANEL_DASHBOARD = "admin"
PANEL_GROUP = "default"
ADD_PANEL = "fault_middleware.dashboard.panel.AdminFaults"
