# SPDX-License-Identifier: Apache-2.0
"""What a profile says of failures.

Of exceptions, the sentences for their users, and which are only symptoms; and of which operation a
failure or a success is.
"""

import dataclasses
import fnmatch
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from fault_middleware import exception, fault
from fault_middleware.field import Field, texts

# A field's place in a sentence.
_PLACE = re.compile(r"\{(\w*)\}")
_NUMBER = re.compile(r"-?\d{1,18}(?:\.\d{1,6})?", re.ASCII)


@dataclasses.dataclass(frozen=True, slots=True)
class Sentence:
    """A text that users can act on, in place of an exception's own.

    :ivar exception: matches a class of the exception, with its module or without
    :ivar source: matches the type of the event, the name of the logger, or a function of the
        service that was running
    :ivar text: the sentence; ``{size}`` stands for the field ``size``
    :ivar fields: where the numbers and UUIDs in it are found
    """

    exception: re.Pattern[str]
    source: re.Pattern[str]
    text: str
    fields: Mapping[str, Field]

    def says(
        self,
        names: Iterable[str],
        sources: Iterable[str],
        data: Mapping[str, Any],
    ) -> str | None:
        """The text; None if it does not apply, or if a field of it has no number or UUID."""
        if not any(self.source.fullmatch(source) for source in sources):
            return None
        if not _is_one_of(names, self.exception):
            return None
        said = self.text
        for name, field in self.fields.items():
            value = _plain(field.find(data))
            if value is None:
                return None
            said = said.replace(f"{{{name}}}", value)
        return said


@dataclasses.dataclass(frozen=True, slots=True)
class Vocabulary:
    """The sentences of a profile, the first that fits counts, and the classes of symptoms.

    :ivar operations: the names of operations, and what matches where their failures and successes
        are told from; the first that fits counts
    """

    sentences: tuple[Sentence, ...]
    symptoms: re.Pattern[str]
    operations: tuple[tuple[str, re.Pattern[str]], ...] = ()

    def operation(self, sources: Sequence[str]) -> str | None:
        """The operation that was at work, by sources as for :meth:`sentence`."""
        for name, wanted in self.operations:
            if any(wanted.fullmatch(source) for source in sources):
                return name
        return None

    def sentence(
        self,
        names: Iterable[str],
        sources: Iterable[str],
        data: Mapping[str, Any],
    ) -> str | None:
        """The sentence for an exception, or for where it comes from; None if there is none.

        :param names: its classes, as in :class:`fault_middleware.exception.Raised`
        :param sources: the type of the event; or the name of the logger, and of each function
            that was running, such as ``cinder.volume.manager.extend_volume``
        :param data: the notification, in which fields of sentences are found
        """
        for sentence in self.sentences:
            said = sentence.says(names, sources, data)
            if said is not None:
                return said
        return None

    def is_symptom(self, names: Iterable[str]) -> bool:
        """Whether an exception says that something failed, and not why."""
        return _is_one_of(names, self.symptoms)


def build(data: Mapping[str, Any]) -> Sentence:
    """Build one of a profile's ``sentences``; raises ValueError for what no schema can see."""
    fields = {}
    for name, path in data.get("fields", {}).items():
        fields[name] = Field.parse(path)
    places = set(_PLACE.findall(data["text"]))
    if places != fields.keys():
        wrong = ", ".join(sorted(places ^ fields.keys()))
        raise ValueError(
            f"needs each of its fields in its text, and no others: {wrong}"
        )
    if "exception" not in data and "source" not in data:
        raise ValueError("needs an 'exception', a 'source', or both")
    return Sentence(
        exception=globs(data.get("exception", "*")),
        source=globs(data.get("source", "*")),
        text=data["text"],
        fields=fields,
    )


def globs(value: str | list[str]) -> re.Pattern[str]:
    """What matches one of several patterns of :mod:`fnmatch`; nothing if there are none."""
    return re.compile("|".join(map(fnmatch.translate, texts(value))) or "(?!)")


def safe_globs(value: str | list[str]) -> re.Pattern[str]:
    """As :func:`globs`, except for what matches a pattern that begins with ``!``."""
    wanted, unwanted = [], []
    for pattern in texts(value):
        if pattern.startswith("!"):
            unwanted.append(pattern[1:])
        else:
            wanted.append(pattern)
    return re.compile(
        f"(?!{globs(unwanted).pattern})(?:{globs(wanted).pattern})"
    )


def _is_one_of(names: Iterable[str], wanted: re.Pattern[str]) -> bool:
    # What matches anything also matches that no exception is known.
    if wanted.fullmatch(""):
        return True
    return any(_is_class(name, wanted) for name in names)


def _is_class(name: str, wanted: re.Pattern[str]) -> bool:
    """Whether a class is meant, with its module or without."""
    return bool(
        wanted.fullmatch(name) or wanted.fullmatch(exception.label(name))
    )


def _plain(value: Any) -> str | None:
    """A number or a UUID as text; None for what could be anything."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    text = str(value)
    if _NUMBER.fullmatch(text) or fault.UUID.fullmatch(text):
        return text
    return None
