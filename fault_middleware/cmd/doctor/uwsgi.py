# SPDX-License-Identifier: Apache-2.0
"""Looks at the configuration of the uWSGI that serves the API."""

import re
from collections.abc import Iterator
from pathlib import Path

from fault_middleware.cmd.doctor.case import Case, Setup
from fault_middleware.cmd.doctor.finding import Finding
from fault_middleware.cmd.doctor.findings import uwsgi as findings

_THREADS = re.compile(
    r"^\s*(enable-threads\s*[=:]\s*(true|1|yes|on)|threads\s*[=:])",
    re.MULTILINE,
)
_UNPATCHED = re.compile(
    r"^\s*env\s*[=:]\s*NO_EVENTLET_MONKEYPATCH=", re.MULTILINE
)


def look(case: Case) -> Iterator[Finding]:
    """Yield what keeps the consumer from running there."""
    file = case.given.uwsgi
    if file is None or not isinstance(case.setup, Setup):
        return
    text = Path(file).read_text("utf-8")
    found = []
    if case.setup.settings.consumer == "cohosted" and case.setup.priorities:
        if not _THREADS.search(text):
            found.append(findings.uwsgi_threads(file))
        if "trove" in case.setup.services and not _UNPATCHED.search(text):
            found.append(findings.uwsgi_patched(file))
    yield from found or [findings.uwsgi_well(file)]
