# SPDX-License-Identifier: Apache-2.0
"""What the callback plugin ``json`` of Ansible printed, read again."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from fault_middleware.drivers.ansible_numbers import DECODER
from fault_middleware.drivers.ansible_recap import Counts
from fault_middleware.drivers.failures import Failure

_RECAP = re.compile(r"\n(?:PLAY RECAP \*|- Play recap -)")


def read(
    text: str, begin: int
) -> tuple[list[Failure], dict[str, Counts]] | None:
    """The failures that the json callback wrote; of each host, how many of two kinds count.

    :param begin: where another callback begins: a document behind that is what a task printed
    """
    start = re.search(r"^\{", text, re.MULTILINE)
    if start is None or start.start() > begin:
        return None
    try:
        document, end = DECODER.raw_decode(text, start.start())
        if _RECAP.search(text, end):
            return None  # A task printed it: the recap of another callback comes last.
        recap = {
            host: _counts(of_host)
            for host, of_host in document["stats"].items()
        }
        return list(_failures_in(document)), recap
    except (ValueError, RecursionError, AttributeError, KeyError, TypeError):
        return None


def _counts(of_host: Mapping[str, Any]) -> Counts:
    counts = Counts(of_host["failures"], of_host["unreachable"])
    if not isinstance(counts.failed, int) or not isinstance(
        counts.unreachable, int
    ):
        raise TypeError(f"not numbers of tasks: {counts}")
    return counts


def _failures_in(document: Mapping[str, Any]) -> Iterator[Failure]:
    for play in document["plays"]:
        for task in play["tasks"]:
            for host, result in task["hosts"].items():
                if not is_bad(result):
                    continue
                items = _bad_items(result)
                lost = bool(result.get("unreachable"))
                name = task["task"]["name"]
                if not isinstance(name, str):
                    raise TypeError(f"not the name of a task: {name}")
                yield Failure(
                    host, name, items or [result], lost, is_loop=bool(items)
                )


def _bad_items(result: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Those of a loop; some modules call what they say themselves "results" too."""
    results = result.get("results")
    if not isinstance(results, list):
        return []
    return [item for item in results if is_bad(item)]


def is_bad(result: Any) -> bool:
    """Whether this is the result of a task that failed, or did not reach its host."""
    return isinstance(result, Mapping) and bool(
        result.get("failed") or result.get("unreachable")
    )
