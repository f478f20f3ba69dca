# SPDX-License-Identifier: Apache-2.0
"""``db partition``: the table, divided by time."""

import argparse
import sys

import sqlalchemy as sa

from fault_middleware import migration
from fault_middleware.cmd import progress
from fault_middleware.cmd.manage import Command
from fault_middleware.partitions import layout, step, work
from fault_middleware.partitions.period import Period
from fault_middleware.partitions.step import Step


class Partition(Command):
    """Divide the table instance_faults by time, so that old faults are removed at once.

    Run it again and again, from a timer: it adds the partitions that come next. It can also be
    repeated after it was interrupted. Faults are stored and shown meanwhile; the manual says who
    waits for how long. There are partitions on MariaDB, MySQL and PostgreSQL.
    """

    examples = (
        "db partition --dry-run",
        "db partition --by week",
        "db partition --undo",
    )

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        what = parser.add_mutually_exclusive_group()
        what.add_argument(
            "--by",
            choices=[period.value for period in Period],
            help="how much time a partition has that is made now "
            "(default: as the last one that there is; at first a month)",
        )
        what.add_argument(
            "--undo", action="store_true", help="make it one table again"
        )
        parser.add_argument(
            "--dry-run", action="store_true", help="only print the statements"
        )
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> int:
        engine = self.store().unhurried
        for step_ in _steps(engine, parsed_args):
            if parsed_args.dry_run:
                _print(step_)
            else:
                print(f"{step_.text}.", file=sys.stderr, flush=True)
                step.run(engine, step_, progress.copied)
                progress.end()
        if not parsed_args.dry_run:
            print(_told(engine))
        return 0


def _steps(engine: sa.Engine, given: argparse.Namespace) -> list[Step]:
    """What is to be done."""
    if engine.dialect.name in layout.DIALECTS:
        current = migration.version(engine)
        if current != migration.newest():
            raise work.RefusedError(
                f"the table is at revision {current}, and this release needs "
                f"{migration.newest()}: run db sync first; nothing was changed"
            )
    if given.undo:
        return work.steps_to_undo(engine)
    period = Period(given.by) if given.by else None
    return work.steps_to_divide(engine, period)


def _print(step_: Step) -> None:
    """The statements of a step, for psql, or the program of MariaDB."""
    print(f"-- {step_.text}.")
    if step_.is_repeated:
        print("-- Again and again, until it says 0:")
    for statement in step_.script:
        print(f"{statement.strip()};")


def _told(engine: sa.Engine) -> str:
    """What there is now."""
    with engine.connect() as connection:
        found = layout.read(connection)
    if found.end is None:
        return "The table has no partitions."
    return (
        f"The table has partitions for {len(found.periods)} periods, until "
        f"{found.end:%Y-%m-%d}."
    )
