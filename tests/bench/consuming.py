# SPDX-License-Identifier: Apache-2.0
"""A consumer in a process of its own, which tells how long it took.

Run as ``python -m tests.bench.consuming KIND CONFIGURATION``; it begins when a line comes in, and
when another one comes it tells what it did. KIND is ``ours``; ``no-op`` (oslo.messaging's batch
listener, which does nothing with what it gets); or ``single`` (oslo.messaging's listener for one
message after the other, each stored with a commit of its own).
"""

import contextlib
import json
import os
import subprocess
import sys
import threading
import time
import types
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from tests.bench.backlog import EXCHANGE
from tests.documents import ROOT


@contextlib.contextmanager
def started(module: str, *arguments: object) -> Iterator["Program"]:
    """A program of the benchmarks, ready to begin."""
    command = [sys.executable, "-W", "ignore", "-m", f"tests.bench.{module}"]
    with subprocess.Popen(
        [*command, *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as running:
        program = Program(running)
        try:
            program.hear()
            yield program
        finally:
            running.kill()


class Program:
    """A process that is told things line by line, and answers in JSON."""

    def __init__(self, running: subprocess.Popen[str]) -> None:
        self._running = running
        self.pid = running.pid

    def tell(self) -> None:
        assert self._running.stdin
        print(file=self._running.stdin, flush=True)

    def hear(self) -> Any:
        assert self._running.stdout
        for line in self._running.stdout:
            if line.startswith("{"):
                return json.loads(line)
        raise RuntimeError(f"{self._running.args} ended")


class Watch:
    """Counts messages, and notes when the first came and the last was done."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._count = 0
        self._first = self._last = (0.0, 0.0)

    def around(self, function: Any, weight: Any) -> Any:
        """The function, watched; ``weight`` of its arguments is the messages they are."""

        def watched(*arguments: Any) -> Any:
            if not self._count:
                self._first = time.monotonic(), time.process_time()
            result = function(*arguments)
            with self._lock:
                self._count += weight(*arguments)
                self._last = time.monotonic(), time.process_time()
            return result

        return watched

    def told(self) -> dict[str, float]:
        (begin, begin_cpu), (end, end_cpu) = self._first, self._last
        return {
            "count": self._count,
            "begin": begin,
            "end": end,
            "cpu": end_cpu - begin_cpu,
        }


def _listen(kind: str, file: Path, watch: Watch) -> None:
    import oslo_messaging

    from fault_middleware import deploy, listener
    from tests.fixtures import parse

    conf = parse(file)
    deployment = deploy.deploy(conf)
    consumer = deployment.consumer
    if kind == "ours":
        consumer._store = watch.around(consumer._store, len)
        forever = threading.Event().wait
        threading.Thread(
            target=consumer.run, args=(forever,), daemon=True
        ).start()
        return

    def nothing(messages: Sequence[Any]) -> None:
        pass

    def store(
        context: Any, publisher: str, event: str, payload: Any, metadata: Any
    ) -> None:
        notification = {
            "event_type": event,
            "publisher_id": publisher,
            "payload": payload,
        }
        notification |= {"context": context, "priority": "info", **metadata}
        deployment.recorder.record(
            deployment.recorder.extract(notification), lambda seconds: True
        )

    transport = oslo_messaging.get_notification_transport(
        conf, url=listener.transport_url(conf, deployment.settings)
    )
    targets = [
        oslo_messaging.Target(topic=queue.topic, exchange=EXCHANGE)
        for queue in deployment.queues
    ]
    if kind == "single":
        endpoint = types.SimpleNamespace(
            info=watch.around(store, lambda *arguments: 1)
        )
        server = oslo_messaging.get_notification_listener(
            transport, targets, [endpoint]
        )
    else:
        endpoint = types.SimpleNamespace(info=watch.around(nothing, len))
        server = oslo_messaging.get_batch_notification_listener(
            transport,
            targets,
            [endpoint],
            allow_requeue=True,
            batch_size=64,
            batch_timeout=0.05,
        )
    server.start(override_pool_size=1)


def main() -> None:
    kind, file = sys.argv[1:]
    import fault_middleware.consumer  # noqa: F401 all that takes long to load

    watch = Watch()
    print("{}", flush=True)
    sys.stdin.readline()
    _listen(kind, Path(file), watch)
    for _ in sys.stdin:
        print(json.dumps(watch.told()), flush=True)
    os._exit(0)


if __name__ == "__main__":
    main()
