# SPDX-License-Identifier: Apache-2.0
"""Each shipped profile on what its service sends and shows; a new profile needs data only.

In ``tests/data/<service>``:

``emitted.json``
    the version of the service, and of the ``notifications`` that it sent while its tests ran, by
    name, each a ``notification`` and what it is ``expect``-ed to say: ``action``, perhaps
    ``reason`` (a part of it), and ``rows``, of each some fields of the fault
    (:mod:`tests.functional.emitted`)
``logged.json``
    what the log handler took meanwhile, and the fault that was made of it
    (:mod:`tests.functional.taken`)
``captured.json``
    what the service sent in earlier trials, and is not in ``emitted.json``; the names of hosts and
    users were replaced, and most of the requests' context was left out
``notifications.json``
    what was written by hand, each ``because`` no running service sent it to us; of Nova most are
    the samples that it publishes. (Trove's were recorded as they came from the broker, and have
    the rows in ``expected.json``.)
``shows.json``
    by name, each a ``request``, ``status`` and ``body``, and what an admin is ``expect``-ed to see
    that is not in the body, by its place in it; a member of the project sees the same without the
    details. A body of which nothing is expected is to stay as it is, to the byte.
``service.json``
    ``mounts``, which are the prefixes of paths that the filter does not see, ``reported``, the
    faults that are shown beside those of ``notifications.json``, and ``shown``: of a show without
    ``expect``, by place, the notification whose fault is there.
"""

import copy
import functools
import json
import sys
import threading
import types
import uuid

import jsonschema
import oslo_messaging
import pytest
import webtest
from hypothesis import given, settings
from hypothesis import strategies as st

from fault_middleware import clock, configuration, fault, profile
from fault_middleware.deploy import deploy
from fault_middleware.factories import FaultMiddleware, filter_factory
from tests.documents import MANUAL, blocks
from tests.fixtures import (
    DATA,
    Service,
    close,
    decode,
    make_store,
    parse,
    read_data,
    rows,
    trove_notifications,
    wait_until,
    write_configuration,
)
from tests.functional import taken
from tests.functional.emitted import told
from tests.keystone import AuthProtocol

ROLES = {"admin": {"X-Roles": "admin"}, "member": {"X-Roles": "member"}}
HIDDEN = {"FaultForm": "details", "ProblemForm": "traceback"}


load = functools.cache(profile.load)


@functools.cache
def notifications(service):
    """By name: a notification, and what it is expected to say."""
    if service != "trove":
        files = [f"{service}/captured.json", f"{service}/notifications.json"]
        found = [read_data(file) for file in files if (DATA / file).exists()]
        emitted = f"{service}/emitted.json"
        if (DATA / emitted).exists():
            found.append(read_data(emitted)["notifications"])
        return {name: sent for part in found for name, sent in part.items()}
    expected = {
        name: {"rows": rows}
        for name, rows in read_data("trove/expected.json").items()
    }
    for name, wanted in expected.items():
        if ".error" in name and not wanted["rows"]:
            wanted["reason"] = "names no instance"
    return {
        name: {
            "notification": decode(read_data(f"trove/notifications/{name}")),
            "expect": expected[name],
        }
        for name in trove_notifications()
    }


@functools.cache
def about(service):
    return read_data(f"{service}/service.json")


@functools.cache
def shows(service):
    """By name: path, status and body of an answer to GET, and what is expected to be in it."""
    shown = about(service).get("shown", {})
    found = {}
    for name, show in read_data(f"{service}/shows.json").items():
        request = show.get("request", show)
        path = request["path"]
        mounts = [
            mount
            for mount in about(service)["mounts"]
            if path.startswith(f"{mount}/")
        ]
        path = path.removeprefix(max(mounts, key=len, default=""))
        expect = show.get("expect") or {
            place: as_shown(service, told)
            for place, told in shown.get(name, {}).items()
        }
        if request["method"] == "GET" and show["body"] is not None:
            found[name] = (
                path,
                f"{show['status']} as recorded",
                show["body"],
                expect,
            )
    return found


def as_shown(service, name):
    """The fault of a notification in the form of Trove."""
    (row,) = notifications(service)[name]["expect"]["rows"]
    (read,) = (
        load(service)
        .sources.extract(notifications(service)[name]["notification"])
        .faults
    )
    fields = {"message": row["message"], "details": read.details}
    return {"created": row["created"].partition(".")[0], **fields}


NOTIFICATIONS = [
    (one, name) for one in profile.shipped() for name in notifications(one)
]
SHOWS = [(one, name) for one in profile.shipped() for name in shows(one)]


@pytest.mark.parametrize(("service", "name"), NOTIFICATIONS)
def test_a_notification_says_what_reading_it_says(service, name):
    recorded = copy.deepcopy(notifications(service)[name])
    expected = recorded["expect"]
    read = load(service)

    extraction = read.sources.extract(recorded["notification"])

    assert recorded == notifications(service)[name]
    assert [
        {field: told(row, field) for field in wanted}
        for row, wanted in zip(
            extraction.faults, expected["rows"], strict=True
        )
    ] == expected["rows"]
    assert extraction.action == expected.get("action", extraction.action)
    assert expected.get("reason", "") in extraction.reason
    assert bool(extraction.reason) == ("reason" in expected)
    assert all(row.service == service for row in extraction.faults)


@pytest.mark.parametrize("service", profile.shipped())
def test_what_the_service_logged_says_what_it_said(service):
    file = f"{service}/logged.json"
    logged = read_data(file)["failures"] if (DATA / file).exists() else {}

    for name, one in logged.items():
        assert taken.made_of(service, one) == one["expect"], name


@pytest.mark.parametrize("service", profile.shipped())
def test_what_is_written_by_hand_says_why(service):
    file = f"{service}/notifications.json"
    written = read_data(file) if (DATA / file).exists() else {}

    assert all(one["because"] for one in written.values())


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


def places(value, path=()):
    """Where there is something in a notification."""
    yield path
    for key, part in value.items() if isinstance(value, dict) else ():
        yield from places(part, (*path, key))


@settings(max_examples=300)
@given(st.data())
def test_no_change_in_a_notification_upsets_a_profile(data):
    service, name = data.draw(st.sampled_from(NOTIFICATIONS))
    sent = copy.deepcopy(notifications(service)[name]["notification"])
    *steps, key = data.draw(
        st.sampled_from([path for path in places(sent) if path])
    )
    functools.reduce(dict.__getitem__, steps, sent)[key] = data.draw(JSON)

    for row in load(service).sources.extract(sent).faults:
        assert isinstance(row.message, str)
        assert isinstance(row.details, str)


@pytest.mark.parametrize(("service", "name"), NOTIFICATIONS)
def test_a_notification_is_only_its_own_services(service, name):
    notification = notifications(service)[name]["notification"]

    for other in profile.shipped():
        if other != service:
            extraction = load(other).sources.extract(notification)
            assert (extraction.action, extraction.reason) == ("ignore", ""), (
                other
            )


@pytest.mark.parametrize(
    ("service", "failed", "succeeded"),
    [
        ("cinder", "scheduler.extend_volume", "volume.resize.end"),
        ("cinder", "cinder.volume.manager.extend_volume", "volume.resize.end"),
        ("cinder", "cinder.volume.manager.retype", "volume.retype"),
        (
            "cinder",
            "cinder.volume.manager.revert_to_snapshot",
            "volume.revert.end",
        ),
        (
            "designate",
            "designate.worker.tasks.zone._on_failure",
            "dns.zone.update",
        ),
        ("glance", "glance.api.v2.image_data.upload", "image.activate"),
        ("glance", "glance.api.v2.image_data.stage", "image.activate"),
        (
            "heat",
            "orchestration.stack.update.error",
            "orchestration.stack.update.end",
        ),
        (
            "ironic",
            "baremetal.node.power_set.error",
            "baremetal.node.power_set.end",
        ),
        (
            "heat",
            "orchestration.stack.suspend.error",
            "orchestration.stack.suspend.end",
        ),
        ("magnum", "magnum.cluster.update", "magnum.cluster.update"),
        (
            "magnum",
            "magnum.conductor.handlers.cluster_conductor.cluster_resize",
            "magnum.cluster.update",
        ),
        ("manila", "manila.share.manager.shrink_share", "share.shrink.end"),
        (
            "masakari",
            "masakari.compute.nova.stop_server",
            "notification.process.end",
        ),
        ("nova", "instance.rebuild.error", "instance.rebuild.end"),
        (
            "nova",
            "compute.instance.rebuild.error",
            "compute.instance.rebuild.end",
        ),
        ("nova", "prep_resize", "compute.instance.finish_resize.end"),
        (
            "nova",
            "nova.compute.manager.start_instance",
            "instance.power_on.end",
        ),
        (
            "octavia",
            "octavia.controller.queue.v2.endpoints.update_load_balancer",
            "octavia.loadbalancer.update.end",
        ),
        ("watcher", "action.execution.error", "action_plan.execution.end"),
        ("watcher", "audit.strategy.error", "audit.planner.end"),
    ],
)
def test_a_success_is_known_to_be_of_the_operation_that_failed(
    service, failed, succeeded
):
    words = load(service).sources.words

    assert words.operation([failed]) is not None
    assert words.operation([failed]) == words.operation([succeeded])


@pytest.mark.parametrize(
    ("service", "failed", "succeeded"),
    [
        (
            "cinder",
            "cinder.volume.manager.create_snapshot",
            "volume.resize.end",
        ),
        ("cinder", "scheduler.retype", "volume.resize.end"),
        ("glance", "glance.api.v2.images.delete", "image.upload"),
        (
            "heat",
            "orchestration.stack.check.error",
            "orchestration.stack.update.end",
        ),
        ("manila", "manila.share.manager.update_access", "share.extend.end"),
        ("nova", "attach_volume", "compute.instance.rebuild.end"),
        (
            "nova",
            "compute_task.migrate_server",
            "compute.instance.finish_resize.end",
        ),
        ("nova", "instance.volume_attach.error", "instance.resize_finish.end"),
        ("watcher", "action_plan.cancel.error", "action_plan.execution.end"),
    ],
)
def test_a_success_is_of_no_other_operation(service, failed, succeeded):
    words = load(service).sources.words

    assert words.operation([succeeded]) is not None
    assert words.operation([failed]) != words.operation([succeeded])


@pytest.mark.parametrize(
    "event", ["instance.reboot.end", "compute.instance.reboot.end"]
)
def test_what_also_ends_a_reboot_that_failed_is_no_success_of_it(event):
    assert load("nova").sources.words.operation([event]) is None


@pytest.mark.parametrize(
    ("before", "after", "operation"),
    [
        ("deploying", "deploy failed", "deploy"),
        ("clean wait", "clean failed", "clean"),
        ("verifying", "enroll", "verify"),
        ("inspecting", "inspect failed", "inspect"),
        ("rescuing", "rescue failed", "rescue"),
        ("unrescuing", "unrescue failed", "unrescue"),
        ("servicing", "service failed", "service"),
    ],
)
def test_of_a_node_the_states_tell_the_operation(before, after, operation):
    sources = load("ironic").sources
    rows = []
    for kind, priority, state in (
        ("error", "error", after),
        ("end", "info", "somewhere"),
    ):
        data = {
            "uuid": "7192eb86-732f-44ab-b41b-404fade7a4bd",
            "provision_state": state,
            "previous_provision_state": before,
        }
        notification = {
            "event_type": f"baremetal.node.provision_set.{kind}",
            "priority": priority,
            "payload": {"ironic_object.data": data},
        }
        rows += sources.extract(notification).faults

    failed, succeeded = rows
    assert failed.operation == succeeded.operation == operation
    assert succeeded.is_of_one_operation


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("cleaning", "clean wait"),
        ("clean wait", "cleaning"),
        ("deploying", "wait call-back"),
        ("deploying", "deploy hold"),
    ],
)
def test_a_node_that_is_on_its_way_has_ended_nothing(before, after):
    data = {
        "uuid": "7192eb86-732f-44ab-b41b-404fade7a4bd",
        "provision_state": after,
        "previous_provision_state": before,
    }
    notification = {
        "event_type": "baremetal.node.provision_set.success",
        "priority": "INFO",
        "payload": {"ironic_object.data": data},
    }

    extraction = load("ironic").sources.extract(notification)

    assert (extraction.action, extraction.faults) == ("ignore", ())


class World:
    """A service's recorded answers behind the filter, over a table of all that was recorded."""

    def __init__(self, service, conf, store):
        self._service = service
        read = load(service)
        found = [
            read.sources.extract(one["notification"])
            for one in notifications(service).values()
        ]
        rows = [
            row
            for one in found
            if one.action != "success"
            for row in one.faults
        ]
        for reported in about(service)["reported"]:
            created = clock.parse_time(reported["created"])
            rows.append(
                fault.make(service, **{**reported, "created": created})
            )
        store.record(rows)
        self.app = webtest.TestApp(
            webtest.lint.middleware(FaultMiddleware(self._answer, conf))
        )

    def _answer(self, environ, start_response):
        start_response(self.status, [("Content-Type", "application/json")])
        return [self.data]

    def get(self, name, role):
        """The body of an answer as a role sees it, as bytes."""
        path, self.status, body, _ = shows(self._service)[name]
        self.data = json.dumps(body, indent=1).encode()
        return self.app.get(path, headers=ROLES[role], expect_errors=True).body


@pytest.fixture(scope="module")
def worlds(tmp_path_factory):
    """Gives the world of a service, made once."""
    made, stores = {}, []

    def world(service):
        if service not in made:
            folder = tmp_path_factory.mktemp(service)
            url = f"sqlite:///{folder}/faults.sqlite"
            file = write_configuration(
                folder / "x.conf",
                url,
                profiles=service,
                credentials="headers",
                consumer="external",
            )
            stores.append(make_store(url))
            conf = parse(file)
            made[service] = World(service, conf, stores[-1])
            stores.append(deploy(conf).store)
        return made[service]

    yield world
    for store in stores:
        close(store)


def place(body, path):
    """The object, and the key in it, at a place of a body."""
    *steps, key = path.split(".")
    for step in steps:
        body = body[int(step) if isinstance(body, list) else step]
    return body, key


def without_details(value, shape):
    """A body in which the service's own faults have no details, which are under our policy."""
    if isinstance(value, list):
        return [without_details(one, shape) for one in value]
    if not isinstance(value, dict):
        return value
    seen = {name: without_details(one, shape) for name, one in value.items()}
    if isinstance(seen.get(shape.key), dict):
        hidden = HIDDEN[type(shape).__name__]
        seen[shape.key] = {
            k: v for k, v in seen[shape.key].items() if k != hidden
        }
    return seen


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize(("service", "name"), SHOWS)
def test_a_show_is_completed_and_all_else_left_alone(
    worlds, service, name, role
):
    _, _, recorded, wanted = shows(service)[name]
    expected = copy.deepcopy(recorded)
    shape = load(service).routes[0].form
    if role == "member" and shape.existing_details != "keep":
        expected = without_details(expected, shape)
    for path, value in wanted.items():
        parent, key = place(expected, path)
        hidden = HIDDEN[type(shape).__name__] if role == "member" else None
        shown_fault = {
            name: part for name, part in value.items() if name != hidden
        }
        is_text = getattr(shape, "value", "object") == "text"
        parent[key] = json.dumps(shown_fault) if is_text else shown_fault

    body = worlds(service).get(name, role)

    assert json.loads(body) == expected
    assert (body == worlds(service).data) == (expected == recorded)


@pytest.mark.parametrize("service", profile.shipped())
def test_every_kind_of_event_and_every_route_of_a_profile_was_seen(service):
    """A part of a profile that no data touch would be a guess."""
    read = load(service)
    sent = [one["notification"] for one in notifications(service).values()]
    first = [
        next((kind for kind in read.sources.events if kind.matches(one)), None)
        for one in sent
    ]
    table = profile.RouteTable([read])
    paths = [
        path.partition("?")[0]
        for path, status, *_ in shows(service).values()
        if status.startswith("200")
    ]
    asked = (
        table.match({"PATH_INFO": path, "REQUEST_METHOD": "GET"})
        for path in paths
    )
    taken = {request.route.path for request in asked if request is not None}

    assert [
        kind.event_type.pattern
        for kind in read.sources.events
        if kind not in first
    ] == []
    assert {way.path for way in read.routes} == taken


# Beside an image's own members, the schema that Glance publishes (/v2/schemas/image) has nothing
# but texts, and glanceclient checks an image against it before each update.
PROPERTIES = {"type": "object", "additionalProperties": {"type": "string"}}


@pytest.mark.parametrize("role", ROLES)
def test_an_image_with_a_fault_is_as_the_schema_of_glance_says(worlds, role):
    names = [
        name for name, (_, _, _, expect) in shows("glance").items() if expect
    ]

    for name in names:
        image = json.loads(worlds("glance").get(name, role))
        for shown in image.get("images", [image]):
            added = {
                key: shown[key] for key in shown if key == "os_glance_fault"
            }
            jsonschema.validate(added, PROPERTIES)
            assert all(
                "message" in json.loads(text) for text in added.values()
            )


def test_a_failed_action_is_the_reason_of_its_plan(store):
    rows = []
    for name in ("action.execution.error", "action_plan.execution.error"):
        rows += (
            load("watcher")
            .sources.extract(notifications("watcher")[name]["notification"])
            .faults
        )
    store.record(rows)
    action, plan, given_up = rows

    assert given_up.message == "One or more actions were skipped."
    assert store.newest("watcher", plan.instance_id).message == action.message


SAME = "8d0e2f4a-6b8c-4d0e-9f2a-4b6c8d0e2f4a"
SHOWN = {
    "nova": (f"/servers/{SAME}", "/servers/detail", "server", "servers"),
    "trove": (
        f"/p1/instances/{SAME}",
        "/p1/instances/detail",
        "instance",
        "instances",
    ),
}


class Several:
    """Filters of two services, each with a section of its own, and one configuration."""

    def __init__(self, file, store):
        self.store = store
        self.services = {name: Service() for name in SHOWN}
        self.filters = {
            name: filter_factory(
                {}, oslo_config_file=str(file), profiles=name
            )(service)
            for name, service in self.services.items()
        }
        self.deployment = deploy(configuration.read(None, str(file), None))

    def show(self, service, asked, many=False):
        """The message that a service shows of the instance on a path of some service."""
        show, shows, key, keys = SHOWN[asked]
        one = {"id": SAME, "status": "ACTIVE"}
        self.services[service].body = {keys: [one]} if many else {key: one}
        app = webtest.TestApp(self.filters[service])
        body = app.get(shows if many else show, headers=ROLES["admin"]).json
        found = body[keys][0] if many else body[key]
        return found["fault"]["message"] if "fault" in found else None


@pytest.fixture
def several(tmp_path, sqlite_url):
    file = write_configuration(
        tmp_path / "both.conf",
        sqlite_url,
        "[DEFAULT]\ntransport_url = fake://\n",
        profiles="nova,trove",
        credentials="headers",
        topics=f"t{uuid.uuid4().hex}",
    )
    made = Several(file, make_store(sqlite_url))
    yield made
    made.deployment.consumer.stop()
    close(made.deployment.store)
    close(made.store)


def sent(service, message):
    """An error of the one instance, as a service sends it."""
    names = {
        "nova": "compute.instance.create.error",
        "trove": "dbaas.instance_create.error",
    }
    return names[service], {
        "instance_id": SAME,
        "message": message,
        "tenant_id": "p1",
    }


@pytest.mark.parametrize("many", [False, True])
def test_of_two_services_with_the_same_id_each_shows_its_own_fault(
    several, many
):
    for service in SHOWN:
        several.store.record(
            [fault.make(service, SAME, message=f"of {service}")]
        )

    assert {one: several.show(one, one, many) for one in SHOWN} == {
        "nova": "of nova",
        "trove": "of trove",
    }


def test_what_one_service_clears_stays_in_another(several):
    for service in SHOWN:
        several.store.record(
            [fault.make(service, SAME, message=f"of {service}")]
        )
    several.store.record([fault.make("trove", SAME, is_clearance=True)])

    assert several.show("nova", "nova") == "of nova"
    assert several.show("trove", "trove") is None


@pytest.mark.parametrize(
    ("service", "asked"), [("nova", "trove"), ("trove", "nova")]
)
def test_a_filter_serves_the_routes_of_its_own_service_alone(
    several, service, asked
):
    for one in SHOWN:
        several.store.record([fault.make(one, SAME, message=f"of {one}")])

    assert several.show(service, asked) is None


def test_filters_of_several_services_share_the_table_and_the_consumer(several):
    for name in several.filters:
        parts = deploy(several.deployment.conf, {"profiles": name})
        assert parts.store is several.deployment.store
        assert parts.consumer is several.deployment.consumer
    before = set(threading.enumerate())
    for name in several.filters:
        webtest.TestApp(several.filters[name]).get("/")
    wait_until(lambda: several.deployment.consumer.running)
    started = set(threading.enumerate()) - before
    assert [thread.name for thread in started].count("fault-consumer") == 1


def test_one_consumer_stores_the_faults_of_several_services(several):
    webtest.TestApp(several.filters["nova"]).get("/")  # starts to listen
    transport = oslo_messaging.get_notification_transport(
        several.deployment.conf
    )
    topics = sorted({queue.topic for queue in several.deployment.queues})
    notifier = oslo_messaging.Notifier(
        transport, "host", driver="messagingv2", topics=topics
    )
    # Until the listener is there, nobody keeps a message.
    wait_until(lambda: several.deployment.consumer.listening)

    notifier.error({}, *sent("nova", "of nova"))
    notifier.info({}, *sent("trove", "of trove"))

    wait_until(lambda: len(rows(several.store)) == 2)
    assert {row["service"]: row["message"] for row in rows(several.store)} == {
        "nova": "of nova",
        "trove": "of trove",
    }
    assert {one: several.show(one, one) for one in SHOWN} == {
        "nova": "of nova",
        "trove": "of trove",
    }


def test_a_filter_without_profiles_of_its_own_serves_all(several, tmp_path):
    file = tmp_path / "both.conf"
    several.filters["nova"] = filter_factory({}, oslo_config_file=str(file))(
        several.services["nova"]
    )
    several.store.record([fault.make("trove", SAME, message="of trove")])

    assert several.show("nova", "trove") == "of trove"


def test_octavia_is_wrapped_as_the_manual_says(
    tmp_path, sqlite_url, monkeypatch
):
    """With an application in place of Octavia's, and auth_token in it, as Octavia has it."""
    (example,) = blocks(MANUAL / "profiles.rst", "python")
    file = write_configuration(
        tmp_path / "octavia.conf", sqlite_url, profiles="octavia"
    )
    conf = parse(file)
    shown = about("octavia")["reported"][0]
    _, _, body, expect = shows("octavia")["in error"]

    def setup_app(argv):
        assert argv == ["octavia-api"]
        values = {
            "oslo_config_config": conf,
            "www_authenticate_uri": "http://keystone",
        }
        return AuthProtocol(Service(body), values)

    api = types.ModuleType("octavia.api")
    api.app = types.SimpleNamespace(setup_app=setup_app)
    monkeypatch.setitem(sys.modules, "octavia", types.ModuleType("octavia"))
    monkeypatch.setitem(sys.modules, "octavia.api", api)
    monkeypatch.setattr("oslo_config.cfg.CONF", conf)
    store = make_store(sqlite_url)
    created = clock.parse_time(shown["created"])
    store.record([fault.make("octavia", **{**shown, "created": created})])
    namespace = {}
    exec(compile(example, "profiles.rst", "exec"), namespace)
    app = webtest.TestApp(webtest.lint.middleware(namespace["application"]))
    path = f"/v2/lbaas/loadbalancers/{shown['instance_id']}"

    seen = {
        role: app.get(path, headers={"X-Auth-Token": f"{role}:p1"}).json[
            "loadbalancer"
        ]["fault"]
        for role in ROLES
    }
    forged = app.get(
        path, headers={"X-Auth-Token": "member:p1", "X-Roles": "admin"}
    ).json

    assert seen["admin"] == expect["loadbalancer.fault"]
    assert seen["member"] == {
        k: v for k, v in seen["admin"].items() if k != "details"
    }
    assert forged["loadbalancer"]["fault"] == seen["member"]
    assert app.get(path, expect_errors=True).status_int == 401
    close(deploy(conf).store)
    close(store)


@pytest.mark.parametrize("service", profile.shipped())
def test_a_shipped_profile_has_its_page_in_the_manual(service):
    page = (MANUAL / f"profiles/{service}.rst").read_text()

    assert f"fault_middleware/profiles/{service}.yaml\n" in page
    assert "seen" in page
