# SPDX-License-Identifier: Apache-2.0
"""A run of ``ansible-playbook`` as a process: its output, and its end in time."""

import contextlib
import dataclasses
import os
import signal
import threading
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from subprocess import DEVNULL, PIPE, Popen, TimeoutExpired
from typing import IO, Any

from fault_middleware.text import as_text

# Seconds in which what a process has written arrives after its end.
_ARRIVAL = 2.0


@dataclasses.dataclass(frozen=True, slots=True)
class Ended:
    """How a process ended.

    :ivar returncode: None where it did not start
    :ivar pid: of the process, None where it did not start
    :ivar fate: how it ended if not by itself, or ""
    """

    stdout: str
    stderr: str
    returncode: int | None
    fate: str = ""
    pid: int | None = None


def run(
    command: list[str], environ: Mapping[str, str], timeout: float | None
) -> Ended:
    """Run a command without a terminal, and wait for it alone.

    A process that it leaves behind may keep its output open; that is not waited for.

    :param timeout: seconds, after which the command and all its children are killed
    """
    try:
        running = Popen(  # noqa: S603 no shell
            command,
            env=environ,
            stdin=DEVNULL,
            stdout=PIPE,
            stderr=PIPE,
            start_new_session=True,
        )
    except (OSError, ValueError) as exc:
        # A ValueError is of an argument that no process can have; it may be a secret.
        reason = getattr(exc, "strerror", None) or "an argument is not a text"
        return Ended("", "", None, f"could not be started: {reason}")
    outputs = [_Output(running.stdout), _Output(running.stderr)]
    fate = ""
    try:
        for output in outputs:
            output.thread.start()
        running.wait(timeout)
    except TimeoutExpired:
        fate = f"did not end within {timeout} s"
    except RuntimeError as exc:  # no more threads
        fate = f"was ended, for its output could not be read: {exc}"
    finally:
        if running.returncode is None:
            _kill(running.pid)
            running.wait()
    stdout, stderr = _arrived(outputs)
    return Ended(stdout, stderr, running.returncode, fate, running.pid)


class _Output:
    """What comes from a pipe, read in a thread of its own until nothing can come any more."""

    def __init__(self, pipe: Any) -> None:
        self._pipe: IO[bytes] = pipe
        self._pieces: list[bytes] = []
        self._is_over = False
        self.thread = threading.Thread(target=self._read, daemon=True)

    def text(self) -> str:
        """What has come so far; nothing is kept of what comes later."""
        self._is_over = True
        return as_text(b"".join(self._pieces))

    def close(self) -> None:
        """Nothing is going to be read."""
        self._pipe.close()

    def _read(self) -> None:
        descriptor = self._pipe.fileno()
        with self._pipe:
            while piece := os.read(descriptor, 65536):
                if not self._is_over:
                    self._pieces.append(piece)


def _arrived(outputs: Iterable[_Output]) -> list[str]:
    """What has come from each when the process has ended."""
    end = time.monotonic() + _ARRIVAL
    texts = []
    for output in outputs:
        if output.thread.ident is None:
            # Where it could not be started, nobody else closes the pipe.
            output.close()
        else:
            output.thread.join(max(0.0, end - time.monotonic()))
        texts.append(output.text())
    return texts


def _kill(pid: int) -> None:
    """Kill a process with all that it has started.

    Workers of core 2.19 have sessions of their own, so its group is not all.
    """
    found = _descendants(pid)
    # Some may have ended, and some be another user's.
    with contextlib.suppress(OSError):
        os.killpg(pid, signal.SIGKILL)
    for child in found:
        with contextlib.suppress(OSError):
            os.kill(child, signal.SIGKILL)


def _descendants(pid: int) -> list[int]:
    """The processes that a process has started, and those that they have; on Linux."""
    children: dict[int, list[int]] = {}
    for file in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            # The name, which is in parentheses, may hold anything.
            _, _, fields = file.read_text(errors="replace").rpartition(")")
            parent = int(fields.split()[1])
            children.setdefault(parent, []).append(int(file.parent.name))
    found = []
    waiting = [pid]
    while waiting:
        started = children.get(waiting.pop(), [])
        found += started
        waiting += started
    return found
