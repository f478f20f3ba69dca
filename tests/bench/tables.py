# SPDX-License-Identifier: Apache-2.0
"""A table for each question: what was reached beside the goal."""

import dataclasses

import prettytable

from tests.bench import measuring
from tests.bench.measuring import Results


@dataclasses.dataclass(frozen=True)
class Goal:
    """What a figure should be at most, or at least.

    :ivar stretch: what would be better still
    """

    limit: float
    at_least: bool = False
    stretch: float | None = None

    def __str__(self) -> str:
        stretch = f" ({self.stretch:g})" if self.stretch is not None else ""
        return f"{'>=' if self.at_least else '<='} {self.limit:g}{stretch}"

    def holds(self, value: float) -> bool:
        return value >= self.limit if self.at_least else value <= self.limit


@dataclasses.dataclass(frozen=True)
class Row:
    """A case; fields that it has no figure for are None."""

    case: str
    wall: float | None = None
    cpu: float | None = None
    against: str = ""
    figure: str = ""
    reached: float | None = None
    low: float | None = None
    high: float | None = None
    goal: str = ""
    holds: bool | None = None


@dataclasses.dataclass
class Table:
    """The answer to a question, or a part of it.

    :ivar unit: of the columns wall and CPU
    """

    title: str
    unit: str = "us"
    rows: list[Row] = dataclasses.field(default_factory=list)

    def compare(
        self,
        results: Results,
        case: str,
        against: str,
        goal: Goal | None = None,
        name: str = "",
    ) -> None:
        """Add a row on how a case compares to another one of the same rounds.

        :param name: the figure that is compared, where it is not the wall time
        """
        figures = results[case]
        ratio = measuring.ratio(figures, results[against], name or "wall")
        self.rows.append(
            Row(
                case=case,
                wall=measuring.median(figures)
                if "wall" in figures[0]
                else None,
                cpu=measuring.median(figures, "cpu")
                if "cpu" in figures[0]
                else None,
                against=against,
                figure=name,
                reached=ratio.value,
                low=ratio.low,
                high=ratio.high,
                goal=str(goal or ""),
                holds=goal.holds(ratio.value) if goal else None,
            )
        )

    def show(self, results: Results, case: str) -> None:
        """Add a row of a case that others are compared to."""
        wall, cpu = (
            measuring.median(results[case], name) for name in ("wall", "cpu")
        )
        self.rows.append(Row(case, wall, cpu))

    def count(
        self, case: str, figure: str, value: float, goal: Goal | None = None
    ) -> None:
        """Add a row with a figure that is no ratio.

        :param figure: what it is, with its unit
        """
        holds = goal.holds(value) if goal else None
        self.rows.append(
            Row(
                case,
                figure=figure,
                reached=value,
                goal=str(goal or ""),
                holds=holds,
            )
        )

    def skip(self, reason: str) -> None:
        """Say why there is nothing here."""
        self.rows.append(Row(f"skipped: {reason}"))

    def __str__(self) -> str:
        drawn = prettytable.PrettyTable(
            [
                *("case", f"wall {self.unit}", f"CPU {self.unit}", "against"),
                *("figure", "reached", "spread", "goal", "holds"),
            ],
            title=self.title,
        )
        drawn.align = "r"
        drawn.align["case"] = drawn.align["against"] = drawn.align[
            "figure"
        ] = "l"
        for row in self.rows:
            spread = (
                ""
                if row.low is None
                else f"{number(row.low)} .. {number(row.high)}"
            )
            holds = {True: "yes", False: "NO", None: ""}[row.holds]
            figure = row.figure or ("ratio" if row.against else "")
            drawn.add_row(
                [
                    *(
                        row.case,
                        number(row.wall),
                        number(row.cpu),
                        row.against,
                    ),
                    *(figure, number(row.reached), spread, row.goal, holds),
                ]
            )
        return str(drawn)


def number(value: float | None) -> str:
    """Three digits, or all that stand before the point."""
    if value is None:
        return ""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.2f}" if abs(value) < 10 else f"{value:.1f}"
