# SPDX-License-Identifier: Apache-2.0
"""How a service shows a fault, and which fault wins when the service already shows its own."""

import abc
import dataclasses
import json
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, ClassVar

from fault_middleware import clock, extent, hiding
from fault_middleware.drivers import problem
from fault_middleware.fault import Fault
from fault_middleware.field import Field
from fault_middleware.policy import Visibility
from fault_middleware.text import clean_all
from fault_middleware.vocabulary import globs

_SAMPLE = datetime(2026, 11, 21, 20, 36, 5)
_NONE = re.compile(r"(?!)")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Form(abc.ABC):
    """A form in which services show faults; ``profile-schema.yaml`` says what its parts mean.

    :cvar details: the member that only the policy lets through, at whatever depth it is
    """

    details: ClassVar[str]

    existing_created: Field
    key: str = "fault"
    existing: str = "newest"
    existing_details: str = "policy"
    # Services write the same failure into their own tables, a moment later.
    existing_later: float = 5
    # Matches what the service says itself when it gives up, and not why.
    existing_symptoms: re.Pattern[str] = _NONE

    def render(
        self,
        instance: Mapping[str, Any],
        fault: Fault | None,
        visible: Visibility,
        is_brief: bool = False,
    ) -> Any:
        """The value of the member ``key`` as the caller may see it; None for no member.

        :param instance: the instance as the service shows it
        :param fault: what is to be shown of the instance, which may be a clearance
        :param is_brief: leave the long texts out of the service's own fault, because masking them
            takes time
        """
        existing = instance.get(self.key)
        is_shown = fault is not None and self._wins(fault, instance, visible)
        if fault is None or not is_shown:
            return self._theirs(existing, visible, is_brief)
        if fault.is_clearance:
            return None
        if not self._only_adds(fault, existing):
            return self._ours(fault, visible)
        view = dict(self._theirs(existing, visible, is_brief))
        if visible.details:
            view[self.details] = fault.details
        return view

    def withheld(
        self, instance: Mapping[str, Any], visible: Visibility
    ) -> Any:
        """The service's own fault, but for details that the caller may not see.

        For where :meth:`render` fails, so nothing else is done to it: it is not masked either.
        """
        return self._without_details(instance.get(self.key), visible)

    @abc.abstractmethod
    def needs_long_texts(self, visible: Visibility) -> bool:
        """Whether to show a fault takes its details or its problem, which lists read last."""

    @abc.abstractmethod
    def _ours(self, fault: Fault, visible: Visibility) -> dict[str, Any] | str:
        """A fault of the table in this form."""

    @property
    @abc.abstractmethod
    def _hides_in_texts(self) -> bool:
        """Whether texts of the service's own fault may be JSON with details in it."""

    def _theirs(
        self, existing: Any, visible: Visibility, is_brief: bool
    ) -> Any:
        """The service's own fault as the caller may see it."""
        theirs = self._without_details(self._read(existing), visible)
        # The caller waits for it, and how long it is is for others to choose.
        if is_brief:
            theirs = extent.brief(theirs)
        theirs = extent.bounded(theirs, hiding.DEPTH)
        return clean_all(theirs, depth=hiding.DEPTH)

    def _only_adds(self, fault: Fault, existing: Any) -> bool:
        """Whether the service's own message says more, so that only our details are added."""
        return False

    def _read(self, existing: Any) -> Any:
        """The service's own fault, as clients are to read it."""
        return existing

    def _without_details(self, existing: Any, visible: Visibility) -> Any:
        """The service's own fault, without what the caller may not see."""
        if visible.details or self.existing_details == "keep":
            return existing
        return hiding.without(
            self.details, existing, in_texts=self._hides_in_texts
        )

    def _wins(
        self, fault: Fault, instance: Mapping[str, Any], visible: Visibility
    ) -> bool:
        """Whether the fault of the table is shown rather than what the service wrote."""
        if not visible.show and not fault.is_clearance:
            return False
        if instance.get(self.key) is None:
            return True
        if self.existing == "replace":
            return True
        if self.existing == "keep" and not self._says_more(fault, instance):
            return False
        written = self.existing_created.find(instance)
        theirs = clock.parse_time(written)
        if theirs is None:
            return False
        # Services show whole seconds. What they write follows the last report of a failure, which
        # may be long after its cause.
        theirs = theirs.replace(microsecond=0)
        ours = fault.reported_until.replace(microsecond=0)
        lead = (theirs - ours).total_seconds()
        if fault.is_clearance:
            return lead <= 0
        return lead <= self.existing_later

    def _says_more(self, fault: Fault, instance: Mapping[str, Any]) -> bool:
        """Whether the service says only that it gave up, and our fault says why."""
        existing = instance[self.key]
        if fault.is_clearance or not isinstance(existing, Mapping):
            return False
        message = existing.get("message")
        if not isinstance(message, str):
            return False
        symptoms = self.existing_symptoms
        return bool(symptoms.fullmatch(message)) and not symptoms.fullmatch(
            fault.message
        )


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class FaultForm(Form):
    """An object of ``created``, ``message`` and ``details``.

    :ivar created: the format of its time, as for strftime
    :ivar members: what every fault of ours has besides
    :ivar value: "object", or "text" where the service's clients take nothing but texts there
    """

    details: ClassVar[str] = "details"

    created: str = ""
    members: Mapping[str, Any] | None = None
    value: str = "object"

    def __post_init__(self) -> None:
        sample = _SAMPLE.strftime(self.created)
        if clock.parse_time(sample) != _SAMPLE:
            raise ValueError(
                "needs in 'fault' a format 'created' of ISO 8601 to the second, "
                f"not {self.created!r}"
            )

    def needs_long_texts(self, visible: Visibility) -> bool:
        return visible.details

    def _ours(self, fault: Fault, visible: Visibility) -> dict[str, Any] | str:
        view = dict(self.members or {})
        view["created"] = fault.created.strftime(self.created)
        view["message"] = fault.message
        if visible.details:
            view[self.details] = fault.details
        if self.value == "text":
            return json.dumps(view)
        return view

    @property
    def _hides_in_texts(self) -> bool:
        return self.value == "text"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ProblemForm(Form):
    """An object of RFC 9457, the details of which are its ``traceback``."""

    details: ClassVar[str] = "traceback"

    def needs_long_texts(self, visible: Visibility) -> bool:
        return visible.show

    def _ours(self, fault: Fault, visible: Visibility) -> dict[str, Any]:
        view: dict[str, Any] = {"status": 500, "detail": fault.message}
        if fault.problem:
            view = json.loads(fault.problem)
        if not visible.details:
            hidden = hiding.without(self.details, view, in_texts=True)
            return dict(hidden)
        if fault.details:
            view[self.details] = fault.details
        return view

    def _only_adds(self, fault: Fault, existing: Any) -> bool:
        # Of what was logged ours has a sentence; what the service says of it is longer.
        return fault.was_logged and isinstance(existing, Mapping)

    @property
    def _hides_in_texts(self) -> bool:
        # What is not quite a problem has one in a text perhaps, with its traceback.
        return True

    def _read(self, existing: Any) -> Any:
        if not isinstance(existing, Mapping):
            return existing
        lifted = problem.lift(existing)
        return existing if lifted is None else lifted.to_dict()


def build(data: Mapping[str, Any]) -> Form:
    """Build the section ``fault`` of a profile or route.

    :raises ValueError: for mistakes that the schema cannot express
    """
    kind: type[Form] = FaultForm
    if data.get("form") == "problem":
        kind = ProblemForm
    parts = {}
    for field in dataclasses.fields(kind):
        if field.name in data:
            parts[field.name] = data[field.name]
    key = data.get("key", "fault")
    created = data.get("existing_created", f"{key}.created")
    parts["existing_created"] = Field.parse(created)
    parts["existing_symptoms"] = globs(data.get("existing_symptoms", []))
    return kind(**parts)
