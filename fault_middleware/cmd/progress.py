# SPDX-License-Identifier: Apache-2.0
"""How far a command has come: a line on a terminal, which the next one replaces."""

import sys
from datetime import datetime


def purged(total: int, position: str | None) -> None:
    """Say how far a purge has come; at its end, take the line away."""
    text = ""
    if position:
        text = f"{total} so far, at instance {position}"
    _show(text)


def looked_at(number: int, back_to: datetime) -> None:
    """Say how far a list has looked for its rows."""
    _show(f"looked at {number} rows, back to {back_to:%Y-%m-%d %H:%M:%S}")


def copied(number: int) -> None:
    """Say how many rows were copied."""
    _show(f"{number} rows so far")


def end() -> None:
    """Take the line away."""
    _show("")


def _show(text: str) -> None:
    if sys.stderr.isatty():
        print(f"\r{text:79}\r", end="", file=sys.stderr, flush=True)
