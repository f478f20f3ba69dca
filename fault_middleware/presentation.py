# SPDX-License-Identifier: Apache-2.0
"""How a service shows a fault, and which stays where it wrote one itself."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

from fault_middleware import clock
from fault_middleware.drivers import problem
from fault_middleware.fault import Fault
from fault_middleware.field import Field
from fault_middleware.text import clean_all

# The member that only the policy lets through.
_DETAILS = {"fault": "details", "problem": "traceback"}
_SAMPLE = datetime(2026, 11, 21, 20, 36, 5)


class Presentation(NamedTuple):
    """How a service shows a fault; ``profile-schema.yaml`` says what its parts mean."""

    existing_created: Field
    form: str = "fault"
    key: str = "fault"
    created: str = ""
    existing: str = "newest"
    existing_details: str = "policy"
    # Services write the same failure into their own tables, a moment later.
    existing_later: float = 5
    members: Mapping[str, Any] | None = None

    def show(
        self, instance: Mapping[str, Any], row: Fault | None, show: bool, details: bool
    ) -> Any:
        """What the member is to hold; None for no member.

        :param row: the newest row of the instance
        :param show: whether the caller may see our fault; ``details``: and the details of any
        """
        existing = instance.get(self.key)
        if row is not None and (show or row.deleted) and self._wins(row, existing, instance):
            return None if row.deleted else self._ours(row, details)
        if not isinstance(existing, dict):
            return existing
        if self.form == "problem":
            whole = problem.lift(existing)
            existing = existing if whole is None else whole.to_dict()
        hidden = self._details if not details and self.existing_details != "keep" else None
        return clean_all({k: v for k, v in existing.items() if k != hidden})

    @property
    def _details(self) -> str:
        return _DETAILS[self.form]

    def _ours(self, row: Fault, details: bool) -> dict[str, Any]:
        if self.form == "problem":
            view = json.loads(row.problem or "{}") or {"status": 500, "detail": row.message}
            view |= {self._details: row.details} if row.details else {}
        else:
            created = row.created.strftime(self.created)
            ours = {"created": created, "message": row.message, self._details: row.details}
            view = {**(self.members or {}), **ours}
        return {k: v for k, v in view.items() if details or k != self._details}

    def _wins(self, row: Fault, existing: Any, instance: Mapping[str, Any]) -> bool:
        """Whether our row stays rather than what the service wrote."""
        if existing is None or self.existing == "replace":
            return True
        theirs = clock.parse_time(self.existing_created.find(instance))
        if theirs is None or self.existing == "keep":
            return False
        ours = row.created.replace(microsecond=0)
        lead = (theirs.replace(microsecond=0) - ours).total_seconds()
        return lead <= (0 if row.deleted else self.existing_later)


def build(data: Mapping[str, Any]) -> Presentation:
    """Build the section ``fault`` of a profile or route; ValueError for what no schema can see."""
    created = data.get("existing_created", f"{data.get('key', 'fault')}.created")
    shape = Presentation(**{**data, "existing_created": Field.parse(created)})
    sample = clock.parse_time(_SAMPLE.strftime(shape.created))
    if shape.form == "fault" and sample != _SAMPLE:
        raise ValueError(
            f"needs in 'fault' a format 'created' of ISO 8601 to the second, not {shape.created!r}"
        )
    return shape
