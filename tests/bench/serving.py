# SPDX-License-Identifier: Apache-2.0
"""What a request costs through a real server: gunicorn with one worker, over HTTP."""

import contextlib
import http.client
import time
from collections.abc import Iterator
from pathlib import Path

import psutil

from tests import fixtures
from tests.bench import filling, measuring, server
from tests.bench.measuring import Case, Figures
from tests.bench.rig import Rig
from tests.bench.server import ROLES
from tests.bench.tables import Goal, Table

KIND = "MariaDB, PyMySQL"
CASES = ["no filter", "reference", "fault_middleware", "usual"]


def measure(rig_: Rig) -> Iterator[Table]:
    server.need()
    table = Table(f"Through gunicorn ({KIND})")
    with contextlib.ExitStack() as stack:
        url = stack.enter_context(rig_.database(KIND))
        store = fixtures.make_store(url)
        stack.callback(fixtures.close, store)
        instance_id = filling.fill(store, 100, 10, copies=19)[0]
        file = rig_.configuration(url)
        servers = {name: _connect(rig_, stack, name, file) for name in CASES}
        for path, what in (
            ("/p1/flavors/7", "not ours"),
            ("/p1/instances/nothing-failed-here", "without a fault"),
            (f"/p1/instances/{instance_id}", "with a fault"),
        ):
            cases = {
                f"{name}, {what}": _requests(*servers[name], path)
                for name in CASES
            }
            results = measuring.interleave(cases, 50, rig_.rounds(40))
            bare, reference, ours, usual = cases
            table.show(results, bare)
            table.compare(results, reference, bare)
            table.compare(results, ours, bare)
            table.compare(
                results,
                ours,
                reference,
                Goal(1.5) if what == "with a fault" else None,
            )
            table.compare(results, usual, reference)
    yield table


def _connect(
    rig_: Rig, stack: contextlib.ExitStack, name: str, file: Path
) -> tuple[http.client.HTTPConnection, psutil.Process]:
    """A connection to a server of its own, and the process that answers."""
    log = rig_.folder() / "gunicorn.log"
    running = stack.enter_context(
        server.serve(name, file, log, workers=1, threads=2)
    )
    connection = http.client.HTTPConnection(
        "127.0.0.1", running.port, timeout=60
    )
    stack.callback(connection.close)
    _ask(connection, "/")
    (worker,) = psutil.Process(running.pid).children()
    return connection, worker


def _ask(connection: http.client.HTTPConnection, path: str) -> None:
    connection.request("GET", path, headers=ROLES)
    connection.getresponse().read()


def _requests(
    connection: http.client.HTTPConnection, worker: psutil.Process, path: str
) -> Case:
    def run(count: int) -> Figures:
        cpu, wall = _cpu(worker), time.perf_counter()
        for _ in range(count):
            _ask(connection, path)
        wall = time.perf_counter() - wall
        return {
            "wall": wall / count * 1e6,
            "cpu": (_cpu(worker) - cpu) / count * 1e6,
        }

    return run


def _cpu(process: psutil.Process) -> float:
    """The CPU time of a process, all threads, in nanosecond steps rather than ticks."""
    tasks = Path(f"/proc/{process.pid}/task").iterdir()
    return (
        sum(int((task / "schedstat").read_text().split()[0]) for task in tasks)
        / 1e9
    )
