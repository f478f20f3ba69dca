# SPDX-License-Identifier: Apache-2.0
"""What can fail in Masakari, each provoked through its API by the monitors that use it."""

import contextlib
import dataclasses
import http.client
import itertools
import json
import time

from tests.functional.cloud import NOTIFICATION, Cloud, Failure, Resource
from tests.functional.deployment import ADMIN
from tests.functional.masakari.deployment import PRIVILEGED

_NUMBERS = itertools.count()


@dataclasses.dataclass(frozen=True)
class Recoveries(Cloud):
    """Masakari's API, which is for administrators, and servers to be recovered."""

    def is_passing(self, status: str) -> bool:
        # What failed is tried once more, and has failed then.
        return status in ("new", "running", "error")

    def server(self, name: str, host: str) -> str:
        """Make a server at what stands in for Nova."""
        connection = http.client.HTTPConnection(
            "127.0.0.1", self.deployment.nova
        )
        body = json.dumps({"name": name, "host": host})
        with contextlib.closing(connection):
            connection.request("POST", "/compute/v2.1/servers", body=body)
            return json.loads(connection.getresponse().read())["id"]

    def segment(self, method: str = "auto") -> Resource:
        name = f"segment-{next(_NUMBERS)}"
        given = {"name": name, "recovery_method": method}
        body = {"segment": {**given, "service_type": "compute"}}
        made = self.call("POST", "/segments", body, ADMIN)["segment"]
        return Resource("segments", made["uuid"])

    def host(self, name: str = "host", method: str = "auto", **others) -> str:
        """Make a host in a segment of its own; return its name."""
        unique = f"{name}-{next(_NUMBERS)}"
        given = {
            "name": unique,
            "type": "COMPUTE",
            "control_attributes": "SSH",
        }
        segment = self.segment(method)
        self.call(
            "POST",
            f"{segment.path}/hosts",
            {"host": {**given, **others}},
            ADMIN,
        )
        return unique

    def notify(self, kind: str, host: str, **payload) -> Resource:
        """Tell Masakari of a failure, as its monitors do."""
        given = {
            "type": kind,
            "hostname": host,
            "generated_time": time.strftime(
                "%Y-%m-%dT%H:%M:%S", time.gmtime()
            ),
            "payload": payload,
        }
        made = self.call(
            "POST", "/notifications", {"notification": given}, ADMIN
        )
        found = made["notification"]["notification_uuid"]
        return Resource("notifications", found)

    def lose_server(self, server: str, host: str | None = None) -> Resource:
        """The server's process is gone."""
        return self.notify(
            "VM",
            host or self.host(),
            event="LIFECYCLE",
            instance_uuid=server,
            vir_domain_event="STOPPED_FAILED",
        )

    def lose_process(self, host: str) -> Resource:
        """nova-compute is gone."""
        return self.notify(
            "PROCESS", host, event="STOPPED", process_name="nova-compute"
        )

    def lose_host(self, host: str) -> Resource:
        return self.notify(
            "COMPUTE_HOST",
            host,
            event="STOPPED",
            host_status="NORMAL",
            cluster_status="OFFLINE",
        )


def _server_unknown(cloud):
    return cloud.lose_server("40400000-0000-4000-8000-000000000001")


def _stop(cloud):
    host = cloud.host()
    return cloud.lose_server(cloud.server("fail-stop", host), host)


def _halt(cloud):
    host = cloud.host()
    return cloud.lose_server(cloud.server("fail-halt", host), host)


def _start(cloud):
    host = cloud.host()
    return cloud.lose_server(cloud.server("fail-start", host), host)


def _boot(cloud):
    host = cloud.host()
    return cloud.lose_server(cloud.server("fail-boot", host), host)


def _locked(cloud):
    host = cloud.host()
    with cloud.deployment.keystone.disabled(PRIVILEGED):
        lost = cloud.lose_server(cloud.server("well", host), host)
        return cloud.settle(lost, 90)


def _process_disable(cloud):
    return cloud.lose_process(cloud.host("fail-disable"))


def _process_confirm(cloud):
    return cloud.lose_process(cloud.host("fail-confirm"))


def _host_disable(cloud):
    host = cloud.host("fail-disable")
    cloud.server("well", host)
    return cloud.lose_host(host)


def _evacuate(cloud):
    host = cloud.host()
    cloud.server("fail-evacuate", host)
    return cloud.lose_host(host)


def _rebuild(cloud):
    host = cloud.host()
    cloud.server("fail-rebuild", host)
    return cloud.lose_host(host)


def _move(cloud):
    host = cloud.host()
    cloud.server("fail-move", host)
    return cloud.lose_host(host)


def _no_spare(cloud):
    host = cloud.host(method="reserved_host")
    cloud.server("well", host)
    return cloud.lose_host(host)


# The first is over when it was provoked, the others go on side by side.
# Whoever reads the faults.
READERS = "Administrators read it: Masakari shows recoveries to nobody else."
FAILURES = [
    Failure(
        "Keystone refuses Masakari",
        _locked,
        "requires authentication",
        "Keystone does not let Masakari in.",
    ),
    Failure(
        "a server that Nova does not know",
        _server_unknown,
        "could not be found",
        "Nova does not know the server.",
    ),
    Failure(
        "stop refused",
        _stop,
        "API Error at db7.internal",
        "Nova refused to stop the server.",
    ),
    Failure(
        "stop takes too long",
        _halt,
        "Looping call timed out",
        "Failed to stop instance",
    ),
    Failure(
        "start refused",
        _start,
        "too small on cpu7.internal",
        "Nova refused to start the server.",
    ),
    Failure(
        "start takes too long",
        _boot,
        "Looping call timed out",
        "Failed to start instance",
    ),
    Failure(
        "process, disable refused",
        _process_disable,
        "API Error at db7.internal",
        "Nova refused to disable the compute service of the host.",
    ),
    Failure(
        "process, not disabled",
        _process_confirm,
        "Looping call timed out",
        "Failed to disable service nova-compute",
    ),
    Failure(
        "host, disable refused",
        _host_disable,
        "API Error at db7.internal",
        "Nova refused to disable the compute service of the host.",
    ),
    Failure(
        "evacuation refused",
        _evacuate,
        "cpu7.internal is still in use",
        "A server could not be evacuated from the failed host.",
    ),
    Failure(
        "evacuation ends in error",
        _rebuild,
        "Timeout for instance",
        "A server could not be evacuated from the failed host.",
    ),
    Failure(
        "evacuation takes too long",
        _move,
        "Timeout for instance",
        "A server could not be evacuated from the failed host.",
    ),
    Failure(
        "no reserved host",
        _no_spare,
        "No reserved_hosts available",
        "No reserved_hosts available for evacuation.",
    ),
]
# What tells of a failure, where that is not the log alone.
SOURCES = {
    "stop takes too long": NOTIFICATION,
    "start takes too long": NOTIFICATION,
    "process, not disabled": NOTIFICATION,
    "no reserved host": NOTIFICATION,
}
