# SPDX-License-Identifier: Apache-2.0
"""Who may see a fault, and who may see its details.

The rules are oslo.policy's, so operators change them where they change all others.  For details
the answer is yes only when it is certain who asks and what the rule says; an error on the way is a
no.  A message is shown to everybody who may see the instance, unless a rule says otherwise.
"""

import dataclasses
import logging
import os
import time
from collections.abc import Iterator, Mapping
from typing import Any

from oslo_config import cfg
from oslo_policy import opts

from fault_middleware.credentials import VOUCHERS, Credentials
from fault_middleware.metrics import Metrics, Site
from fault_middleware.rules import DETAILS, FORMER, HISTORY, SHOW, Rules

LOG = logging.getLogger(__name__)

#: Seconds that the rules may take in one request, however many instances it shows.
MOST_SECONDS = 5.0
# Seconds after which files that could not be read are tried again, though they did not change.
_RETRY_AFTER = 10.0
# Seconds after which files are searched for again in the folders of the configuration. The search
# takes longer than all else that the policy does in a request.
_SEARCH_AFTER = 1.0


@dataclasses.dataclass(frozen=True, slots=True)
class Visibility:
    """What a caller may see of a fault.

    :ivar show: the fault at all: its time and its message
    :ivar details: its details as well
    """

    show: bool
    details: bool


class Viewer:
    """The caller of one request. Not thread-safe.

    Its methods may be called in any order. All that they ask of the rules together takes at most
    ``MOST_SECONDS``; what is asked later is a no.

    :param rules: None where none could be read yet
    :param credentials: None for a caller whom nobody vouches for
    """

    def __init__(
        self,
        rules: Rules | None,
        credentials: Credentials | None,
        metrics: Metrics,
    ) -> None:
        self._rules = rules
        self._credentials = credentials
        self._metrics = metrics
        self._left = MOST_SECONDS
        self._answers: dict[object, Visibility] = {}

    def may_ask_for_history(self, target: Mapping[str, str]) -> bool:
        """Whether the caller may ask what happened to an instance; no, where that is not certain.

        What the caller then sees of each fault is what :meth:`sees` says.

        :param target: as for :meth:`sees`
        """
        if self._rules is None or self._credentials is None:
            return False
        try:
            return self._allowed(self._rules, HISTORY, target)
        except Exception as exc:
            text = f"no history of instance {target.get('instance_id')}"
            self._metrics.error(Site.POLICY, text, exc)
            return False

    def sees_former(self, target: Mapping[str, str]) -> Visibility:
        """What the caller may see of a fault from when the instance was another project's.

        :param target: as for :meth:`sees`
        """
        rules = self._rules
        try:
            if rules is not None and self._allowed(rules, FORMER, target):
                return self.sees(target)
        except Exception as exc:
            text = (
                f"a fault of instance {target.get('instance_id')} is not shown"
            )
            self._metrics.error(Site.POLICY, text, exc)
        return Visibility(show=False, details=False)

    def sees(self, target: Mapping[str, str]) -> Visibility:
        """What the caller may see of one instance's fault.

        The rules are asked once for each thing that they tell apart: for most rules, that is once
        for a whole list.

        :param target: what is known of the instance, by the names that rules use
        """
        rules = self._rules
        if rules is None:
            return Visibility(show=True, details=False)
        if rules.needs is None:
            question: object = frozenset(target.items())
        else:
            question = tuple(target.get(key) for key in rules.needs)
        answer = self._answers.get(question)
        if answer is None:
            answer = self._answers[question] = self._ask(rules, target)
        return answer

    def _ask(self, rules: Rules, target: Mapping[str, str]) -> Visibility:
        show = rules.shows_to_everybody
        try:
            details = self._credentials is not None and self._allowed(
                rules, DETAILS, target
            )
            show = show or self._allowed(rules, SHOW, target)
        except Exception as exc:
            # The service did let the caller see the instance, which is enough for a message
            # unless the deployer is known to want more.
            text = f"details of instance {target.get('instance_id')} are not shown"
            self._metrics.error(Site.POLICY, text, exc)
            return Visibility(show, details=False)
        return Visibility(show, details=show and details)

    def _allowed(
        self, rules: Rules, name: str, target: Mapping[str, str]
    ) -> bool:
        if self._left <= 0:
            raise TimeoutError(
                f"the rules took more than {MOST_SECONDS:g} s of one request"
            )
        begin = time.monotonic()
        try:
            return rules.allow(
                name, target, self._credentials or {}, self._left
            )
        finally:
            self._left -= time.monotonic() - begin


@dataclasses.dataclass(frozen=True, slots=True)
class _Read:
    """What reading the files once came to.

    :ivar files: the state in which they were
    :ivar rules: the newest rules that could be read, if any
    :ivar failure: why these files could not be read, if so
    :ivar at: when that was
    """

    files: tuple[Any, ...]
    rules: Rules | None
    failure: Exception | None
    at: float


class Policy:
    """Answers what a caller may see. Thread-safe.

    Ask for a :meth:`viewer` once in each request, and the viewer for everything else.

    :param conf: the service's configuration, for ``[oslo_policy]``
    :param policy_file: the file with the rules; None for the service's own
    :param credentials: who vouches for callers, see the option
    :ivar file: the name of the file with the rules
    """

    def __init__(
        self,
        conf: cfg.ConfigOpts,
        policy_file: str | None,
        credentials: str,
        metrics: Metrics,
    ) -> None:
        self._conf = conf
        self._policy_file = policy_file
        self._voucher = VOUCHERS[credentials]
        self._metrics = metrics
        self._is_warned = False
        if policy_file and not conf.find_file(policy_file):
            LOG.error(
                "[fault_middleware] policy_file = %s does not exist: the defaults apply",
                policy_file,
            )
        opts.set_defaults(
            conf
        )  # which registers the options, and sets nothing
        self.file = policy_file or conf.oslo_policy.policy_file
        self._names = (self.file, *conf.oslo_policy.policy_dirs)
        self._paths: tuple[str, ...] = ()
        self._searched = float("-inf")
        self._last = self._read(None)
        if self._last.failure is not None:
            text = "The policy file %s cannot be read; until it can, nobody sees a fault's details"
            LOG.error(text, self.file, exc_info=self._last.failure)

    def viewer(self, environ: Mapping[str, Any]) -> Viewer:
        """The caller of a request, under the rules as their files are now."""
        self._warn_if_nobody_vouched(environ)
        last = self._refresh()
        if last.failure is not None:
            text = f"{self.file} cannot be read; until it can, nobody sees details"
            self._metrics.error(Site.POLICY, text, last.failure)
            return Viewer(last.rules, None, self._metrics)
        try:
            credentials = self._voucher.read(environ)
        except Exception as exc:
            self._metrics.error(
                Site.CREDENTIALS, "the caller of a request is nobody", exc
            )
            credentials = None
        return Viewer(last.rules, credentials, self._metrics)

    def read(self) -> Rules:
        """Read the rules now; raises what oslo.policy does, for files that cannot be read."""
        return Rules(self._conf, self._policy_file)

    def _refresh(self) -> _Read:
        """Read the files again if they changed, or were wrong some seconds ago."""
        last = self._last
        is_due = (
            last.failure is not None
            and time.monotonic() - last.at > _RETRY_AFTER
        )
        if is_due or self._files() != last.files:
            # Each thread that comes here reads for itself, and puts what it read in place at once:
            # there is no lock that a fork could leave locked.
            last = self._last = self._read(last.rules)
        return last

    def _read(self, before: Rules | None) -> _Read:
        files = (
            self._files()
        )  # first, so that a change meanwhile is noticed the next time
        try:
            rules = self.read()
        except Exception as exc:
            return _Read(files, before, exc, time.monotonic())
        rules.warn()
        return _Read(files, rules, None, time.monotonic())

    def _files(self) -> tuple[Any, ...]:
        """What tells one state of the files from another."""
        now = time.monotonic()
        if now - self._searched > _SEARCH_AFTER:
            found = map(self._conf.find_file, self._names)
            self._paths = tuple(filter(None, found))
            self._searched = now
        states: list[Any] = []
        for path in self._paths:
            states.extend(_states(path))
        return tuple(states)

    def _warn_if_nobody_vouched(self, environ: Mapping[str, Any]) -> None:
        """Say once that the filter which vouches for callers is not before ours."""
        voucher = self._voucher
        if voucher.trace not in environ and not self._is_warned:
            self._is_warned = True
            LOG.error(
                "A request came without %s in its environment, so nobody vouches for its caller "
                "and the details of faults are not shown. Place the filter after "
                "keystonemiddleware.%s in the pipeline, or change [fault_middleware] credentials",
                voucher.trace,
                voucher.middleware,
            )


def _states(path: str) -> Iterator[tuple[Any, ...]]:
    """The state of a file; of a folder, that of each file in it as well."""
    yield _state(path)
    if not os.path.isdir(path):
        return
    try:
        names = sorted(os.listdir(path))
    except (
        OSError
    ) as exc:  # it went away just now, or is not ours to look into
        yield path, exc.errno
        return
    for name in names:
        yield _state(os.path.join(path, name))


def _state(path: str) -> tuple[Any, ...]:
    try:
        found = os.stat(path)
    except OSError as exc:  # it went away just now, or is not ours to look at
        return path, exc.errno
    return (
        path,
        found.st_ino,
        found.st_size,
        found.st_mtime_ns,
        found.st_ctime_ns,
    )
