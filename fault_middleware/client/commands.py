# SPDX-License-Identifier: Apache-2.0
"""``openstack fault list`` and ``openstack fault show``."""

import argparse
import contextlib
import logging
import shutil
import sys
import time
from collections.abc import Callable
from typing import Any

from keystoneauth1.exceptions import CatalogException
from osc_lib import exceptions
from osc_lib.command import command

from fault_middleware.client import safety, watching
from fault_middleware.client.asking import ask
from fault_middleware.client.cloud import Answer, Cloud, Shown
from fault_middleware.client.past import Past
from fault_middleware.client.refusals import (
    ForbiddenError,
    NotInCatalogError,
    RefusedError,
)
from fault_middleware.client.resource import Fault, Resource, resources
from fault_middleware.client.rows import row, rows
from fault_middleware.cmd import arguments
from fault_middleware.text import visible

LOG = logging.getLogger(__name__)

_BRIEF = ("Created", "Service", "Resource", "Name", "ID", "Status", "Message")
_LONG = (*_BRIEF, "Project", "Details")
# For a terminal on which an id and a message do not fit beside each other.
_NARROW = ("Created", "Resource", "Name", "Message")
_WIDE = 140
_NO_FAULT = Fault("", "", "")


class ListFaults(command.Lister):
    """List what has failed in this project and why, in all services that show it."""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """The parser of the arguments."""
        parser: argparse.ArgumentParser = super().get_parser(prog_name)
        words = sorted(resource.word for resource in resources())
        services = sorted({resource.service.name for resource in resources()})
        parser.add_argument(
            "--service",
            action="append",
            choices=services,
            help="Ask this service only (may be given several times)",
        )
        parser.add_argument(
            "--resource",
            action="append",
            choices=words,
            metavar="<resource>",
            help="List this kind of thing only (may be given several times): "
            + ", ".join(words),
        )
        parser.add_argument(
            "--since",
            metavar="<time>",
            type=arguments.time,
            help="List what happened within 30m, 12h or 7d, or since a time "
            "such as 2026-11-20T08:00 (UTC)",
        )
        parser.add_argument(
            "--all-projects",
            action="store_true",
            help="List what belongs to all projects (administrators only)",
        )
        parser.add_argument(
            "--long",
            action="store_true",
            help="Show the project too, and the details to those who may see them",
        )
        parser.add_argument(
            "--limit",
            metavar="<number>",
            type=arguments.count,
            help="List the newest so many only",
        )
        parser.add_argument(
            "--watch",
            metavar="<seconds>",
            type=watching.seconds,
            nargs="?",
            const=watching.USUAL,
            help="List again and again, with so many seconds between, until Ctrl-C; "
            f"default {watching.USUAL:g}. Only on a terminal; elsewhere once",
        )
        parser.add_argument(
            "--strict",
            action="store_true",
            help="Fail if a service does not answer, or has no filter",
        )
        return parser

    def run(self, parsed_args: argparse.Namespace) -> int:
        """List once, or again and again."""

        def list_once() -> int:
            ended: int = super(ListFaults, self).run(parsed_args)
            return ended

        if parsed_args.watch is None:
            return list_once()
        return watching.repeat(list_once, parsed_args.watch)

    def take_action(
        self, parsed_args: argparse.Namespace
    ) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
        """Ask the services, and make the table."""
        cloud = _cloud(self.app.client_manager)
        shown: list[Shown] = []
        is_whole = True
        answers = ask(
            cloud,
            _wanted(parsed_args),
            all_projects=parsed_args.all_projects,
            tell=_progress(),
        )
        for answer in answers:
            shown += answer.shown
            for remark in _remarks(answer, parsed_args):
                is_whole = False
                print(f"{answer.resource.word}: {remark}", file=sys.stderr)
        if not is_whole and parsed_args.strict:
            raise exceptions.CommandError("Not all services were read.")
        found = rows(shown, parsed_args.since)
        limit = parsed_args.limit
        if limit is not None and len(found) > limit:
            older = len(found) - limit
            print(f"{older} older faults are not listed", file=sys.stderr)
            found = found[:limit]
        columns = _columns(parsed_args)
        return columns, [
            safety.row([cells[name] for name in columns], parsed_args)
            for cells in found
        ]


class ShowFault(command.ShowOne):
    """Show why a thing has failed. If it has not, the exit code is 1."""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """The parser of the arguments."""
        parser: argparse.ArgumentParser = super().get_parser(prog_name)
        words = sorted(resource.word for resource in resources())
        parser.add_argument(
            "resource",
            choices=words,
            metavar="<resource>",
            help="Kind of thing: " + ", ".join(words),
        )
        parser.add_argument(
            "thing", metavar="<id or name>", help="Its id, or its name"
        )
        parser.add_argument(
            "--history",
            action="store_true",
            help="Show what failed before, too, where the service tells it",
        )
        return parser

    def take_action(
        self, parsed_args: argparse.Namespace
    ) -> tuple[tuple[str, ...], tuple[Any, ...]]:
        """Ask the service of the thing."""
        (resource,) = [
            kind for kind in resources() if kind.word == parsed_args.resource
        ]
        cloud = _cloud(self.app.client_manager)
        past: Past | None = None
        try:
            shown = cloud.find(resource, parsed_args.thing)
            if parsed_args.history:
                past = _past(cloud, shown)
        except NotInCatalogError as exc:
            raise exceptions.CommandError(
                f"This cloud has no {resource.service.name}."
            ) from exc
        except RefusedError as exc:
            raise exceptions.CommandError(
                f"{resource.service.name}: {exc}"
            ) from exc
        if shown.fault is None and not past:
            raise exceptions.CommandError(_why_there_is_none(shown))
        texts = row(shown, shown.fault or _NO_FAULT)
        cells: list[Any] = [texts[name] for name in _LONG]
        if past is None:
            return _LONG, safety.values(cells, parsed_args)
        return (*_LONG, "History"), safety.values([*cells, past], parsed_args)


def _past(cloud: Cloud, shown: Shown) -> Past:
    """What happened to a thing; nothing where nobody tells, which is said."""
    entries = cloud.history(shown.resource, shown.thing)
    if entries is None:
        name = shown.resource.service.name
        print(f"{name}: no history is told", file=sys.stderr)
        entries = []
    return Past.of(entries)


def _wanted(given: argparse.Namespace) -> list[Resource]:
    """The kinds of things that the arguments name."""
    wanted = []
    for resource in resources():
        is_service = (
            not given.service or resource.service.name in given.service
        )
        is_resource = not given.resource or resource.word in given.resource
        if is_service and is_resource:
            wanted.append(resource)
    return wanted


def _cloud(manager: Any) -> Cloud:
    """The user's cloud."""

    def find_endpoint(kind: str) -> str | None:
        # As it is in the catalog: a service that is down is not asked for its versions.
        found: str | None = None
        with contextlib.suppress(CatalogException):
            found = manager.session.get_endpoint(
                service_type=kind,
                region_name=manager.region_name,
                interface=manager.interface,
                skip_discovery=True,
            )
        return found

    return Cloud(manager.session, find_endpoint, manager.auth_ref.project_id)


def _remarks(answer: Answer, given: argparse.Namespace) -> tuple[str, ...]:
    """What the user has to know of an answer.

    What is for administrators only is nothing that another user misses, who has not asked for it.
    """
    refusal = answer.refusal
    if refusal is None:
        return answer.remarks
    if isinstance(refusal, ForbiddenError) and not _is_asked_for(given):
        LOG.info("%s: %s", answer.resource.word, refusal)
        return ()
    return (*answer.remarks, str(refusal))


def _is_asked_for(given: argparse.Namespace) -> bool:
    """Whether the arguments name what is to be listed, or want all of it."""
    return bool(
        given.service or given.resource or given.all_projects or given.strict
    )


def _progress() -> Callable[[int, int], None]:
    """What says on a terminal how far it has come, in a line that is overwritten."""
    begin = time.monotonic()

    def tell(number: int, total: int) -> None:
        if not sys.stderr.isatty():
            return
        text = ""
        if number < total:
            seconds = time.monotonic() - begin
            text = (
                f"{number} of {total} kinds of things asked, {seconds:.0f} s"
            )
        print(f"\r{text:79}\r", end="", file=sys.stderr, flush=True)

    return tell


def _columns(given: argparse.Namespace) -> tuple[str, ...]:
    """The columns of the table."""
    if given.long:
        return _LONG
    is_table = given.formatter == "table" and not given.columns
    if is_table and _is_narrow():
        given.fit_width = True
        return _NARROW
    return _BRIEF


def _is_narrow() -> bool:
    """Whether somebody reads this on a terminal that has no room for all columns."""
    return sys.stdout.isatty() and shutil.get_terminal_size().columns < _WIDE


def _why_there_is_none(shown: Shown) -> str:
    resource = shown.resource
    thing = visible(
        resource.name_of(shown.thing) or resource.id_of(shown.thing)
    )
    text = f"The {resource.word} {thing} has no fault"
    status = visible(resource.status_of(shown.thing))
    if status:
        text += f"; its status is {status}"
    if not shown.is_filtered:
        text += f". No filter answers for {resource.service.name}, so it is not known"
    return f"{text}."
