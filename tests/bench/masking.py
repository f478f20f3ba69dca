# SPDX-License-Identifier: Apache-2.0
"""What masking costs: an ordinary traceback, and texts made to take long.

Run as ``python -m tests.bench.masking``. "growth" is the time of a text against that of its half:
2 is linear, 4 is quadratic. The goal is 0.2 s for 64 KiB of anything.
"""

import time

import prettytable
from oslo_utils import strutils

from fault_middleware import fault, masking

HOSTILE = [
    *("password " * 7000, "password='" * 6500, '{"password": "' * 4600, "a" * 65536),
    *("://" * 21000, "-----BEGIN RSA PRIVATE KEY-----" * 2100, "eyJ" * 21000, "gAAAA" * 13000),
    *(":" * 65536, "mysql -p " * 7000, "curl -u " * 8000, "\\" * 65536, "x-" * 32000),
    *("--password " * 5900, "<password>" * 6500, "IDENTIFIED BY " * 4600, "\n" * 65536),
    *("a:" * 32000, "a@" * 32000, "://a:" * 13000, "-p'" * 21000, "token-----" * 6500),
    *("- " * 32000, "_" * 65536, "'password': |\n " * 4300, "AKIA" * 16000, ",a:" * 21000),
    *("cookie" * 10900, "-----BEGIN PRIVATE KEY-----\n" + "A" * 65000, "x-token:" * 8000),
]


TRACEBACK = (
    "Traceback (most recent call last):\n"
    + '  File "/usr/lib/python3/dist-packages/trove/taskmanager/models.py", line 512, in create\n'
    "    self._create_server_volume(flavor, image_id, datastore_manager)\n"
    * 20
    + "trove.common.exception.GuestError: An error occurred communicating with the guest\n"
)


def seconds(function, text):
    """The least processor time of a few calls."""
    times = []
    for _ in range(5):
        begin = time.process_time()
        function(text)
        times.append(time.process_time() - begin)
    return min(times)


def main():
    table = prettytable.PrettyTable(["text", "length", "ms", "growth", "of mask_password"])
    table.align = "r"
    for text in [TRACEBACK, *HOSTILE]:
        whole, half = (seconds(masking.mask, part) for part in (text, text[: len(text) // 2]))
        oslo = seconds(strutils.mask_password, text)
        row = [repr(text[:24]), len(text), whole * 1000, whole / half, whole / oslo]
        table.add_row([*row[:2], *(f"{value:.2f}" for value in row[2:])])
    megabyte = "password " * 120000
    table.add_row(
        [
            "1 MB, as it is stored",
            len(megabyte),
            f"{seconds(fault.clean, megabyte) * 1000:.2f}",
            "",
            "",
        ]
    )
    print(table)


if __name__ == "__main__":
    main()
