# SPDX-License-Identifier: Apache-2.0
import contextlib
import logging
import threading
import time

import prometheus_client
import pytest

from fault_middleware import process, recovery
from fault_middleware.breaker import Breaker, SuspendedError
from fault_middleware.metrics import Metrics
from tests.fixtures import wait_until

LIMIT = 2.0


class Clock:
    """A clock that stands still until it is told to go on."""

    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


class World:
    """A breaker around a database that works, fails or is slow."""

    def __init__(self, clock):
        self.clock = clock
        self.metrics = Metrics()
        self.breaker = Breaker(LIMIT, self.metrics)

    def call(self, seconds=0.0, error=None):
        """What comes of a call: ``answer``, ``error``, or ``suspended`` without one."""
        reached = False
        try:
            with self.breaker.call("trove x"):
                reached = True
                self.clock.now += seconds
                if error is not None:
                    raise error
        except SuspendedError:
            assert not reached
            return "suspended"
        except OSError:
            return "error"
        return "answer"

    def fail(self):
        return self.call(error=OSError("no route"))

    def is_suspended(self):
        return "lookups_suspended=1" in self.metrics.counts()


@pytest.fixture
def world(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(time, "monotonic", clock)
    return World(clock)


def test_calls_go_through_while_they_succeed(world):
    assert [world.call(LIMIT) for _ in range(3)] == ["answer"] * 3
    assert not world.is_suspended()


def test_the_first_success_alone_is_told(world, monkeypatch):
    """Others of the same folder may have ended while they were suspended; and it costs time."""
    told = []
    monkeypatch.setattr(world.metrics.suspended, "set", told.append)
    monkeypatch.setattr(
        prometheus_client.Gauge, "set", lambda _, value: told.append(value)
    )

    for _ in range(3):
        world.call()

    assert told == [0, 0]


def test_an_error_suspends_calls_for_five_seconds(world, caplog):
    assert world.fail() == "error"

    assert world.call() == "suspended"
    world.clock.now += 4.9
    assert world.call() == "suspended"
    assert world.is_suspended()
    assert "first of trove x" in caplog.text
    world.clock.now += 0.2
    assert world.call() == "answer"


def test_a_slow_answer_is_given_and_suspends_calls(world):
    assert world.call(LIMIT + 0.1) == "answer"

    assert world.call() == "suspended"
    assert (
        "TimeoutError" in world.metrics.health.failures["database (look-ups)"]
    )


def test_after_the_pause_one_call_tries_for_all(world):
    world.fail()
    world.clock.now += 5.1

    with world.breaker.call("trove x"):
        assert [world.call(), world.call()] == ["suspended"] * 2

    assert [world.call(), world.call()] == ["answer"] * 2


def test_the_pause_doubles_up_to_a_limit(world):
    world.fail()
    pauses = []
    for _ in range(5):
        begin = world.clock.now
        while world.call(error=OSError()) == "suspended":
            world.clock.now += 0.5
        pauses.append(world.clock.now - begin)

    assert pauses == [5, 10, 20, 30, 30]


def test_calls_that_fail_together_are_one_episode(world):
    error = OSError("no route")
    together = [world.breaker.call("trove x") for _ in range(4)]
    for call in together:
        call.__enter__()
    for call in together:
        with contextlib.suppress(OSError):
            call.__exit__(OSError, error, None)
    assert world.call() == "suspended"

    world.clock.now += 5.1
    assert world.call() == "answer"


def test_those_under_way_when_it_opened_neither_close_it_nor_prolong_the_pause(
    world,
):
    slow, failing = (
        world.breaker.call("trove slow"),
        world.breaker.call("trove failing"),
    )
    slow.__enter__()
    failing.__enter__()
    world.fail()
    world.clock.now += 1.0

    slow.__exit__(None, None, None)
    with contextlib.suppress(OSError):
        failing.__exit__(OSError, OSError("no route"), None)

    assert world.call() == "suspended"
    world.clock.now += 4.1
    assert world.call() == "answer"


def test_a_success_closes_it_and_the_next_pause_is_short_again(world, caplog):
    caplog.set_level(logging.INFO)
    for _ in range(3):
        world.fail()
        world.clock.now += 31
    assert world.call() == "answer"
    assert not world.is_suspended()
    assert world.metrics.health.failures == {}
    assert "it works again" in caplog.text

    world.fail()
    world.clock.now += 5.1
    assert world.call() == "answer"


def test_who_tried_for_all_and_never_came_back_is_not_waited_for(world):
    world.fail()
    world.clock.now += 5.1
    with pytest.raises(KeyboardInterrupt), world.breaker.call("trove x"):
        raise KeyboardInterrupt

    assert world.call() == "suspended"
    world.clock.now += 5.1
    assert world.call() == "answer"


class Database:
    """What a thread asks; it does not answer until it is back."""

    def __init__(self):
        self.is_back = False
        self.asked = 0

    def __call__(self):
        self.asked += 1
        if not self.is_back:
            raise OSError("no route")

    def is_asked_again(self):
        before = self.asked
        wait_until(lambda: self.asked > before + 1)
        return True


@pytest.fixture
def database(world, monkeypatch):
    monkeypatch.setattr(recovery, "_PAUSE", 0.01)
    database = Database()
    world.breaker.recover_by(database, yields=True)
    yield database
    database.is_back = True
    wait_until(lambda: not watching())


def watching():
    return [one for one in threading.enumerate() if "recovery" in one.name]


def test_a_thread_finds_out_that_the_database_is_back(world, database, caplog):
    caplog.set_level(logging.INFO)
    world.fail()
    assert database.is_asked_again()
    assert world.call() == "suspended"

    database.is_back = True

    wait_until(lambda: not world.is_suspended())
    assert world.call() == "answer"
    assert world.metrics.health.failures == {}
    assert "it works again" in caplog.text


def test_no_call_waits_to_find_out_what_a_thread_does(world, database):
    world.fail()

    for _ in range(10):
        assert database.is_asked_again()
        world.clock.now += 5.1
        assert world.call() == "suspended"


def test_a_thread_ends_where_nobody_asks_and_another_begins_when_somebody_does(
    world, database
):
    world.fail()
    assert len(watching()) == 1
    world.clock.now += 61
    wait_until(lambda: not watching())

    world.fail()

    assert database.is_asked_again()
    assert len(watching()) == 1


def test_calls_try_where_a_thread_would_hold_up_others(
    world, database, monkeypatch
):
    """Under eventlet, with a driver that waits in C."""
    world.breaker.recover_by(database, yields=False)
    monkeypatch.setattr(process, "has_green_threads", lambda: True)
    world.fail()

    world.clock.now += 5.1

    assert world.call() == "answer"
    assert database.asked == 0
