# SPDX-License-Identifier: Apache-2.0
"""What a request costs that is none of the filter's business.

Run as ``python -m tests.bench.passing CONFIGURATION`` it is what valgrind watches.
"""

import functools
import itertools
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from tests.bench import measuring, peers, service
from tests.bench.rig import Rig
from tests.bench.tables import Goal, Table

OURS = "fault_middleware"
CASES = ["no filter", "minimal", OURS, "oslo.middleware, no-op"]
GOAL = Goal(1.3)
FEW, MANY = 100, 1100
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
            f"{name}{what}": measuring.calls(functools.partial(service.request, one, served))
            for name, one in built.items()
        }
        results = measuring.interleave(cases, 300, rig.rounds(200))
        _compare(table, results, what)
    yield table
    yield _instructions(rig, file)


def _compare(table: Table, results: measuring.Results, what: str = "", name: str = "") -> None:
    least = f"minimal{what}"
    for case in results:
        goal = GOAL if case.startswith(OURS) else None
        table.compare(results, case, least, goal, name)


def _instructions(rig: Rig, file: Path) -> Table:
    table = Table("Instructions of a request that is not ours (valgrind)")
    valgrind = shutil.which("valgrind")
    if valgrind is None:
        table.skip("valgrind is not installed")
        return table
    rig.say("valgrind counts; that takes a minute")
    command = [
        *(valgrind, "--tool=cachegrind", "--cache-sim=no"),
        f"--cachegrind-out-file={os.devnull}",
        *(sys.executable, "-W", "ignore", "-m", "tests.bench.passing", str(file)),
    ]
    environ = {**os.environ, "PYTHONHASHSEED": "0"}
    ended = subprocess.run(command, env=environ, capture_output=True, text=True, check=True)
    # The last one is of the process that forked the others.
    totals = re.findall(r"I +refs: +([\d,]+)", ended.stderr)[:-1]
    counts = iter(int(total.replace(",", "")) for total in totals)
    for what in PATHS:
        results = {
            f"{name}{what}": [{"instructions": (-next(counts) + next(counts)) / (MANY - FEW)}]
            for name in CASES
        }
        _compare(table, results, what, "instructions")
        for name, (figures,) in results.items():
            table.count(name, "instructions a request", figures["instructions"])
    return table


def main() -> None:
    """Serve requests in forked processes, whose instructions valgrind tells one after the other.

    They have begun alike, so two that differ in the number of requests differ in nothing else.
    """
    built = [peers.build(name, Path(sys.argv[1])) for name in CASES]
    for path, one, count in itertools.product(PATHS.values(), built, (FEW, MANY)):
        served = service.environ(path)
        service.request(one, served)
        pid = os.fork()
        if pid == 0:
            for _ in range(count):
                service.request(one, served)
            os._exit(0)
        os.waitpid(pid, 0)


if __name__ == "__main__":
    main()
