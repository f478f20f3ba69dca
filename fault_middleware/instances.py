# SPDX-License-Identifier: Apache-2.0
"""The instances that the body of a response shows."""

import functools
from collections.abc import Iterator
from typing import Any

from fault_middleware import body
from fault_middleware.body import Edit
from fault_middleware.route import Instance, Route


class ShownInstances:
    """The instances in a body, which is decoded and parsed once, when that is first needed.

    :raises ValueError: from all but ``has_own_fault``, for a body that is not JSON in UTF-8
    """

    def __init__(self, route: Route, data: bytes) -> None:
        self._route = route
        self._data = data
        self._edits: list[Edit] = []

    @property
    def has_own_fault(self) -> bool:
        """Whether the service may have written a fault itself."""
        return f'"{self._route.form.key}"'.encode() in self._data

    def __iter__(self) -> Iterator[Instance]:
        return iter(self._instances)

    def splice(self, instance: Instance, fault: Any) -> None:
        """Let an instance show this as its fault; None for no fault."""
        key = self._route.form.key
        if fault == instance.members.get(key):
            return
        if fault is None:
            edit = body.remove_member(self._text, instance.span, key)
        else:
            edit = body.set_member(self._text, instance.span, key, fault)
        self._edits.append(edit)

    def encode(self) -> bytes | None:
        """The new body; None where nothing changed."""
        if not self._edits:
            return None
        return body.splice(self._text, self._edits).encode()

    @functools.cached_property
    def _instances(self) -> list[Instance]:
        return list(self._route.instances(self._text))

    @functools.cached_property
    def _text(self) -> str:
        return self._data.decode()
