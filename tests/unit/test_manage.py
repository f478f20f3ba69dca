# SPDX-License-Identifier: Apache-2.0
import json
import sqlite3
import subprocess
import sys

import pytest

from tests.fixtures import write_configuration

MANAGE = [sys.executable, "-m", "fault_middleware.cmd.manage"]


def manage(*arguments):
    """The exit code of a command and what it printed."""
    ended = subprocess.run([*MANAGE, *arguments], capture_output=True, text=True)
    return ended.returncode, ended.stdout, ended.stderr


@pytest.fixture
def run(tmp_path, sqlite_url):
    """Runs a command on a configuration of its own."""
    file = write_configuration(tmp_path / "service.conf", sqlite_url)

    def run(*arguments, config=file):
        return manage(*arguments, "--config-file", str(config))

    return run


def test_sync_makes_the_table_and_says_so(run):
    assert run("db", "sync") == (0, "The database is at revision 0001; it was at none.\n", "")
    assert run("db", "sync") == (0, "The database is up to date at revision 0001.\n", "")


def test_version_shows_what_is_and_what_should_be(run):
    assert "None" in run("db", "version")[1]
    run("db", "sync")

    code, out, _ = run("db", "version", "--format", "json")

    assert (code, json.loads(out)) == (0, {"database": "0001", "needed": "0001"})


def test_a_foreign_table_is_refused_in_one_line(run, tmp_path, sqlite_url):
    with sqlite3.connect(sqlite_url.removeprefix("sqlite:///")) as connection:
        connection.execute("CREATE TABLE instance_faults (theirs INTEGER)")
    connection.close()

    code, out, err = run("db", "sync")

    assert (code, out) == (1, "")
    assert "did not make" in err
    assert err.count("\n") == 1


def test_a_missing_connection_is_one_line(run, tmp_path):
    empty = tmp_path / "empty.conf"
    empty.write_text("")

    code, _, err = run("db", "sync", config=empty)

    assert code == 1
    assert err.startswith("[fault_middleware_database] connection is not set")
    assert err.count("\n") == 1


def test_a_database_that_cannot_be_reached_is_one_line(run, tmp_path):
    file = write_configuration(tmp_path / "x.conf", "sqlite:////no/such/folder/x")

    code, _, err = run("db", "version", config=file)

    assert code == 1
    assert err.startswith("The database: ")
    assert err.count("\n") == 1


def test_without_a_command_there_is_help():
    code, out, err = manage()

    assert (code, err) == (0, "")
    assert out.startswith("usage: fault-middleware-manage ")
    assert "db sync" in out


def test_a_misspelt_command_is_an_error(run):
    code, out, _ = run("db", "snyc")

    assert code == 2
    assert "Did you mean one of these?" in out
