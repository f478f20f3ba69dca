# SPDX-License-Identifier: Apache-2.0
import json
from datetime import timedelta

import pytest

from fault_middleware import body, fault, profile
from tests.fixtures import INSTANCE

MOMENT = fault.parse_time("2026-11-20T20:36:05")
OWN = {"message": "own", "created": "2026-11-20T20:36:05", "details": "own details"}
PROFILE = """\
service: trove
fault: {{created: "%Y-%m-%dT%H:%M:%S", existing: {existing}}}
routes:
  - path: /instances/{{id}}
    object: instance
  - path: /bare/{{id}}
    object: ""
    fault: {{key: error, created: "%Y-%m-%dT%H:%M:%SZ"}}
"""


def routes(existing="newest"):
    read = profile.parse("p.yaml", PROFILE.format(existing=existing))
    return {route.path: route for route in read.routes}


def shown(route, document, row, details=True):
    """A body after the edit of its one instance."""
    text = json.dumps(document)
    (instance,) = route.instances(text)
    edit = route.edit(text, instance, row, show=True, details=details)
    return json.loads(body.apply(text, [edit] if edit else []))


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
        "trove", INSTANCE, message="ours", created=MOMENT + timedelta(seconds=seconds)
    )

    after = shown(route, {"instance": {"id": INSTANCE, "fault": OWN}}, row)

    assert after["instance"]["fault"]["message"] == message


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

    assert shown(route, {"instance": {"id": INSTANCE, "fault": OWN}}, None) == {
        "instance": {"id": INSTANCE, "fault": OWN}
    }


def test_a_route_may_look_different_from_its_profile():
    row = fault.make("trove", "A", message="m", details="d", created=MOMENT)

    after = shown(routes()["/bare/{id}"], {"id": "A"}, row, details=False)

    assert after == {"id": "A", "error": {"created": "2026-11-20T20:36:05Z", "message": "m"}}


def test_a_fault_of_another_shape_is_not_touched():
    document = {"instance": {"id": INSTANCE, "fault": "it broke"}}

    assert shown(routes()["/instances/{id}"], document, None) == document
