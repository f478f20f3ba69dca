# SPDX-License-Identifier: Apache-2.0
"""``fault-middleware-manage``: what operators do with the table of faults.

Each command is an entry point of the group ``fault_middleware.manage``; this module has what they
share.
"""

import argparse
import importlib.metadata
import sys
from typing import Any

from cliff import app, command, commandmanager
from oslo_config import cfg
from oslo_db import exception as db_exception

from fault_middleware import conf as conf_module
from fault_middleware.conf import ConfigurationError
from fault_middleware.store import Store

PROGRAM = "fault-middleware-manage"


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
    """A command that reads the configuration."""

    def configuration(self) -> cfg.ConfigOpts:
        """The configuration that the options name, with our options registered.

        :raises ConfigurationError: when it cannot be read
        """
        conf = cfg.ConfigOpts()
        given = self.app_args
        files, folders = (given.config_file, given.config_dir) if given else (None, None)
        project = "fault_middleware"
        try:
            conf([], project, PROGRAM, default_config_files=files, default_config_dirs=folders)
        except cfg.Error as exc:
            raise ConfigurationError(str(exc)) from exc
        conf_module.register_opts(conf)
        return conf

    def store(self) -> Store:
        """The table of the configuration."""
        conf = self.configuration()
        timeout = conf_module.read_settings(conf, {}, "").lookup_timeout
        return Store(conf_module.read_database_options(conf), timeout)

    def run(self, parsed_args: argparse.Namespace) -> int:
        """Run the command; a database's error becomes one line."""
        try:
            return int(super().run(parsed_args))
        except db_exception.DBError as exc:
            raise RuntimeError(f"The database: {str(exc).splitlines()[0]}") from exc


def main(arguments: list[str] | None = None) -> int:
    """Run one command; 0 on success, 1 when it failed, 2 when it was misspelt.

    :param arguments: those of the command line; None for ``sys.argv``
    """
    given = sys.argv[1:] if arguments is None else arguments
    return int(Manage().run(given or ["--help"]))


if __name__ == "__main__":
    sys.exit(main())
