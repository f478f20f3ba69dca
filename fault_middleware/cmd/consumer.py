# SPDX-License-Identifier: Apache-2.0
"""``fault-middleware-consumer``: the consumer in a process of its own.

Ends on SIGTERM and SIGINT with exit code 0, and with 2 when the configuration is wrong.
"""

import os
import signal
from typing import NoReturn

SIGNALS = (signal.SIGINT, signal.SIGTERM)


def main(arguments: list[str] | None = None) -> int:
    """Consume until told to stop; ``arguments`` in place of ``sys.argv``; the exit code."""
    for number in SIGNALS:
        signal.signal(number, _end_at_once)
    # Not above: this takes a second, in which a signal has to be obeyed already.
    from fault_middleware.cmd.consuming import consume

    return consume(arguments, SIGNALS)


def run() -> NoReturn:
    """The program. What it had in hand is stored when :func:`main` returns.

    A thread that connects to a broker which is away may be writing to the log, and cannot be
    stopped. The interpreter's own end wants the lock of that stream, and aborts without it.
    """
    os._exit(main())


def _end_at_once(*_: object) -> None:
    """End a process that has not begun to consume, and so has nothing in hand."""
    os._exit(0)


if __name__ == "__main__":
    run()
