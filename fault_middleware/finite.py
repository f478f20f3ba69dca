# SPDX-License-Identifier: Apache-2.0
"""Options that are seconds: oslo.config's numbers, but for ``nan``, which is within all bounds."""

import math
from collections.abc import Callable
from typing import Any

from oslo_config import cfg, types

#: What makes an option, of its name and the arguments of its kind.
Kind = Callable[..., cfg.Opt]


class Finite(types.Float):
    """A number from ``min`` to ``max``."""

    def __call__(self, value: Any) -> int | float | None:
        number = super().__call__(value)
        if number is not None and not math.isfinite(number):
            raise ValueError("Should be a finite number")
        return number


def option(name: str, *, min: float, max: float, **arguments: Any) -> cfg.Opt:
    """An option that is a finite number; its arguments are those of ``FloatOpt``."""
    return cfg.Opt(name, type=Finite(min, max), **arguments)
