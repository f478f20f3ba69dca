# SPDX-License-Identifier: Apache-2.0
"""A page of a list: what is on it, and where the next one is."""

import dataclasses
import urllib.parse
from collections.abc import Mapping
from typing import Any

from fault_middleware.client.refusals import RefusedError
from fault_middleware.client.resource import at


@dataclasses.dataclass(frozen=True, slots=True)
class Page:
    """An answer of a service.

    :ivar body: from JSON
    :ivar next_url: of the page after it; None where there is none
    :ivar is_filtered: whether the filter looked for faults
    """

    body: Any
    next_url: str | None
    is_filtered: bool

    def members(self, path: str, word: str) -> list[Any]:
        """The members of the list.

        :param path: of the list in the body
        :param word: what each of them is
        :raises RefusedError: when there is no list
        """
        found = at(self.body, path)
        if not isinstance(found, list):
            raise RefusedError(f"the answer has no list of {word}s")
        return found


def next_link(body: Any, members_path: str) -> str | None:
    """The address of the next page, in whatever form services give it."""
    if not isinstance(body, Mapping):
        return None
    links = body.get(f"{members_path}_links") or body.get("links") or []
    if isinstance(links, Mapping):
        return _text(links.get("next"))
    for link in links:
        if isinstance(link, Mapping) and link.get("rel") == "next":
            return _text(link.get("href"))
    return _text(body.get("next"))


def at_service(root: str, link: str) -> str:
    """The address of a page at the service itself: another address would get the token.

    :param root: the address of the service
    :param link: an address, with or without its host
    :raises RefusedError: when the page is elsewhere
    """
    if link.startswith("/"):
        return root + link
    here = urllib.parse.urlsplit(root)
    there = urllib.parse.urlsplit(link)
    if there.netloc != here.netloc:
        raise RefusedError(f"its next page is elsewhere, at {there.netloc}")
    return there._replace(scheme=here.scheme).geturl()


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None
