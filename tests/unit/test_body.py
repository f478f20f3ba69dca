# SPDX-License-Identifier: Apache-2.0
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fault_middleware import body

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(), inner, max_size=4)
    ),
)
OBJECTS = st.dictionaries(st.text(), VALUES, max_size=4)
FORMATS = st.fixed_dictionaries(
    {"indent": st.sampled_from([None, 2]), "ensure_ascii": st.booleans()}
)


@given(OBJECTS, st.text(), VALUES, FORMATS)
def test_a_member_is_set_and_the_rest_is_as_it_was(target, key, value, style):
    text = json.dumps({"a": 1, "instance": target, "z": [target]}, **style)
    span = body.locate(text, ["instance"])

    new = body.splice(text, [body.set_member(text, span, key, value)])

    assert json.loads(new) == {
        "a": 1,
        "instance": {**target, key: value},
        "z": [target],
    }
    assert new.startswith(text[: span.start])
    assert new.endswith(text[span.end :])


@given(OBJECTS.filter(bool), FORMATS, st.data())
def test_a_member_is_removed_and_the_rest_is_as_it_was(target, style, data):
    key = data.draw(st.sampled_from(sorted(target)))
    text = json.dumps(target, **style)
    span = body.locate(text, [])

    new = body.splice(text, [body.remove_member(text, span, key)])

    assert json.loads(new) == {k: v for k, v in target.items() if k != key}


@given(OBJECTS, st.text().filter(lambda key: key != "id"))
def test_what_was_added_and_removed_leaves_no_trace(target, key):
    target.pop(key, None)
    text = json.dumps(target)
    added = body.splice(
        text,
        [body.set_member(text, body.locate(text, []), key, {"message": "x"})],
    )

    span = body.locate(added, [])

    assert body.splice(added, [body.remove_member(added, span, key)]) == text


@given(st.lists(VALUES, max_size=5), FORMATS)
def test_elements_of_a_list_are_found_in_their_places(values, style):
    text = json.dumps({"list": values}, **style)

    found = body.locate(text, ["list"], each=True)

    spans = found.value
    assert json.loads(text[found.start : found.end]) == values
    assert [span.value for span in spans] == values
    assert [
        json.loads(text[span.start : span.end]) for span in spans
    ] == values


def test_numbers_escapes_and_white_space_of_the_service_stay():
    text = '{"instance" : {"a":1.10, "b": 1e400,"c":12345678901,\n"d":"\\u00e9\\/"} }'
    span = body.locate(text, ["instance"])

    new = body.splice(text, [body.set_member(text, span, "fault", {})])

    assert new == text[:-3] + ', "fault": {}} }'


@pytest.mark.parametrize(
    "text",
    [
        "[1]",
        "null",
        '"instance"',
        "{}",
        '{"other": {}}',
        '{"instance": [1]}',
        "",
    ],
)
def test_a_body_of_another_shape_has_no_such_object(text):
    assert body.locate(text, ["instance", "id"]) is None


@pytest.mark.parametrize(
    "text",
    [
        '{"instance": {}',
        '{"instance": {}} trailing',
        '{"instance": {}}}',
        '{"instance"; {}}',
        '{"instance": {}; "b": 1}',
        '{"instance": {"x": NaN}}',
        '{"instance": {"x": -Infinity}}',
        '{"instance": {}, "instance": {}}',
        '{"instance": {},}',
        '{"instance" {}}',
        "{1: {}}",
        '{"instance": {"x": ' + "9" * 5000 + "}}",
    ],
)
def test_what_is_no_json_is_refused(text):
    with pytest.raises(ValueError, match=r"."):
        body.locate(text, ["instance"])


@pytest.mark.parametrize(
    "array", ["[1 2]", "[1,]", "[,1]", "[1,,2]", "[1", "[", "[1,", "[NaN]"]
)
@pytest.mark.parametrize("text", ['{{"list": {}}}', "{}"])
def test_a_list_that_is_no_json_is_refused(text, array):
    keys = ["list"] if text.startswith("{{") else []

    with pytest.raises(ValueError, match=r"."):
        body.locate(text.format(array), keys, each=True)


def test_of_what_is_no_list_no_elements_are_read():
    text = '{"list": {"a": [1]}, "other": [2]}'

    assert body.locate(text, ["other"]).value == [2]
    assert body.locate("[3]", []).value == [3]
    assert body.locate(text, ["list"], each=True).value == {"a": [1]}
    assert body.locate(text, ["other"], each=True).value == [
        body.Span(2, 31, 32)
    ]


def test_a_key_that_stands_twice_is_not_edited():
    text = '{"fault": 1, "fault": 2}'
    span = body.locate(text, [])

    with pytest.raises(ValueError, match="'fault' stands twice"):
        body.set_member(text, span, "fault", 3)


def test_keys_lead_to_what_is_nested():
    text = '{"z": 1, "a": {"b": {"c": 5}, "x": []}, "y": 2}'

    span = body.locate(text, ["a", "b"])

    assert span.value == {"c": 5}
    assert text[span.start : span.end] == '{"c": 5}'
    assert body.locate(text, ["a", "z"]) is None
    assert body.locate(text, ["a", "b", "c", "d"]) is None
    with pytest.raises(ValueError, match="more than one"):
        body.locate(text + "{}", ["a", "b"])


def test_several_edits_are_made_in_their_places():
    text = '[{"a": 1}, {"a": 2}, {"a": 3}]'
    spans = body.locate(text, [], each=True).value

    edits = [
        body.set_member(text, span, "a", "new") for span in reversed(spans[1:])
    ]

    assert body.splice(text, edits) == '[{"a": 1}, {"a": "new"}, {"a": "new"}]'


def test_elements_may_stand_close_together():
    text = '{"list":[1,22,{"a":3},[4]]}'

    spans = body.locate(text, ["list"], each=True).value

    assert [text[span.start : span.end] for span in spans] == [
        "1",
        "22",
        '{"a":3}',
        "[4]",
    ]


@pytest.mark.parametrize("key", ["a", "new"])
def test_what_is_no_json_is_not_written(key):
    text = '{"a": 1}'

    with pytest.raises(ValueError, match="not JSON compliant"):
        body.set_member(text, body.locate(text, []), key, {"x": float("nan")})
