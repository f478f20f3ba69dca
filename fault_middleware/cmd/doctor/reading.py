# SPDX-License-Identifier: Apache-2.0
"""Compares what the filter's section makes it read with what the doctor was given."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from oslo_config import cfg

from fault_middleware import deploy, options
from fault_middleware.cmd.doctor.case import Case
from fault_middleware.cmd.doctor.finding import Finding
from fault_middleware.cmd.doctor.findings import reading as findings
from fault_middleware.cmd.doctor.paste_file import PasteFile, Section
from fault_middleware.options import DATABASE_GROUP, ConfigurationError

_DATABASES = (
    f"[{DATABASE_GROUP}] connection",
    f"[{DATABASE_GROUP}] slave_connection",
)


def look(case: Case) -> Iterator[Finding]:
    """Yield what is wrong with what each filter reads."""
    if isinstance(case.paste, PasteFile):
        for section in case.paste.filters:
            yield from _section(case, section)


def _section(case: Case, section: Section) -> Iterator[Finding]:
    project = section.option("oslo_config_project")
    file = section.option("oslo_config_file")
    program = section.option("oslo_config_program")
    if project is None and file is None:
        return  # it takes what the service itself has read
    if file is not None and not Path(file).exists():
        yield findings.filter_file_missing(section.title, file)
        return
    try:
        theirs = deploy.configuration(project, file, program)
    except ConfigurationError as exc:
        yield findings.filter_configuration_wrong(section.title, str(exc))
        return
    files = [*(theirs.config_file or ()), *(theirs.config_dir or ())]
    if not files:
        server = program or "the name of the program that serves the API"
        given = ", ".join(case.files) or "FILE"
        yield findings.filter_project_without_file(
            section.title, project or "", server, given
        )
        return
    yield from _compare(case, section, theirs, files)


def _compare(
    case: Case, section: Section, theirs: cfg.ConfigOpts, files: list[str]
) -> Iterator[Finding]:
    names = ", ".join(files)
    if set(map(os.path.realpath, files)) == set(
        map(os.path.realpath, case.files)
    ):
        yield findings.filter_reading_well(section.title, names)
        return
    options.register_opts(theirs)
    try:
        options.read_database_options(theirs)
        options.read_settings(theirs, {}, "")
    except ConfigurationError as exc:
        yield findings.filter_configuration_wrong(section.title, str(exc))
        return
    different = _different(theirs, case.conf)
    if not set(_DATABASES).isdisjoint(different):
        theirs_url = _url(theirs)
        given_url = _url(case.conf)
        yield findings.filter_database_other(
            section.title, names, theirs_url, given_url
        )
    others = [name for name in different if name not in _DATABASES]
    if others:
        yield findings.filter_options_other(
            section.title, names, ", ".join(others)
        )
    if not different:
        yield findings.filter_reading_well(section.title, names)


def _different(theirs: cfg.ConfigOpts, given: cfg.ConfigOpts) -> list[str]:
    """The options of ours that two configurations do not have alike."""
    found = []
    for group, opts in options.list_opts():
        for option in opts:
            if _value(theirs, group, option.dest) != _value(
                given, group, option.dest
            ):
                found.append(f"[{group}] {option.dest}")
    return found


def _value(conf: cfg.ConfigOpts, group: str, name: str) -> Any:
    try:
        return options.read_option(conf, group, name)
    except ConfigurationError as exc:
        return str(exc)


def _url(conf: cfg.ConfigOpts) -> str:
    """The database, without a password."""
    connection = _value(conf, DATABASE_GROUP, "connection")
    replica = _value(conf, DATABASE_GROUP, "slave_connection")
    urls = [connection or "none"]
    if replica:
        urls.append(replica)
    return " and ".join(map(_without_password, urls))


def _without_password(url: str) -> str:
    try:
        return str(sa.make_url(url))
    except (sa.exc.ArgumentError, ValueError):
        return "a URL that is wrong" if url != "none" else url
