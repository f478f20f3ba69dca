# SPDX-License-Identifier: Apache-2.0
"""Runs fault-middleware-manage in the process of the tests.

Starting Python and importing oslo's libraries takes a hundred times as long as most commands.
"""

import contextlib
import io
import logging
import threading
from collections.abc import Iterator
from typing import NamedTuple

from fault_middleware.cmd import manage


class Ended(NamedTuple):
    """How a command ended: its exit code, and what it printed."""

    code: int
    out: str
    err: str


def run_manage(*arguments: str) -> Ended:
    """Run a command as a shell would, but in this process."""
    out = io.StringIO()
    err = io.StringIO()
    with (
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
        _log_of_its_own(),
    ):
        try:
            code = manage.main(list(arguments))
        except SystemExit as exc:  # argparse's way to end
            code = int(exc.code or 0)
    return Ended(code, out.getvalue(), err.getvalue())


@contextlib.contextmanager
def _log_of_its_own() -> Iterator[None]:
    """Take pytest's handlers out of the log, and the program's when it has ended.

    What threads log that other tests have left behind is not printed by the program.
    """
    here = threading.get_ident()
    last = logging.lastResort
    assert last is not None

    def is_ours(record: logging.LogRecord) -> bool:
        return record.thread == here

    last.addFilter(is_ours)
    root = logging.getLogger()
    handlers = list(root.handlers)
    level = root.level
    root.handlers = []
    try:
        yield
    finally:
        last.removeFilter(is_ours)
        root.handlers = handlers
        root.setLevel(level)
        logging.getLogger("oslo_db").setLevel(logging.NOTSET)
