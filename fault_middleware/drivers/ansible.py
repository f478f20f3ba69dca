# SPDX-License-Identifier: Apache-2.0
"""Runs of ``ansible-playbook`` (core 2.15 to 2.19): what failed in them, as an exception.

:func:`run_playbook` has a callback plugin of ours tell what failed. The output of a run that was
started in another way is read by :mod:`fault_middleware.drivers.ansible_output`.
"""

import contextlib
import json
import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from typing import IO, Any, Self

from fault_middleware.drivers import (
    ansible_arguments,
    ansible_configuration,
    ansible_lines,
    ansible_output,
    ansible_process,
    events,
)
from fault_middleware.drivers.ansible_output import TASKS_FAILED
from fault_middleware.drivers.ansible_process import Ended
from fault_middleware.drivers.failures import (
    MESSAGE_BYTES,
    STDOUT_BYTES,
    Run,
    Teller,
    Told,
)
from fault_middleware.drivers.problem import ManagementDriverException
from fault_middleware.text import as_text, clean_all

__all__ = [
    "FAILURES",
    "MESSAGE_BYTES",
    "STDOUT_BYTES",
    "AnsiblePlaybookError",
    "run_playbook",
]

#: How many failures an error lists.
FAILURES = 20

_UNREAD = "failed, and its output has a form that is not read"
# What makes the output complete, whatever ansible.cfg says: it is read where Ansible could not
# load the plugin.
_OUTPUT = {
    "ANSIBLE_STDOUT_CALLBACK": "default",
    "ANSIBLE_CALLBACK_RESULT_FORMAT": "json",
    "ANSIBLE_DISPLAY_ARGS_TO_STDOUT": "false",
    "ANSIBLE_DISPLAY_FAILED_STDERR": "false",
    "ANSIBLE_NOCOWS": "true",
}


class AnsiblePlaybookError(ManagementDriverException):
    """A playbook failed.  Secrets are masked; what ``no_log`` hides stays hidden.

    :ivar vdu: the VDU that was to be configured
    :ivar failed: the first 20 failures: ``host``, ``task`` (None if unknown), ``message`` (4 KiB),
        ``stdout`` (16 KiB; a longer text loses its middle); empty where no task failed
    :ivar failed_task: that of the first; ``stdout`` too
    :ivar returncode: that of ansible-playbook, None where it did not start
    """

    title = "Ansible playbook failed"

    @classmethod
    def from_output(
        cls,
        stdout: str | bytes | None,
        stderr: str | bytes | None,
        returncode: int,
        *,
        vdu: str,
    ) -> Self | None:
        """The error of a run, or None for return code 0; linear in the output.

        :param stdout: all of it, of any callback; what a log of Ansible holds is read too
        :param vdu: the VDU that was to be configured, to begin the detail with
        """
        if returncode == 0:
            return None
        out = as_text(stdout)
        err = as_text(stderr)
        run = ansible_output.read(out, err, returncode)
        if run.was_stopped and not err.strip():
            err = out  # a driver wrote all to one stream
        return cls._of(run, err, returncode, vdu)

    @classmethod
    def _of(
        cls,
        run: Run,
        stderr: str,
        returncode: int | None,
        vdu: str,
        fate: str = "",
        arguments: Iterable[str] = (),
    ) -> Self:
        """The error of a run that is known.

        :param fate: how a run ended that did not end by itself
        :param arguments: are left out of what Ansible says of them
        """
        told = _tell_first(run)
        if told and not fate and not run.was_stopped:
            detail = _failed(run, told[0])
        else:
            # What ended it from outside is about the task that was running, wherever others were.
            is_about_it = bool(fate) or run.is_common
            fate = fate or _fate(run, stderr, returncode, arguments)
            detail = f"the playbook {fate}"
            if is_about_it:
                detail += _place(run, fate)
        first: Mapping[str, Any] = {"task": None, "stdout": ""}
        if told and not run.was_stopped:
            first = told[0].attributes
        return cls(
            detail=clean_all(f"{vdu}: {detail}", 1024),
            vdu=vdu,
            failed=[failure.attributes for failure in told],
            failed_task=first["task"],
            stdout=first["stdout"],
            returncode=returncode,
        )


def run_playbook(
    playbook: str,
    *arguments: str,
    vdu: str,
    env: Mapping[str, str] | None = None,
    timeout: float | None = None,
) -> None:
    """Run ``ansible-playbook`` without a terminal, and raise what failed.

    What Ansible says of its arguments is told without them.

    :param env: the whole environment, else that of this process. A callback plugin of ours is
        added to those that it and ``ansible.cfg`` name; the output is that of ``default``. Tasks
        have the environment as it was given
    :param timeout: seconds, after which the run and its children are killed
    :raises AnsiblePlaybookError: when it fails, does not end in time or cannot be started
    """
    command = ["ansible-playbook", *arguments, playbook]
    given = os.environ if env is None else env
    with _file_for_failures() as (name, file):
        environ = _environment(given, name)
        ended = ansible_process.run(command, environ, timeout)
        if ended.returncode == 0 and not ended.fate:
            return
        run = _what_failed(file, ended)
        if ended.is_unknown and run.has_ended and not run.failures:
            return
    raise AnsiblePlaybookError._of(
        run, ended.stderr, ended.returncode, vdu, ended.fate, arguments
    )


def _environment(given: Mapping[str, str], name: str) -> dict[str, str]:
    """What Ansible is run with, so that it loads the plugin.

    :param name: of the file to which the plugin writes
    """
    folders = f"{events.FOLDER}:{ansible_configuration.callbacks(given)}"
    ours = {**_OUTPUT, "ANSIBLE_CALLBACK_PLUGINS": folders}
    before = {variable: given.get(variable) for variable in ours}
    return {
        **given,
        **ours,
        events.VARIABLE: name,
        events.RESTORED_VARIABLE: json.dumps(before),
    }


@contextlib.contextmanager
def _file_for_failures() -> Iterator[tuple[str, IO[bytes] | None]]:
    """A file that the plugin can write, and its name; none where there is no place for one."""
    try:
        descriptor, name = tempfile.mkstemp(prefix="fault-middleware-")
    except OSError:
        yield "", None
        return
    try:
        with open(descriptor, "rb") as file:
            yield name, file
    finally:
        # The playbook may have removed it.
        with contextlib.suppress(OSError):
            os.unlink(name)


def _what_failed(file: IO[bytes] | None, ended: Ended) -> Run:
    """What the plugin has written, or what Ansible has printed where that is not all."""
    run = events.read(file, ended.pid) if file is not None else None
    if run is None:
        return ansible_output.read(
            ended.stdout, ended.stderr, ended.returncode
        )
    # Ansible says so where the plugin could not write, and has no other reason to name it.
    is_cut = events.NAME in ended.stderr
    ended_by_itself = not ended.fate and ended.returncode in TASKS_FAILED
    if is_cut and ended_by_itself and not run.has_ended:
        printed = ansible_output.read(
            ended.stdout, ended.stderr, ended.returncode
        )
        if printed.failures:
            return printed
    return run


def _tell_first(run: Run) -> list[Told]:
    """As many failures as an error lists."""
    teller = Teller()
    told: list[Told] = []
    for failure in run.failures:
        for result in failure.results[: FAILURES - len(told)]:
            told.append(teller.tell(failure, result))
    return told


def _failed(run: Run, first: Told) -> str:
    """The first failure, and how many others there are."""
    number = sum(failure.number for failure in run.failures)
    if number == 1:
        return first.sentence
    return f"{first.sentence}, and {number - 1} more"


def _place(run: Run, fate: str) -> str:
    """Where it ended, if that is known; empty otherwise."""
    if run.running_task is None or _UNREAD in fate:
        return ""
    return f" (in task '{run.running_task}')"


def _fate(
    run: Run, stderr: str, returncode: int | None, arguments: Iterable[str]
) -> str:
    """How a run ended in which no task is known to have failed."""
    if "usage: ansible-playbook" in stderr:
        return "was not run: ansible-playbook refused its arguments"
    if returncode is not None and returncode < 0:
        return f"was ended by signal {-returncode}"
    errors = ansible_lines.errors(stderr)
    if errors:
        # What comes before may be a warning of a module.
        reason = ansible_arguments.leave_out(arguments, errors[-1])
    elif ansible_lines.announces_failures(stderr):
        # They may say what no_log hides.
        reason = ""
    else:
        reason = ansible_arguments.last_line(arguments, stderr)
    if not reason and returncode is None:
        reason = "what ansible-playbook returned is not known"
    if not reason:
        reason = f"ansible-playbook returned {returncode}"
    return f"{_end(run, returncode, bool(errors))}: {reason}"


def _end(run: Run, returncode: int | None, has_error: bool) -> str:
    """In which way a run ended, to be followed by the reason.

    :param has_error: whether Ansible itself wrote an error
    """
    if returncode in TASKS_FAILED and not has_error:
        return _UNREAD
    if run.has_begun:
        return "stopped"
    if run.has_ended:
        return _UNREAD
    if has_error and returncode == 4:
        return "could not be parsed"
    return "could not be run"
