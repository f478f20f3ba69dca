# SPDX-License-Identifier: Apache-2.0
"""The page, for whoever has signed in."""

from typing import Any

from django.conf import settings
from horizon import exceptions, views
from keystoneauth1 import session, token_endpoint
from openstack_dashboard.api import base

from fault_middleware.client.cloud import Cloud
from fault_middleware.dashboard.page import SECONDS, page


class ProjectView(views.HorizonTemplateView):  # type: ignore[misc]  # Horizon has no types
    """What has failed in the project."""

    template_name = "fault_middleware/index.html"
    page_title = "Faults"
    all_projects = False

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """What the template shows."""
        context: dict[str, Any] = super().get_context_data(**kwargs)
        context["text"] = self.request.GET.get("text", "").strip()
        context["service"] = self.request.GET.get("service", "")
        context["all_projects"] = self.all_projects
        context["page"] = page(
            _cloud(self.request),
            service=context["service"],
            text=context["text"],
            all_projects=self.all_projects,
        )
        return context


class AdminView(ProjectView):
    """What has failed in all projects."""

    all_projects = True


def _cloud(request: Any) -> Cloud:
    """The cloud of whoever has signed in, in the region that they have chosen."""
    # As Horizon's own pages do: where the certificates of the services are checked, and how.
    verify = settings.OPENSTACK_SSL_CACERT or True
    if settings.OPENSTACK_SSL_NO_VERIFY:
        verify = False
    token = token_endpoint.Token("", request.user.token.id)
    asking = session.Session(token, verify=verify, timeout=SECONDS)

    def find_endpoint(kind: str) -> str | None:
        try:
            found: str = base.url_for(request, kind)
        except exceptions.ServiceCatalogException:
            return None
        return found

    return Cloud(asking, find_endpoint, request.user.project_id)
