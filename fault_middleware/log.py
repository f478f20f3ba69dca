# SPDX-License-Identifier: Apache-2.0
"""The log handler: records the faults that a service reports only in its log.

It looks at a record in the thread that logs, takes texts from it, and leaves the rest to the
writer, which it shares with the notification driver. The service is never held up: the handler
does without the lock that handlers have, holds those of the writer and the metrics only for
moments, raises nothing, and looks at no more records than a service has reason to log.
"""

import collections
import functools
import logging
import os
import threading
import time
from collections.abc import Sequence

from fault_middleware import configuration, log_record, log_rule
from fault_middleware.allowance import Allowance
from fault_middleware.deploy import Deployment, deploy
from fault_middleware.fault import Fault
from fault_middleware.log_place import AmbiguousError
from fault_middleware.log_record import (
    Failure,
    Sighting,
    Surroundings,
    surroundings,
)
from fault_middleware.log_rule import LogRule
from fault_middleware.metrics import Outcome, Site
from fault_middleware.options import ConfigurationError
from fault_middleware.profile import Profile
from fault_middleware.report import ENVIRONMENT
from fault_middleware.writer import Work

LOG = logging.getLogger(__name__)

# Our own records are nobody's fault.
_OWN_LOGGERS = "fault_middleware"
# How many records may be looked at in a moment, and how many a second after that: so a service
# that logs without end costs us a thirtieth of a processor.
_BURST = 500
_PER_SECOND = 100
# Names of loggers are few; a service that makes them up does not fill the memory.
_MOST_SOURCES = 2000
# Seconds until a configuration that could not be read is tried again.
_SECONDS_TO_RETRY = 10
# How many records may wait for a configuration that is being read. They keep their frames alive
# for as long as that takes, which is less than a second.
_MOST_WAITING = 100

_Meant = tuple[Profile, LogRule]
_Kept = tuple[logging.LogRecord, Surroundings]


class Handler(logging.Handler):
    """Records what the log rules of the profiles name. Thread-safe, and safe to fork.

    Without arguments it takes the configuration that the service has parsed (``cfg.CONF``), or
    the file that the environment variable ``FAULT_MIDDLEWARE_CONFIG`` names. So it can be named in
    a file of ``logging.config``, such as that of oslo.log's ``log_config_append``.

    :param level: records below it are not looked at, and neither are those that no rule names
    :param deployment: what to use instead of a configuration
    """

    def __init__(
        self,
        level: int | str = logging.NOTSET,
        deployment: Deployment | None = None,
    ):
        super().__init__(level)
        self._level_given = self.level
        self._deployment: Deployment | None = None
        self._rules: list[_Meant] = []
        self._known_sources: dict[tuple[str, int], tuple[_Meant, ...]] = {}
        self._allowance = Allowance(_BURST, _PER_SECOND)
        self._inside = threading.local()
        self._try_again = 0.0
        self._complaint = ""
        # The process in which a thread reads the configuration; a fork has no such thread.
        self._loading_process: int | None = None
        self._waiting: collections.deque[_Kept] = collections.deque()
        self._missed = 0
        # Failures without a notification are not logged below this level.
        self.setLevel(max(self.level, logging.WARNING))
        if deployment is not None:
            self._use(deployment)
        else:
            self._load()

    @property
    def deployment(self) -> Deployment | None:
        """What it records with; None as long as there is no usable configuration."""
        return self._deployment

    def createLock(self) -> None:
        """Have no lock: whoever logs may hold others, and would wait for ours."""
        self.lock = None

    def handle(self, record: logging.LogRecord) -> bool:
        """Take a record, without the lock that logging has for other handlers."""
        wanted = bool(self.filter(record))
        if wanted:
            self.emit(record)
        return wanted

    def emit(self, record: logging.LogRecord) -> None:
        """Take a record. Raises nothing."""
        try:
            self._look_at(record)
        except Exception as exc:
            # Whoever logs at the end of the stack leaves no room for a call: neither to report,
            # nor to suppress.
            try:  # noqa: SIM105
                self._note_error(exc)
            except Exception:  # noqa: S110
                pass

    def _look_at(self, record: logging.LogRecord) -> None:
        if self._deployment is None and not self._load_again(record):
            return
        self._take_one(record, None)

    def _take_one(
        self, record: logging.LogRecord, kept: Surroundings | None
    ) -> None:
        """Take a record that this thread logs, or one that was kept with what surrounded it."""
        rules = self._rules_for(record)
        # What we do here may log too.
        if not rules or getattr(self._inside, "busy", False):
            return
        self._inside.busy = True
        try:
            self._take(rules, Sighting(record, kept))
        finally:
            self._inside.busy = False

    def _take(self, rules: Sequence[_Meant], sighting: Sighting) -> None:
        """Look at a record that a rule may match, unless there are too many of them."""
        assert self._deployment is not None  # noqa: S101 _look_at() has looked
        metrics = self._deployment.metrics
        writer = self._deployment.writer.get()
        if writer.is_writing:
            return
        if writer.is_full or not self._allowance.take():
            metrics.log_records.inc(Outcome.TOO_MANY)
            return
        begin = time.thread_time()
        try:
            self._look(rules, sighting)
        finally:
            self._allowance.charge(time.thread_time() - begin)

    def _look(self, rules: Sequence[_Meant], sighting: Sighting) -> None:
        """Find the rule that matches a record, and do what it says."""
        assert self._deployment is not None  # noqa: S101 _look_at() has looked
        metrics = self._deployment.metrics
        for profile, rule in rules:
            seen = rule.see(sighting)
            if rule.matches(seen):
                outcome = self._record(profile, rule, seen)
                if outcome is not None:
                    metrics.log_records.inc(outcome)
                return

    def _record(
        self, profile: Profile, rule: LogRule, sighting: Sighting
    ) -> Outcome | None:
        """Have the fault of a record stored, if the rule finds whose it is."""
        if not rule.places:
            return None
        try:
            found = rule.find(sighting)
        except AmbiguousError:
            return Outcome.AMBIGUOUS
        if found is None:
            return Outcome.NO_INSTANCE
        assert self._deployment is not None  # noqa: S101 _look_at() has looked
        failure = log_record.read(
            sighting,
            found,
            rule.modules,
            rule.request_paths,
            rule.project_of(sighting, found),
        )
        rows = functools.partial(_rows, profile, rule, failure)
        name = f"a record of {failure.logger} about {failure.instance_id}"
        has_room = self._deployment.writer.get().put(
            Work(name, failure.size, rows)
        )
        return Outcome.TAKEN if has_room else Outcome.TOO_MANY

    def _rules_for(self, record: logging.LogRecord) -> tuple[_Meant, ...]:
        """The rules that may match a record of this logger and level."""
        source = (record.name, record.levelno)
        rules = self._known_sources.get(source)
        if rules is None:
            rules = self._find_rules(*source)
            if len(self._known_sources) >= _MOST_SOURCES:
                self._known_sources.clear()
            self._known_sources[source] = rules
        return rules

    def _find_rules(self, logger: str, level: int) -> tuple[_Meant, ...]:
        if logger.partition(".")[0] == _OWN_LOGGERS:
            return ()
        return tuple(
            pair
            for pair in self._rules
            if pair[1].matches_source(logger, level)
        )

    def _load_again(self, record: logging.LogRecord) -> bool:
        """Load the configuration, which may not have been parsed when this was made."""
        if record.name.partition(".")[0] == _OWN_LOGGERS:
            return False
        loading = self._loading_process
        if loading == os.getpid():
            self._wait(record)
            return False
        # A fork of a process that is loading has nobody who does it, and nothing failed yet.
        if loading is None and time.monotonic() < self._try_again:
            # Another thread may have loaded it since this one looked.
            return self._deployment is not None
        # First, since to load may log too, and so may other threads meanwhile.
        self._loading_process = os.getpid()
        self._try_again = time.monotonic() + _SECONDS_TO_RETRY
        try:
            self._load()
        finally:
            self._loading_process = None
        if self._deployment is None:
            self._waiting.clear()
            LOG.error("The log handler records nothing: %s", self._complaint)
            return False
        self._take_waiting()
        return True

    def _wait(self, record: logging.LogRecord) -> None:
        """Keep a record until the configuration is read, unless too many are kept."""
        if len(self._waiting) >= _MOST_WAITING:
            self._missed += 1
            return
        # Whose fault it is shows in the thread that logs, which will not look at it.
        self._waiting.append((record, surroundings()))
        # The last look at what waits may have been just before.
        if self._deployment is not None:
            self._take_waiting()

    def _take_waiting(self) -> None:
        """Take the records that waited for the configuration, and count those that could not."""
        assert self._deployment is not None  # noqa: S101 whoever calls has looked
        while self._waiting:
            try:
                record, kept = self._waiting.popleft()
            except IndexError:
                # Another thread was faster.
                break
            try:
                self._take_one(record, kept)
            except Exception as exc:
                self._note_error(exc)
        if self._missed:
            self._deployment.metrics.log_records.inc(
                Outcome.TOO_MANY, self._missed
            )
            self._missed = 0

    def _load(self) -> None:
        try:
            self._use(
                deploy(
                    configuration.read(None, os.environ.get(ENVIRONMENT), None)
                )
            )
        except ConfigurationError as exc:
            self._complaint = str(exc)
        except Exception as exc:
            self._complaint = f"{type(exc).__name__}: {exc}"

    def _use(self, deployment: Deployment) -> None:
        self._rules = []
        lowest = logging.CRITICAL + 1
        for profile in deployment.profiles:
            for rule in profile.sources.logs:
                self._rules.append((profile, rule))
                lowest = min(lowest, rule.level)
        self.setLevel(max(self._level_given, lowest))
        self._deployment = deployment

    def _note_error(self, exc: Exception) -> None:
        if self._deployment is not None:
            self._deployment.metrics.error(
                Site.LOG, "a log record is lost", exc
            )


def attach(deployment: Deployment) -> None:
    """Give the loggers that the rules name one handler of this process.

    They are the topmost ones, such as ``nova``, and not the root logger: Nova sets up its log
    after it has made its notifier, which takes all handlers from the root logger.
    """
    names = _logger_names(deployment)
    handler = attached(*names) or Handler(deployment=deployment)
    for name in names:
        logger = logging.getLogger(name)
        if handler not in logger.handlers:
            logger.addHandler(handler)


def attached(*names: str) -> Handler | None:
    """The handler that the root logger has in this process, or a logger of one of the names."""
    for name in ("", *names):
        for handler in logging.getLogger(name).handlers:
            if isinstance(handler, Handler):
                return handler
    return None


def _logger_names(deployment: Deployment) -> Sequence[str]:
    """The loggers that together get each record that a rule may match once."""
    found: set[str] = set()
    for profile in deployment.profiles:
        for rule in profile.sources.logs:
            found |= rule.packages
    # The root logger, whose name is "", has all.
    return [""] if "" in found else sorted(found)


def _rows(
    profile: Profile, rule: LogRule, failure: Failure
) -> Sequence[Fault]:
    return [
        log_rule.make_fault(
            profile.service, rule, failure, profile.sources.words
        )
    ]
