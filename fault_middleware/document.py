# SPDX-License-Identifier: Apache-2.0
"""A YAML document, each mistake of which is named with file, line, key and value."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, TypeVar

import yaml
from yaml.constructor import SafeConstructor

from fault_middleware import package_data
from fault_middleware.options import ConfigurationError

_Built = TypeVar("_Built")

#: Where something is in a document: keys and positions in lists.
Place = tuple[str | int, ...]


class DocumentError(ConfigurationError):
    """A YAML file has mistakes; ``mistakes`` has a line for each."""

    def __init__(self, mistakes: Iterable[str]) -> None:
        self.mistakes = list(mistakes)
        super().__init__("\n".join(self.mistakes))


class Document:
    """A YAML document that was read.

    :param file: its name, for messages
    :raises DocumentError: when it is empty, or not YAML, or holds itself
    :ivar data: what is in it
    """

    def __init__(self, file: str, text: str) -> None:
        self._file = file
        self._lines: dict[Place, int] = {}
        self._mistakes: list[tuple[int, str]] = []
        try:
            node = _compose(text)
            if node is None:
                raise DocumentError([f"{file}:1: the document is empty"])
            self._walk(node, (), ())
            # After the walk, for this puts what "<<" merges into the nodes.
            self.data: Any = SafeConstructor().construct_document(node)
        except yaml.YAMLError as exc:
            raise DocumentError([_describe(file, exc)]) from exc
        except RecursionError as exc:
            what = "it is nested too deep"
            raise DocumentError([f"{file}:1: not read: {what}"]) from exc

    def mistake(self, place: Place, what: str) -> None:
        """Note that something is wrong at a place."""
        text = f"{_name(place)}: {what}"
        while place not in self._lines:
            place = place[:-1]
        line = self._lines[place]
        self._mistakes.append((line, text))

    def validate(self, schema: Mapping[str, Any]) -> None:
        """Note what a JSON Schema finds wrong."""
        import jsonschema  # which takes long, and is needed for deployers' own profiles only

        validator = jsonschema.Draft202012Validator(schema)
        for error in validator.iter_errors(self.data):
            self._note(error)

    def _note(self, error: Any) -> None:
        """Note one error of jsonschema's, in words that help."""
        place = tuple(error.absolute_path)
        if error.validator == "additionalProperties":
            known = error.schema["properties"]
            for key in error.instance:
                if key not in known:
                    what = "is not a key that is known here"
                    self.mistake((*place, key), what)
        elif error.validator == "required":
            self.mistake(place, error.message)
        else:
            hint = error.schema.get("description", "")
            self.mistake(place, f"{error.message}. {hint}")

    def build(
        self, section: str, make: Callable[[Any], _Built]
    ) -> list[_Built]:
        """The parts of a list; a mistake in one is noted, and it is left out.

        :param make: makes one of its data, or raises ValueError, or re.error for a bad regex
        """
        built = []
        for number, part in enumerate(self.data.get(section, [])):
            try:
                built.append(make(part))
            except (ValueError, re.error) as exc:
                self.mistake((section, number), str(exc))
        return built

    def close(self) -> None:
        """Be done with the document.

        :raises DocumentError: with every mistake that was noted
        """
        lines = []
        for line, text in sorted(self._mistakes):
            lines.append(f"{self._file}:{line}: {text}")
        if lines:
            raise DocumentError(lines)

    def _walk(
        self, node: yaml.Node, place: Place, around: tuple[yaml.Node, ...]
    ) -> None:
        """Note the line of everything, and keys that are there twice.

        :param around: the nodes that this one is in
        :raises yaml.YAMLError: for an alias within what it stands for
        """
        if any(node is outer for outer in around):
            raise yaml.composer.ComposerError(
                None,
                None,
                f"{_name(place)} is an alias of what it is in",
                node.start_mark,
            )
        line = node.start_mark.line + 1
        self._lines.setdefault(place, line)
        for part, child in _children(node):
            inner = (*place, part)
            if inner in self._lines:
                self._lines[inner] = child.start_mark.line + 1
                self.mistake(inner, "is there twice")
            self._walk(child, inner, (*around, node))


def _compose(text: str) -> yaml.Node | None:
    """The root of a document; None where it is empty."""
    try:
        return yaml.compose(text, Loader=package_data.LOADER)
    except yaml.YAMLError:
        # The parser in C does not always say what is wrong.
        return yaml.compose(text, Loader=yaml.SafeLoader)


def _children(node: yaml.Node) -> Iterator[tuple[str | int, yaml.Node]]:
    """The nodes within a node, with their keys or positions."""
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            yield str(key.value), value
    elif isinstance(node, yaml.SequenceNode):
        yield from enumerate(node.value)


def _name(place: Place) -> str:
    """A place as people write it: ``routes[0].path``."""
    name = ""
    for part in place:
        if isinstance(part, int):
            name += f"[{part}]"
        else:
            name += f".{part}"
    return name.lstrip(".") or "the document"


def _describe(file: str, exc: yaml.YAMLError) -> str:
    """What a parser complains of, in one line."""
    line = 1
    lines = str(exc).splitlines()
    what = lines[0]
    if isinstance(exc, yaml.MarkedYAMLError):
        what = exc.problem or what
        if exc.problem_mark is not None:
            line = exc.problem_mark.line + 1
    return f"{file}:{line}: not YAML: {what}"
