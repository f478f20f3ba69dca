# SPDX-License-Identifier: Apache-2.0
"""What may be a member that is hidden, and what is none."""

import json

import pytest

from fault_middleware import hiding
from fault_middleware.text import CUT


@pytest.fixture(autouse=True)
def _patterns_are_made_anew():
    """So that each test runs what makes them."""
    hiding._patterns.cache_clear()


def without(value, name="traceback"):
    return hiding.without(name, value, in_texts=True)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("own traceback: x", "own "),
        ("own traceback=x", "own "),
        ("own 'traceback' => x", "own "),
        ('own "traceback" \n : x', "own "),
        ('X\\"traceback\\": x', "X"),
        ("own {\\\\'traceback\\\\': x", "own {"),
        ("own &quot;traceback&quot;: x", "own &quot;"),
        ("own &#34;traceback&#x22;: x", "own &#34;"),
        ("own traceback\\n: x", "own "),
        ("own\\ntraceback: x", "own\\n"),
        ("own \\u0022traceback\\u0022: x", "own \\u0022"),
        ("own \\x27traceback\\047\\x3d x", "own \\x27"),
        ("own traceback\\u003A x", "own "),
        ("own traceback\\072 x", "own "),
        ("own \\u0074r\\x61ceback: x", "own "),
        ("own \\\\\\164raceback: x", "own "),
        ("own tr\\u00ADaceback: x", "own "),
        ("own tr\\U0001f600aceback: x", "own "),
        ("own tr\\xe2\\x80\\x8baceback: x", "own "),
        ("own traceback\\xad: x", "own "),
        ("own traceback\\342\\200\\213: x", "own "),
        ("own tr\\033[1maceback\\e[0m: x", "own "),
        ("own \\x1b[1mtraceback\\x1b[m: x", "own \\x1b[1m"),
        ("own tr\\x1b[maceback\\x1b[01;31m\\x1b[K: x", "own "),
        ("own tr\x1b\u200b[1maceback: x", "own "),
        ("own tr\u200ba\x1b[1mceback\xad\x1b[0m: x", "own "),
        ("own tr\x9b0maceback: x", "own "),
        ("é\u200btraceback\u200b\ufffd: x", "é\u200b"),
        ("own \uff54\u200b\uff52aceback: x", "own "),
        ("own remote_traceback: 1, traceback: x", "own remote_traceback: 1, "),
        (f"{'x' * 41}traceback: x", "x" * 41),
        ('{"own": 1, "traceback": "x', '{"own": 1, '),
        (f'{"[" * 100_000}"traceback": x', "[" * 100_000),
    ],
)
def test_a_text_is_cut_before_what_may_be_the_member(text, shown):
    assert without(text) == shown + CUT


@pytest.mark.parametrize(
    "text",
    [
        "see the traceback below: own",
        "Traceback: own",
        "traceback.py: own",
        "traceback_of: own",
        "remote_traceback: own",
        "0x1traceback: own",
        f"{'x' * 40}traceback: own",
        "traceback X: own",
        "trXaceback: own",
        "Xraceback: own",
        "\u017fraceback: own",
        "tr\\u0061ck: own",
        "tr\\x41aceback: own",
        "tr aceback: own",
        "own\x1b[0m\u200b",
        '{"own" : 1,"remote_traceback":"x"}',
        ' [1 , "own"]',
        "500",
    ],
)
def test_a_text_that_has_no_such_member_is_the_same(text):
    assert without(text) is text


def test_a_letter_that_masking_makes_an_s_is_taken_for_one():
    assert without("detail\u017f: x", "details") == CUT
    assert without("detailX: x", "details") == "detailX: x"


@pytest.mark.parametrize(
    "name",
    [
        "traceback",
        "tr\u200baceback",
        "\u200btraceback\u200b",
        "\x1b[1mtraceback\x1b[0m",
        "\\u0074raceback",
        "trace\\x62ack",
        "'traceback' ",
    ],
)
def test_a_member_is_hidden_whatever_nobody_sees_in_its_name(name):
    assert without({"own": 1, name: "x"}) == {"own": 1}
    assert without(json.dumps({"own": 1, name: "x"})) == '{"own": 1}'


def test_in_a_members_name_a_text_is_cut_where_texts_are_looked_into():
    value = {"own traceback: x": [{"traceback_of": 1}]}

    assert without(value) == {f"own {CUT}": [{"traceback_of": 1}]}
    assert hiding.without("traceback", value, in_texts=False) == value


def test_texts_are_as_they_were_where_they_are_not_looked_into():
    value = ["traceback: x", 1, None]

    assert hiding.without("traceback", value, in_texts=False) == value
    assert without(value) == [CUT, 1, None]


def test_a_name_that_stands_twice_has_the_value_that_was_looked_into():
    assert without('{"a": {"traceback": "x"}, "a":1}') == '{"a": 1}'
    assert without('[{"a": "x", "a":1}]') == '[{"a": 1}]'


def test_json_in_colour_is_read():
    text = '\x1b[1m{"own"\x1b[0m: 1, \x1b[1m"traceback"\x1b[0m: "x"}'

    assert without(text) == '{"own": 1}'


def test_json_in_json_is_looked_into():
    inner = json.dumps({"own": 1, "traceback": "x"})

    assert without(json.dumps([inner])) == json.dumps(['{"own": 1}'])
    assert without(json.dumps(inner)) == f'"{{\\"own\\": 1, {CUT}'


def nested(value, levels):
    for _ in range(levels):
        value = [value]
    return value


def test_what_is_deeper_than_a_hundred_levels_is_cut():
    assert without(nested("own", 100)) == nested("own", 100)
    assert without(nested("own", 101)) == nested(CUT, 100)


def test_a_text_of_json_is_a_level():
    assert without(json.dumps(nested("own", 99))) == json.dumps(
        nested("own", 99)
    )
    assert without(json.dumps(nested("own", 100))) == json.dumps(
        nested(CUT, 99)
    )
    assert without(nested('["own"]', 100)) == nested(f'"{CUT}"', 100)
