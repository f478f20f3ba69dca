# SPDX-License-Identifier: Apache-2.0
"""Batches that wait to be stored, and a connection that breaks meanwhile."""

from fault_middleware.broker import Ahead


def test_batches_are_stored_in_their_order():
    ahead = Ahead()

    assert ahead.put(["a", "b"]) == ["a", "b"]
    assert ahead.put(["c"]) == ["c"]
    assert ahead.put([]) == []

    assert ahead.take() == ["a", "b"]
    assert ahead.take() == ["c"]


def test_what_comes_again_takes_the_place_of_what_waits():
    ahead = Ahead()
    held = [ahead.put(["a", "b"]), ahead.put(["c"])]

    ahead.keep(lambda message: False)
    assert held == [[], []]
    handed_on = ahead.put(["a", "b", "c"])

    assert handed_on == []
    assert ahead.take() == ["a", "b", "c"]
    assert ahead.take() == []


def test_nothing_overtakes_what_waits():
    ahead = Ahead()
    ahead.put(["old"])
    ahead.put(["new 1"])

    ahead.keep(lambda message: message != "old")
    ahead.put(["new 2"])

    assert [ahead.take() for _ in range(3)] == [[], ["new 1"], ["new 2"]]
