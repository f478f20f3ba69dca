# SPDX-License-Identifier: Apache-2.0
"""``fault list|show|record|clear|purge``: what is in the table."""

import argparse
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fault_middleware import fault, listing, models, report
from fault_middleware.archive import Archive
from fault_middleware.cmd import arguments, formats, progress, remarks
from fault_middleware.cmd.manage import (
    Command,
    ListCommand,
    ShowCommand,
    Table,
)
from fault_middleware.listing import Listing, Wanted

_COLUMNS = [str(column.name) for column in models.instance_faults.columns]
# The columns of a table for people; the last one takes the room that the others leave.
_BRIEF = ["created", "service", "instance_id", "message"]
_FOLDED = ["count", "first", "last", "service", "instance_id", "message"]
# Of a file with details; a row keeps 64 KiB of them.
_LARGEST_FILE = 16 * 2**20


class List(ListCommand):
    """List what is in the table, the newest first. Times are in UTC.

    A table has the most important columns, and other formats have all of them. A row with deleted
    = True and an empty message says that somebody or something cleared the instance's faults.
    """

    examples = (
        "fault list --since 12h",
        "fault list --instance 5f15e2a3-b556-4cd7-8ce4-e893e533dba1 --format json",
        "fault list --service trove --fold",
    )

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument(
            "--instance", metavar="ID", help="only faults of this instance"
        )
        parser.add_argument(
            "--service", metavar="NAME", help="only faults of this service"
        )
        parser.add_argument(
            "--request-id",
            metavar="ID",
            help="only faults of this request, by the id in the service's notification",
        )
        parser.add_argument(
            "--since",
            metavar="TIME",
            type=arguments.time,
            help="only faults of the last 30m, 12h or 7d, or since a time such as "
            "2026-11-20T08:00 (UTC)",
        )
        way = parser.add_mutually_exclusive_group()
        way.add_argument(
            "--fold",
            action="store_true",
            help="one row for all faults of an instance with the same message; says how many "
            "there were, and when the first and the last one happened. It counts the newest "
            f"{listing.MOST_COUNTED} rows",
        )
        way.add_argument(
            "--after",
            metavar="ID",
            help="only what stands below this row: with the id of the last one of a list, that "
            "is the next page",
        )
        parser.add_argument(
            "--limit",
            metavar="NUMBER",
            type=arguments.count,
            default=1000,
            help="how many rows to list at most, 0 for all and to look at the whole table for "
            "them (default: %(default)s)",
        )
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> Table:
        given = parsed_args
        limit = given.limit or None
        wanted = _wanted(given)
        found = Listing(self.store())
        if given.fold:
            counted = found.folded(wanted, limit)
            remarks.on_folded(counted, given)
            return _FOLDED, [_cells(row, _FOLDED) for row in counted.rows]
        columns = _COLUMNS
        if given.formatter == "table" and not given.columns:
            columns = _BRIEF
        # With the id, since the next page begins there.
        page = found.page(
            wanted, [*columns, "id"], limit, given.after, progress.looked_at
        )
        progress.end()
        remarks.on_page(page, given)
        return columns, [_cells(row, columns) for row in page.rows]


class Show(ShowCommand):
    """Show all of a fault: the one with an id, or the newest of an instance."""

    examples = (
        "fault show 5f15e2a3-b556-4cd7-8ce4-e893e533dba1",
        "fault show 5f15e2a3-b556-4cd7-8ce4-e893e533dba1 --format value --column details",
    )

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument(
            "id", metavar="ID", help="the id of a fault, or of an instance"
        )
        return parser

    def take_action(
        self, parsed_args: argparse.Namespace
    ) -> tuple[list[str], list[Any]]:
        archive = Archive(self.store())
        wanted = fault.canonical_id(parsed_args.id)
        row = archive.newest(id=wanted)
        if row is None:
            row = archive.newest(instance_id=wanted, deleted=False)
        if row is None:
            raise RuntimeError(
                f"Neither a fault nor an instance with a fault has the id {wanted}."
            )
        return _COLUMNS, _cells(row, _COLUMNS)


class Record(Command):
    """Record a fault of an instance, as of now."""

    examples = (
        'fault record 5f15e2a3-b556-4cd7-8ce4-e893e533dba1 "It failed." --details "exit code 7"',
        'fault record 5f15e2a3-b556-4cd7-8ce4-e893e533dba1 "The restart failed." --details-file -',
    )

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        _add_instance(parser)
        parser.add_argument(
            "message",
            metavar="MESSAGE",
            help="what happened, for the owner of the instance",
        )
        details = parser.add_mutually_exclusive_group()
        details.add_argument(
            "--details",
            metavar="TEXT",
            help="what only administrators are to see",
        )
        details.add_argument(
            "--details-file",
            metavar="FILE",
            help="a file with the details; - for the standard input",
        )
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> int:
        given = parsed_args
        details = given.details
        if given.details_file:
            details = _read(given.details_file)
        text = given.message + (details or "")
        if not text.strip():
            raise RuntimeError("The message is empty: nothing was recorded.")
        conf = self.configuration()
        report.record(
            given.instance, given.message, details, given.service, conf=conf
        )
        print(f"Recorded a fault of {given.instance}.")
        return 0


class Clear(Command):
    """Hide the faults of an instance until the next one.

    Faults that a wrong clock has dated in the future are removed: they would stay the newest.
    """

    examples = ("fault clear 5f15e2a3-b556-4cd7-8ce4-e893e533dba1",)

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        _add_instance(parser)
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> int:
        service = parsed_args.service
        wanted = fault.canonical_id(parsed_args.instance)
        archive = Archive(self.store())
        before = archive.newest(instance_id=wanted, service=service)
        gone = archive.delete_of_the_future(wanted, service)
        report.record(
            wanted,
            "",
            None,
            service,
            conf=self.configuration(),
            is_clearance=True,
        )
        print(f"The faults of {wanted} are no longer shown.")
        if gone:
            print(
                f"{gone} of them had a time in the future, and were removed; "
                "is the clock of every host right?",
                file=sys.stderr,
            )
        if before is None or (before["deleted"] and not before["operation"]):
            print(
                "There was none in the table; is the id right?",
                file=sys.stderr,
            )
        return 0


class Purge(Command):
    """Remove old faults, but never the newest one of an instance, unless it was cleared.

    The consumers do the same in the background.
    """

    examples = ("fault purge --dry-run", "fault purge --days 7")

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument(
            "--days",
            metavar="NUMBER",
            type=arguments.count,
            help="how many days faults stay, 0 for ever (default: retention_days)",
        )
        parser.add_argument(
            "--max-faults",
            metavar="NUMBER",
            type=arguments.count,
            help="how many faults of an instance stay, 0 for all "
            "(default: max_faults_per_instance)",
        )
        parser.add_argument(
            "--dry-run",
            action="store_true",
            help="only say how many rows would be removed",
        )
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> int:
        local = {}
        if parsed_args.days is not None:
            local["retention_days"] = str(parsed_args.days)
        if parsed_args.max_faults is not None:
            local["max_faults_per_instance"] = str(parsed_args.max_faults)
        retention = self.deployment(local).retention
        would_be = "would be" if parsed_args.dry_run else "was"
        total = 0
        for step in retention.purge("", parsed_args.dry_run):
            total += step.gone
            if step.partition is not None:
                print(
                    f"The partition {step.partition} {would_be} dropped: {step.gone} rows."
                )
            progress.purged(total, step.end)
        if parsed_args.dry_run:
            print(f"{total} rows would be removed.")
        else:
            print(f"{total} rows were removed.")
        return 0


def _add_instance(parser: argparse.ArgumentParser) -> None:
    """Add what names an instance."""
    parser.add_argument(
        "instance", metavar="INSTANCE_ID", help="the id of the instance"
    )
    parser.add_argument(
        "--service",
        metavar="NAME",
        help="the service of the instance; needed where several profiles are configured",
    )


def _wanted(given: argparse.Namespace) -> Wanted:
    """What the arguments of a list ask for."""
    equal = {}
    if given.instance:
        equal["instance_id"] = fault.canonical_id(given.instance)
    if given.service:
        equal["service"] = given.service
    if given.request_id:
        equal["request_id"] = given.request_id
    return Wanted(given.since, equal)


def _cells(row: Mapping[str, Any], columns: list[str]) -> list[Any]:
    return [formats.column(name, row[name]) for name in columns]


def _read(file: str) -> str:
    """The text of a file, which may have no end."""
    if file == "-":
        data = sys.stdin.buffer.read(_LARGEST_FILE + 1)
    else:
        with Path(file).open("rb") as opened:
            data = opened.read(_LARGEST_FILE + 1)
    if len(data) > _LARGEST_FILE:
        raise RuntimeError(
            f"{file} has more than {_LARGEST_FILE // 2**20} MiB: nothing was recorded."
        )
    return data.decode("utf-8", "replace")
