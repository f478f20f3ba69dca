# SPDX-License-Identifier: Apache-2.0
"""Whether the consumer can run in uWSGI's workers."""

from fault_middleware.cmd.doctor import finding
from fault_middleware.cmd.doctor.finding import Words


@finding.warning
def uwsgi_threads(file: str) -> Words:
    return Words(
        what=(
            f"{file} does not enable threads. Older releases of uWSGI then let the consumer run "
            "only while a request is served."
        ),
        remedy=(
            "Set enable-threads = true, or let a process of its own consume: consumer = external."
        ),
    )


@finding.error
def uwsgi_patched(file: str) -> Words:
    return Words(
        what=(
            f"{file} leaves Trove patched by eventlet, and under uWSGI no thread runs then: "
            "notifications are not consumed."
        ),
        remedy=(
            "Set env = NO_EVENTLET_MONKEYPATCH=1, unless uWSGI's environment has it already, or "
            "let a process of its own consume: consumer = external."
        ),
    )


@finding.ok
def uwsgi_well(file: str) -> Words:
    return Words(f"The consumer can run under {file}, or does not have to.")
