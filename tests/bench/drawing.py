# SPDX-License-Identifier: Apache-2.0
"""A chart of everything that has a goal: how far from it, on either side."""

from pathlib import Path

from tests.bench.tables import Table


def draw(tables: list[Table], file: Path) -> None:
    """Write a chart; a bar that ends left of the line keeps its goal."""
    import matplotlib.pyplot as plt

    names, shares, colours = [], [], []
    for table in tables:
        for row in table.rows:
            limit = row.goal.split()[1:2]
            if not row.reached or not limit or not float(limit[0]):
                continue
            share = row.reached / float(limit[0])
            names.append(
                f"{table.title}: {row.case}{row.figure and f', {row.figure}'}"
            )
            # Of what should be at least so much, less is worse.
            shares.append(1 / share if row.goal.startswith(">=") else share)
            colours.append("tab:green" if row.holds else "tab:red")
    figure, axes = plt.subplots(
        figsize=(12, 1 + len(names) * 0.25), layout="constrained"
    )
    axes.barh(names, shares, color=colours)
    axes.axvline(1, color="black")
    axes.set_xscale("log")
    axes.invert_yaxis()
    axes.set_xlabel("share of the goal's limit (left of the line is better)")
    figure.savefig(file)
    plt.close(figure)
