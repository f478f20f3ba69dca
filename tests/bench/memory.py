# SPDX-License-Identifier: Apache-2.0
"""How much memory a full queue and a huge body take.

Run as ``python -m tests.bench.memory CONFIGURATION`` it is the process that passes a huge body on.
"""

import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil

from fault_middleware.factories import FaultMiddleware
from tests import fixtures, services
from tests.bench import consuming, service
from tests.bench.backlog import Backlog
from tests.bench.rig import Rig
from tests.bench.tables import Goal, Table

MEGABYTE = 1024 * 1024
BODY = 100 * MEGABYTE
KIND = "PostgreSQL, psycopg"


def measure(rig_: Rig) -> Iterator[Table]:
    table = Table("Memory")
    file = rig_.configuration(f"sqlite:///{rig_.folder()}/none.sqlite")
    with consuming.started("memory", file) as program:
        table.count(
            "a body of 100 MB on the route",
            "MB",
            program.hear()["MB"],
            Goal(5),
        )
    try:
        with rig_.database(KIND) as url, fixtures.relayed(url) as relay:
            table.count(
                "20,000 messages of 4 KB, stuck database",
                "MB",
                _stuck(rig_, relay),
                Goal(20),
            )
    except services.Missing as exc:
        table.skip(str(exc))
    yield table


def _stuck(rig_: Rig, relay: services.Relay) -> float:
    """What a consumer takes beyond an idle one when its database answers no more."""
    broker = rig_.server("rabbitmq")
    fixtures.close(fixtures.make_store(relay.url))
    backlog = Backlog(broker)
    file = rig_.configuration(
        relay.url, transport_url=broker.url, topics=backlog.topic
    )
    with consuming.started("consuming", "ours", file) as consumer:
        consumer.tell()
        # It has done each of its works once, so all is loaded.
        backlog.publish(64)
        fixtures.wait_until(lambda: not backlog.depth)
        time.sleep(1)
        process = psutil.Process(consumer.pid)
        idle = process.memory_info().rss
        relay.mute()
        backlog.publish(20000)
        most = idle
        for _ in range(20 if rig_.quick else 60):
            time.sleep(0.5)
            most = max(most, process.memory_info().rss)
        relay.unmute()
    backlog.close()
    return (most - idle) / MEGABYTE


def _peak() -> int:
    """The most memory that this process ever took, in bytes."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(
        int(line.split()[1]) * 1024
        for line in lines
        if line.startswith("VmHWM:")
    )


def main() -> None:
    def application(environ, start_response):
        start_response("200 OK", [("Content-Type", "application/json")])
        return (bytes(65536) for _ in range(environ["bench.size"] // 65536))

    filtered = FaultMiddleware(application, fixtures.parse(Path(sys.argv[1])))
    served = service.environ("/p1/instances/x")

    def pass_on(size: int) -> int:
        chunks = filtered({**served, "bench.size": size}, lambda *start: None)
        return sum(map(len, chunks))

    pass_on(65536)
    print("{}", flush=True)
    before = _peak()
    assert pass_on(BODY) == BODY
    print(json.dumps({"MB": (_peak() - before) / MEGABYTE}), flush=True)


if __name__ == "__main__":
    main()
