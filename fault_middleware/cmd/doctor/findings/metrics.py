# SPDX-License-Identifier: Apache-2.0
"""The port of the counters."""

from fault_middleware.cmd.doctor import finding
from fault_middleware.cmd.doctor.finding import Words


@finding.error
def metrics_port_taken(address: str, error: str) -> Words:
    return Words(
        what=(
            f"fault-middleware-consumer cannot serve its counters at {address}, where something "
            f"else is: {error}"
        ),
        remedy=(
            "Set metrics_port (and metrics_host) in [fault_middleware] to a free one. Each of "
            "several consumers on a host needs its own."
        ),
    )


@finding.ok
def metrics_port_well(address: str) -> Words:
    return Words(
        f"{address} is free for the counters of the consumer, or has them already."
    )
