# SPDX-License-Identifier: Apache-2.0
import pytest

from fault_middleware.extent import bounded, brief, with_short_texts
from fault_middleware.text import CUT


def test_what_is_short_is_within_every_bound():
    value = {"b": [{"x": None}, "y"], "a": "z", "c": [1, 2.5, True, {}]}

    kept = bounded(value)

    assert kept == value
    assert list(kept) == ["b", "a", "c"]


def test_of_an_object_of_very_many_members_the_first_are_kept():
    value = {f"name_{number}": number for number in range(100_000)}

    kept = bounded(value)

    assert kept.pop(CUT) == CUT
    assert 1000 < len(kept) < 10_000
    assert kept == dict(list(value.items())[: len(kept)])


def test_of_long_texts_as_many_are_kept_as_are_masked_in_a_moment():
    value = ["x" * 2**20] * 10

    assert bounded(value) == [*value[:4], CUT]


def test_what_has_no_text_is_bounded_too():
    kept = bounded([[]] * 2**20)

    assert kept[-1] == CUT
    assert len(kept) == 2**18


def test_a_list_that_is_too_long_takes_nothing_from_the_texts_beside_it():
    value = {"lines": ["x"] * 2**20, "detail": "own", "cause": ["y"]}

    kept = bounded(value)

    assert list(kept) == ["lines", "detail", CUT]
    assert kept["detail"] == "own"


@pytest.mark.parametrize(("depth", "kept"), [(2, [["x"]]), (1, [CUT])])
def test_what_is_too_deep_is_not_within_the_bound(depth, kept):
    assert bounded([["x"]], depth) == kept


def test_what_is_brief_has_its_short_texts_and_marks_for_others():
    value = {"code": 500, "message": "No valid host", "details": "x" * 300}

    assert brief(value) == {**value, "details": CUT}


def test_of_very_many_short_texts_few_are_brief():
    assert len(brief(["x"] * 10_000)) < 100


def test_long_texts_lose_their_middle_at_every_depth():
    value = {"a": ["x" * 100, 5], "b": "y"}

    kept = with_short_texts(value, 40)

    assert kept["a"][0].startswith("xxx")
    assert CUT in kept["a"][0]
    assert (kept["a"][1], kept["b"]) == (5, "y")
