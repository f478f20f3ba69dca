# SPDX-License-Identifier: Apache-2.0
"""Runs of ``ansible-playbook`` (core 2.15 to 2.19): what failed in them, as an exception.

:func:`run_playbook` has a callback plugin of ours tell what failed. The output of a run that was
    started in another way is read by :mod:`fault_middleware.drivers.ansible_output`.
"""

import configparser
import os
import re
import signal
import tempfile
from collections.abc import Mapping
from pathlib import Path
from subprocess import DEVNULL, PIPE, Popen, TimeoutExpired
from typing import Any, Self

from fault_middleware.drivers import ansible_output, events
from fault_middleware.drivers.failures import (
    MESSAGE_BYTES,
    STDOUT_BYTES,
    Run,
    Told,
    tell,
)
from fault_middleware.drivers.problem import ManagementDriverException
from fault_middleware.text import as_text, clean_all, last_line

__all__ = [
    "FAILURES",
    "MESSAGE_BYTES",
    "STDOUT_BYTES",
    "AnsiblePlaybookError",
    "run_playbook",
]

#: How many failures an error lists.
FAILURES = 20

_ERROR = re.compile(
    r"^(?:\[ERROR\]: |ERROR! )(.+(?:\n(?!Origin: ).+)*)", re.MULTILINE
)
# Codes that ansible-playbook returns where tasks failed or found hosts unreachable.
_TASKS_FAILED = (2, 4)
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
# Where Ansible looks for its configuration, and for callbacks if that names no folders.
_CONFIGURATIONS = (
    "./ansible.cfg",
    "~/.ansible.cfg",
    "/etc/ansible/ansible.cfg",
)
_CALLBACKS = "~/.ansible/plugins/callback:/usr/share/ansible/plugins/callback"


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
        run = ansible_output.read(as_text(stdout), as_text(stderr), returncode)
        return cls._of(run, as_text(stderr), returncode, vdu)

    @classmethod
    def _of(
        cls,
        run: Run,
        stderr: str,
        returncode: int | None,
        vdu: str,
        fate: str = "",
    ) -> Self:
        """The error of a run that is known.

        :param fate: how a run ended that did not end by itself
        """
        told = _tell_first(run)
        number = sum(len(failure.results) for failure in run.failures)
        if told and not fate:
            detail = told[0].sentence
            if number > 1:
                detail += f", and {number - 1} more"
        else:
            detail = f"the playbook {fate or _fate(run, stderr, returncode)}"
            if run.last_task and _UNREAD not in detail:
                detail += f" (in task '{run.last_task}')"
        first = told[0].attributes if told else {"task": None, "stdout": ""}
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
    """Run ``ansible-playbook`` without a terminal; its arguments never get into errors.

    :param env: the whole environment, else that of this process. A callback plugin of ours is
        added to those that it and ``ansible.cfg`` name; the output is that of ``default``
    :param timeout: seconds, after which the run and its children are killed
    :raises AnsiblePlaybookError: when it fails, does not end in time or cannot be started
    """
    with tempfile.TemporaryDirectory(prefix="fault-middleware-") as folder:
        path = Path(folder) / "failures"
        environ = dict(os.environ if env is None else env)
        environ.update(_OUTPUT)
        environ["ANSIBLE_CALLBACK_PLUGINS"] = (
            f"{events.FOLDER}:{_callbacks(environ)}"
        )
        environ[events.VARIABLE] = str(path)
        command = ["ansible-playbook", *arguments, playbook]
        stdout, stderr, returncode, fate = _run(command, environ, timeout)
        if returncode == 0 and not fate:
            return
        run = events.read(path)
        if not run:
            run = ansible_output.read(stdout, stderr, returncode)
    raise AnsiblePlaybookError._of(run, stderr, returncode, vdu, fate)


def _run(
    command: list[str], environ: Mapping[str, str], timeout: float | None
) -> tuple[str, str, int | None, str]:
    """Both streams of a command, its return code, and how it ended if not by itself."""
    pipes: Any = {
        "stdin": DEVNULL,
        "stdout": PIPE,
        "stderr": PIPE,
        "start_new_session": True,
    }
    try:
        with Popen(command, env=environ, **pipes) as running:  # noqa: S603 no shell
            fate = ""
            try:
                out, err = running.communicate(timeout=timeout)
            except TimeoutExpired as exc:
                os.killpg(running.pid, signal.SIGKILL)
                out, err = exc.stdout, exc.stderr
                fate = f"did not end within {timeout} s"
        return as_text(out), as_text(err), running.returncode, fate
    except OSError as exc:
        return "", "", None, f"could not be started: {exc.strerror}"


def _callbacks(environ: Mapping[str, str]) -> str:
    """The folders in which Ansible would look for callbacks, which ours is to be added to."""
    if "ANSIBLE_CALLBACK_PLUGINS" in environ:
        return environ["ANSIBLE_CALLBACK_PLUGINS"]
    named = environ.get("ANSIBLE_CONFIG")
    for name in [named, *_CONFIGURATIONS] if named else _CONFIGURATIONS:
        path = Path(name).expanduser()
        if path.is_file():
            return _configured_callbacks(path) or _CALLBACKS
    return _CALLBACKS


def _configured_callbacks(path: Path) -> str:
    """What a configuration of Ansible says of callbacks, as absolute paths; "" for nothing."""
    configuration = configparser.ConfigParser(interpolation=None, strict=False)
    try:
        configuration.read(path, "utf-8")
        folders = configuration.get(
            "defaults", "callback_plugins", fallback=""
        )
    except (configparser.Error, UnicodeDecodeError, OSError):
        return ""
    absolute = [
        str(path.parent / Path(os.path.expandvars(folder)).expanduser())
        for folder in folders.split(":")
        if folder
    ]
    return ":".join(absolute)


def _tell_first(run: Run) -> list[Told]:
    """As many failures as an error lists."""
    told: list[Told] = []
    for failure in run.failures:
        for result in failure.results[: FAILURES - len(told)]:
            told.append(tell(failure, result))
    return told


def _fate(run: Run, stderr: str, returncode: int | None) -> str:
    """How a run ended in which no task is known to have failed."""
    if "usage: ansible-playbook" in stderr:
        return "was not run: ansible-playbook refused its arguments"
    if returncode is not None and returncode < 0:
        return f"was ended by signal {-returncode}"
    error = _ERROR.search(ansible_output.plain(stderr))
    reason = last_line(stderr)
    if error:
        reason = " ".join(error[1].split())
    if not reason:
        reason = f"ansible-playbook returned {returncode}"
    return f"{_end(run, returncode, bool(error))}: {reason}"


def _end(run: Run, returncode: int | None, has_error: bool) -> str:
    """In which way a run ended, to be followed by the reason.

    :param has_error: whether Ansible itself wrote an error
    """
    if returncode in _TASKS_FAILED and not has_error:
        return _UNREAD
    if run.last_task:
        return "stopped"
    if run.has_ended:
        return _UNREAD
    if has_error and returncode == 4:
        return "could not be parsed"
    return "could not be run"
