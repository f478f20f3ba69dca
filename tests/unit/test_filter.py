# SPDX-License-Identifier: Apache-2.0
import copy
import json
from datetime import datetime, timedelta

import pytest
import webtest

from fault_middleware import fault
from fault_middleware import filter as filter_module
from fault_middleware.cause import Kind, weigh
from fault_middleware.deploy import deploy
from fault_middleware.factories import FaultMiddleware
from fault_middleware.filter import LIST_LIMIT
from fault_middleware.policy import Policy
from fault_middleware.store import Store
from fault_middleware.text import CUT
from tests.fixtures import INSTANCE, PROJECT, Service, close, make_store

OTHER = "7192eb86-732f-44ab-b41b-404fade7a4bd"
SHOW = f"/{PROJECT}/instances/{INSTANCE}"
MOMENT = datetime(2026, 11, 20, 20, 36, 5, 250000)
ADMIN = {"X-Roles": "admin"}
MEMBER = {"X-Roles": "member"}


class World:
    """A service behind the filter, and the table."""

    def __init__(self, conf, store):
        self.service = Service()
        self.store = store
        self.filter = FaultMiddleware(self.service, conf)
        # Both sides of the filter are checked against WSGI by webtest's lint.
        self.app = webtest.TestApp(webtest.lint.middleware(self.filter))

    def record(self, instance_id=INSTANCE, created=MOMENT, **values):
        values = {"message": "No valid host", "details": "Traceback", **values}
        self.store.record(
            [fault.make("trove", instance_id, created=created, **values)]
        )

    def clear(self, created):
        self.store.record(
            [fault.make("trove", INSTANCE, created=created, is_clearance=True)]
        )

    def show(self, path=SHOW, headers=MEMBER):
        return self.app.get(path, headers=headers).json["instance"]


@pytest.fixture
def world(configure, sqlite_url):
    store = make_store(sqlite_url)
    conf = configure(consumer="external", credentials="headers")
    yield World(conf, store)
    close(deploy(conf).store)
    close(store)


def test_a_member_sees_when_and_why(world):
    world.record()

    assert world.show()["fault"] == {
        "created": "2026-11-20T20:36:05",
        "message": "No valid host",
    }


def test_an_administrator_sees_the_details_as_well(world):
    world.record()

    assert world.show(headers=ADMIN)["fault"]["details"] == "Traceback"


def test_a_show_without_a_fault_is_byte_for_byte_the_services(world):
    world.service.body = {"instance": {"id": INSTANCE, "n": 1.10}}

    answer = world.app.get(SHOW)

    assert answer.body == world.service.data
    assert answer.headers["Content-Length"] == str(len(world.service.data))


def test_a_header_says_that_faults_were_looked_for(world):
    without = world.app.get(SHOW).headers["X-Instance-Faults"]
    world.record()
    with_one = world.app.get(SHOW).headers["X-Instance-Faults"]
    world.service.body = {"instances": [{"id": INSTANCE}]}
    listed = world.app.get(f"/{PROJECT}/instances/detail")

    assert (without, with_one) == ("shown", "shown")
    assert listed.headers["X-Instance-Faults"] == "shown"
    other = world.app.get(f"/{PROJECT}/flavors").headers
    assert "X-Instance-Faults" not in other


def test_the_header_is_not_there_while_the_database_does_not_answer(world):
    with world.store.writer.begin() as connection:
        connection.exec_driver_sql("DROP TABLE instance_faults")

    answer = world.app.get(SHOW)

    assert answer.body == world.service.data
    assert "X-Instance-Faults" not in answer.headers


def test_the_header_is_not_there_where_the_body_takes_no_fault(world):
    world.record()
    world.service.body = [{"id": INSTANCE}]

    answer = world.app.get(SHOW)

    assert answer.body == world.service.data
    assert "X-Instance-Faults" not in answer.headers


def test_only_the_fault_is_new_in_the_body(world):
    world.record()
    before = world.service.data.decode()

    after = world.app.get(SHOW).text

    inserted = after[len(before) - 2 : -2]
    assert after == before[:-2] + inserted + before[-2:]
    assert inserted.startswith(', "fault": {')


def test_the_newest_fault_counts_in_whatever_order_they_came(world):
    world.record(created=MOMENT, message="newest")
    world.record(created=MOMENT - timedelta(microseconds=1), message="older")

    assert world.show()["fault"]["message"] == "newest"


def test_a_clearance_hides_the_faults_before_it_and_none_after_it(world):
    world.clear(MOMENT)
    world.record(created=MOMENT - timedelta(seconds=1))
    assert "fault" not in world.show()

    world.record(created=MOMENT + timedelta(seconds=1), message="again")
    assert world.show()["fault"]["message"] == "again"


def test_faults_of_another_service_are_not_shown(world):
    world.store.record([fault.make("nova", INSTANCE, message="not yours")])

    assert "fault" not in world.show()


def test_the_id_may_be_written_in_capitals_in_path_and_body(world):
    world.record()
    assert "fault" in world.show(
        SHOW.upper().replace("P1/INSTANCES", "p1/instances")
    )

    world.service.body = {"instance": {"id": INSTANCE.upper()}}
    assert "fault" in world.show()


@pytest.mark.parametrize(
    "body",
    [
        {"instance": {"id": OTHER}},
        {"instance": {"id": None}},
        {"instance": {}},
        {"instance": [{"id": INSTANCE}]},
        {"instances": [{"id": INSTANCE}]},
        {"id": INSTANCE},
        [INSTANCE],
        None,
    ],
)
def test_a_body_that_does_not_show_the_instance_is_left_alone(world, body):
    world.record()
    world.service.body = body

    assert world.app.get(SHOW, headers=ADMIN).body == world.service.data


@pytest.mark.parametrize(
    "end", ["/", "//", ".json", "%0a", "%20", "%00", ".json%0a"]
)
def test_a_path_with_an_end_that_routers_overlook_shows_the_same(world, end):
    world.record()

    assert world.show(SHOW + end) == world.show()
    assert "details" not in world.show(SHOW + end)["fault"]


@pytest.mark.parametrize("written", ["%01", "%e2%80%8b", "%ff", "x" * 64])
def test_whatever_the_path_says_the_services_own_details_are_under_the_policy(
    world, written
):
    own = {
        "created": "2026-01-01T00:00:00",
        "message": "own",
        "details": "own details",
    }
    world.service.body = {"instance": {"id": INSTANCE, "fault": own}}

    assert "details" not in world.show(SHOW + written)["fault"]


@pytest.mark.parametrize("instance_id", [None, 7, "", "a b", ["x"]])
def test_whatever_the_id_is_the_services_own_details_are_under_the_policy(
    world, instance_id
):
    own = {
        "created": "2026-01-01T00:00:00",
        "message": "own",
        "details": "own details",
    }
    world.service.body = {"instance": {"id": instance_id, "fault": own}}

    assert "details" not in world.show()["fault"]


def test_an_id_that_is_a_number_is_its_digits(world):
    world.record(instance_id=4711)
    world.service.body = {"instance": {"id": 4711}}

    assert (
        world.show(f"/{PROJECT}/instances/4711")["fault"]["message"]
        == "No valid host"
    )


@pytest.mark.parametrize(
    "path",
    [
        f"/{PROJECT}/instances",
        f"{SHOW}/backups",
        f"/v1.0{SHOW}",
        f"/{PROJECT}/instances/{OTHER}",
    ],
)
def test_other_paths_show_no_fault(world, path):
    world.record()

    assert world.app.get(path, headers=ADMIN).body == world.service.data


@pytest.mark.parametrize(
    "query",
    [
        "_method=get",
        "_method=GET",
        "a=b&_method=get",
        "a=b;_method=get",
        "%5Fmethod=get",
    ],
)
def test_a_query_may_name_the_method_as_pecan_has_it(world, query):
    world.record()

    answer = world.app.post(f"{SHOW}?{query}", headers=MEMBER)

    assert answer.json["instance"]["fault"]["message"] == "No valid host"
    assert "details" not in answer.json["instance"]["fault"]


@pytest.mark.parametrize(
    "query", ["", "?_method=", "?_method=delete", "?method=get"]
)
@pytest.mark.parametrize(
    "method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
)
def test_other_methods_show_no_fault(world, method, query):
    world.record()

    answer = world.app.request(f"{SHOW}{query}", method=method, headers=ADMIN)

    assert answer.body == world.service.data


def test_a_list_shows_the_fault_of_each_instance(world):
    world.service.body = {
        "instances": [{"id": INSTANCE}, {"id": OTHER}, {"id": "x"}]
    }
    world.record()
    world.record("x", message="of x")

    shown = world.app.get(f"/{PROJECT}/instances/detail").json["instances"]

    assert [
        (one["id"], one.get("fault", {}).get("message")) for one in shown
    ] == [(INSTANCE, "No valid host"), (OTHER, None), ("x", "of x")]


def test_the_policy_is_asked_about_instances_that_have_a_fault(
    world, monkeypatch
):
    world.service.body = {"instances": [{"id": INSTANCE}, {"id": OTHER}]}
    world.record()
    original = filter_module.see
    asked = []

    def counted(request, instance, *others):
        asked.append(instance.id)
        return original(request, instance, *others)

    monkeypatch.setattr(filter_module, "see", counted)

    world.app.get(f"/{PROJECT}/instances/detail", headers=ADMIN)

    assert asked == [INSTANCE]


def test_a_list_that_needs_not_be_asked_for_faults_may_be_asked_for_anything(
    world,
):
    world.service.body = {"instances": [{"id": INSTANCE}]}
    world.record()

    answer = world.app.get(f"/{PROJECT}/instances/detail?{'a=b&' * 200}")

    assert "No valid host" in answer.text


def test_a_list_without_a_fault_is_byte_for_byte_the_services(world):
    world.service.body = {"instances": [{"id": INSTANCE}, {"id": OTHER}]}

    answer = world.app.get(f"/{PROJECT}/mgmt/instances", headers=ADMIN)

    assert answer.body == world.service.data


class TestALongList:
    """What a list adds to a body is bounded."""

    DETAILS = "d" * 20_000

    @pytest.fixture
    def world(self, world):
        ids = [f"instance-{number}" for number in range(450)]
        rows = [
            fault.make("trove", one, message="m", details=self.DETAILS)
            for one in ids
        ]
        world.store.record(rows)
        world.service.body = {"instances": [{"id": one} for one in ids]}
        return world

    def details(self, world, headers):
        shown = world.app.get(
            f"/{PROJECT}/instances/detail", headers=headers
        ).json["instances"]
        assert [one["fault"]["message"] for one in shown] == ["m"] * 450
        return [one["fault"].get("details") for one in shown]

    def test_details_are_in_it_as_long_as_there_is_room(self, world):
        details = self.details(world, ADMIN)

        whole = LIST_LIMIT // len(self.DETAILS)
        assert (
            sorted(details) == [CUT] * (450 - whole) + [self.DETAILS] * whole
        )
        assert (
            world.app.get(
                f"/{PROJECT}/instances/detail", headers=MEMBER
            ).text.count(CUT)
            == 0
        )

    def test_none_are_in_it_for_a_member(self, world):
        assert self.details(world, MEMBER) == [None] * 450

    def test_what_was_left_out_is_in_the_show(self, world):
        world.service.body = {"instance": {"id": "instance-449"}}

        shown = world.show(f"/{PROJECT}/instances/instance-449", ADMIN)

        assert shown["fault"]["details"] == self.DETAILS

    def test_without_the_second_look_up_messages_are_shown(
        self, world, monkeypatch
    ):
        original = Store.newest_of_many
        calls = []

        def fails_later(store, service, ids, with_details=True):
            if with_details:
                calls.append(ids)
                raise TimeoutError("no answer")
            return original(store, service, ids, with_details=False)

        monkeypatch.setattr(Store, "newest_of_many", fails_later)

        assert self.details(world, ADMIN) == [CUT] * 450
        assert len(calls) == 1

    @pytest.fixture
    def asked(self, monkeypatch):
        """How many instances each look-up of details is about."""
        original = Store.newest_of_many
        numbers = []

        def counted(store, service, ids, with_details=True):
            if with_details:
                numbers.append(len(ids))
            return original(store, service, ids, with_details)

        monkeypatch.setattr(Store, "newest_of_many", counted)
        return numbers

    @pytest.mark.parametrize(
        ("spare", "whole", "look_ups"),
        [(0, 200, [200]), (1, 200, [200, 200]), (-1, 199, [200])],
    )
    def test_the_last_details_may_just_fit_and_no_more_are_asked_for(
        self, world, asked, monkeypatch, spare, whole, look_ups
    ):
        room = 200 * len(self.DETAILS) + spare
        monkeypatch.setattr(filter_module, "LIST_LIMIT", room)

        details = self.details(world, ADMIN)

        assert details.count(self.DETAILS) == whole
        assert details.count(CUT) == 450 - whole
        assert asked == look_ups

    def test_each_instance_has_its_details_where_they_are_short(self, world):
        ids = [f"short-{number}" for number in range(250)]
        for one in ids:
            world.record(one, details=f"details of {one}")
        world.service.body = {"instances": [{"id": one} for one in ids]}

        shown = world.app.get(
            f"/{PROJECT}/instances/detail", headers=ADMIN
        ).json["instances"]

        assert [one["fault"]["details"] for one in shown] == [
            f"details of {one}" for one in ids
        ]

    def test_a_problem_takes_room_too(self, world, monkeypatch):
        problem = {"detail": "p" * 30_000}
        ids = ["first", "second", "third"]
        for one in ids:
            world.record(one, details=self.DETAILS, problem=problem)
        world.service.body = {"instances": [{"id": one} for one in ids]}
        monkeypatch.setattr(filter_module, "LIST_LIMIT", 101_000)

        shown = world.app.get(
            f"/{PROJECT}/instances/detail", headers=ADMIN
        ).json["instances"]

        details = [one["fault"]["details"] for one in shown]
        assert sorted(details) == [CUT, self.DETAILS, self.DETAILS]

    def test_details_are_asked_for_where_the_fault_is_ours(self, world, asked):
        own = {"message": "own", "details": "own details"}
        world.record()
        world.service.body = {
            "instances": [{"id": INSTANCE}, {"id": OTHER, "fault": own}]
        }

        shown = world.app.get(
            f"/{PROJECT}/instances/detail", headers=ADMIN
        ).json["instances"]

        details = [one["fault"]["details"] for one in shown]
        assert details == ["Traceback", "own details"]
        assert asked == [1]

    def test_no_list_waits_long_for_details(self, world, monkeypatch):
        monkeypatch.setattr(filter_module, "LIST_SECONDS", -1)

        assert self.details(world, ADMIN) == [CUT] * 450


class TestAFaultThatTheServiceWroteItself:
    OWN = {
        "message": "own",
        "created": "2026-11-20T20:36:05",
        "details": "own details",
    }

    @pytest.fixture
    def world(self, world):
        world.service.body = {
            "instance": {"id": INSTANCE, "fault": dict(self.OWN)}
        }
        return world

    def test_its_details_are_under_the_policy(self, world):
        assert world.show(headers=ADMIN)["fault"] == self.OWN
        del world.service.body["instance"]["fault"]["details"]
        expected = copy.deepcopy(world.service.body["instance"])
        world.service.body["instance"]["fault"] = dict(self.OWN)
        assert world.show(headers=MEMBER) == expected

    @pytest.mark.parametrize(
        ("own", "shown"),
        [
            ({"x": OWN}, {"x": {"message": "own", "created": OWN["created"]}}),
            ([OWN], [{"message": "own", "created": OWN["created"]}]),
            ({**OWN, "x": [[{"details": "own details"}]]}, {"x": [[{}]]}),
            ({"details": {"details": 1}}, {}),
        ],
    )
    def test_its_details_are_under_the_policy_at_whatever_depth(
        self, world, own, shown
    ):
        world.service.body["instance"]["fault"] = own

        if "message" in own:
            shown = {"message": "own", "created": self.OWN["created"], **shown}
        assert world.show(headers=MEMBER)["fault"] == shown
        assert world.show(headers=ADMIN)["fault"] == own

    @pytest.mark.parametrize(
        "name", ["det\u200bails", "\u200bdetails", "\x1b[1mdetails\x1b[0m"]
    )
    def test_its_details_are_under_the_policy_whatever_nobody_sees_in_their_name(
        self, world, name
    ):
        world.service.body["instance"]["fault"][name] = "own details"

        assert "own details" not in json.dumps(world.show(headers=MEMBER))

    def test_its_details_are_under_the_policy_where_the_id_is_not_valid(
        self, world
    ):
        world.service.body["instance"]["id"] = "x" * 300
        path = f"/{PROJECT}/instances/{'x' * 300}"

        answer = world.app.get(path, headers=ADMIN)

        assert answer.json["instance"]["fault"] == self.OWN
        assert answer.headers["X-Instance-Faults"] == "shown"
        assert "details" not in world.show(path, MEMBER)["fault"]

    def test_of_one_that_is_deeper_than_anybody_reads_nothing_is_shown(
        self, world
    ):
        deep = json.loads(
            '{"a":' * 300 + '{"details": "own details"}' + "}" * 300
        )
        world.service.body["instance"]["fault"] = deep

        assert "own details" not in json.dumps(world.show(headers=MEMBER))

    def test_a_text_for_a_fault_is_masked(self, world):
        world.service.body["instance"]["fault"] = "password=S3cr3t"

        assert world.show()["fault"] == "password=***"

    def test_its_empty_details_are_left_out_for_a_member(self, world):
        world.service.body["instance"]["fault"]["details"] = None

        assert "details" not in world.show()["fault"]

    def test_it_is_masked(self, world):
        text = json.dumps({"admin_password": "S3cr3t"})
        world.service.body["instance"]["fault"].update(
            message=text, details=text
        )

        assert "S3cr3t" not in json.dumps(world.show(headers=ADMIN))

    def test_it_commands_no_terminal(self, world):
        world.service.body["instance"]["fault"]["message"] = (
            "\x1b]0;owned\x07\u202eout of memory"
        )

        shown = world.show()["fault"]["message"]

        assert "out of memory" in shown
        assert not {"\x1b", "\x07", "\u202e"} & set(shown)

    def test_it_is_byte_for_byte_the_services_where_nothing_is_to_hide(
        self, world
    ):
        assert world.app.get(SHOW, headers=ADMIN).body == world.service.data

    @pytest.mark.parametrize(
        ("seconds", "message"),
        [(-1, "ours"), (0, "ours"), (5, "ours"), (6, "own"), (60, "own")],
    )
    def test_the_newest_stays_and_ours_within_five_seconds(
        self, world, seconds, message
    ):
        own = MOMENT + timedelta(seconds=seconds)
        world.service.body["instance"]["fault"]["created"] = (
            f"{own:%Y-%m-%dT%H:%M:%S}"
        )
        world.record(message="ours")

        assert world.show()["fault"]["message"] == message

    def test_it_stays_where_its_time_cannot_be_read(self, world):
        world.service.body["instance"]["fault"]["created"] = "yesterday"
        world.record(message="ours")

        assert world.show()["fault"]["message"] == "own"

    def test_a_clearance_hides_it_when_it_is_older(self, world):
        world.clear(MOMENT)

        assert world.show() == {"id": INSTANCE}

    def test_a_clearance_leaves_it_when_it_is_newer(self, world):
        world.clear(MOMENT - timedelta(seconds=1))

        assert world.show()["fault"]["message"] == "own"

    def test_a_fault_that_is_null_gives_way_to_ours(self, world):
        world.service.body["instance"]["fault"] = None
        world.record(message="ours")

        assert world.show()["fault"]["message"] == "ours"

    def test_it_is_under_the_policy_in_whatever_body_it_stands(self, world):
        assert (
            "details"
            not in world.show(f"/{PROJECT}/instances/{OTHER}")["fault"]
        )


PROFILE = """\
service: trove
fault: {created: "%Y-%m-%dT%H:%M:%S", existing_details: keep}
routes:
  - path: /{project_id}/instances/{id}
    object: instance
  - path: /ours/{id}
    object: instance
    fault: {existing_details: policy}
events:
  - event_type: dbaas.*
    priority: info
    message: class
    safe_exceptions: TroveError
    record:
      instance_id: payload.instance_id
      message: payload.message
      details: payload.exception
"""


ASKED_FOR = """\
service: trove
fault: {created: "%Y-%m-%dT%H:%M:%S"}
routes:
  - path: /{project_id}/instances/{id}
    object: instance
    query: {fields: fault}
"""


def test_a_show_that_has_to_ask_for_the_fault_has_none_without(
    configure, sqlite_url, tmp_path
):
    file = tmp_path / "asked-for.yaml"
    file.write_text(ASKED_FOR)
    store = make_store(sqlite_url)
    world = World(configure(consumer="external", profiles=str(file)), store)
    world.record()

    assert "fault" not in world.show()
    assert "fault" in world.show(f"{SHOW}?fields=fault")
    close(store)


HANDED_OVER = """\
service: trove
fault: {created: "%Y-%m-%dT%H:%M:%S"}
routes:
  - path: /{project_id}/instances/{id}
    object: instance
    project_id: owner
    changes_project: true
  - path: /{project_id}/instances/detail
    list: instances
    project_id: owner
    changes_project: true
"""


class TestAnInstanceThatWasHandedToAnotherProject:
    @pytest.fixture
    def world(self, configure, sqlite_url, tmp_path):
        file = tmp_path / "handed-over.yaml"
        file.write_text(HANDED_OVER)
        policy = tmp_path / "policy.yaml"
        policy.write_text("{}")
        conf = configure(
            consumer="external",
            credentials="headers",
            profiles=str(file),
            policy_file=str(policy),
        )
        store = make_store(sqlite_url)
        world = World(conf, store)
        world.service.body = {"instance": {"id": INSTANCE, "owner": "new"}}
        yield world
        close(deploy(conf).store)
        close(store)

    def test_does_not_show_its_new_owner_what_failed_before(self, world):
        world.record(project_id="old")

        assert world.app.get(SHOW, headers=MEMBER).body == world.service.data
        assert world.show(headers=ADMIN)["fault"]["details"] == "Traceback"

    def test_does_not_show_it_in_a_list_either(self, world):
        world.record(project_id="old")
        world.record(OTHER, project_id="new")
        both = [
            {"id": INSTANCE, "owner": "new"},
            {"id": OTHER, "owner": "new"},
        ]
        world.service.body = {"instances": both}

        answer = world.app.get(f"/{PROJECT}/instances/detail", headers=MEMBER)

        shown = answer.json["instances"]
        assert ["fault" in instance for instance in shown] == [False, True]

    def test_does_not_show_it_in_a_list_by_lending_it_to_another_fault(
        self, world, tmp_path
    ):
        """What was reported without a project has the details of what its old owner had."""
        rules = {
            "fault_middleware:show:details": "role:admin or project_id:%(project_id)s"
        }
        (tmp_path / "policy.yaml").write_text(json.dumps(rules))
        world.record(
            project_id="old", details="of the old", weight=weigh(Kind.NAME, 1)
        )
        world.record(
            created=MOMENT + timedelta(seconds=1),
            message="The array is full.",
            details="",
            weight=weigh(Kind.TEXT, 0),
        )
        instances = [{"id": INSTANCE, "owner": "new"}]
        world.service.body = {"instances": instances}
        new_owner = {"X-Roles": "member", "X-Project-Id": "new"}

        path = f"/{PROJECT}/instances/detail"
        to_member = world.app.get(path, headers=new_owner)
        to_admin = world.app.get(path, headers=ADMIN)

        assert "of the old" not in to_member.text
        assert "of the old" in to_admin.text

    @pytest.mark.parametrize("project", ["new", None])
    def test_shows_what_failed_since_or_nobody_knows_in_whose_time(
        self, world, project
    ):
        world.record(project_id=project)

        assert world.show()["fault"]["message"] == "No valid host"

    def test_shows_it_to_whom_the_policy_lets_see_it(self, world, tmp_path):
        rules = {"fault_middleware:show:former": "role:member"}
        (tmp_path / "policy.yaml").write_text(json.dumps(rules))
        world.record(project_id="old")

        assert world.show()["fault"]["message"] == "No valid host"
        assert "details" not in world.show()["fault"]

    def test_hides_it_where_the_policy_cannot_be_asked(self, world, tmp_path):
        (tmp_path / "policy.yaml").write_text("{")
        world.record(project_id="old")

        assert "fault" not in world.show(headers=ADMIN)

    def test_has_no_fault_after_a_clearance_of_its_old_owner(self, world):
        world.record()
        world.clear(MOMENT + timedelta(seconds=1))

        assert "fault" not in world.show(headers=ADMIN)


class TestAProfileOfTheDeployers:
    OWN = TestAFaultThatTheServiceWroteItself.OWN

    @pytest.fixture
    def world(self, configure, sqlite_url, tmp_path):
        file = tmp_path / "mine.yaml"
        file.write_text(PROFILE)
        conf = configure(
            consumer="external", credentials="headers", profiles=str(file)
        )
        store = make_store(sqlite_url)
        world = World(conf, store)
        world.recorder = deploy(conf).recorder
        yield world
        close(deploy(conf).store)
        close(store)

    FRAMES = 'Traceback (most recent call last):\n  File "x.py", line 1, in f\n    g()\n'

    def test_the_details_of_the_service_stay_where_it_has_its_own_rule(
        self, world
    ):
        world.service.body = {"instance": {"id": INSTANCE, "fault": self.OWN}}

        assert world.show(headers=MEMBER)["fault"] == self.OWN
        assert (
            "details"
            not in world.show(f"/ours/{INSTANCE}", headers=MEMBER)["fault"]
        )

    def test_they_are_masked_where_they_stay(self, world):
        own = {**self.OWN, "details": "admin_password = S3cr3t"}
        world.service.body = {"instance": {"id": INSTANCE, "fault": own}}

        assert "S3cr3t" not in json.dumps(world.show(headers=ADMIN))

    def test_our_details_are_under_the_policy_all_the_same(self, world):
        world.service.body = {"instance": {"id": INSTANCE, "fault": self.OWN}}
        world.record(created=MOMENT + timedelta(minutes=1))

        assert "details" not in world.show(headers=MEMBER)["fault"]
        assert world.show(headers=ADMIN)["fault"]["details"] == "Traceback"

    @pytest.mark.parametrize(
        ("kind", "message"),
        [("TroveError", "node-7 is full"), ("RuntimeError", "RuntimeError")],
    )
    def test_a_member_sees_the_texts_of_safe_exceptions_only(
        self, world, kind, message
    ):
        payload = {
            "instance_id": INSTANCE,
            "message": "node-7 is full",
            "exception": [self.FRAMES, f"{kind}: node-7 is full\n"],
        }
        notification = {
            "event_type": "dbaas.x",
            "priority": "info",
            "payload": payload,
        }
        world.recorder.record(
            world.recorder.extract(notification), lambda seconds: True
        )

        assert world.show(headers=MEMBER)["fault"]["message"] == message
        assert "details" not in world.show(headers=MEMBER)["fault"]
        details = world.show(headers=ADMIN)["fault"]["details"]
        assert details == f"{self.FRAMES}{kind}: node-7 is full\n"


def test_a_database_that_fails_leaves_the_response_as_it_is(world, caplog):
    with world.store.writer.begin() as connection:
        connection.exec_driver_sql("DROP TABLE instance_faults")

    answer = world.app.get(SHOW)

    assert answer.body == world.service.data
    assert INSTANCE in caplog.text


def test_errors_of_the_application_are_its_own(world):
    def dies(environ, start_response):
        raise RuntimeError("the service's own")

    world.filter._application = dies

    with pytest.raises(RuntimeError, match="the service's own"):
        webtest.TestApp(world.filter).get(SHOW)


def test_a_body_that_is_no_json_is_nobodys_error_while_there_is_nothing_to_show(
    world, caplog
):
    def application(environ, start_response):
        start_response(
            "200 OK",
            [("Content-Type", "application/json"), ("Content-Length", "5")],
        )
        return [b"{oops"]

    world.filter._application = application

    assert world.app.get(SHOW, headers=ADMIN).body == b"{oops"
    assert caplog.text == ""


def test_a_response_in_which_nothing_changes_keeps_its_validators(world):
    def application(environ, start_response):
        headers = [
            ("Content-Length", str(len(world.service.data))),
            ("ETag", '"x"'),
        ]
        start_response(
            "200 OK", [("Content-Type", "application/json"), *headers]
        )
        return [world.service.data]

    own = TestAFaultThatTheServiceWroteItself.OWN
    world.service.body = {"instance": {"id": INSTANCE, "fault": own}}
    world.filter._application = application

    assert world.app.get(SHOW, headers=ADMIN).headers["ETag"] == '"x"'
    assert "ETag" not in world.app.get(SHOW, headers=MEMBER).headers


def test_no_list_waits_long_for_what_the_service_says_itself(
    world, monkeypatch
):
    own = {**TestAFaultThatTheServiceWroteItself.OWN, "details": "x" * 300}
    world.service.body = {"instances": [{"id": INSTANCE, "fault": own}]}
    monkeypatch.setattr(filter_module, "LIST_SECONDS", -1)

    answer = world.app.get(f"/{PROJECT}/instances/detail", headers=ADMIN)

    (shown,) = answer.json["instances"]
    assert shown["fault"] == {**own, "details": CUT}


def test_an_instance_of_a_list_that_stays_as_it_is_holds_up_no_other(world):
    own = TestAFaultThatTheServiceWroteItself.OWN
    world.service.body = {
        "instances": [{"id": OTHER, "fault": own}, {"id": INSTANCE}]
    }
    world.record()

    first, second = world.app.get(
        f"/{PROJECT}/instances/detail", headers=ADMIN
    ).json["instances"]

    assert first["fault"] == own
    assert second["fault"]["message"] == "No valid host"


def test_while_the_policy_fails_the_services_own_fault_stays_but_for_its_details(
    world, monkeypatch
):
    own = TestAFaultThatTheServiceWroteItself.OWN
    world.service.body = {"instance": {"id": INSTANCE, "fault": own}}
    monkeypatch.setattr(Policy, "viewer", None)

    shown = world.show(headers=ADMIN)["fault"]

    assert shown == {
        name: value for name, value in own.items() if name != "details"
    }


@pytest.mark.parametrize("path", [SHOW, f"/{PROJECT}/instances/detail"])
def test_without_a_database_the_services_own_details_are_under_the_policy(
    world, path
):
    with world.store.writer.begin() as connection:
        connection.exec_driver_sql("DROP TABLE instance_faults")
    own = {
        "id": INSTANCE,
        "fault": dict(TestAFaultThatTheServiceWroteItself.OWN),
    }
    world.service.body = (
        {"instance": own} if path == SHOW else {"instances": [own]}
    )

    to_member = world.app.get(path, headers=MEMBER)
    to_admin = world.app.get(path, headers=ADMIN)

    assert "own details" not in to_member.text
    assert "own details" in to_admin.text
    assert "X-Instance-Faults" not in to_admin.headers


def test_a_rule_may_name_an_instance_and_a_service(
    configure, sqlite_url, tmp_path
):
    policy = tmp_path / "policy.yaml"
    policy.write_text(
        f'"fault_middleware:show:details": "\'{INSTANCE}\':%(instance_id)s and '
        "'trove':%(service)s and 't1':%(project_id)s\""
    )
    store = make_store(sqlite_url)
    conf = configure(
        consumer="external", credentials="headers", policy_file=str(policy)
    )
    world = World(conf, store)
    for one in (INSTANCE, OTHER):
        world.record(one)
        world.service.body = {"instance": {"id": one, "tenant_id": "t1"}}
        shown = world.show(f"/{PROJECT}/instances/{one}")["fault"]
        assert ("details" in shown) == (one == INSTANCE)
    close(deploy(conf).store)
    close(store)
