# SPDX-License-Identifier: Apache-2.0
import pytest

from fault_middleware.field import Field

ID = "0c1f9a52-6b1e-4d3a-9a55-7d1c2f6e8b90"
PARTS = [
    None,
    {"name": "a", "content": {"why": 1}},
    {"name": "b", "content": {"why": 2}},
]


@pytest.mark.parametrize(
    ("path", "data", "value"),
    [
        ("a.b", {"a": {"b": 1}}, 1),
        ("a.b", {"a.b": 1}, 1),
        (
            "payload.nova_object.data.uuid",
            {"payload": {"nova_object.data": {"uuid": 7}}},
            7,
        ),
        ("a.b", {"a": {"c": 1}, "a.b": 2}, None),
        (["x", "a"], {"a": 1}, 1),
        (["a", "b"], {"a": "", "b": 2}, 2),
        (["a", "b"], {"a": None, "b": 2}, 2),
        (["a", "b"], {"a": [], "b": 2}, 2),
        ("a", {"a": 0}, 0),
        ("a", {"a": False}, False),
        ("a.b", {"a": "text"}, None),
        ("a.b", {"a": [1]}, None),
        ("a", None, None),
        ("a", "a", None),
        ("parts[name=b].content.why", {"parts": PARTS}, 2),
        ("x.parts[name=a].content", {"x.parts": PARTS}, {"why": 1}),
        ("parts[name=c].content.why", {"parts": PARTS}, None),
        ("parts[name=b]", {"parts": {"name": "b"}}, None),
        ("[name=b].content.why", PARTS, 2),
        ("parts[name=v1.2].why", {"parts": [{"name": "v1.2", "why": 3}]}, 3),
        ("parts.content", {"parts": PARTS}, None),
        (
            ["parts[name=c].why", "parts[name=b].content.why"],
            {"parts": PARTS},
            2,
        ),
    ],
)
def test_the_first_path_that_leads_to_something_counts(path, data, value):
    assert Field.parse(path).find(data) == value


def test_text_is_asked_for_and_nothing_else_given():
    assert Field.parse("id").text({"id": "x"}) == "x"
    assert Field.parse("id").text({"id": 5}) is None


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            "NoValidHost('No valid host was found.')",
            "No valid host was found.",
        ),
        (
            'TooSmall("The image\'s disk is too small.")',
            "The image's disk is too small.",
        ),
        (r"""Quoted('it\'s "odd"')""", """it's "odd\""""),
        (
            r"Lines('one\ntwo\\n\x1b\u20ac\U0001f600')",
            "one\ntwo\\n\x1b\u20ac\U0001f600",
        ),
        (
            "Wrapped(NoValidHost('No valid host was found.'))",
            "No valid host was found.",
        ),
        (
            "OSError(2, 'No such file or directory')",
            "No such file or directory",
        ),
        (
            "gaierror(-2, 'Name or service not known')",
            "Name or service not known",
        ),
        ("oslo.db.Error(b'bytes', 'more')", "bytes"),
        ("Old('A comma of Python 2',)", "A comma of Python 2"),
        ("NoValidHost('No valid host was fo", "No valid host was fo"),
        ("NoValidHost('No valid host\\", "No valid host"),
        (r"NoValidHost('No valid host\x1", r"No valid host\x1"),
        ("Digits('\\x\u0661\u0662')", "\\x\u0661\u0662"),
        ("Empty('')", "Empty('')"),
        ("Bare()", "Bare()"),
        (
            "Odd({'code': 409, 'message': 'taken'})",
            "Odd({'code': 409, 'message': 'taken'})",
        ),
        ("plain text with 'quotes'", "plain text with 'quotes'"),
        ("NoVali", "NoVali"),
    ],
)
def test_of_a_repr_its_first_text_is_read(text, told):
    assert Field.parse({"path": "a", "form": "repr"}).find({"a": text}) == told


def test_a_long_repr_is_read_soon():
    for text in (
        "a(" * 50_000,
        "a, " * 50_000,
        "E('" + "\\" * 100_001,
        "-" * 100_000,
        "E(" + "a" * 200_000 + ", ",
    ):
        assert Field.parse({"path": "a", "form": "repr"}).find({"a": text})


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (f"Image {ID.upper()}: no {ID}", ID.upper()),
        ("Storage is full", None),
        (f"x{ID}", ID),
    ],
)
def test_the_first_uuid_of_a_text_is_found(text, found):
    assert (
        Field.parse({"path": "a", "form": "uuid"}).find({"a": text}) == found
    )


def test_where_a_text_has_no_uuid_the_next_path_counts():
    field = Field.parse({"path": ["a", "b"], "form": "uuid"})

    assert field.find({"a": "nothing", "b": f"for {ID}"}) == ID


def test_commas_between_joined_lines_are_taken_out():
    joined = (
        'Traceback:\n,  File "x", line 1, in f\n    g(a, b)\n,KeyError: 1\n'
    )

    found = Field.parse({"path": "a", "form": "joined"}).find({"a": joined})

    assert (
        found
        == 'Traceback:\n  File "x", line 1, in f\n    g(a, b)\nKeyError: 1\n'
    )


@pytest.mark.parametrize("form", ["repr", "uuid", "joined"])
def test_a_form_is_one_of_texts(form):
    assert Field.parse({"path": "a", "form": form}).find({"a": ["x"]}) == ["x"]
