# SPDX-License-Identifier: Apache-2.0
"""What a caller must not see of a service's own fault, taken out wherever it is.

It is looked for in what the caller would read: without colours, and without what nobody sees.
Any doubt is a no.
"""

import functools
import json
import re
from typing import Any

from fault_middleware.text import CUT, UNSEEN, visible

# Levels of a service's own fault that are looked at; what is deeper is cut off.
DEPTH = 100

_QUOTES = "\"'"
# Of an escape after its backslashes: what nobody sees, but not what stands for ASCII.
_NO_ASCII = r"(?![2-6]|7[0-9a-eA-E])"
_HEX = "[0-9a-fA-F]"
_UNSEEN_ESCAPE = (
    rf"(?:u(?!00[2-7]){_HEX}{{4}}|U{_HEX}{{8}}|x{_NO_ASCII}{_HEX}{{2}}"
    r"|(?:0[0-3]|[23][0-7])[0-7]|e)"
)
_SIGN_ESCAPE = r"(?:u002[27]|x2[27]|04[27]|[nrt])"
# What is left of a colour where its first character is escaped, or taken out. It ends with no
# letter that a name begins with, so that no two names share what is between their letters.
_REST_OF_A_COLOUR = r"\[?[0-9;:?]{1,64}[mA-KST]|\[[mA-K]"
_NOTHING = rf"[{UNSEEN}\ufffd]|\\++{_UNSEEN_ESCAPE}|{_REST_OF_A_COLOUR}"
# Possessive, and never from within a run of backslashes: texts have thousands of them.
_AFTER = (
    rf"(?:[\s{_QUOTES}]|&(?:quot|apos|\#x?\d\d);|[{UNSEEN}\ufffd]|{_REST_OF_A_COLOUR}"
    rf"|\\++(?:{_UNSEEN_ESCAPE}|{_SIGN_ESCAPE})?+)*+"
)
_SIGN = r"(?:[:=]|(?<=\\)(?:u003[adAD]|x3[adAD]|07[25]))"
# The beginning of a longer name, and not the end of an escape or of a colour.
_BEGUN = re.compile(r"(?<![\\\w])(?!\d*[mA-K]?\Z)\w++\Z", re.ASCII)
_LONGEST_BEGINNING = 40


def without(
    name: str, value: Any, *, in_texts: bool, depth: int = DEPTH
) -> Any:
    """A JSON value without the members of a name.

    :param in_texts: look into texts too, which may be JSON
    :param depth: levels below which to cut
    """
    if isinstance(value, str) and in_texts:
        return _text_without(name, value, depth)
    if not isinstance(value, list | dict):
        return value
    if depth == 0:
        return CUT
    inner = functools.partial(
        without, name, in_texts=in_texts, depth=depth - 1
    )
    if isinstance(value, list):
        return list(map(inner, value))
    kept = {}
    for key, part in value.items():
        if _is_named(name, key):
            continue
        # A name may hold all that a text may.
        shown = _cut_at(name, key) if in_texts else key
        kept[shown] = inner(part)
    return kept


class _Parsed:
    """The object or list in a text of JSON.

    :ivar value: the parsed text; None for other texts
    :ivar says_all: whether all of the text is in its value, and no name stands twice
    """

    def __init__(self, text: str) -> None:
        self.value: Any = None
        self.says_all = True
        begin = text.lstrip()
        if not begin.startswith(("{", "[")):
            return
        try:
            self.value = json.loads(text, object_pairs_hook=self._read)
        except (ValueError, RecursionError):
            return

    def _read(self, members: list[tuple[str, Any]]) -> dict[str, Any]:
        read = dict(members)
        if len(read) < len(members):
            self.says_all = False
        return read


def _text_without(name: str, text: str, depth: int) -> str:
    """The text without the members of a name in its JSON, or up to the first of them.

    JSON may be cut off by a column's limit, be within another text, be escaped, or be in colour.
    """
    parsed = _Parsed(visible(text))
    if parsed.value is None:
        return _cut_at(name, text)
    inner_depth = max(depth - 1, 0)
    kept = without(name, parsed.value, in_texts=True, depth=inner_depth)
    if kept == parsed.value and parsed.says_all:
        return text
    return json.dumps(kept)


def _cut_at(name: str, text: str) -> str:
    """The text up to what looks like a member of this name, which may be escaped."""
    seen = visible(text)
    for found in _patterns(name)[0].finditer(seen):
        start = found.start()
        if _BEGUN.search(seen, start - _LONGEST_BEGINNING, start):
            continue
        before = seen[:start]
        if before.endswith(tuple(_QUOTES)):
            before = before[:-1].rstrip("\\")
        return before + CUT
    return text


def _is_named(name: str, key: str) -> bool:
    """Whether a reader takes a member's name for this one."""
    pattern = _patterns(name)[1]
    return pattern.fullmatch(visible(key)) is not None


@functools.cache
def _patterns(name: str) -> tuple[re.Pattern[str], re.Pattern[str]]:
    """What finds a member of a name in a text, and what its name alone looks like."""
    first, *others = map(_letter, name)
    # What is between the letters has none of the first ones: linear in the text.
    rest = "".join(
        f"(?:{_NOTHING})*+(?:{plain}|\\\\++{escaped})"
        for plain, escaped in others
    )
    plain, escaped = first
    member = rf"(?:{plain}|(?<!\\)\\++{escaped}){rest}{_AFTER}{_SIGN}"
    whole = rf"{_AFTER}(?:{plain}|(?<=\\){escaped}){rest}{_AFTER}"
    return re.compile(member), re.compile(whole)


def _letter(letter: str) -> tuple[str, str]:
    """What matches a letter as it is, or in full width, and what its escape ends with."""
    code = ord(letter)
    # Masking writes the long s as an s too.
    wide = chr(code + 0xFEE0) + (
        "\N{LATIN SMALL LETTER LONG S}" if letter == "s" else ""
    )
    return f"[{letter}{wide}]", f"(?i:u00{code:02x}|x{code:02x}|{code:03o})"
