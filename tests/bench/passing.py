# SPDX-License-Identifier: Apache-2.0
"""What a request costs that is none of the filter's business."""

import functools
from collections.abc import Iterator

from tests import services
from tests.bench import instructions, measuring, peers, service
from tests.bench.rig import Rig
from tests.bench.tables import Goal, Table

OURS = "fault_middleware"
CASES = ["no filter", "minimal", OURS, "oslo.middleware, no-op"]
GOAL = Goal(1.3)
# The requests, by what is added to the name of a case.
PATHS = {
    "": "/p1/flavors/7",
    ", a near miss": "/p1/instances/5f15e2a3-b556-4cd7-8ce4-e893e533dba1/backups",
}


def measure(rig: Rig) -> Iterator[Table]:
    file = rig.configuration(f"sqlite:///{rig.folder()}/none.sqlite")
    built = {name: peers.build(name, file) for name in CASES}
    table = Table("A request that is not ours")
    for what, path in PATHS.items():
        served = service.environ(path)
        cases = {
            f"{name}{what}": measuring.calls(
                functools.partial(service.request, one, served)
            )
            for name, one in built.items()
        }
        _compare(
            table, measuring.interleave(cases, 300, rig.rounds(200)), what
        )
    yield table

    table = Table("Instructions of a request that is not ours")
    rig.say("valgrind counts; that takes a minute")
    jobs = [(name, what) for what in PATHS for name in CASES]
    try:
        counted = instructions.count(
            file, [(name, PATHS[what]) for name, what in jobs]
        )
    except services.Missing as exc:
        table.skip(str(exc))
    else:
        results = {
            f"{name}{what}": one
            for (name, what), one in zip(jobs, counted, strict=True)
        }
        for what in PATHS:
            some = {
                f"{name}{what}": results[f"{name}{what}"] for name in CASES
            }
            _compare(table, some, what, instructions.NAME)
        for name, (figures,) in results.items():
            table.count(
                name, "instructions a request", figures[instructions.NAME]
            )
    yield table


def _compare(
    table: Table, results: measuring.Results, what: str, name: str = ""
) -> None:
    for case in results:
        goal = GOAL if case.startswith(OURS) else None
        table.compare(results, case, f"minimal{what}", goal, name)
