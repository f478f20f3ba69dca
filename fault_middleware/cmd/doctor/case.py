# SPDX-License-Identifier: Apache-2.0
"""What the doctor looks at: files that were read, and what they say of fault_middleware."""

import configparser
import dataclasses
from collections.abc import Iterator
from typing import Any

from oslo_config import cfg

from fault_middleware import options, profile, queues
from fault_middleware.cmd.doctor.paste_file import PasteFile
from fault_middleware.options import ConfigurationError, Settings
from fault_middleware.profile import Profile
from fault_middleware.text import describe


@dataclasses.dataclass(frozen=True, slots=True)
class Given:
    """What the doctor was given.

    :ivar conf: the configuration, with our options registered
    :ivar paste: the name of the service's paste file
    :ivar uwsgi: the name of the configuration of the uWSGI that serves the API
    :ivar readers: how many processes of ours read each queue
    """

    conf: cfg.ConfigOpts
    paste: str | None = None
    uwsgi: str | None = None
    readers: int | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class Wrong:
    """Takes the place of something that could not be read, and says why."""

    error: str


@dataclasses.dataclass(frozen=True, slots=True)
class Option:
    """An option in a configuration file, ours or another's."""

    file: str
    section: str
    name: str
    value: str

    def __str__(self) -> str:
        return f"[{self.section}] {self.name}"


@dataclasses.dataclass(frozen=True, slots=True)
class Setup:
    """What is configured of fault_middleware, with the options of the filter's section."""

    settings: Settings
    profiles: tuple[Profile, ...]

    @property
    def services(self) -> list[str]:
        """The names of the services."""
        return [described.service for described in self.profiles]

    @property
    def topics(self) -> list[str]:
        """The topics that the consumer reads."""
        return queues.topics(self.settings, self.profiles)

    @property
    def priorities(self) -> list[str]:
        """The priorities of the notifications that are read; none where no profile has events."""
        return queues.priorities(self.profiles)


@dataclasses.dataclass(frozen=True, slots=True)
class Case:
    """All of it."""

    given: Given
    paste: PasteFile | Wrong | None
    setup: Setup | Wrong
    options: tuple[Option, ...]

    @property
    def conf(self) -> cfg.ConfigOpts:
        """The configuration that was given."""
        return self.given.conf

    @property
    def files(self) -> list[str]:
        """The names of its files."""
        return list(self.conf.config_file or ())

    def find_options(self, *names: str) -> list[Option]:
        """The options of these names, in whatever section; the one that is in force is last."""
        return [option for option in self.options if option.name in names]


def take(given: Given) -> Case:
    """Read all files that were given; what is wrong with one is kept."""
    paste: PasteFile | Wrong | None = None
    if given.paste is not None:
        try:
            paste = PasteFile(given.paste)
        except (OSError, ValueError, configparser.Error) as exc:
            paste = Wrong(describe(exc))
    return Case(
        given, paste, _setup(given, paste), tuple(_options(given.conf))
    )


def _setup(given: Given, paste: PasteFile | Wrong | None) -> Setup | Wrong:
    local: dict[str, str] = {}
    if isinstance(paste, PasteFile) and paste.filters:
        local = paste.filters[0].settings
    try:
        settings = options.read_settings(given.conf, local, given.paste or "")
        profiles = tuple(profile.load(name) for name in settings.profiles)
    except ConfigurationError as exc:
        return Wrong(str(exc))
    return Setup(settings, profiles)


def _options(conf: cfg.ConfigOpts) -> Iterator[Option]:
    for file in conf.config_file or ():
        sections: dict[str, Any] = {}
        cfg.ConfigParser(file, sections).parse()
        for section, values in sections.items():
            for name, given in values.items():
                for value in given:
                    yield Option(file, section, name, value)
