# SPDX-License-Identifier: Apache-2.0
"""Compares what the filter's section makes it read with what the doctor was given."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from oslo_config import cfg

from fault_middleware import configuration, options
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
        theirs = configuration.read(project, file, program)
    except ConfigurationError as exc:
        yield findings.filter_configuration_wrong(section.title, str(exc))
        return
    files = _files(theirs)
    if not files:
        yield _without_file(case, section)
    elif _are_same(files, case.files):
        names = ", ".join(files)
        yield findings.filter_reading_well(section.title, names)
    else:
        yield from _compare(case, section, theirs)


def _files(conf: cfg.ConfigOpts) -> list[str]:
    """The files and folders that a configuration was read from."""
    files = list(conf.config_file or ())
    folders = list(conf.config_dir or ())
    return files + folders


def _are_same(files: list[str], others: Sequence[str]) -> bool:
    """Whether these are the same files, whatever links lead to them."""
    real = set(map(os.path.realpath, files))
    real_others = set(map(os.path.realpath, others))
    return real == real_others


def _without_file(case: Case, section: Section) -> Finding:
    """That oslo.config finds no file of the project which the section names."""
    project = section.option("oslo_config_project") or ""
    program = section.option("oslo_config_program")
    server = program or "the name of the program that serves the API"
    given = ", ".join(case.files) or "FILE"
    return findings.filter_project_without_file(
        section.title, project, server, given
    )


def _compare(
    case: Case, section: Section, theirs: cfg.ConfigOpts
) -> Iterator[Finding]:
    """What differs between the filter's configuration and the doctor's."""
    options.register_opts(theirs)
    try:
        options.read_database_options(theirs)
        options.read_settings(theirs, {}, "")
    except ConfigurationError as exc:
        yield findings.filter_configuration_wrong(section.title, str(exc))
        return
    names = ", ".join(_files(theirs))
    databases = []
    others = []
    for name in _different(theirs, case.conf):
        if name in _DATABASES:
            databases.append(name)
        else:
            others.append(name)
    if databases:
        yield findings.filter_database_other(
            section.title, names, _url(theirs), _url(case.conf)
        )
    if others:
        different = ", ".join(others)
        yield findings.filter_options_other(section.title, names, different)
    if not databases and not others:
        yield findings.filter_reading_well(section.title, names)


def _different(theirs: cfg.ConfigOpts, given: cfg.ConfigOpts) -> list[str]:
    """The options of ours that two configurations do not have alike."""
    found = []
    for group, opts in options.list_opts():
        for option in opts:
            name = option.dest
            if _value(theirs, group, name) != _value(given, group, name):
                found.append(f"[{group}] {name}")
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
    if not connection:
        return "none"
    url = _without_password(connection)
    if not replica:
        return url
    replica_url = _without_password(replica)
    return f"{url} and {replica_url}"


def _without_password(url: str) -> str:
    try:
        return str(sa.make_url(url))
    except (sa.exc.ArgumentError, ValueError):
        return "a URL that is wrong"
