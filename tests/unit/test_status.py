# SPDX-License-Identifier: Apache-2.0
import json
import sqlite3

import pytest

from fault_middleware import migration
from fault_middleware.cmd import status
from tests.fixtures import close, make_store, write_configuration


@pytest.fixture
def check(tmp_path, sqlite_url, capsys):
    """Checks a configuration; the exit code and what stands in the way, by check."""

    def check(text="", **values):
        file = write_configuration(tmp_path / "service.conf", sqlite_url, text, **values)
        code = status.main(["--config-file", str(file), "upgrade", "check", "--json"])
        results = json.loads(capsys.readouterr().out)["checks"]
        return code, {one["check"]: one["details"] for one in results if one["result"]}

    return check


@pytest.fixture
def synced(sqlite_url):
    store = make_store(sqlite_url)
    yield store
    close(store)


def test_nothing_stands_in_the_way(check, synced):
    assert check() == (0, {})


def test_the_result_is_a_table_for_people(tmp_path, sqlite_url, synced, capsys):
    file = write_configuration(tmp_path / "service.conf", sqlite_url)

    assert status.main(["--config-file", str(file), "upgrade", "check"]) == 0

    out = capsys.readouterr().out
    for name in ("Configuration", "Table", "Policy file"):
        assert f"Check: {name}" in out
    assert out.count("Result: Success") == 3


def test_without_a_table_the_remedy_is_named(check):
    code, found = check()

    assert code == 2
    assert found == {
        "Table": "the table is at revision None, not "
        f"{migration.newest()}; run fault-middleware-manage db sync before the services are "
        "restarted"
    }


def test_an_older_table_has_to_be_brought_up_to_date(check, synced):
    with synced.writer.begin() as connection:
        connection.exec_driver_sql(f"UPDATE {migration.VERSION_TABLE} SET version_num = '0000'")

    code, found = check()

    assert code == 2
    assert "at revision 0000" in found["Table"]


def test_a_table_of_a_later_release_is_as_good(check, synced):
    with synced.writer.begin() as connection:
        connection.exec_driver_sql(f"UPDATE {migration.VERSION_TABLE} SET version_num = '9999'")

    assert check() == (0, {})


def test_a_foreign_table_is_named(check, sqlite_url):
    with sqlite3.connect(sqlite_url.removeprefix("sqlite:///")) as connection:
        connection.execute("CREATE TABLE instance_faults (theirs INTEGER)")
    connection.close()

    code, found = check()

    assert code == 2
    assert "'instance_faults' that fault_middleware did not make" in found["Table"]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('{"fault_middleware:show": "@"}', "is JSON, which is not read"),
        ('"fault_middleware:show": "@', "policy.yaml cannot be read"),
        ("- a list", "list"),
    ],
)
def test_a_policy_file_that_cannot_be_read_is_named(check, synced, tmp_path, text, why):
    file = tmp_path / "policy.yaml"
    file.write_text(text)

    code, found = check(policy_file=str(file))

    assert code == 2
    assert list(found) == ["Policy file"]
    assert why in found["Policy file"]


@pytest.mark.parametrize("ours", [True, False], ids=["our option", "the service's"])
def test_a_policy_file_in_yaml_is_right(check, synced, tmp_path, ours):
    file = tmp_path / "policy.yaml"
    file.write_text('"fault_middleware:show:details": "role:support"\n')

    if ours:
        assert check(policy_file=str(file)) == (0, {})
    else:
        assert check(f"[oslo_policy]\npolicy_file = {file}\n") == (0, {})


def test_the_services_own_policy_file_is_checked(check, synced, tmp_path):
    file = tmp_path / "policy.json"
    file.write_text("{}")

    code, found = check(f"[oslo_policy]\npolicy_file = {file}\n")

    assert (code, list(found)) == (2, ["Policy file"])


def test_a_profile_that_cannot_be_loaded_is_named(check, tmp_path):
    code, found = check(profiles="nowhere")

    assert code == 2
    assert "nowhere" in found["Configuration"]


def test_a_database_that_cannot_be_reached_is_one_line(tmp_path, capsys):
    file = write_configuration(tmp_path / "x.conf", "sqlite:////no/such/folder/x")

    assert status.main(["--config-file", str(file), "upgrade", "check"]) == 2

    assert "unable to open database file" in capsys.readouterr().out


def test_a_configuration_that_is_not_there_is_one_line(capsys):
    assert status.main(["--config-file", "/nowhere", "upgrade", "check"]) == 255

    assert capsys.readouterr().err.startswith("fault-middleware-status: ")


def test_without_a_command_there_is_help(capsys):
    with pytest.raises(SystemExit) as ended:
        status.main([])

    assert ended.value.code == 0
    assert "upgrade" in capsys.readouterr().out
