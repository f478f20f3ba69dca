# SPDX-License-Identifier: Apache-2.0
"""What operators type and read, on each database."""

import csv
import dataclasses
import io
import json
import os
import time
from datetime import datetime, timedelta

import pytest
import sqlalchemy as sa
import yaml
from prometheus_client.parser import text_string_to_metric_families

from fault_middleware import clock, fault, key, listing
from tests.commands import run_manage
from tests.fixtures import INSTANCE, close, make_store, write_configuration

OTHER = "0d5d9a4b-7a4f-4a39-9c55-5a9f1d2f5b10"


@pytest.fixture
def run(tmp_path, database_url):
    """Runs a command on a database; what it printed, or why it failed."""
    file = write_configuration(tmp_path / "service.conf", database_url)
    close(make_store(database_url))

    def run(*arguments):
        ended = run_manage("--config-file", str(file), *arguments)
        assert ended.code == 0, ended.err
        return ended.out

    def fail(*arguments):
        ended = run_manage("--config-file", str(file), *arguments)
        assert (ended.code, ended.out) == (1, "")
        return ended.err

    def end(*arguments):
        return run_manage("--config-file", str(file), *arguments)

    run.fail = fail
    run.end = end
    run.url = database_url
    return run


def listed(run, *arguments):
    return json.loads(run("fault", "list", "--format", "json", *arguments))


def test_what_is_recorded_is_listed_and_shown(run):
    said = run(
        "fault",
        "record",
        INSTANCE.upper(),
        "The restart failed",
        "--details",
        "exit\n 7",
    )
    (row,) = listed(run)

    assert said == f"Recorded a fault of {INSTANCE.upper()}.\n"
    assert set(row) == {column["name"] for column in columns(run)}
    assert (row["instance_id"], row["message"]) == (
        INSTANCE,
        "The restart failed",
    )
    assert (row["details"], row["service"], row["deleted"]) == (
        "exit\n 7",
        "trove",
        False,
    )
    assert (
        json.loads(run("fault", "show", INSTANCE, "--format", "json")) == row
    )
    assert (
        json.loads(run("fault", "show", row["id"], "--format", "json")) == row
    )


def columns(run):
    return sa.inspect(sa.create_engine(run.url)).get_columns("instance_faults")


def test_a_table_for_people_is_short_and_the_traceback_of_one_keeps_its_lines(
    run, tmp_path
):
    (tmp_path / "trace").write_bytes(
        b"Traceback:\n  File \xff\nValueError: 7\n"
    )
    run(
        "fault",
        "record",
        INSTANCE,
        "It failed",
        "--details-file",
        f"{tmp_path}/trace",
    )
    table = run("fault", "list")
    shown = run("fault", "show", INSTANCE)

    assert "| created " in table
    assert "| It failed " in table
    assert "details" not in table
    assert "None" not in table
    assert (
        "details      Traceback:\n"
        "               File \N{REPLACEMENT CHARACTER}\n"
        "             ValueError: 7\n"
    ) in shown


def test_lists_can_be_narrowed(run):
    run("fault", "record", INSTANCE, "one")
    run("fault", "record", OTHER, "two")

    assert [row["message"] for row in listed(run)] == ["two", "one"]
    assert [
        row["message"] for row in listed(run, "--instance", INSTANCE.upper())
    ] == ["one"]
    assert (
        listed(run, "--service", "nova")
        == listed(run, "--request-id", "req-1")
        == []
    )
    assert len(listed(run, "--since", "5m")) == 2
    assert listed(run, "--since", "2100-01-01") == []
    assert [row["message"] for row in listed(run, "--limit", "1")] == ["two"]


def test_who_sees_a_part_is_told_so(run, tmp_path):
    for number in range(3):
        run("fault", "record", INSTANCE, str(number))
    config = ["--config-file", f"{tmp_path}/service.conf"]
    ended = run_manage(*config, "fault", "list", "--limit", "2")

    assert ended.err.startswith("There may be more: --after ")
    assert ended.err.endswith(" lists the next ones, --limit 0 all.\n")
    assert len(listed(run, "--limit", "0")) == 3


def after(ended):
    """The id after which a list goes on, by what was said beside it."""
    return ended.err.split("--after ")[1].split()[0]


def test_a_list_goes_on_where_it_ended_whatever_comes_meanwhile(run):
    for number in range(5):
        run("fault", "record", INSTANCE, str(number))
    first = run.end("fault", "list", "--limit", "2")
    run("fault", "record", INSTANCE, "meanwhile")

    rest = listed(run, "--after", after(first))

    assert [row["message"] for row in rest] == ["2", "1", "0"]


@pytest.mark.parametrize("id_", [INSTANCE, key.make(datetime.max, b"")])
def test_a_list_does_not_go_on_after_what_it_does_not_know(run, id_):
    ended = run.end("fault", "list", "--after", id_)

    assert ended.code == 1
    assert f"no row with the id {id_} any more" in ended.err


def test_what_no_index_finds_is_looked_for_up_to_a_bound(run, monkeypatch):
    run("fault", "record", INSTANCE, "mine", "--service", "trove")
    for number in range(6):
        run("fault", "record", OTHER, str(number))
    monkeypatch.setattr(listing, "_SLICE", 2)
    monkeypatch.setattr(listing, "MOST_LOOKED_AT", 4)
    asked = ["--request-id", "req-1"]

    ended = run.end("fault", "list", *asked)
    rest = run.end("fault", "list", *asked, "--after", after(ended))

    assert "Looked at were 4 rows, back to 20" in ended.err
    assert "No fault has this request id" in rest.err
    whole = run.end("fault", "list", *asked, "--limit", "0")
    assert "No fault has this request id" in whole.err


def test_a_fold_counts_the_newest_rows_and_says_so(run, monkeypatch):
    for message in ("once", "again", "again"):
        run("fault", "record", INSTANCE, message)
    monkeypatch.setattr(listing, "MOST_COUNTED", 2)

    ended = run.end("fault", "list", "--fold", "--format", "json")

    assert [row["count"] for row in json.loads(ended.out)] == [2]
    assert "Counted were the newest 2 rows" in ended.err
    assert len(listed(run, "--fold", "--limit", "0")) == 2


def test_repeats_are_folded(run):
    for message in ("again", "again", "once", "again"):
        run("fault", "record", INSTANCE, message)
    first, second = listed(run, "--fold")

    assert (first["message"], first["count"]) == ("again", 3)
    assert first["first"] < second["first"] == second["last"] < first["last"]
    assert "again" in run("fault", "list", "--fold")


def test_csv_and_yaml_hold_the_same(run):
    run("fault", "record", INSTANCE, 'with "quotes", and\nlines')
    (row,) = csv.DictReader(
        io.StringIO(run("fault", "list", "--format", "csv"))
    )

    assert row["message"] == 'with "quotes", and\nlines'
    assert (
        yaml.safe_load(run("fault", "list", "--format", "yaml"))[0]["message"]
        == row["message"]
    )
    assert (
        yaml.safe_load(run("fault", "show", INSTANCE, "--format", "yaml"))[
            "id"
        ]
        == row["id"]
    )


def test_what_is_cleared_is_not_shown_any_more(run):
    run("fault", "record", INSTANCE, "It failed")
    said = run("fault", "clear", INSTANCE)
    store = make_store(run.url)

    assert said == f"The faults of {INSTANCE} are no longer shown.\n"
    assert store.newest("trove", INSTANCE).is_clearance
    assert [row["deleted"] for row in listed(run)] == [True, False]
    close(store)


def test_what_a_wrong_clock_has_dated_in_the_future_can_be_cleared(run):
    store = make_store(run.url)
    for message in ("of 2099", "another", "not cleared"):
        store.record([fault.make("trove", INSTANCE, message=message)])
    with store.writer.begin() as connection:
        connection.exec_driver_sql(
            "UPDATE instance_faults SET created = '2099-01-01 00:00:00.000000'"
        )
        connection.exec_driver_sql(
            f"UPDATE instance_faults SET instance_id = '{OTHER}'"
            " WHERE message = 'not cleared'"
        )

    run("fault", "clear", INSTANCE)
    run("fault", "record", INSTANCE, "It failed")

    left = listed(run, "--instance", INSTANCE)
    assert [row["message"] for row in left] == ["It failed", ""]
    assert [row["message"] for row in listed(run, "--instance", OTHER)] == [
        "not cleared"
    ]
    close(store)


def test_a_purge_says_what_it_would_do_and_does_it(run):
    for number in range(4):
        run("fault", "record", INSTANCE, str(number))

    assert (
        run("fault", "purge", "--dry-run", "--max-faults", "1")
        == "3 rows would be removed.\n"
    )
    assert (
        run("fault", "purge", "--max-faults", "1") == "3 rows were removed.\n"
    )
    assert run("fault", "purge") == "0 rows were removed.\n"
    assert [row["message"] for row in listed(run)] == ["3"]


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (
            ["fault", "show", "nobody"],
            "Neither a fault nor an instance with a fault has the id nobody.",
        ),
        (["fault", "record", "a b", "text"], "'a b'"),
        (
            ["fault", "record", "a", "text", "--service", "nova"],
            "name one of trove",
        ),
        (
            ["fault", "record", "a", "text", "--details-file", "/no/file"],
            "/no/file",
        ),
        (["fault", "list", "--instance", "a b"], "'a b'"),
        (["fault", "purge", "--days", "36501"], "retention_days"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(run, arguments, text):
    said = run.fail(*arguments)

    assert text in said
    assert said.count("\n") == 1


def test_the_database_is_said_to_be_out_of_date(run):
    engine = sa.create_engine(run.url)
    with engine.begin() as connection:
        connection.exec_driver_sql("DROP TABLE instance_faults")
    engine.dispose()
    said = run.fail("fault", "list")

    assert said.startswith("The database: ")
    assert "instance_faults" in said
    assert said.count("\n") == 1


def test_what_there_is_not_is_said(run, tmp_path):
    config = ["--config-file", f"{tmp_path}/service.conf"]
    assert (
        run_manage(*config, "fault", "list").err
        == "There are no such faults.\n"
    )
    cleared = run_manage(*config, "fault", "clear", INSTANCE)
    assert cleared.err == "There was none in the table; is the id right?\n"
    assert "(cleared)" in run("fault", "list")


class TestTop:
    """What fails most."""

    @pytest.fixture
    def run(self, run):
        store = make_store(run.url)
        now = clock.utcnow()
        told = [
            ("trove", INSTANCE, "No valid host", "p1", 1),
            ("trove", INSTANCE, "No valid host", "p1", 3),
            ("trove", OTHER, "No valid host", "p2", 2),
            ("trove", OTHER, "Disk full", None, 4),
            ("nova", OTHER, "No valid host", "p1", 5),
            ("nova", OTHER, "yesterday's", "p1", 30 * 60),
        ]
        store.record(
            [
                fault.make(
                    service,
                    instance_id,
                    message=message,
                    project_id=project_id,
                    created=now - timedelta(minutes=minutes),
                )
                for service, instance_id, message, project_id, minutes in told
            ]
        )
        store.record([fault.make("trove", INSTANCE, is_clearance=True)])
        close(store)
        return run

    def top(self, run, *arguments):
        return json.loads(run("fault", "top", "--format", "json", *arguments))

    def test_counts_the_messages_of_a_day(self, run):
        found = self.top(run)

        assert [
            (row["count"], row["instances"], row["service"], row["message"])
            for row in found
        ] == [
            (3, 2, "trove", "No valid host"),
            (1, 1, "trove", "Disk full"),
            (1, 1, "nova", "No valid host"),
        ]
        assert found[0]["first"] < found[0]["last"]

    @pytest.mark.parametrize(
        ("by", "column", "counts"),
        [
            ("service", "service", {"trove": 4, "nova": 1}),
            ("project", "project_id", {"p1": 3, "p2": 1, None: 1}),
            ("instance", "instance_id", {INSTANCE: 2, OTHER: 2}),
        ],
    )
    def test_counts_by_something_else(self, run, by, column, counts):
        arguments = ["--by", by]
        if by == "instance":
            arguments += ["--service", "trove"]

        found = self.top(run, *arguments)

        assert {row[column]: row["count"] for row in found} == counts

    def test_counts_a_time_and_as_many_as_are_asked_for(self, run):
        assert len(self.top(run, "--since", "7d")) == 4
        assert len(self.top(run, "--limit", "1")) == 1
        assert len(self.top(run, "--limit", "0")) == 3

    def test_draws_bars_in_80_columns(self, run, monkeypatch):
        monkeypatch.setenv("COLUMNS", "80")

        lines = run("fault", "top").splitlines()

        assert max(map(len, lines)) <= 80
        bars = [line.count("#") for line in lines if "#" in line]
        assert bars == [10, 3, 3]

    def test_writes_the_figures_for_prometheus(self, run, tmp_path):
        file = tmp_path / "top.prom"

        run("fault", "top", "--textfile", str(file), "--limit", "2")

        figures = {}
        for family in text_string_to_metric_families(file.read_text()):
            for sample in family.samples:
                labels = sample.labels["service"], sample.labels["message"]
                figures[(sample.name, *labels)] = sample.value
        prefix = "fault_middleware_top"
        often = ("trove", "No valid host")
        assert len(figures) == 2 * 3
        assert figures[(f"{prefix}_faults", *often)] == 3
        assert figures[(f"{prefix}_instances", *often)] == 2
        age = (
            time.time() - figures[(f"{prefix}_last_timestamp_seconds", *often)]
        )
        assert 0 <= age < 24 * 3600

    def test_a_file_for_prometheus_may_lack_a_project(self, run, tmp_path):
        file = tmp_path / "top.prom"

        run("fault", "top", "--by", "project", "--textfile", str(file))

        assert 'fault_middleware_top_faults{project_id=""}' in file.read_text()

    @pytest.mark.parametrize("limit", ["0", "101"])
    def test_bounds_the_series_of_prometheus(self, run, tmp_path, limit):
        file = tmp_path / "top.prom"

        ended = run.end(
            "fault", "top", "--textfile", str(file), "--limit", limit
        )

        assert ended.code == 1
        assert "--limit of 1 to 100" in ended.err
        assert not file.exists()

    def test_says_what_file_cannot_be_written(self, run, tmp_path):
        file = tmp_path / "nowhere/top.prom"

        ended = run.end("fault", "top", "--textfile", str(file))

        assert ended.code == 1
        assert f"--textfile {file}: No such file" in ended.err

    def test_takes_the_place_of_nothing_but_a_file(self, run, tmp_path):
        pipe = tmp_path / "top.prom"
        os.mkfifo(pipe)

        ended = run.end("fault", "top", "--textfile", str(pipe))

        assert ended.code == 1
        assert f"--textfile {pipe}: is there, and is not a file" in ended.err
        assert pipe.is_fifo()

    def test_writes_no_character_for_prometheus_that_a_terminal_obeys(
        self, run, tmp_path
    ):
        file = tmp_path / "top.prom"
        hostile = fault.make("trove", "db-9")
        hostile = dataclasses.replace(hostile, message="\x1b[2Jgone\r\x07")
        store = make_store(run.url)
        store.record([hostile])
        close(store)

        run("fault", "top", "--textfile", str(file))

        written = file.read_text()
        assert r"\\x1b[2Jgone\\r\\x07" in written
        assert not set("\x1b\r\x07") & set(written)

    def test_says_that_there_is_nothing(self, run):
        ended = run.end("fault", "top", "--since", "2099-01-01T00:00")

        assert (ended.code, ended.out) == (0, "")
        assert ended.err == "There are no such faults.\n"

    def test_looks_at_the_newest_rows_and_says_so(self, run, monkeypatch):
        monkeypatch.setattr(listing, "MOST_COUNTED", 3)

        ended = run.end("fault", "top", "--format", "json")

        # One of the three is the clearance.
        assert [row["count"] for row in json.loads(ended.out)] == [2]
        assert "the newest 3 faults and clearances" in ended.err
