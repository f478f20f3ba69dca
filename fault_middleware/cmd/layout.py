# SPDX-License-Identifier: Apache-2.0
"""The layout of tables and of single objects on a terminal.

The last column of a table is its text, and is wrapped. All others stay whole, so that ids can be
copied. Where that leaves no room for the text, it gets lines of its own.
"""

import textwrap
import unicodedata
from collections.abc import Iterator, Sequence

import prettytable

# A last column that would be narrower than this gets lines of its own.
_NARROWEST = 30
_INDENT = "    "
# Between two columns of a table without a frame.
_GAP = "  "

_Cells = Sequence[str]
_Rows = Sequence[_Cells]


def table(names: _Cells, rows: _Rows, width: int) -> Iterator[str]:
    """The lines of a table, in the first layout that has room for it.

    :param names: of the columns
    :param rows: the cells of each row; at least one row
    :param width: characters in a line
    """
    widths = _column_widths(names, rows)
    frame = 3 * len(names) + 1
    room = width - frame - sum(widths[:-1])
    if room >= min(_NARROWEST, widths[-1]):
        yield _framed(names, rows, room)
        return
    longest = max(widths[:-1], default=0)
    is_simple = longest <= width - len(_INDENT)
    if is_simple and not _has_line_breaks(rows):
        yield from _Stack(widths, width).lines(names, rows)
        return
    for number, row in enumerate(rows):
        if number:
            yield ""
        yield from record(names, row, width)


def record(names: _Cells, cells: _Cells, width: int) -> Iterator[str]:
    """A line for each value, with its name; a long value goes on in the next lines."""
    margin = len(max(names, key=len)) + len(_GAP)
    for name, cell in zip(names, cells, strict=True):
        head = name
        for line in wrap(cell, width - margin, keep_words=True):
            yield (head.ljust(margin) + line).rstrip()
            head = ""


def wrap(text: str, width: int, keep_words: bool = False) -> list[str]:
    """The lines of a text, none of them wider than ``width`` characters of a terminal.

    Line breaks and indentation of the text itself stay. An id is not divided at its hyphens.

    :param keep_words: let a path or a URL that is longer than a line exceed it, so that it can
        be copied
    """
    if _has_wide_letters(text):
        # Each of them takes the place of two, and no spaces are between them.
        width = width // 2
        keep_words = False
    wrapper = textwrap.TextWrapper(width, break_on_hyphens=False, break_long_words=not keep_words)
    lines = []
    for line in text.split("\n"):
        lines += wrapper.wrap(line) or [""]
    return lines


class _Stack:
    """A table without a frame, whose rows have several lines: the columns, and the text below.

    :ivar groups: the numbers of the columns that share a line
    """

    def __init__(self, widths: Sequence[int], width: int) -> None:
        self._widths = widths
        self._width = width
        self._groups: list[list[int]] = [[]]
        used = 0
        for number, column_width in enumerate(widths[:-1]):
            if used + column_width > width:
                self._groups.append([])
                used = len(_INDENT)
            self._groups[-1].append(number)
            used += column_width + len(_GAP)

    def lines(self, names: _Cells, rows: _Rows) -> Iterator[str]:
        """The head, a rule, and the rows."""
        yield from self._row(names)
        yield "-" * self._width
        for row in rows:
            yield from self._row(row)

    def _row(self, cells: _Cells) -> Iterator[str]:
        line = ""
        for group in self._groups:
            for number in group:
                line += cells[number].ljust(self._widths[number]) + _GAP
            yield line.rstrip()
            line = _INDENT
        for text in wrap(cells[-1], self._width - len(_INDENT), keep_words=True):
            yield _INDENT + text


def _framed(names: _Cells, rows: _Rows, room: int) -> str:
    """A table with a frame, whose last column is ``room`` characters wide."""
    framed = prettytable.PrettyTable(names)
    framed.align = "l"
    for row in rows:
        text = "\n".join(wrap(row[-1], room))
        framed.add_row([*row[:-1], text])
    return framed.get_string()


def _column_widths(names: _Cells, rows: _Rows) -> list[int]:
    widths = []
    for name, *cells in zip(names, *rows, strict=True):
        longest = max(cells, key=len)
        widths.append(max(len(name), len(longest)))
    return widths


def _has_line_breaks(rows: _Rows) -> bool:
    """Whether a cell before the last column has several lines."""
    return any("\n" in "".join(row[:-1]) for row in rows)


def _has_wide_letters(text: str) -> bool:
    return any(unicodedata.east_asian_width(character) in "WF" for character in text)
