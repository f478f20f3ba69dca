# SPDX-License-Identifier: Apache-2.0
"""Looks at the policy: asks it what a member, a stranger and an admin see."""

import dataclasses
from collections.abc import Iterator
from typing import Any

from fault_middleware.cmd.doctor.case import Case, Setup
from fault_middleware.cmd.doctor.finding import Finding
from fault_middleware.cmd.doctor.findings import policy as findings
from fault_middleware.metrics import Metrics
from fault_middleware.options import GROUP
from fault_middleware.policy import Policy, Viewer
from fault_middleware.rules import NAMES, Rules
from fault_middleware.text import describe

_OURS = "fault_middleware:"
_OWNER = {"project_id": "theirs", "user_id": "theirs"}
_INSTANCE = {"instance_id": "doctor", "service": "doctor", **_OWNER}
_MEMBER = {**_INSTANCE, "roles": ["member", "reader"]}
_STRANGER = {
    "project_id": "other",
    "user_id": "other",
    "roles": ["member", "reader"],
}
_ADMIN = {
    "project_id": "admin",
    "user_id": "admin",
    "roles": ["admin", "member", "reader"],
}


@dataclasses.dataclass(frozen=True, slots=True)
class Rule:
    """A rule of ours in the policy file, and what oslo.policy makes of it."""

    name: str
    text: str
    meaning: str

    def __str__(self) -> str:
        return f"{self.name}: {self.text!r}"


def look(case: Case) -> Iterator[Finding]:
    """Yield what is wrong with the policy file, and what it means."""
    if not isinstance(case.setup, Setup):
        return
    settings = case.setup.settings
    yield from _missing(case, settings.policy_file)
    policy = Policy(
        case.conf, settings.policy_file, settings.credentials, Metrics()
    )
    file = policy.file
    try:
        rules = policy.read()
    except Exception as exc:
        yield findings.policy_unreadable(file, describe(exc))
        return
    yield from _rules(rules, file)
    if _sees(rules, _STRANGER) == "created, message and details":
        yield findings.policy_open(file)
    yield findings.policy_meaning(_sees(rules, _MEMBER), _sees(rules, _ADMIN))


def _missing(case: Case, own: str | None) -> Iterator[Finding]:
    """Whether a file is named that does not exist."""
    if own is not None:
        if not case.conf.find_file(own):
            yield findings.policy_missing(f"[{GROUP}] policy_file", own)
        return
    for option in case.find_options("policy_file"):
        if option.section == "oslo_policy" and not case.conf.find_file(
            option.value
        ):
            yield findings.policy_missing(str(option), option.value)


def _rules(rules: Rules, file: str) -> Iterator[Finding]:
    ours = []
    for name, text in rules.texts.items():
        if name.startswith(_OURS):
            ours.append(Rule(name, text, str(rules.check(name))))
    misspelt = [str(rule) for rule in ours if rule.name not in NAMES]
    if misspelt:
        yield findings.policy_misspelt(file, ", ".join(misspelt))
    # oslo.policy makes "!", which nobody passes, of what it cannot parse.
    broken = [
        str(rule)
        for rule in ours
        if "!" in rule.meaning and "!" not in rule.text
    ]
    if broken:
        yield findings.policy_broken(file, ", ".join(broken))
    unknown = [f"{name}: rule:{other}" for name, other in rules.undefined]
    if unknown:
        yield findings.policy_undefined(file, ", ".join(unknown))


def _sees(rules: Rules, caller: dict[str, Any]) -> str:
    """What a caller sees of a fault of the instance."""
    visible = Viewer(rules, caller, Metrics()).sees(_INSTANCE)
    if visible.details:
        return "created, message and details"
    if visible.show:
        return "created and message"
    return "nothing"
