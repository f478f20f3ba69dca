# SPDX-License-Identifier: Apache-2.0
"""Values that belong to one process: connections, threads, locks.

A server may build the filter and fork afterwards, and no hook fires in every server behind the
fork. So whether a process is a new one is told by its id, each time the value is asked for.
Only where Python is told of every fork, the id is remembered, for a request asks several times.
"""

import functools
import os
import sys
import threading
from collections.abc import Callable
from typing import Generic, TypeVar

_Value = TypeVar("_Value")


def starts_no_threads() -> bool:
    """Whether no thread would run here: under uWSGI, where eventlet has replaced threads."""
    if (
        "uwsgi" not in sys.modules
    ):  # its own module, which is there in its processes alone
        return False
    # Not above: it loads eventlet, where that is installed, which takes its time.
    from oslo_utils import eventletutils

    return bool(eventletutils.is_monkey_patched("thread"))


class _Remembered:
    """The id of this process, looked up once and after each fork that Python is told of."""

    def __init__(self) -> None:
        self._look()
        os.register_at_fork(after_in_child=self._look)

    def get(self) -> int:
        return self._id

    def _look(self) -> None:
        self._id = os.getpid()


@functools.cache
def _remembered() -> _Remembered:
    """The one of all values: Python keeps what it calls after a fork for ever."""
    return _Remembered()


def _source_of_id() -> Callable[[], int]:
    """What tells the id of this process at least cost."""
    if "uwsgi" in sys.modules:
        # It forks in C, and tells Python of it only where py-call-osafterfork is set.
        return os.getpid
    return _remembered().get


class PerProcess(Generic[_Value]):
    """A value that is made when a process first asks for it, and made anew after a fork.

    Thread-safe. A thread may be interrupted while it asks, and ask again.

    :param make: makes the value; what it raises, :meth:`get` raises, and the next call tries again
    :param abandon: is called after a fork, in the new process, with the value of the old process,
        which goes on using it
    """

    def __init__(
        self,
        make: Callable[[], _Value],
        abandon: Callable[[_Value], None] | None = None,
    ) -> None:
        self._make = make
        self._abandon = abandon
        self._process_id = _source_of_id()
        self._made: tuple[int, _Value] | None = None
        # One lock for each process: a fork may copy a lock that another thread holds, and there
        # nobody would ever release it.
        self._locks: dict[int, threading.RLock] = {}

    def get(self) -> _Value:
        """The value of this process."""
        pid = self._process_id()
        made = self._made
        if made is not None and made[0] == pid:
            return made[1]
        with self._locks.setdefault(pid, threading.RLock()):
            return self._get_or_make(pid)

    def _get_or_make(self, pid: int) -> _Value:
        made = self._made
        if made is not None and made[0] == pid:  # another thread was faster
            return made[1]
        if made is not None and self._abandon is not None:
            self._abandon(made[1])
        value = self._make()
        self._made = (pid, value)
        return value
