# SPDX-License-Identifier: Apache-2.0
"""The address of the page in the dashboard of administrators."""

from django.urls import path

from fault_middleware.dashboard.views import AdminView

urlpatterns = [path("", AdminView.as_view(), name="index")]
