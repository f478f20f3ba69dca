# SPDX-License-Identifier: Apache-2.0
"""Looks at the filter's place in the pipelines that the API uses."""

import re
from collections.abc import Iterator
from pathlib import Path

from fault_middleware import profile
from fault_middleware.cmd.doctor import factories
from fault_middleware.cmd.doctor.case import Case, Option, Setup
from fault_middleware.cmd.doctor.finding import Finding
from fault_middleware.cmd.doctor.findings import pipeline as findings
from fault_middleware.cmd.doctor.paste_file import (
    Chain,
    PasteFile,
    Section,
    Step,
    alternatives,
    is_absolute,
)

#: The application that a service loads from its paste file.
APPLICATIONS = {
    "cinder": "osapi_volume",
    "designate": "osapi_dns",
    "glance": "glance-api",
    "heat": "heat-api",
    "magnum": "main",
    "manila": "osapi_share",
    "masakari": "masakari_api",
    "nova": "osapi_compute",
    "tacker": "tacker",
    "trove": "trove",
}
# The services' options with the name of their paste file; and by which they take one of several
# pipelines.
_PASTE_OPTIONS = ("api_paste_config", "config_file")
_STRATEGIES = ("auth_strategy", "flavor")
_AUTHTOKEN = re.compile(
    r"authtoken\b|.*keystonemiddleware\.(auth_token|external_oauth2_token)",
    re.DOTALL,
)
_URLMAP = re.compile(r"(?=.*urlmap)(?=.*'/[^']+': )", re.DOTALL)
# Filters that answer some requests themselves, in the services that have them.
_ANSWERING = {"trove": ("extensions",), "glance": ("cache", "cachemanage")}
_SERVED = re.compile(r"'paste\.app_factory': '(\w+)")


def look(case: Case) -> Iterator[Finding]:
    """Yield what is wrong with the paste file."""
    if case.paste is None or case.given.paste is None:
        yield findings.pipeline_not_given()
        return
    if not isinstance(case.paste, PasteFile):
        yield findings.paste_unreadable(case.given.paste, case.paste.error)
        return
    found = list(_troubles(case, case.paste))
    yield from found or [findings.pipeline_well(case.paste.name)]


def _troubles(case: Case, file: PasteFile) -> Iterator[Finding]:
    if file.duplicate:
        yield findings.paste_duplicate(file.name, file.duplicate)
    for option in case.find_options(*_PASTE_OPTIONS):
        if _names_another(option, file.name):
            yield findings.paste_other(file.name, str(option), option.value)
    services: list[str] = []
    if isinstance(case.setup, Setup):
        services = case.setup.services
    roots = _roots(file, services)
    chains = _used(case, file, roots)
    yield from _sections(file, chains)
    if not file.filters:
        yield findings.filter_missing(file.name)
        return
    yield from _unused(file, roots, chains)
    if isinstance(case.setup, Setup):
        for chain in chains:
            yield from _places(file, case.setup, chain)


def _unused(
    file: PasteFile, roots: list[Section], chains: list[Chain]
) -> Iterator[Finding]:
    """The filters that no request passes."""
    passed = set[Section | None]()
    for chain in chains:
        if _ends_with_filter(file, chain):
            return  # which is said of its place
        for step in chain.steps:
            passed.add(step.section)
    titles = [f"[{root.title}]" for root in roots]
    names = ", ".join(titles)
    for section in file.filters:
        if section not in passed and not _is_used_by_name(section, passed):
            yield findings.filter_unused(file.name, section.name, names)


def _is_used_by_name(section: Section, passed: set[Section | None]) -> bool:
    """Whether a section that requests pass takes all from this one: ``use = fault``."""
    for other in passed:
        if other is not None and other.factory == section.name:
            return True
    return False


def _names_another(option: Option, name: str) -> bool:
    """Whether an option of the service names another paste file."""
    if option.name == "config_file" and option.section != "paste_deploy":
        return False
    theirs = Path(option.value)
    ours = Path(name)
    if theirs.is_absolute():
        return theirs.resolve() != ours.resolve()
    # Services look for it in several folders, and some in that of their code.
    return theirs.name != ours.name


def _roots(file: PasteFile, services: list[str]) -> list[Section]:
    roots: list[Section] = []
    for service in services:
        if service in APPLICATIONS:
            roots += file.roots(APPLICATIONS[service])
    return list(dict.fromkeys(roots)) or file.roots(None)


def _used(case: Case, file: PasteFile, roots: list[Section]) -> list[Chain]:
    """The chains that the service uses, by its options."""
    strategy = "keystone"
    for option in case.find_options(*_STRATEGIES):
        strategy = option.value
    # Of one composite it takes one pipeline, or the pipeline for requests without limits.
    unused: set[str] = set()
    for section in file.sections:
        names = alternatives(section)
        if strategy in names:
            for name in names:
                if name.partition("_")[0] != strategy:
                    unused.add(name)
    chains = []
    for root in roots:
        for chain in file.chains(root):
            if chain.key not in unused:
                chains.append(chain)
    return list(dict.fromkeys(chains))


def _sections(file: PasteFile, chains: list[Chain]) -> Iterator[Finding]:
    """Whether paste finds the sections of the pipelines, and what they name."""
    elsewhere: list[str] = []
    broken: dict[Step, Finding] = {}
    for chain in chains:
        for step in chain.steps:
            try:
                finding = _step(file, chain, step)
            except factories.ElsewhereError as exc:
                elsewhere.append(str(exc))
                continue
            if finding is not None:
                broken.setdefault(step, finding)
    yield from broken.values()
    if elsewhere:
        yield findings.code_elsewhere(", ".join(dict.fromkeys(elsewhere)))


def _step(file: PasteFile, chain: Chain, step: Step) -> Finding | None:
    """What is wrong with one step of a chain.

    :raises ElsewhereError: when its code is not installed here
    """
    section = step.section
    if section is not None:
        error = factories.check(file, section)
        if not error:
            return None
        return findings.section_broken(file.name, section.title, error)
    if is_absolute(step.name) or _ends_with_filter(file, chain):
        return None
    return findings.section_missing(file.name, step.name, str(chain))


def _ends_with_filter(file: PasteFile, chain: Chain) -> bool:
    """Whether our filter is where the application belongs."""
    last = chain.steps[-1]
    names = {ours.name for ours in file.filters}
    return last.section is None and last.name in names


def _places(file: PasteFile, setup: Setup, chain: Chain) -> Iterator[Finding]:
    """What is wrong with the places of our filters in a chain."""
    if _ends_with_filter(file, chain):
        yield findings.filter_last(str(chain))
        return
    places = []
    for place, step in enumerate(chain.steps):
        if step.section is not None and step.section in file.filters:
            places.append(place)
    if len(places) > 1:
        yield findings.filter_twice(str(chain))
    if places:
        before = chain.steps[: places[0]]
        after = chain.steps[places[-1] + 1 :]
        yield from _authtoken(setup, chain, before, after)
        yield from _neighbours(setup, chain, before, after)


def _authtoken(
    setup: Setup,
    chain: Chain,
    before: tuple[Step, ...],
    after: tuple[Step, ...],
) -> Iterator[Finding]:
    if setup.settings.credentials == "headers":
        return
    if chain.key.startswith("noauth"):
        return
    if _has(after, _AUTHTOKEN):
        yield findings.filter_before_authtoken(str(chain))
    elif not _has(before, _AUTHTOKEN):
        yield findings.filter_without_authtoken(str(chain))


def _has(steps: tuple[Step, ...], wanted: re.Pattern[str]) -> bool:
    """Whether a pattern matches what is known of a step."""
    return any(wanted.match(step.about) for step in steps)


def _neighbours(
    setup: Setup,
    chain: Chain,
    before: tuple[Step, ...],
    after: tuple[Step, ...],
) -> Iterator[Finding]:
    if _has(after, _URLMAP):
        yield findings.filter_outside_urlmap(str(chain))
    answering: list[str] = []
    for service in setup.services:
        answering += _ANSWERING.get(service, ())
    for step in before:
        if step.name in answering:
            yield findings.filter_bypassed(str(chain), step.name)
    application = chain.steps[-1]
    served = _SERVED.search(application.about)
    if served is None:
        return
    service = served[1]
    if service in profile.shipped() and service not in setup.services:
        services = ", ".join(setup.services)
        yield findings.profile_other(service, services, str(chain))
