# SPDX-License-Identifier: Apache-2.0
"""``fault top``: what fails most."""

import argparse
from collections.abc import Mapping, Sequence
from typing import Any

from fault_middleware.cmd import arguments, formats, remarks, textfile
from fault_middleware.cmd.manage import ListCommand, Table
from fault_middleware.listing import Listing, Wanted

# What is counted together, and what a table then says of it.
_KEYS = {
    "message": ("service", "message"),
    "service": ("service",),
    "project": ("project_id",),
    "instance": ("service", "instance_id"),
}
_NUMBERS = ("count", "instances", "first", "last")
# A table of 80 characters has room for these, and some words of a message.
_BRIEF = ("count", "last")
_BAR = 10


class Top(ListCommand):
    """List what failed most often, the most frequent first. Times are in UTC.

    It counts the faults of a time by what they say, or by what --by names. A table has a bar for
    each; other formats have all columns: how many instances it was, when first and when last.
    """

    examples = (
        "fault top",
        "fault top --by project --since 7d",
        "fault top --service trove --format json",
        "fault top --since 1h --textfile top.prom",
    )

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument(
            "--by",
            choices=sorted(_KEYS),
            default="message",
            help="what to count together (default: %(default)s)",
        )
        parser.add_argument(
            "--service", metavar="NAME", help="only faults of this service"
        )
        parser.add_argument(
            "--since",
            metavar="TIME",
            type=arguments.time,
            default="24h",
            help="only faults of the last 30m, 12h or 7d, or since a time such as "
            "2026-11-20T08:00 (UTC) (default: %(default)s)",
        )
        parser.add_argument(
            "--limit",
            metavar="NUMBER",
            type=arguments.count,
            default=10,
            help="how many to list at most, 0 for all (default: %(default)s)",
        )
        parser.add_argument(
            "--textfile",
            metavar="FILE",
            help="also write the figures to this file, for the textfile collector of "
            f"Prometheus's node exporter; with a limit of 1 to {textfile.MOST_ROWS}",
        )
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> Table:
        path = parsed_args.textfile
        if path and not 0 < parsed_args.limit <= textfile.MOST_ROWS:
            raise RuntimeError(
                f"--textfile needs a --limit of 1 to {textfile.MOST_ROWS}: "
                "Prometheus keeps a series for each row"
            )
        keys = _KEYS[parsed_args.by]
        equal = {}
        if parsed_args.service:
            equal["service"] = parsed_args.service
        found = Listing(self.store()).most_frequent(
            keys, Wanted(parsed_args.since, equal), parsed_args.limit or None
        )
        if path:
            _write(path, keys, found.rows)
        remarks.on_counted(found)
        if parsed_args.formatter == "table" and not parsed_args.columns:
            return _chart(found.rows, keys)
        columns = [*_NUMBERS, *keys]
        return columns, [_cells(row, columns) for row in found.rows]


def _write(
    path: str, keys: Sequence[str], rows: Sequence[Mapping[str, Any]]
) -> None:
    """Write the rows to a file; what is wrong with that becomes one line."""
    try:
        textfile.write(path, keys, rows)
    except OSError as exc:
        raise RuntimeError(f"--textfile {path}: {exc.strerror}") from exc


def _chart(rows: Sequence[Mapping[str, Any]], keys: tuple[str, ...]) -> Table:
    """The rows with a bar for each, as long as it is frequent beside the first."""
    columns = [*_BRIEF, *keys]
    cells = []
    for row in rows:
        length = max(1, round(_BAR * row["count"] / rows[0]["count"]))
        cells.append(["#" * length, *_cells(row, columns)])
    return ["share", *columns], cells


def _cells(row: Mapping[str, Any], columns: Sequence[str]) -> list[Any]:
    return [formats.column(name, row[name]) for name in columns]
