# SPDX-License-Identifier: Apache-2.0
"""What Django asks of an application."""

from django.apps import AppConfig


class Faults(AppConfig):  # type: ignore[misc]  # Django has no types
    """The panel's templates and its stylesheet."""

    name = "fault_middleware.dashboard"
    # By default the label is the last part of the name, which others may have too.
    label = "fault_middleware_dashboard"
