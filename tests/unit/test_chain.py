# SPDX-License-Identifier: Apache-2.0
import contextlib

import pytest
from oslo_messaging.rpc import client

from fault_middleware import chain


class ArrayError(Exception):
    pass


class VolumeError(Exception):
    pass


def raised(function):
    """The exception that a function raises."""
    try:
        function()
    except Exception as exc:
        return exc
    pytest.fail("nothing was raised")


def array():
    raise ArrayError("no space in pool rack7")


def test_what_was_named_as_the_cause_is_one():
    def create():
        try:
            array()
        except ArrayError as exc:
            raise VolumeError("create failed") from exc

    assert chain.root(raised(create)).text == "no space in pool rack7"


def test_what_a_handler_translates_is_the_cause():
    def create():
        try:
            array()
        except ArrayError:
            raise VolumeError("create failed")  # noqa: B904 as services write it

    assert chain.root(raised(create)).name == "ArrayError"


def test_what_a_context_manager_translates_is_the_cause():
    @contextlib.contextmanager
    def translating():
        try:
            yield
        except ArrayError:
            raise VolumeError("create failed")  # noqa: B904 as services write it

    def create():
        with translating():
            array()

    assert chain.root(raised(create)).name == "ArrayError"


def test_what_was_tried_before_is_not_the_cause():
    def rebuild():
        try:
            raise NotImplementedError("the driver rebuilds nothing")
        except NotImplementedError:
            array()

    assert chain.root(raised(rebuild)).text == "no space in pool rack7"


def test_what_is_quoted_is_the_cause_wherever_it_was_raised():
    def fail(exc):
        raise VolumeError(f"create failed: {exc}")

    def create():
        try:
            array()
        except ArrayError as exc:
            fail(exc)

    assert chain.root(raised(create)).name == "ArrayError"


def test_what_was_hidden_on_purpose_stays_hidden():
    def create():
        try:
            array()
        except ArrayError:
            raise VolumeError("create failed") from None

    assert chain.root(raised(create)).name == "VolumeError"


def test_a_circle_of_causes_ends():
    first, second = VolumeError("first"), VolumeError("second")
    first.__cause__ = second
    second.__cause__ = first

    assert chain.chain(first) == [first, second]


def test_an_exception_of_another_process_has_the_class_and_text_it_had_there():
    class NoValidHost_Remote(Exception):
        pass

    NoValidHost_Remote.__module__ = "nova.exception_Remote"
    NoValidHost_Remote.__qualname__ = "NoValidHost_Remote"
    text = 'No valid host was found.\nTraceback (most recent call last):\n\n  File "/x.py"\n'

    found = chain.describe(NoValidHost_Remote(text))

    assert (found.kind, found.text) == (
        "nova.exception.NoValidHost",
        "No valid host was found.",
    )


def test_a_quoted_traceback_of_another_process_is_not_part_of_the_text():
    text = (
        "resources.group: gone\nTraceback (most recent call last):\n\n  File"
    )

    assert chain.describe(ValueError(text)).text == "resources.group: gone"


def test_a_remote_error_is_what_failed_there():
    exc = client.RemoteError(
        "ArrayError", "no space", ["Traceback (most recent call last):"]
    )

    found = chain.describe(exc)

    assert (found.kind, found.text) == ("ArrayError", "no space")


def test_an_exception_that_cannot_say_anything_is_still_described():
    class Mute(Exception):
        def __str__(self):
            raise RuntimeError("never")

    exc = Mute()

    assert chain.describe(exc).text == ""
    assert "Mute" in chain.trace(exc)


def test_the_classes_of_an_exception_are_those_that_tell_something():
    names = chain.describe(FileNotFoundError(2, "gone")).names

    assert "FileNotFoundError" in names
    assert "OSError" in names
    assert "Exception" not in names


def linked(number, link):
    """An exception to which a number of others led."""
    exc = None
    for step in range(number):
        newer = ValueError(f"step {step}")
        setattr(newer, link, exc)
        exc = newer
    return exc


@pytest.mark.parametrize("link", ["__cause__", "__context__"])
def test_of_thousands_of_exceptions_only_the_causes_that_count_are_printed(
    link,
):
    text = chain.trace(linked(5000, link))

    assert text.endswith("ValueError: step 4999\n")
    assert text.count("ValueError") <= 50


def test_of_a_large_group_only_what_it_says_is_printed():
    group = ExceptionGroup(
        "all failed", [ValueError(step) for step in range(5000)]
    )

    assert chain.trace(group) == (
        "Traceback (most recent call last):\n"
        "ExceptionGroup: all failed (5000 sub-exceptions)\n"
    )


def test_a_circle_of_exceptions_is_printed():
    first, second = ValueError("first"), ValueError("second")
    first.__cause__, second.__cause__ = second, first

    assert "ValueError: second" in chain.trace(first)
