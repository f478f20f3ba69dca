# SPDX-License-Identifier: Apache-2.0
import json
import re
import sqlite3

import pytest

from fault_middleware import migration
from fault_middleware.cmd import consumer, status
from tests.fixtures import close, make_store, write_configuration


@pytest.fixture
def check(tmp_path, sqlite_url, capsys):
    """Checks a configuration; the exit code and what stands in the way, by check."""

    def check(text="", **values):
        file = write_configuration(
            tmp_path / "service.conf", sqlite_url, text, **values
        )
        file.chmod(0o600)
        code = status.main(
            ["--config-file", str(file), "upgrade", "check", "--json"]
        )
        results = json.loads(capsys.readouterr().out)["checks"]
        return code, {
            one["check"]: one["details"] for one in results if one["result"]
        }

    return check


@pytest.fixture
def synced(sqlite_url):
    store = make_store(sqlite_url)
    yield store
    close(store)


def test_nothing_stands_in_the_way(check, synced):
    assert check() == (0, {})


def test_the_result_is_a_table_for_people(
    tmp_path, sqlite_url, synced, capsys
):
    file = write_configuration(tmp_path / "service.conf", sqlite_url)
    file.chmod(0o600)

    assert status.main(["--config-file", str(file), "upgrade", "check"]) == 0

    out = capsys.readouterr().out
    for name in ("Deployment", "Tables", "Policy file"):
        assert f"Check: {name}" in out
    assert out.count("Result: Success") == 3


def test_without_a_table_the_remedy_is_named(check):
    code, found = check()

    assert code == 2
    assert (
        "has no table instance_faults. Make it: fault-middleware-manage db sync"
        in (found["Deployment"])
    )


def test_a_column_that_is_gone_has_to_be_put_back(check, synced):
    with synced.writer.begin() as connection:
        connection.exec_driver_sql(
            "ALTER TABLE instance_faults DROP COLUMN problem"
        )

    code, found = check()

    assert code == 2
    assert "instance_faults.problem" in found["Tables"]


def test_an_older_table_has_to_be_brought_up_to_date(check, synced):
    with synced.writer.begin() as connection:
        connection.exec_driver_sql(
            f"UPDATE {migration.VERSION_TABLE} SET version_num = '0000'"
        )

    code, found = check()

    assert code == 2
    assert (
        f"at revision 0000, and this release needs {migration.newest()}."
        in found["Deployment"]
    )


def test_a_table_of_a_later_release_is_odd_and_no_more(check, synced):
    with synced.writer.begin() as connection:
        connection.exec_driver_sql(
            f"UPDATE {migration.VERSION_TABLE} SET version_num = '9999'"
        )

    code, found = check()

    assert code == 1
    assert "of a later release than this one" in found["Deployment"]


def test_a_foreign_table_is_named(check, sqlite_url):
    with sqlite3.connect(sqlite_url.removeprefix("sqlite:///")) as connection:
        connection.execute("CREATE TABLE instance_faults (theirs INTEGER)")
    connection.close()

    code, found = check()

    assert code == 2
    assert (
        "has a table instance_faults that is not ours" in found["Deployment"]
    )


def test_an_option_that_nobody_reads_is_named(check, synced):
    code, found = check(retention="7")

    assert code == 1
    assert "[fault_middleware] retention" in found["Deployment"]


@pytest.mark.parametrize("text", ['"fault_middleware:show": "@', "- a list"])
def test_a_policy_file_that_cannot_be_read_is_named(
    check, synced, tmp_path, text
):
    file = tmp_path / "policy.yaml"
    file.write_text(text)

    code, found = check(policy_file=str(file))

    assert code == 2
    assert f"The policy file {file} cannot be read" in found["Deployment"]


@pytest.mark.parametrize(
    "ours", [True, False], ids=["our option", "the service's"]
)
def test_a_policy_file_in_yaml_is_right(check, synced, tmp_path, ours):
    file = tmp_path / "policy.yaml"
    file.write_text('"fault_middleware:show:details": "role:admin"\n')

    if ours:
        assert check(policy_file=str(file)) == (0, {})
    else:
        assert check(f"[oslo_policy]\npolicy_file = {file}\n") == (0, {})


@pytest.mark.parametrize(
    "ours", [True, False], ids=["our option", "the service's"]
)
def test_a_policy_file_in_json_has_to_become_yaml(
    check, synced, tmp_path, ours
):
    file = tmp_path / "rules"
    file.write_text('{"fault_middleware:show:details": "role:admin"}')

    if ours:
        code, found = check(policy_file=str(file))
    else:
        code, found = check(f"[oslo_policy]\npolicy_file = {file}\n")

    assert (code, list(found)) == (2, ["Policy file"])
    assert f"{file} is JSON, and is still read" in found["Policy file"]


def test_a_policy_file_of_the_old_name_is_told(check, synced, tmp_path):
    (tmp_path / "policy.json").write_text(
        '{"fault_middleware:show:details": "!"}'
    )

    code, found = check()

    assert code == 2
    # It is still read by the oldest oslo.policy that will do.
    assert re.search(
        "policy.json is JSON, and is (not|still) read", found["Policy file"]
    )


def test_a_profile_that_cannot_be_loaded_is_named(check):
    code, found = check(profiles="nowhere")

    assert code == 2
    assert "nowhere" in found["Deployment"]


def test_a_database_that_cannot_be_reached_is_named(tmp_path, capsys):
    file = write_configuration(
        tmp_path / "x.conf", "mysql+pymysql://x@127.0.0.1:9/x"
    )

    assert (
        status.main(["--config-file", str(file), "upgrade", "check", "--json"])
        == 2
    )

    assert "cannot be asked" in capsys.readouterr().out


def test_a_configuration_that_is_not_there_is_one_line(capsys):
    assert (
        status.main(["--config-file", "/nowhere", "upgrade", "check"]) == 255
    )

    assert capsys.readouterr().err.startswith("fault-middleware-status: ")


@pytest.mark.parametrize(("program", "code"), [(status, 255), (consumer, 2)])
def test_a_configuration_that_is_no_text_is_one_line(
    tmp_path, capsys, program, code
):
    file = tmp_path / "x.conf"
    file.write_bytes(b"\xff\xfe")
    command = ["upgrade", "check"] if program is status else []

    assert program.main(["--config-file", str(file), *command]) == code

    err = capsys.readouterr().err
    assert f": Failed to parse {file}: 'utf-8' codec" in err
    assert err.count("\n") == 1


def test_without_a_command_there_is_help(capsys):
    with pytest.raises(SystemExit) as ended:
        status.main([])

    assert ended.value.code == 0
    assert "upgrade" in capsys.readouterr().out
