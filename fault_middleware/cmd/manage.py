# SPDX-License-Identifier: Apache-2.0
"""``fault-middleware-manage``: what operators do with the table of faults.

Each command is an entry point of the group ``fault_middleware.manage``. This module has the
program around them, and the classes that they share.
"""

import argparse
import importlib.metadata
import io
import logging
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from cliff import app, command, commandmanager, lister, show
from oslo_config import cfg
from oslo_db import exception as db_exception
from sqlalchemy.exc import SQLAlchemyError

from fault_middleware import deploy, options
from fault_middleware.deploy import Deployment
from fault_middleware.store import Store

#: The names of a list's columns, and its rows.
Table = tuple[list[str], list[list[Any]]]

PROGRAM = "fault-middleware-manage"
_CONFIG_FILE = (
    "A configuration file; may be given several times. Default: those of the project "
    "fault_middleware that oslo.config finds, e.g. "
    "/etc/fault_middleware/fault_middleware.conf."
)
_CONFIG_DIR = "A directory of *.conf files, read in the order of their names."
# The exit code of a program whose reader closed the pipe, as a shell and cliff have it.
_BROKEN_PIPE = 141


class Manage(app.App):
    """The program around the commands."""

    NAME = PROGRAM
    DEFAULT_VERBOSE_LEVEL = 0

    def __init__(self) -> None:
        super().__init__(
            description="Manage the faults that fault_middleware shows.",
            version=importlib.metadata.version("fault_middleware"),
            command_manager=commandmanager.CommandManager(
                "fault_middleware.manage"
            ),
            deferred_help=True,
        )

    def build_option_parser(
        self, *args: Any, **options: Any
    ) -> argparse.ArgumentParser:
        """Add the options that name the configuration, as oslo.config does."""
        # Without abbreviations: --log of a command is not --log-file of the program.
        options["argparse_kwargs"] = {"prog": PROGRAM, "allow_abbrev": False}
        parser: argparse.ArgumentParser = super().build_option_parser(
            *args, **options
        )
        parser.add_argument(
            "--config-file", action="append", metavar="PATH", help=_CONFIG_FILE
        )
        parser.add_argument(
            "--config-dir", action="append", metavar="DIR", help=_CONFIG_DIR
        )
        return parser


class Command(command.Command):
    """A command that reads the configuration.

    :cvar examples: what to type after the program's name, for the help
    :cvar advice: where to look when the database fails
    """

    examples: Sequence[str] = ()
    advice = "see db sync, and doctor"

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """The parser of the command's arguments, whose help keeps the examples' lines."""
        parser: argparse.ArgumentParser = super().get_parser(prog_name)
        parser.formatter_class = argparse.RawDescriptionHelpFormatter
        return parser

    def get_epilog(self) -> str:
        """The examples, as a literal block of reStructuredText: the manual shows them too."""
        text = "examples::\n"
        for example in self.examples:
            text += f"\n  {PROGRAM} {example}"
        return text

    def configuration(self) -> cfg.ConfigOpts:
        """The configuration that the options name; ConfigurationError if it cannot be read."""
        conf = cfg.ConfigOpts()
        files = None
        folders = None
        if self.app_args:
            files = self.app_args.config_file
            folders = self.app_args.config_dir
        project = "fault_middleware"
        with options.reading():
            conf(
                [],
                project,
                PROGRAM,
                default_config_files=files,
                default_config_dirs=folders,
            )
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
            reason, *_ = str(exc).splitlines()
            raise RuntimeError(
                f"The database: {reason} ({self.advice})"
            ) from exc


class ListCommand(Command, lister.Lister):
    """A command that prints a list, in one of the formats of :mod:`.formats`."""

    formatter_namespace = "fault_middleware.formats.list"


class ShowCommand(Command, show.ShowOne):
    """A command that prints one object, in one of the formats of :mod:`.formats`."""

    formatter_namespace = "fault_middleware.formats.show"


def main(arguments: list[str] | None = None) -> int:
    """Run the command of ``arguments``, or of ``sys.argv``.

    :returns: the exit code: 0, 1 if the command failed, 2 if it was misspelt
    """
    if arguments is None:
        arguments = sys.argv[1:]
    if not arguments:
        arguments = ["--help"]
    # oslo.db would log a traceback for an error that the command prints in one line.
    logging.getLogger("oslo_db").setLevel(logging.CRITICAL)
    if sys.stdout is None:  # it was closed
        sys.stdout = Path(os.devnull).open("w")  # noqa: SIM115
    _escape_what_cannot_be_printed()
    try:
        try:
            program = Manage()
            return int(program.run(arguments))
        finally:
            sys.stdout.flush()
    except OSError as exc:
        # Otherwise Python's last flush would complain once more.
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        if isinstance(exc, BrokenPipeError):
            return _BROKEN_PIPE
        print(f"{PROGRAM}: standard output: {exc}", file=sys.stderr)
        return 1


def _escape_what_cannot_be_printed() -> None:
    """Have characters that the terminal's encoding does not know written as escapes."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


if __name__ == "__main__":
    sys.exit(main())
