# SPDX-License-Identifier: Apache-2.0
"""``doctor``: what is wrong with a deployment, in words."""

import argparse
import logging
import warnings
from typing import Any

from fault_middleware.cmd import arguments
from fault_middleware.cmd.manage import ListCommand


class Doctor(ListCommand):
    """Say what is wrong with the deployment, and how to mend it. Changes nothing.

    Ends with 1 if there is an error, with 0 if there are warnings only.
    """

    examples = (
        "--config-file /etc/trove/trove.conf doctor --paste /etc/trove/api-paste.ini",
        "doctor --uwsgi /etc/trove/uwsgi.ini --readers 4 --format json",
    )

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
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
        conf = self.configuration()
        if not (self.app_args and self.app_args.debug):
            logging.disable()  # the findings say it
            warnings.simplefilter("ignore")
        try:
            # Loads oslo.messaging, which other commands do without.
            from fault_middleware import doctor

            rows = list(doctor.examine(conf, vars(parsed_args)))
        finally:
            logging.disable(logging.NOTSET)  # an error of a command is told by logging
        rows.sort(key=lambda row: ("error", "warning", "ok").index(row[0]))
        self.failed = any(row[0] == "error" for row in rows)
        if parsed_args.formatter != "table":
            return ("severity", "code", "what", "remedy"), rows
        return ("", "What", "Remedy"), [(row[0].upper(), *row[2:]) for row in rows]

    def run(self, parsed_args: argparse.Namespace) -> int:
        return super().run(parsed_args) or int(self.failed)
