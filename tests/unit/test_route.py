# SPDX-License-Identifier: Apache-2.0
import json
from datetime import timedelta

import pytest

from fault_middleware import cause, clock, fault, profile
from fault_middleware.instances import ShownInstances
from fault_middleware.policy import Visibility
from fault_middleware.route import ParentLookup
from tests.fixtures import INSTANCE

MOMENT = clock.parse_time("2026-11-20T20:36:05")
NOTHING, MESSAGE, ALL = (
    Visibility(show=False, details=False),
    Visibility(show=True, details=False),
    Visibility(show=True, details=True),
)
OWN = {
    "message": "own",
    "created": "2026-11-20T20:36:05",
    "details": "own details",
}
PROFILE = """\
service: trove
fault: {{created: "%Y-%m-%dT%H:%M:%S", existing: {existing}}}
routes:
  - path: /instances/{{id}}
    object: instance
  - path: /owned/{{id}}
    object: instance
    project_id: [tenant_id, owner.project]
    user_id: user_id
  - path: /instances
    list: instances
  - path: /faults
    list: instances
    query: {{fields: error, all: ["yes", "1"]}}
  - path: /lost/{{id}}
    object: ""
    when: {{state: "lost*"}}
  - path: /bare/{{id}}
    object: ""
    fault: {{key: error, created: "%Y-%m-%dT%H:%M:%SZ"}}
  - path: /actions/{{id}}
    object: ""
    within: {{instance_id: owner, since: begun, until: done}}
  - path: /named/{{id}}
    object: ""
    id: uuid
    names: [name, alias.short]
    fault: {{members: {{code: 500}}}}
"""


def routes(existing="newest"):
    read = profile.parse("p.yaml", PROFILE.format(existing=existing))
    return {route.path: route for route in read.routes}


def shown(route, document, row, visible=ALL):
    """A body in which its one instance shows a fault."""
    text = json.dumps(document)
    instances = ShownInstances(route, text.encode())
    (instance,) = instances
    instances.splice(
        instance, route.form.render(instance.members, row, visible)
    )
    return json.loads(instances.encode() or text)


@pytest.mark.parametrize(
    ("existing", "seconds", "message"),
    [
        ("newest", -60, "own"),
        ("newest", 60, "ours"),
        ("keep", 60, "own"),
        ("replace", -60, "ours"),
    ],
)
def test_the_profile_says_which_fault_stays(existing, seconds, message):
    route = routes(existing)["/instances/{id}"]
    row = fault.make(
        "trove",
        INSTANCE,
        message="ours",
        created=MOMENT + timedelta(seconds=seconds),
    )

    after = shown(route, {"instance": {"id": INSTANCE, "fault": OWN}}, row)

    assert after["instance"]["fault"]["message"] == message


@pytest.mark.parametrize(
    ("own", "seconds", "ours", "message"),
    [
        ("Gave up after 3 tries.", -60, "no space", "no space"),
        ("Gave up after 3 tries.", 60, "no space", "no space"),
        ("Gave up after 3 tries.", -700, "no space", "Gave up after 3 tries."),
        ("Gave up after 3 tries.", 1, "Gave up.", "Gave up after 3 tries."),
        ("no host", -60, "no space", "no host"),
    ],
)
def test_a_fault_that_stays_does_not_hide_what_the_service_gave_up_after(
    own, seconds, ours, message
):
    route = routes('keep, existing_symptoms: "Gave up*", existing_later: 600')[
        "/instances/{id}"
    ]
    row = fault.make(
        "trove",
        INSTANCE,
        message=ours,
        created=MOMENT + timedelta(seconds=seconds),
    )
    theirs = {**OWN, "message": own}

    after = shown(route, {"instance": {"id": INSTANCE, "fault": theirs}}, row)

    assert after["instance"]["fault"]["message"] == message


@pytest.mark.parametrize(
    ("seconds", "message"),
    [(100, "no space"), (105, "no space"), (106, "own")],
)
def test_what_the_service_wrote_is_compared_with_the_last_report_of_a_failure(
    seconds, message
):
    route = routes("newest")["/instances/{id}"]
    told = {"no space": (0, 39), "gave up": (100, 10)}
    reports = []
    for text, (second, weight) in told.items():
        reports.append(
            fault.make(
                "trove",
                INSTANCE,
                message=text,
                created=MOMENT + timedelta(seconds=second),
                request_id="req-1",
                weight=weight,
            )
        )
    row = cause.nearest(reports[-1], reports)
    written = MOMENT + timedelta(seconds=seconds)
    own = {**OWN, "message": "own", "created": f"{written:%Y-%m-%dT%H:%M:%S}"}

    after = shown(route, {"instance": {"id": INSTANCE, "fault": own}}, row)

    assert after["instance"]["fault"]["message"] == message


@pytest.mark.parametrize(
    ("later", "message"), [("10.999999", "ours"), ("11.000001", "own")]
)
def test_of_the_time_that_the_service_wrote_the_whole_seconds_count(
    later, message
):
    route = routes("newest")["/instances/{id}"]
    row = fault.make("trove", INSTANCE, message="ours", created=MOMENT)
    own = {**OWN, "created": f"{MOMENT:%Y-%m-%dT%H:%M:}{later}"}

    after = shown(route, {"instance": {"id": INSTANCE, "fault": own}}, row)

    assert after["instance"]["fault"]["message"] == message


@pytest.mark.parametrize(
    "own", ["Gave up", {**OWN, "message": 5}, {"created": OWN["created"]}]
)
def test_a_fault_that_stays_and_does_not_say_that_the_service_gave_up(own):
    route = routes('keep, existing_symptoms: "Gave up*"')["/instances/{id}"]
    row = fault.make(
        "trove",
        INSTANCE,
        message="ours",
        created=MOMENT + timedelta(seconds=60),
    )
    document = {"instance": {"id": INSTANCE, "fault": own}}

    assert shown(route, document, row) == document


def test_a_clearance_hides_no_fault_that_stays_whatever_it_says():
    route = routes('keep, existing_symptoms: "Gave up*"')["/instances/{id}"]
    row = fault.make(
        "trove",
        INSTANCE,
        created=MOMENT + timedelta(seconds=60),
        is_clearance=True,
    )
    own = {**OWN, "message": "Gave up after 3 tries."}
    document = {"instance": {"id": INSTANCE, "fault": own}}

    assert shown(route, document, row) == document


@pytest.mark.parametrize("existing", ["newest", "keep", "replace"])
def test_ours_is_shown_where_the_service_wrote_none(existing):
    route = routes(existing)["/instances/{id}"]

    for none in ({}, {"fault": None}):
        row = fault.make("trove", INSTANCE, message="ours")
        after = shown(route, {"instance": {"id": INSTANCE, **none}}, row)
        assert after["instance"]["fault"]["message"] == "ours"


@pytest.mark.parametrize("existing", ["newest", "keep", "replace"])
def test_the_services_is_shown_where_we_have_none(existing):
    route = routes(existing)["/instances/{id}"]

    assert shown(
        route, {"instance": {"id": INSTANCE, "fault": OWN}}, None
    ) == {"instance": {"id": INSTANCE, "fault": OWN}}


def test_a_route_may_look_different_from_its_profile():
    row = fault.make("trove", "A", message="m", details="d", created=MOMENT)

    after = shown(routes()["/bare/{id}"], {"id": "A"}, row, MESSAGE)

    assert after == {
        "id": "A",
        "error": {"created": "2026-11-20T20:36:05Z", "message": "m"},
    }


def test_a_fault_under_another_key_has_its_time_there():
    row = fault.make(
        "trove", "A", message="ours", created=MOMENT + timedelta(seconds=60)
    )

    after = shown(routes()["/bare/{id}"], {"id": "A", "error": OWN}, row)

    assert after["error"]["message"] == "ours"


@pytest.mark.parametrize(
    ("visible", "details"), [(ALL, {"details": "d"}), (MESSAGE, {})]
)
def test_where_clients_take_texts_the_fault_is_one(visible, details):
    route = routes("newest, value: text")["/instances/{id}"]
    row = fault.make(
        "trove", INSTANCE, message="m", details="d", created=MOMENT
    )

    after = shown(route, {"instance": {"id": INSTANCE}}, row, visible)

    text = after["instance"]["fault"]
    assert isinstance(text, str)
    assert json.loads(text) == {
        "created": "2026-11-20T20:36:05",
        "message": "m",
        **details,
    }


@pytest.mark.parametrize(
    ("value", "visible", "is_looked_into"),
    [
        ("text", MESSAGE, True),
        ("text", ALL, False),
        ("object", MESSAGE, False),
    ],
)
def test_where_clients_take_texts_the_details_in_the_services_are_found(
    value, visible, is_looked_into
):
    route = routes(f"newest, value: {value}")["/instances/{id}"]
    document = {"instance": {"id": INSTANCE, "fault": json.dumps(OWN)}}

    after = shown(route, document, None, visible)

    own = json.loads(after["instance"]["fault"])
    assert ("details" not in own) == is_looked_into


@pytest.mark.parametrize("levels", [98, 99, 100, 101, 102])
def test_who_sees_no_details_reads_as_deep_as_others(levels):
    route = routes()["/instances/{id}"]
    own = json.loads('{"a":' * levels + '"end"' + "}" * levels)
    document = {"instance": {"id": INSTANCE, "fault": own}}

    after = shown(route, document, None, MESSAGE)

    assert after == shown(route, document, None, ALL)
    assert ("end" in json.dumps(after)) == (levels <= 100)


def test_a_fault_of_another_shape_is_not_touched():
    document = {"instance": {"id": INSTANCE, "fault": "it broke"}}

    assert shown(routes()["/instances/{id}"], document, None) == document


@pytest.mark.parametrize(
    ("existing", "other", "ours_is_shown"),
    [
        ("newest", "it broke", False),
        ("newest", {"message": "own", "created": "yesterday"}, False),
        ("newest", {"message": "own"}, False),
        ("keep", "it broke", False),
        ("replace", "it broke", True),
        ("replace", {"message": "own"}, True),
    ],
)
def test_a_fault_without_a_time_stays_unless_the_profile_says_otherwise(
    existing, other, ours_is_shown
):
    document = {"instance": {"id": INSTANCE, "fault": other}}
    row = fault.make("trove", INSTANCE, message="ours")

    after = shown(routes(existing)["/instances/{id}"], document, row)

    assert (after != document) == ours_is_shown


@pytest.mark.parametrize(
    ("path", "document", "ids"),
    [
        ("/instances/{id}", {"instance": {"id": "A"}}, ["A"]),
        (
            "/instances/{id}",
            {"instance": {"id": INSTANCE.upper()}},
            [INSTANCE],
        ),
        ("/instances/{id}", {"other": 1}, []),
        ("/instances/{id}", {"instance": "text"}, []),
        ("/instances/{id}", {"instance": [{"id": "A"}]}, []),
        ("/instances/{id}", {"instance": {"id": "not an id"}}, [""]),
        ("/instances/{id}", {"instance": {"id": ""}}, [""]),
        ("/instances/{id}", {"instance": {"id": 5}}, ["5"]),
        ("/instances", {"instances": {"id": "A"}}, []),
        (
            "/instances",
            {"instances": {"a": {"id": "A"}, "b": {"id": "B"}}},
            [],
        ),
        ("/instances", {"instances": "text"}, []),
        ("/instances", {"other": 1}, []),
        ("/instances", {"instances": []}, []),
        (
            "/instances",
            {
                "instances": [
                    {"id": "A"},
                    {"id": "not an id"},
                    {},
                    "text",
                    None,
                    {"id": "B"},
                ]
            },
            ["A", "", "", "B"],
        ),
    ],
)
def test_the_instances_of_a_body(path, document, ids):
    found = list(routes()[path].instances(json.dumps(document)))

    assert [one.id for one in found] == ids


@pytest.mark.parametrize(
    ("owners", "project", "target"),
    [
        ({}, None, {}),
        ({}, "p-row", {"project_id": "p-row"}),
        ({"tenant_id": None}, "p-row", {"project_id": "p-row"}),
        ({"tenant_id": "p-body"}, "p-row", {"project_id": "p-body"}),
        ({"owner": {"project": "p-body"}}, None, {"project_id": "p-body"}),
        ({"user_id": "u"}, None, {"user_id": "u"}),
    ],
)
def test_the_body_says_whose_an_instance_is_else_the_request_that_failed(
    owners, project, target
):
    route = routes()["/owned/{id}"]
    (instance,) = route.instances(
        json.dumps({"instance": {"id": "A", **owners}})
    )

    row = fault.make("trove", "A", message="m", project_id=project)
    assert route.policy_target(instance, row) == target
    if project is None:
        assert route.policy_target(instance, None) == target


ACTION = {
    "owner": INSTANCE.upper(),
    "begun": "2026-11-20T20:36:05",
    "done": "2026-11-20T20:37:05",
}


@pytest.mark.parametrize(
    ("changed", "other"),
    [
        ({}, ParentLookup(INSTANCE, MOMENT, MOMENT + timedelta(seconds=61))),
        ({"owner": None}, None),
        ({"begun": None}, None),
        ({"done": "soon"}, None),
    ],
)
def test_the_owner_of_an_action_and_its_time_to_the_end_of_the_last_second(
    changed, other
):
    route = routes()["/actions/{id}"]
    (instance,) = route.instances(json.dumps({"id": "A", **ACTION, **changed}))

    assert route.parent_lookup(instance) == other


@pytest.mark.parametrize(
    ("state", "may"),
    [
        ("lost", True),
        ("lost for ever", True),
        ("found", False),
        (None, False),
        (7, False),
        (["lost"], False),
    ],
)
def test_an_instance_may_have_to_say_that_it_failed(state, may):
    route = routes()["/lost/{id}"]
    (instance,) = route.instances(json.dumps({"id": "A", "state": state}))

    assert route.may_have_fault(instance) is may


def test_what_belongs_to_nothing_has_no_fault_elsewhere():
    route = routes()["/instances/{id}"]
    (instance,) = route.instances(f'{{"instance": {{"id": "{INSTANCE}"}}}}')

    assert route.parent_lookup(instance) is None


@pytest.mark.parametrize(
    ("query", "wants"),
    [
        ("", False),
        ("fields=id", False),
        ("fields=id,error", True),
        ("fields=id&all=1", True),
        ("all=no", False),
        ("fields=yes", False),
        ("other=error", False),
    ],
)
def test_a_query_may_have_to_ask_for_faults(query, wants):
    assert routes()["/faults"].wants_faults(query) is wants
    assert routes()["/instances"].wants_faults(query)


@pytest.mark.parametrize("existing", [{}, {"fault": None}, {"fault": OWN}])
def test_who_may_not_see_ours_sees_what_the_service_shows(existing):
    document = {"instance": {"id": INSTANCE, **existing}}
    row = fault.make("trove", INSTANCE, message="ours")

    after = shown(
        routes("replace")["/instances/{id}"], document, row, NOTHING
    )["instance"]

    assert (after.get("fault") or {}).get("message") == (
        existing.get("fault") or {}
    ).get("message")
    assert "own details" not in json.dumps(after)


def test_a_clearance_counts_for_who_may_not_see_ours_too():
    document = {"instance": {"id": INSTANCE, "fault": OWN}}
    row = fault.make("trove", INSTANCE, created=MOMENT, is_clearance=True)

    after = shown(routes()["/instances/{id}"], document, row, NOTHING)

    assert after == {"instance": {"id": INSTANCE}}


def test_a_clearance_of_nothing_changes_nothing():
    row = fault.make("trove", INSTANCE, is_clearance=True)

    for document in (
        {"instance": {"id": INSTANCE}},
        {"instance": {"id": INSTANCE, "fault": None}},
    ):
        assert shown(routes()["/instances/{id}"], document, row) == document


def test_what_is_no_text_in_a_fault_stays():
    own = {**OWN, "code": 500, "more": [1, None], "details": "password=S3cr3t"}

    after = shown(
        routes()["/instances/{id}"],
        {"instance": {"id": INSTANCE, "fault": own}},
        None,
    )

    assert after["instance"]["fault"] == {**own, "details": "password=***"}


def test_a_problem_in_a_fault_stays_in_it():
    own = {**OWN, "detail": json.dumps({"status": 500, "detail": "d"})}
    document = {"instance": {"id": INSTANCE, "fault": own}}

    assert shown(routes()["/instances/{id}"], document, None) == document


PROBLEMS = """\
service: trove
fault: {form: problem, key: error, existing_created: entered, existing_later: 600}
routes:
  - path: /operations/{id}
    object: ""
"""


@pytest.mark.parametrize(
    "members",
    [{}, {"error": None}, {"error": "it broke"}, {"error": {"detail": "d"}}],
)
def test_an_error_that_holds_no_problem_is_shown_as_it_is(members):
    (route,) = profile.parse("p.yaml", PROBLEMS).routes
    row = fault.make("trove", INSTANCE, message="ours", created=MOMENT)
    operation = {"id": INSTANCE, **members}

    assert shown(route, operation, row, NOTHING) == operation


@pytest.mark.parametrize(
    ("event_type", "visible", "shown_error"),
    [
        ("log vnf.conductor", MESSAGE, {"detail": "quota exceeded: 10 cores"}),
        (
            "log vnf.conductor",
            ALL,
            {"detail": "quota exceeded: 10 cores", "traceback": "Traceback"},
        ),
        (None, MESSAGE, {"status": 500, "detail": "It failed."}),
    ],
)
def test_what_was_logged_adds_details_to_a_problem_that_the_service_tells(
    event_type, visible, shown_error
):
    (route,) = profile.parse("p.yaml", PROBLEMS).routes
    row = fault.make(
        "trove",
        INSTANCE,
        message="It failed.",
        details="Traceback",
        event_type=event_type,
        created=MOMENT,
    )
    operation = {
        "id": INSTANCE,
        "entered": "2026-11-20T20:36:06",
        "error": {"detail": "quota exceeded: 10 cores"},
    }

    after = shown(route, operation, row, visible)

    assert after["error"] == shown_error


NAMED = {"uuid": INSTANCE.upper(), "name": "db 1", "alias": {"short": "d"}}


@pytest.mark.parametrize("name", [INSTANCE, INSTANCE.upper(), "db 1", "d"])
def test_a_path_may_hold_any_name_that_the_body_states(name):
    route = routes()["/named/{id}"]

    assert (
        route.instance_id(name, route.instances(json.dumps(NAMED))) == INSTANCE
    )


def test_an_id_that_is_not_a_uuid_is_a_name_too():
    route = routes()["/named/{id}"]
    document = json.dumps({"uuid": 7, "name": "db 1"})

    assert route.instance_id("7", route.instances(document)) == "7"


@pytest.mark.parametrize(
    ("name", "document"),
    [
        ("db 2", NAMED),
        ("db", NAMED),
        ("", NAMED),
        ("None", {"uuid": INSTANCE}),
        ("db 1", {"name": "db 1"}),
        ("db 1", {"name": "db 1", "uuid": "no id"}),
        ("db 1", [NAMED]),
    ],
)
def test_no_other_name_is_the_instances(name, document):
    route = routes()["/named/{id}"]

    with pytest.raises(ValueError, match="not the name"):
        route.instance_id(name, route.instances(json.dumps(document)))


@pytest.mark.parametrize(
    ("path", "name"), [("/named/{id}", INSTANCE), ("/bare/{id}", "A")]
)
def test_for_an_id_the_body_is_not_read(path, name):
    def instances():
        yield pytest.fail("the body was read")

    assert routes()[path].instance_id(name, instances()) == name


def test_members_that_clients_rely_on_are_in_every_fault_of_ours():
    row = fault.make("trove", INSTANCE, message="m", created=MOMENT)

    after = shown(routes()["/named/{id}"], NAMED, row, MESSAGE)

    assert after["fault"] == {
        "code": 500,
        "created": "2026-11-20T20:36:05",
        "message": "m",
    }
