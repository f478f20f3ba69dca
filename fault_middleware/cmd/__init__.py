# SPDX-License-Identifier: Apache-2.0
"""The commands; each module is one, its ``main`` the entry point."""

import contextlib
import traceback
from collections.abc import Iterator

from oslo_config import cfg

from fault_middleware.options import ConfigurationError


@contextlib.contextmanager
def reading() -> Iterator[None]:
    """Let what is wrong with a configuration file be a ConfigurationError that names it."""
    try:
        yield
    except UnicodeDecodeError as exc:
        # oslo.config does not say which file it is.
        selves = (frame.f_locals.get("self") for frame, _ in traceback.walk_tb(exc.__traceback__))
        names = [one.filename for one in selves if isinstance(one, cfg.ConfigParser)]
        raise ConfigurationError(f"Failed to parse {', '.join(names)}: {exc}") from exc
    except (cfg.Error, OSError) as exc:
        raise ConfigurationError(str(exc)) from exc
