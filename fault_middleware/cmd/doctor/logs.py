# SPDX-License-Identifier: Apache-2.0
"""Looks whether the log handler is on, and has something to do."""

from collections.abc import Iterator
from pathlib import Path

from fault_middleware.cmd.doctor import publishing
from fault_middleware.cmd.doctor.case import Case, Setup
from fault_middleware.cmd.doctor.finding import Finding
from fault_middleware.cmd.doctor.findings import logs as findings

_OPTION = "log_config_append"
_HANDLER = "fault_middleware.log.Handler"


def look(case: Case) -> Iterator[Finding]:
    """Yield where the handler is on, and what prevents its work."""
    if not isinstance(case.setup, Setup):
        return
    is_on = False
    if case.setup.settings.logs:
        if publishing.has_driver(case):
            is_on = True
            yield from _judge(case.setup, "")
        else:
            yield findings.logs_without_driver()
    for option in case.find_options(_OPTION)[-1:]:
        try:
            text = Path(option.value).read_text("utf-8", "replace")
        except OSError as exc:
            yield findings.logs_file_unreadable(option.value, str(exc))
            continue
        if _HANDLER in text and not is_on:
            yield from _judge(case.setup, option.value)


def _judge(setup: Setup, file: str) -> Iterator[Finding]:
    """What a handler that is on will do.

    :param file: what names it, or "" where the notification driver attaches it
    """
    services = []
    for profile in setup.profiles:
        if profile.sources.logs:
            services.append(profile.service)
    if not services:
        yield findings.logs_without_rules(", ".join(setup.services))
    elif file:
        yield findings.logs_named(file, ", ".join(services))
    else:
        yield findings.logs_attached(", ".join(services))
