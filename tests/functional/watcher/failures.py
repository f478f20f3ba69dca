# SPDX-License-Identifier: Apache-2.0
"""What can fail in Watcher, each provoked through its API by the administrators who use it."""

import itertools

import sqlalchemy as sa

from tests.fixtures import wait_until
from tests.functional.cloud import NOTIFICATION, Cloud, Failure, Resource
from tests.functional.deployment import ADMIN
from tests.functional.watcher.deployment import NAME

_NUMBERS = itertools.count()
_PATIENCE = 60
SERVER = "7e000000-0000-4000-8000-000000000001"
# An audit with this name cannot be begun, and one with the other gets no plan.
UNWRITABLE = "unwritable"
PLANLESS = "planless"
_TRIGGER = """\
CREATE TRIGGER {name} BEFORE {event} FOR EACH ROW
BEGIN
  IF {condition} THEN
    SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'Disk full (node7)';
  END IF;
END"""
_NAMED = "SELECT 1 FROM audits WHERE id = NEW.audit_id AND LOCATE"
_FULL = {
    "UPDATE ON audits": f"NEW.state = 'ONGOING' "
    f"AND LOCATE('{UNWRITABLE}', NEW.name)",
    "INSERT ON action_plans": f"EXISTS ({_NAMED}('{PLANLESS}', name))",
}


def fill_disk(database: str) -> None:
    """Let Watcher's database refuse what the triggers name."""
    engine = sa.create_engine(database)
    with engine.begin() as connection:
        for number, (event, condition) in enumerate(_FULL.items()):
            values = {"event": event, "condition": condition}
            trigger = _TRIGGER.format(name=f"full{number}", **values)
            connection.exec_driver_sql(trigger)
    engine.dispose()


def action(kind: str = "nop", **parameters) -> dict:
    """An action that a strategy recommends."""
    given = {"action_type": kind, "input_parameters": parameters}
    if kind == "nop":
        parameters.setdefault("message", "nothing")
    if kind == "stop":
        given["resource_id"] = SERVER
    return given


class Optimizations(Cloud):
    """Watcher's API, which is for administrators."""

    def status(self, resource: Resource) -> str:
        return self.show(resource, ADMIN).get("state", "gone")

    def is_passing(self, status: str) -> bool:
        return status in ("PENDING", "ONGOING", "CANCELLING")

    def is_up(self) -> bool:
        """Whether Watcher knows its strategies, and its processes are there."""
        status, found = self.deployment.request("GET", "/strategies", ADMIN)
        known = [one["name"] for one in found.get("strategies", [])]
        return status == 200 and NAME in known

    def audit(
        self, name: str = "audit", strategy: str = NAME, **parameters
    ) -> Resource:
        """Order an audit, and wait until it has ended."""
        return self.settle(self.order(name, strategy, **parameters), _PATIENCE)

    def order(
        self,
        name: str = "audit",
        strategy: str = NAME,
        kind: str = "ONESHOT",
        force: bool = True,
        **parameters,
    ) -> Resource:
        """Order an audit; only without ``force`` it gives way to a plan that is executed."""
        given = {
            "name": f"{name}-{next(_NUMBERS)}",
            "goal": "unclassified",
            "strategy": strategy,
            "audit_type": kind,
            "force": force,
            "parameters": parameters,
        }
        if kind == "CONTINUOUS":
            given["interval"] = "3600"
        made = self.call("POST", "/audits", given, ADMIN)
        return Resource("audits", made["uuid"])

    def plan(self, *actions: dict) -> Resource:
        """A plan of these actions."""
        audit = self.audit(actions=list(actions))
        found = self.call(
            "GET", f"/action_plans?audit_uuid={audit.id}", token=ADMIN
        )
        (plan,) = found["action_plans"]
        return Resource("action_plans", plan["uuid"])

    def start(self, plan: Resource) -> Resource:
        self.call("POST", f"{plan.path}/start", {}, ADMIN)
        return plan

    def run(self, *actions: dict) -> Resource:
        """Have a plan of these actions executed."""
        return self.settle(self.start(self.plan(*actions)), _PATIENCE)

    def cancel(self, plan: Resource) -> Resource:
        change = {"op": "replace", "path": "/state", "value": "CANCELLING"}
        self.call("PATCH", plan.path, [change], ADMIN)
        return self.settle(plan, _PATIENCE)

    def actions(self, plan: Resource) -> list[Resource]:
        """The actions of a plan."""
        found = self.call(
            "GET", f"/actions?action_plan_uuid={plan.id}", token=ADMIN
        )
        return [Resource("actions", one["uuid"]) for one in found["actions"]]


def _strategy(cloud):
    return cloud.audit(how="refused")


def _strategy_unexpected(cloud):
    return cloud.audit(how="unexpected")


def _strategy_repeated(cloud):
    ordered = cloud.order(kind="CONTINUOUS", how="unexpected")
    return cloud.settle(ordered, _PATIENCE)


def _model(cloud):
    return cloud.audit(strategy="actuator", actions=[])


def _planner(cloud):
    return cloud.audit(actions=[action("nonsense")])


def _planner_unwritable(cloud):
    return cloud.audit(PLANLESS, actions=[action()])


def _audit_unwritable(cloud):
    return cloud.audit(UNWRITABLE)


def _busy(cloud):
    plan = cloud.start(cloud.plan(action(NAME, how="slow")))
    wait_until(lambda: cloud.status(plan) == "ONGOING", _PATIENCE)
    return cloud.settle(cloud.order(force=False), _PATIENCE)


def _run(*actions):
    def provoke(cloud):
        return cloud.run(*actions)

    return provoke


_BOOM = "password=***"
# Whoever reads the faults.
READERS = "Administrators read it: Watcher shows what it does to nobody else."
# Of audits.
AUDITS = [
    Failure("strategy", _strategy, "stale", "The cluster state is stale"),
    Failure(
        "strategy, unexpected",
        _strategy_unexpected,
        "boom in strategy",
        f"boom in strategy: {_BOOM}",
    ),
    Failure(
        "strategy, again and again",
        _strategy_repeated,
        "boom in strategy",
        f"boom in strategy: {_BOOM}",
    ),
    Failure(
        "no model of the cloud",
        _model,
        "compute",
        "The cluster data model 'compute' could not be built",
    ),
    Failure(
        "planner",
        _planner,
        "nonsense",
        "The planner has no weight for an action that the strategy recommends.",
    ),
    Failure(
        "planner without a database",
        _planner_unwritable,
        "Disk full (node7)",
        "The database of Watcher refused a change.",
    ),
    Failure(
        "audit without a database",
        _audit_unwritable,
        "Disk full (node7)",
        "The database of Watcher refused a change.",
    ),
    Failure("another plan is executed", _busy, "running", "Action Plan"),
]
# Of plans with one action.
PLANS = [
    Failure(
        "precondition",
        _run(action(fail_pre_condition=True)),
        "Failed in pre_condition",
        "Failed in pre_condition",
    ),
    Failure(
        "precondition, unexpected",
        _run(action(NAME, on="pre_condition")),
        "boom in pre_condition",
        f"boom in pre_condition: {_BOOM}",
    ),
    Failure(
        "an action without success",
        _run(action(fail_execute=True)),
        "execution failed",
        "The action",
    ),
    Failure(
        "an action, unexpected",
        _run(action(NAME, on="execute")),
        "boom in execute",
        f"boom in execute: {_BOOM}",
    ),
    Failure(
        "an action without Nova",
        _run(action("stop")),
        "Nova client error",
        "Nova client error: ",
    ),
    Failure(
        "postcondition",
        _run(action(fail_post_condition=True)),
        "Failed in post_condition",
        "Failed in post_condition",
    ),
]
# Its plan is told only that the action failed.
LOGGED = Failure(
    "an action that logs why",
    _run(action(NAME, how="logged")),
    "tried node7.internal",
    "Nova: no valid host",
)
FAILURES = [*AUDITS, *PLANS, LOGGED]
# What tells of a failure, where that is not the log alone.
SOURCES = {
    "strategy": NOTIFICATION,
    "strategy, unexpected": NOTIFICATION,
    "strategy, again and again": NOTIFICATION,
    "no model of the cloud": NOTIFICATION,
    "planner": NOTIFICATION,
    "planner without a database": NOTIFICATION,
    **{failure.name: NOTIFICATION for failure in PLANS},
}
