# SPDX-License-Identifier: Apache-2.0
"""The policy: who sees what."""

from fault_middleware.cmd.doctor import finding
from fault_middleware.cmd.doctor.finding import Words


@finding.error
def policy_missing(option: str, file: str) -> Words:
    return Words(
        what=(
            f"{option} names {file}, which does not exist. The defaults apply instead."
        ),
        remedy=f"Correct {option}, or write the file.",
    )


@finding.error
def policy_unreadable(file: str, error: str) -> Words:
    return Words(
        what=f"The policy file {file} cannot be read, so details are shown to no one: {error}",
        remedy=(
            "Make the file a YAML mapping of rules to texts, and let the user of the service "
            "read it. oslopolicy-validator says more about a file."
        ),
    )


@finding.error
def policy_misspelt(file: str, rules: str) -> Words:
    return Words(
        what=f"The policy file {file} has rules that nothing asks for: {rules}",
        remedy=(
            "The rules are fault_middleware:show, fault_middleware:show:details, "
            "fault_middleware:show:former and fault_middleware:history. Correct the name."
        ),
    )


@finding.error
def policy_broken(file: str, rules: str) -> Words:
    return Words(
        what=f"A rule in {file} cannot be understood, and that part of it says no: {rules}",
        remedy=(
            "Correct the rule. It is made of checks like role:admin, with and, or, not between "
            "them."
        ),
    )


@finding.error
def policy_undefined(file: str, rules: str) -> Words:
    return Words(
        what=(
            f"A rule in {file} refers to one that only the service's code defines, which the "
            f"filter does not know. That part of it says no: {rules}"
        ),
        remedy=(
            "Write the rule that it refers to into the file too, or write out what it means: "
            '"fault_middleware:show:details": "role:admin"'
        ),
    )


@finding.warning
def policy_open(file: str) -> Words:
    return Words(
        what=(
            "The policy lets every member see the details of faults: tracebacks, which may name "
            "hosts, paths and other tenants' resources."
        ),
        remedy=(
            f"Let fault_middleware:show:details in {file} say role:admin, or for owners "
            "role:admin or project_id:%(project_id)s"
        ),
    )


@finding.ok
def policy_meaning(member: str, admin: str) -> Words:
    return Words(
        f"By the policy a member of the instance's project sees {member}; an admin sees {admin}."
    )
