# SPDX-License-Identifier: Apache-2.0
"""Which modules some code loads, in a process of its own."""

import subprocess
import sys
from typing import Any


def loaded_by(code: str, **options: Any) -> set[str]:
    """The names of the modules that are loaded when the code has run, packages among them.

    :param options: of ``subprocess.run``, such as ``env``
    """
    ended = subprocess.run(
        [
            *(sys.executable, "-W", "ignore", "-c"),
            f"{code}\nimport sys\nprint(*sys.modules, sep='\\n')",
        ],
        capture_output=True,
        text=True,
        check=True,
        **options,
    )
    return set(ended.stdout.split())
