# SPDX-License-Identifier: Apache-2.0
"""A YAML document whose every mistake is named with file, line, key and value."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import yaml

from fault_middleware.options import ConfigurationError

#: Where something stands in a document: keys and positions in lists.
Place = tuple[str | int, ...]


class DocumentError(ConfigurationError):
    """A YAML file is not what it should be; ``mistakes`` are lines, one for each."""

    def __init__(self, mistakes: Iterable[str]) -> None:
        self.mistakes = list(mistakes)
        super().__init__("\n".join(self.mistakes))


class Document:
    """A document that has been read, and found to be YAML; ``data`` is what is in it.

    :param file: its name, for messages
    :raises DocumentError: when it is empty, or no YAML
    """

    def __init__(self, file: str, text: str) -> None:
        self._file = file
        self._lines: dict[Place, int] = {}
        self._mistakes: list[tuple[int, str]] = []
        try:
            node = yaml.compose(text, Loader=yaml.SafeLoader)
            self.data: Any = yaml.safe_load(text)
        except yaml.YAMLError as exc:
            mark = getattr(exc, "problem_mark", None)
            what = getattr(exc, "problem", None) or str(exc).splitlines()[0]
            line = mark.line + 1 if mark else 1
            raise DocumentError([f"{file}:{line}: not YAML: {what}"]) from exc
        if node is None:
            raise DocumentError([f"{file}:1: the document is empty"])
        self._walk(node, ())

    def mistake(self, place: Place, what: str) -> None:
        """Note that something is wrong at a place."""
        parts = (f"[{part}]" if isinstance(part, int) else f".{part}" for part in place)
        name = "".join(parts).lstrip(".") or "the document"
        while place not in self._lines:
            place = place[:-1]
        self._mistakes.append((self._lines[place], f"{name}: {what}"))

    def validate(self, schema: Mapping[str, Any]) -> None:
        """Note what a JSON Schema finds wrong."""
        import jsonschema  # which takes long, and is needed for deployers' own profiles only

        for error in jsonschema.Draft202012Validator(schema).iter_errors(self.data):
            place = tuple(error.absolute_path)
            if error.validator == "additionalProperties":
                for key in error.instance.keys() - error.schema["properties"].keys():
                    self.mistake((*place, key), "is no key that is known here")
            elif error.validator == "required":
                self.mistake(place, error.message)
            else:
                hint = error.schema.get("description", "")
                self.mistake(place, f"{error.message}. {hint}")

    def close(self) -> None:
        """Be done with the document; raises DocumentError with every mistake that was noted."""
        if self._mistakes:
            lines = sorted(self._mistakes)
            raise DocumentError(f"{self._file}:{line}: {text}" for line, text in lines)

    def _walk(self, node: yaml.Node, place: Place) -> None:
        """Note the line of everything, and keys that stand twice."""
        self._lines.setdefault(place, node.start_mark.line + 1)
        for part, child in _children(node):
            if (*place, part) in self._lines:
                self._lines[*place, part] = child.start_mark.line + 1
                self.mistake((*place, part), "stands there twice")
            self._walk(child, (*place, part))


def _children(node: yaml.Node) -> Iterator[tuple[str | int, yaml.Node]]:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            yield str(key.value), value
    elif isinstance(node, yaml.SequenceNode):
        yield from enumerate(node.value)
