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
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any, TextIO

from cliff import columns
from cliff.formatters import base, commaseparated, shell, value

from fault_middleware.cmd import arguments, layout

# Python does not call these printable, but they are parts of ordinary texts.
_SPACES = "\u00a0\u3000"
_LINES = "\n\t"
# A cell that begins with one of these, or its wide form, is a formula to a spreadsheet.
_FORMULA = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20")
# The width of a table that is not printed to a terminal.
_WIDTH_OF_A_PIPE = 120
# An id with the name of its column fits into this.
_NARROWEST = 40

_Row = Sequence[Any]


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
    return _escaped(text, kept, ascii)


def printable_json(content: Any) -> str:
    """JSON for people: indented, with letters of all scripts, and no control characters."""
    text = json.dumps(content, indent=2, ensure_ascii=False)
    return _escaped(text, "\n", json.dumps)


class Value(value.ValueFormatter):
    """The values alone: a line for each row of a list, a line for each value of one object.

    A line break within a text is written as ``\\n``. Only where one value is asked for, as with
    ``--column details``, its own lines are kept: they cannot be mistaken for other values.
    """

    def emit_list(
        self,
        column_names: Sequence[str],
        data: Iterable[_Row],
        stdout: TextIO,
        parsed_args: argparse.Namespace,
    ) -> None:
        rows = _converted(data, _line)
        super().emit_list(column_names, rows, stdout, parsed_args)

    def emit_one(
        self,
        column_names: Sequence[str],
        data: _Row,
        stdout: TextIO,
        parsed_args: argparse.Namespace,
    ) -> None:
        (row,) = _converted([data], _line)
        if len(row) == 1:
            (row,) = _converted([data], _lines)
        super().emit_one(column_names, row, stdout, parsed_args)


class Shell(shell.ShellFormatter):
    """Assignments for ``eval "$(...)"``; quoted so that the shell runs nothing of a text."""

    def emit_one(
        self,
        column_names: Sequence[str],
        data: _Row,
        stdout: TextIO,
        parsed_args: argparse.Namespace,
    ) -> None:
        for name, content in zip(column_names, data, strict=True):
            if parsed_args.variables and name not in parsed_args.variables:
                continue
            text = ""
            if content is not None:
                text = _lines(content)
            quoted = shlex.quote(text)
            stdout.write(f"{parsed_args.prefix}{name}={quoted}\n")


class Csv(commaseparated.CSVLister):
    """Comma-separated values. Text that a spreadsheet would calculate gets an apostrophe."""

    def emit_list(
        self,
        column_names: Sequence[str],
        data: Iterable[_Row],
        stdout: TextIO,
        parsed_args: argparse.Namespace,
    ) -> None:
        rows = _converted(data, _csv_cell)
        super().emit_list(column_names, rows, stdout, parsed_args)


class Table(base.ListFormatter, base.SingleFormatter):
    """Tables for people, as wide as the terminal; see :mod:`.layout`."""

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
        data: Iterable[_Row],
        stdout: TextIO,
        parsed_args: argparse.Namespace,
    ) -> None:
        rows = _converted(data, _cell)
        if rows:
            width = _width(parsed_args)
            lines = layout.table(column_names, rows, width)
            _print(lines, stdout)

    def emit_one(
        self,
        column_names: Sequence[str],
        data: _Row,
        stdout: TextIO,
        parsed_args: argparse.Namespace,
    ) -> None:
        (cells,) = _converted([data], _cell)
        width = _width(parsed_args)
        lines = layout.named_values(column_names, cells, width)
        _print(lines, stdout)


def _converted(
    data: Iterable[_Row], convert: Callable[[Any], Any]
) -> list[list[Any]]:
    """The rows, with each of their values converted."""
    rows = []
    for row in data:
        converted = [convert(content) for content in row]
        rows.append(converted)
    return rows


def _machine_readable(content: Any) -> Any:
    if isinstance(content, columns.FormattableColumn):
        return content.machine_readable()
    return content


def _line(content: Any) -> str:
    """A value in one line."""
    return printable(str(_machine_readable(content)), _SPACES)


def _lines(content: Any) -> str:
    """A value with its own line breaks."""
    return printable(str(_machine_readable(content)))


def _csv_cell(content: Any) -> Any:
    content = _machine_readable(content)
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
    text = str(content).replace("\r\n", "\n")
    return printable(text).expandtabs(4)


def _escaped(text: str, kept: str, escape: Callable[[str], str]) -> str:
    """The text with what is neither printable nor kept escaped.

    :param escape: makes a quoted literal of a character
    """
    if text.isprintable():
        return text
    characters = []
    for character in text:
        if not character.isprintable() and character not in kept:
            character = escape(character)[1:-1]
        characters.append(character)
    return "".join(characters)


def _width(given: argparse.Namespace) -> int:
    """How many characters fit into a line."""
    width: int = given.max_width
    if not width:
        width = shutil.get_terminal_size((_WIDTH_OF_A_PIPE, 0)).columns
    return max(width, _NARROWEST)


def _print(lines: Iterable[str], stdout: TextIO) -> None:
    for line in lines:
        stdout.write(f"{line}\n")
