# SPDX-License-Identifier: Apache-2.0
"""How much of a JSON value is looked at, and kept."""

from typing import Any

from fault_middleware.text import CUT, LONGEST, cut_bytes

# Characters that all texts of one value may have, and what a short text takes to be masked, in
# characters of a long one.
_ALL_TEXTS = 256 * 1024
_EACH_TEXT = 64
# Characters of a value that is brief, and of each text in it.
_BRIEF = 2048
_BRIEF_TEXT = 255


def bounded(value: Any, depth: int = 100, characters: int = _ALL_TEXTS) -> Any:
    """A JSON value that is cleaned in a part of a second: about its first 256 Ki characters.

    :param depth: levels below which to cut
    :param characters: another bound
    """
    return _Budget(characters, None).spend(value, depth)


def brief(value: Any) -> Any:
    """A JSON value that is cleaned in no time: short texts, and marks for long ones."""
    return _Budget(_BRIEF, _BRIEF_TEXT).spend(value, 3)


def with_short_texts(value: Any, limit: int) -> Any:
    """A JSON value in which the middle of each longer text is cut out.

    :param limit: bytes of UTF-8
    """
    if isinstance(value, str):
        return cut_bytes(value, limit)
    if isinstance(value, list):
        return [with_short_texts(part, limit) for part in value]
    if isinstance(value, dict):
        return {
            name: with_short_texts(part, limit) for name, part in value.items()
        }
    return value


class _Budget:
    """What the texts of one value may still take.

    :param longest: characters of a text that is kept; None where any is
    """

    def __init__(self, characters: int, longest: int | None) -> None:
        self._left = characters
        self._longest = longest

    def spend(self, value: Any, depth: int) -> Any:
        """As much of a value as there is left for, and a mark where it is cut."""
        if isinstance(value, str):
            if self._longest is not None and len(value) > self._longest:
                return CUT
            self._take(value)
            return value
        # So that nothing is free, however much of it there is.
        self._left -= 1
        if not isinstance(value, list | dict):
            return value
        if depth == 0:
            return CUT
        if isinstance(value, list):
            return self._spend_on_elements(value, depth - 1)
        return self._spend_on_members(value, depth - 1)

    def _take(self, text: str) -> None:
        # Of a longer one only the ends are masked.
        self._left -= min(len(text), LONGEST) + _EACH_TEXT

    def _spend_on_elements(self, value: list[Any], depth: int) -> list[Any]:
        kept: list[Any] = []
        for part in value:
            if self._left <= 0:
                kept.append(CUT)
                break
            kept.append(self.spend(part, depth))
        return kept

    def _spend_on_members(
        self, value: dict[str, Any], depth: int
    ) -> dict[str, Any]:
        # What says what happened is a text of its own, beside a list that is too long.
        nested = {
            name: isinstance(part, list | dict) for name, part in value.items()
        }
        kept: dict[str, Any] = {}
        for name in sorted(value, key=nested.__getitem__):
            if self._left <= 0:
                kept[CUT] = CUT
                break
            self._take(name)
            kept[name] = self.spend(value[name], depth)
        return {name: kept[name] for name in [*value, CUT] if name in kept}
