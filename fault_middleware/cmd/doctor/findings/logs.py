# SPDX-License-Identifier: Apache-2.0
"""The log handler."""

from fault_middleware.cmd.doctor.finding import Words, error, ok, warning


@warning
def logs_without_driver() -> Words:
    return Words(
        what=(
            "logs = true is set, but no process with this configuration has the log handler: the "
            "notification driver attaches it, and that is not configured."
        ),
        remedy=(
            "Add a line driver = fault_middleware to [oslo_messaging_notifications], beside the "
            "drivers that are there, and restart the processes of the service. What they notify "
            "of elsewhere stays as it is."
        ),
    )


@warning
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


@error
def logs_file_unreadable(file: str, error: str) -> Words:
    return Words(
        what=f"The file that log_config_append names cannot be read: {file}: {error}",
        remedy=(
            "Name a file that the service's user may read. As it is, the service does not start."
        ),
    )


@ok
def logs_attached(services: str) -> Words:
    return Words(
        f"Each process with this configuration that notifies has the log handler, for {services}. "
        "(Whether the processes that run were restarted since is not looked at.)"
    )


@ok
def logs_named(file: str, services: str) -> Words:
    return Words(
        f"{file} names the log handler, for {services}. (Whether the processes that run were "
        "restarted since is not looked at.)"
    )
