# SPDX-License-Identifier: Apache-2.0
"""An exception as it is written in a text: its classes, what it says, the chain in a traceback.

Nothing is evaluated, and nothing is read twice: texts come from whoever may send a notification.
"""

import dataclasses
import re
from collections.abc import Iterator, Mapping

#: What Python prints as the traceback where there is no exception.
NOTHING = "NoneType: None"

# How an exception begins in a traceback or a repr().
_CLASS = re.compile(r"[A-Za-z_][\w.]*(?=[:(]|$)")
# In a traceback, what follows the last frame; behind it, a message may have lines of its own.
_RAISED = re.compile(r"^  File .*\n(?:[ ].*\n)*+(\S.*)?", re.MULTILINE)
# The characters, from the end, in which it is looked for: re holds up all threads meanwhile.
_LONGEST = 2**18
# What Python writes between a cause and what it caused. What came up during the handling of an
# exception is not its consequence.
_LINK = (
    "\nThe above exception was the direct cause of the following exception:\n"
)
_FRAME = '  File "'
# Of a repr(): the exception and those that it is the argument of, with numbers between them.
_AROUND = re.compile(r"(?:[-\w.]++(?:\(|, ))++")
_OPENED = re.compile(r"(?<![\w.])([A-Za-z_][\w.]*+)\(")
# Its first text, which may be cut off.
_FIRST_TEXT = re.compile(r"""[bu]?(['"])((?:\\.|(?!\1)[^\\])++)""", re.DOTALL)
_ESCAPE = re.compile(
    r"""\\(?:[\\'"nrt]|x[\da-f]{2}|u[\da-f]{4}|U000[\da-f]{5})""", re.ASCII
)
# Of a dict as Python writes it.
_TOKEN = re.compile(
    r"""
    (?P<quote>['"])(?P<text>(?:\\.|(?!(?P=quote))[^\\])*+)(?P=quote)
    |[()\[\]{}]
    |[^'"()\[\]{}]++
    """,
    re.DOTALL | re.VERBOSE,
)
_BRACKETS = {"(": 1, "[": 1, "{": 1, ")": -1, "]": -1, "}": -1}
# Behind the class of an exception that oslo.messaging made of another process's.
_REMOTE = "_Remote"


@dataclasses.dataclass(frozen=True, slots=True)
class Raised:
    """An exception.

    :ivar names: its class, and the classes of the exceptions within it up to the one whose text
        this is; with the module where that is known, in braces where a dict names the class
    :ivar text: what it says; "" where that is not known
    """

    names: tuple[str, ...]
    text: str = ""

    @property
    def label(self) -> str:
        """The class as people call it: without its module."""
        return label(self.names[0])


def label(name: str) -> str:
    """A class as people call it: without its module, and without the mark of another process."""
    return name.strip("{}").rpartition(".")[2].removesuffix(_REMOTE)


def read(text: str) -> Raised | None:
    """The exception that a text is: its class, its repr(), or its attributes written as a dict.

    None where the text does not begin with a class.
    """
    if text.startswith("{"):
        return _read_attributes(text)
    name = _CLASS.match(text)
    if name is None:
        return None
    around = _AROUND.match(text)
    if around is None:
        return Raised((name[0],))
    names = tuple(_OPENED.findall(around[0]))
    told = _FIRST_TEXT.match(text, around.end())
    if told is None:
        return Raised(names or (name[0],))
    return Raised(names or (name[0],), _unescape(told[2]))


def raised_last(traceback: str) -> Raised | None:
    """The exception in which a traceback ends; its text is not read."""
    ends = _RAISED.findall(traceback[-_LONGEST:])
    last = next((end for end in reversed(ends) if end), "")
    name = _CLASS.match(last)
    if name is None:
        return None
    return Raised((name[0],))


def count(traceback: str) -> int:
    """How many exceptions of a chain a traceback shows, each the direct cause of the next."""
    if _FRAME not in traceback:
        return 0
    return 1 + traceback.count(_LINK)


def _read_attributes(text: str) -> Raised | None:
    """Of ``{..., 'message': 'No host left', 'class': 'NoValidHost'}``, the two.

    That is how exceptions of Nova write themselves.
    """
    if len(text) > _LONGEST:
        return None
    try:
        members = _members(text)
    except ValueError:
        return None
    name = members.get("class", "")
    if not name.isidentifier():
        return None
    return Raised((f"{{{name}}}",), members.get("message", ""))


def _members(text: str) -> Mapping[str, str]:
    """The texts in a dict that Python wrote, by their keys; ValueError where it is not one."""
    found: dict[str, str] = {}
    key = ""
    is_value = False
    for depth, token in _tokens(text):
        if depth != 1:
            continue
        if token["text"] is None:
            is_value = token[0].strip() == ":"
            continue
        value = _unescape(token["text"])
        if is_value:
            found[key] = value
        key = value
    return found


def _tokens(text: str) -> Iterator[tuple[int, re.Match[str]]]:
    """The tokens of a value, each with the number of brackets that are open behind it.

    :raises ValueError: where the text is not one value from its beginning to its end
    """
    depth = 0
    end = 0
    for token in _TOKEN.finditer(text):
        is_behind = end > 0 and depth == 0
        if token.start() != end or is_behind:
            raise ValueError(f"not a value at {end}")
        end = token.end()
        depth += _BRACKETS.get(token[0], 0)
        yield depth, token
    if depth != 0 or end != len(text):
        raise ValueError(f"not a value at {end}")


def _unescape(text: str) -> str:
    return _ESCAPE.sub(
        lambda found: found[0].encode().decode("unicode_escape"), text
    )
