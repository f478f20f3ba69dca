# SPDX-License-Identifier: Apache-2.0
"""``fault list|show|record|clear|purge``: what is in the table."""

import argparse
import shutil
import sys
import textwrap
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Any

from cliff import lister, show

from fault_middleware import fault, models, report
from fault_middleware.cmd.manage import Command, printable

_COLUMNS = [str(column.name) for column in models.instance_faults.columns]
# What fits on a screen.
_BRIEF = ["created", "service", "instance_id", "message"]
_FOLDED = ["count", "first", "last", "service", "instance_id", "message"]
# The characters that all but the message take, unfolded and folded.
_OTHERS = 76, 106


class List(Command, lister.Lister):
    """List what is in the table, the newest first. Times are UTC.

    Other formats than the table have all columns, but with --fold; there, deleted is true and the
    message empty for a clearance.
    """

    def take_action(self, parsed_args: argparse.Namespace) -> tuple[list[str], Iterable[Any]]:
        given, limit = parsed_args, parsed_args.limit
        equal = {"service": given.service, "request_id": given.request_id}
        equal["instance_id"] = fault.canonical_id(given.instance) if given.instance else None
        found = self.store().history(limit or None, given.since, given.fold, **equal)
        if limit and len(found) == limit:
            print(f"These are the newest {limit}; --limit 0 shows all.", file=sys.stderr)
        is_table = given.formatter == "table"
        columns = _FOLDED if given.fold else _BRIEF if is_table else _COLUMNS
        if is_table:
            # Ids can be copied from a terminal of any width: the message alone is folded.
            room = shutil.get_terminal_size((10**6, 0)).columns - _OTHERS[given.fold]
            given.fit_width = False
            for row in found:
                row["message"] = textwrap.fill(row["message"], max(room, 20)) or "(cleared)"
        if not found:
            print("There are no such faults.", file=sys.stderr)
        return columns, ([_shown(row[name], given.formatter) for name in columns] for row in found)


class Show(Command, show.ShowOne):
    """Show a fault whole: the one of an id, or the newest of an instance."""

    def take_action(self, parsed_args: argparse.Namespace) -> tuple[list[str], list[Any]]:
        store, wanted = self.store(), fault.canonical_id(parsed_args.id)
        found = store.history(1, None, id=wanted)
        found = found or store.history(1, None, instance_id=wanted, deleted=False)
        if not found:
            raise RuntimeError(f"There is no fault, and no instance with one, of the id {wanted}.")
        return _COLUMNS, [_shown(found[0][name], parsed_args.formatter) for name in _COLUMNS]


class Record(Command):
    """Record a fault of an instance, which happened now."""

    def take_action(self, parsed_args: argparse.Namespace) -> int:
        given, details = parsed_args, parsed_args.details
        if file := given.details_file:
            data = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
            details = data.decode("utf-8", "replace")
        if not (given.message + (details or "")).strip():
            raise RuntimeError("The message is empty: nothing was recorded.")
        conf = self.configuration()
        report.record(given.instance, given.message, details, given.service, conf=conf)
        print(f"Recorded a fault of {given.instance}.")
        return 0


class Clear(Command):
    """Hide the faults of an instance, until the next one."""

    def take_action(self, parsed_args: argparse.Namespace) -> int:
        given, conf = parsed_args, self.configuration()
        wanted = fault.canonical_id(given.instance)
        found = self.store().history(1, None, instance_id=wanted, service=given.service)
        report.record(wanted, "", None, given.service, conf=conf, deleted=True)
        print(f"The faults of {wanted} are not shown any more.")
        if not found or found[0]["deleted"]:
            print("In the table there was none; is the id right?", file=sys.stderr)
        return 0


class Purge(Command):
    """Remove what is old, but never the newest fault of an instance that was not cleared.

    The consumers do the same in the background.
    """

    def take_action(self, parsed_args: argparse.Namespace) -> int:
        given = parsed_args
        local = {"retention_days": given.days, "max_faults_per_instance": given.max_faults}
        local = {name: str(value) for name, value in local.items() if value is not None}
        total = 0
        for position, gone in self.deployment(local).retention.purge("", given.dry_run):
            total += gone
            if sys.stderr.isatty():
                text = f"{total} so far, at instance {position}" if position else ""
                print(f"\r{text:79}", end="" if position else "\r", file=sys.stderr, flush=True)
        print(f"{total} rows {'would go' if given.dry_run else 'are gone'}.")
        return 0


def _shown(value: Any, formatter: str) -> Any:
    """A value for scripts; or for people, without fractions of seconds and the word None.

    Whoever chose a text shall not command the terminal that shows it.
    """
    if isinstance(value, str) and formatter in ("table", "value"):
        return printable(value)
    if formatter == "table":
        value = "" if value is None else value
        return value.isoformat(" ", "seconds") if isinstance(value, datetime) else value
    return value.isoformat() if isinstance(value, datetime) else value
