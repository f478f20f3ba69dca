# SPDX-License-Identifier: Apache-2.0
"""What Horizon asks of a panel."""

import horizon


class ProjectFaults(horizon.Panel):  # type: ignore[misc]  # Horizon has no types
    """What has failed in the project."""

    name = "Faults"
    slug = "faults"
    # Not shared: each dashboard puts its own checks around the views.
    urls = "project_urls"


class AdminFaults(horizon.Panel):  # type: ignore[misc]  # Horizon has no types
    """What has failed in all projects."""

    name = "Faults"
    slug = "faults"
    urls = "admin_urls"
    # The dashboard's own rules hide its menu, and not the addresses below it.
    policy_rules = (("identity", "admin_required"),)
