# SPDX-License-Identifier: Apache-2.0
"""What the log records of Ironic become by its profile."""

import json
import logging

import pytest
from oslo_context import context

from tests import logs
from tests.commands import run_manage
from tests.fixtures import DATA

LOG = DATA / "ironic/ironic-conductor.log"
NODE = "17d9fb03-8888-4180-ac00-000000000001"
MANAGER = """
def act(function, task, *arguments): function(task, *arguments)
def handle_sync_power_state_max_retries_exceeded(function, task): function(task)
def validate_driver_interfaces(function, task): function(task)
def _do_node_tear_down(function, task): function(task)
"""


@pytest.fixture
def faults():
    with logs.faults_of("ironic") as made:
        yield made


def task(user):
    """A task of the conductor's, as far as a rule looks at it."""
    asked = context.RequestContext(
        user_id=user, project_id="p1", overwrite=False
    )
    return {"node": {"uuid": NODE}, "context": asked}


def fail(given, function="act", logger="ironic.conductor.manager"):
    """Log in a function of the conductor's, while an exception is being handled."""

    def act(_task):
        try:
            raise RuntimeError("boom on node7")
        except RuntimeError:
            logging.getLogger(logger).error("Failed: boom on node7")

    logs.run_in("ironic.conductor.manager", MANAGER)[function](act, given)


def test_the_node_of_the_task_has_the_fault(faults):
    fail(task("alice"), "_do_node_tear_down")

    assert faults[0].instance_id == NODE
    assert faults[0].message == "The node could not be released."
    assert "RuntimeError: boom on node7" in faults[0].details


def test_the_request_is_that_of_the_task_and_not_of_the_thread(faults):
    given = task("alice")
    # A thread of the conductor keeps the first that it ever had.
    context.RequestContext(user_id="bob", project_id="p2", overwrite=True)

    fail(given)

    assert faults[0].request_id == given["context"].request_id
    assert faults[0].project_id == "p1"


def test_what_a_periodic_task_meets_is_no_fault(faults):
    context.RequestContext(user_id="bob", project_id="p2", overwrite=True)

    fail(task(None))

    assert faults == [None]


def test_a_node_that_ironic_gives_up_is_one_though_nobody_asked(faults):
    fail(task(None), "handle_sync_power_state_max_retries_exceeded")

    assert faults[0].message.startswith("The power state of the node could")


@pytest.mark.parametrize(
    ("function", "logger"),
    [
        ("validate_driver_interfaces", "ironic.conductor.manager"),
        ("act", "ironic.conductor.allocations"),
        ("act", "ironic.conductor.task_manager"),
    ],
)
def test_what_harms_no_node_is_no_fault(faults, function, logger):
    fail(task("alice"), function, logger)

    assert faults == [None]


def test_what_the_log_of_a_real_conductor_would_become():
    code, out, err = run_manage(
        "profile", "try", "ironic", "--log", str(LOG), "-f", "json"
    )

    assert code == 0, err
    assert [row["message"] for row in json.loads(out)] == [
        "The cleaning of the node failed.",
        "The deployment of the node failed.",
    ]
