# SPDX-License-Identifier: Apache-2.0
"""The command ``doctor``."""

import argparse
import contextlib
import logging
import shutil
import sys
import warnings
from collections.abc import Iterator, Sequence
from typing import Any

from fault_middleware.cmd import arguments
from fault_middleware.cmd.doctor.finding import Finding, Severity
from fault_middleware.cmd.doctor.report import lines
from fault_middleware.cmd.formats import printable
from fault_middleware.cmd.manage import ListCommand
from fault_middleware.options import ConfigurationError

_COLUMNS = ("severity", "code", "what", "remedy")
# The columns of a text that goes into a pipe, and the most of one on a terminal.
_PIPED = 80
_WIDEST = 100
_USAGE = 2


class Doctor(ListCommand):
    """Say what is wrong with the deployment, and how to mend it. Changes nothing.

    Ends with 0 if everything was checked and all is well. With 1 if there is an error. With 2 if
    the command or its configuration cannot be read. With 3 if there is no error, but a warning, or
    something that was not checked.
    """

    examples = (
        "--config-file /etc/trove/trove.conf doctor --paste /etc/trove/api-paste.ini",
        "doctor --uwsgi /etc/trove/uwsgi.ini --readers 4 --format json",
    )

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """Add what the doctor can be given."""
        parser = super().get_parser(prog_name)
        parser.add_argument(
            "--paste",
            metavar="FILE",
            help="the service's api-paste.ini, to see whether the filter is in its place",
        )
        parser.add_argument(
            "--uwsgi",
            metavar="FILE",
            help="the configuration (ini) of the uWSGI that serves the API, to see whether the "
            "consumer will run there",
        )
        parser.add_argument(
            "--readers",
            metavar="NUMBER",
            type=arguments.count,
            help="how many of your processes read each queue (workers of the API, or "
            "fault-middleware-consumer), to see whether anything else reads it too",
        )
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> tuple[Any, Any]:
        """What was found, the worst first."""
        conf = self.configuration()
        with _silence(self.app_args is not None and self.app_args.debug):
            # These load oslo.messaging, which other commands do without.
            from fault_middleware.cmd.doctor import examination
            from fault_middleware.cmd.doctor.case import Given

            given = Given(
                conf, parsed_args.paste, parsed_args.uwsgi, parsed_args.readers
            )
            found = list(examination.examine(given))
        order = list(Severity)
        found.sort(key=lambda finding: order.index(finding.severity))
        self._found = found
        rows = []
        for finding in found:
            rows.append(
                (
                    str(finding.severity),
                    finding.code,
                    finding.what,
                    finding.remedy,
                )
            )
        return _COLUMNS, rows

    def produce_output(
        self,
        parsed_args: argparse.Namespace,
        column_names: Sequence[str],
        data: Any,
    ) -> int:
        """Print paragraphs instead of a table, which would break names, or be too wide."""
        if parsed_args.formatter != "table":
            return int(super().produce_output(parsed_args, column_names, data))
        width = parsed_args.max_width or _PIPED
        if sys.stdout.isatty() and not parsed_args.max_width:
            width = min(shutil.get_terminal_size().columns, _WIDEST)
        for line in lines(self._found, width):
            print(printable(line))
        return 0

    def run(self, parsed_args: argparse.Namespace) -> int:
        """The exit code, by what was found."""
        try:
            code = super().run(parsed_args)
        except ConfigurationError as exc:
            print(f"doctor: {exc}", file=sys.stderr)
            return _USAGE
        return code or exit_code(self._found)


def exit_code(found: Sequence[Finding]) -> int:
    """1 for errors; 3 for warnings or what was not looked at; 0 where all is well."""
    severities = {finding.severity for finding in found}
    if Severity.ERROR in severities:
        return 1
    if severities & {Severity.WARNING, Severity.SKIPPED}:
        return 3
    return 0


@contextlib.contextmanager
def _silence(is_debugged: bool) -> Iterator[None]:
    """Log nothing, unless that is asked for: the findings say it."""
    if is_debugged:
        yield
        return
    logging.disable()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        # An error of a command is told by logging.
        logging.disable(logging.NOTSET)
