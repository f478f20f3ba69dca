# SPDX-License-Identifier: Apache-2.0
"""Tests that are tried on changed functions, each time in a process of its own; see mutants.py.

The tests are collected once.  A fork gets its functions' code exchanged, and runs the tests that
ran the changed lines when nothing was changed: first those that noticed an earlier change.
"""

import contextlib
import gc
import json
import os
import resource
import signal
import sys
import threading
from collections.abc import Callable, Generator, Iterator, Sequence
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any

import pytest

# Of computing, and of waiting: the machine may have more to do.
CPU_SECONDS = 120
SECONDS = 900
MEMORY = 4 * 2**30
OPTIONS = ["-q", "-x", "-s", "-p", "no:cacheprovider", "-k", "not upsets"]
#: The lines of a statement that is changed, and the module with the change.
Change = tuple[range, CodeType]


class NoShrinking:
    """A plugin: that a test fails is enough, and it is to be the same each time."""

    def pytest_configure(self) -> None:
        from hypothesis import Phase, settings

        settings.register_profile(
            "mutants", phases=[Phase.generate], derandomize=True
        )
        settings.load_profile("mutants")


class Watch:
    """A plugin: which lines of a file each test runs."""

    def __init__(self, file: Path) -> None:
        self.tests: dict[str, list[int]] = {}
        self._file = str(file)
        self._lines: set[int] = set()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: Any) -> Generator[None, Any, Any]:
        self._lines = set()
        sys.settrace(self._trace)
        threading.settrace(self._trace)
        try:
            return (yield)
        finally:
            sys.settrace(None)
            threading.settrace(None)  # type: ignore[arg-type]
            self.tests[item.nodeid] = sorted(self._lines)

    def _trace(self, frame: Any, event: str, argument: Any) -> Any:
        if frame.f_code.co_filename != self._file:
            return None
        self._lines.add(frame.f_lineno)
        return self._trace


class Failed:
    """A plugin: the first test that fails."""

    def __init__(self) -> None:
        self.test = ""

    def pytest_runtest_logreport(self, report: Any) -> None:
        if report.failed:
            self.test = self.test or report.nodeid


class Trials:
    """A plugin that runs nothing but trials once the tests are collected.

    :param told: a file for the test that failed, one a line, for each change; the line is empty
        where no test noticed, or where a function's code cannot be exchanged
    """

    def __init__(
        self, file: Path, changes: Sequence[Change], told: Path
    ) -> None:
        self._file, self._changes = file, changes
        self._noticed = told
        self._told = told.with_suffix(".told")

    def pytest_runtestloop(self, session: Any) -> bool:
        functions = list(_functions_of(str(self._file)))
        gc.freeze()
        lines = self._watch(session)
        recent: list[str] = []
        for place, code in self._changes:
            tests = [
                item
                for item in session.items
                if not lines[item.nodeid].isdisjoint(place)
            ]
            tests.sort(
                key=lambda item: (
                    -recent.index(item.nodeid) if item.nodeid in recent else 1
                )
            )
            test = self._try(session, tests, functions, code)
            with self._noticed.open("a") as noticed:
                noticed.write(f"{test}\n")
            if test in recent:
                recent.remove(test)
            if test:
                recent.append(test)
        return True

    def _watch(self, session: Any) -> dict[str, set[int]]:
        """The lines that each test runs where nothing is changed."""

        def watch() -> None:
            plugin = Watch(self._file)
            session.config.pluginmanager.register(plugin)
            failed = run(session, session.items)
            if not failed:
                self._told.write_text(json.dumps(plugin.tests))

        self._told.write_text("")
        # All tests, traced: that takes longer than any trial may.
        in_fork(watch, is_bounded=False)
        text = self._told.read_text()
        if not text:
            raise pytest.UsageError("the tests fail without a mutation")
        told = json.loads(text)
        return {test: set(lines) for test, lines in told.items()}

    def _try(
        self,
        session: Any,
        tests: Sequence[Any],
        functions: Sequence[FunctionType],
        code: CodeType,
    ) -> str:
        codes = dict(_codes(code))

        def attempt() -> None:
            for function in functions:
                function.__code__ = codes[function.__qualname__]
            self._told.write_text("did not end")
            failed = run(session, tests)
            self._told.write_text(failed)

        self._told.write_text("")
        in_fork(attempt)
        return self._told.read_text()


def run(session: Any, tests: Sequence[Any]) -> str:
    """Run collected tests until one fails; its id, or none."""
    plugin = Failed()
    session.config.pluginmanager.register(plugin)
    for test, following in zip(tests, [*tests[1:], None], strict=True):
        test.config.hook.pytest_runtest_protocol(item=test, nextitem=following)
        if plugin.test:
            break
    with contextlib.suppress(BaseException):
        session._setupstate.teardown_exact(None)
    return plugin.test


def in_fork(act: Callable[[], None], *, is_bounded: bool = True) -> int:
    """Do something in a process of its own; how that ended, 0 if nothing was raised."""
    pid = os.fork()
    if pid == 0:
        os.setpgrp()
        if is_bounded:
            signal.alarm(SECONDS)
            signal.setitimer(signal.ITIMER_PROF, CPU_SECONDS)
            # A loop that does not end may fill a list.
            resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, 1)
        os.dup2(null, 2)
        try:
            act()
        except BaseException:
            os._exit(1)
        os._exit(0)
    return os.waitpid(pid, 0)[1]


def _functions_of(file: str) -> Iterator[FunctionType]:
    """The functions and methods of a module that is loaded."""
    for found in gc.get_objects():
        if (
            isinstance(found, FunctionType)
            and found.__code__.co_filename == file
            and "<" not in found.__code__.co_qualname
        ):
            yield found


def _codes(code: CodeType, name: str = "") -> Iterator[tuple[str, CodeType]]:
    """The code of functions and methods, by their qualified names."""
    for found in code.co_consts:
        if isinstance(found, CodeType) and "<" not in found.co_qualname:
            yield found.co_qualname, found
            yield from _codes(found)
