# SPDX-License-Identifier: Apache-2.0
"""What can fail in Heat, each provoked through its API by the user who would do so."""

import contextlib
from collections.abc import Iterator

import sqlalchemy as sa

from tests.functional.cloud import NOTIFICATION, Cloud, Failure, Resource
from tests.functional.deployment import ADMIN, AWAY, MEMBER

VERSION = "2018-08-31"
# In the database, a stack whose resource has this name cannot be written down.
UNWRITABLE = "unwritable"
_TRIGGER = f"""\
CREATE TRIGGER disk_full BEFORE UPDATE ON resource FOR EACH ROW
BEGIN
  IF NEW.name = '{UNWRITABLE}' AND NEW.status <> 'IN_PROGRESS' THEN
    SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'Disk full (node7)';
  END IF;
END"""


def template(**resources) -> dict:
    return {"heat_template_version": VERSION, "resources": resources}


def part(on: str = "") -> dict:
    """A resource that fails in the steps that are named."""
    return {"type": "Tests::Resource", "properties": {"on": on}}


def scaled() -> dict:
    """A group of one that grows when its policy is signalled."""
    group = {"min_size": 1, "max_size": 2, "resource": part()}
    policy = {
        "adjustment_type": "change_in_capacity",
        "auto_scaling_group_id": {"get_resource": "group"},
        "scaling_adjustment": 1,
    }
    return template(
        part={"type": "OS::Heat::ScalingPolicy", "properties": policy},
        group={"type": "OS::Heat::AutoScalingGroup", "properties": group},
    )


def fill_disk(database: str) -> None:
    """Let Heat's database refuse what the trigger names."""
    engine = sa.create_engine(database)
    with engine.begin() as connection:
        connection.exec_driver_sql(_TRIGGER)
    engine.dispose()


class Stacks(Cloud):
    """Heat's API."""

    def stack(self, name: str, given: dict, **others) -> Resource:
        body = {"stack_name": name, "template": given, **others}
        made = self.call("POST", "/stacks", body)["stack"]
        return self.settle(Resource(f"stacks/{name}", made["id"]))

    def update(self, stack: Resource, given: dict, **others) -> Resource:
        body = {"template": given, **others}
        self.call("PUT", stack.path, body)
        return self.settle(stack)

    def do(self, stack: Resource, action: str) -> Resource:
        self.call("POST", f"{stack.path}/actions", {action: None})
        return self.settle(stack)

    def snapshot(self, stack: Resource) -> Resource:
        self.call("POST", f"{stack.path}/snapshots", {"name": "copy"})
        return self.settle(stack)

    def signal(self, stack: Resource) -> Resource:
        self.call("POST", f"{stack.path}/resources/part/signal", {})
        return stack

    def mend(self, stack: Resource) -> None:
        """Let the resources of a stack fail no more, whatever they name."""
        (self.deployment.folder / f"mended-{stack.id}").touch()

    @contextlib.contextmanager
    def away(self) -> Iterator[None]:
        """Let what is behind Heat not answer."""
        file = self.deployment.folder / AWAY
        file.touch()
        yield
        file.unlink()

    def show(self, resource: Resource, token=MEMBER):
        return super().show(resource, token).get("stack", {})

    def status(self, resource: Resource) -> str:
        return self.show(resource, ADMIN).get("stack_status", "gone")

    def is_gone(self, resource: Resource) -> bool:
        """Whether a stack is deleted; Heat shows it by its id as long as it has a row of it."""
        return self.status(resource) in ("gone", "DELETE_COMPLETE")

    def is_passing(self, status: str) -> bool:
        return status.endswith("IN_PROGRESS")

    def is_up(self) -> bool:
        """Whether an engine has reported."""
        status, found = self.deployment.request("GET", "/services", ADMIN)
        return status == 200 and any(
            service["status"] == "up" for service in found["services"]
        )


def _create(cloud):
    return cloud.stack("create", template(part=part("create")))


def _create_unexpected(cloud):
    given = template(part=part("create unexpected"))
    return cloud.stack("create-unexpected", given)


def _create_rolled_back(cloud):
    given = template(part=part("create"))
    return cloud.stack("create-undone", given, disable_rollback=False)


def _create_nested(cloud):
    group = {"count": 1, "resource_def": part("create")}
    given = {"type": "OS::Heat::ResourceGroup", "properties": group}
    return cloud.stack("group", template(part=given))


def _create_late(cloud):
    slow = {"value": "x", "wait_secs": 600}
    given = {"type": "OS::Heat::TestResource", "properties": slow}
    return cloud.stack("late", template(part=given))


def _create_without_keystone(cloud):
    """Keystone goes when Heat has begun; nothing begins without it."""
    slow = {"type": "OS::Heat::TestResource", "properties": {"value": "x"}}
    slow["properties"]["wait_secs"] = 5
    handle = {"type": "OS::Heat::WaitConditionHandle", "depends_on": "slow"}
    body = {
        "stack_name": "no-keystone",
        "template": template(slow=slow, part=handle),
    }
    made = cloud.call("POST", "/stacks", body)["stack"]
    with cloud.deployment.keystone.away():
        return cloud.settle(Resource("stacks/no-keystone", made["id"]))


def _create_unwritable(cloud):
    return cloud.stack("unwritable", template(**{UNWRITABLE: part()}))


def _wait(cloud):
    waiting = {"handle": {"get_resource": "handle"}, "timeout": 2}
    given = template(
        handle={"type": "OS::Heat::WaitConditionHandle"},
        part={"type": "OS::Heat::WaitCondition", "properties": waiting},
    )
    return cloud.stack("wait", given)


def _update(cloud):
    stack = cloud.stack("update", template(part=part()))
    return cloud.update(stack, template(part=part("update")))


def _update_rolled_back(cloud):
    stack = cloud.stack("update-undone", template(part=part()))
    given = template(part=part("update"))
    return cloud.update(stack, given, disable_rollback=False)


def _delete(cloud):
    return cloud.delete(cloud.stack("delete", template(part=part("delete"))))


def _check(cloud):
    return cloud.do(
        cloud.stack("check", template(part=part("check"))), "check"
    )


def _suspend(cloud):
    stack = cloud.stack("suspend", template(part=part("suspend")))
    return cloud.do(stack, "suspend")


def _resume(cloud):
    stack = cloud.stack("resume", template(part=part("resume")))
    return cloud.do(cloud.do(stack, "suspend"), "resume")


def _snapshot(cloud):
    stack = cloud.stack("snapshot", template(part=part("snapshot")))
    return cloud.snapshot(stack)


def _signal(cloud):
    return cloud.signal(cloud.stack("signal", template(part=part("signal"))))


def _in_error(step: str) -> str:
    return (
        "ResourceInError: resources.part: Went to status ERROR due to "
        f'"{step}: No valid host was found."'
    )


def _failed(step: str) -> str:
    return f"Resource {step.upper()} failed: {_in_error(step)}"


_NO_HOST = "No valid host was found."
FAILURES = [
    Failure("create", _create, _NO_HOST, _failed("create")),
    Failure(
        "create, unexpected",
        _create_unexpected,
        "boom in create",
        "Resource CREATE failed: RuntimeError: resources.part: "
        "boom in create: password=***",
    ),
    Failure(
        "create, rolled back", _create_rolled_back, _NO_HOST, _failed("create")
    ),
    Failure(
        "create a group",
        _create_nested,
        _NO_HOST,
        _failed("create").replace(".part", ".part.resources[0]"),
    ),
    Failure("create, timed out", _create_late, "Timed out", "Timed out"),
    Failure(
        "create without Keystone",
        _create_without_keystone,
        "Connection refused",
        "A service that Heat needs does not answer.",
    ),
    Failure(
        "create without a database",
        _create_unwritable,
        "Disk full (node7)",
        "The database of Heat refused a change of the stack.",
    ),
    Failure(
        "wait condition",
        _wait,
        "0 of 1 received",
        "Resource CREATE failed: WaitConditionTimeout: resources.part: "
        "0 of 1 received",
    ),
    Failure("update", _update, _NO_HOST, _failed("update")),
    Failure(
        "update, rolled back", _update_rolled_back, _NO_HOST, _failed("update")
    ),
    Failure("delete", _delete, _NO_HOST, _failed("delete")),
    Failure(
        "check",
        _check,
        _NO_HOST,
        f"Resource CHECK failed: part: {_failed('check')}",
    ),
    Failure("suspend", _suspend, _NO_HOST, _failed("suspend")),
    Failure("resume", _resume, _NO_HOST, _failed("resume")),
    Failure("snapshot", _snapshot, _NO_HOST, _failed("snapshot")),
    Failure("signal", _signal, _NO_HOST, _in_error("signal")),
]
# What tells of a failure, where that is not the log alone.
SOURCES = {
    "create": NOTIFICATION,
    "create, unexpected": NOTIFICATION,
    "create, rolled back": NOTIFICATION,
    "create a group": NOTIFICATION,
    "create, timed out": NOTIFICATION,
    "create without Keystone": NOTIFICATION,
    "create without a database": NOTIFICATION,
    "wait condition": NOTIFICATION,
    "update": NOTIFICATION,
    "update, rolled back": NOTIFICATION,
    "delete": NOTIFICATION,
    "check": NOTIFICATION,
    "suspend": NOTIFICATION,
    "resume": NOTIFICATION,
    "snapshot": NOTIFICATION,
}
