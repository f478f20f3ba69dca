# SPDX-License-Identifier: Apache-2.0
"""What masking costs: an ordinary traceback, and texts made to take long.

A text that takes twice as long as its half is linear, four times is quadratic.
"""

import functools
from collections.abc import Iterator

from oslo_utils import strutils

from fault_middleware import masking
from fault_middleware.text import clean
from tests.bench.measuring import calls, in_milliseconds, interleave
from tests.bench.rig import Rig
from tests.bench.tables import Goal, Table

LINEAR = Goal(3)

HOSTILE = [
    *(
        "password " * 7000,
        "password='" * 6500,
        '{"password": "' * 4600,
        "a" * 65536,
    ),
    *(
        "://" * 21000,
        "-----BEGIN RSA PRIVATE KEY-----" * 2100,
        "eyJ" * 21000,
        "gAAAA" * 13000,
    ),
    *(
        ":" * 65536,
        "mysql -p " * 7000,
        "curl -u " * 8000,
        "\\" * 65536,
        "x-" * 32000,
    ),
    *(
        "--password " * 5900,
        "<password>" * 6500,
        "IDENTIFIED BY " * 4600,
        "\n" * 65536,
    ),
    *(
        "a:" * 32000,
        "a@" * 32000,
        "://a:" * 13000,
        "-p'" * 21000,
        "token-----" * 6500,
    ),
    *(
        "- " * 32000,
        "_" * 65536,
        "'password': |\n " * 4300,
        "AKIA" * 16000,
        ",a:" * 21000,
    ),
    *(
        "cookie" * 10900,
        "-----BEGIN PRIVATE KEY-----\n" + "A" * 65000,
        "x-token:" * 8000,
    ),
]


TRACEBACK = (
    "Traceback (most recent call last):\n"
    + '  File "/usr/lib/python3/dist-packages/trove/taskmanager/models.py", line 512, in create\n'
    "    self._create_server_volume(flavor, image_id, datastore_manager)\n"
    * 20
    + "trove.common.exception.GuestError: An error occurred communicating with the guest\n"
)


def measure(rig: Rig) -> Iterator[Table]:
    table = Table("Masking", "ms")
    ordinary = "an ordinary traceback"
    cases = {
        "mask_password of oslo.utils": calls(
            functools.partial(strutils.mask_password, TRACEBACK)
        ),
        ordinary: calls(functools.partial(masking.mask, TRACEBACK)),
    }
    results = in_milliseconds(interleave(cases, 20, rig.rounds(40)))
    base, _ = cases
    table.show(results, base)
    table.compare(results, ordinary, base)
    yield table

    table = Table(
        "Masking texts made to take long; growth against the half of the text",
        "ms",
    )
    for text in HOSTILE:
        name = repr(text[:24])
        cases = {
            f"{name}, half": calls(
                functools.partial(masking.mask, text[: len(text) // 2])
            ),
            name: calls(functools.partial(masking.mask, text)),
        }
        results = in_milliseconds(
            interleave(cases, 1, rig.rounds(12), warm=False)
        )
        table.compare(results, name, f"{name}, half", LINEAR, "cpu")
    megabyte = "password " * 120000
    results = in_milliseconds(
        interleave(
            {
                "1 MB, as it is stored": calls(
                    functools.partial(clean, megabyte)
                )
            },
            1,
            3,
        )
    )
    table.show(results, "1 MB, as it is stored")
    slowest = max(row.cpu for row in table.rows)
    table.count("the slowest of them", "ms of CPU", slowest, Goal(200))
    yield table
