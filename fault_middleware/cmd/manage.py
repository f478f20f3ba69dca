# SPDX-License-Identifier: Apache-2.0
"""``fault-middleware-manage``: what operators do with the table of faults.

Each command is an entry point of the group ``fault_middleware.manage``; this module has what they
share.
"""

import argparse
import importlib.metadata
import logging
import os
import re
import sys
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from cliff import app, command, commandmanager
from oslo_config import cfg
from oslo_db import exception as db_exception
from sqlalchemy.exc import SQLAlchemyError

from fault_middleware import clock, deploy, options, package_data
from fault_middleware.cmd import reading
from fault_middleware.deploy import Deployment
from fault_middleware.store import Store

PROGRAM = "fault-middleware-manage"
# Those that are not printable to Python: line feed, tab, and the wider spaces of texts.
_HARMLESS = "\n\t\u00a0\u3000"


class Manage(app.App):
    """The program around the commands."""

    NAME = PROGRAM
    DEFAULT_VERBOSE_LEVEL = 0

    def __init__(self) -> None:
        super().__init__(
            description="Manage the faults that fault_middleware shows.",
            version=importlib.metadata.version("fault_middleware"),
            command_manager=commandmanager.CommandManager("fault_middleware.manage"),
            deferred_help=True,
        )

    def build_option_parser(self, *args: Any, **options: Any) -> argparse.ArgumentParser:
        """Add the options that name the configuration, as oslo.config does."""
        options["argparse_kwargs"] = {"prog": PROGRAM}
        parser: argparse.ArgumentParser = super().build_option_parser(*args, **options)
        text = (
            "A configuration file; may be given several times. Default: those of the project "
            "fault_middleware that oslo.config finds, e.g. "
            "/etc/fault_middleware/fault_middleware.conf."
        )
        parser.add_argument("--config-file", action="append", metavar="PATH", help=text)
        text = "A directory of *.conf files, read in the order of their names."
        parser.add_argument("--config-dir", action="append", metavar="DIR", help=text)
        return parser


class Command(command.Command):
    """A command that reads the configuration; its arguments are in ``commands.yaml``."""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """Add the command's arguments, and examples of its use."""
        parser: argparse.ArgumentParser = super().get_parser(prog_name)
        kind = type(self)
        name = f"{kind.__module__.rpartition('.')[2]} {kind.__name__}".lower()
        data = package_data.load("commands.yaml").get(name, {})
        for arguments in filter(data.get, ("arguments", "once")):
            group = parser.add_mutually_exclusive_group() if arguments == "once" else parser
            for argument, given in data[arguments].items():
                kinds = {"type": _TYPES[given["type"]]} if "type" in given else {}
                group.add_argument(argument, **{**given, **kinds})
        parser.set_defaults(fit_width=True)  # to that of the terminal, where there is one
        examples = (f"  {PROGRAM} {example}" for example in data.get("examples", []))
        parser.epilog = "\n".join(["examples::", "", *examples])
        parser.formatter_class = argparse.RawDescriptionHelpFormatter
        return parser

    def configuration(self) -> cfg.ConfigOpts:
        """The configuration that the options name; ConfigurationError if it cannot be read."""
        conf = cfg.ConfigOpts()
        given = self.app_args
        files, folders = (given.config_file, given.config_dir) if given else (None, None)
        project = "fault_middleware"
        with reading():
            conf([], project, PROGRAM, default_config_files=files, default_config_dirs=folders)
        options.register_opts(conf)
        return conf

    def deployment(self, local: Mapping[str, str] | None = None) -> Deployment:
        """What the configuration describes; as :func:`fault_middleware.deploy.deploy`."""
        return deploy.deploy(self.configuration(), local)

    def store(self) -> Store:
        """The table of the configuration."""
        return self.deployment().store

    def run(self, parsed_args: argparse.Namespace) -> int:
        """Run the command; a database's error becomes one line."""
        try:
            return int(super().run(parsed_args))
        except (db_exception.DBError, SQLAlchemyError) as exc:
            text = f"The database: {str(exc).splitlines()[0]} (see db sync, and doctor)"
            raise RuntimeError(text) from exc


def printable(text: str) -> str:
    """A text for a terminal, which obeys what is not printed; such characters as their escapes."""
    return "".join(
        one if one.isprintable() or one in _HARMLESS else ascii(one)[1:-1] for one in text
    )


def _count(text: str) -> int:
    """A number that a database can take for one of rows or days."""
    if not re.fullmatch(r"[0-9]{1,9}", text):
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number from 0 to 999999999")
    return int(text)


def _time(text: str) -> datetime:
    """A time, or so long ago."""
    if match := re.fullmatch(r"(\d{1,5})([mhd])", text):
        unit = {"m": "minutes", "h": "hours", "d": "days"}[match[2]]
        return clock.utcnow() - timedelta(**{unit: int(match[1])})
    if (moment := clock.parse_time(text)) is None:
        raise argparse.ArgumentTypeError(f"{text!r} is no time")
    return moment


# As a shell has it of a program that a closed pipe ended; cliff's too.
_BROKEN_PIPE = 141
# The types in commands.yaml.
_TYPES: Mapping[str, Any] = {"count": _count, "time": _time}


def main(arguments: list[str] | None = None) -> int:
    """Run the command of ``arguments``, or ``sys.argv``; 0, 1 if it failed, 2 if misspelt."""
    given = sys.argv[1:] if arguments is None else arguments
    # It logs a traceback of what is said in a line.
    logging.getLogger("oslo_db").setLevel(logging.CRITICAL)
    if sys.stdout is None:  # it was closed
        sys.stdout = Path(os.devnull).open("w")  # noqa: SIM115
    try:
        try:
            return int(Manage().run(given or ["--help"]))
        finally:
            sys.stdout.flush()
    except OSError as exc:
        # Python's last flush would complain once more.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if isinstance(exc, BrokenPipeError):
            return _BROKEN_PIPE
        print(f"{PROGRAM}: standard output: {exc}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
