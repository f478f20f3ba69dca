# SPDX-License-Identifier: Apache-2.0
"""The README and the manual say what is so."""

import json

import pytest
import webtest
from paste.deploy import loadapp

from fault_middleware import body, fault, profile
from fault_middleware.metrics import Metrics
from fault_middleware.policy import Policy
from tests.documents import MANUAL, README, blocks
from tests.fixtures import write_configuration

ORDER = {"number": "A-7", "owner": "p1"}


@pytest.fixture(scope="module")
def orders():
    (text,) = blocks(MANUAL / "profiles.rst", "yaml")
    return profile.parse("profiles.rst", text)


def notification(event_type, priority, payload):
    return {"event_type": event_type, "priority": priority, "payload": payload}


def test_the_example_of_a_profile_records_and_clears(orders):
    (failed,) = orders.extract(
        notification(
            "order.payment.failed",
            "ERROR",
            {"order_number": "A-7", "reason": "card refused", "trace": ["a\n", "b\n"]},
        )
    ).faults
    deleted = orders.extract(notification("order.deleted", "info", {"order": ORDER}))
    delivered = orders.extract(notification("order.delivered", "info", {"order": ORDER}))

    assert (failed.instance_id, failed.message, failed.details) == (
        "A-7",
        "card refused",
        "a\nb\n",
    )
    assert deleted.action == "clear"
    assert delivered.action == "success"


@pytest.mark.parametrize(
    ("path", "shown"),
    [("/v2/orders/A-7", {"order": ORDER}), ("/v2/orders/detail", {"orders": [ORDER, ORDER]})],
)
def test_the_example_of_a_profile_shows(orders, path, shown):
    table = profile.RouteTable([orders])
    _, route, _ = table.route(table.pattern.match(path))
    text = json.dumps(shown)
    row = fault.make(
        "orders", "A-7", message="sold out", created=fault.parse_time("2026-11-20T20:36:05")
    )

    instances = list(route.instances(text))
    edits = [route.edit(text, one, row, show=True, details=False) for one in instances]

    expected = {"created": "2026-11-20T20:36:05Z", "message": "sold out"}
    assert all(one.span.value == ORDER for one in instances)
    assert all(route.target(one, None) == {"project_id": "p1"} for one in instances)
    new = json.loads(body.apply(text, edits))
    assert all(one.span.value["fault"] == expected for one in route.instances(json.dumps(new)))


def test_the_readme_and_the_manual_give_the_same_advice():
    manual = blocks(MANUAL / "install/trove.rst", "ini")

    assert blocks(README, "ini") == manual
    assert len(manual) == 3


def test_the_readme_has_exactly_two_commands_to_begin_with():
    demo, tests, _ = blocks(README, "shell")

    assert demo.startswith("python3 -m venv ")
    assert demo.endswith("tox -q -e demo -- --once\n")
    assert tests.startswith("python3 -m venv ")
    assert tests.endswith("bin/tox\n")


def test_the_policy_of_the_manual_lets_owners_see_details(configure, tmp_path):
    (text,) = blocks(MANUAL / "security.rst", "yaml")
    file = tmp_path / "policy.yaml"
    file.write_text(text)
    policy = Policy(configure(), str(file), "headers", Metrics())

    def details(roles, project_id):
        environ = {"REQUEST_METHOD": "GET", "HTTP_X_ROLES": roles, "HTTP_X_PROJECT_ID": project_id}
        target = {"instance_id": "i", "service": "trove", "project_id": "p1"}
        return policy.sight(policy.credentials(environ), target).details

    assert details("member", "p1")
    assert not details("member", "p2")
    assert details("admin", "p2")


def test_the_healthcheck_of_the_manual_reports(tmp_path, sqlite_url):
    conf = write_configuration(tmp_path / "x.conf", sqlite_url, consumer="external")
    (text,) = [
        text for text in blocks(MANUAL / "reliability.rst", "none") if "app:healthcheck" in text
    ]
    ini = tmp_path / "api-paste.ini"
    ini.write_text(
        text.replace(
            "oslo_config_project = trove", f"oslo_config_project = x\noslo_config_file = {conf}"
        ).replace("disable_by_file,", "")
    )

    app = webtest.TestApp(loadapp(f"config:{ini}", name="healthcheck"))

    assert "fault_middleware: OK" in app.get("/", headers={"Accept": "application/json"}).text
