# SPDX-License-Identifier: Apache-2.0
from pathlib import Path

import pytest

from fault_middleware import profile
from fault_middleware.document import DocumentError
from fault_middleware.options import ConfigurationError
from tests.documents import MANUAL, blocks

GOOD = """\
service: orders
exchanges: [orders, shop]
fault:
  created: "%Y-%m-%dT%H:%M:%SZ"
routes:
  - path: /orders/{id}
    object: order
events:
  - event_type: order.*.failed
    priority: [error, warn]
    record:
      instance_id: payload.order
      message: payload.reason
"""


def mistakes(text):
    with pytest.raises(DocumentError) as caught:
        profile.parse("orders.yaml", text)
    return caught.value.mistakes


def test_a_profile_is_read():
    read = profile.parse("orders.yaml", GOOD)

    assert read.service == "orders"
    assert read.exchanges == ("orders", "shop")
    assert read.priorities == {"error", "warn"}
    assert read.routes[0].form.key == "fault"
    assert read.routes[0].form.existing == "newest"


@pytest.mark.parametrize("name", profile.shipped())
def test_a_shipped_profile_is_right(name):
    assert profile.load(name).service == name


def test_a_deployers_own_profile_is_found_by_its_path(tmp_path):
    file = tmp_path / "orders.yaml"
    file.write_text(GOOD)

    assert profile.load(str(file)).service == "orders"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("nothing", "there is no profile 'nothing'; shipped are .*trove"),
        ("/no/such/file.yaml", "/no/such/file.yaml: .*No such file"),
        ("../conf", "../conf: .*No such file"),
    ],
)
def test_a_profile_that_is_not_there_is_named(name, message):
    with pytest.raises(ConfigurationError, match=message):
        profile.load(name)


@pytest.mark.parametrize(
    ("old", "new", "mistake"),
    [
        (
            "service: orders",
            "service: The Orders",
            "1: service: 'The Orders' does not match",
        ),
        (
            "service: orders",
            "servise: orders",
            "1: servise: is not a key that is known here",
        ),
        (
            "service: orders",
            "servise: orders",
            "1: the document: 'service' is a required",
        ),
        (
            "[orders, shop]",
            "5",
            "2: exchanges: 5 is not of type 'string', 'array'. A text",
        ),
        ("[orders, shop]", "[]", "2: exchanges: [] "),
        (
            "[orders, shop]",
            "[5]",
            "2: exchanges[0]: 5 is not of type 'string'",
        ),
        (
            '"%Y-%m-%dT%H:%M:%SZ"',
            '"%H:%M"',
            "6: routes[0]: needs in 'fault' a format",
        ),
        (
            '"%Y-%m-%dT%H:%M:%SZ"',
            '"%Y-%m-%d"',
            "6: routes[0]: needs in 'fault' a format 'created' of ISO 8601 to the second, not '%Y",
        ),
        (
            "created:",
            "existing: first\n  created:",
            "4: fault.existing: 'first' is not one of",
        ),
        (
            "/orders/{id}",
            "orders/{id}",
            "6: routes[0].path: 'orders/{id}' does not match",
        ),
        (
            "/orders/{id}",
            "/orders/{Id}",
            "6: routes[0].path: '/orders/{Id}' does not match",
        ),
        (
            "/orders/{id}",
            "/orders",
            "6: routes[0]: needs {id} in its path once",
        ),
        (
            "/orders/{id}",
            "/{id}/{id}",
            "6: routes[0]: needs {id} in its path once",
        ),
        (
            "object: order",
            "list: orders",
            "6: routes[0]: needs {id} in its path once",
        ),
        (
            "    object: order\n",
            "",
            "6: routes[0]: needs either 'object' or 'list'",
        ),
        (
            "object: order",
            "objet: order",
            "7: routes[0].objet: is not a key that is known",
        ),
        (
            "object: order",
            "object: [1]",
            "7: routes[0].object: [1] is not of type 'string'",
        ),
        ("order.*.failed", "''", "9: events[0].event_type: '' "),
        (
            "[error, warn]",
            "errors",
            "10: events[0].priority: 'errors' does not match",
        ),
        (
            "[error, warn]",
            "[errors]",
            "10: events[0].priority[0]: 'errors' is not one of",
        ),
        (
            "record:",
            "clear: {instance_id: x}\n    record:",
            "9: events[0]: needs exactly one",
        ),
        (
            "payload.order",
            "payload..order",
            "12: events[0].record.instance_id: 'payload..or",
        ),
        (
            "instance_id:",
            "message:",
            "12: events[0].record: 'instance_id' is a required",
        ),
        (
            "instance_id:",
            "instance_id: a\n      instance_id:",
            "13: events[0].record.inst",
        ),
        (
            "events:",
            "events: 5\nevent:",
            "8: events: 5 is not of type 'array'",
        ),
        (
            "payload.order",
            "payload.a[name=b",
            "12: events[0].record.instance_id: 'payload.a[na",
        ),
        (
            "payload.order",
            "payload.a[b].c",
            "12: events[0].record.instance_id: 'payload.a[b].c",
        ),
        (
            "payload.order",
            "{path: a}",
            "12: events[0].record.instance_id: 'form' is a required",
        ),
        (
            "payload.order",
            "{path: a, form: x}",
            "12: events[0].record.instance_id.form: 'x' is",
        ),
        (
            "payload.order",
            "{path: a..b, form: repr}",
            "12: events[0].record.instance_id.path: 'a",
        ),
        ("record:", "when: {}\n    record:", "11: events[0].when: {} "),
        (
            "record:",
            "when: {a..b: c}\n    record:",
            "11: events[0].when: 'a..b' does not match",
        ),
        (
            "record:",
            "ignore: {}\n    record:",
            "9: events[0]: needs exactly one of record, clea",
        ),
        (
            "record:",
            "ignore:",
            "12: events[0].ignore: {'instance_id': 'payload.order', ",
        ),
        (
            "object: order",
            "object: order\n    names: a..b",
            "8: routes[0].names: 'a..b' does not",
        ),
        (
            "payload.order",
            "order",
            "9: events[0]: 'order' does not begin with payload, context,",
        ),
        (
            "record:",
            "when: {a.b: c}\n    record:",
            "9: events[0]: 'a.b' does not begin with payl",
        ),
        (
            "events:",
            "  - {path: '/orders/{id}', object: x}\nevents:",
            "8: routes[1]: /orders/{id} takes every request for /orders/{id}",
        ),
        (
            "created:",
            "members: 5\n  created:",
            "4: fault.members: 5 is not of type 'object'",
        ),
    ],
)
def test_a_mistake_is_named_with_file_line_key_and_value(old, new, mistake):
    found = mistakes(GOOD.replace(old, new))

    assert any(line.startswith(f"orders.yaml:{mistake}") for line in found), (
        found
    )


def test_every_mistake_is_named_at_once():
    text = GOOD.replace("service: orders", "service: 5").replace(
        "/orders/{id}", "x"
    )

    assert len(mistakes(text)) == 2


@pytest.mark.parametrize(
    ("text", "mistake"),
    [
        ("", "orders.yaml:1: the document is empty"),
        ("service: [", "orders.yaml:1: not YAML: "),
        (
            "- service",
            "orders.yaml:1: the document: ['service'] is not of type 'object'",
        ),
        (
            "service: orders",
            "orders.yaml:1: the document: has neither routes nor events",
        ),
        (
            "service: !!python/object:os.system x",
            "orders.yaml:1: not YAML: could not determine",
        ),
        ("a: \x00", "orders.yaml:1: not YAML: "),
        (
            "service: x\nroutes: &a\n- b: *a",
            "orders.yaml:2: not YAML: routes[0].b is an alias of what it is in",
        ),
        ("&a {<<: *a}", "orders.yaml:1: not YAML: << is an alias"),
        ("a: " + "[" * 3000 + "]" * 3000, "orders.yaml:1: not read: "),
    ],
)
def test_a_document_of_another_kind_is_refused(text, mistake):
    assert mistakes(text)[0].startswith(mistake)


@pytest.fixture(scope="module")
def table():
    return profile.RouteTable(
        [profile.load("trove"), profile.parse("o.yaml", GOOD)]
    )


@pytest.mark.parametrize(
    ("path", "route", "instance_id"),
    [
        ("/p1/instances/a-b", "/{project_id}/instances/{id}", "a-b"),
        ("/p1/mgmt/instances/a-b", "/{project_id}/mgmt/instances/{id}", "a-b"),
        ("/p1/instances/detail", "/{project_id}/instances/detail", ""),
        ("/p1/mgmt/instances", "/{project_id}/mgmt/instances", ""),
        ("//p1//instances///a-b", "/{project_id}/instances/{id}", "a-b"),
        ("/orders/5", "/orders/{id}", "5"),
    ],
)
def test_a_path_is_that_of_a_route(table, path, route, instance_id):
    request = table.match({"PATH_INFO": path, "REQUEST_METHOD": "GET"})

    assert (request.route.path, request.name) == (route, instance_id)


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/",
        "/p1/instances",
        "/p1/instances/",
        "/p1/instances/a-b/backups",
        "/v1.0/p1/instances/a-b",
        "p1/instances/a-b",
    ],
)
def test_other_paths_are_no_routes(table, path):
    assert table.match({"PATH_INFO": path, "REQUEST_METHOD": "GET"}) is None


def test_a_bad_regex_of_a_log_rule_is_named():
    rule = """\
logs:
  - logger: orders.*
    text: "["
    ignore: {}
"""
    with pytest.raises(DocumentError) as caught:
        profile.parse("orders.yaml", GOOD + rule)

    (mistake,) = caught.value.mistakes
    assert "logs[0]: unterminated character set" in mistake


def test_a_profile_of_events_alone_has_no_routes():
    text = GOOD[: GOOD.index("routes:")] + GOOD[GOOD.index("events:") :]

    table = profile.RouteTable([profile.parse("orders.yaml", text)])

    assert table.match({"REQUEST_METHOD": "GET"}) is None


@pytest.mark.parametrize("name", profile.shipped())
def test_what_is_shipped_is_as_the_schema_says(name):
    file = Path(profile.__file__).parent / "profiles" / f"{name}.yaml"

    read = profile.parse(str(file), file.read_text())

    assert read == profile.load(name)
    assert read.sources == profile.load(name).sources


STOCK = "OutOfStock('none left')"


@pytest.fixture(scope="module")
def orders():
    """The invented service of the manual."""
    text, _ = blocks(MANUAL / "profiles.rst", "yaml")
    return profile.parse("profiles.rst", text)


@pytest.mark.parametrize(
    ("event_type", "priority", "payload", "action", "told"),
    [
        (
            "payment.failed",
            "error",
            {"reason": "abandoned by the customer"},
            "ignore",
            [],
        ),
        (
            "payment.failed",
            "warn",
            {"reason": "abandoned by us"},
            "record",
            ["abandoned by us"],
        ),
        (
            "payment.failed",
            "error",
            {"reason": "card refused"},
            "record",
            ["card refused"],
        ),
        (
            "checked",
            "info",
            {"outcome": "passed", "error": None},
            "success",
            [""],
        ),
        (
            "checked",
            "info",
            {"outcome": "failed", "error": STOCK},
            "record",
            ["none left"],
        ),
        (
            "checked",
            "info",
            {"outcome": "refused", "error": "KeyError(1)"},
            "record",
            ["KeyError"],
        ),
    ],
)
def test_the_example_of_the_manual_tells_failures_from_others(
    orders, event_type, priority, payload, action, told
):
    ids = {
        "order_number": "A-7",
        "parts": [{"kind": "bill"}, {"kind": "order", "number": "A-7"}],
    }
    sent = {
        "event_type": f"order.{event_type}",
        "priority": priority,
        "payload": payload | ids,
    }

    extraction = orders.sources.extract(sent)

    assert (extraction.action, extraction.reason) == (action, "")
    assert [(row.instance_id, row.message) for row in extraction.faults] == [
        ("A-7", message) for message in told
    ]


def test_the_example_of_the_manual_takes_a_reference_for_the_number(orders):
    (route,) = (one for one in orders.routes if not one.many)
    shown = list(
        route.instances('{"order": {"number": "A-7", "reference": "for Ada"}}')
    )

    assert (
        route.instance_id("for Ada", shown)
        == route.instance_id("A-7", shown)
        == "A-7"
    )


CLIENT = """
service: orders
fault: {created: "%Y-%m-%dT%H:%M:%SZ"}
routes:
  - path: /orders/{id}
    object: order
client:
  types: shop
  resources:
    - word: order
      path: /orders/{number}
      list: /orders
"""


def test_what_the_client_is_told_must_be_in_the_profile():
    assert mistakes(CLIENT) == [
        "orders.yaml:10: client.resources[0]: needs 'failed', as its list is not a route",
        "orders.yaml:10: client.resources[0]: needs 'members', as its list is not a route",
        "orders.yaml:11: client.resources[0].path: is not the path of a route to an object",
    ]
