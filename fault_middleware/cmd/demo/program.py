# SPDX-License-Identifier: Apache-2.0
"""The program of the demo, from its arguments to Ctrl-C."""

import argparse
import signal
import tempfile
import types
import warnings
from pathlib import Path
from wsgiref import simple_server

from fault_middleware.cmd import demo


def main(arguments: list[str] | None = None) -> int:
    """Run it, with ``arguments`` in place of ``sys.argv``.

    :returns: the exit code: 0 if the fault was shown or the demo was told to end, else 1
    """
    parser = argparse.ArgumentParser(
        prog="fault-middleware-demo", description=demo.__doc__
    )
    parser.add_argument(
        "--once", action="store_true", help="show it once and end"
    )
    parser.add_argument(
        "--port", type=int, default=0, help="port on 127.0.0.1 (any free one)"
    )
    given = parser.parse_args(arguments)
    signal.signal(signal.SIGINT, _end)
    signal.signal(signal.SIGTERM, _end)
    try:
        return _run(given.port, given.once)
    except KeyboardInterrupt:
        return 0


def _run(port: int, once: bool) -> int:
    # oslo.messaging still loads eventlet, which warns when it is imported: of no use here.
    warnings.simplefilter("ignore")
    # Takes a second, in which Ctrl-C is to work too.
    from fault_middleware.cmd.demo import story

    with tempfile.TemporaryDirectory(
        prefix="fault-middleware-demo-"
    ) as folder:
        application = story.build(Path(folder))
        with simple_server.make_server(
            "127.0.0.1", port, application
        ) as server:
            address = f"http://127.0.0.1:{server.server_port}"
            if not story.tell(application, address):
                return 1
            if not once:
                server.serve_forever()
    return 0


def _end(number: int, frame: types.FrameType | None) -> None:
    """End the program, undisturbed by what follows: tox passes on what the terminal sent too."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise KeyboardInterrupt
