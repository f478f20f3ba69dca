# SPDX-License-Identifier: Apache-2.0
"""Whose fault a log record is, found while a service's code logs it."""

import logging
import re
import types

import pytest
from oslo_context import context
from oslo_log import log as oslo_log

from fault_middleware import log_record, log_rule
from fault_middleware.log_place import AmbiguousError
from fault_middleware.vocabulary import Vocabulary

VOLUME = "5f15e2a3-b556-4cd7-8ce4-e893e533dba1"
OTHER = "5f15e2a3-b556-4cd7-8ce4-e893e533dba2"
SNAPSHOT = "5f15e2a3-b556-4cd7-8ce4-e893e533dba3"
REQUEST = "req-5f15e2a3-b556-4cd7-8ce4-e893e533dba9"
LOCAL_VOLUME = {"local": ["volume.id", "volume_id"]}


class Versioned:
    """An object as oslo.versionedobjects makes them; what is not loaded asks a database."""

    def __init__(self, **fields):
        for name, value in fields.items():
            setattr(self, f"_obj_{name}", value)

    def __getattr__(self, name):
        raise AssertionError(f"{name} was asked for, which may take long")


@pytest.fixture
def sightings():
    """What a rule of these modules sees of each record that is logged in the test."""
    seen = []
    rule = build()

    class Handler(logging.Handler):
        def emit(self, record):
            sighting = log_record.Sighting(record)
            sighting.calls(rule.modules)
            seen.append(sighting)

    handler = Handler()
    logging.getLogger().addHandler(handler)
    context.RequestContext(
        user_id="alice", project_id="p1", request_id=REQUEST, overwrite=True
    )
    yield seen
    context._request_store.context = None
    logging.getLogger().removeHandler(handler)


def build(*places, **parts):
    """A rule of a service whose module this is."""
    given = {
        "logger": "*",
        "record": {"instance_id": list(places) or [LOCAL_VOLUME]},
    }
    return log_rule.build({**given, **parts}, [__name__])


def fail(volume):
    raise RuntimeError("no space in pool rack7")


def log_failure(**values):
    """Log that something failed, as an RPC server does."""
    try:
        fail(**values)
    except RuntimeError:
        logging.getLogger("rpc.server").exception(
            "Exception during message handling"
        )


def test_the_instance_is_in_a_local_variable_of_the_service(sightings):
    log_failure(volume=Versioned(id=VOLUME.upper()))

    found = build().find(sightings[0])

    assert found == VOLUME


def test_a_model_that_was_not_loaded_is_not_asked(sightings):
    log_failure(volume=Versioned(name="x"))

    assert build().find(sightings[0]) is None


def test_of_two_functions_the_outer_one_knows_which_volume_is_meant(sightings):
    def clone(volume):
        log_failure(volume={"id": OTHER})

    clone({"id": VOLUME})

    assert build().find(sightings[0]) == VOLUME


def test_the_first_place_that_names_an_instance_counts(sightings):
    def delete_snapshot(snapshot):
        log_failure(volume={"id": VOLUME})

    delete_snapshot({"id": SNAPSHOT})
    rule = build(
        {"local": "snapshot.id", "function": "*_snapshot"}, LOCAL_VOLUME
    )

    assert rule.find(sightings[0]) == SNAPSHOT


def test_two_instances_that_are_equally_good_are_none(sightings):
    def migrate(volume, volume_id):
        log_failure(volume={"id": VOLUME})

    migrate({"id": VOLUME}, OTHER)

    with pytest.raises(AmbiguousError, match="2 ids"):
        build().find(sightings[0])


def test_a_list_of_instances_names_none(sightings):
    def sweep(volumes):
        logging.getLogger("manager").error("the sweep failed")

    sweep([{"id": VOLUME}])

    assert (
        build({"local": ["volumes", "volumes.id"]}).find(sightings[0]) is None
    )


def test_a_resource_of_oslo_log_names_the_instance(sightings):
    resource = {"type": "volume", "id": VOLUME}
    oslo_log.getLogger("manager").error("it failed", resource=resource)

    assert build({"record": "resource"}).find(sightings[0]) == VOLUME


@pytest.mark.parametrize(
    "name", [f"my copy of volume-{VOLUME}", f"{VOLUME}] [volume-{OTHER}"]
)
def test_a_name_that_a_user_chose_blames_nobody(sightings, name):
    oslo_log.getLogger("manager").error("it failed", resource={"name": name})

    def rename(volume_id):
        logging.getLogger("manager").error("it failed")

    rename(name)

    assert build({"record": "resource"}).find(sightings[0]) is None
    assert build().find(sightings[1]) is None


def test_a_resource_that_is_an_object_names_the_instance(sightings):
    record = logging.getLogger("manager").makeRecord(
        "m", 40, "f", 1, "it failed", (), None
    )
    record.instance = Versioned(uuid=VOLUME)
    logging.getLogger().handle(record)

    assert build({"record": "instance.uuid"}).find(sightings[0]) == VOLUME


def test_the_context_names_the_instance(sightings):
    context.get_current().resource_uuid = VOLUME
    logging.getLogger("manager").error("it failed")

    assert build({"context": "resource_uuid"}).find(sightings[0]) == VOLUME


def test_a_text_names_an_instance_by_a_pattern_only(sightings):
    logging.getLogger("manager").error(
        "volume %s of snapshot %s failed", VOLUME, SNAPSHOT
    )

    assert build().find(sightings[0]) is None
    assert build({"text": "volume (\\S+) of"}).find(sightings[0]) == VOLUME


def test_a_text_that_names_two_instances_or_none_blames_nobody(sightings):
    """A user may have chosen a part of it."""
    for text in (
        f"volume {VOLUME} of volume {OTHER} of it failed",
        "volume my-name of it failed",
    ):
        logging.getLogger("manager").error(text)

    rule = build({"text": "volume (\\S+) of"})
    with pytest.raises(AmbiguousError):
        rule.find(sightings[0])
    assert rule.find(sightings[1]) is None


def test_what_no_user_began_is_nobodys_fault(sightings):
    context.RequestContext(overwrite=True)
    log_failure(volume={"id": VOLUME})

    assert not build().matches(sightings[0])
    assert build(user="any").matches(sightings[0])


@pytest.mark.parametrize(
    ("parts", "is_meant"),
    [
        ({"text": "message handling"}, True),
        ({"text": "something else"}, False),
        ({"exception": "RuntimeError"}, True),
        ({"exception": ["*.VolumeError", "KeyError"]}, False),
        ({"function": "fail"}, True),
        ({"function": "create_*"}, False),
    ],
)
def test_a_rule_says_which_records_it_means(sightings, parts, is_meant):
    log_failure(volume={"id": VOLUME})

    assert build(**parts).matches(sightings[0]) is is_meant


@pytest.mark.parametrize(
    ("logger", "level", "is_meant"),
    [
        ("cinder.volume.manager", logging.ERROR, True),
        ("cinder.volume.manager", logging.WARNING, False),
        ("oslo_messaging.rpc.server", logging.CRITICAL, True),
        ("sqlalchemy.pool", logging.ERROR, False),
    ],
)
def test_a_rule_says_which_loggers_it_means(logger, level, is_meant):
    rule = build(logger=["cinder.*", "oslo_messaging.rpc.server"])

    assert rule.matches_source(logger, level) is is_meant


def test_what_is_kept_of_a_record_is_text(sightings):
    log_failure(volume={"id": VOLUME})
    rule = build()

    failure = log_record.read(
        sightings[0], VOLUME, rule.modules, project_id="p1"
    )

    assert failure.text == "Exception during message handling"
    assert [cause.text for cause in failure.causes] == [
        "no space in pool rack7"
    ]
    assert failure.sources[0] == "rpc.server"
    assert failure.sources[-1].endswith("test_log_rule.fail")
    assert failure.trace.endswith("RuntimeError: no space in pool rack7\n")
    assert (failure.request_id, failure.project_id) == (REQUEST, "p1")


def test_of_a_traceback_without_end_the_ends_are_kept(sightings):
    def shrink(volume):
        raise OSError("x" * 10**6)

    try:
        shrink({"id": VOLUME})
    except OSError:
        logging.getLogger("manager").exception("it failed")
    failure = log_record.read(sightings[0], VOLUME, build().modules)

    assert len(failure.trace) < 300_000
    assert failure.trace.startswith("Traceback")


def test_a_secret_that_the_end_of_what_is_stored_divides_is_not_stored(
    sightings,
):
    url = "mysql+pymysql://cinder:Xk9vQ2mZ7pLsTq4w@db/cinder"
    logging.getLogger("manager").error("%s%s", "x " * 4080, url)
    rule = build()
    failure = log_record.read(sightings[0], VOLUME, rule.modules)

    made = log_rule.make_fault(
        "cinder", rule, failure, Vocabulary((), re.compile("(?!)"))
    )

    assert "Xk9" not in made.details
    assert made.details.startswith("x x ")


def test_a_record_whose_arguments_do_not_fit_is_read_all_the_same():
    record = logging.getLogger("m").makeRecord(
        "m", 40, "f", 1, "%s and %s", ("one",), None
    )

    assert log_record.message_of(record) == "%s and %s"


@pytest.mark.parametrize(
    "wrong",
    [{"record": {"instance_id": [{"text": "no group"}]}}, {"ignore": {}}],
    ids=["a pattern without a group", "both record and ignore"],
)
def test_a_rule_that_cannot_work_is_refused(wrong):
    with pytest.raises(ValueError, match="needs"):
        build(**wrong)


class Run(AssertionError):
    """Code of the service was run."""


def run(*_):
    raise Run


def holding(attribute):
    """An object whose class answers for it when it is asked for an attribute."""
    return type("Model", (), {attribute: property(run)})()


# Made in the test, which they do not outlive: other code looks at every object that is alive.
OBJECTS = {
    "a property": lambda: holding("id"),
    "a proxy of attributes": lambda: holding("__dict__"),
    "a proxy of a class": lambda: holding("__class__"),
    "a lazy object": type("Lazy", (), {"__getattr__": run}),
    "a text that is none": lambda: types.SimpleNamespace(
        id=holding("__class__")
    ),
    "a mapping that loads": type("Row", (dict,), {"__missing__": run}),
}


@pytest.mark.parametrize("name", OBJECTS)
def test_an_object_is_read_without_running_its_code(name):
    volume = OBJECTS[name]()

    assert log_record.text_at({"volume": volume}, "volume.id") is None


def test_a_text_of_a_class_of_its_own_becomes_an_ordinary_one():
    text = type("Id", (str,), {"__bool__": run, "lower": run})(VOLUME)

    found = log_record.text_at({"id": text}, "id")

    assert type(found) is str
    assert found == VOLUME


def test_a_rule_says_where_the_id_of_the_request_is(sightings):
    record = {
        "instance_id": [LOCAL_VOLUME],
        "request_id": ["global_request_id", "request_id"],
    }
    rule = build(record=record)
    # A service asks another one, for which it makes a context of its own.
    context.RequestContext(global_request_id=REQUEST, overwrite=True)
    log_failure(volume={"id": VOLUME})

    failure = log_record.read(
        sightings[0], VOLUME, rule.modules, rule.request_paths
    )

    assert failure.request_id == REQUEST
    assert failure.request_id != sightings[0].context.request_id


def test_the_project_is_that_of_the_services_own_object(sightings):
    log_failure(volume=Versioned(id=VOLUME, project_id="owners"))

    found = build().project_of(sightings[0], VOLUME)

    assert found == "owners"


def test_without_such_an_object_the_project_is_the_callers(sightings):
    def extend(volume_id):
        log_failure(volume={"id": OTHER, "project_id": "others"})

    extend(VOLUME)

    assert build({"local": "volume_id"}).project_of(sightings[0], VOLUME) == (
        "p1"
    )


@pytest.mark.parametrize("values", [{"is_admin": True}, {"roles": ["admin"]}])
def test_the_project_of_an_administrator_says_nothing(sightings, values):
    context.RequestContext(
        user_id="root", project_id="p1", overwrite=True, **values
    )
    log_failure(volume=Versioned(id=VOLUME))

    assert build().project_of(sightings[0], VOLUME) is None
