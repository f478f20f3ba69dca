# SPDX-License-Identifier: Apache-2.0
"""Any part."""

from fault_middleware.cmd.doctor import finding
from fault_middleware.cmd.doctor.finding import Words


@finding.error
def check_failed(part: str, error: str) -> Words:
    return Words(
        what=f"The {part} could not be checked: {error}",
        remedy=(
            "Mend what the message names. If it names nothing that you know, run the doctor "
            "with --debug and report what it prints."
        ),
    )


@finding.skipped
def part_skipped(part: str) -> Words:
    return Words(
        what=f"The {part} was not checked, because the configuration is wrong.",
        remedy="Correct the configuration first, and run the doctor again.",
    )
