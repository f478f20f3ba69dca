# SPDX-License-Identifier: Apache-2.0
"""Any part."""

from fault_middleware.cmd.doctor.finding import Words, error, skipped


@error
def check_failed(part: str, error: str) -> Words:
    return Words(
        what=f"The {part} could not be looked at: {error}",
        remedy=(
            "Mend what the message names. If it names nothing that you know, run the doctor "
            "with --debug and report what it prints."
        ),
    )


@skipped
def part_skipped(part: str) -> Words:
    return Words(
        what=f"The {part} was not looked at, because the configuration is wrong.",
        remedy="Correct the configuration first, and run the doctor again.",
    )
