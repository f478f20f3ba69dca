# SPDX-License-Identifier: Apache-2.0
"""keystonemiddleware's auth_token, with only the look-up of the token replaced.

A token is ``ROLE:PROJECT[:USER]``; the role is admin, member or reader. So what
becomes of forged headers, and what stands in the environment, is the real thing.
"""

from keystonemiddleware import auth_token
from keystonemiddleware.auth_token import _exceptions

ROLES = {
    "admin": ["admin", "manager", "member", "reader"],
    "member": ["member", "reader"],
    "reader": ["reader"],
}
SERVICES = {
    "compute": "nova",
    "network": "neutron",
    "volumev3": "cinder",
    "database": "trove",
    "orchestration": "heat",
    "image": "glance",
}
NEIGHBOURS = "http://127.0.0.1"


class AuthProtocol(auth_token.AuthProtocol):
    def fetch_token(self, token, allow_expired=False):
        found = read_token(token)
        if found is None:
            raise _exceptions.InvalidToken("no such token")
        return found


def read_token(token):
    """What Keystone says of a token, or None."""
    role, _, rest = token.partition(":")
    project, _, user = rest.partition(":")
    if role not in ROLES or not project:
        return None
    user = user or f"{role}-user"
    domain = {"id": "default", "name": "Default"}
    return {
        "token": {
            "methods": ["password"],
            "issued_at": "2026-01-01T00:00:00.000000Z",
            "expires_at": "2099-01-01T00:00:00.000000Z",
            "audit_ids": ["test"],
            "is_domain": False,
            "user": {"id": user, "name": user, "domain": domain},
            "project": {"id": project, "name": project, "domain": domain},
            "roles": [{"id": name, "name": name} for name in ROLES[role]],
            "catalog": [_service(*names) for names in SERVICES.items()],
        }
    }


def _service(kind, name):
    endpoints = [
        {
            "id": f"{kind}-{interface}",
            "interface": interface,
            "region": "RegionOne",
            "region_id": "RegionOne",
            "url": f"{NEIGHBOURS}/{kind}",
        }
        for interface in ("public", "internal", "admin")
    ]
    return {"id": kind, "type": kind, "name": name, "endpoints": endpoints}


def filter_factory(global_conf, **local_conf):
    return lambda application: AuthProtocol(
        application, {**global_conf, **local_conf}
    )
