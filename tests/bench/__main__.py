# SPDX-License-Identifier: Apache-2.0
"""``python -m tests.bench``: prints a table for each question on speed and size.

Every figure is a ratio between cases that took turns on the same machine, so it means the same
on a slow one.  Nothing here fails for being slow; "holds" says what became of the goal.
"""

import argparse
import dataclasses
import importlib
import json
import logging
import warnings
from pathlib import Path

# oslo.messaging loads eventlet, which complains of itself.
warnings.simplefilter("ignore")

from tests import services  # noqa: E402
from tests.bench.rig import Rig  # noqa: E402
from tests.bench.tables import Table  # noqa: E402
from tests.documents import ROOT  # noqa: E402

QUESTIONS = [
    *("passing", "shows", "lists", "growth", "serving", "crowd"),
    *(
        "start",
        "trove",
        "draining",
        "latency",
        "cohosting",
        "memory",
        "masking",
        "logs",
    ),
]
# These take long and much of the disk, and are asked only by name.
ONLY = ["large", "purging"]


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench", description=__doc__
    )
    parser.add_argument(
        "--only",
        action="append",
        choices=[*QUESTIONS, *ONLY],
        help="ask this question",
    )
    parser.add_argument(
        "--quick", action="store_true", help="be short rather than exact"
    )
    parser.add_argument(
        "--json", type=Path, metavar="FILE", help="also write the tables here"
    )
    parser.add_argument(
        "--plot",
        type=Path,
        metavar="FILE.png",
        help="also draw the goals here",
    )
    text = "the Python of a virtualenv with Trove and this package; default: that of tox -e trove"
    python = ROOT / ".tox/trove/bin/python"
    default = str(python) if python.exists() else None
    parser.add_argument(
        "--trove", metavar="PYTHON", default=default, help=text
    )
    options = parser.parse_args()
    logging.disable(logging.WARNING)
    tables: dict[str, list[Table]] = {}
    try:
        with Rig(quick=options.quick, trove=options.trove) as rig:
            for name in options.only or QUESTIONS:
                _ask(name, rig, tables.setdefault(name, []))
    finally:
        # What was measured before something went wrong is worth having.
        _write(tables, options.json, options.plot)


def _ask(name: str, rig: Rig, tables: list[Table]) -> None:
    rig.say(name)
    try:
        for table in importlib.import_module(f"tests.bench.{name}").measure(
            rig
        ):
            tables.append(table)
            print(table, flush=True)
    except services.Missing as exc:
        print(f"{name} is skipped: {exc}", flush=True)


def _write(
    tables: dict[str, list[Table]], text: Path | None, chart: Path | None
) -> None:
    if text:
        found = {
            name: [dataclasses.asdict(one) for one in some]
            for name, some in tables.items()
        }
        text.write_text(json.dumps(found, indent=1))
    if chart:
        from tests.bench import drawing

        drawing.draw(
            [table for some in tables.values() for table in some], chart
        )


if __name__ == "__main__":
    main()
