# SPDX-License-Identifier: Apache-2.0
"""Looks at the configuration files."""

import difflib
from collections.abc import Iterator, Sequence
from pathlib import Path

from fault_middleware import options
from fault_middleware.cmd.doctor.case import Case, Option, Wrong
from fault_middleware.cmd.doctor.finding import Finding
from fault_middleware.cmd.doctor.findings import configuration as findings
from fault_middleware.masking import mask

_GROUPS = (options.GROUP, options.DATABASE_GROUP)
# How alike a section's name must be to be one of ours that is misspelt; 1 is the same.
_ALIKE = 0.85
# The bit of a file's mode by which everybody may read it.
_READABLE_BY_ALL = 0o004


def look(case: Case) -> Iterator[Finding]:
    """Yield what is wrong with the files, and with what they say."""
    for file in case.files:
        yield from _file(case, file)
    if isinstance(case.setup, Wrong):
        yield findings.configuration_wrong(case.setup.error)
        return
    if case.setup.settings.credentials == "headers":
        yield findings.credentials_headers()
    yield findings.configuration_well(", ".join(case.setup.services))


def _file(case: Case, file: str) -> Iterator[Finding]:
    inside = [option for option in case.options if option.file == file]
    unknown = _unknown(inside)
    if unknown:
        yield findings.option_unknown(file, ", ".join(unknown))
    for section in dict.fromkeys(option.section for option in inside):
        meant = _meant(section)
        if meant is not None and section not in _GROUPS:
            yield findings.section_unknown(file, section, meant)
    if _is_public(file):
        yield findings.file_readable(file)


def _unknown(inside: Sequence[Option]) -> list[str]:
    """The options in our groups that are not ours."""
    known = set[tuple[str, str]]()
    for group, opts in options.list_opts():
        known.update((group, option.dest) for option in opts)
    found = set()
    for option in inside:
        if (
            option.section in _GROUPS
            and (option.section, option.name) not in known
        ):
            found.add(str(option))
    return sorted(found)


def _meant(section: str) -> str | None:
    """Which of our groups a section is, or is meant to be."""
    plain = (
        section.lower().replace("-", "_").replace(" ", "_").replace(".", "_")
    )
    alike = difflib.get_close_matches(plain, _GROUPS, n=1, cutoff=_ALIKE)
    return alike[0] if alike else None


def _is_public(file: str) -> bool:
    """Whether everybody may read a secret in a file."""
    if not Path(file).stat().st_mode & _READABLE_BY_ALL:
        return False
    text = Path(file).read_text("utf-8", "replace")
    return mask(text) != text
