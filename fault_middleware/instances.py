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
        key = f'"{self._route.form.key}"'
        return key.encode() in self._data

    def __iter__(self) -> Iterator[Instance]:
        return iter(self._instances)

    @property
    def candidates(self) -> list[Instance]:
        """Those that may have a fault: a profile may say that only failed ones do (``when``)."""
        return [
            instance
            for instance in self._instances
            if self._route.may_have_fault(instance)
        ]

    def splice(self, instance: Instance, fault: Any) -> None:
        """Let an instance show this as its fault; None for no fault."""
        key = self._route.form.key
        current = instance.members.get(key)
        if fault == current:
            return
        span = instance.span
        if fault is None:
            edit = body.remove_member(self._text, span, key)
        else:
            edit = body.set_member(self._text, span, key, fault)
        self._edits.append(edit)

    def encode(self) -> bytes | None:
        """The new body; None where nothing changed."""
        if not self._edits:
            return None
        text = body.splice(self._text, self._edits)
        return text.encode()

    @functools.cached_property
    def _instances(self) -> list[Instance]:
        found = self._route.instances(self._text)
        return list(found)

    @functools.cached_property
    def _text(self) -> str:
        return self._data.decode()
