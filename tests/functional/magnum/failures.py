# SPDX-License-Identifier: Apache-2.0
"""What can fail in Magnum, each provoked through its API by the user who would do so."""

import itertools
import time

import sqlalchemy as sa

from tests.fixtures import wait_until
from tests.functional.cloud import (
    NOTIFICATION,
    Cloud,
    Failure,
    Resource,
    Unshown,
)
from tests.functional.deployment import MEMBER, PROJECT
from tests.functional.magnum.labels import FAILS, HOW, LATER, REASON
from tests.functional.magnum.neighbours import FLAVOR, KEYPAIR, NETWORK

_NUMBERS = itertools.count()
# Magnum looks every ten seconds what has become of a cluster.
_PATIENCE = 60
# The certificates of this user's clusters cannot be written down.
UNLUCKY = f"member:{PROJECT}:unlucky"
# That a cluster with this name is being made cannot be written down.
UNWRITABLE = "unwritable"
_TRIGGER = """\
CREATE TRIGGER {name} BEFORE {event} FOR EACH ROW
BEGIN
  IF {condition} THEN
    SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'Disk full (node7)';
  END IF;
END"""
_FULL = {
    "INSERT ON x509keypair": "NEW.user_id = '{unlucky}'",
    "UPDATE ON cluster": f"LOCATE('{UNWRITABLE}', NEW.name) AND NEW.stack_id "
    "IS NOT NULL AND NEW.status = 'CREATE_IN_PROGRESS'",
}


def fill_disk(database: str, unlucky: str) -> None:
    """Let Magnum's database refuse what the triggers name.

    :param unlucky: the id of the user
    """
    engine = sa.create_engine(database)
    with engine.begin() as connection:
        for number, (event, condition) in enumerate(_FULL.items()):
            refused = condition.replace("{unlucky}", unlucky)
            values = {"event": event, "condition": refused}
            trigger = _TRIGGER.format(name=f"full{number}", **values)
            connection.exec_driver_sql(trigger)
    engine.dispose()


class Clusters(Cloud):
    """Magnum's API."""

    def template(self, distribution: str = "tests") -> str:
        """Make a template for clusters; return its id."""
        given = {
            "name": f"template-{next(_NUMBERS)}",
            "coe": "kubernetes",
            "driver": distribution,
            "image_id": distribution,
            "external_network_id": NETWORK,
            "flavor_id": FLAVOR,
            "master_flavor_id": FLAVOR,
            "keypair_id": KEYPAIR,
        }
        return self.call("POST", "/clustertemplates", given)["uuid"]

    def cluster(
        self,
        name: str = "cluster",
        template: str = "",
        token: str = MEMBER,
        **labels: str,
    ) -> Resource:
        """Order a cluster, and wait until Magnum has it."""
        given = {
            "name": f"{name}-{next(_NUMBERS)}",
            "cluster_template_id": template or self.template(),
            "labels": labels or {"none": "none"},
            "node_count": 1,
        }
        made = self.call("POST", "/clusters", given, token)["uuid"]
        found = Resource("clusters", made)
        wait_until(lambda: self.status(found) != "gone", _PATIENCE)
        return self.settle(found, _PATIENCE)

    def mend(self, cluster: Resource) -> None:
        """Let the driver fail no more, whatever the labels of a cluster say."""
        (self.deployment.folder / f"mended-{cluster.id}").touch()

    def update(self, cluster: Resource) -> Resource:
        change = {"op": "replace", "path": "/node_count", "value": 2}
        self.call("PATCH", cluster.path, [change])
        return self._changed(cluster)

    def resize(self, cluster: Resource) -> Resource:
        self.call("POST", f"{cluster.path}/actions/resize", {"node_count": 3})
        return self._changed(cluster)

    def upgrade(self, cluster: Resource) -> Resource:
        asked = {"cluster_template": self.template(), "max_batch_size": 1}
        self.attempt("POST", f"{cluster.path}/actions/upgrade", asked)
        return self._changed(cluster)

    def rotate(self, cluster: Resource) -> Resource:
        """Order a new certification authority."""
        self.attempt("PATCH", f"/certificates/{cluster.id}", {})
        return self._changed(cluster)

    def rotate_credential(self, cluster: Resource) -> Resource:
        self.attempt("PATCH", f"/credentials/{cluster.id}", {})
        return cluster

    def group(self, cluster: Resource) -> Resource:
        """Order a group of nodes, which is called ``more``."""
        asked = {"name": "more", "flavor_id": FLAVOR}
        self.call("POST", f"{cluster.path}/nodegroups", asked)
        return self._changed(cluster)

    def change_group(self, cluster: Resource) -> Resource:
        change = {"op": "replace", "path": "/max_node_count", "value": 5}
        self.call("PATCH", f"{cluster.path}/nodegroups/more", [change])
        return self._changed(cluster)

    def delete_group(self, cluster: Resource) -> Resource:
        self.call("DELETE", f"{cluster.path}/nodegroups/more")
        return self._changed(cluster)

    def delete(self, resource: Resource) -> Resource:
        self.call("DELETE", resource.path)
        return self._changed(resource)

    def attempt(self, method: str, path: str, body: object) -> None:
        """Ask for what the conductor does at once, and answers by an error if it fails."""
        self.deployment.request(method, path, MEMBER, body)

    def _changed(self, cluster: Resource) -> Resource:
        # What was ordered is begun a moment after the answer.
        time.sleep(1)
        return self.settle(cluster, _PATIENCE)

    def is_passing(self, status: str) -> bool:
        return status.endswith("IN_PROGRESS")


def _fails(step, how="refused"):
    return {FAILS: step, HOW: how}


def _later(step, how="loudly"):
    return {LATER: step, HOW: how}


def _create(cloud):
    return cloud.cluster(**_fails("create"))


def _create_unexpected(cloud):
    return cloud.cluster(**_fails("create", "unexpected"))


def _create_command(cloud):
    return cloud.cluster(**_fails("create", "command"))


def _create_later(cloud):
    return cloud.cluster(**_later("create"))


def _create_silently(cloud):
    return cloud.cluster(**_later("create", "silently"))


def _create_without_certificates(cloud):
    return cloud.cluster(token=UNLUCKY)


def _create_unwritable(cloud):
    return cloud.cluster(UNWRITABLE)


def _update(cloud):
    return cloud.update(cloud.cluster(**_fails("update")))


def _update_later(cloud):
    return cloud.update(cloud.cluster(**_later("update")))


def _update_undone(cloud):
    return cloud.update(cloud.cluster(**_later("update", "undone")))


def _resize(cloud):
    return cloud.resize(cloud.cluster(**_fails("resize")))


def _upgrade(cloud):
    return cloud.upgrade(cloud.cluster(**_fails("upgrade", "command")))


def _rotate(cloud):
    return cloud.rotate(cloud.cluster(**_fails("rotate")))


def _rotate_credential(cloud):
    made = cloud.cluster(**_fails("credential", "unexpected"))
    return cloud.rotate_credential(made)


def _delete(cloud):
    return cloud.delete(cloud.cluster(**_fails("delete")))


def _delete_unexpected(cloud):
    return cloud.delete(cloud.cluster(**_fails("delete", "unexpected")))


def _delete_failed(cloud):
    made = cloud.cluster(**_fails("create delete"))
    wait_until(lambda: "fault" in cloud.show(made))
    return cloud.delete(made)


def _delete_later(cloud):
    return cloud.delete(cloud.cluster(**_later("delete")))


def _group(cloud):
    return cloud.group(cloud.cluster(**_fails("group-create")))


def _group_unexpected(cloud):
    made = cloud.cluster(**_fails("group-create", "unexpected"))
    return cloud.group(made)


def _group_update(cloud):
    made = cloud.cluster(**_fails("group-update", "unexpected"))
    return cloud.change_group(cloud.group(made))


def _group_delete(cloud):
    made = cloud.cluster(**_fails("group-delete", "command"))
    return cloud.delete_group(cloud.group(made))


def come_back(cloud) -> None:
    """The driver that was removed is there again."""
    target = "tests.functional.magnum.driver:Leaving"
    cloud.deployment.install("magnum.drivers", "leaving", target)
    cloud.deployment.programs["magnum-conductor"].restart()


def leave(cloud) -> Resource:
    """A cluster whose driver is removed before it is deleted."""
    made = cloud.cluster(template=cloud.template("leaving"))
    cloud.deployment.uninstall("magnum.drivers", "leaving")
    cloud.deployment.programs["magnum-conductor"].restart()
    return cloud.delete(made)


def _refused(step: str) -> str:
    return f"{step}: No Flavor matching {{'name': 'large'}}"


_NO_FLAVOR = "No Flavor matching"
_FAILED = "UPGRADE FAILED on node7.internal"
_COMMAND = "A command of the cluster's driver failed."
# What is provoked side by side.
TOGETHER = [
    Failure("create", _create, _NO_FLAVOR, _refused("create")),
    Failure(
        "create, unexpected",
        _create_unexpected,
        "boom in create",
        "boom in create: password=***",
    ),
    Failure("create, a command fails", _create_command, _FAILED, _COMMAND),
    Failure("create, later", _create_later, "No valid host", REASON),
    Failure(
        "create, without a reason",
        _create_silently,
        "could not be created",
        "The cluster could not be created.",
    ),
    Failure(
        "create without certificates",
        _create_without_certificates,
        "Disk full (node7)",
        "The certificates of the cluster could not be made.",
    ),
    Failure(
        "create without a database",
        _create_unwritable,
        "Disk full (node7)",
        "The database of Magnum refused a change of the cluster.",
    ),
    Failure("update", _update, _NO_FLAVOR, _refused("update")),
    Failure("update, later", _update_later, "No valid host", REASON),
    Failure(
        "update, undone",
        _update_undone,
        "ROLLBACK completed",
        "An update of the cluster failed, and was undone.",
    ),
    Failure("resize", _resize, _NO_FLAVOR, _refused("resize")),
    Failure("upgrade, a command fails", _upgrade, _FAILED, _COMMAND),
    Failure("rotate the authority", _rotate, _NO_FLAVOR, _refused("rotate")),
    Failure(
        "rotate the credential",
        _rotate_credential,
        "boom in credential",
        "The credential of the cluster could not be replaced.",
    ),
    Failure("delete", _delete, _NO_FLAVOR, _refused("delete")),
    Failure(
        "delete, unexpected",
        _delete_unexpected,
        "boom in delete",
        "The cluster could not be deleted; its status_reason has the reason.",
    ),
    Failure(
        "delete what had failed",
        _delete_failed,
        _NO_FLAVOR,
        _refused("delete"),
    ),
    Failure("delete, later", _delete_later, "No valid host", REASON),
    Failure("node group", _group, _NO_FLAVOR, _refused("group-create")),
    Failure(
        "node group, unexpected",
        _group_unexpected,
        "boom in group-create",
        "A node group of the cluster could not be created.",
    ),
    Failure(
        "change of a node group",
        _group_update,
        "boom in group-update",
        "A node group of the cluster could not be changed.",
    ),
    Failure(
        "deletion of a node group, a command fails",
        _group_delete,
        _FAILED,
        _COMMAND,
    ),
]
GONE = Failure(
    "delete without the driver",
    leave,
    "leaving",
    "Cluster driver (leaving) not supported.",
)
FAILURES = [*TOGETHER, GONE]
# What tells of a failure, where that is not the log alone.
SOURCES = {
    "create": NOTIFICATION,
    "create, unexpected": NOTIFICATION,
    "create, a command fails": NOTIFICATION,
    "create, later": NOTIFICATION,
    "create, without a reason": NOTIFICATION,
    "create without certificates": NOTIFICATION,
    "create without a database": NOTIFICATION,
    "update": NOTIFICATION,
    "update, later": NOTIFICATION,
    "update, undone": NOTIFICATION,
    "resize": NOTIFICATION,
    "upgrade, a command fails": NOTIFICATION,
    "rotate the authority": NOTIFICATION,
    "delete, unexpected": NOTIFICATION,
    "delete, later": NOTIFICATION,
}
UNSHOWN = [
    Unshown(
        "a change that the cluster's state does not allow",
        "Magnum refuses it after the answer, and the cluster is as it was.",
    ),
    Unshown(
        "node groups that could not be written down",
        "Magnum cannot show a cluster without them.",
    ),
]
