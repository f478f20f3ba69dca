# SPDX-License-Identifier: Apache-2.0
"""What a profile makes of a log record, while a function of the service fails or logs."""

import logging

from oslo_context import context

from fault_middleware import log_record, log_rule

PROJECT = "a1" * 16


def raised(logger, exc, module, function, **values):
    """A record of an exception that a function with these local variables let out.

    :param module: in which the service has the function
    """
    names = ", ".join(values)
    body = f"def {function}(_exc, {names}):\n    raise _exc\n"
    functions = {"__name__": module}
    exec(body, functions)
    try:
        functions[function](exc, **values)
    except type(exc) as caught:
        given = (type(caught), caught, caught.__traceback__)
    text = "Exception during message handling"
    return logging.LogRecord(logger, logging.ERROR, "", 0, text, (), given)


def request(user="alice"):
    """The context of a request."""
    return context.RequestContext(
        user_id=user, project_id=PROJECT, request_id="req-1", overwrite=False
    )


def read(profile, record, served):
    """The fault that the first rule which fits makes of a record; None for no fault.

    :param served: the context of the request
    """
    record.context = served
    sighting = log_record.Sighting(record)
    for rule in profile.sources.logs:
        is_meant = rule.matches_source(record.name, record.levelno)
        seen = rule.see(sighting)
        if is_meant and rule.matches(seen):
            found = rule.find(seen)
            if found is None:
                return None
            failure = log_record.read(seen, found, rule.modules)
            return log_rule.make_fault(
                profile.service, rule, failure, profile.sources.words
            )
    return None
