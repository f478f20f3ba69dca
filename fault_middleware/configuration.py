# SPDX-License-Identifier: Apache-2.0
"""The configuration that somebody names, and what tells one from another."""

import functools
from collections.abc import Hashable

from oslo_config import cfg

from fault_middleware.options import ConfigurationError


@functools.cache
def read(
    project: str | None, file: str | None, program: str | None
) -> cfg.ConfigOpts:
    """The configuration that paste's options name; the same object each time.

    :param project: looks for the files of a service, as oslo.config does
    :param file: the one file instead
    :param program: of the service, whose files may have another name
    :raises ConfigurationError: if it cannot be read
    """
    if project is None and file is None:
        return cfg.CONF
    conf = cfg.ConfigOpts()
    files = [file] if file else None
    try:
        conf(
            [],
            project,
            program,
            default_config_files=files,
            validate_default_values=True,
        )
    except cfg.Error as exc:
        raise ConfigurationError(str(exc)) from exc
    return conf


def identity(conf: cfg.ConfigOpts) -> Hashable:
    """What tells configurations apart: their files, or the object where there are none."""
    files = getattr(conf, "config_file", None) or ()
    folders = getattr(conf, "config_dir", None) or ()
    return (*files, *folders) or id(conf)
