# SPDX-License-Identifier: Apache-2.0
"""Whether paste could load what a section names."""

import importlib.metadata
import importlib.util

from paste.deploy import loadwsgi

from fault_middleware.cmd.doctor.paste_file import PasteFile, Section
from fault_middleware.text import describe

_OWN = "fault_middleware"


class ElsewhereError(Exception):
    """The code is not installed in this Python."""


def check(file: PasteFile, section: Section) -> str:
    """Why a section cannot be loaded; "" if it can, as far as that shows without loading it.

    :raises ElsewhereError: naming the package, when none of that name is here
    """
    if section.kind == "pipeline":
        extra = sorted(set(section.options) - {"pipeline"})
        return f"a pipeline has no option {', '.join(extra)}" if extra else ""
    factory = section.factory
    if not factory:
        return "it has neither use nor a paste factory"
    if factory.startswith("egg:"):
        return _egg(section, factory.removeprefix("egg:"))
    if factory.startswith("config:"):
        return ""
    if "use" in section.options and not factory.startswith("call:"):
        return (
            ""
            if _is_section(file, section, factory)
            else f"there is no section for {factory}"
        )
    return _function(factory.removeprefix("call:"))


def _is_section(file: PasteFile, section: Section, name: str) -> bool:
    if section.kind.startswith("filter"):
        return file.find(name, ("filter",)) is not None
    return file.application(name) is not None


def _egg(section: Section, spec: str) -> str:
    """``egg:NAME#ENTRY``: an entry point of a distribution."""
    name, _, entry = spec.partition("#")
    kind = (
        loadwsgi.FILTER if section.kind.startswith("filter") else loadwsgi.APP
    )
    try:
        importlib.metadata.distribution(name)
    except importlib.metadata.PackageNotFoundError as exc:
        raise ElsewhereError(name) from exc
    if name.replace("-", "_") != _OWN:
        return ""  # loading it would run code of others
    try:
        loadwsgi.EggLoader(name).find_egg_entry_point(kind, entry or None)
    except (ImportError, AttributeError, LookupError) as exc:
        return describe(exc)
    return ""


def _function(spec: str) -> str:
    """``module:name``."""
    module, _, name = spec.partition(":")
    if not name:
        return f"{spec} names no function; it is written MODULE:FUNCTION"
    if module.partition(".")[0] == _OWN:
        try:
            loadwsgi.lookup_object(spec)
        except (ImportError, AttributeError) as exc:
            return describe(exc)
        return ""
    try:
        found = importlib.util.find_spec(module)
    except (ImportError, ValueError):
        found = None
    if found is None:
        package = module.partition(".")[0]
        if _is_installed(package):
            return f"there is no module {module}"
        raise ElsewhereError(package)
    return ""


def _is_installed(package: str) -> bool:
    try:
        return importlib.util.find_spec(package) is not None
    except (ImportError, ValueError):
        return False
