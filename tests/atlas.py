# SPDX-License-Identifier: Apache-2.0
"""Writes the manual's page on coverage from the failures that the tests provoke in real services.

``python -m tests.atlas`` writes ``doc/source/coverage.rst`` and its picture. A test fails when
they are not what the tests of the services say.
"""

import configparser
import dataclasses
import importlib
import importlib.util
import re
from collections.abc import Iterator
from pathlib import Path
from xml.sax.saxutils import escape

from tests.documents import ROOT
from tests.functional.cloud import (
    LOG,
    NOTIFICATION,
    SERVICE,
    Failure,
    Told,
    Unshown,
)
from tests.functional.endings import (
    ALONE,
    COMMAND,
    DELETION,
    SUCCESS,
    UNTOLD,
    Ending,
)

PAGE = ROOT / "doc/source/coverage.rst"
PICTURE = ROOT / "doc/source/pictures/coverage.svg"

HEAD = """\
..
   This page is written by "python -m tests.atlas" from the tests of the services.

========
Coverage
========

What can fail in each service, and what people then read. Each line is a failure that a test
provokes in the real service, through its API, as its user would do. The test compares what is read
with the second column, looks for the root cause in the details that administrators read, and makes
sure that no other resource is blamed. ``{id}`` stands for the resource's id. Addresses and names
such as ``array 10.1.2.3`` are those of the tests' own back ends.

.. figure:: pictures/coverage.svg
   :alt: For each service, how many failures a notification tells of, and how many the log alone.
   :width: 100%

   Failures that are shown, by what tells of them.

"The log" says that no notification of the service has what is read: it is shown where the log
handler is on (:doc:`recording`). "A notification" needs nothing but the consumer or the
notification driver. "The service" says that the service's own fault has the reason already, and
stays.
"""

ENDS = """
Until when a fault is shown, is in the last column. The test does what is said there through the
API, when what had refused works again, and looks that it goes well. After that the resource is
shown without the fault. After a deletion it is not shown at all, and the table of faults too says
that nothing is wrong, unless the service tells nobody of the deletion. What comes behind "not by"
was done first: it went well, but the service does not tell of it, or not of what it was that went
well; so the fault stayed. (``clear_on_success = all`` lets any success end any fault.) What was
"not tried" is ended by no test.
"""

CHAPTER = """
{title}
{underline}

{package} {version}, run with ``tox -e {service}``. {readers}

.. list-table::
   :header-rows: 1
   :widths: 16 30 24 12 18

   * - What fails
     - What is read
     - The cause, for administrators
     - From
     - Until
"""

UNSHOWN = "unshown"
WORDS = {
    NOTIFICATION: "a notification",
    LOG: "the log",
    SERVICE: "the service",
    UNSHOWN: "not shown",
}
COLOURS = {
    NOTIFICATION: "#2a6fb0",
    LOG: "#4a8a3a",
    SERVICE: "#d08a2a",
    UNSHOWN: "#bbb",
}
UNTRIED = "untried"
ENDED = {
    SUCCESS: "success",
    DELETION: "deletion",
    ALONE: "deletion, not success",
    UNTOLD: "deletion, untold",
    COMMAND: "a command",
    UNTRIED: "not tried",
}

# Picture, in pixels.
WIDTH = 900
LEFT = 130
BAR = 20
STEP = 30
TOP = 50


@dataclasses.dataclass(frozen=True)
class Chapter:
    """What the tests of a service say.

    :ivar package: on PyPI
    :ivar readers: who reads the faults, as a sentence
    """

    service: str
    package: str
    version: str
    readers: str
    failures: list[Failure | Told]
    sources: dict[str, str]
    unshown: list[Unshown]
    endings: dict[str, Ending]

    def source(self, failure: Failure | Told) -> str:
        return self.sources.get(failure.name, LOG)

    def count(self, source: str) -> int:
        if source == UNSHOWN:
            return len(self.unshown)
        return [self.source(item) for item in self.failures].count(source)

    def count_ended(self, by: str) -> int:
        """How many failures have a fault that ends so."""
        found = [self.endings.get(item.name) for item in self.failures]
        ways = [ending.by if ending else UNTRIED for ending in found]
        return ways.count(by)


def chapters() -> Iterator[Chapter]:
    """Of the services whose tests have failures, by name."""
    tox = configparser.ConfigParser(interpolation=None)
    tox.read(ROOT / "tox.ini")
    for file in sorted((ROOT / "tests/functional").glob("*/failures.py")):
        service = file.parent.name
        module = importlib.import_module(
            f"tests.functional.{service}.failures"
        )
        deps = tox[f"testenv:{service}"]["deps"]
        pinned = rf"^((?:python-|openstack-)?{service})==(\S+)$"
        package, version = re.search(pinned, deps, re.MULTILINE).groups()
        yield Chapter(
            service,
            package,
            version,
            getattr(module, "READERS", "Its owner reads it."),
            module.FAILURES,
            getattr(module, "SOURCES", {}),
            getattr(module, "UNSHOWN", []),
            endings(service),
        )


def endings(service: str) -> dict[str, Ending]:
    """What the tests of a service do to end faults, by the names of the failures."""
    name = f"tests.functional.{service}.endings"
    if importlib.util.find_spec(name) is None:
        return {}
    found: dict[str, Ending] = importlib.import_module(name).ENDINGS
    return found


def until(ending: Ending | None) -> str:
    """How a fault ends, in words."""
    if ending is None:
        return ENDED[UNTRIED]
    return f"{ending.says}; {ending.vain_says}" if ending.vain else ending.says


def cell(text: str) -> str:
    """A text as it is, in a table."""
    plain = " ".join(text.split())
    return re.sub(r"([\\*`|_])", r"\\\1", plain)


def table(chapter: Chapter) -> str:
    """The chapter of a service."""
    lines = [
        CHAPTER.format(
            title=chapter.service.capitalize(),
            underline="=" * len(chapter.service),
            **vars(chapter),
        ).rstrip("\n")
    ]
    for failure in chapter.failures:
        lines += [
            f"   * - {cell(failure.name)}",
            f"     - {cell(failure.says)}",
            f"     - {cell(failure.root)}",
            f"     - {WORDS[chapter.source(failure)]}",
            f"     - {cell(until(chapter.endings.get(failure.name)))}",
        ]
    if chapter.unshown:
        lines += ["", "Not shown:", ""]
    for unshown in chapter.unshown:
        lines.append(f"* {cell(unshown.name)}: {cell(unshown.why)}")
    return "\n".join(lines) + "\n"


def summary(found: list[Chapter]) -> str:
    """All services in one table, by what tells of their failures."""
    titles = [word.capitalize() for word in WORDS.values()]
    counts = [
        (chapter, [chapter.count(source) for source in COLOURS])
        for chapter in found
    ]
    return counted(titles, counts)


def summary_of_endings(found: list[Chapter]) -> str:
    """All services in one table, by what ends their faults."""
    titles = [word.capitalize() for word in ENDED.values()]
    counts = [
        (chapter, [chapter.count_ended(by) for by in ENDED])
        for chapter in found
    ]
    return counted(titles, counts)


def counted(titles: list[str], counts: list[tuple[Chapter, list[int]]]) -> str:
    """A table of numbers, with a line for each service."""
    lines = [
        "",
        ".. list-table::",
        "   :header-rows: 1",
        f"   :widths: 24 {' '.join(['12'] * (len(titles) + 1))}",
        "",
        "   * - Service",
        *(f"     - {title}" for title in titles),
        "     - All",
    ]
    totals = [0] * len(titles)
    for chapter, numbers in counts:
        totals = [sum(pair) for pair in zip(totals, numbers, strict=True)]
        name = f"{chapter.service.capitalize()} {chapter.version}"
        lines += row(name, numbers)
    lines += row("all", totals)
    return "\n".join(lines) + "\n"


def row(name: str, counts: list[int]) -> list[str]:
    cells = [*counts, sum(counts)]
    return [f"   * - {name}", *(f"     - {number}" for number in cells)]


def page(found: list[Chapter]) -> str:
    """The page of the manual."""
    tables = "".join(map(table, found))
    return HEAD + summary(found) + ENDS + summary_of_endings(found) + tables


def picture(found: list[Chapter]) -> str:
    """A bar for each service."""
    longest = max(len(item.failures) + len(item.unshown) for item in found)
    scale = (WIDTH - LEFT - 60) / longest
    height = TOP + STEP * len(found) + 10
    lines = [
        '<svg xmlns="http://www.w3.org/2000/svg"',
        f'  viewBox="0 0 {WIDTH} {height}" font-size="14" role="img"',
        '  font-family="Helvetica, Arial, sans-serif">',
        "  <title>Failures that are shown, by service</title>",
        f'  <rect width="{WIDTH}" height="{height}" fill="#fff"/>',
    ]
    for number, source in enumerate(WORDS):
        x = LEFT + 160 * number
        fill = COLOURS[source]
        lines.append(
            f'  <rect x="{x}" y="14" width="14" height="14" fill="{fill}"/>'
            f'<text x="{x + 20}" y="26" fill="#222">{WORDS[source]}</text>'
        )
    for number, chapter in enumerate(found):
        lines += bar(chapter, TOP + STEP * number, scale)
    return "\n".join([*lines, "</svg>"]) + "\n"


def bar(chapter: Chapter, y: int, scale: float) -> Iterator[str]:
    name = escape(chapter.service.capitalize())
    yield (
        f'  <text x="{LEFT - 10}" y="{y + 15}" text-anchor="end"'
        f' fill="#222">{name}</text>'
    )
    x = float(LEFT)
    total = 0
    for source, colour in COLOURS.items():
        count = chapter.count(source)
        total += count
        width = count * scale
        if count:
            yield (
                f'  <rect x="{x:.1f}" y="{y}" width="{width:.1f}"'
                f' height="{BAR}" fill="{colour}"/>'
            )
        x += width
    yield f'  <text x="{x + 8:.1f}" y="{y + 15}" fill="#222">{total}</text>'


def main() -> None:
    found = list(chapters())
    Path(PAGE).write_text(page(found))
    Path(PICTURE).write_text(picture(found))


if __name__ == "__main__":
    main()
