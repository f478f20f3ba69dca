# SPDX-License-Identifier: Apache-2.0
"""Figures of cases that take turns, and the ratios between them.

A machine that is shared is now faster, now slower.  So the cases of a table run in turn in many
short rounds, and only what was measured in the same round is compared.
"""

import dataclasses
import gc
import random
import statistics
import time
from collections.abc import Callable, Mapping, Sequence

#: What one round of a case came to; "wall" and "cpu" in microseconds for each call.
Figures = dict[str, float]
#: Does something so many times.
Case = Callable[[int], Figures]
#: The figures of every round, by the case.
Results = dict[str, list[Figures]]


@dataclasses.dataclass(frozen=True)
class Ratio:
    """The median of the ratios of the rounds, and the quartiles around it."""

    value: float
    low: float
    high: float


def calls(function: Callable[[], object]) -> Case:
    """The case of calling a function in this process."""

    def run(count: int) -> Figures:
        cpu, wall = time.process_time(), time.perf_counter()
        for _ in range(count):
            function()
        wall = time.perf_counter() - wall
        cpu = time.process_time() - cpu
        return {"wall": wall / count * 1e6, "cpu": cpu / count * 1e6}

    return run


def descend(depth: int, function: Callable[[], object]) -> None:
    """Call a function from as deep in the stack."""
    if depth:
        descend(depth - 1, function)
    else:
        function()


def interleave(
    cases: Mapping[str, Case],
    counts: int | Mapping[str, int],
    rounds: int,
    warm: bool = True,
) -> Results:
    """Run all cases in each round, in an order of its own: a case can disturb the next one.

    :param counts: how often in a round
    :param warm: whether to begin with a round that does not count
    """
    names = list(cases)
    results: Results = {name: [] for name in names}
    for number in range(-1 if warm else 0, rounds):
        gc.collect()
        for name in random.Random(number).sample(names, len(names)):
            count = counts if isinstance(counts, int) else counts[name]
            figures = cases[name](count)
            if number >= 0:
                results[name].append(figures)
    return results


def in_milliseconds(results: Results) -> Results:
    return {
        name: [
            {key: value / 1000 for key, value in one.items()}
            for one in figures
        ]
        for name, figures in results.items()
    }


def median(figures: Sequence[Figures], name: str = "wall") -> float:
    return statistics.median(one[name] for one in figures)


def ratio(
    over: Sequence[Figures], under: Sequence[Figures], name: str = "wall"
) -> Ratio:
    """How one case compares to another, round by round."""
    ratios = sorted(
        one[name] / other[name] for one, other in zip(over, under, strict=True)
    )
    quarter = len(ratios) // 4
    return Ratio(
        statistics.median(ratios), ratios[quarter], ratios[-1 - quarter]
    )


def difference(
    more: Sequence[Figures], less: Sequence[Figures]
) -> list[Figures]:
    """What one case takes beyond another, round by round."""
    return [
        {name: one[name] - other[name] for name in one.keys() & other.keys()}
        for one, other in zip(more, less, strict=True)
    ]


def percentile(values: Sequence[float], percent: int) -> float:
    return sorted(values)[len(values) * percent // 100]
