# SPDX-License-Identifier: Apache-2.0
"""The rules of the policy files, read as a whole and never changed afterwards.

oslo.policy reads its files one after the other into the rules that it answers from, while other
threads ask.  Here each state of the files becomes an object of its own, which is complete before
anybody asks it.
"""

import copy
import logging
import time
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from oslo_config import cfg
from oslo_policy import _checks, policy

from fault_middleware import certainty
from fault_middleware.credentials import Credentials

LOG = logging.getLogger(__name__)

SHOW = "fault_middleware:show"
DETAILS = "fault_middleware:show:details"
FORMER = "fault_middleware:show:former"
HISTORY = "fault_middleware:history"
#: All rules of ours.
NAMES = (SHOW, DETAILS, FORMER, HISTORY)

# In place of oslo.policy's rule "default": that would stand in for a rule that only the service's
# code defines, and might say yes.
_NO_RULE = "fault_middleware:no:such:rule"
_UNKNOWN_RULE = (
    "%s refers to the rule %s, which the policy file does not define (rules in the service's code "
    "are not known here); that part of it says no"
)
_UNREADABLE_RULE = (
    "%s, or a rule that it refers to, is not written as oslo.policy wants it; what cannot be "
    "understood of it says no"
)

_OPERATIONS: list[Any] = [  # of dicts, which older releases have no name for
    {"path": "every route of the profiles in use", "method": "GET"}
]
_HISTORY_OPERATIONS: list[Any] = [
    {
        "path": "every route to an object of the profiles in use, and /faults",
        "method": "GET",
    }
]
_SCOPES = ["project", "system"]


def list_rules() -> list[policy.DocumentedRuleDefault]:
    """The rules and their defaults, for oslopolicy-sample-generator and the manual."""
    return [
        policy.DocumentedRuleDefault(
            name=SHOW,
            check_str="@",
            description=(
                "See the time and the message of an instance's fault, in the response in which "
                "the service shows the instance. The default is everybody who may see the "
                "instance itself. The target has instance_id and service, and project_id and "
                "user_id of the instance where they are known."
            ),
            operations=_OPERATIONS,
            scope_types=_SCOPES,
        ),
        policy.DocumentedRuleDefault(
            name=DETAILS,
            check_str="role:admin",
            description=(
                "See the details of an instance's fault, which may be a traceback and name "
                "hosts, paths and other tenants' resources. The rule also holds for the details "
                "of a fault that the service itself shows. The target has instance_id and "
                "service, and project_id and user_id of the instance where they are known."
            ),
            operations=_OPERATIONS,
            scope_types=_SCOPES,
        ),
        policy.DocumentedRuleDefault(
            name=FORMER,
            check_str="role:admin",
            description=(
                "See a fault from the time when the instance belonged to another project, such "
                "as that of a volume that was handed over since. The other rules hold as well. "
                "The target has instance_id and service, and project_id and user_id of the "
                "instance as it is now."
            ),
            operations=_OPERATIONS,
            scope_types=_SCOPES,
        ),
        policy.DocumentedRuleDefault(
            name=HISTORY,
            check_str=f"rule:{SHOW}",
            description=(
                "Ask for the history of an instance's faults, where the option history is on. The "
                "default is whoever may see a fault. The rules above then decide of each fault as "
                "in a show. The target has instance_id and service, and project_id and user_id of "
                "the instance where the body of the show names them."
            ),
            operations=_HISTORY_OPERATIONS,
            scope_types=_SCOPES,
        ),
    ]


class Rules:
    """One state of the policy files. Thread-safe.

    :param conf: the service's configuration, for ``[oslo_policy]``
    :param policy_file: the file with the rules; None for the service's own
    :raises Exception: of oslo.policy, for files that cannot be read
    :ivar texts: the files' rules as they are written there, by name
    :ivar undefined: pairs of one of our rules and a rule that it refers to and nobody defines
    :ivar unreadable: those of our rules of which a part is not understood
    :ivar shows_to_everybody: whether the rule ``show`` lets everybody see messages
    :ivar needs: the keys of the target that the answers on a show depend on; None for all of it
    """

    def __init__(self, conf: cfg.ConfigOpts, policy_file: str | None) -> None:
        enforcer = policy.Enforcer(
            conf, policy_file=policy_file, default_rule=_NO_RULE
        )
        # The file is often the service's, and refers to rules in the service's code.
        enforcer.skip_undefined_check = True
        enforcer.register_defaults(list_rules())
        enforcer.load_rules()
        written = {}
        for name, rule in enforcer.file_rules.items():
            written[name] = rule.check_str
        self.texts: dict[str, str] = {}
        for name, text in written.items():
            self.texts[name] = str(text)
        certain: dict[str, Any] = {}
        for name, check in enforcer.rules.items():
            # What is not in the file is a default of ours.
            text = written.get(name, str(check))
            certain[name] = certainty.make_certain(check, text)
        # From here on the enforcer has these rules, and looks at no file.
        enforcer.set_rules(certain)
        self._enforcer = enforcer

        leaves = {name: list(self._leaves(name)) for name in NAMES}
        self.undefined = list(_undefined(leaves))
        self.unreadable = [
            name
            for name, checks in leaves.items()
            if any(isinstance(leaf, certainty.Unreadable) for leaf in checks)
        ]
        self.shows_to_everybody = isinstance(
            self.check(SHOW), _checks.TrueCheck
        )
        self.needs = _needs([*leaves[SHOW], *leaves[DETAILS], *leaves[FORMER]])
        self._is_bounded = {
            name: _needs(checks) is not None for name, checks in leaves.items()
        }

    def check(self, name: str) -> Any:
        """A rule as oslo.policy understood it; its ``str()`` is for people."""
        return self._enforcer.rules[name]

    def warn(self) -> None:
        """Log what the rules mean where that may not be what was meant."""
        if isinstance(self.check(DETAILS), _checks.TrueCheck):
            LOG.warning("%s: everybody sees the details of faults", DETAILS)
        for name, unknown in self.undefined:
            LOG.error(_UNKNOWN_RULE, name, unknown)
        for name in self.unreadable:
            LOG.error(_UNREADABLE_RULE, name)

    def allow(
        self,
        name: str,
        target: Mapping[str, str],
        credentials: Credentials,
        seconds: float,
    ) -> bool:
        """Whether a rule says yes.

        :param seconds: how long servers may take that the rule asks (``http:``)
        :raises Exception: when the rule cannot be asked
        """
        enforcer = self._enforcer
        if not self._is_bounded[name]:
            hurried: Any = _Hurried(enforcer.conf, time.monotonic() + seconds)
            enforcer = copy.copy(enforcer)
            enforcer.conf = hurried
        return bool(enforcer.authorize(name, target, dict(credentials)))

    def _leaves(self, name: str) -> Iterator[Any]:
        """The checks that a rule is made of, those of the rules that it refers to as well."""
        seen = {name}
        waiting = [self.check(name)]
        while waiting:
            check = waiting.pop(0)
            if (
                isinstance(check, policy.RuleCheck)
                and check.match in self._enforcer.rules
            ):
                if check.match not in seen:
                    seen.add(check.match)
                    waiting.append(self.check(check.match))
            elif isinstance(check, policy.NotCheck):
                waiting.append(check.rule)
            elif isinstance(check, policy.AndCheck | policy.OrCheck):
                waiting.extend(check.rules)
            else:
                yield check


class _Hurried:
    """A configuration whose ``[oslo_policy] remote_timeout`` is what is left until a moment."""

    def __init__(self, conf: Any, end: float) -> None:
        self._group = conf.oslo_policy
        self._end = end

    @property
    def oslo_policy(self) -> "_Hurried":
        return self

    @property
    def remote_timeout(self) -> float:
        left = self._end - time.monotonic()
        if left <= 0:
            raise TimeoutError("no time is left to ask another server")
        return float(min(left, self._group.remote_timeout))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._group, name)


def _undefined(
    leaves: Mapping[str, Iterable[Any]],
) -> Iterator[tuple[str, str]]:
    """Each of our rules with a rule that it refers to, and that nobody defines."""
    for name, checks in leaves.items():
        for leaf in checks:
            # What follows from the rule show has been said of that.
            is_said = name == HISTORY and leaf in leaves[SHOW]
            if isinstance(leaf, policy.RuleCheck) and not is_said:
                yield name, leaf.match


def _needs(leaves: Iterable[Any]) -> frozenset[str] | None:
    """The keys of the target that checks compare; None where they may look at all of it."""
    keys = set[str]()
    for leaf in leaves:
        if isinstance(leaf, _checks.RoleCheck | _checks.GenericCheck):
            keys.update(certainty.TARGET_KEY.findall(leaf.match))
        elif isinstance(leaf, policy.Check) and not isinstance(
            leaf, policy.RuleCheck
        ):
            return None  # a server, or a check of the deployer's
    return frozenset(keys)
