# SPDX-License-Identifier: Apache-2.0
"""A command that runs again and again on a terminal, until somebody ends it."""

import argparse
import re
import sys
import time
from collections.abc import Callable

#: Seconds between two runs where nobody says.
USUAL = 30.0

_LONGEST = 24 * 3600.0
# To the upper left corner, and everything away from there on.
_CLEAR = "\x1b[H\x1b[2J"


def seconds(text: str) -> float:
    """The type of an argument: seconds, from 1 to a day."""
    if re.fullmatch(r"[0-9]{1,5}(\.[0-9]{1,3})?", text):
        found = float(text)
        if 1 <= found <= _LONGEST:
            return found
    raise argparse.ArgumentTypeError(
        f"{text!r} is not a number of seconds from 1 to {_LONGEST:.0f}"
    )


def repeat(run: Callable[[], int], pause: float) -> int:
    """Run a command until Ctrl-C, each time on an empty screen; the exit code.

    Where standard output is not a terminal, once.

    :param pause: seconds between two runs
    """
    if not sys.stdout.isatty():
        print("--watch needs a terminal; listed once", file=sys.stderr)
        return run()
    try:
        while True:
            print(_CLEAR, end="", flush=True)
            run()
            print(f"Every {pause:g} s; Ctrl-C ends it.", flush=True)
            time.sleep(pause)
    except KeyboardInterrupt:
        print()
        return 0
