# SPDX-License-Identifier: Apache-2.0
"""What stands for BIND's rndc: it refuses what the name of a zone tells.

A name holds ``fail-STEP``, of addzone, delzone and showzone.  A zone that it removes has a file in
the folder in which it runs, for the name server.  One that has a file ``mended-NAME`` there is not
refused any more.
"""

import sys
from pathlib import Path


def _is_mended(asked):
    mended = [
        file.name.removeprefix("mended-") for file in Path().glob("mended-*")
    ]
    return any(name in asked for name in mended)


def main(arguments):
    asked = " ".join(arguments)
    for step in ("addzone", "delzone", "showzone"):
        is_refused = step in arguments and f"fail-{step}" in asked
        if is_refused and not _is_mended(asked):
            return f"rndc: '{step}' failed: permission denied at 10.1.2.3"
    if "delzone" in arguments:
        Path(f"deleted-{arguments[-1].strip()}").touch()
    return None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
