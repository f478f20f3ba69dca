# SPDX-License-Identifier: Apache-2.0
"""What the callback plugin ``ansible.posix.debug`` prints, read again.

It prints what ``default`` does, but the texts of a result follow it, as they are. So what a task
wrote may look like a line of Ansible's own from there on.
"""

import re

_NAMES = "STDOUT|STDERR|MSG|MODULE_STDOUT|MODULE_STDERR"
_HEADING = re.compile(rf"\n\n({_NAMES}):\n\n")
_FIRST_HEADING = re.compile(rf"\}}\n\n(?:{_NAMES}):\n\n")
_ERROR = re.compile(r"^\[ERROR\]: ", re.MULTILINE)
# What may come behind the texts besides the lines that are looked for.
_BEHIND = re.compile(
    r"\n(?:\[(?:ERROR|WARNING|DEPRECATION WARNING)\]: |\n(?:PLAY RECAP|NO MORE HOSTS LEFT) )"
)


def begin(text: str) -> int:
    """Where the first text may be printed as it is; the length of the output if none is."""
    heading = _FIRST_HEADING.search(text)
    if heading is None:
        return len(text)
    # Core 2.19 prints the message before the result too.
    error = _ERROR.search(text, 0, heading.start())
    return error.start() if error else heading.start()


def texts(text: str, start: int, end: int) -> dict[str, str]:
    """The texts of a result by their names, such as ``msg``.

    :param start: where the result ends
    :param end: where the next line of Ansible's begins
    """
    if not _HEADING.match(text, start):
        return {}
    behind = _BEHIND.search(text, start, end)
    if behind:
        end = behind.start()
    _, *parts = _HEADING.split(text[start:end])
    found: dict[str, str] = {}
    for name, part in zip(parts[::2], parts[1::2], strict=True):
        found.setdefault(name.lower(), part.strip("\n"))
    return found
