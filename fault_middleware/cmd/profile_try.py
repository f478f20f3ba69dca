# SPDX-License-Identifier: Apache-2.0
"""``profile try``: what a profile would do."""

import argparse
import json
import logging
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import webob
from oslo_config import cfg

from fault_middleware import (
    clearing,
    clock,
    deploy,
    ending,
    fault,
    log_rule,
    migration,
    options,
    profile,
)
from fault_middleware.cmd import (
    formats,
    nothing_added,
    recorded_log,
    unmatched,
)
from fault_middleware.cmd.manage import ListCommand, Table
from fault_middleware.cmd.profile import ProfileCommand
from fault_middleware.cmd.recorded_log import RecordedSighting
from fault_middleware.fault import Fault
from fault_middleware.instances import ShownInstances
from fault_middleware.log_place import AmbiguousError
from fault_middleware.log_rule import LogRule
from fault_middleware.options import ConfigurationError
from fault_middleware.profile import Profile, RouteTable
from fault_middleware.route import ShowRequest

_TRIED = [
    "action",
    "instance_id",
    "message",
    "details",
    "created",
    "request_id",
]
# What a file with a fault may hold, and of which types.
_PARTS: Mapping[str, Any] = {
    "message": str,
    "details": str | list,
    "created": str,
    "problem": dict,
    "message_id": str,
    "event_type": str,
    "request_id": str,
    "project_id": str,
}
_CONTEXT = "_context_"
_LOG_COLUMNS = ["created", "logger", "action", "instance_id", "message"]
# Stands for an id that only the running service knows.
_NO_ID = "00000000-0000-0000-0000-000000000000"


class Try(ProfileCommand, ListCommand):
    """Show what a profile does.

    With --notification: what would be stored, in one row for each fault, or "ignore".  With --log:
    what would become of the records of a log file that a rule of the profile matches, and why no
    rule matches the other errors; a file has no local variables, so some ids are not known.  With
    --path and --body: the answer of the service, as a user with the role would see it.
    """

    examples = (
        "profile try trove --notification notification.json",
        "profile try cinder --log /var/log/cinder/cinder-volume.log",
        "profile try nova --path /servers/5f15e2a3-b556-4cd7-8ce4-e893e533dba1 --body body.json",
        "profile try trove --path /p1/instances/detail --body body.json --fault fault.json",
    )

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument(
            "--notification",
            metavar="FILE",
            help="a notification as JSON, with or without the envelope of oslo.messaging",
        )
        parser.add_argument(
            "--log",
            metavar="FILE",
            help="a log file of the service, in oslo.log's own format, or - for standard input",
        )
        parser.add_argument(
            "--path",
            metavar="PATH",
            help="the path of a GET request, as the filter sees it",
        )
        parser.add_argument(
            "--body",
            metavar="FILE",
            help="with --path: the service's answer to it, as JSON",
        )
        parser.add_argument(
            "--fault",
            metavar="FILE",
            help="with --path: the fault in the table (of the first instance of a list), as JSON "
            "with message and optionally details, created and problem (default: none)",
        )
        parser.add_argument(
            "--role",
            metavar="ROLE",
            default="member",
            help="with --path: the role of the user who asks (default: %(default)s)",
        )
        return parser

    def run(self, parsed_args: argparse.Namespace) -> int:
        """Run the command. With --path it prints a body instead of a table."""
        has_request = bool(parsed_args.path and parsed_args.body)
        has_part_of_a_request = bool(parsed_args.path or parsed_args.body)
        ways = [
            parsed_args.notification,
            parsed_args.log,
            has_part_of_a_request,
        ]
        if sum(map(bool, ways)) != 1 or has_part_of_a_request != has_request:
            raise ConfigurationError(
                "name a --notification, a --log, or a --path and a --body"
            )
        if not has_request:
            return super().run(parsed_args)
        conf = self.configuration()
        body = _try_request(conf, parsed_args)
        print(formats.printable_json(body))
        return 0

    def take_action(self, parsed_args: argparse.Namespace) -> Table:
        tried = profile.load(parsed_args.profile)
        if parsed_args.log:
            return _LOG_COLUMNS, _try_log(tried, parsed_args.log)
        notification = _read_notification(parsed_args.notification)
        extracted = tried.sources.extract(notification)
        action = extracted.action
        if action == "ignore":
            obstacles = "\n".join(tried.sources.obstacles(notification))
            reason = (
                extracted.reason
                or obstacles
                or "The profile ignores it on purpose."
            )
            print(reason, file=sys.stderr)
            nothing = [None] * len(_TRIED)
            return _TRIED, [[action, *nothing[1:]]]
        if action == "success":
            conf = self.configuration()
            settings = options.read_settings(conf, {}, "")
            choice = settings.clear_on_success
            print(
                _what_is_cleared(extracted.faults[0], choice), file=sys.stderr
            )
            action = "ignore"
            if ending.clearances(extracted.faults, choice):
                action = "clear"
        rows = []
        for row in extracted.faults:
            cells = [
                formats.column(name, getattr(row, name)) for name in _TRIED[1:]
            ]
            rows.append([action, *cells])
        return _TRIED, rows


def _what_is_cleared(row: Fault, choice: str) -> str:
    """What a success clears, for people."""
    name = row.operation
    if choice == clearing.ALL:
        what = "all faults of the instance"
    elif choice == clearing.NONE:
        what = "nothing"
    elif name is None:
        what = "nothing, as the profile does not say of which operation it is"
    else:
        what = f"what failed before of the operation {name!r}"
    return f"A success; with clear_on_success = {choice} it clears {what}."


def _read_notification(file: str) -> dict[str, Any]:
    """A notification as profiles read it: out of its envelope, with its context."""
    message = _read(file, dict)
    if "oslo.message" in message:
        message = _parse(
            f"{file}: oslo.message", message["oslo.message"], dict
        )
    notification: dict[str, Any] = {"context": {}}
    for name, value in message.items():
        if name.startswith(_CONTEXT):
            notification["context"][name.removeprefix(_CONTEXT)] = value
        elif not name.startswith(
            "_"
        ):  # such are notes of those who recorded it
            notification[name] = value
    return notification


def _try_log(tried: Profile, file: str) -> list[list[Any]]:
    """A row for each record that a rule of the profile matches."""
    if not tried.sources.logs:
        raise ConfigurationError(f"the profile of {tried.service} has no logs")
    try:
        text = (
            sys.stdin.read()
            if file == "-"
            else Path(file).read_text("utf-8", "replace")
        )
    except OSError as exc:
        raise ConfigurationError(f"{file}: {exc}") from exc
    rows = []
    number = 0
    meant = 0
    for sighting in recorded_log.read(text.splitlines()):
        number += 1
        rule = _rule_of(tried, sighting)
        if rule is not None:
            meant += 1
            rows.append(_try_record(tried, sighting, rule))
        elif sighting.record.levelno >= logging.ERROR:
            rows.append(_unmatched(tried, sighting))
    print(f"{number} records read, {meant} meant by a rule", file=sys.stderr)
    return rows


def _rule_of(tried: Profile, sighting: RecordedSighting) -> LogRule | None:
    for rule in tried.sources.logs:
        if rule.obstacle(sighting) is None:
            return rule
    return None


def _unmatched(tried: Profile, sighting: RecordedSighting) -> list[Any]:
    """Why nothing becomes of an error."""
    created = formats.column("created", sighting.created)
    why = unmatched.reason(tried.sources.logs, sighting)
    return [created, sighting.record.name, "none", None, why]


def _try_record(
    tried: Profile, sighting: RecordedSighting, rule: LogRule
) -> list[Any]:
    """What becomes of a record that a rule matches."""
    record = sighting.record
    created = formats.column("created", sighting.created)
    if not rule.places:
        return [created, record.name, "ignore", None, None]
    try:
        instance_id = rule.find(sighting)
    except AmbiguousError as exc:
        return [created, record.name, "ignore", str(exc), None]
    failure = sighting.failure(instance_id or _NO_ID, rule.modules)
    made = log_rule.make_fault(
        tried.service, rule, failure, tried.sources.words
    )
    known = instance_id or "(not in the file)"
    return [created, record.name, "record", known, made.message]


def _try_request(conf: cfg.ConfigOpts, given: argparse.Namespace) -> Any:
    """The body that the filter makes of the service's, with a table of its own."""
    answer = _read(given.body, dict, list)
    with tempfile.TemporaryDirectory() as folder:
        conf.set_override(
            "connection", f"sqlite:///{folder}/x", options.DATABASE_GROUP
        )
        conf.set_override("profiles", [given.profile], options.GROUP)
        deployment = deploy.deploy(
            conf, {"credentials": "headers", "consumer": "external"}
        )
        migration.sync(deployment.store.writer)
        request = webob.Request.blank(
            given.path, headers={"X-Roles": given.role}
        )
        show = RouteTable(deployment.profiles).match(request.environ)
        if show is None:
            raise ConfigurationError(
                f"no route of {given.profile} has the path {given.path}"
            )
        if given.fault:
            instance_id = _instance_shown(show, answer)
            parts = _read_fault(given.fault)
            if instance_id is not None:
                row = fault.make(show.service, instance_id, **parts)
                deployment.store.record([row])
        application = deployment.filter(webob.Response(json_body=answer))
        shown = request.get_response(application).json
    why = nothing_added.reason(show, answer, shown, bool(given.fault))
    if why:
        print(why, file=sys.stderr)
    return shown


def _instance_shown(show: ShowRequest, answer: Any) -> str | None:
    """The id of the instance that the answer shows, of a list the first one, or None."""
    instances = ShownInstances(show.route, json.dumps(answer).encode())
    if show.route.many:
        for instance in instances:
            if instance.id:
                return instance.id
        return None
    return show.instance_id(instances)


def _read_fault(file: str) -> dict[str, Any]:
    """The arguments of fault.make that a file holds."""
    row = _read(file, dict)
    created = clock.parse_time(row.get("created"))
    for key, value in row.items():
        is_valid = isinstance(value, _PARTS.get(key, ()))
        if key == "created" and created is None:
            is_valid = False
        if not is_valid:
            text = "a fault has message and perhaps details (texts), created (a time) and problem"
            raise ConfigurationError(
                f"{file}: {key} = {value!r:.80}: {text} (an object)"
            )
    return {**row, "created": created}


def _read(file: str, *kinds: type) -> Any:
    """The JSON in a file, if it is of one of these types."""
    try:
        data = Path(file).read_bytes()
    except OSError as exc:
        raise ConfigurationError(f"{file}: {exc}") from exc
    return _parse(file, data, *kinds)


def _parse(where: str, text: Any, *kinds: type) -> Any:
    try:
        data = json.loads(text)
    except (TypeError, ValueError) as exc:  # TypeError: it is not even a text
        raise ConfigurationError(f"{where}: not JSON: {exc}") from exc
    if not isinstance(data, kinds):
        raise ConfigurationError(f"{where}: not a JSON object")
    return data
