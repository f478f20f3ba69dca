# SPDX-License-Identifier: Apache-2.0
"""How commands print: whatever a text says, on terminals of any width."""

import csv
import dataclasses
import io
import json
import subprocess

import pytest
import yaml

from fault_middleware import fault
from fault_middleware.cmd import layout
from tests.commands import run_manage
from tests.fixtures import INSTANCE, close, make_store, write_configuration

OTHER = "0d5d9a4b-7a4f-4a39-9c55-5a9f1d2f5b10"
REQUEST = "req-7a94f135-7e3b-4d2f-9d0c-0d6d7fd6a2b1"
SENTENCE = (
    "Cannot extend the volume to 50 GB: the quota of your project is 40 GB. Delete a volume, or "
    "ask for more quota."
)
TRACEBACK = (
    'Traceback (most recent call last):\n  File "x.py", line 1\nValueError: 7'
)
# Colours, a bell, a new title of the window, C1 controls, and text from right to left.
CONTROLS = "a\x1b[31mred\x07\x1b]0;title\x07\x9b2J\u202e\x00\x7fz"


@pytest.fixture
def manage(tmp_path, sqlite_url, monkeypatch):
    """Runs commands on a table that can be filled with rows of any texts.

    What is stored today has no control characters. Rows of before, or of others, may.
    """
    monkeypatch.delenv("COLUMNS", raising=False)
    file = write_configuration(tmp_path / "service.conf", sqlite_url)
    store = make_store(sqlite_url)

    def run(*arguments):
        ended = run_manage("--config-file", str(file), *arguments)
        assert ended.code == 0, ended.err
        return ended.out

    def fill(message, instance_id=INSTANCE, details=TRACEBACK):
        row = fault.make("trove", instance_id, message="-", request_id=REQUEST)
        store.record(
            [dataclasses.replace(row, message=message, details=details)]
        )

    run.fill = fill
    yield run
    close(store)


@pytest.mark.parametrize("output", ["csv", "json", "table", "value", "yaml"])
def test_a_list_has_no_character_that_a_terminal_obeys(manage, output):
    manage.fill(CONTROLS, details=CONTROLS)

    printed = manage("fault", "list", "--format", output)

    assert "red" in printed
    assert all(
        character.isprintable() or character in "\r\n\t"
        for character in printed
    )
    assert "\r" not in printed.replace("\r\n", "")


@pytest.mark.parametrize("output", ["json", "shell", "table", "value", "yaml"])
def test_a_shown_fault_has_no_character_that_a_terminal_obeys(manage, output):
    manage.fill(CONTROLS, details=CONTROLS)

    printed = manage("fault", "show", INSTANCE, "--format", output)

    assert "red" in printed
    assert all(
        character.isprintable() or character in "\n\t" for character in printed
    )


def test_a_control_character_is_shown_as_its_escape(manage):
    manage.fill("\x1b[31mred\x07\u202e\ta\u3000b\u00a0c")

    assert "\\x1b[31mred\\x07\\u202e" in manage("fault", "list")
    assert "a\u3000b\u00a0c" in manage("fault", "list")


@pytest.mark.parametrize(
    "text",
    [
        "$(touch made)",
        "`touch made`",
        '"; touch made; "',
        "'; touch made; '",
        "it's $HOME, \\n and \\",
        "one line\ntouch made\nanother",
        "\ntouch made",
        "a\\'; touch made #",
        "{a,b} * ? ~ !! & | > made",
    ],
)
def test_a_shell_runs_nothing_of_a_text(manage, tmp_path, text):
    manage.fill(text, details=text)
    assignments = manage(
        "fault", "show", INSTANCE, "--format", "shell", "--prefix", "f_"
    )
    script = 'eval "$(cat)" && printf %s "$f_message|$f_details|$f_problem"'

    for program in ("sh", "bash"):
        ended = subprocess.run(
            [program, "-c", script],
            input=assignments,
            capture_output=True,
            text=True,
            cwd=tmp_path,
        )
        assert (ended.stdout, ended.stderr) == (f"{text}|{text}|", "")
    assert not (tmp_path / "made").exists()


def test_values_are_one_line_for_a_row(manage):
    manage.fill("It failed\nFAKE-ID another row")
    manage.fill("Second\r\nline", OTHER)

    lines = manage(
        "fault",
        "list",
        "--format",
        "value",
        "-c",
        "instance_id",
        "-c",
        "message",
    )

    assert sorted(lines.splitlines()) == [
        f"{OTHER} Second\\r\\nline",
        f"{INSTANCE} It failed\\nFAKE-ID another row",
    ]


def test_a_value_that_is_asked_for_alone_keeps_its_lines(manage):
    manage.fill("It failed")

    alone = manage(
        "fault", "show", INSTANCE, "--format", "value", "--column", "details"
    )
    among_others = manage("fault", "show", INSTANCE, "--format", "value")

    assert alone == f"{TRACEBACK}\n"
    assert len(among_others.splitlines()) == len(
        json.loads(manage("fault", "show", INSTANCE, "-f", "json"))
    )


@pytest.mark.parametrize(
    "text", ["=1+1", "+1", "-1", "@SUM(A1)", " =1", "\t=1", "\uff1d1"]
)
def test_a_spreadsheet_calculates_nothing_of_a_text(manage, text):
    manage.fill(text)

    (row,) = csv.DictReader(
        io.StringIO(manage("fault", "list", "--format", "csv"))
    )

    assert row["message"] == f"'{text}"
    assert (
        json.loads(manage("fault", "list", "--format", "json"))[0]["message"]
        == text
    )
    assert (
        yaml.safe_load(manage("fault", "list", "--format", "yaml"))[0][
            "message"
        ]
        == text
    )


def test_csv_keeps_other_texts_and_lines(manage):
    manage.fill('with "quotes", 1 = 1\nand lines')

    (row,) = csv.DictReader(
        io.StringIO(manage("fault", "list", "--format", "csv"))
    )

    assert row["message"] == 'with "quotes", 1 = 1\nand lines'


COMMANDS = [
    ["fault", "list"],
    ["fault", "list", "--fold"],
    ["fault", "list", "-c", "instance_id", "-c", "message"],
    ["fault", "show", INSTANCE],
]


@pytest.mark.parametrize("width", [60, 80, 100, 132, 200])
@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_ids_are_whole_and_no_line_is_too_wide(
    manage, monkeypatch, command, width
):
    manage.fill(SENTENCE)
    manage.fill("Short", OTHER)
    monkeypatch.setenv("COLUMNS", str(width))

    lines = manage(*command).splitlines()

    assert max(len(line) for line in lines) <= width
    (line,) = (line for line in lines if INSTANCE in line)
    # Two clicks on an id mark all of it, and nothing else.
    assert INSTANCE in line.replace("|", " ").split()


@pytest.mark.parametrize("width", [50, 60, 80, 132])
@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_a_message_is_whole_and_not_squeezed(
    manage, monkeypatch, command, width
):
    manage.fill(SENTENCE)
    monkeypatch.setenv("COLUMNS", str(width))

    printed = manage(*command)

    words = printed.replace("|", " ").split()
    begin = words.index("Cannot")
    told = " ".join(word for word in words[begin:] if word in SENTENCE.split())
    assert told.startswith(SENTENCE)
    assert (
        sum("of" in line or "quota" in line for line in printed.splitlines())
        <= 4
    )


def test_a_table_that_is_piped_is_not_wider_than_120_characters(manage):
    manage.fill(SENTENCE * 2)

    for command in (
        ["fault", "list"],
        ["fault", "list", "--fold"],
        ["profile", "list"],
    ):
        assert max(len(line) for line in manage(*command).splitlines()) <= 120


def test_the_width_can_be_named(manage):
    manage.fill(SENTENCE)

    lines = manage("fault", "list", "--max-width", "70").splitlines()

    assert 60 < max(len(line) for line in lines) <= 70


def test_a_wide_terminal_shows_a_fault_in_one_line(manage, monkeypatch):
    manage.fill(SENTENCE)
    monkeypatch.setenv("COLUMNS", "250")

    (line,) = (
        line
        for line in manage("fault", "list").splitlines()
        if INSTANCE in line
    )

    assert SENTENCE in line


def test_letters_that_are_two_characters_wide_do_not_exceed_the_terminal():
    lines = layout.wrap("磁盘空间不足无法扩展卷" * 6, 60)

    assert "".join(lines) == "磁盘空间不足无法扩展卷" * 6
    assert max(len(line) for line in lines) <= 30


def test_a_text_of_several_columns_gets_a_record_of_its_own(
    manage, monkeypatch
):
    manage.fill(SENTENCE)
    monkeypatch.setenv("COLUMNS", "80")

    lines = manage(
        "fault", "list", "-c", "message", "-c", "details", "-c", "deleted"
    ).splitlines()

    assert lines[0].startswith("message  Cannot extend")
    assert "details  Traceback (most recent call last):" in lines
    assert '           File "x.py", line 1' in lines


def test_a_line_that_is_wrapped_keeps_its_indentation():
    text = (
        "Traceback:\n    raise TroveError(message)\n" + " " * 50 + "far right"
    )

    assert layout.wrap(text, 20) == [
        "Traceback:",
        "    raise",
        "    TroveError(messa",
        "    ge)",
        "          far right",
    ]


def test_an_empty_list_prints_nothing(manage):
    assert manage("fault", "list") == ""


@pytest.mark.parametrize("role", ["member", "admin"])
def test_a_body_that_is_tried_has_no_control_characters(tmp_path, role):
    body = {"instance": {"id": INSTANCE, "name": CONTROLS + "größer"}}
    file = tmp_path / "body.json"
    file.write_text(json.dumps(body))

    ended = run_manage(
        *("profile", "try", "trove", "--path", f"/p1/instances/{INSTANCE}"),
        *("--body", str(file), "--role", role),
    )

    assert json.loads(ended.out) == body
    assert "größer" in ended.out
    assert all(
        character.isprintable() or character == "\n" for character in ended.out
    )


def test_a_request_that_no_fault_has_is_explained(tmp_path, sqlite_url):
    file = write_configuration(tmp_path / "service.conf", sqlite_url)
    close(make_store(sqlite_url))

    ended = run_manage(
        "--config-file", str(file), "fault", "list", "--request-id", REQUEST
    )

    assert (ended.code, ended.out) == (0, "")
    assert "x-openstack-request-id" in ended.err
    assert "--instance or --since" in ended.err
