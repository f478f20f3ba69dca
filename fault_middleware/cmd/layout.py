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
    text_width = widths.pop()
    frame = 3 * len(names) + 1
    room = width - frame - sum(widths)
    if room >= min(_NARROWEST, text_width):
        yield _framed(names, rows, room)
        return
    longest = max(widths, default=0)
    has_room = longest + len(_INDENT) <= width
    if has_room and not _has_line_breaks(rows):
        stack = _Stack(widths, width)
        yield from stack.lines(names, rows)
        return
    for number, row in enumerate(rows):
        if number > 0:
            yield ""
        yield from named_values(names, row, width)


def named_values(names: _Cells, cells: _Cells, width: int) -> Iterator[str]:
    """A line for each value, with its name; a long value goes on in the next lines."""
    longest = max(names, key=len)
    margin = len(longest) + len(_GAP)
    for name, cell in zip(names, cells, strict=True):
        head = name
        for text in wrap(cell, width - margin, keep_words=True):
            line = head.ljust(margin) + text
            yield line.rstrip()
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
    wrapper = textwrap.TextWrapper(
        width, break_on_hyphens=False, break_long_words=not keep_words
    )
    lines = []
    for line in text.split("\n"):
        unindented = line.lstrip()
        own_indent = len(line) - len(unindented)
        # What is wrapped stays below its beginning, but keeps half of the line to itself.
        indent = min(own_indent, width // 2)
        wrapper.subsequent_indent = " " * indent
        lines += wrapper.wrap(line) or [""]
    return lines


class _Stack:
    """A table without a frame, whose rows have several lines: the columns, and the text below."""

    def __init__(self, widths: list[int], width: int) -> None:
        """Decide which columns share a line.

        :param widths: of all columns but the text
        """
        self._widths = widths
        self._width = width
        self._groups: list[list[int]] = []
        used = width
        for number, column_width in enumerate(widths):
            used += len(_GAP) + column_width
            if used > width:
                self._groups.append([])
                used = column_width + len(_INDENT)
            self._groups[-1].append(number)

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
                width = self._widths[number]
                line += cells[number].ljust(width) + _GAP
            yield line.rstrip()
            line = _INDENT
        room = self._width - len(_INDENT)
        for text in wrap(cells[-1], room, keep_words=True):
            yield _INDENT + text


def _framed(names: _Cells, rows: _Rows, room: int) -> str:
    """A table with a frame, whose last column is ``room`` characters wide."""
    framed = prettytable.PrettyTable(names)
    framed.align = "l"
    for row in rows:
        *others, text = row
        lines = wrap(text, room)
        framed.add_row([*others, "\n".join(lines)])
    return framed.get_string()


def _column_widths(names: _Cells, rows: _Rows) -> list[int]:
    widths = []
    for column in zip(names, *rows, strict=True):
        longest = max(column, key=len)
        widths.append(len(longest))
    return widths


def _has_line_breaks(rows: _Rows) -> bool:
    """Whether a cell before the last column has several lines."""
    for row in rows:
        for cell in row[:-1]:
            if "\n" in cell:
                return True
    return False


def _has_wide_letters(text: str) -> bool:
    for character in text:
        if unicodedata.east_asian_width(character) in "WF":
            return True
    return False
