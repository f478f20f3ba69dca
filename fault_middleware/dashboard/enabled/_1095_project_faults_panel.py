# SPDX-License-Identifier: Apache-2.0
"""What has failed in the project, beside "API Access"."""

PANEL = "faults"
PANEL_DASHBOARD = "project"
PANEL_GROUP = "default"
ADD_PANEL = "fault_middleware.dashboard.panel.ProjectFaults"
