# SPDX-License-Identifier: Apache-2.0
import importlib.metadata
import json
import os
import shlex
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from tests.commands import run_manage
from tests.fixtures import INSTANCE, read_data, write_configuration

# For what only a process of its own can show.
MANAGE = [sys.executable, "-m", "fault_middleware.cmd.manage"]


@pytest.fixture
def run(tmp_path, sqlite_url):
    """Runs a command on a configuration of its own."""
    file = write_configuration(tmp_path / "service.conf", sqlite_url)

    def run(*arguments, config=file):
        return run_manage(*arguments, "--config-file", str(config))

    return run


def test_sync_makes_the_table_and_says_so(run):
    code, out, err = run("db", "sync")

    assert code == 0
    assert out == "The database is at revision 0005; it was at none.\n"
    assert err.startswith("0001: Make the table of faults.\n0002: ")
    assert run("db", "sync") == (
        0,
        "The database is up to date at revision 0005.\n",
        "",
    )


def test_version_shows_what_is_and_what_should_be(run):
    assert run("db", "version").out == "database  -\nneeded    0005\n"
    run("db", "sync")

    code, out, _ = run("db", "version", "--format", "json")

    assert (code, json.loads(out)) == (
        0,
        {"database": "0005", "needed": "0005"},
    )


def test_a_foreign_table_is_refused_in_one_line(run, tmp_path, sqlite_url):
    with sqlite3.connect(sqlite_url.removeprefix("sqlite:///")) as connection:
        connection.execute("CREATE TABLE instance_faults (theirs INTEGER)")
    connection.close()

    code, out, err = run("db", "sync")

    assert (code, out) == (1, "")
    assert "did not make" in err
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("statement", "word"),
    [
        (
            "ALTER TABLE instance_faults DROP COLUMN problem",
            "instance_faults.problem",
        ),
        (
            "UPDATE fault_middleware_alembic_version SET version_num = '9999'",
            "newer release",
        ),
    ],
)
def test_sync_says_what_it_cannot_mend(run, sqlite_url, statement, word):
    run("db", "sync")
    with sqlite3.connect(sqlite_url.removeprefix("sqlite:///")) as connection:
        connection.execute(statement)
    connection.close()

    code, out, err = run("db", "sync")

    assert (code, out) == (1, "")
    assert word in err
    assert err.count("\n") == 1


def test_a_missing_connection_is_one_line(run, tmp_path):
    empty = tmp_path / "empty.conf"
    empty.write_text("")

    code, _, err = run("db", "sync", config=empty)

    assert code == 1
    assert err.startswith("[fault_middleware_database] connection is not set")
    assert err.count("\n") == 1


def test_a_database_that_cannot_be_reached_is_one_line(run, tmp_path):
    file = write_configuration(
        tmp_path / "x.conf", "sqlite:////no/such/folder/x"
    )

    code, _, err = run("db", "version", config=file)

    assert code == 1
    assert err.startswith("The database: ")
    assert err.count("\n") == 1


# The doctor keeps 1 for what it finds.
@pytest.mark.parametrize(
    ("command", "expected"), [("db version", 1), ("doctor", 2)]
)
def test_a_configuration_that_cannot_be_read_is_one_line(
    run, tmp_path, command, expected
):
    for name, data in (
        ("ini", b"x = 1\n[a"),
        ("binary", b"[\xff\xfe"),
        ("missing", None),
    ):
        if data:
            (tmp_path / name).write_bytes(data)

        code, out, err = run(*command.split(), config=tmp_path / name)

        assert (code, out, err.count("\n")) == (expected, "", 1)
        assert f"{tmp_path}/{name}" in err


@pytest.mark.parametrize(
    "password",
    [
        "hun@s3cret",
        "hun@te:s3cret",
        "hun@te/s3cret",
        "hu@n@s3cret",
        "h/u?n@s3cret",
    ],
)
@pytest.mark.parametrize("name", ["connection", "slave_connection"])
def test_no_part_of_a_password_is_printed(run, tmp_path, name, password):
    url = f"mysql+pymysql://root:{password}@127.0.0.1:1/db"
    file = tmp_path / "x.conf"
    file.write_text(
        f"[fault_middleware_database]\nconnection = mysql+pymysql://h/d\n{name} = {url}\n"
    )

    code, out, err = run("db", "version", config=file)

    assert (code, out, err.count("\n")) == (1, "", 1)
    assert f"{name}: there is more than one @" in err
    assert "write @ in a password as %40" in err
    assert "s3cret" not in err


def test_an_at_elsewhere_in_a_url_is_right(run, tmp_path):
    (tmp_path / "a@b@c").mkdir()
    file = write_configuration(
        tmp_path / "x.conf", f"sqlite:///{tmp_path}/a@b@c/x.sqlite"
    )

    assert run("db", "sync", config=file)[0] == 0
    for url in (
        "mysql+pymysql://u:p@127.0.0.1:1/d@b",
        "mysql+pymysql://u:%40@127.0.0.1:1/d",
    ):
        write_configuration(file, url)
        assert "2003" in run("db", "version", config=file)[2]


@pytest.mark.parametrize(
    "arguments",
    [
        ["fault", "list", "--limit", "-1"],
        ["fault", "purge", "--days", "-1"],
        ["fault", "purge", "--max-faults", "many"],
        ["doctor", "--readers", "-3"],
        ["fault", "list", "--limit", "99999999999999999999"],
    ],
)
def test_a_number_that_counts_nothing_is_refused(run, arguments):
    code, out, err = run(*arguments)

    assert (code, out) == (2, "")
    assert f"'{arguments[-1]}' is not a whole number" in err


@pytest.mark.parametrize(
    "option", ["retention_days", "max_faults_per_instance"]
)
def test_a_bound_beyond_reason_is_refused(tmp_path, sqlite_url, option):
    file = write_configuration(
        tmp_path / "x.conf", sqlite_url, **{option: "8000000"}
    )

    code, out, err = run_manage("fault", "purge", "--config-file", str(file))

    assert (code, out, err.count("\n")) == (1, "", 1)
    assert option in err


def test_the_longest_retention_can_be_kept(run):
    run("db", "sync")

    assert (
        run("fault", "purge", "--days", "36500", "--max-faults", "1000000")[0]
        == 0
    )


@pytest.mark.parametrize("details", [[], ["--details", " \n"]])
def test_an_empty_fault_is_not_recorded(run, details):
    run("db", "sync")

    code, out, err = run("fault", "record", INSTANCE, " ", *details)

    assert (code, out, err) == (
        1,
        "",
        "The message is empty: nothing was recorded.\n",
    )
    assert json.loads(run("fault", "list", "--format", "json")[1]) == []


@pytest.fixture
def unread():
    """The end of a pipe that nobody reads."""
    reader, writer = os.pipe()
    os.close(reader)
    yield writer
    os.close(writer)


# Longer than a pipe's buffer, and shorter.
@pytest.mark.parametrize("command", ["profile show trove", "profile list"])
def test_nobody_has_to_read_what_is_printed(unread, command):
    arguments = [*MANAGE, *command.split()]

    piped = subprocess.run(arguments, stdout=unread, stderr=subprocess.PIPE)
    closed = subprocess.run(
        ["sh", "-c", f"{shlex.join(arguments)} >&-"], stderr=subprocess.PIPE
    )

    assert (piped.returncode, piped.stderr) == (141, b"")
    assert (closed.returncode, closed.stderr) == (0, b"")


def test_a_full_disk_is_one_line():
    with Path("/dev/full").open("w") as full:
        ended = subprocess.run(
            [*MANAGE, "profile", "list"],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
        )

    assert ended.returncode == 1
    assert "No space left on device" in ended.stderr
    assert ended.stderr.count("\n") == 1


def test_what_the_terminal_cannot_write_is_escaped(tmp_path, sqlite_url):
    config = write_configuration(tmp_path / "service.conf", sqlite_url)
    where = ["--config-file", str(config)]
    run_manage("db", "sync", *where)
    run_manage("fault", "record", INSTANCE, "kaputt: ü \u6f22", *where)

    ended = subprocess.run(
        [*MANAGE, "fault", "show", INSTANCE, "-c", "message", *where],
        env={**os.environ, "PYTHONIOENCODING": "latin-1"},
        capture_output=True,
    )

    assert (ended.returncode, ended.stderr) == (0, b"")
    assert b"kaputt: \xfc \\u6f22" in ended.stdout


def test_a_file_without_end_is_not_recorded(run):
    run("db", "sync")

    code, out, err = run(
        "fault", "record", INSTANCE, "x", "--details-file", "/dev/zero"
    )

    assert (code, out) == (1, "")
    assert err == "/dev/zero has more than 16 MiB: nothing was recorded.\n"
    assert "no such faults" in run("fault", "list").err


def test_without_a_command_there_is_help():
    code, out, err = run_manage()

    assert (code, err) == (0, "")
    assert out.startswith("usage: fault-middleware-manage ")
    assert "db sync" in out


def test_a_misspelt_command_is_an_error(run):
    code, out, _ = run("db", "snyc")

    assert code == 2
    assert "Did you mean one of these?" in out


@pytest.fixture
def write(tmp_path):
    """Writes a file of JSON and returns its name."""

    def write(name, data):
        (tmp_path / name).write_text(json.dumps(data))
        return str(tmp_path / name)

    return write


def tried(*arguments):
    """What ``profile try`` prints as JSON."""
    code, out, err = run_manage("profile", "try", *arguments)
    assert code == 0, err
    return json.loads(out)


def enveloped(name):
    """A recorded notification of Trove, in oslo.messaging's envelope."""
    return json.loads(
        read_data(f"trove/notifications/{name}.json")["raw_body"]
    )


FAILED = "002-dbaas.instance_create.error"


@pytest.mark.parametrize("is_bare", [False, True])
def test_a_notification_is_tried(write, is_bare):
    message = enveloped(FAILED)
    content = json.loads(message["oslo.message"])
    file = write(
        "n.json", content if is_bare else {"_source": "a note", **message}
    )
    (row,) = tried("trove", "--notification", file, "--format", "json")

    assert (row["action"], row["instance_id"]) == (
        "record",
        content["payload"]["instance_id"],
    )
    assert row["message"] == content["payload"]["message"]
    assert (
        row["details"]
        == "".join(content["payload"]["exception"]).rstrip("\n") + "\n"
    )
    assert row["created"] == content["timestamp"].replace(" ", "T")
    assert row["request_id"] == content["payload"]["request_id"]


def test_what_is_no_event_is_ignored(write):
    file = write("n.json", enveloped("001-dbaas.instance_create.start"))
    (row,) = tried("trove", "--notification", file, "--format", "json")

    assert row == {
        **dict.fromkeys(
            ("instance_id", "message", "details", "created", "request_id")
        ),
        "action": "ignore",
    }


BODY = {"instance": {"id": INSTANCE, "status": "ERROR"}}
FAULT = {
    "message": "It failed",
    "details": "Traceback",
    "created": "2026-01-02T03:04:05",
}


@pytest.mark.parametrize("role", ["member", "admin"])
def test_a_body_is_tried(write, role):
    files = [
        "--body",
        write("body.json", BODY),
        "--fault",
        write("fault.json", FAULT),
    ]
    shown = tried(
        "trove",
        "--path",
        f"/p1/instances/{INSTANCE}?x=1",
        *files,
        "--role",
        role,
    )

    details = {"details": "Traceback"} if role == "admin" else {}
    assert shown["instance"].pop("fault") == {
        "created": "2026-01-02T03:04:05",
        "message": "It failed",
        **details,
    }
    assert shown == BODY


REASONS = """
service: shop
fault: {created: "%Y-%m-%dT%H:%M:%SZ", existing: keep}
routes:
  - path: /orders/{id}
    object: order
    id: number
    when: {state: fail*}
  - {path: /orders, list: orders, id: number, query: {with: faults}}
"""
ORDER = {"number": "A-7", "state": "failed"}


@pytest.mark.parametrize(
    ("path", "body", "says"),
    [
        ("/orders/A-7", {"order": ORDER}, ""),
        ("/orders/A-7", {"data": ORDER}, "the body has no instance at order"),
        (
            "/orders/A-7",
            {"order": {"id": "A-7"}},
            "the body has no id at number",
        ),
        (
            "/orders/A-8",
            {"order": ORDER},
            "the path and the body (number) have different ids",
        ),
        (
            "/orders/A-7",
            {"order": {**ORDER, "state": "paid"}},
            "'when' wants another state than 'paid'",
        ),
        (
            "/orders/A-7",
            {"order": {**ORDER, "fault": {"message": "own"}}},
            "the service has a fault of its own, which 'existing' lets stay",
        ),
        (
            "/orders",
            {"orders": [ORDER]},
            "the query asks for no faults, which takes one of {'with': ['faults']}",
        ),
        ("/orders?with=faults", {"orders": [ORDER]}, ""),
        (
            "/orders?with=faults",
            {"orders": []},
            "the body has no instance at orders",
        ),
    ],
)
def test_it_is_said_why_nothing_was_added(write, tmp_path, path, body, says):
    profile = tmp_path / "shop.yaml"
    profile.write_text(REASONS)
    files = [
        "--body",
        write("b.json", body),
        "--fault",
        write("f.json", FAULT),
    ]

    code, out, err = run_manage(
        "profile", "try", str(profile), "--path", path, *files
    )

    assert code == 0
    assert err == (says and f"Nothing was added: {says}.\n")
    assert ("It failed" in out) == (not says)


def test_without_a_fault_there_is_nothing_to_add(write):
    arguments = ["--path", f"/p1/instances/{INSTANCE}"]
    body = ["--body", write("b.json", BODY)]

    _, _, err = run_manage("profile", "try", "trove", *arguments, *body)

    assert err == "Nothing was added: no --fault was given.\n"


def test_a_body_is_tried_by_its_name(write):
    body = {"uuid": INSTANCE, "name": "k8s"}
    files = [
        "--body",
        write("body.json", body),
        "--fault",
        write("fault.json", FAULT),
    ]

    shown = tried("magnum", "--path", "/v1/clusters/k8s", *files)

    assert shown["fault"]["message"] == "It failed"


def test_only_the_profile_that_is_named_is_tried(write, tmp_path, sqlite_url):
    conf = write_configuration(
        tmp_path / "x.conf", sqlite_url, profiles="trove,nova"
    )
    own = tmp_path / "own.yaml"
    own.write_text(
        """
        service: trove
        fault: {created: "%Y-%m-%dT%H:%M:%S"}
        routes: [{path: "/x/{id}", object: ""}]
        """
    )
    body = {"id": INSTANCE}
    files = ["--body", write("body.json", body), "--config-file", str(conf)]

    assert tried(str(own), "--path", f"/x/{INSTANCE}", *files) == body


def test_a_body_may_be_a_list(write):
    body = [{"id": INSTANCE, "operationState": "FAILED"}]
    file = write("body.json", body)

    assert (
        tried(
            "tacker", "--path", "/vnf_lcm_op_occs?fields=error", "--body", file
        )
        == body
    )


def test_without_a_fault_the_body_is_as_it_was(write):
    path = f"/p1/instances/{INSTANCE}"

    assert (
        tried("trove", "--path", path, "--body", write("body.json", BODY))
        == BODY
    )


SHOWN = ["--path", f"/p1/instances/{INSTANCE}", "--body", "{file}", "--fault"]
WRONG = {
    "bare": {"oslo.message": {"event_type": "x"}},
    "word": {"oslo.message": "x"},
    "many": {"oslo.message": "[1]"},
    "unknown": {"message": "m", "xyz": 1},
    "problem": {"message": "m", "problem": "x"},
    "time": {"message": "m", "created": "soon"},
}


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ([], "name a --notification, a --log, or a --path and a --body"),
        (
            ["--path", "/p1/instances/i"],
            "name a --notification, a --log, or a --path and a --body",
        ),
        (
            ["--path", "/servers/i", "--body", "{file}"],
            "no route of trove has the path /servers/i",
        ),
        (["--notification", "/no/file"], "/no/file"),
        (["--notification", "{list}"], "{list}: not a JSON object"),
        (["--notification", "{file}x"], "{file}x"),
        (["--notification", "{bare}"], "{bare}: oslo.message: not JSON"),
        (["--notification", "{word}"], "{word}: oslo.message: not JSON"),
        (
            ["--notification", "{many}"],
            "{many}: oslo.message: not a JSON object",
        ),
        (
            [*SHOWN, "{unknown}"],
            "{unknown}: xyz = 1: a fault has message and perhaps details",
        ),
        ([*SHOWN, "{problem}"], "{problem}: problem = 'x': a fault has"),
        ([*SHOWN, "{time}"], "{time}: created = 'soon': a fault has"),
    ],
)
def test_what_cannot_be_tried_is_said_in_a_line(write, arguments, text):
    names = {"file": write("b.json", BODY), "list": write("l.json", [])}
    names |= {
        name: write(f"{name}.json", data) for name, data in WRONG.items()
    }
    arguments = [
        one.format_map(names) if "{" in one else one for one in arguments
    ]
    code, _, err = run_manage("profile", "try", "trove", *arguments)

    assert code == 1
    assert text.format_map(names) in err
    assert err.count("\n") == 1


def test_shipped_profiles_are_listed_and_fine():
    code, out, _ = run_manage("profile", "list", "--format", "json")

    assert code == 0
    for row in json.loads(out):
        code, out, _ = run_manage("profile", "check", row["profile"])
        assert code == 0
        assert out.startswith(
            f"{row['profile']}: no mistakes; service {row['profile']}, "
        )
        counts = f"{row['routes']} routes, {row['events']} events, {row['logs']} rules for logs"
        assert out.endswith(f", {counts}\n")


def test_every_mistake_in_a_profile_is_named_with_its_line(tmp_path):
    (tmp_path / "mine.yaml").write_text(
        "service: mine\nroutes:\n  - path: /x\n    lisst: x\n"
    )
    code, out, err = run_manage("profile", "check", f"{tmp_path}/mine.yaml")

    assert (code, out) == (1, "")
    assert (
        f"{tmp_path}/mine.yaml:4: routes[0].lisst: is not a key that is known here"
        in err
    )


def test_a_shown_profile_can_be_used_as_ones_own(tmp_path):
    mine = tmp_path / "mine.yaml"
    mine.write_text(run_manage("profile", "show", "trove")[1])

    assert run_manage("profile", "check", str(mine))[0] == 0
    assert (
        run_manage("profile", "show", str(mine))[1] == mine.read_text() + "\n"
    )


def test_every_command_helps_with_examples_that_it_understands():
    commands = importlib.metadata.entry_points(group="fault_middleware.manage")

    for command in commands:
        name = command.name.replace("_", " ")
        parser = command.load()(None, None).get_parser(name)
        examples = (
            parser.format_help().partition("examples::\n\n")[2].splitlines()
        )
        assert examples, name
        for example in examples:
            program, _, arguments = example.strip().partition(f"{name} ")
            assert program.startswith("fault-middleware-manage"), example
            parser.parse_args(shlex.split(arguments))


def test_a_shell_can_complete_commands():
    code, out, _ = run_manage("complete")

    assert code == 0
    assert "cmds_fault='clear list purge record show top'" in out


def test_a_fault_is_tried_for_the_first_of_a_list(write):
    body = {"instances": [{"id": INSTANCE, "_links": []}, {"id": "other"}]}
    files = [
        "--body",
        write("body.json", body),
        "--fault",
        write("fault.json", FAULT),
    ]
    first, second = tried("trove", "--path", "/p1/instances/detail", *files)[
        "instances"
    ]

    assert first["fault"]["message"] == "It failed"
    assert first["_links"] == []
    assert second == {"id": "other"}


def test_the_context_is_read_as_oslo_messaging_packs_it(write, tmp_path):
    (tmp_path / "mine.yaml").write_text(
        "service: mine\nevents:\n  - event_type: x.error\n    priority: error\n"
        "    record:\n      instance_id: payload.id\n      message: event_type\n"
        "      request_id: context.request_id\n"
    )
    inner = {
        "event_type": "x.error",
        "priority": "ERROR",
        "payload": {"id": "i"},
    }
    inner |= {"_context_request_id": "req-1", "_unique_id": "1"}
    file = write(
        "n.json", {"oslo.version": "2.0", "oslo.message": json.dumps(inner)}
    )

    (row,) = tried(
        f"{tmp_path}/mine.yaml", "--notification", file, "--format", "json"
    )
    assert row["request_id"] == "req-1"
