# SPDX-License-Identifier: Apache-2.0
"""What the log records of Magnum become by its profile."""

import json
import types

import pytest

from fault_middleware import profile
from tests.commands import run_manage
from tests.fixtures import DATA
from tests.logged import raised, read, request

CLUSTER = "5f15e2a3-b556-4cd7-8ce4-e893e533dba1"
GROUP = "5f15e2a3-b556-4cd7-8ce4-e893e533dba2"
SERVER = "oslo_messaging.rpc.server"
HANDLERS = "magnum.conductor.handlers"
CLUSTERS = f"{HANDLERS}.cluster_conductor"
GROUPS = f"{HANDLERS}.nodegroup_conductor"


class NotSupported(Exception):
    """As Magnum refuses a change."""


class InvalidParameterValue(Exception):
    """As a driver of Magnum refuses one."""


class ClusterDriverNotSupported(NotSupported):
    """As Magnum says that a driver is not there."""


for _refusal in (
    NotSupported,
    InvalidParameterValue,
    ClusterDriverNotSupported,
):
    _refusal.__module__ = "magnum.common.exception"


def thing(uuid):
    """A cluster or a node group as Magnum's versioned objects hold it."""
    return types.SimpleNamespace(_obj_uuid=uuid)


def fault_of(exc, module, function, user="alice", **values):
    values.setdefault("cluster", thing(CLUSTER))
    record = raised(SERVER, exc, module, function, **values)
    return read(profile.load("magnum"), record, request(user))


def test_what_fails_in_a_node_group_is_a_fault_of_its_cluster():
    fault = fault_of(
        RuntimeError("boom on node7"),
        GROUPS,
        "nodegroup_create",
        nodegroup=thing(GROUP),
    )

    assert fault.instance_id == CLUSTER
    assert fault.message == "A node group of the cluster could not be created."
    assert "boom on node7" in fault.details


def test_a_driver_that_is_gone_is_not_a_refusal():
    gone = ClusterDriverNotSupported("Cluster driver (x) not supported.")

    fault = fault_of(gone, CLUSTERS, "cluster_delete")

    assert fault.message == "Cluster driver (x) not supported."


def test_owners_read_what_magnum_itself_says():
    refusal = InvalidParameterValue("No Flavor matching large")

    fault = fault_of(refusal, GROUPS, "nodegroup_update")

    assert fault.message == "No Flavor matching large"


def test_a_cluster_that_is_not_even_looked_up_has_its_id_from_the_call():
    fault = fault_of(
        RuntimeError("boom"),
        CLUSTERS,
        "cluster_delete",
        cluster=None,
        uuid=CLUSTER,
    )

    assert fault.instance_id == CLUSTER


@pytest.mark.parametrize(
    ("exc", "module", "function", "user"),
    [
        (NotSupported("Updating"), CLUSTERS, "cluster_update", "alice"),
        (
            RuntimeError("a request that is no certificate's"),
            f"{HANDLERS}.ca_conductor",
            "sign_certificate",
            "alice",
        ),
        (RuntimeError("boom"), CLUSTERS, "cluster_update", None),
    ],
    ids=["refused", "only answered", "nobody's request"],
)
def test_what_is_not_a_fault(exc, module, function, user):
    assert fault_of(exc, module, function, user) is None


def test_the_context_of_the_call_counts_where_a_driver_made_another():
    record = raised(
        SERVER,
        RuntimeError("boom"),
        GROUPS,
        "nodegroup_create",
        cluster=thing(CLUSTER),
        context=request(),
    )

    fault = read(profile.load("magnum"), record, request(user=None))

    assert fault.instance_id == CLUSTER


def test_what_the_log_of_the_conductor_says():
    log = str(DATA / "magnum/magnum-conductor.log")

    _, out, _ = run_manage(
        "profile", "try", "magnum", "--log", log, "-f", "json"
    )

    assert [row["message"] for row in json.loads(out)] == [
        "The certificates of the cluster could not be made.",
        "The database of Magnum refused a change of the cluster.",
        "The cluster could not be deleted; its status_reason has the reason.",
        "The credential of the cluster could not be replaced.",
        "A node group of the cluster could not be created.",
        "A command of the cluster's driver failed.",
    ]
