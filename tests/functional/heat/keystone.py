# SPDX-License-Identifier: Apache-2.0
"""Heat's own stand-in for its client of Keystone, which fails while a file says so."""

import os
from pathlib import Path

from heat.common import context
from heat.engine.clients.os.keystone import fake_keystoneclient
from keystoneauth1 import exceptions

from tests.functional.deployment import AWAY


class Client(fake_keystoneclient.FakeKeystoneClient):
    def __init__(self, context=None, **options):
        super().__init__(context=context)

    def create_trust_context(self):
        """A trust that acts for the user, in the user's project."""
        return context.RequestContext.from_dict(
            {
                **self.context.to_dict(),
                "trust_id": "trust",
                "trustor_user_id": self.context.user_id,
            }
        )

    def create_stack_domain_project(self, stack_id):
        if (Path(os.environ["HEAT_CONF"]).parent / AWAY).exists():
            url = "http://10.1.2.3:5000/v3/projects"
            raise exceptions.ConnectFailure(f"Unable to connect to {url}")
        return super().create_stack_domain_project(stack_id)
