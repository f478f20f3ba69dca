# SPDX-License-Identifier: Apache-2.0
"""The direct call: records a fault from the code that failed, without a notification.

Its configuration is the one that the calling service has parsed (``cfg.CONF``), or the file that
the environment variable ``FAULT_MIDDLEWARE_CONFIG`` names.
"""

import contextlib
import functools
import inspect
import logging
import os
import traceback
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from oslo_config import cfg

from fault_middleware import (
    chain,
    configuration,
    deploy,
    exception,
    fault,
    freshness,
)
from fault_middleware.cause import Kind, weigh
from fault_middleware.deploy import Deployment
from fault_middleware.drivers.problem import (
    ManagementDriverException,
    ProblemDetails,
)
from fault_middleware.options import ConfigurationError
from fault_middleware.text import as_text, describe, printable, written

LOG = logging.getLogger(__name__)

# Kinds of functions whose call only makes what runs later.
_LATER = (
    inspect.iscoroutinefunction,
    inspect.isgeneratorfunction,
    inspect.isasyncgenfunction,
)
# What is known without being named.
_GIVEN = {"instance_id", "error", "others"}
# Arguments that hold several, and no id: *args, **kwargs.
_GATHERED = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
ENVIRONMENT = "FAULT_MIDDLEWARE_CONFIG"
Error = str | BaseException | ProblemDetails
_Function = TypeVar("_Function", bound=Callable[..., Any])


def record_fault(
    instance_id: str, error: Error, details: Any = None, **options: Any
) -> bool:
    """Record a fault of an instance now. Never raises.

    A database has 10 s to connect, and 10 s for each answer.

    :param options: as for :func:`record`
    :returns: whether it was recorded; if not, the log says why
    """
    try:
        return record(instance_id, error, details, **options)
    except Exception as exc:
        # In one line: what a driver's script writes to stderr is shown to its users.
        name = printable(written(instance_id))
        LOG.error(
            "The fault of %s could not be recorded: %s", name, describe(exc)
        )
        return False


def record(
    instance_id: str,
    error: Error,
    details: Any = None,
    service: str | None = None,
    skip_delta: float = 0.0,
    conf: cfg.ConfigOpts | None = None,
    **others: Any,
) -> bool:
    """What :func:`record_fault` does, but raises what goes wrong.

    :param error: what to tell the user; of an exception, what it says, or what the one says that
        it was raised from (``raise ... from exc``), and the traceback for ``details``; of a
        problem or a ManagementDriverException, its detail, and the whole of it where the service
        shows problems
    :param details: text or lines for administrators
    :param service: the profile's name, where several are configured
    :param skip_delta: seconds; a fault of the instance that is not older stays the newest
    :param conf: parsed; see above for the default
    :param others: created, message_id, event_type, request_id, project_id, as for fault.make
    :returns: False if a fresher fault was there
    :raises ConfigurationError: naming what is missing
    :raises ValueError: when ``instance_id`` cannot be one
    :raises Exception: of the database
    """
    if conf is None:
        file = os.environ.get(ENVIRONMENT)
        conf = configuration.read(None, file, None)
    deployment = deploy.deploy(conf)
    service = _service(service, deployment)
    arguments = _texts(error, details)
    exceptions = exception.count(as_text(arguments["details"]))
    arguments["weight"] = weigh(Kind.TEXT, exceptions)
    arguments.update(others)
    made = fault.make(service, str(instance_id or ""), **arguments)
    if skip_delta and freshness.has_fresher(
        deployment.store, made, skip_delta
    ):
        return False
    new = deployment.store.record([made])
    deployment.metrics.stored.inc(new)
    return True


class reporting:
    """Records what is raised in a block or a function, and lets it be raised on.

    ::

        with reporting(instance_id):
            attach(volume)

        @reporting("instance_id")  # the function's argument
        def attach_volume(context, instance_id, volume_id): ...

        @reporting("volume.id")  # an attribute or a key of it
        def extend_volume(context, volume, size): ...

    :param instance_id: the id; for a decorator, the name of the argument that holds it, or a
        dotted path from there to it
    :param options: as for :func:`record_fault`
    """

    def __init__(self, instance_id: str, **options: Any) -> None:
        self._instance_id = instance_id
        self._options = options

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, exc: object, trace: object) -> None:
        if isinstance(exc, Exception):
            record_fault(self._instance_id, exc, **self._options)

    def __call__(self, function: _Function) -> _Function:
        """Decorate a function; TypeError when it has no such argument, or does not run at once.

        Anything else that could never record a fault is an error in the log now, and not when
        something fails. It is not an exception, because services have started with it so far.
        """
        if any(is_kind(function) for is_kind in _LATER):
            raise TypeError(
                f"{function.__qualname__} runs later: use a with statement in it"
            )
        signature = inspect.signature(function)
        if not isinstance(self._instance_id, str):
            raise TypeError(
                f"{self._instance_id!r:.80} is not the name of an argument"
            )
        argument, *path = self._instance_id.split(".")
        parameter = signature.parameters.get(argument)
        if parameter is None:
            raise TypeError(
                f"{function.__qualname__} has no argument {argument!r}"
            )
        complaint = _complaint(self._instance_id, parameter, self._options)
        if complaint:
            name = function.__qualname__
            LOG.error("No fault of %s will be recorded: %s", name, complaint)

        @functools.wraps(function)
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            try:
                return function(*args, **kwargs)
            except Exception as exc:
                with contextlib.suppress(
                    TypeError, KeyError
                ):  # it was called without the id
                    bound = signature.bind_partial(*args, **kwargs)
                    bound.apply_defaults()
                    instance_id = _follow(bound.arguments[argument], path)
                    record_fault(instance_id, exc, **self._options)
                raise

        return wrapper  # type: ignore[return-value]


def _complaint(
    path: str, parameter: inspect.Parameter, options: Mapping[str, Any]
) -> str:
    """Why a decorator could never record anything; empty if it may."""
    if not all(path.split(".")):
        return f"{path!r:.80} has an empty part"
    if parameter.kind in _GATHERED:
        return f"{parameter.name!r} holds several arguments"
    known = {
        *inspect.signature(record).parameters,
        *inspect.signature(fault.make).parameters,
    }
    unknown = options.keys() - (known - _GIVEN)
    if unknown:
        return f"record_fault has no {', '.join(sorted(unknown))}"
    return ""


def _follow(value: Any, path: Sequence[str]) -> Any:
    """What a path of attributes and keys leads to; None, which is not an id, where to nothing."""
    for name in path:
        # Whatever an attribute or a key raises must not take the place of the failure.
        try:
            value = _member(value, name)
        except Exception:
            return None
    return value


def _member(value: Any, name: str) -> Any:
    if isinstance(value, Mapping):
        return value.get(name)
    return getattr(value, name, None)


def _service(name: str | None, deployment: Deployment) -> str:
    """The service of a fault; ConfigurationError where it is not known."""
    services = [profile.service for profile in deployment.profiles]
    if name is None and len(services) == 1:
        return services[0]
    if name not in services:
        raise ConfigurationError(
            f"service = {name!r}: name one of {', '.join(services)}"
        )
    return name


def _texts(error: Error, details: Any) -> dict[str, Any]:
    """What an error says, as arguments of fault.make."""
    if details is None and isinstance(error, BaseException):
        details = traceback.format_exception(error)
    problem = error
    if isinstance(error, ManagementDriverException):
        problem = error.problem
    if isinstance(problem, ProblemDetails):
        return {
            "message": problem.detail,
            "details": details,
            "problem": problem.to_dict(),
        }
    if isinstance(error, BaseException):
        return {"message": _named_cause(error), "details": details}
    return {"message": error, "details": details}


def _named_cause(error: BaseException) -> str:
    """What the exception says that was named as the cause of the others.

    An exception that was only being handled when another one was raised is not a cause: whoever
    raised the other one had something to say about it.
    """
    found = error
    known = {id(found)}
    while found.__cause__ is not None and id(found.__cause__) not in known:
        found = found.__cause__
        known.add(id(found))
    told = chain.describe(found)
    return told.text or told.name
