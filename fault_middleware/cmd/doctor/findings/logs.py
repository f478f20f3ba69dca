# SPDX-License-Identifier: Apache-2.0
"""The log handler."""

from fault_middleware.cmd.doctor import finding
from fault_middleware.cmd.doctor.finding import Words


@finding.warning
def logs_without_driver() -> Words:
    return Words(
        what=(
            "logs = true is set, but no process with this configuration has the log handler: the "
            "notification driver attaches it, and that is not configured."
        ),
        remedy=(
            "Add a line driver = fault_middleware to [oslo_messaging_notifications], in "
            "addition to the drivers that are there, and restart the processes of the service. "
            "Their other notifications stay as they are."
        ),
    )


@finding.warning
def logs_without_rules(services: str) -> Words:
    return Words(
        what=(
            f"The log handler is on, but takes nothing: no profile in use has rules for logs (of "
            f"{services})."
        ),
        remedy=(
            "Write rules under logs in a profile of your own (see the manual on profiles), or "
            "remove logs = true and the handler from the file of log_config_append."
        ),
    )


@finding.error
def logs_file_unreadable(file: str, error: str) -> Words:
    return Words(
        what=f"The file that log_config_append names cannot be read: {file}: {error}",
        remedy=(
            "Name a file that the service's user may read. As it is, the service does not start."
        ),
    )


@finding.ok
def logs_attached(services: str) -> Words:
    return Words(
        "Each process with this configuration that notifies has the log handler, for "
        f"{services}. (It is not checked whether the running processes were restarted since.)"
    )


@finding.ok
def logs_named(file: str, services: str) -> Words:
    return Words(
        f"{file} names the log handler, for {services}. (It is not checked whether the running "
        "processes were restarted since.)"
    )
