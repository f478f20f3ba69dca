# SPDX-License-Identifier: Apache-2.0
"""Counts the instructions of requests, which are the same on every run of a busy machine.

Run as ``python -m tests.bench.instructions CONFIGURATION CASE=PATH ...`` it is what valgrind
watches: requests are served in forked processes, whose instructions are told one after the other.
They have begun alike, so two that differ in the number of requests differ in nothing else.
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from tests import services
from tests.bench import peers, service
from tests.bench.measuring import Figures
from tests.documents import ROOT

NAME = "instructions"
FEW, MANY = 50, 550


def count(file: Path, cases: Sequence[tuple[str, str]]) -> list[list[Figures]]:
    """The instructions of a request of each case, a case being the name of a filter and a path.

    :raises Missing: when there is no valgrind
    """
    valgrind = shutil.which("valgrind")
    if valgrind is None:
        raise services.Missing("valgrind is not installed")
    command = [
        *(valgrind, "--tool=cachegrind", "--cache-sim=no"),
        f"--cachegrind-out-file={os.devnull}",
        *(
            sys.executable,
            "-W",
            "ignore",
            "-m",
            "tests.bench.instructions",
            str(file),
        ),
        *(f"{name}={path}" for name, path in cases),
    ]
    environ = {**os.environ, "PYTHONHASHSEED": "0", "PYTHONPATH": str(ROOT)}
    ended = subprocess.run(
        command, env=environ, capture_output=True, text=True, check=True
    )
    # The last one is of the process that forked the others.
    totals = re.findall(r"I +refs: +([\d,]+)", ended.stderr)[:-1]
    counts = [int(total.replace(",", "")) for total in totals]
    return [
        [{NAME: (many - few) / (MANY - FEW)}]
        for few, many in zip(counts[::2], counts[1::2], strict=True)
    ]


def main() -> None:
    file, *cases = sys.argv[1:]
    for case in cases:
        name, _, path = case.partition("=")
        built, served = peers.build(name, Path(file)), service.environ(path)
        service.request(built, served)
        # Nothing may happen between the two: it would count.
        for times in (FEW, MANY):
            pid = os.fork()
            if pid == 0:
                for _ in range(times):
                    service.request(built, served)
                os._exit(0)
            os.waitpid(pid, 0)


if __name__ == "__main__":
    main()
