# SPDX-License-Identifier: Apache-2.0
"""What the log records of Watcher become by its profile."""

import json
import types

import pytest

from fault_middleware import profile
from tests.commands import run_manage
from tests.fixtures import DATA
from tests.logged import raised, read, request

AUDIT = "5f15e2a3-b556-4cd7-8ce4-e893e533dba1"
ACTION = "5f15e2a3-b556-4cd7-8ce4-e893e533dba2"
PLAN = "5f15e2a3-b556-4cd7-8ce4-e893e533dba3"
AUDITS = "watcher.decision_engine.audit.base"
ACTIONS = "watcher.applier.workflow_engine.base"
PLANS = "watcher.applier.action_plan.default"


class Refusal(Exception):
    """As Watcher says that something is not as it should be."""


class ActionPlanCancelled(Exception):
    """As an action ends when its plan was cancelled."""


class ActionPlanIsOngoing(Exception):
    """As an audit gives way to a plan."""


class OperationalError(Exception):
    """As SQLAlchemy passes on what a database says."""


def step():
    """A step of an action, as TaskFlow runs it."""
    engine = types.SimpleNamespace(_context=request(user=None))
    action = types.SimpleNamespace(_obj_uuid=ACTION)
    return types.SimpleNamespace(_engine=engine, _db_action=action)


def fault_of(logger, exc, function, **values):
    record = raised(logger, exc, logger, function, **values)
    # Watcher's threads have no context of their own.
    return read(profile.load("watcher"), record, None)


def test_an_audit_that_fails_has_its_request_from_the_call():
    fault = fault_of(
        AUDITS,
        Refusal("The cluster state is stale"),
        "execute",
        audit=types.SimpleNamespace(_obj_uuid=AUDIT),
        request_context=request(),
    )

    assert fault.instance_id == AUDIT
    assert fault.message == "The cluster state is stale"
    assert fault.request_id == "req-1"


def test_an_action_that_fails_has_the_request_of_its_engine():
    fault = fault_of(
        ACTIONS, Refusal("No such flavor"), "pre_execute", self=step()
    )

    assert fault.instance_id == ACTION
    assert fault.message == "No such flavor"
    assert fault.request_id == "req-1"


def test_a_plan_that_fails_says_so_whatever_it_fails_in():
    fault = fault_of(
        PLANS,
        Refusal("Nobody is there"),
        "execute",
        self=types.SimpleNamespace(action_plan_uuid=PLAN, ctx=request()),
    )

    assert fault.instance_id == PLAN


@pytest.mark.parametrize(
    ("function", "is_fault"),
    [("do_trigger_audit", True), ("execute_audit", False)],
)
def test_only_an_audit_that_is_not_repeated_is_given_up(function, is_fault):
    calls = types.SimpleNamespace(_obj_uuid=AUDIT)
    record = raised(
        AUDITS,
        ActionPlanIsOngoing("is running"),
        AUDITS,
        function,
        audit=calls,
    )

    fault = read(profile.load("watcher"), record, request())

    assert (fault is not None) == is_fault


def test_a_statement_of_a_database_is_a_sentence():
    fault = fault_of(
        AUDITS,
        OperationalError("[SQL: UPDATE audits]"),
        "execute",
        audit=types.SimpleNamespace(_obj_uuid=AUDIT),
    )

    assert fault.message == "The database of Watcher refused a change."
    assert "UPDATE audits" in fault.details


@pytest.mark.parametrize("logger", [ACTIONS, PLANS])
def test_what_somebody_cancelled_is_not_a_fault(logger):
    cancelled = ActionPlanCancelled("cancelled by user")

    assert fault_of(logger, cancelled, "pre_execute", self=step()) is None


def test_what_the_logs_of_watcher_say():
    log = str(DATA / "watcher/watcher.log")

    _, out, _ = run_manage(
        "profile", "try", "watcher", "--log", log, "-f", "json"
    )

    found = json.loads(out)
    assert [(row["logger"], row["action"]) for row in found] == [
        (AUDITS, "record"),
        (AUDITS, "record"),
        ("watcher.applier.actions.tests", "record"),
        # That an action failed, and the notification of its plan, say nothing new.
        (ACTIONS, "ignore"),
        (PLANS, "ignore"),
    ]
    assert found[1]["message"] == (
        "The planner has no weight for an action that the strategy recommends."
    )
