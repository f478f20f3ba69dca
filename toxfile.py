# SPDX-License-Identifier: Apache-2.0
"""Lets Ctrl-C end the demo as it ends the demo's own program: quietly, and with success.

A terminal sends Ctrl-C to tox too, which would report the environment as failed. So while the demo
runs, tox leaves it to the demo to end.
"""

import signal
import types
from typing import Any

from tox.config.sets import ConfigSet
from tox.execute import Outcome
from tox.plugin import impl
from tox.session.state import State
from tox.tox_env.api import ToxEnv

_running: set[str] = set()


@impl
def tox_add_core_config(core_conf: ConfigSet, state: State) -> None:
    """Called in the main thread, the only one that can set a handler."""
    signal.signal(signal.SIGINT, _interrupt)


@impl
def tox_before_run_commands(tox_env: ToxEnv) -> None:
    _running.add(tox_env.conf.name)


@impl
def tox_after_run_commands(
    tox_env: ToxEnv, exit_code: int, outcomes: list[Outcome]
) -> None:
    _running.discard(tox_env.conf.name)


def _interrupt(number: int, frame: types.FrameType | None) -> Any:
    if _running != {"demo"}:
        signal.default_int_handler(number, frame)
