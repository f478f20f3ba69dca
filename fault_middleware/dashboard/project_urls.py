# SPDX-License-Identifier: Apache-2.0
"""The address of the page in the dashboard of projects."""

from django.urls import path

from fault_middleware.dashboard.views import ProjectView

urlpatterns = [path("", ProjectView.as_view(), name="index")]
