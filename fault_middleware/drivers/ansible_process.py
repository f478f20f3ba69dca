# SPDX-License-Identifier: Apache-2.0
"""A run of ``ansible-playbook`` as a process: its output, and its end in time."""

import contextlib
import dataclasses
import math
import os
import signal
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from subprocess import DEVNULL, PIPE, Popen, TimeoutExpired
from typing import IO, Any

from fault_middleware.text import as_text

# How often processes that have just been started are looked for before all are killed.
_MOST_LOOKS = 20
# Bytes that are kept of each end of an output; what lies between is dropped.
_KEPT = 4 * 1024 * 1024
_GAP = b"\n[...]\n"
# To look whether a process has ended, and leave it to be waited for.
_LOOK = os.WEXITED | os.WNOWAIT | os.WNOHANG
# Seconds between two looks, as subprocess has at most.
_PAUSE = 0.05
# Seconds in which what a process has written arrives after its end.
_ARRIVAL = 2.0


@dataclasses.dataclass(frozen=True, slots=True)
class Ended:
    """How a process ended.

    :ivar returncode: None where it did not start, or is not known
    :ivar pid: of the process, None where it did not start
    :ivar fate: how it ended if not by itself, or ""
    """

    stdout: str
    stderr: str
    returncode: int | None
    fate: str = ""
    pid: int | None = None

    @property
    def is_unknown(self) -> bool:
        """Whether it ended by itself, and nobody knows how."""
        return self.returncode is None and not self.fate


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
    returncode: int | None = None
    try:
        for output in outputs:
            output.thread.start()
        returncode = _wait(running, timeout)
    except TimeoutExpired:
        fate = f"did not end within {timeout} s"
    except RuntimeError as exc:  # no more threads
        fate = f"was ended, for its output could not be read: {exc}"
    finally:
        if running.returncode is None:
            _kill(running.pid)
            # Another user's cannot be killed, and is not waited for.
            with contextlib.suppress(TimeoutExpired):
                returncode = running.wait(_ARRIVAL)
    stdout, stderr = _arrived(outputs)
    return Ended(stdout, stderr, returncode, fate, running.pid)


def _wait(running: Popen[bytes], timeout: float | None) -> int | None:
    """The return code of a process; None if somebody else has collected it.

    Where a process ignores ``SIGCHLD``, or has a handler that waits for all children, subprocess
    says 0.

    :param timeout: seconds
    :raises TimeoutExpired: when it has not ended by then
    """
    end = math.inf if timeout is None else time.monotonic() + timeout
    while True:
        try:
            ended = os.waitid(os.P_PID, running.pid, _LOOK)
        except ChildProcessError:
            running.wait()
            return None
        if ended is not None:
            running.wait()
            has_returned = ended.si_code == os.CLD_EXITED
            return ended.si_status if has_returned else -ended.si_status
        left = end - time.monotonic()
        if left <= 0:
            raise TimeoutExpired(running.args, timeout or 0)
        time.sleep(min(left, _PAUSE))


class _Output:
    """What comes from a pipe, read in a thread of its own until nothing can come any more."""

    def __init__(self, pipe: Any) -> None:
        self._pipe: IO[bytes] = pipe
        self._head = bytearray()
        self._tail = bytearray()
        self._is_cut = False
        self._is_over = False
        self.thread = threading.Thread(target=self._read, daemon=True)

    def text(self) -> str:
        """What has come so far; nothing is kept of what comes later."""
        self._is_over = True
        gap = _GAP if self._is_cut else b""
        return as_text(bytes(self._head) + gap + bytes(self._tail))

    def close(self) -> None:
        """Nothing is going to be read."""
        self._pipe.close()

    def _read(self) -> None:
        descriptor = self._pipe.fileno()
        with self._pipe:
            while piece := os.read(descriptor, 65536):
                if not self._is_over:
                    self._keep(piece)

    def _keep(self, piece: bytes) -> None:
        room = _KEPT - len(self._head)
        self._head += piece[:room]
        self._tail += piece[room:]
        if len(self._tail) > 2 * _KEPT:
            self._is_cut = True
            del self._tail[:-_KEPT]


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

    All are stopped first: what is started while they are looked for would be missed.
    """
    stopped: set[int] = set()
    try:
        for _ in range(_MOST_LOOKS):
            started = _family(pid) - stopped
            if not started:
                break
            stopped |= started
            _send(signal.SIGSTOP, started)
    finally:
        # Whatever the handler of a signal raises here, nothing is left that is stopped.
        _send(signal.SIGKILL, stopped)
        if stopped == {pid}:
            # Where others cannot be seen, those of its group are reached.
            with contextlib.suppress(OSError):
                os.killpg(pid, signal.SIGKILL)


def _send(number: signal.Signals, processes: Iterable[int]) -> None:
    for process in processes:
        # Some may have ended, and some be another user's.
        with contextlib.suppress(OSError):
            os.kill(process, number)


def _family(pid: int) -> set[int]:
    """A process, what it has started, what they have, and what is in a session of one of them.

    Workers of core 2.19 have sessions of their own, so the process group is not all. Where a
    parent has ended, the session still tells. Without ``/proc`` it is the process alone, and
    nothing if it is not a child of this process any more: its number may be another's by now.
    """
    others = list(_processes())
    if others and not any(_is_ours(process, pid) for process in others):
        return set()
    family = {pid}
    sessions = {pid}
    size = 0
    while len(family) > size:
        size = len(family)
        for process in others:
            if process.parent in family or process.session in sessions:
                family.add(process.pid)
                sessions.add(process.session)
    return family


@dataclasses.dataclass(frozen=True, slots=True)
class _Process:
    pid: int
    parent: int
    session: int


def _is_ours(process: _Process, pid: int) -> bool:
    return process.pid == pid and process.parent == os.getpid()


def _processes() -> Iterator[_Process]:
    """All processes, on Linux; none where ``/proc`` tells of others than this process can see."""
    with contextlib.suppress(OSError):
        if os.readlink("/proc/self") != str(os.getpid()):
            return
    for file in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            # The name, which is in parentheses, may hold anything.
            _, _, fields = file.read_text(errors="replace").rpartition(")")
            _, parent, _, session, *_ = fields.split()
            yield _Process(int(file.parent.name), int(parent), int(session))
