# SPDX-License-Identifier: Apache-2.0
"""Forks: what belongs to one process, and what happens when a server forks.

A server may build the filter and fork afterwards, and no hook fires in every server behind the
fork. So a new process is recognized by its id, each time a value is asked for. Only if Python is
told of every fork is the id remembered, because a request asks several times.

- :class:`PerProcess` is for what we make: connections, threads, locks.
- :func:`let_forks_wait_for` is for a lock around what others make, whose locks a fork would copy.
- :func:`call_at_end` is for what a process does at its end, and its forks do not.
- :func:`call_in_uwsgi_workers` is for what need not wait for a worker's first request.
"""

import atexit
import contextlib
import functools
import importlib
import os
import sys
import threading
from collections.abc import Callable
from typing import Any, Generic, TypeVar

_Value = TypeVar("_Value")


def is_in_uwsgi() -> bool:
    """Whether uWSGI runs this process: only there is its own module."""
    return "uwsgi" in sys.modules


def starts_no_threads() -> bool:
    """Whether no thread would run here: under uWSGI, where eventlet has replaced threads."""
    return is_in_uwsgi() and _has_patched_threads()


def has_green_threads() -> bool:
    """Whether threads are eventlet's, of which none runs while another waits in C."""
    return "eventlet" in sys.modules and _has_patched_threads()


def _has_patched_threads() -> bool:
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
    if is_in_uwsgi():
        # It forks in C, and tells Python of it only where py-call-osafterfork is set.
        return os.getpid
    return _remembered().get


class PerProcess(Generic[_Value]):
    """A value that is made when a process first asks for it, and again after a fork.

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


def let_forks_wait_for(lock: "threading.RLock") -> None:
    """Have no fork happen while a thread holds this lock, which is free in the new process.

    For a lock that surrounds what has locks of its own: a fork would copy one of those while
    another thread holds it, and in the new process nobody would ever release it. Python keeps
    what it calls at a fork for ever, so this is for a lock that lives as long as the process.
    """
    os.register_at_fork(
        before=lock.acquire,
        after_in_parent=lock.release,
        after_in_child=lock.release,
    )


def call_at_end(act: Callable[[], None]) -> None:
    """Have something called when this process ends, but not when a fork of it does."""
    pid = os.getpid()

    def act_here() -> None:
        # Not the remembered id: this is called once, and uWSGI's forks end here too.
        if os.getpid() == pid:
            act()

    atexit.register(act_here)


def call_in_uwsgi_workers(act: Callable[[], None]) -> None:
    """Have something called in each worker of uWSGI, the one server that tells its workers."""
    uwsgi: Any = sys.modules.get("uwsgi")
    if uwsgi is None:
        return

    def act_in_worker() -> None:
        if uwsgi.worker_id():  # neither a mule nor a spooler
            act()

    # There is no such hook without a master.
    with contextlib.suppress(Exception):
        importlib.import_module("uwsgidecorators").postfork(act_in_worker)
