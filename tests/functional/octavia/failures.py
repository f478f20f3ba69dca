# SPDX-License-Identifier: Apache-2.0
"""What can fail in Octavia, each provoked through its API by the user who would do so."""

import contextlib
import dataclasses
import functools
import itertools
import socket
import time
from collections.abc import Iterator

from tests.fixtures import wait_until
from tests.functional.cloud import Cloud, Failure, Resource, Unshown
from tests.functional.deployment import ADMIN, MEMBER
from tests.functional.octavia.deployment import KEY, SUBNET

_NUMBERS = itertools.count(8000)
_QOS = "9a000000-0000-4000-8000-000000000001"


class Balancers(Cloud):
    """Octavia's API."""

    @functools.cached_property
    def shared(self) -> Resource:
        """A load balancer that is well, for what belongs to one."""
        return self.balancer()

    @functools.cached_property
    def shared_listener(self) -> Resource:
        return self.listener()

    @functools.cached_property
    def shared_pool(self) -> Resource:
        return self.pool()

    @functools.cached_property
    def shared_policy(self) -> Resource:
        return self.policy()

    @contextlib.contextmanager
    def failing(self, steps: str) -> Iterator[None]:
        """Meanwhile these steps of the drivers fail."""
        file = self.deployment.folder / "fails"
        file.write_text(steps)
        try:
            yield
        finally:
            file.unlink()

    def call(self, method: str, path: str, body=None, token=MEMBER):
        """As of any cloud, when what it belongs to may be changed again."""
        end = time.monotonic() + 30
        while True:
            asked = self.deployment.request(method, path, token, body)
            if asked[0] != 409 or time.monotonic() > end:
                break
            time.sleep(0.2)
        status, answer = asked
        assert status < 300, (method, path, status, answer)
        return answer

    def make(self, kind: str, **given) -> Resource:
        """Make a resource of a kind, which may be below another one, and wait for it."""
        wrapper = _wrapper(kind)
        made = self.call("POST", f"/{kind}", {wrapper: given})[wrapper]
        return self.settle(Resource(kind, made["id"]))

    def change(self, resource: Resource, **given) -> Resource:
        body = {_wrapper(resource.kind): given}
        self.call("PUT", resource.path, body)
        return self.settle(resource)

    def balancer(self, **given) -> Resource:
        given = {"name": "lb", "vip_subnet_id": SUBNET, **given}
        return self.make("loadbalancers", **given)

    def failover(self, balancer: Resource) -> Resource:
        self.call("PUT", f"{balancer.path}/failover", token=ADMIN)
        return self.settle(balancer)

    def listener(self) -> Resource:
        return self.make(
            "listeners",
            loadbalancer_id=self.shared.id,
            protocol="HTTP",
            protocol_port=next(_NUMBERS),
        )

    def pool(self) -> Resource:
        return self.make(
            "pools",
            loadbalancer_id=self.shared.id,
            protocol="HTTP",
            lb_algorithm="ROUND_ROBIN",
        )

    def member(self) -> Resource:
        return self.make(
            f"pools/{self.shared_pool.id}/members",
            address="192.0.2.9",
            protocol_port=next(_NUMBERS),
        )

    def monitor(self, pool: Resource | None = None) -> Resource:
        """A health monitor of a pool, which has no more than one; by default of a new one."""
        return self.make(
            "healthmonitors",
            pool_id=(pool or self.pool()).id,
            type="HTTP",
            delay=5,
            timeout=3,
            max_retries=2,
        )

    def policy(self) -> Resource:
        given = {"listener_id": self.shared_listener.id, "action": "REJECT"}
        return self.make("l7policies", **given)

    def rule(self) -> Resource:
        given = {"type": "PATH", "compare_type": "STARTS_WITH", "value": "/x"}
        return self.make(f"l7policies/{self.shared_policy.id}/rules", **given)

    def show(self, resource: Resource, token=MEMBER):
        status, answer = self.deployment.request("GET", resource.path, token)
        return answer[_wrapper(resource.kind)] if status == 200 else {}

    def status(self, resource: Resource) -> str:
        return self.show(resource, ADMIN).get("provisioning_status", "gone")

    def is_gone(self, resource: Resource) -> bool:
        """Whether a resource is deleted; Octavia may show that for a while."""
        return self.status(resource) in ("gone", "DELETED")

    def is_passing(self, status: str) -> bool:
        return status.startswith("PENDING")

    def is_up(self) -> bool:
        return self.deployment.request("GET", "/loadbalancers")[0] == 200

    def amphora(self, balancer: Resource) -> str:
        """The id of the server of a load balancer."""
        others = dataclasses.replace(self.deployment, prefix="/v2/octavia")
        path = f"/amphorae?loadbalancer_id={balancer.id}"
        _, found = others.request("GET", path, ADMIN)
        return found["amphorae"][0]["id"]

    def silence(self, balancer: Resource) -> Resource:
        """Let the server of a load balancer report for the last time."""
        # The tests are collected without Octavia too.
        from octavia.amphorae.backends.health_daemon import status_message

        report = {"id": self.amphora(balancer), "seq": 1, "ver": 3}
        data = status_message.wrap_envelope(
            {**report, "listeners": {}, "pools": {}}, KEY
        )
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            sender.sendto(data, ("127.0.0.1", self.deployment.heartbeats))
        return balancer


def _wrapper(kind: str) -> str:
    """What the API calls one of a kind, which may be below another one."""
    last = kind.rpartition("/")[2]
    return last.replace("ies", "ys").removesuffix("s")


def _balancer(steps: str):
    def provoke(cloud):
        with cloud.failing(steps):
            return cloud.balancer()

    return provoke


def _update(cloud):
    balancer = cloud.balancer()
    with cloud.failing("amphora.update"):
        return cloud.change(balancer, name="other")


def _update_stuck(cloud):
    """Octavia goes back by the very step that fails, and ends as if it were at it."""
    balancer = cloud.balancer()
    change = {"loadbalancer": {"vip_qos_policy_id": _QOS}}
    with cloud.failing("network.qos"):
        cloud.call("PUT", balancer.path, change)
        return cloud.settle(balancer, 5)


def _delete(steps: str):
    def provoke(cloud):
        balancer = cloud.balancer()
        with cloud.failing(steps):
            return cloud.delete(balancer)

    return provoke


def _failover(steps: str):
    def provoke(cloud):
        balancer = cloud.balancer()
        with cloud.failing(steps):
            return cloud.failover(balancer)

    return provoke


def _failover_unasked(cloud):
    """The health manager replaces a server that reports no more."""
    balancer = cloud.balancer()
    with cloud.failing("compute.build"):
        cloud.silence(balancer)
        wait_until(lambda: cloud.status(balancer) == "ERROR", 40)
    return balancer


def _created(kind: str, steps: str = "amphora.update"):
    """What belongs to a load balancer is made, which fails.

    :param kind: a method of :class:`Balancers`
    """

    def provoke(cloud):
        _ = cloud.shared_pool, cloud.shared_policy
        with cloud.failing(steps):
            return _make(cloud, kind)

    return provoke


def _monitor(cloud):
    pool = cloud.pool()
    with cloud.failing("amphora.update"):
        return cloud.monitor(pool)


def _changed(kind: str, **given):
    """What is well is changed, which fails."""

    def provoke(cloud):
        resource = _make(cloud, kind)
        with cloud.failing("amphora.update"):
            return cloud.change(resource, **given)

    return provoke


def _deleted(kind: str, step: str = "amphora.update"):
    """What is well is deleted, which fails."""

    def provoke(cloud):
        resource = _make(cloud, kind)
        with cloud.failing(step):
            return cloud.delete(resource)

    return provoke


def _make(cloud: Balancers, kind: str) -> Resource:
    made: Resource = getattr(cloud, kind)()
    return made


_NOT_STARTED = (
    "The compute service did not start a server (an amphora) for the load "
    "balancer."
)
_SILENT = "A server of the load balancer (an amphora) did not answer."
_REFUSED = (
    "A server of the load balancer (an amphora) did not take its new "
    "configuration."
)
_DENIED = "InternalServerError"
_UNEXPECTED = "boom in amphora.update"
FAILURES = [
    Failure(
        "create, quota",
        _balancer("compute.build"),
        "Quota exceeded",
        _NOT_STARTED,
    ),
    Failure(
        "create, no host",
        _balancer("compute.boot"),
        "No valid host was found",
        _NOT_STARTED,
    ),
    Failure(
        "create, too slow",
        _balancer("compute.late"),
        "to go active timeout",
        "The server of the load balancer (an amphora) did not start in time.",
    ),
    Failure("create, silent", _balancer("amphora.info"), "timed out", _SILENT),
    Failure(
        "create, address",
        _balancer("network.plug"),
        "is bound on node7",
        "The network service did not give the load balancer its address.",
    ),
    Failure("create, refused", _balancer("amphora.plug"), _DENIED, _REFUSED),
    Failure(
        "create, unexpected",
        _balancer("compute.build unexpected"),
        "boom in compute.build",
        "The load balancer could not be created.",
    ),
    Failure("update", _update, _DENIED, _REFUSED),
    Failure(
        "update, stuck",
        _update_stuck,
        "QoS driver of node7 is missing",
        "The network service did not do what the load balancer needs.",
    ),
    Failure(
        "delete, server",
        _delete("compute.delete"),
        "Failed to delete compute instance",
        "The compute service did not delete a server (an amphora) of the "
        "load balancer.",
    ),
    Failure(
        "delete, address",
        _delete("network.release"),
        "Port on node7 is in use",
        "The network service did not release the address of the load "
        "balancer.",
    ),
    Failure(
        "failover, quota",
        _failover("compute.build"),
        "Quota exceeded",
        _NOT_STARTED,
    ),
    Failure(
        "failover, silent", _failover("amphora.info"), "timed out", _SILENT
    ),
    Failure(
        "failover, unexpected",
        _failover("compute.build unexpected"),
        "boom in compute.build",
        "The failover of the load balancer failed.",
    ),
    Failure(
        "failover that nobody asked for",
        _failover_unasked,
        "Quota exceeded",
        _NOT_STARTED,
    ),
    Failure("listener, create", _created("listener"), _DENIED, _REFUSED),
    Failure(
        "listener, unexpected",
        _created("listener", "amphora.update unexpected"),
        _UNEXPECTED,
        "It could not be created.",
    ),
    Failure(
        "listener, update",
        _changed("listener", connection_limit=5),
        _DENIED,
        _REFUSED,
    ),
    Failure(
        "listener, delete",
        _deleted("listener", "amphora.delete"),
        "timed out",
        _SILENT,
    ),
    Failure("pool, create", _created("pool"), _DENIED, _REFUSED),
    Failure(
        "pool, update",
        _changed("pool", lb_algorithm="LEAST_CONNECTIONS"),
        _DENIED,
        _REFUSED,
    ),
    Failure("pool, delete", _deleted("pool"), _DENIED, _REFUSED),
    Failure("member, create", _created("member"), _DENIED, _REFUSED),
    Failure("member, update", _changed("member", weight=7), _DENIED, _REFUSED),
    Failure("member, delete", _deleted("member"), _DENIED, _REFUSED),
    Failure("health monitor, create", _monitor, _DENIED, _REFUSED),
    Failure(
        "health monitor, update",
        _changed("monitor", delay=9),
        _DENIED,
        _REFUSED,
    ),
    Failure("health monitor, delete", _deleted("monitor"), _DENIED, _REFUSED),
    Failure("L7 policy, create", _created("policy"), _DENIED, _REFUSED),
    Failure(
        "L7 policy, update",
        _changed("policy", name="other"),
        _DENIED,
        _REFUSED,
    ),
    Failure("L7 policy, delete", _deleted("policy"), _DENIED, _REFUSED),
    Failure("L7 rule, create", _created("rule"), _DENIED, _REFUSED),
    Failure(
        "L7 rule, update", _changed("rule", value="/y"), _DENIED, _REFUSED
    ),
    Failure("L7 rule, delete", _deleted("rule"), _DENIED, _REFUSED),
]
# What tells of a failure, where that is not the log alone.
SOURCES: dict[str, str] = {}
UNSHOWN = [
    Unshown(
        "batch update of members",
        "Octavia names a list of them, and none is certain to be the one.",
    )
]
