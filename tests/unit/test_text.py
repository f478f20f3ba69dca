# SPDX-License-Identifier: Apache-2.0
import random
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fault_middleware.text import (
    as_text,
    beginning,
    clean,
    clean_all,
    last_line,
)

RANDOM = random.Random(20261126)
BLOB = "".join(RANDOM.choices(string.ascii_letters + string.digits, k=60_000))
IN_LINES = "\n".join(BLOB[n : n + 64] for n in range(0, 20_000, 64))
# What hides a key from a search, and what a terminal obeys.
INVISIBLE = [
    "\0",
    "\x1b",
    "\x7f",
    "\x9b",
    "\u200b",
    "\u200d",
    "\u2060",
    "\ufeff",
    "\xad",
    "\ud800",
]
TURNING = ["\u061c", "\u200e", "\u200f", *map(chr, range(0x202A, 0x202F))]
TURNING += map(chr, range(0x2066, 0x206A))


def pieces(text):
    """What 40 characters of a secret look like, if any of it is in a text."""
    return [
        BLOB[n : n + 40]
        for n in range(0, len(BLOB) - 40, 40)
        if BLOB[n : n + 40] in text
    ]


@pytest.mark.parametrize(
    "character", [*map(chr, range(32)), *map(chr, range(127, 160)), *TURNING]
)
def test_nothing_that_a_terminal_obeys_is_kept(character):
    cleaned = clean(f"a{character}b über {character}盘")

    assert all(one.isprintable() or one in "\t\n" for one in cleaned)


@pytest.mark.parametrize(
    "hidden", [*INVISIBLE, *TURNING, "\0\u200b", "\x1b[0m", "\x1b[1;31m"]
)
def test_what_is_not_seen_does_not_hide_a_key(hidden):
    for key in ("pass{}word=S3cr3t", "password{}=S3cr3t", "password={}S3cr3t"):
        assert clean(key.format(hidden)) == "password=***"


def test_what_is_not_seen_is_marked_where_it_hides_nothing():
    assert clean("磁\0盘 \x07") == "磁\ufffd盘 \ufffd"


@pytest.mark.parametrize(
    "text", ["می‌خواهم", "👩‍💻 failed ❤️", "naïve\tcafé\n", "磁盘已满"]
)
def test_what_scripts_and_emoji_need_is_kept(text):
    assert clean(text) == text


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("one\r\ntwo\r\n", "one\ntwo\n"),
        (" 10%\r 20%\r100%", " 10%\n 20%\n100%"),
        ("a\x0bb\x0cc\x85d\u2028e\u2029f", "a\nb\nc\nd\ne\nf"),
    ],
)
def test_every_line_break_is_a_line_feed(given, kept):
    assert clean(given) == kept


def test_colours_are_left_out():
    assert (
        clean("\x1b[31mfatal\x1b[0m: \x1b[38;5;12mno route\x1b[m")
        == "fatal: no route"
    )


def test_a_title_for_the_terminal_is_text():
    assert clean("\x1b]0;owned\x07 x") == "\ufffd]0;owned x"


@pytest.mark.parametrize(
    "text",
    [
        "x " * 5000 + f"user_data='{BLOB}'" + " y" * 20000,
        "x " * 20000 + f"user_data={BLOB}" + " y" * 20000,
        "x " * 20000 + f"user_data={BLOB}" + " y" * 5000,
        "x " * 30000 + f'{{"user_data": "{BLOB}", "name": "z"}}' + " y" * 300,
        "x " * 18000 + f"password: '{BLOB[:20_000]}'" + " y" * 18000,
    ],
)
def test_a_long_secret_across_the_cut_is_hidden_whole(text):
    assert pieces(clean(text)) == []


@pytest.mark.parametrize("before", range(20_000, 52_000, 2_000))
def test_a_long_private_key_is_hidden_wherever_the_cut_is(before):
    key = f"-----BEGIN RSA PRIVATE KEY-----\n{IN_LINES}\n-----END RSA PRIVATE KEY-----"

    cleaned = clean("x " * (before // 2) + f"\n{key}\n" + "y " * 15_000)

    assert [line for line in IN_LINES.splitlines() if line in cleaned] == []


@pytest.mark.parametrize("before_the_end", [1, 5, 7, 13])
def test_a_secret_that_the_cut_divides_is_not_stored_by_half(before_the_end):
    password = "hUnt3r2Zq8XwK9"
    begin = (
        f"user_data='{'A' * 50_000}'\n"
        + "x" * 30_000
        + f"\npassword={password}"
    )
    # Half of what is looked at, from that character of the password on.
    rest = "\n" + (" z" * 20 * 1024)[before_the_end + 1 :]

    cleaned = clean(begin + rest)

    assert password[-before_the_end:] + "\n" not in cleaned
    assert cleaned.endswith(" z z")


def test_half_a_token_is_not_kept_where_masking_made_the_beginning_shorter():
    begin = f"user_data='{'A' * 9000}'\n"
    # What is looked at of the beginning ends within the token.
    filler = "x " * ((40 * 1024 - len(begin) - 12) // 2)
    token = "ghp_" + "aB3dE" * 8

    cleaned = clean(begin + filler + token + " y" * 30_000)

    assert "ghp_" not in cleaned


def test_half_a_password_is_not_kept_where_masking_made_the_end_shorter():
    end = f"\nuser_data='{'A' * 9000}'\nlast line"
    # What is looked at of the end begins within the password.
    rest = "!aB3(dE5) and S3cr3t!'"
    filler = "x" * (40 * 1024 - len(rest) - len(end))

    cleaned = clean("y " * 30_000 + "password='aB3" + rest + filler + end)

    assert "S3cr3t" not in cleaned
    assert cleaned.endswith("\nlast line")


def test_a_long_text_keeps_both_ends():
    lines = [f"line {n} of the log" for n in range(20_000)]

    cleaned = clean("\n".join(lines))

    assert cleaned.startswith("line 0 of the log\nline 1 of")
    assert cleaned.endswith("\nline 19999 of the log")
    assert len(cleaned) > 60_000
    assert clean(cleaned) == cleaned


@given(
    st.text(
        st.sampled_from("pasword=:*' \"\0\x1b[m\u200b\u202e\r\n盘\ud800{},"),
        max_size=60,
    )
)
def test_cleaning_a_hostile_text_twice_changes_nothing_more(text):
    once = clean(text)

    assert clean(once) == once


@pytest.mark.parametrize(
    "value",
    [
        {"password": ["X"]},
        {"password": {"value": "X", "hint": ["X"]}},
        {"key": "password", "value": "X"},
        [{"name": "DB_PASSWORD", "value": "X"}],
        {"name": "adminPass", "value": {"a": "X"}},
        {"p\0assword": "X"},
        {"Name": "DB_PASSWORD", "Value": "X"},
        {"KEY": "password", "val": ["X"]},
        {"variable": "DB_PASSWORD", "value": "X"},
        {"option": "password", "default": "X"},
        {"parameter": "admin_pass", "value": "X"},
        {"setting": "password", "value": "X"},
        {"field": "password", "value": "X"},
        {"id": "password", "value": "X"},
    ],
)
def test_a_name_hides_all_that_is_below_it(value):
    assert "X" not in str(clean_all(value))


@pytest.mark.parametrize(
    "arguments",
    [["-p", "X"], ["--password", "X"], ["mysql", "-u", "root", "-p", "X"]],
)
def test_what_stands_before_an_argument_hides_it(arguments):
    assert clean_all({"cmd": arguments}) == {"cmd": [*arguments[:-1], "***"]}


def test_what_belongs_to_a_command_is_hidden():
    assert clean_all(["mysql", "-uroot", "-pS3cr3t"]) == [
        "mysql",
        "-uroot",
        "-p***",
    ]


@pytest.mark.parametrize("other", [3306, None, True, 1.5, ["a"], {"a": "b"}])
def test_an_argument_that_is_no_text_hides_no_secret(other):
    arguments = ["mysql", "-pS3cr3t", "-P", other]

    assert clean_all(arguments) == ["mysql", "-p***", "-P", other]


BEGIN = "-----BEGIN RSA PRIVATE KEY-----"
END = "-----END RSA PRIVATE KEY-----"


@pytest.mark.parametrize(
    ("lines", "masked"),
    [
        (["a", BEGIN, "MIIES3cr3t", "S3==", END, "b"], ["a", BEGIN, "***", "***", END, "b"]),
        ([BEGIN, "Proc-Type: 4,ENCRYPTED", "", "S3==", END], [BEGIN, "***", "", "***", END]),
        ([BEGIN, "  MIIES3cr3t\n", 7], [BEGIN, "***", 7]),
        ([BEGIN, "MIIE", END, "--password", "S3cr3t"], [BEGIN, "***", END, "--password", "***"]),
        (["b: 1!", "MIIES3cr3t", "S3==", END, "b"], ["b: 1!", "***", "***", END, "b"]),
    ],
)  # fmt: skip
def test_a_private_key_in_a_list_of_lines_is_hidden(lines, masked):
    assert clean_all({"lines": lines}) == {"lines": masked}
    assert clean_all({"lines": masked}) == {"lines": masked}


def test_what_is_no_secret_stays_as_it_is():
    value = {
        "name": "db-1",
        "value": "small",
        "cmd": ["mysql", "-u", "root"],
        "list": ["a", 1, None, True, 1.5],
        "password_length": 12,
        "lines": ["no PRIVATE KEY in x", "MIIE", "a"],
        "Field": {"id": "x", "name": "flavor", "default": "small"},
    }

    assert clean_all(value) == value


def test_names_of_members_do_not_command_a_terminal_either():
    assert clean_all({"a\x1b]0;x\x07": 1}) == {"a]0;x\ufffd": 1}


def test_numbers_that_json_has_no_place_for_are_texts():
    cleaned = clean_all([float("nan"), float("-inf"), 10**5000, -(10**5000)])

    assert cleaned[:2] == ["nan", "-inf"]
    assert [text[:3] for text in cleaned[2:]] == ["0x3", "-0x"]


def test_an_integer_of_any_length_has_a_text():
    assert as_text(10**5000).startswith("0x")
    assert as_text([10**5000, "x"]).endswith("x")
    assert as_text({"a": 10**5000}) == "<dict>"


def test_the_last_line_of_a_traceback_is_its_reason():
    assert (
        last_line("Traceback\n  File\nOSError: full \n\n") == "OSError: full"
    )
    assert last_line(" \n") == ""


@pytest.mark.parametrize("length", [8000, 8192, 8300, 16384, 20_000, 40_000])
def test_a_secret_that_a_cut_divides_is_not_in_the_beginning(length):
    url = "mysql://cinder:Xk9vQ2mZ7pLsTq4w@db/cinder"
    whole = "x " * 4086 + url + " y" * 30_000
    text = whole[:length]

    kept = beginning(text, 8192)

    assert "Xk9" not in kept[: len(text) - 30]
    assert len(kept) <= 8192
    assert kept.startswith("x x ")


def test_what_is_not_too_long_is_its_own_beginning():
    assert beginning("a: " + "b " * 4000, 8192) == "a: " + "b " * 4000
