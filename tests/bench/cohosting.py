# SPDX-License-Identifier: Apache-2.0
"""How fast shows are while a storm of notifications drains, in the same process or beside it.

Run as ``python -m tests.bench.cohosting CONFIGURATION INSTANCE`` it is the process that serves: it
begins when a line comes in, and tells the times of its shows when another one comes.
"""

import contextlib
import json
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from tests import fixtures, services
from tests.bench import consuming, filling, measuring, peers, service
from tests.bench.backlog import Backlog
from tests.bench.measuring import Case, Figures
from tests.bench.rig import Rig
from tests.bench.tables import Goal, Table

KINDS = ["MariaDB, PyMySQL", "PostgreSQL, psycopg"]
IDLE, EXTERNAL, COHOSTED = (
    "no storm",
    "external consumer",
    "co-hosted consumer",
)
# A client thinks between two requests.
THINK = 0.002


def measure(rig_: Rig) -> Iterator[Table]:
    for kind in KINDS:
        table = Table(f"Shows while a storm drains ({kind})")
        try:
            with rig_.database(kind) as url:
                store = fixtures.make_store(url)
                ids = filling.fill(store, 10, 10)
                cases = {
                    name: _storm(rig_, url, name, ids[0])
                    for name in (IDLE, EXTERNAL, COHOSTED)
                }
                count = 5000 if rig_.quick else 20000
                results = measuring.interleave(cases, count, 3, warm=False)
                fixtures.close(store)
        except services.Missing as exc:
            table.skip(str(exc))
        else:
            table.show(results, IDLE)
            table.compare(results, EXTERNAL, IDLE)
            table.compare(results, COHOSTED, EXTERNAL, Goal(1.5))
            table.compare(results, COHOSTED, EXTERNAL, Goal(3), "p99")
            for name, goal in (
                (EXTERNAL, None),
                (COHOSTED, Goal(500, at_least=True)),
            ):
                rate = measuring.median(results[name], "rate")
                table.count(name, "messages a second", rate, goal)
        yield table


def _storm(rig_: Rig, url: str, name: str, instance_id: str) -> Case:
    consumer = "cohosted" if name == COHOSTED else "external"

    def run(count: int) -> Figures:
        broker = rig_.server("rabbitmq")
        backlog = Backlog(broker)
        options = {"transport_url": broker.url, "topics": backlog.topic}
        file = rig_.configuration(url, consumer=consumer, **options)
        with contextlib.ExitStack() as stack:
            stack.callback(backlog.close)
            if name != IDLE:
                backlog.publish(count)
            shows = stack.enter_context(
                consuming.started("cohosting", file, instance_id)
            )
            if name == EXTERNAL:
                external = stack.enter_context(
                    consuming.started("consuming", "ours", file)
                )
                external.tell()
                fixtures.wait_until(lambda: backlog.depth < count)
            shows.tell()
            if name == COHOSTED:
                fixtures.wait_until(lambda: backlog.depth < count)
            begin = time.monotonic()
            if name == IDLE:
                time.sleep(3)
            else:
                fixtures.wait_until(lambda: not backlog.depth, 200)
            seconds = time.monotonic() - begin
            shows.tell()
            return {**shows.hear(), "rate": count / seconds}

    return run


def main() -> None:
    file, instance_id = sys.argv[1:]
    filtered = peers.build("fault_middleware", Path(file))
    served = service.environ(f"/p1/instances/{instance_id}")
    import fault_middleware.consumer  # noqa: F401 takes long to load

    print("{}", flush=True)
    sys.stdin.readline()
    told = threading.Event()
    threading.Thread(
        target=lambda: (sys.stdin.readline(), told.set()), daemon=True
    ).start()
    times = []
    cpu = time.thread_time()
    while not told.is_set():
        begin = time.perf_counter()
        service.request(filtered, served)
        times.append(time.perf_counter() - begin)
        time.sleep(THINK)
    times = times[20:]  # the first ones connect
    microseconds = sorted(one * 1e6 for one in times)
    figures = {
        "wall": measuring.percentile(microseconds, 50),
        "p99": measuring.percentile(microseconds, 99),
        "cpu": (time.thread_time() - cpu) / len(times) * 1e6,
    }
    print(json.dumps(figures), flush=True)
    sys.stdin.readline()


if __name__ == "__main__":
    main()
