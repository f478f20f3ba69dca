# SPDX-License-Identifier: Apache-2.0
"""What the log records of Nova become by its profile, while code in Nova's modules logs them."""

import logging

import pytest
from oslo_context import context
from oslo_log import log as oslo_log

from fault_middleware import log_record, log_rule, profile

SERVER = "5f15e2a3-b556-4cd7-8ce4-e893e533dba1"
OTHER = "5f15e2a3-b556-4cd7-8ce4-e893e533dba2"
REQUEST = "req-5f15e2a3-b556-4cd7-8ce4-e893e533dba9"
RPC_SERVER = "oslo_messaging.rpc.server"
SECRET = "cannot open /dev/vg/x on rack7.example.org, 10.1.2.3"

MANAGER = """
def live_migration(act, instance): act()
def schedule_and_build_instances(act, instance): act()
def refresh(act, instances): act()
"""


class Instance:
    """A server as Nova's versioned objects hold it."""

    def __init__(self, uuid):
        self._obj_uuid = uuid

    @property
    def uuid(self):
        return self._obj_uuid


class NovaError(Exception):
    """An exception as Nova's own module has them."""


NovaError.__module__ = "nova.exception"


def manager(module):
    """Functions that run in one of Nova's modules."""
    functions = {"__name__": module}
    exec(MANAGER, functions)
    return functions


@pytest.fixture
def faults():
    """What the profile makes of each record that is logged in the test; None for no fault."""
    nova = profile.load("nova")
    made = []

    class Handler(logging.Handler):
        def emit(self, record):
            made.append(read(nova, log_record.Sighting(record)))

    handler = Handler()
    logging.getLogger().addHandler(handler)
    log_in("alice")
    yield made
    context._request_store.context = None
    logging.getLogger().removeHandler(handler)


def log_in(user):
    context.RequestContext(
        user_id=user, project_id="p1", request_id=REQUEST, overwrite=True
    )


def read(nova, sighting):
    """The fault that the first rule which fits makes of a record."""
    record = sighting.record
    for rule in nova.sources.logs:
        if rule.matches_source(record.name, record.levelno) and rule.matches(
            sighting
        ):
            found = rule.find(sighting)
            if found is None:
                return None
            failure = log_record.read(sighting, found, rule.modules)
            return log_rule.make_fault(
                nova.service, rule, failure, nova.sources.words
            )
    return None


def fail(exc, module, function, *arguments):
    """Log that a method let an exception out, as the RPC server does."""

    def act():
        raise exc

    try:
        manager(module)[function](act, *arguments)
    except type(exc):
        logging.getLogger(RPC_SERVER).exception(
            "Exception during message handling"
        )


def test_a_live_migration_that_the_driver_refuses_is_on_its_server(faults):
    fail(
        NovaError("Live migration refused"),
        "nova.compute.manager",
        "live_migration",
        Instance(SERVER),
    )

    assert faults[0].instance_id == SERVER
    assert faults[0].message == "Live migration refused"
    assert faults[0].request_id == REQUEST


def test_of_an_exception_that_is_not_novas_owners_read_the_class(faults):
    fail(
        OSError(SECRET),
        "nova.compute.manager",
        "live_migration",
        Instance(SERVER),
    )

    assert faults[0].message == "OSError"
    assert "/dev/vg/x" in faults[0].details


def test_the_server_that_the_record_names_comes_before_local_variables(faults):
    def act():
        try:
            raise NovaError("refused")
        except NovaError:
            oslo_log.getLogger("nova.compute.manager").exception(
                "Setting instance vm_state to ERROR", instance=Instance(SERVER)
            )

    manager("nova.compute.manager")["live_migration"](act, Instance(OTHER))

    assert faults[0].instance_id == SERVER


def test_a_failed_reboot_of_a_guest_that_runs_is_only_a_warning(faults):
    logger = oslo_log.getLogger("nova.compute.manager")

    logger.warning(
        "Reboot failed but instance is running", instance=Instance(SERVER)
    )
    logger.warning(
        "Instance disappeared during reboot", instance=Instance(SERVER)
    )

    assert faults[0].instance_id == SERVER
    assert faults[1] is None


def test_one_of_several_servers_is_not_blamed_for_all(faults):
    fail(
        NovaError("refused"),
        "nova.conductor.manager",
        "schedule_and_build_instances",
        Instance(SERVER),
    )
    fail(
        NovaError("refused"),
        "nova.compute.manager",
        "refresh",
        [Instance(SERVER)],
    )

    assert faults == [None, None]


def test_what_no_user_began_is_no_fault(faults):
    log_in(None)

    fail(
        NovaError("refused"),
        "nova.compute.manager",
        "live_migration",
        Instance(SERVER),
    )

    assert faults == [None]
