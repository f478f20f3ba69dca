# SPDX-License-Identifier: Apache-2.0
"""gunicorn, with one of the filters of :mod:`tests.bench.peers` in it.

The server loads :func:`load`, which builds the case that the environment names.
"""

import contextlib
import dataclasses
import importlib.util
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests import services
from tests.bench import peers
from tests.documents import ROOT

#: What makes whoever asks an administrator.
ROLES = {"X-Roles": "admin,member", "X-Project-Id": "p1", "X-User-Id": "u"}


@dataclasses.dataclass(frozen=True, slots=True)
class Server:
    """A running gunicorn.

    :ivar pid: of the process that has started the workers
    """

    port: int
    pid: int


def load() -> Any:
    """The application; called by the server."""
    return peers.build(
        os.environ["BENCH_CASE"], Path(os.environ["BENCH_CONFIGURATION"])
    )


def need() -> None:
    """Raise :class:`tests.services.Missing` when gunicorn is not installed."""
    if importlib.util.find_spec("gunicorn") is None:
        raise services.Missing("gunicorn is not installed")


@contextlib.contextmanager
def serve(
    case: str, configuration: Path, log: Path, *, workers: int, threads: int
) -> Iterator[Server]:
    """Run a case in gunicorn, on a port of its own.

    :param threads: of each worker
    """
    port = services.free_port()
    command = [sys.executable, "-m", "gunicorn", "-k", "gthread"]
    command += ["--workers", str(workers), "--threads", str(threads)]
    command += ["--keep-alive", "300", "--bind", f"127.0.0.1:{port}"]
    command.append("tests.bench.server:load()")
    environ = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "PYTHONWARNINGS": "ignore",
        "BENCH_CASE": case,
        "BENCH_CONFIGURATION": str(configuration),
    }
    with services.process(
        command, log, port=port, env=environ, cwd=ROOT
    ) as running:
        yield Server(port, running.pid)
