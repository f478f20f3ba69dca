# SPDX-License-Identifier: Apache-2.0
"""Looks at the port on which the stand-alone consumer serves its counters."""

import socket
import urllib.request
from collections.abc import Iterator

from fault_middleware.cmd.doctor.case import Case, Setup
from fault_middleware.cmd.doctor.finding import Finding
from fault_middleware.cmd.doctor.findings import metrics as findings

_TIMEOUT = 3.0
# What the counters of a consumer of ours have in them.
_OURS = b"fault_middleware_"


def look(case: Case) -> Iterator[Finding]:
    """Yield whether the port can be used, where one is set."""
    if (
        not isinstance(case.setup, Setup)
        or case.setup.settings.metrics_port is None
    ):
        return
    host = case.setup.settings.metrics_host
    port = case.setup.settings.metrics_port
    address = f"{host}:{port}"
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        with socket.create_server((host, port), family=family):
            yield findings.metrics_port_well(address)
    except OSError as exc:
        if _is_ours(host, port):
            yield findings.metrics_port_well(address)
        else:
            yield findings.metrics_port_taken(address, str(exc))


def _is_ours(host: str, port: int) -> bool:
    """Whether a consumer serves its counters there already."""
    name = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 nothing listens
    url = (
        f"http://[{name}]:{port}/metrics"
        if ":" in name
        else f"http://{name}:{port}/metrics"
    )
    try:
        with urllib.request.urlopen(url, timeout=_TIMEOUT) as answer:  # noqa: S310 it is http
            return _OURS in answer.read()
    except (OSError, ValueError):
        return False
