# SPDX-License-Identifier: Apache-2.0
"""Where Ansible looks for callback plugins, to which a folder is to be added.

There is one variable for the folders, which takes the place of what ``ansible.cfg`` names; so
that has to be found, as ansible-core finds it (``ansible/config/manager.py``).
"""

import configparser
import os
import re
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path

_NAME = "ansible.cfg"
_SYSTEM = "/etc/ansible/ansible.cfg"
_VARIABLE = "ANSIBLE_CALLBACK_PLUGINS"
# As a shell writes them.
_VARIABLES = re.compile(r"\$(?:(\w+)|\{(\w+)\})")


def callbacks(environ: Mapping[str, str]) -> str:
    """The folders in which Ansible would look for callbacks.

    :param environ: what it is going to be run with
    """
    if _VARIABLE in environ:
        return environ[_VARIABLE]
    for path in _configurations(environ):
        # Unlike Path.is_file(), this says no of what may not be looked at, as Ansible does.
        if os.path.isfile(path):
            return _configured(path, environ) or _default(environ)
    return _default(environ)


def _default(environ: Mapping[str, str]) -> str:
    home = environ.get("ANSIBLE_HOME", "~/.ansible")
    own = _expanded(home, environ) / "plugins/callback"
    return f"{own}:/usr/share/ansible/plugins/callback"


def _configurations(environ: Mapping[str, str]) -> Iterator[Path]:
    """The files of which Ansible reads the first that is there."""
    named = environ.get("ANSIBLE_CONFIG")
    if named:
        path = _expanded(named, environ)
        yield path / _NAME if os.path.isdir(path) else path
    working = _working_folder()
    if working is not None:
        yield working / _NAME
    yield _expanded(f"~/.{_NAME}", environ)
    yield Path(_SYSTEM)


def _working_folder() -> Path | None:
    """This process's, unless it is gone or everybody may write there: it could be a trap."""
    try:
        path = Path.cwd()
        is_open = path.stat().st_mode & stat.S_IWOTH
    except OSError:
        return None
    return None if is_open else path


def _configured(path: Path, environ: Mapping[str, str]) -> str:
    """What a configuration of Ansible says of callbacks, as absolute paths; "" for nothing."""
    configuration = configparser.ConfigParser(
        interpolation=None, strict=False, inline_comment_prefixes=(";",)
    )
    try:
        text = path.read_text("utf-8", "surrogateescape")
        configuration.read_string(text)
        folders = configuration.get(
            "defaults", "callback_plugins", fallback=""
        )
    except (configparser.Error, OSError):
        return ""
    absolute = [
        str(path.parent / _expanded(folder, environ))
        for folder in folders.split(":")
        if folder
    ]
    return ":".join(absolute)


def _expanded(name: str, environ: Mapping[str, str]) -> Path:
    """A path with the variables and the home of the run, and not of this process."""

    def value(variable: re.Match[str]) -> str:
        return environ.get(variable[1] or variable[2], variable[0])

    name = _VARIABLES.sub(value, name)
    home = environ.get("HOME")
    if home and (name == "~" or name.startswith("~/")):
        return Path(home + name[1:])
    return Path(os.path.expanduser(name))
