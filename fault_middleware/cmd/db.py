# SPDX-License-Identifier: Apache-2.0
"""``db sync`` and ``db version``: the table itself."""

import argparse
import sys
from typing import Any

from fault_middleware import migration
from fault_middleware.cmd.manage import Command, ShowCommand


class Sync(Command):
    """Make the table instance_faults, or bring it up to date.

    It can be repeated, also after it was interrupted; the larger the table, the longer it takes.
    The release before this one goes on working with the new table, so run it before the services
    are upgraded.
    """

    examples = ("--config-file /etc/trove/trove.conf db sync",)
    advice = "see doctor"

    def take_action(self, parsed_args: argparse.Namespace) -> int:
        engine = self.store().unhurried
        before = migration.version(engine)
        migration.sync(engine, tell=_tell)
        migration.check_tables(engine)
        after = migration.version(engine)
        if before == after:
            print(f"The database is up to date at revision {after}.")
        else:
            print(
                f"The database is at revision {after}; it was at {before or 'none'}."
            )
        return 0


def _tell(step: str) -> None:
    """Say what is done now: with ten million rows it takes minutes."""
    print(step, file=sys.stderr, flush=True)


class Version(ShowCommand):
    """Show the revision of the database and the one that this release needs."""

    examples = ("db version", "db version --format json")

    def take_action(self, parsed_args: argparse.Namespace) -> tuple[Any, Any]:
        version = migration.version(self.store().writer)
        return ("database", "needed"), (version, migration.newest())
