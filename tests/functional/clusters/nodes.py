# SPDX-License-Identifier: Apache-2.0
"""A server of a cluster: started, killed, suspended, cut off, and started again."""

import contextlib
import signal
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import psutil

from tests import services


class Node:
    """A server on loopback, of one of several.

    :ivar relay: the wire that clients connect to; its ``port`` stays the same
    """

    def __init__(
        self, command: Sequence[str], log: Path, port: int, **options: Any
    ) -> None:
        self._command = list(command)
        self._log = log
        self._port = port
        self._options = options
        self._running: subprocess.Popen[bytes] | None = None
        self.relay = services.Relay(port)

    @property
    def port(self) -> int:
        """Of the server itself."""
        return self._port

    def start(self, *more: str) -> None:
        """Start it; :meth:`wait` for it."""
        with self._log.open("ab") as out:
            self._running = subprocess.Popen(
                [*self._command, *more],
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                **self._options,
            )

    def wait(self, seconds: float = 90) -> None:
        """Wait until it listens."""
        services.wait_for_port(self._port, self._running, seconds)

    def kill(self) -> None:
        """Kill -9 of the server and of all that it started."""
        self._send(signal.SIGKILL)
        if self._running is not None:
            self._running.wait(20)
            self._running = None

    def end(self, seconds: float = 60) -> None:
        """Ask the server to end, and kill it if it does not."""
        if self._running is None:
            return
        self._send(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._running.wait(seconds)
        self.kill()

    @contextlib.contextmanager
    def suspended(self) -> Iterator[None]:
        """Let it stand still, with its connections open."""
        self._send(signal.SIGSTOP)
        try:
            yield
        finally:
            self._send(signal.SIGCONT)

    @contextlib.contextmanager
    def cut_off(self) -> Iterator[None]:
        """Let no client reach it; the other servers do."""
        port = self.relay.port
        self.relay.close()
        try:
            yield
        finally:
            self.relay.reopen(port)

    def close(self) -> None:
        """End it, and its wire."""
        self.kill()
        self.relay.close()

    def _send(self, number: signal.Signals) -> None:
        if self._running is None:
            return
        with contextlib.suppress(psutil.NoSuchProcess):
            server = psutil.Process(self._running.pid)
            for process in [*server.children(recursive=True), server]:
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.send_signal(number)
