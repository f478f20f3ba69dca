# SPDX-License-Identifier: Apache-2.0
"""``doctor``: what is wrong with a deployment, in words."""

import argparse
import logging
import warnings
from typing import Any

from cliff import lister

from fault_middleware.cmd.manage import Command


class Doctor(Command, lister.Lister):
    """Say what is wrong with the deployment, and how to mend it. Changes nothing.

    Ends with 1 if there is an error, with 0 if there are warnings only.
    """

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
