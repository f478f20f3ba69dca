# SPDX-License-Identifier: Apache-2.0
"""Paste files for tests: those of the project are what to change in a service's own."""

import configparser
from collections.abc import Iterable

_FILTER = "[filter:{}]\npaste.filter_factory = oslo_middleware.request_id:RequestId.factory\n"
_AUTHTOKEN = "[filter:{}]\npaste.filter_factory = keystonemiddleware.auth_token:filter_factory\n"
_APP = "[app:{}]\npaste.app_factory = oslo_middleware.healthcheck:Healthcheck.app_factory\n"
_URLMAP = "[composite:{}]\npaste.composite_factory = oslo_middleware.healthcheck:any\n{}\n"


def complete(text: str, root: str | None = None) -> str:
    """Add the sections that the pipelines of a text name and that it lacks.

    :param root: the name of a urlmap that leads to each pipeline; default, none is added
    """
    parser = configparser.RawConfigParser(strict=False)
    parser.optionxform = str  # type: ignore[assignment, method-assign]
    parser.read_string(text)
    titles = parser.sections()
    there = {title.partition(":")[2] for title in titles}
    filters, apps = set(), set()
    for title in titles:
        for value in _pipelines(title, parser[title].values()):
            *before, last = value.split()
            filters.update(before)
            apps.add(last)
    for name in sorted(filters - there):
        text += (_AUTHTOKEN if name == "authtoken" else _FILTER).format(name)
    for name in sorted(apps - there):
        text += _APP.format(name)
    if root is not None:
        leads = [name for name in _heads(titles) if name not in apps]
        paths = "\n".join(
            f"/v{number}: {name}" for number, name in enumerate(leads)
        )
        text += _URLMAP.format(root, paths)
    return text


def _pipelines(title: str, values: Iterable[str]) -> list[str]:
    if not title.startswith(("pipeline:", "composite:")):
        return []
    return [
        value
        for value in values
        if len(value.split()) > 1 or title.startswith("pipeline:")
    ]


def _heads(titles: Iterable[str]) -> list[str]:
    kinds = ("pipeline:", "composite:")
    return [
        title.partition(":")[2] for title in titles if title.startswith(kinds)
    ]
