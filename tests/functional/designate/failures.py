# SPDX-License-Identifier: Apache-2.0
"""What can fail in Designate, each provoked through its API by the user who would do so."""

from tests.functional.cloud import Cloud, Failure, Resource, Unshown
from tests.functional.deployment import ADMIN


class Zones(Cloud):
    """Designate's API."""

    def zone(self, name: str, **others) -> Resource:
        body = {"name": f"{name}.example.", "email": "a@b.example", **others}
        made = self.call("POST", "/zones", body)
        return self.settle(Resource("zones", made["id"]))

    def records(self, zone: Resource, name: str) -> Resource:
        whole = f"{name}.{self.show(zone)['name']}"
        body = {"name": whole, "type": "A", "records": ["192.0.2.1"]}
        made = self.call("POST", f"{zone.path}/recordsets", body)
        return Resource(f"{zone.path[1:]}/recordsets", made["id"])

    def mend(self, zone: Resource) -> None:
        """Let the name server do what it is asked for, whatever the name of a zone tells."""
        name = self.show(zone)["name"].rstrip(".")
        (self.deployment.folder / f"mended-{name}").touch()

    def is_passing(self, status: str) -> bool:
        return status == "PENDING"

    def is_up(self) -> bool:
        path = "/service_statuses"
        status, found = self.deployment.request("GET", path, ADMIN)
        return status == 200 and "worker" in str(found)


def _created(name: str):
    return lambda cloud: cloud.zone(name)


def _updated(name: str):
    """A zone that gets records; what fails is shown on the zone."""

    def provoke(cloud):
        zone = cloud.zone(name)
        cloud.records(zone, "www")
        return zone

    return provoke


_REFUSED = "A name server refused the change of the zone."
_SILENT = "A name server did not answer."
_DIFFERENT = "Not enough name servers have the zone as it should be."
_DENIED = "permission denied at 10.1.2.3"
FAILURES = [
    Failure("create, refused", _created("fail-addzone"), _DENIED, _REFUSED),
    Failure(
        "create, not answered",
        _created("fail-notify"),
        "The DNS operation timed out",
        _SILENT,
    ),
    Failure(
        "create, nobody to ask",
        _created("fail-query"),
        "on enough nameservers",
        _DIFFERENT,
    ),
    Failure(
        "create, not there",
        _created("fail-missing"),
        "on enough nameservers",
        _DIFFERENT,
    ),
    Failure(
        "create, not the newest",
        _created("fail-old"),
        "on enough nameservers",
        _DIFFERENT,
    ),
    Failure("update, refused", _updated("fail-showzone"), _DENIED, _REFUSED),
]
# What tells of a failure, where that is not the log alone.
SOURCES: dict[str, str] = {}
UNSHOWN = [
    Unshown(
        "delete, refused",
        "Designate shows a zone that is being deleted to nobody.",
    )
]
