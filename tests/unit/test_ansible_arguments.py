# SPDX-License-Identifier: Apache-2.0
"""What Ansible says of its arguments is told without them."""

import pytest

from fault_middleware.drivers import ansible_arguments


@pytest.mark.parametrize(
    "argument",
    [
        "swordfish",
        "-eswordfish",
        "password=swordfish",
        "--extra-vars=password=swordfish",
        '{"password": "swordfish"}',
        "password='swordfish'",
        "@swordfish",
        "[swordfish]",
    ],
)
def test_a_value_is_found_without_what_stands_around_it(argument):
    text = "the role 'swordfish' was not found"

    found = ansible_arguments.leave_out([argument], text)

    assert found == "the role '***' was not found"


def test_signs_options_and_short_words_are_told():
    arguments = ["--forks", "5", "-i", "a", '{"a" : "b"}']
    text = "--forks 5: [a] at line 5"

    assert ansible_arguments.leave_out(arguments, text) == text


def test_no_part_of_a_value_is_told_that_a_cut_would_divide():
    secret = "A1b2C3d4E5f6" * 10
    argument = "a=" + "x " * 8100 + f"licence={secret}"

    found = ansible_arguments.leave_out([argument], f"not closed: {argument}")

    assert "A1b2" not in found


def test_without_arguments_a_long_text_is_told():
    text = "no such thing; " * 2000

    assert ansible_arguments.leave_out([], text) == text


def test_of_many_arguments_nothing_is_told():
    arguments = [f"value{number}" for number in range(6000)]

    found = ansible_arguments.leave_out(arguments, "value17 is wrong")

    assert "value" not in found
