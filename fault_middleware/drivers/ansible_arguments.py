# SPDX-License-Identifier: Apache-2.0
"""What Ansible says of its arguments, without them: there may be passwords in them."""

import re
from collections.abc import Iterable

from fault_middleware import text as texts
from fault_middleware.masking import MASK

# Of a longer text, or of more pieces, nothing is told: each is looked for. A text that was cut
# first could end with a part of one.
_MOST_CHARACTERS = 16 * 1024
_MOST_PIECES = 5000
# Shorter ones are words of Ansible's as often as of the arguments.
_LEAST = 4
_LEFT_OUT = "the reason is not told, for it may quote the arguments"
# The name of an option is not a secret; what is attached to a short one may be.
_OPTION = re.compile(r"--[a-z][a-z-]*|-[a-zA-Z]")
_SHORT = re.compile(r"-[a-zA-Z](?=.)")
# What stands around names and values, in a shell, in JSON and in YAML.
_SIGNS = re.compile(r"""[\s=:,"'\[\]{}@]+""")


def leave_out(arguments: Iterable[str], text: str) -> str:
    """A text with ``***`` in place of what is in the arguments too."""
    pieces = _pieces(arguments)
    if not pieces:
        return text
    if len(pieces) > _MOST_PIECES or len(text) > _MOST_CHARACTERS:
        return _LEFT_OUT
    for piece in sorted(pieces, key=len, reverse=True):
        text = text.replace(piece, MASK)
    return text


def last_line(arguments: Iterable[str], text: str) -> str:
    """The last line of a text, without the arguments, and without secrets that end in it."""
    ended = text.rstrip()
    end = ended[-_MOST_CHARACTERS:]
    if end != ended and "\n" not in end:
        return _LEFT_OUT
    # Clean as a whole: the line before may say that it is a secret.
    return texts.last_line(texts.clean(leave_out(arguments, end)))


def _pieces(arguments: Iterable[str]) -> set[str]:
    """What is quoted of arguments: they as a whole, and each name and value in them."""
    found = set()
    for argument in map(str, arguments):  # a path is one, too
        if _OPTION.fullmatch(argument):
            continue
        value = _SHORT.sub("", argument, count=1)
        for piece in (argument, value, *value.split(), *_SIGNS.split(value)):
            if len(piece) >= _LEAST and not _OPTION.fullmatch(piece):
                found.add(piece)
    return found
