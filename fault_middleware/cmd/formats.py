# SPDX-License-Identifier: Apache-2.0
"""The output formats of the commands: cliff's, made safe, and readable on narrow terminals.

The texts of faults are chosen by whoever makes an operation fail. So no format passes on
characters that a terminal obeys, and none lets a shell or a spreadsheet run what a text says.
JSON and YAML are cliff's own formats: they escape such characters themselves.
"""

import argparse
import json
import shlex
import shutil
import textwrap
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any, TextIO

import prettytable
from cliff import columns
from cliff.formatters import base, commaseparated, shell, value

from fault_middleware.cmd import arguments

# Python does not call these printable, but they are parts of ordinary texts.
_SPACES = "\u00a0\u3000"
_LINES = "\n\t"
# A cell that begins with one of these is a formula to a spreadsheet.
_FORMULA = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20")
# The width of a table that is not printed to a terminal.
_WIDTH_OF_A_PIPE = 120
# A last column that would be narrower than this gets lines of its own.
_NARROWEST = 30
_INDENT = "    "


class Time(columns.FormattableColumn[Any]):
    """A time: for people without fractions of a second, for programs in ISO 8601."""

    def human_readable(self) -> str:
        moment: datetime = self._value
        return moment.isoformat(" ", "seconds")

    def machine_readable(self) -> str:
        moment: datetime = self._value
        return moment.isoformat()


class Message(columns.FormattableColumn[str]):
    """The message of a row, which is empty where somebody cleared the faults."""

    def human_readable(self) -> str:
        return self._value or "(cleared)"

    def machine_readable(self) -> str:
        return self._value


def column(name: str, content: Any) -> Any:
    """The content of a column of the table of faults, as the formats expect it."""
    if isinstance(content, datetime):
        return Time(content)
    if name == "message":
        return Message(content)
    return content


def printable(text: str, kept: str = _LINES + _SPACES) -> str:
    """Replace characters that are not printed by their escapes, such as ``\\x1b``.

    :param kept: characters that stay although Python does not call them printable
    """
    return "".join(
        character if character.isprintable() or character in kept else ascii(character)[1:-1]
        for character in text
    )


def printable_json(content: Any) -> str:
    """JSON for people: indented, with letters of all scripts, and no control characters."""
    text = json.dumps(content, indent=2, ensure_ascii=False)
    return "".join(
        character if character.isprintable() or character == "\n" else json.dumps(character)[1:-1]
        for character in text
    )


class Value(value.ValueFormatter):
    """The values alone: a line for each row of a list, a line for each value of one object.

    A line break within a text is written as ``\\n``. Only where one value is asked for, as with
    ``--column details``, its own lines are kept: there is nothing that they could be taken for.
    """

    def emit_list(
        self,
        column_names: Sequence[str],
        data: Iterable[Sequence[Any]],
        stdout: TextIO,
        parsed_args: argparse.Namespace,
    ) -> None:
        rows = [[printable(_text(content), _SPACES) for content in row] for row in data]
        super().emit_list(column_names, rows, stdout, parsed_args)

    def emit_one(
        self,
        column_names: Sequence[str],
        data: Sequence[Any],
        stdout: TextIO,
        parsed_args: argparse.Namespace,
    ) -> None:
        contents = list(data)
        kept = _SPACES if len(contents) > 1 else _LINES + _SPACES
        lines = [printable(_text(content), kept) for content in contents]
        super().emit_one(column_names, lines, stdout, parsed_args)


class Shell(shell.ShellFormatter):
    """Assignments for ``eval "$(...)"``; quoted so that the shell runs nothing of a text."""

    def emit_one(
        self,
        column_names: Sequence[str],
        data: Sequence[Any],
        stdout: TextIO,
        parsed_args: argparse.Namespace,
    ) -> None:
        for name, content in zip(column_names, data, strict=True):
            if parsed_args.variables and name not in parsed_args.variables:
                continue
            text = "" if content is None else printable(_text(content))
            stdout.write(f"{parsed_args.prefix}{name}={shlex.quote(text)}\n")


class Csv(commaseparated.CSVLister):
    """Comma-separated values. Text that a spreadsheet would calculate gets an apostrophe."""

    def emit_list(
        self,
        column_names: Sequence[str],
        data: Iterable[Sequence[Any]],
        stdout: TextIO,
        parsed_args: argparse.Namespace,
    ) -> None:
        rows = [[_csv_cell(content) for content in row] for row in data]
        super().emit_list(column_names, rows, stdout, parsed_args)


class Table(base.ListFormatter, base.SingleFormatter):
    """Tables for people, as wide as the terminal.

    The last column of a list is its text, and is wrapped. All others stay whole, so that ids can
    be copied. Where that leaves no room for the text, it gets lines of its own.
    """

    def add_argument_group(self, parser: argparse.ArgumentParser) -> None:
        group = parser.add_argument_group("table formatter")
        group.add_argument(
            "--max-width",
            metavar="NUMBER",
            type=arguments.count,
            default=0,
            help="the most characters in a line (default: the width of the terminal, or "
            f"{_WIDTH_OF_A_PIPE} if the output is not a terminal)",
        )

    def emit_list(
        self,
        column_names: Sequence[str],
        data: Iterable[Sequence[Any]],
        stdout: TextIO,
        parsed_args: argparse.Namespace,
    ) -> None:
        rows = [[_cell(content) for content in row] for row in data]
        if not rows:
            return
        for line in _list_lines(list(column_names), rows, _line_width(parsed_args)):
            stdout.write(f"{line}\n")

    def emit_one(
        self,
        column_names: Sequence[str],
        data: Sequence[Any],
        stdout: TextIO,
        parsed_args: argparse.Namespace,
    ) -> None:
        cells = [_cell(content) for content in data]
        for line in _record_lines(column_names, cells, _line_width(parsed_args)):
            stdout.write(f"{line}\n")


def _text(content: Any) -> str:
    """A value as programs read it."""
    if isinstance(content, columns.FormattableColumn):
        content = content.machine_readable()
    return str(content)


def _csv_cell(content: Any) -> Any:
    if isinstance(content, columns.FormattableColumn):
        content = content.machine_readable()
    if not isinstance(content, str):
        return content
    if content.lstrip().startswith(_FORMULA):
        content = f"'{content}"
    return printable(content)


def _cell(content: Any) -> str:
    """A value as people read it."""
    if content is None:
        return "-"
    if isinstance(content, columns.FormattableColumn):
        content = content.human_readable()
    return printable(str(content).replace("\r\n", "\n")).expandtabs(4)


def _line_width(given: argparse.Namespace) -> int:
    """How many characters fit into a line, with at least room for an id."""
    width: int = given.max_width
    if not width:
        width = shutil.get_terminal_size((_WIDTH_OF_A_PIPE, 0)).columns
    return max(width, 40)


def _list_lines(names: list[str], rows: list[list[str]], width: int) -> Iterable[str]:
    """The lines of a list, in the first layout that has room for it."""
    widths = [max(len(cell) for cell in cells) for cells in zip(names, *rows, strict=True)]
    frame = 3 * len(names) + 1
    room = width - frame - sum(widths[:-1])
    if room >= min(_NARROWEST, widths[-1]):
        return _framed_lines(names, rows, room)
    is_simple = all("\n" not in cell for row in rows for cell in row[:-1])
    if is_simple and max(widths[:-1]) <= width - len(_INDENT):
        return _stacked_lines(names, rows, widths, width)
    return _separate_records(names, rows, width)


def _framed_lines(names: list[str], rows: list[list[str]], room: int) -> Iterable[str]:
    """A table with a frame, whose last column is ``room`` wide."""
    table = prettytable.PrettyTable(names)
    table.align = "l"
    for row in rows:
        table.add_row([*row[:-1], "\n".join(wrap(row[-1], room))])
    return [table.get_string()]


def _stacked_lines(
    names: list[str], rows: list[list[str]], widths: list[int], width: int
) -> Iterator[str]:
    """Rows of several lines: as many columns as fit into each, and the text below them."""
    groups = _column_groups(widths[:-1], width)
    yield from _stacked_row(names, groups, widths, width)
    yield "-" * width
    for row in rows:
        yield from _stacked_row(row, groups, widths, width)


def _column_groups(widths: list[int], width: int) -> list[list[int]]:
    """The numbers of the columns that share a line."""
    groups: list[list[int]] = [[]]
    used = 0
    for number, column_width in enumerate(widths):
        if groups[-1] and used + column_width > width:
            groups.append([])
            used = len(_INDENT)
        groups[-1].append(number)
        used += column_width + 2
    return groups


def _stacked_row(
    cells: list[str], groups: list[list[int]], widths: list[int], width: int
) -> Iterator[str]:
    indent = ""
    for group in groups:
        line = "  ".join(cells[number].ljust(widths[number]) for number in group)
        yield (indent + line).rstrip()
        indent = _INDENT
    for line in wrap(cells[-1], width - len(_INDENT)):
        yield _INDENT + line


def _separate_records(names: list[str], rows: list[list[str]], width: int) -> Iterator[str]:
    """Every row as a record, with an empty line between two."""
    for number, row in enumerate(rows):
        if number:
            yield ""
        yield from _record_lines(names, row, width)


def _record_lines(names: Sequence[str], cells: Sequence[str], width: int) -> Iterator[str]:
    """A line for each value, the name before it; a long value goes on in the next lines."""
    margin = max(len(name) for name in names) + 2
    for name, cell in zip(names, cells, strict=True):
        head = name
        for line in wrap(cell, width - margin):
            yield (head.ljust(margin) + line).rstrip()
            head = ""


def wrap(text: str, width: int) -> list[str]:
    """The lines of a text, none of them wider than ``width`` characters of a terminal.

    Line breaks and indentation of the text itself stay. An id is not divided at its hyphens.
    """
    if any(unicodedata.east_asian_width(character) in "WF" for character in text):
        width = width // 2  # each of these takes the place of two
    lines = []
    for line in text.split("\n"):
        lines += textwrap.wrap(line, width, break_on_hyphens=False) or [""]
    return lines
