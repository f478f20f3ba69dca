# SPDX-License-Identifier: Apache-2.0
"""What the filter itself reads, beside what the doctor was given."""

from fault_middleware.cmd.doctor import finding
from fault_middleware.cmd.doctor.finding import Words


@finding.error
def filter_file_missing(section: str, file: str) -> Words:
    return Words(
        what=f"[{section}] names {file}, which does not exist. The service does not start.",
        remedy="Let oslo_config_file name the service's own configuration file.",
    )


@finding.error
def filter_project_without_file(
    section: str, project: str, program: str, given: str
) -> Words:
    return Words(
        what=(
            f"[{section}] has oslo_config_project = {project}, and oslo.config finds no file for "
            f"it. It looks for {project}.conf and {program}.conf in ~/.{project}, ~, "
            f"/etc/{project} and /etc. The service does not start."
        ),
        remedy=(
            f"Name the file in this section instead: oslo_config_file = {given}. If the file is "
            "named after the program (glance-api.conf), you can instead add "
            "oslo_config_program = glance-api to the project."
        ),
    )


@finding.error
def filter_configuration_wrong(section: str, error: str) -> Words:
    return Words(
        what=(
            f"The configuration that [{section}] names is wrong, and the service does not start: "
            f"{error}"
        ),
        remedy=(
            "Correct it where it says, or let oslo_config_file in this section name the file "
            "that has the options of fault_middleware."
        ),
    )


@finding.error
def filter_database_other(
    section: str, files: str, theirs: str, given: str
) -> Words:
    return Words(
        what=(
            f"[{section}] makes the filter read {files}, where the database is {theirs}. The "
            f"configuration that was given here has {given}. What is stored in the one is not "
            "shown from the other."
        ),
        remedy=(
            "Let the section name the configuration that is meant, or give the doctor the file "
            "that the filter reads, with --config-file. If you changed the section, restart "
            "the service."
        ),
    )


@finding.warning
def filter_options_other(section: str, files: str, names: str) -> Words:
    return Words(
        what=(
            f"[{section}] makes the filter read {files}, where these options are not as in the "
            f"configuration that was given here: {names}."
        ),
        remedy=(
            "Set the same in both, unless this configuration is the consumer's alone and they "
            "are meant to differ. All other findings are about the configuration given here."
        ),
    )


@finding.ok
def filter_reading_well(section: str, files: str) -> Words:
    return Words(f"The filter of [{section}] reads {files}.")
