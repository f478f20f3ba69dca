# SPDX-License-Identifier: Apache-2.0
"""A chart of what grows with the table, and what does not: seconds by the number of rows.

Run as ``python -m tests.bench.growing FILE.json FILE.svg``, with what ``--only large --json`` has
written.
"""

import json
import re
import sys
from pathlib import Path
from typing import Any

#: What is drawn, as the bench calls it.
SHOWN = ["list", "--instance", "top", "--fold", "--service", "purge --dry-run"]
_ROW = re.compile(r"([\d,]+) rows: (.*)")
# What takes less is as good as nothing, and its figure has two digits.
_LEAST = 0.01


def lines(table: dict[str, Any]) -> dict[str, list[tuple[int, float]]]:
    """Of each question, the seconds by the number of rows."""
    found: dict[str, list[tuple[int, float]]] = {name: [] for name in SHOWN}
    for row in table["rows"]:
        match = _ROW.fullmatch(row["case"])
        if match is not None and match[2] in found:
            rows = int(match[1].replace(",", ""))
            found[match[2]].append((rows, max(row["reached"], _LEAST)))
    return found


def draw(tables: list[dict[str, Any]], file: Path) -> None:
    """A panel for each database."""
    import matplotlib.pyplot as plt

    asked = [table for table in tables if "operators" in table["title"]]
    figure, panels = plt.subplots(
        1, len(asked), figsize=(10, 4), sharey=True, layout="constrained"
    )
    for table, axes in zip(asked, panels, strict=True):
        for name, points in lines(table).items():
            axes.plot(*zip(*points, strict=True), marker="o", label=name)
        axes.set_title(re.sub(r".*\((.*)\)", r"\1", table["title"]))
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.set_xlabel("rows")
    panels[0].set_ylabel("seconds")
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside right upper")
    figure.savefig(file)
    plt.close(figure)


if __name__ == "__main__":
    measured = json.loads(Path(sys.argv[1]).read_text())
    draw(measured["large"], Path(sys.argv[2]))
