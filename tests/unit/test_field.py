# SPDX-License-Identifier: Apache-2.0
import pytest

from fault_middleware.field import Field


@pytest.mark.parametrize(
    ("path", "data", "value"),
    [
        ("a.b", {"a": {"b": 1}}, 1),
        ("a.b", {"a.b": 1}, 1),
        ("payload.nova_object.data.uuid", {"payload": {"nova_object.data": {"uuid": 7}}}, 7),
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
    ],
)
def test_the_first_path_that_leads_to_something_counts(path, data, value):
    assert Field.parse(path).find(data) == value


def test_text_is_asked_for_and_nothing_else_given():
    assert Field.parse("id").text({"id": "x"}) == "x"
    assert Field.parse("id").text({"id": 5}) is None
