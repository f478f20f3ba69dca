# SPDX-License-Identifier: Apache-2.0
"""Who may see a fault, and who its details.

The rules are oslo.policy's, so operators change them where they change all others.  The question
is answered with yes only when it is certain who asks and what the rule says; an error on the way
is a no.
"""

import logging
from collections.abc import Mapping, MutableMapping
from typing import Any, NamedTuple

from oslo_config import cfg
from oslo_context import context
from oslo_policy import _checks, policy

from fault_middleware import files
from fault_middleware.metrics import Metrics

LOG = logging.getLogger(__name__)

SHOW = "fault_middleware:show"
DETAILS = "fault_middleware:show:details"
_NO_RULE = "fault_middleware:no:such:rule"

_IDENTITY = ("user_id", "user_domain_id", "project_id", "project_domain_id", "domain_id")
RULES = [policy.DocumentedRuleDefault(**rule) for rule in files.load("policy-rules.yaml")]

Credentials = MutableMapping[str, Any]


class Sight(NamedTuple):
    """What a caller may see of a fault: it at all, and its details."""

    show: bool
    details: bool


class Policy:
    """Answers what a caller may see.

    :param conf: the service's configuration, for ``[oslo_policy]``
    :param policy_file: the file with the rules; None for the service's own
    :param credentials: who vouches for callers, see the option
    """

    def __init__(
        self, conf: cfg.ConfigOpts, policy_file: str | None, credentials: str, metrics: Metrics
    ) -> None:
        self._metrics = metrics
        self._read_credentials, self._trace, self._voucher = _VOUCHERS[credentials]
        self._warned = False
        # A file's rule "default" would otherwise stand in for a rule that is only known to the
        # service's code, and might say yes.
        self._enforcer = policy.Enforcer(conf, policy_file=policy_file, default_rule=_NO_RULE)
        # The file is often the service's, and names rules that are the service's.
        self._enforcer.skip_undefined_check = True
        self._enforcer.register_defaults(RULES)
        self._examined: Any = None
        try:
            self._enforcer.load_rules()
            self._examine()
        except Exception:
            text = "The policy file %s cannot be read; until it can, nobody sees a fault's details"
            LOG.exception(text, self._enforcer.policy_file)

    def credentials(self, environ: Mapping[str, Any]) -> Credentials | None:
        """The caller of a request, or None where nobody vouches for one."""
        if self._trace not in environ and not self._warned:
            self._warned = True
            LOG.error(
                "A request came without %s in its environment, so nobody vouches for its caller "
                "and the details of faults are not shown. Place the filter behind "
                "keystonemiddleware.%s in the pipeline, or change [fault_middleware] credentials",
                self._trace,
                self._voucher,
            )
        try:
            return self._read_credentials(environ)
        except Exception as exc:
            self._metrics.error("credentials", "the caller of a request is nobody", exc)
            return None

    def sight(self, credentials: Credentials | None, target: MutableMapping[str, Any]) -> Sight:
        """What a caller may see of one instance's fault.

        :param credentials: of :meth:`credentials`
        :param target: what is known of the instance; no value is None
        """
        try:
            if credentials is None:
                self._enforcer.load_rules()
                details = False
            else:
                details = self._enforcer.authorize(DETAILS, target, dict(credentials))
            # The default is everybody, of whatever scope, and needs no asking.
            show = isinstance(self._enforcer.rules.get(SHOW), _checks.TrueCheck)
            show = show or self._enforcer.authorize(SHOW, target, dict(credentials or {}))
            if self._enforcer.rules is not self._examined:
                self._examine()
        except Exception as exc:
            # The rules cannot be read. The service did let the caller see the instance; whether
            # the details too, nobody can say.
            text = f"details of instance {target.get('instance_id')} are not shown"
            self._metrics.error("policy", text, exc)
            return Sight(show=True, details=False)
        return Sight(show=bool(show), details=bool(show and details))

    def _examine(self) -> None:
        """Say what the rules mean that were just loaded, where it may not be what was meant."""
        rules = self._examined = self._enforcer.rules
        if isinstance(rules.get(DETAILS), _checks.TrueCheck):
            LOG.warning("%s: everybody sees the details of faults", DETAILS)
        for name in (SHOW, DETAILS):
            for unknown in sorted(_references(rules, rules[name], set()) - set(rules)):
                LOG.error(
                    "%s refers to the rule %s, which the policy file does not define (rules that "
                    "the service's code defines are not known here); that part of it says no",
                    name,
                    unknown,
                )


def list_rules() -> list[policy.DocumentedRuleDefault]:
    """The rules, for oslopolicy-sample-generator and the manual."""
    return RULES


def _references(rules: Mapping[str, Any], check: Any, seen: set[str]) -> set[str]:
    """The names of the rules that a check refers to, through others too."""
    parts = [*getattr(check, "rules", ()), getattr(check, "rule", None)]
    if isinstance(check, _checks.RuleCheck) and check.match not in seen:
        seen.add(check.match)
        parts.append(rules.get(check.match))
    for part in filter(None, parts):
        _references(rules, part, seen)
    return seen


def _of_keystone(environ: Mapping[str, Any]) -> Credentials | None:
    """Whom auth_token verified; a client cannot set any of the keys asked here.

    Not the headers: a service token's scope overwrites the user's in them.
    """
    plugin = environ.get("keystone.token_auth")
    is_valid = environ.get("HTTP_X_IDENTITY_STATUS") == "Confirmed"
    if environ.get("keystone.token_info") is None or not is_valid:
        return None
    if plugin is None or not plugin.has_user_token:
        return None
    user = plugin.user
    return {
        **{name: getattr(user, name) for name in _IDENTITY},
        "system_scope": "all" if user.system_scoped else None,
        "roles": list(user.role_names),
    }


def _of_external_oauth2(environ: Mapping[str, Any]) -> Credentials | None:
    """Whom external_oauth2_token verified."""
    token = environ.get("external.token_info")
    if not isinstance(token, Mapping) or environ.get("HTTP_X_IDENTITY_STATUS") != "Confirmed":
        return None
    roles = token.get("roles") or ""
    return {
        **{name: token.get(name) for name in (*_IDENTITY, "system_scope")},
        "roles": [role.strip() for role in roles.split(",") if role.strip()],
    }


def _of_headers(environ: Mapping[str, Any]) -> Credentials | None:
    """Whoever the client says it is."""
    return dict(context.RequestContext.from_environ(dict(environ)).to_policy_values())


# For each choice of the option: who reads the credentials, the trace that the filter which vouches
# leaves in the environment, and that filter; everybody leaves the one of headers.
_VOUCHERS = {
    "keystone": (_of_keystone, "keystone.token_auth", "auth_token"),
    "external_oauth2": (_of_external_oauth2, "external.token_info", "external_oauth2_token"),
    "headers": (_of_headers, "REQUEST_METHOD", ""),
}
