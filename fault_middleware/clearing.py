# SPDX-License-Identifier: Apache-2.0
"""What the success of an operation clears: the values of the option ``clear_on_success``."""

from typing import Any

from oslo_config import cfg, types

#: The faults of the operation that succeeded, all of its instance, or none.
OPERATION, ALL, NONE = "operation", "all", "none"
# Releases before this one had a boolean. What does not fit here is refused as any other value.
_FORMER = {
    **dict.fromkeys(("true", "1", "on", "yes"), ALL),
    **dict.fromkeys(("false", "0", "off", "no"), NONE),
}


class Choice(types.String):
    """One of the values, or what stood for it when the option was a boolean."""

    def __call__(self, value: Any) -> str:
        text = str(value)
        chosen: str = super().__call__(_FORMER.get(text.lower(), text))
        return chosen


def option(name: str, **arguments: Any) -> cfg.Opt:
    """An option with these values."""
    choices = [
        (OPERATION, "the faults of the same operation that failed before"),
        (ALL, "all faults that its instance had; true means this"),
        (NONE, "nothing; false means this"),
    ]
    return cfg.Opt(name, type=Choice(choices=choices), **arguments)
