# SPDX-License-Identifier: Apache-2.0
"""``profile list|show|check|try``: what profiles say, and what they would do."""

import argparse
import json
import sys
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import webob
from cliff import lister

from fault_middleware import clock, deploy, fault, migration, options, package_data, profile
from fault_middleware.cmd.manage import Command, printable
from fault_middleware.options import ConfigurationError
from fault_middleware.profile import RouteTable

_TRIED = ["action", "instance_id", "message", "details", "created", "request_id"]
# What a file with a fault may hold, and of which types.
_PARTS: Mapping[str, Any] = {
    "message": str,
    "details": str | list,
    "created": str,
    "problem": dict,
    **dict.fromkeys(("message_id", "event_type", "request_id", "project_id"), str),
}


class List(Command, lister.Lister):
    """List the profiles that come with fault_middleware."""

    def take_action(self, parsed_args: argparse.Namespace) -> tuple[list[str], Iterable[Any]]:
        columns = ["profile", "routes", "events", "exchanges"]
        loaded = ((name, profile.load(name)) for name in profile.shipped())
        return columns, (
            (name, len(one.routes), len(one.events), ", ".join(one.exchanges))
            for name, one in loaded
        )


class Show(Command):
    """Print a profile as it is written; a shipped one is a good start for one's own."""

    def take_action(self, parsed_args: argparse.Namespace) -> int:
        name = parsed_args.profile
        profile.load(name)
        shipped = name in profile.shipped()
        print(
            package_data.read(f"profiles/{name}.yaml")
            if shipped
            else Path(name).read_text("utf-8")
        )
        return 0


class Check(Command):
    """Name every mistake in a profile, with line and key."""

    def take_action(self, parsed_args: argparse.Namespace) -> int:
        one = profile.load(parsed_args.profile)
        counts = f"{len(one.routes)} routes, {len(one.events)} events"
        print(f"{parsed_args.profile}: no mistakes; the service {one.service}, {counts}")
        return 0


class Try(Command, lister.Lister):
    """Show what a profile does.

    With --notification: what would be stored, a line for each row; or "ignore".  With --path and
    --body: the answer as who asks would see it.
    """

    def take_action(self, parsed_args: argparse.Namespace) -> tuple[list[str], Iterable[Any]]:
        given = parsed_args
        one = profile.load(given.profile)
        message = _read(given.notification, dict)
        if "oslo.message" in message:
            message = _parse(f"{given.notification}: oslo.message", message["oslo.message"], dict)
        # As oslo.messaging packs it; what else begins so is somebody's note.
        head = "_context_"
        context = {k.removeprefix(head): v for k, v in message.items() if k.startswith(head)}
        message = {"context": context, **{k: v for k, v in message.items() if k[:1] != "_"}}
        action, rows, reason = one.extract(message)
        if action == "ignore":
            print(
                reason or "No event of the profile takes it, or one that ignores it.",
                file=sys.stderr,
            )
            return _TRIED, [(action, *[None] * 5)]
        if action == "success":
            print("A success; it clears where clear_on_success is set.", file=sys.stderr)
            clears = options.read_settings(self.configuration(), {}, "").clear_on_success
            action = "clear" if clears else "ignore"
        shown = printable if given.formatter in ("table", "value") else str
        return _TRIED, (
            (
                *(action, row.instance_id, shown(row.message), shown(row.details)),
                *(str(row.created), row.request_id and shown(row.request_id)),
            )
            for row in rows
        )

    def run(self, parsed_args: argparse.Namespace) -> int:
        """Run the command; with --path it prints a body, and no table."""
        given = parsed_args
        if given.notification and not (given.path or given.body):
            return super().run(given)
        if not (given.path and given.body) or given.notification:
            raise ConfigurationError("name either a --notification, or a --path and a --body")
        print(json.dumps(self._show(given), indent=2, ensure_ascii=False))
        return 0

    def _show(self, given: argparse.Namespace) -> Any:
        """Ask the filter, as in a service, with a table of its own."""
        conf, answer = self.configuration(), _read(given.body, dict, list)
        with tempfile.TemporaryDirectory() as folder:
            conf.set_override("connection", f"sqlite:///{folder}/x", options.DATABASE_GROUP)
            conf.set_override("profiles", [given.profile], options.GROUP)
            deployment = deploy.deploy(conf, {"credentials": "headers", "consumer": "external"})
            match = RouteTable(deployment.profiles).pattern.match(given.path.partition("?")[0])
            if match is None:
                raise ConfigurationError(f"no route of {given.profile} has the path {given.path}")
            migration.sync(deployment.store.writer)
            if given.fault:
                one, route, name = RouteTable(deployment.profiles).route(match)
                text, row = json.dumps(answer), _fault(given.fault)
                ids = [instance.id for instance in route.instances(text) if instance.id]
                wanted = ids[0] if route.many and ids else route.wanted(name, lambda: text)
                deployment.store.record([fault.make(one.service, wanted, **row)])
            request = webob.Request.blank(given.path, headers={"X-Roles": given.role})
            application = deployment.filter(webob.Response(json_body=answer))
            return request.get_response(application).json


def _fault(file: str) -> dict[str, Any]:
    """The arguments of fault.make that a file holds."""
    row = _read(file, dict)
    created = clock.parse_time(row.get("created"))
    for key, value in row.items():
        is_time = key != "created" or created is not None
        if not (is_time and isinstance(value, _PARTS.get(key, ()))):
            text = "a fault has message and perhaps details (texts), created (a time) and problem"
            raise ConfigurationError(f"{file}: {key} = {value!r:.80}: {text} (an object)")
    return {**row, "created": created}


def _read(file: str, *kinds: type) -> Any:
    """The JSON in a file."""
    try:
        data = Path(file).read_bytes()
    except OSError as exc:
        raise ConfigurationError(f"{file}: {exc}") from exc
    return _parse(file, data, *kinds)


def _parse(where: str, text: Any, *kinds: type) -> Any:
    try:
        data = json.loads(text)
    except (TypeError, ValueError) as exc:  # what is no text is no JSON
        raise ConfigurationError(f"{where}: no text of JSON: {exc}") from exc
    if not isinstance(data, kinds):
        raise ConfigurationError(f"{where}: no JSON object")
    return data
