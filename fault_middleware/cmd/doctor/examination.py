# SPDX-License-Identifier: Apache-2.0
"""Looks at all parts of a deployment, one after the other, each for a limited time."""

import dataclasses
import threading
from collections.abc import Callable, Iterator, Sequence

from fault_middleware.cmd.doctor import (
    case,
    configuration,
    database,
    logs,
    metrics,
    pipeline,
    policy,
    publishing,
    queues,
    reading,
    uwsgi,
)
from fault_middleware.cmd.doctor.case import Case, Given, Setup
from fault_middleware.cmd.doctor.finding import Finding
from fault_middleware.cmd.doctor.findings import part as findings
from fault_middleware.text import describe


@dataclasses.dataclass(frozen=True, slots=True)
class Part:
    """Something that is looked at.

    :ivar needs_setup: whether it can only be looked at where the configuration is right
    :ivar limit: seconds
    """

    name: str
    look: Callable[[Case], Iterator[Finding]]
    needs_setup: bool = True
    limit: float = 10.0


CONFIGURATION = Part("configuration", configuration.look, needs_setup=False)
DATABASE = Part("database", database.look, needs_setup=False, limit=20.0)
POLICY = Part("policy", policy.look)
#: In the order in which they are looked at.
PARTS = (
    CONFIGURATION,
    Part("configuration of the filter", reading.look, needs_setup=False),
    Part("pipeline", pipeline.look, needs_setup=False),
    DATABASE,
    POLICY,
    Part("configuration of publishers", publishing.look),
    Part("log handler", logs.look),
    Part("broker", queues.look, limit=20.0),
    Part("port of the counters", metrics.look),
    Part("configuration of uWSGI", uwsgi.look),
)


def examine(given: Given, parts: Sequence[Part] = PARTS) -> Iterator[Finding]:
    """Yield what there is to say, part by part.

    Changes nothing. If something prevents it from looking at a part, it says so.
    """
    taken = case.take(given)
    for part in parts:
        if part.needs_setup and not isinstance(taken.setup, Setup):
            yield findings.part_skipped(part.name)
        else:
            yield from _look(part, taken)


def _look(part: Part, taken: Case) -> list[Finding]:
    found: list[Finding] = []
    thread = threading.Thread(
        target=_gather, args=(part, taken, found), daemon=True
    )
    thread.start()
    thread.join(part.limit)
    if thread.is_alive():
        return [
            *found,
            findings.check_failed(
                part.name, f"no end after {part.limit} seconds"
            ),
        ]
    return found


def _gather(part: Part, taken: Case, found: list[Finding]) -> None:
    try:
        for finding in part.look(taken):
            found.append(finding)  # so that it counts if an error follows
    except Exception as exc:
        found.append(findings.check_failed(part.name, describe(exc)))
