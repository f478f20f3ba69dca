# SPDX-License-Identifier: Apache-2.0
"""The configuration files and the profiles."""

from fault_middleware.cmd.doctor import finding
from fault_middleware.cmd.doctor.finding import Words


@finding.error
def configuration_wrong(error: str) -> Words:
    return Words(
        what=error,
        remedy=(
            "Correct this where it says. Until then no service with the filter starts. For a "
            "profile of your own, the manual's page on profiles has the format."
        ),
    )


@finding.warning
def option_unknown(file: str, names: str) -> Words:
    return Words(
        what=f"{file} sets options that fault_middleware does not have, and ignores: {names}.",
        remedy=(
            "Correct the spelling, or remove them. The manual's page on the configuration lists "
            "the options."
        ),
    )


@finding.error
def section_unknown(file: str, section: str, meant: str) -> Words:
    return Words(
        what=f"{file} has a section [{section}], which nobody reads.",
        remedy=f"If it is for fault_middleware, call it [{meant}].",
    )


@finding.warning
def file_readable(file: str) -> Words:
    return Words(
        what=f"{file} holds a password, and every user of this machine may read it.",
        remedy=f"Let only the service read it: chmod o-r {file}",
    )


@finding.warning
def credentials_headers() -> Words:
    return Words(
        what=(
            "With credentials = headers every client can claim to be an admin, with a header, "
            "and see the details of every fault."
        ),
        remedy=(
            "Set credentials = keystone and place the filter after authtoken. Leave it only "
            "for a test, or if clients can reach the service only through a proxy that sets "
            "the headers."
        ),
    )


@finding.ok
def configuration_well(services: str) -> Words:
    return Words(
        f"The configuration is complete. The profiles in use describe {services}."
    )
