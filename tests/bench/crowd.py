# SPDX-License-Identifier: Apache-2.0
"""What the slowest of many shows at once take: 64 clients of gunicorn, each with a connection.

Beside it stands the least that looks up: the same table through SQLAlchemy, and nothing done with
what is found.
"""

import asyncio
import contextlib
import functools
import time
from collections.abc import Iterator

from tests import fixtures, services
from tests.bench import filling, measuring, server
from tests.bench.measuring import Figures
from tests.bench.rig import Rig
from tests.bench.server import ROLES
from tests.bench.tables import Goal, Table

KINDS = ["MariaDB, PyMySQL", "PostgreSQL, psycopg"]
CLIENTS = 64
#: Shows of each client in a round.
SHOWS = 10
BARE = "SQLAlchemy's look-up alone"
OURS = "show with a fault"
CASES = {BARE: "look-up", OURS: "fault_middleware"}


def measure(rig_: Rig) -> Iterator[Table]:
    server.need()
    for kind in KINDS:
        table = Table(f"The slowest hundredth of {CLIENTS} at once ({kind})")
        try:
            with contextlib.ExitStack() as stack:
                _measure(rig_, kind, table, stack)
        except services.Missing as exc:
            table.skip(str(exc))
        yield table


def _measure(
    rig_: Rig, kind: str, table: Table, stack: contextlib.ExitStack
) -> None:
    url = stack.enter_context(rig_.database(kind))
    store = fixtures.make_store(url)
    stack.callback(fixtures.close, store)
    instance_id = filling.fill(store, 100, 10, copies=19)[0]
    file = rig_.configuration(url)
    cases = {}
    for name, case in CASES.items():
        serving = server.serve(
            case,
            file,
            rig_.folder() / "gunicorn.log",
            workers=2,
            threads=CLIENTS // 2,
        )
        port = stack.enter_context(serving).port
        cases[name] = functools.partial(
            _ask_at_once, port, f"/p1/instances/{instance_id}"
        )
    results = measuring.interleave(cases, SHOWS, rig_.rounds(40))
    for name in CASES:
        table.count(name, "us, median", measuring.median(results[name]))
    table.compare(results, OURS, BARE)
    table.compare(results, OURS, BARE, Goal(1.2), name="slowest hundredth")


def _ask_at_once(port: int, path: str, count: int) -> Figures:
    """How long a show took, of all that the clients asked for one after another."""
    seconds = asyncio.run(_crowd(port, path, count))
    return {
        "wall": measuring.percentile(seconds, 50) * 1e6,
        "slowest hundredth": measuring.percentile(seconds, 99) * 1e6,
    }


async def _crowd(port: int, path: str, count: int) -> list[float]:
    clients = [_client(port, path, count) for _ in range(CLIENTS)]
    found: list[float] = []
    for seconds in await asyncio.gather(*clients):
        found += seconds
    return found


async def _client(port: int, path: str, count: int) -> list[float]:
    headers = "".join(f"{name}: {value}\r\n" for name, value in ROLES.items())
    request = f"GET {path} HTTP/1.1\r\nHost: tests\r\n{headers}\r\n".encode()
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    seconds = []
    for _ in range(count):
        begin = time.perf_counter()
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        await reader.readexactly(_length(head))
        seconds.append(time.perf_counter() - begin)
    writer.close()
    await writer.wait_closed()
    return seconds


def _length(head: bytes) -> int:
    """Of the body behind the head of an answer."""
    for line in head.lower().splitlines():
        if line.startswith(b"content-length:"):
            return int(line.partition(b":")[2])
    raise ValueError(head)
