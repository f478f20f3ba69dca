# SPDX-License-Identifier: Apache-2.0
"""``openstack fault``, the real program, in a cloud of services that answer in their own forms.

In front of each service is the real filter, and the real auth_token.
"""

import argparse
import contextlib
import json
import signal
import subprocess
import urllib.parse
import uuid
from datetime import datetime, timedelta

import pytest

from fault_middleware import clock, fault
from fault_middleware.client import resource, watching
from fault_middleware.client.past import Past
from fault_middleware.factories import FaultMiddleware
from fault_middleware.report import record
from tests import keystone
from tests.catalog import (
    Identity,
    answer,
    openstack,
    openstack_on_terminal,
    served,
)
from tests.fixtures import (
    close,
    make_store,
    parse,
    read_data,
    write_configuration,
)
from tests.imports import loaded_by

OURS = "a1" * 16
THEIRS = "b2" * 16
SERVER = str(uuid.uuid4())
VOLUME = str(uuid.uuid4())
BACKUP = str(uuid.uuid4())
STACK = str(uuid.uuid4())
FOREIGN = str(uuid.uuid4())
RECOVERY = str(uuid.uuid4())
LATER = str(uuid.uuid4())


class Api:
    """A service that knows a few addresses.

    :ivar bodies: what it answers, by path and query
    :ivar asked: what it was asked
    :ivar unknown: its answer to all else
    """

    def __init__(self, bodies):
        self.bodies = bodies
        self.unknown = "404 Not Found"
        self.asked = []

    def __call__(self, environ, start_response):
        path = environ["PATH_INFO"]
        if environ["QUERY_STRING"]:
            path += f"?{environ['QUERY_STRING']}"
        self.asked.append(path)
        if path not in self.bodies:
            return answer(start_response, {}, self.unknown)
        return answer(start_response, self.bodies[path])


def server(instance_id, name, project):
    return {
        "id": instance_id,
        "name": name,
        "status": "ERROR",
        "tenant_id": project,
    }


def nova(host):
    """Two pages of servers; an administrator may see everybody's."""
    ours = server(SERVER, "web", OURS)
    well = {**server(str(uuid.uuid4()), "db", OURS), "status": "ACTIVE"}
    theirs = server(FOREIGN, "other", THEIRS)
    more = [{"rel": "next", "href": f"{host}/v2.1/servers/detail?marker=1"}]
    return {
        "/servers/detail": {"servers": [well], "servers_links": more},
        "/servers/detail?marker=1": {"servers": [ours]},
        "/servers/detail?all_tenants=1": {"servers": [well, ours, theirs]},
        f"/servers/{SERVER}": {"server": ours},
    }


def cinder(host):
    volume = {
        "id": VOLUME,
        "name": "data",
        "status": "error_extending",
        "os-vol-tenant-attr:tenant_id": OURS,
    }
    backup = {"id": BACKUP, "name": "nightly", "status": "error"}
    well = {"id": str(uuid.uuid4()), "name": "weekly", "status": "available"}
    return {
        f"/{OURS}/volumes/detail": {"volumes": [volume]},
        f"/{OURS}/volumes/{VOLUME}": {"volume": volume},
        f"/{OURS}/snapshots/detail": {"snapshots": []},
        f"/{OURS}/backups/detail": {"backups": [well, backup]},
        f"/{OURS}/backups/{BACKUP}": {"backup": backup},
        f"/{OURS}/groups/detail": {"groups": []},
        f"/{OURS}/group_snapshots/detail": {"group_snapshots": []},
    }


def heat(host):
    stack = {
        "id": STACK,
        "stack_name": "shop",
        "stack_status": "CREATE_FAILED",
        "parameters": {"OS::project_id": OURS},
    }
    return {
        f"/{OURS}/stacks/detail": {"stacks": [stack]},
        f"/{OURS}/stacks/shop/{STACK}": {"stack": stack},
    }


def masakari(host):
    """Two pages of notifications, whose links Masakari does not give."""
    first = {
        "id": 7,
        "notification_uuid": RECOVERY,
        "type": "VM",
        "status": "failed",
    }
    last = {**first, "id": 8, "notification_uuid": LATER}
    return {
        "/notifications": {"notifications": [first]},
        "/notifications?marker=7": {"notifications": [last]},
        "/notifications?marker=8": {"notifications": []},
        f"/notifications/{RECOVERY}": {"notification": first},
        f"/notifications/{LATER}": {"notification": last},
    }


SERVICES = {
    "nova": ("compute", "/v2.1", nova),
    "cinder": ("block-storage", "/v3", cinder),
    "heat": ("orchestration", "/v1", heat),
    "masakari": ("instance-ha", "/v1", masakari),
}


class World:
    """A cloud, its services by name, and their faults."""

    def __init__(self, stack, tmp_path):
        url = f"sqlite:///{tmp_path}/faults.sqlite"
        self.store = make_store(url)
        stack.callback(close, self.store)
        file = write_configuration(
            tmp_path / "x.conf",
            url,
            profiles="nova,cinder,heat,masakari",
            history="true",
        )
        self.conf = parse(file)
        self.apis = {}
        catalog = {}
        for name, (kind, prefix, bodies) in SERVICES.items():
            catalog[kind] = self._serve(stack, name, prefix, bodies)
        self.identity = Identity(catalog)
        self.address = stack.enter_context(served(self.identity))

    def _serve(self, stack, name, prefix, bodies):
        api = Api({})
        inner = FaultMiddleware(api, self.conf)
        guarded = keystone.filter_factory({})(inner)

        def application(environ, start_response):
            path = environ["PATH_INFO"]
            if not path.startswith(prefix):
                return answer(start_response, {}, "404 Not Found")
            environ["SCRIPT_NAME"] = prefix
            environ["PATH_INFO"] = path.removeprefix(prefix)
            return guarded(environ, start_response)

        host = stack.enter_context(served(application))
        api.bodies = bodies(host)
        self.apis[name] = api
        # Some catalogs have the project behind the version.
        return f"{host}{prefix}/{OURS}" if name == "cinder" else host + prefix

    def fail(self, service, instance_id, message):
        record(instance_id, message, "Traceback ...", service, conf=self.conf)

    def openstack(self, *arguments, user="alice"):
        return openstack(self.address, *arguments, user=user, project=OURS)

    def list(self, *arguments, user="alice"):
        ended = self.openstack(
            "fault", "list", "-f", "json", *arguments, user=user
        )
        assert ended.returncode == 0, ended.stderr
        return json.loads(ended.stdout)


@pytest.fixture
def world(tmp_path):
    with contextlib.ExitStack() as stack:
        yield World(stack, tmp_path)


@pytest.fixture
def failed(world):
    """A cloud in which some things have failed."""
    world.fail("nova", SERVER, "No host was found.")
    world.fail("nova", FOREIGN, "Somebody else's server failed.")
    world.fail("cinder", VOLUME, "The volume could not be extended.")
    world.fail("cinder", BACKUP, "The backup could not be made.")
    world.fail("heat", STACK, "A resource could not be created.")
    return world


def test_the_list_has_what_failed_in_all_services(failed):
    rows = failed.list()

    assert {
        (row["Resource"], row["Name"], row["Message"]) for row in rows
    } == {
        ("server", "web", "No host was found."),
        ("volume", "data", "The volume could not be extended."),
        ("volume-backup", "nightly", "The backup could not be made."),
        ("stack", "shop", "A resource could not be created."),
    }
    assert [row["Created"] for row in rows] == sorted(
        (row["Created"] for row in rows), reverse=True
    )


def test_the_list_of_an_administrator_has_all_projects_when_asked(failed):
    ours = failed.list("--resource", "server", user="admin")
    everybodys = failed.list(
        "--resource", "server", "--all-projects", "--long", user="admin"
    )

    assert [row["Name"] for row in ours] == ["web"]
    assert {row["Project"] for row in everybodys} == {OURS, THEIRS}
    assert {row["Details"] for row in everybodys} == {"Traceback ..."}


def test_a_member_reads_no_details(failed):
    rows = failed.list("--long", "--service", "nova")

    assert [row["Details"] for row in rows] == [""]


def test_the_list_can_be_of_one_service_and_of_a_time(failed):
    assert {row["Service"] for row in failed.list("--service", "cinder")} == {
        "cinder"
    }
    assert len(failed.list("--since", "1h")) == 4
    assert failed.list("--since", "2099-01-01T00:00") == []


def test_a_service_that_is_down_is_said_and_the_others_are_listed(failed):
    failed.identity.catalog["orchestration"] = "http://127.0.0.1:1/v1"

    ended = failed.openstack("fault", "list", "-f", "json")
    strict = failed.openstack("fault", "list", "--strict")

    assert ended.returncode == 0
    assert len(json.loads(ended.stdout)) == 3
    assert ended.stderr.startswith("stack: ")
    assert strict.returncode == 1


def test_what_is_for_administrators_only_is_said_to_who_asks_for_it(failed):
    api = failed.apis["masakari"]
    api.bodies, api.unknown = {}, "403 Forbidden"

    usual = failed.openstack("fault", "list", "-f", "json")
    said = {
        wanted: failed.openstack("fault", "list", *wanted.split())
        for wanted in (
            "--service masakari",
            "--resource notification",
            "--all-projects",
            "--strict",
            "-v",
        )
    }

    assert usual.stderr == ""
    assert len(json.loads(usual.stdout)) == 4
    for wanted, ended in said.items():
        assert "notification: it answers 403\n" in ended.stderr, wanted
    assert said["--strict"].returncode == 1


def test_one_thing_that_is_kept_from_who_may_list_it_is_said(failed):
    api = failed.apis["cinder"]
    api.bodies.pop(f"/{OURS}/backups/{BACKUP}")
    api.unknown = "403 Forbidden"

    ended = failed.openstack("fault", "list", "-f", "json")

    assert "backup: it answers 403\n" in ended.stderr


def test_a_list_without_links_is_asked_for_what_comes_after_its_last(world):
    world.fail("masakari", RECOVERY, "The server could not be started.")
    world.fail("masakari", LATER, "Nova does not know the server.")

    rows = world.list("--service", "masakari")

    assert {row["ID"] for row in rows} == {RECOVERY, LATER}


def test_a_list_that_begins_again_is_read_once(world):
    bodies = world.apis["masakari"].bodies
    world.fail("masakari", RECOVERY, "The server could not be started.")
    # It does not know the marker.
    bodies["/notifications?marker=7"] = bodies["/notifications"]

    world.list("--service", "masakari")

    asked = world.apis["masakari"].asked
    assert asked.count("/notifications?marker=7") == 1


def test_a_next_page_at_another_address_is_not_asked(failed):
    """It would be given the token."""
    page = failed.apis["nova"].bodies["/servers/detail"]
    page["servers_links"][0]["href"] = "http://127.0.0.2/v2.1/servers"

    ended = failed.openstack("fault", "list", "--resource", "server")

    assert "its next page is elsewhere, at 127.0.0.2" in ended.stderr


def test_show_has_a_fault_whole_by_id_and_by_name(failed):
    for name in (VOLUME, "data"):
        ended = failed.openstack(
            "fault", "show", "volume", name, "-f", "json", user="admin"
        )
        shown = json.loads(ended.stdout)
        assert shown["Message"] == "The volume could not be extended."
        assert shown["Details"] == "Traceback ..."
        assert shown["ID"] == VOLUME


def test_show_finds_a_name_where_the_service_takes_only_ids(failed):
    failed.apis["cinder"].unknown = "400 Bad Request"

    ended = failed.openstack("fault", "show", "volume", "data")

    assert "The volume could not be extended." in ended.stdout


def test_show_fills_the_placeholders_of_a_path(failed):
    ended = failed.openstack("fault", "show", "stack", STACK, "-f", "json")

    assert json.loads(ended.stdout)["Name"] == "shop"


def test_show_says_what_has_no_fault_and_ends_with_1(world):
    ended = world.openstack("fault", "show", "server", "web")

    assert ended.returncode == 1
    assert (
        ended.stderr == "The server web has no fault; its status is ERROR.\n"
    )


def test_where_there_is_no_filter_it_is_said(world):
    api = world.apis["nova"]
    del api.bodies["/servers/detail"]["servers_links"]
    with served(_without_prefix(api, "/v2.1")) as bare:
        world.identity.catalog["compute"] = f"{bare}/v2.1"
        shown = world.openstack("fault", "show", "server", SERVER)
        listed = world.openstack("fault", "list", "--service", "nova")

    assert "No filter answers for nova, so it is not known." in shown.stderr
    assert "server: no filter answers for it" in listed.stderr


def _without_prefix(application, prefix):
    def inner(environ, start_response):
        environ["PATH_INFO"] = environ["PATH_INFO"].removeprefix(prefix)
        return application(environ, start_response)

    return inner


def test_show_says_when_there_is_no_such_thing(world):
    missing = world.openstack("fault", "show", "server", "nosuch")
    absent = world.openstack("fault", "show", "image", "any")

    assert missing.stderr == "nova: no servers are called 'nosuch'\n"
    assert absent.stderr == "This cloud has no glance.\n"
    assert (missing.returncode, absent.returncode) == (1, 1)


def test_names_cannot_drive_the_terminal_nor_leave_the_path(failed):
    volume = failed.apis["cinder"].bodies[f"/{OURS}/volumes/detail"]["volumes"]
    volume[0]["name"] = "a\x1b]0;x\x07b"

    listed = failed.openstack("fault", "list", "--resource", "volume")
    failed.openstack("fault", "show", "volume", "../../admin?x=1")

    assert "\x1b" not in listed.stdout
    asked = [
        urllib.parse.unquote(path) for path in failed.apis["cinder"].asked
    ]
    assert f"/{OURS}/volumes/../../admin?x=1" in asked


def test_a_shell_does_not_run_what_a_fault_says(world):
    text = "$(echo run) `echo run` \\ \"x\" 'y'\n$HOME"
    world.fail("cinder", VOLUME, text)
    shown = world.openstack("fault", "show", "volume", VOLUME, "-f", "shell")

    said = subprocess.run(
        ["sh", "-c", 'eval "$1"; printf %s "$message"', "sh", shown.stdout],
        capture_output=True,
        text=True,
    )

    assert (said.stdout, said.stderr) == (text, "")


def test_neither_rows_nor_formulas_can_be_made_up(world):
    world.fail("cinder", VOLUME, "=cmd()\nforged row")
    where = ["fault", "list", "--resource", "volume"]

    values = world.openstack(*where, "-f", "value", "-c", "Message")
    cells = world.openstack(*where, "-f", "csv", "-c", "Message")
    alone = world.openstack(
        "fault", "show", "volume", VOLUME, "-f", "value", "-c", "Message"
    )

    assert values.stdout == "=cmd()\\nforged row\n"
    assert cells.stdout.splitlines()[1] == "\"'=cmd()"
    assert alone.stdout == "=cmd()\nforged row\n"


MOMENT = datetime(2026, 11, 20, 20, 36, 5)


def history(world, *messages):
    """Let a server have failed, once a minute."""
    world.store.record(
        [
            fault.make(
                "nova",
                SERVER,
                message=message,
                details="Traceback ...",
                created=MOMENT + timedelta(minutes=number),
                project_id=OURS,
            )
            for number, message in enumerate(messages)
        ]
    )


def show_history(world, *arguments, user="alice"):
    return world.openstack(
        *("fault", "show", "server", "web", "--history", *arguments), user=user
    )


def test_show_has_the_history_in_lines_for_people(world):
    history(world, "No host was found.", "boom", "boom")

    table = show_history(world, "--max-width", "120")

    assert table.returncode == 0, table.stderr
    assert "2026-11-20 20:38:05 boom (2 times since 2026-11-20 20:37:05)" in (
        table.stdout
    )
    assert "2026-11-20 20:36:05 No host was found." in table.stdout


def test_a_message_of_several_lines_is_one_entry_of_a_history():
    entry = {"message": "a\n2026-11-20 20:36:05 b (cleared)"}

    assert len(Past.of([entry, entry]).human_readable().splitlines()) == 2


def test_a_history_does_not_drive_the_terminal():
    entry = {"message": "a\x1b]0;x\x07b", "last": "now", "count": "\x1b"}

    cell = Past.of([entry])

    assert cell.human_readable() == "? a]0;xb"
    assert "\x1b" not in str(cell.machine_readable())


def test_show_has_the_history_in_objects_for_programs(world):
    history(world, "No host was found.", "boom")

    ours = json.loads(show_history(world, "-f", "json").stdout)
    everything = json.loads(
        show_history(world, "-f", "json", user="admin").stdout
    )

    assert [entry["message"] for entry in ours["History"]] == [
        "boom",
        "No host was found.",
    ]
    assert ours["Message"] == "boom"
    assert not any("details" in entry for entry in ours["History"])
    assert {entry["details"] for entry in everything["History"]} == {
        "Traceback ..."
    }


def test_a_history_is_read_page_by_page(world):
    history(world, *(f"m{number}" for number in range(120)))

    shown = json.loads(show_history(world, "-f", "json").stdout)

    assert len(shown["History"]) == 120


def test_what_has_no_fault_any_more_has_a_history(world):
    history(world, "boom")
    well = fault.make(
        "nova", SERVER, created=MOMENT + timedelta(hours=1), is_clearance=True
    )
    world.store.record([well])

    ended = show_history(world, "-f", "json")

    shown = json.loads(ended.stdout)
    assert ended.returncode == 0
    assert shown["Message"] == ""
    assert [entry["cleared"] for entry in shown["History"]] == [True]
    assert show_history(world).stdout.count("boom (cleared)") == 1


def test_what_never_failed_has_no_history(world):
    ended = show_history(world)

    assert ended.returncode == 1
    assert "The server web has no fault" in ended.stderr


def test_a_service_that_tells_no_history_is_said(failed):
    api = failed.apis["nova"]
    # It has such a path itself.
    api.bodies[f"/servers/{SERVER}/faults"] = {"faults": ["its own"]}

    ended = show_history(failed, "-f", "json")

    assert ended.stderr == "nova: no history is told\n"
    assert json.loads(ended.stdout)["History"] == []


def test_the_list_can_have_the_newest_only(failed):
    every = failed.list()

    ended = failed.openstack("fault", "list", "-f", "json", "--limit", "3")

    assert json.loads(ended.stdout) == every[:3]
    assert "1 older faults are not listed\n" in ended.stderr
    assert failed.list("--limit", "4") == every


def test_the_list_is_drawn_again_until_somebody_ends_it(failed):
    with openstack_on_terminal(
        failed.address,
        *("fault", "list", "--service", "nova", "--watch", "1"),
        user="alice",
        project=OURS,
    ) as terminal:
        terminal.wait_for("No host was found.")
        failed.fail("nova", SERVER, "Another reason.")
        terminal.wait_for("Another reason.")
        terminal.wait_for("Ctrl-C ends it.", 2)
        terminal.process.send_signal(signal.SIGINT)

        assert terminal.process.wait(30) == 0
        terminal.wait_for("\x1b[H\x1b[2J", 2)
    assert "Traceback" not in terminal.shown


def test_a_list_in_a_pipe_is_not_drawn_again(failed):
    ended = failed.openstack("fault", "list", "-f", "json", "--watch")

    assert len(json.loads(ended.stdout)) == 4
    assert "--watch needs a terminal; listed once\n" in ended.stderr


@pytest.mark.parametrize(
    "text", ["0", "0.9", "x", "-1", "86401", "1e3", "nan", "inf", "1" * 400]
)
def test_the_seconds_between_two_lists_are_a_number(text):
    with pytest.raises(argparse.ArgumentTypeError):
        watching.seconds(text)


def test_every_shipped_profile_tells_the_program_where_to_look():
    found = resource.resources()

    words = [kind.word for kind in found]
    assert len(words) == len(set(words))
    assert len({kind.service.name for kind in found}) == 13


def test_a_problem_has_the_time_at_which_the_operation_failed():
    """An RFC 9457 problem has no time of its own."""
    (operations,) = [
        one for one in resource.resources() if one.word == "vnf-operation"
    ]
    shown = read_data("tacker/shows.json")["v1_op_failed_with_error"]["body"]

    created = operations.fault_of(shown).created

    assert clock.parse_time(created) == datetime(2024, 5, 6, 7, 10, 9)


def test_nothing_of_a_server_is_imported():
    loaded = loaded_by("from fault_middleware.client import commands, plugin")

    servers = {"sqlalchemy", "oslo_messaging", "oslo_db", "oslo_policy"}
    assert servers.isdisjoint(loaded)
    assert "fault_middleware.store" not in loaded
