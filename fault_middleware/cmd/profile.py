# SPDX-License-Identifier: Apache-2.0
"""``profile list|show|check``: what profiles say."""

import argparse
from pathlib import Path

from fault_middleware import package_data, profile
from fault_middleware.cmd.manage import Command, ListCommand, Table


class List(ListCommand):
    """List the profiles that come with fault_middleware."""

    examples = ("profile list",)

    def take_action(self, parsed_args: argparse.Namespace) -> Table:
        columns = ["profile", "routes", "events", "logs", "exchanges"]
        rows = []
        for name in profile.shipped():
            loaded = profile.load(name)
            routes = len(loaded.routes)
            events = len(loaded.sources.events)
            logs = len(loaded.sources.logs)
            exchanges = ", ".join(loaded.exchanges)
            rows.append([name, routes, events, logs, exchanges])
        return columns, rows


class ProfileCommand(Command):
    """A command about one profile."""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument(
            "profile",
            metavar="PROFILE",
            help="the name of a shipped profile, or a file",
        )
        return parser


class Show(ProfileCommand):
    """Print a profile as it is written. A shipped one is a good start for your own."""

    examples = ("profile show trove",)

    def take_action(self, parsed_args: argparse.Namespace) -> int:
        name = parsed_args.profile
        profile.load(name)  # refuses a file that is not a profile
        if name in profile.shipped():
            print(package_data.read(f"profiles/{name}.yaml"))
        else:
            print(Path(name).read_text("utf-8"))
        return 0


class Check(ProfileCommand):
    """Name every mistake in a profile, with line and key."""

    examples = (
        "profile check trove",
        "profile check /etc/trove/own-profile.yaml",
    )

    def take_action(self, parsed_args: argparse.Namespace) -> int:
        loaded = profile.load(parsed_args.profile)
        parts = (
            f"{len(loaded.routes)} routes",
            f"{len(loaded.sources.events)} events",
            f"{len(loaded.sources.logs)} rules for logs",
        )
        counts = ", ".join(parts)
        print(
            f"{parsed_args.profile}: no mistakes; service {loaded.service}, {counts}"
        )
        return 0
