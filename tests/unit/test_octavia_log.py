# SPDX-License-Identifier: Apache-2.0
"""What the log records of Octavia become by its profile."""

import json
import logging

import pytest

from tests import logs
from tests.commands import run_manage
from tests.fixtures import DATA

LOG = DATA / "octavia/octavia-worker.log"
RPC_SERVER = "oslo_messaging.rpc.server"
WORKER = "octavia.controller.worker.v2.controller_worker"
NOT_STARTED = (
    "The compute service did not start a server (an amphora) for the load "
    "balancer."
)
REFUSED = (
    "A server of the load balancer (an amphora) did not take its new "
    "configuration."
)
BALANCER = "17d9fb03-8888-4180-ac00-000000000001"
LISTENER = "17d9fb03-8888-4180-ac00-000000000002"
ENDPOINTS = """
def create_load_balancer(act, loadbalancer): act(listener={})
def create_listener(act, listener): act(listener)
def update_listener(act, original_listener): act(original_listener)
def delete_pool(act, pool): act(pool)
def batch_update_members(act, old_members): act(old_members)
"""
FAILOVERS = """
import logging
LOG = logging.getLogger(__name__)
def failover_loadbalancer(load_balancer_id):
    try:
        raise RuntimeError("boom on node7")
    except RuntimeError:
        LOG.exception("LB %s failover exception: boom", load_balancer_id)
def failover_amphora(amphora_id, amphora):
    try:
        raise RuntimeError("boom on node7")
    except RuntimeError:
        LOG.exception("Amphora %s failover exception: boom", amphora_id)
"""


@pytest.fixture
def faults():
    with logs.faults_of("octavia") as made:
        yield made


def ask(function, *arguments):
    """Let the worker fail in what it was asked for, as the RPC server logs it."""

    def act(*_arguments, **_options):
        raise RuntimeError("boom on node7")

    module = "octavia.controller.queue.v2.endpoints"
    try:
        logs.run_in(module, ENDPOINTS)[function](act, *arguments)
    except RuntimeError:
        logging.getLogger(RPC_SERVER).exception("Exception during handling")


@pytest.mark.parametrize(
    ("function", "argument", "instance_id", "says"),
    [
        (
            "create_load_balancer",
            {"loadbalancer_id": BALANCER},
            BALANCER,
            "The load balancer could not be created.",
        ),
        (
            "create_listener",
            {"listener_id": LISTENER, "loadbalancer_id": BALANCER},
            LISTENER,
            "It could not be created.",
        ),
        (
            "update_listener",
            {"listener_id": LISTENER},
            LISTENER,
            "It could not be changed.",
        ),
        (
            "delete_pool",
            {"pool_id": LISTENER, "loadbalancer_id": BALANCER},
            LISTENER,
            "It could not be deleted.",
        ),
    ],
)
def test_what_was_asked_for_has_the_fault(
    faults, function, argument, instance_id, says
):
    ask(function, argument)

    assert faults[0].instance_id == instance_id
    assert faults[0].message == says
    assert "boom on node7" in faults[0].details


def test_none_of_several_members_is_blamed_for_all(faults):
    ask("batch_update_members", [{"member_id": LISTENER}])

    assert faults == [None]


def test_a_failover_is_of_the_load_balancer(faults):
    found = logs.run_in(WORKER, FAILOVERS)

    found["failover_loadbalancer"](BALANCER)
    found["failover_amphora"](LISTENER, {"load_balancer_id": BALANCER})

    assert [fault.instance_id for fault in faults] == [BALANCER, BALANCER]
    assert {fault.message for fault in faults} == {
        "The failover of the load balancer failed."
    }


def test_what_is_tried_again_is_no_fault(faults):
    logging.getLogger(WORKER).warning(
        "Task 'ComputeWait' transitioned into state 'FAILURE'"
    )

    assert faults == [None]


def test_what_the_log_of_a_real_worker_would_become():
    code, out, err = run_manage(
        "profile", "try", "octavia", "--log", str(LOG), "-f", "json"
    )

    assert code == 0, err
    assert [row["message"] for row in json.loads(out)] == [
        NOT_STARTED,
        REFUSED,
        "A server of the load balancer (an amphora) did not answer.",
    ]
