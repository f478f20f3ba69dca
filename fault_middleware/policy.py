# SPDX-License-Identifier: Apache-2.0
"""Who may see a fault, and who its details.

The rules are oslo.policy's, so operators change them where they change all others.  The question
is answered with yes only when it is certain who asks and what the rule says; an error on the way
is a no.
"""

import logging
import re
from collections.abc import Iterator, Mapping, MutableMapping
from typing import Any, NamedTuple

from oslo_config import cfg
from oslo_context import context
from oslo_policy import _checks, policy

from fault_middleware import package_data
from fault_middleware.metrics import Metrics, Site

LOG = logging.getLogger(__name__)

SHOW = "fault_middleware:show"
DETAILS = "fault_middleware:show:details"
# What a check needs to know: a value of the target, or an unknown rule, which is in no target.
_KEY = re.compile(r"(?<=%\()\w+(?=\))|^rule:.*")
_NO_RULE = "fault_middleware:no:such:rule"

_IDENTITY = ("user_id", "user_domain_id", "project_id", "project_domain_id", "domain_id")
_UNKNOWN_RULE = (
    "%s refers to the rule %s, which the policy file does not define (those of the service's code "
    "are not known here); that part of it says no"
)

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
    :ivar enforcer: oslo.policy's
    """

    def __init__(
        self, conf: cfg.ConfigOpts, policy_file: str | None, credentials: str, metrics: Metrics
    ) -> None:
        self._metrics = metrics
        self._read_credentials, self._trace, self._voucher = _VOUCHERS[credentials]
        self._warned = False
        if policy_file and not conf.find_file(policy_file):
            LOG.error(
                "[fault_middleware] policy_file = %s is not there: defaults hold", policy_file
            )
        # A file's rule "default" would otherwise stand in for a rule that is only known to the
        # service's code, and might say yes.
        self.enforcer = policy.Enforcer(conf, policy_file=policy_file, default_rule=_NO_RULE)
        # The file is often the service's, and names rules that are the service's.
        self.enforcer.skip_undefined_check = True
        self.enforcer.register_defaults(list_rules())
        self._is_broken = False
        self._examined: Any = None
        self._needed: set[str] = set()
        try:
            self.load()
        except Exception:
            text = "The policy file %s cannot be read; until it can, nobody sees a fault's details"
            LOG.exception(text, self.enforcer.policy_file)

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
            # Once a request: a list asks for each of its instances.
            self.load()
        except Exception as exc:
            text = f"{self.enforcer.policy_file} cannot be read; until it can, nobody sees details"
            self._metrics.error(Site.POLICY, text, exc)
            return None
        try:
            return self._read_credentials(environ)
        except Exception as exc:
            self._metrics.error(Site.CREDENTIALS, "the caller of a request is nobody", exc)
            return None

    def sight(self, credentials: Credentials | None, target: MutableMapping[str, Any]) -> Sight:
        """What a caller may see of one instance's fault.

        :param credentials: of :meth:`credentials`
        :param target: what is known of the instance; no value is None
        """
        try:
            ask, known = self.enforcer.authorize, credentials is not None
            # A "not" turns what nobody knows into a yes.
            sure = known and self._needed <= set(target)
            details = sure and ask(DETAILS, target, dict(credentials or {}))
            # The default is everybody, of whatever scope, and needs no asking.
            show = isinstance(self.enforcer.rules.get(SHOW), _checks.TrueCheck)
            show = show or ask(SHOW, target, dict(credentials or {}))
        except Exception as exc:
            # The rules cannot be read, or asked. The service did let the caller see the instance,
            # which is enough unless the deployer is known to want more.
            text = f"details of instance {target.get('instance_id')} are not shown"
            self._metrics.error(Site.POLICY, text, exc)
            rules = self._examined or {}
            return Sight(
                isinstance(rules.get(SHOW, _checks.TrueCheck()), _checks.TrueCheck), False
            )
        return Sight(show=bool(show), details=bool(show and details))

    def load(self) -> None:
        """Read the rules again if they changed; raises what oslo.policy does."""
        self.enforcer.use_conf = True
        try:
            # oslo.policy takes a file for read that it could not parse.
            self.enforcer.load_rules(force_reload=self._is_broken)
        except Exception:
            self._is_broken = True
            raise
        self._is_broken = False
        if self.enforcer.rules is not self._examined:
            self._examine()
        # So that the enforcer does not look for itself each time that it is asked.
        self.enforcer.use_conf = False

    def _examine(self) -> None:
        """Say what the rules mean that were just loaded, where it may not be what was meant."""
        rules = self.enforcer.rules
        negated = (check for check, inside in _leaves(rules, rules[DETAILS]) if inside)
        self._needed = {name for check in negated for name in _KEY.findall(str(check))}
        self._examined = rules
        if isinstance(rules.get(DETAILS), _checks.TrueCheck):
            LOG.warning("%s: everybody sees the details of faults", DETAILS)
        for name, unknown in undefined(rules):
            LOG.error(_UNKNOWN_RULE, name, unknown)


def undefined(rules: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Our rules with the names of those that they refer to and that nobody defines here."""
    for name in (SHOW, DETAILS):
        for check, _ in _leaves(rules, rules[name]):
            if isinstance(check, _checks.RuleCheck):
                yield name, check.match


def list_rules() -> list[policy.DocumentedRuleDefault]:
    """The rules of ``policy-rules.yaml``, for oslopolicy-sample-generator and the manual."""
    return [
        policy.DocumentedRuleDefault(**rule) for rule in package_data.load("policy-rules.yaml")
    ]


def _leaves(
    rules: Mapping[str, Any], check: Any, seen: frozenset[str] = frozenset(), negated: bool = False
) -> Iterator[tuple[Any, bool]]:
    """The checks that a check is made of, through rules too; whether each is within a "not"."""
    if isinstance(check, _checks.RuleCheck) and check.match in rules:
        if check.match not in seen:
            yield from _leaves(rules, rules[check.match], seen | {check.match}, negated)
    elif isinstance(check, _checks.NotCheck):
        yield from _leaves(rules, check.rule, seen, True)
    elif isinstance(check, _checks.AndCheck | _checks.OrCheck):
        for part in check.rules:
            yield from _leaves(rules, part, seen, negated)
    else:
        yield check, negated


def _of_keystone(environ: Mapping[str, Any]) -> Credentials | None:
    """Whom auth_token verified; a client cannot set any of the keys asked here.

    Not the headers: a service token's scope overwrites the user's in them.
    """
    plugin = environ.get("keystone.token_auth")
    if (
        environ.get("keystone.token_info") is None
        or environ.get("HTTP_X_IDENTITY_STATUS") != "Confirmed"
        or plugin is None
        or not plugin.has_user_token
    ):
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
