# SPDX-License-Identifier: Apache-2.0
"""Who makes a request, by what a filter that vouches for callers left in its environment.

A credential that is not known is left out, so that no rule can take "unknown" for "no".
"""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

from oslo_context import context

#: What is known of a caller, by the names that oslo.policy's rules use.
Credentials = Mapping[str, Any]

_IDENTITY = (
    "user_id",
    "user_domain_id",
    "project_id",
    "project_domain_id",
    "domain_id",
)


@dataclasses.dataclass(frozen=True, slots=True)
class Voucher:
    """A way to learn who makes a request.

    :ivar read: reads the credentials out of a WSGI environment; None if nobody vouches
    :ivar trace: the key that the filter which vouches leaves in every environment
    :ivar middleware: the name of that filter in keystonemiddleware; empty where there is none
    """

    read: Callable[[Mapping[str, Any]], Credentials | None]
    trace: str
    middleware: str


def _of_keystone(environ: Mapping[str, Any]) -> Credentials | None:
    """The caller whose token auth_token verified; a client cannot set any of these keys.

    The headers are not read: the scope of a service token overwrites the user's in them.
    What is None here is known to be nothing: the token is not scoped to a project, for example.
    """
    plugin = environ.get("keystone.token_auth")
    if environ.get("keystone.token_info") is None:
        return None
    if environ.get("HTTP_X_IDENTITY_STATUS") != "Confirmed":
        return None
    if plugin is None or not plugin.has_user_token:
        return None
    user = plugin.user
    credentials: dict[str, Any] = {}
    for name in _IDENTITY:
        credentials[name] = getattr(user, name)
    credentials["system_scope"] = None
    if user.system_scoped:
        credentials["system_scope"] = "all"
    credentials["roles"] = list(user.role_names)
    return credentials


def _of_external_oauth2(environ: Mapping[str, Any]) -> Credentials | None:
    """The caller whose token external_oauth2_token verified."""
    token = environ.get("external.token_info")
    if not isinstance(token, Mapping):
        return None
    if environ.get("HTTP_X_IDENTITY_STATUS") != "Confirmed":
        return None
    credentials: dict[str, Any] = {}
    for name in (*_IDENTITY, "system_scope"):
        credentials[name] = token.get(name)
    roles = token.get("roles")
    if roles is not None:
        credentials["roles"] = _split(roles)
    return _known(credentials)


def _of_headers(environ: Mapping[str, Any]) -> Credentials | None:
    """The caller that the headers name."""
    request = context.RequestContext.from_environ(dict(environ))
    return _known(request.to_policy_values())


def _split(roles: str) -> list[str]:
    """The names in a list with commas."""
    names = []
    for role in roles.split(","):
        name = role.strip()
        if name:
            names.append(name)
    return names


def _known(credentials: Credentials) -> Credentials:
    """The credentials without those that are not known."""
    known = {}
    for name, value in credentials.items():
        if value is not None:
            known[name] = value
    return known


#: The choices of the option ``credentials``. Every request has a method, so the one that believes
#: headers never misses its filter.
VOUCHERS = {
    "keystone": Voucher(_of_keystone, "keystone.token_auth", "auth_token"),
    "external_oauth2": Voucher(
        _of_external_oauth2, "external.token_info", "external_oauth2_token"
    ),
    "headers": Voucher(_of_headers, "REQUEST_METHOD", ""),
}
