# SPDX-License-Identifier: Apache-2.0
"""Cells that are safe in each of cliff's formats, whatever a service says.

The texts of faults are chosen by whoever makes an operation fail.  In these formats cliff would
let a shell or a spreadsheet run them, or let one row look like two.
"""

import argparse
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from cliff.columns import FormattableColumn

# What means something to a shell within double quotes, but the quote, which cliff escapes.
_OBEYED = re.compile(r"[\\$`]")
# What a spreadsheet takes for the beginning of a formula, if white space is before it too.
_FORMULA = re.compile("\\s*[=+@\uff1d\uff0b\uff0d\uff20-]")


def row(cells: Iterable[Any], given: argparse.Namespace) -> tuple[Any, ...]:
    """The cells of a row of a list, for the format that the arguments name."""
    fit = _IN_LISTS.get(given.formatter)
    return tuple(cells) if fit is None else tuple(map(fit, cells))


def values(cells: Iterable[Any], given: argparse.Namespace) -> tuple[Any, ...]:
    """The values of one thing, for the format that the arguments name."""
    fit = _IN_SHOWS.get(given.formatter)
    if fit is _in_one_line and len(given.columns) == 1:
        # One value alone cannot be mistaken for several.
        fit = None
    return tuple(cells) if fit is None else tuple(map(fit, cells))


def _text(cell: Any) -> str:
    if isinstance(cell, FormattableColumn):
        cell = cell.machine_readable()
    return str(cell)


def _in_one_line(cell: Any) -> str:
    return _text(cell).replace("\n", "\\n")


def _for_a_spreadsheet(cell: Any) -> str:
    text = _text(cell)
    return f"'{text}" if _FORMULA.match(text) else text


def _for_a_shell(cell: Any) -> str:
    return _OBEYED.sub(r"\\\g<0>", _text(cell))


_IN_LISTS: Mapping[str, Callable[[Any], str]] = {
    "csv": _for_a_spreadsheet,
    "value": _in_one_line,
}
_IN_SHOWS: Mapping[str, Callable[[Any], str]] = {
    "shell": _for_a_shell,
    "value": _in_one_line,
}
