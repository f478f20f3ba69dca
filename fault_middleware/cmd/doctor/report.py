# SPDX-License-Identifier: Apache-2.0
"""Findings as text for people: lines that fit a terminal, and no word broken."""

import textwrap
from collections.abc import Iterable, Iterator

from fault_middleware.cmd.doctor.finding import Finding

_INDENT = " " * 10


def lines(findings: Iterable[Finding], width: int) -> Iterator[str]:
    """A paragraph for each finding, with a line between them.

    :param width: the most columns of a line; a longer word stands in a line of its own
    """
    for number, finding in enumerate(findings):
        if number:
            yield ""
        yield f"{finding.severity.upper():<{len(_INDENT)}}{finding.code}"
        yield from _wrap(finding.what, width)
        if finding.remedy:
            yield from _wrap(f"-> {finding.remedy}", width)


def _wrap(text: str, width: int) -> list[str]:
    return textwrap.wrap(
        text,
        width,
        initial_indent=_INDENT,
        subsequent_indent=_INDENT,
        break_long_words=False,
        break_on_hyphens=False,
    )
