# SPDX-License-Identifier: Apache-2.0
"""A paste file: its sections, and the chains of them that a request passes.

Nothing is loaded here: what a section names is code of the service.
"""

import configparser
import dataclasses
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

_APPLICATIONS = (
    "app",
    "application",
    "composite",
    "composit",
    "pipeline",
    "filter-app",
)
_COMPOSITES = ("composite", "composit")
_OURS = re.compile(r"egg:fault[_-]middleware\b|(call:)?fault_middleware[.:]")
# A name that paste does not look for in the file.
_ABSOLUTE = re.compile(r"[a-zA-Z]+:")
# Options of paste that it does not hand on.
_OF_PASTE = ("use", "next", "filter-with", "require")
_FACTORY = re.compile(r"paste\.\w+_factory")


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Section:
    """A section of the file.

    :ivar kind: what comes before the colon: ``filter``, ``app``, ``pipeline``, ...
    :ivar options: its own, as text
    :ivar defaults: those of ``[DEFAULT]``, and what the section sets for all that it loads
    """

    kind: str
    name: str
    options: Mapping[str, str]
    defaults: Mapping[str, str]

    @property
    def title(self) -> str:
        """What is between the brackets."""
        return f"{self.kind}:{self.name}"

    @property
    def about(self) -> str:
        """The whole section in one line, to look for words in it."""
        return f"{self.name} {dict(self.options)}"

    @property
    def factory(self) -> str:
        """What it loads: ``egg:...``, ``call:...``, ``module:name``, or another section's name."""
        if "use" in self.options:
            return self.options["use"]
        for name, value in self.options.items():
            if _FACTORY.fullmatch(name):
                return value
        return ""

    @property
    def settings(self) -> dict[str, str]:
        """What it hands to the filter, but for the names of the configuration."""
        found = dict(self.options)
        for name in self.options:
            if (
                name in _OF_PASTE
                or _FACTORY.fullmatch(name)
                or name.startswith("oslo_config_")
            ):
                del found[name]
        return found

    def option(self, name: str) -> str | None:
        """An option of its own, or one that it inherits."""
        return self.options.get(name, self.defaults.get(name))


@dataclasses.dataclass(frozen=True, slots=True)
class Step:
    """What a request passes: a section, or the name of one that the file does not have."""

    name: str
    section: Section | None

    @property
    def about(self) -> str:
        """All that the file says of it, in one line."""
        return self.section.about if self.section else self.name


@dataclasses.dataclass(frozen=True, slots=True)
class Chain:
    """The steps of a request from the outside to the application.

    :ivar key: of several pipelines in a composite the name of this one, such as ``keystone``
    """

    key: str
    steps: tuple[Step, ...]

    def __str__(self) -> str:
        return " ".join(step.name for step in self.steps)

    def behind(self, step: Step) -> "Chain":
        """The same with one step more, before the others."""
        return Chain(self.key, (step, *self.steps))


class PasteFile:
    """The sections of one file.

    :ivar name: the file's
    :ivar duplicate: why paste refuses the file: a section or an option that is there twice; or ""
    :raises OSError: when it cannot be read
    :raises ValueError: when it is not text
    :raises configparser.Error: when it is not an INI file
    """

    def __init__(self, name: str) -> None:
        self.name = name
        text = Path(name).read_text("utf-8")
        self.duplicate = ""
        try:
            parser = _parser(name, strict=True)
            parser.read_string(text, name)
        except (
            configparser.DuplicateSectionError,
            configparser.DuplicateOptionError,
        ) as exc:
            self.duplicate = str(exc)
            parser = _parser(name, strict=False)
            parser.read_string(text, name)
        self.sections = [
            _section(parser, title)
            for title in parser.sections()
            if ":" in title
        ]

    @property
    def filters(self) -> list[Section]:
        """The sections of our filter."""
        found = []
        for section in self.sections:
            if section.kind in ("filter", "filter-app") and self.is_ours(
                section
            ):
                found.append(section)
        return found

    def is_ours(self, section: Section) -> bool:
        """Whether a section loads our filter, itself or through another section."""
        if _OURS.match(section.factory):
            return True
        used = self.find(section.factory, ("filter",))
        return (
            used is not None
            and used != section
            and bool(_OURS.match(used.factory))
        )

    def application(self, name: str) -> Section | None:
        """The application, pipeline or composite of a name."""
        return self.find(name, _APPLICATIONS)

    def find(self, name: str, kinds: tuple[str, ...]) -> Section | None:
        """The section of a name among those of some kinds."""
        for section in self.sections:
            if section.name == name and section.kind in kinds:
                return section
        return None

    def roots(self, known: str | None) -> list[Section]:
        """Where the service begins to load.

        :param known: the name of its application, where that is known
        """
        section = self.application(known) if known else None
        if section is not None:
            return [section]
        first = self._first()
        likely = []
        for section in first:
            if section.kind in _COMPOSITES or section.name == "main":
                likely.append(section)
        return likely or first

    def _first(self) -> list[Section]:
        """The applications to which no other one leads."""
        applications = []
        for section in self.sections:
            if section.kind in _APPLICATIONS:
                applications.append(section)
        named = set[str]()
        for section in applications:
            named.update(self._inner(section))
        return [
            section for section in applications if section.name not in named
        ]

    def chains(self, section: Section) -> list[Chain]:
        """All ways from a section to an application."""
        return list(self._chains(section.name, frozenset()))

    def _inner(self, section: Section) -> Iterator[str]:
        """The names of the applications to which a section leads."""
        for _, value in _ways(section):
            yield value.split()[-1]
        if section.kind == "filter-app":
            yield section.options.get("next", "")
        if not _ABSOLUTE.match(section.factory):
            yield section.factory

    def _chains(self, name: str, seen: frozenset[str]) -> Iterator[Chain]:
        section = self.application(name)
        if section is None or name in seen:
            yield Chain("pipeline", (Step(name, section),))
            return
        for chain in self._inside(section, seen | {name}):
            outermost = section.options.get("filter-with")
            yield chain.behind(self._filter(outermost)) if outermost else chain

    def _inside(
        self, section: Section, seen: frozenset[str]
    ) -> Iterator[Chain]:
        step = Step(section.name, section)
        if section.kind == "filter-app":
            for chain in self._chains(section.options.get("next", ""), seen):
                yield chain.behind(step)
        elif section.kind in _COMPOSITES:
            for key, value in _ways(section):
                for chain in self._pipeline(key, value, seen):
                    yield chain.behind(step)
        elif section.kind == "pipeline":
            yield from self._pipeline(
                "pipeline", section.options.get("pipeline", ""), seen
            )
        elif self.application(section.factory) is not None:
            yield from self._chains(section.factory, seen)
        else:
            yield Chain("pipeline", (step,))

    def _pipeline(
        self, key: str, value: str, seen: frozenset[str]
    ) -> Iterator[Chain]:
        names = value.split()
        if not names:
            return
        for chain in self._chains(names[-1], seen):
            if len(names) > 1:
                chain = dataclasses.replace(chain, key=key)
            for name in reversed(names[:-1]):
                chain = chain.behind(self._filter(name))
            yield chain

    def _filter(self, name: str) -> Step:
        return Step(name, self.find(name, ("filter",)))


def alternatives(section: Section) -> list[str]:
    """The names of the pipelines of which a composite takes one, by the service's options."""
    names = []
    for key, value in _ways(section):
        if len(value.split()) > 1:
            names.append(key)
    return names


def is_absolute(name: str) -> bool:
    """Whether a name is not one of this file's sections, such as ``egg:Paste#cascade``."""
    return bool(_ABSOLUTE.match(name))


def _ways(section: Section) -> Iterator[tuple[str, str]]:
    """Where a composite or a pipeline leads: the keys and their values."""
    if section.kind == "pipeline":
        yield "pipeline", section.options.get("pipeline", "") or "-"
    elif section.kind in _COMPOSITES:
        for key, value in section.options.items():
            if (
                key not in ("use", "filter-with")
                and not _FACTORY.fullmatch(key)
                and value.split()
            ):
                yield key, value


def _parser(name: str, *, strict: bool) -> configparser.ConfigParser:
    """A parser as paste's own is."""
    path = Path(name).absolute()
    places = {"here": str(path.parent), "__file__": str(path)}
    parser = configparser.ConfigParser(places, strict=strict)
    parser.optionxform = str  # type: ignore[assignment, method-assign]
    return parser


def _section(parser: configparser.ConfigParser, title: str) -> Section:
    kind, _, name = title.partition(":")
    defaults = dict(parser.defaults())
    options = {}
    for key in parser.options(title):
        value = parser.get(title, key)
        if key.startswith("set "):
            defaults[key.removeprefix("set ").strip()] = value
        elif key.startswith("get "):
            options[key.removeprefix("get ").strip()] = defaults.get(value, "")
        elif key not in parser.defaults():
            options[key] = value
    return Section(kind.strip(), name.strip(), options, defaults)
