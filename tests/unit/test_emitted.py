# SPDX-License-Identifier: Apache-2.0
"""What a service sends while its tests run is kept as test data, without what is the machine's."""

import json
import socket
import types
from datetime import datetime

import pytest

from fault_middleware import log_rule, profile
from fault_middleware.chain import Cause
from fault_middleware.log_record import Failure
from tests.functional import emitted, emitting, taken
from tests.functional.deployment import EMITTED, PROJECT

DATABASE = "5f15e2a3-b556-4cd7-8ce4-e893e533dba1"


def failed(database, text):
    return {
        "message_id": database,
        "publisher_id": f"taskmanager.{socket.gethostname()}",
        "event_type": "dbaas.instance_create.error",
        "timestamp": "2026-11-28 17:08:04.946810",
        "payload": {
            "instance_id": database,
            "tenant_id": PROJECT,
            "message": text,
            "url": "http://127.0.0.1:9292/x",
        },
    }


@pytest.fixture
def deployment(tmp_path, monkeypatch):
    """That of a service in a folder, whose notifications go to a file."""
    (tmp_path / "trove").mkdir()
    for module in (emitted, taken):
        monkeypatch.setattr(module, "DATA", tmp_path)
    # Which the driver replaces.
    monkeypatch.setattr(log_rule, "make_fault", log_rule.make_fault)
    monkeypatch.setenv("FAULT_MIDDLEWARE_EMITTED", "")
    conf = tmp_path / "trove.conf"
    conf.write_text(
        "[oslo_messaging_notifications]\ndriver = fault_middleware\n"
    )
    emitting.begin(conf, tmp_path / EMITTED)
    return types.SimpleNamespace(service="trove", folder=tmp_path, conf=conf)


def kept(deployment, *sent):
    """What is in the file of test data, and how it is written."""
    driver = emitting.Driver(None, None, None)
    for message in sent:
        priority = message.get("priority", "INFO")
        driver.notify({"request_id": "req-1"}, message, priority, -1)
    emitted.keep(deployment, "25.0.0")
    text = (deployment.folder / "trove" / "emitted.json").read_text()
    return json.loads(text), text


def test_the_service_sends_to_both_drivers(deployment):
    assert deployment.conf.read_text() == (
        "[oslo_messaging_notifications]\n"
        "driver = fault_middleware\ndriver = keep-emitted\n"
    )


def test_what_the_profile_makes_of_it_is_kept_with_it(deployment):
    found, _ = kept(deployment, failed(DATABASE, "no room"))

    assert found["version"] == "25.0.0"
    (one,) = found["notifications"].values()
    (row,) = one["expect"]["rows"]
    assert one["expect"]["action"] == "record"
    assert row["instance_id"] == one["notification"]["payload"]["instance_id"]
    assert row["message"] == "no room"
    assert row["project_id"] == PROJECT


def test_nothing_of_the_machine_and_of_the_run_is_kept(deployment):
    away = "Connection(host='127.0.0.1', port=40439) to 127.0.0.1 failed"
    sent = failed(DATABASE, f"{deployment.folder} is full: {away}")

    found, text = kept(deployment, sent)

    own = (
        DATABASE,
        "127.0.0.1",
        "40439",
        str(deployment.folder),
        "2026-11-28",
    )
    assert not any(word in text for word in own)
    assert "/var/lib/trove is full" in text
    (one,) = found["notifications"].values()
    assert one["notification"]["publisher_id"] == "taskmanager.host1"
    assert one["notification"]["payload"]["tenant_id"] == PROJECT


def test_of_the_same_about_another_resource_one_is_kept(deployment):
    other = DATABASE.replace("5", "6")
    sent = [failed(one, f"{one}: no room") for one in (DATABASE, other)]

    found, _ = kept(deployment, *sent, failed(other, "too large"))

    assert len(found["notifications"]) == 2


def test_a_name_of_a_host_within_a_word_stays(deployment):
    word = f"{socket.gethostname()}_state"

    _, text = kept(deployment, failed(DATABASE, word))

    assert word in text


def test_an_error_that_the_profile_lets_pass_is_kept_as_such(deployment):
    kind = "dbaas.unknown.error"
    sent = {**failed(DATABASE, "no"), "event_type": kind, "priority": "ERROR"}

    found, _ = kept(deployment, sent)

    (one,) = found["notifications"].values()
    assert one["notification"]["event_type"] == kind
    assert one["expect"] == {"action": "ignore", "rows": []}


def test_a_large_part_of_which_nothing_is_made_is_left_out(deployment):
    text = "no room " * 99
    sent = failed(DATABASE, text)
    sent["payload"]["arguments"] = {"of": ["the request"] * 99}

    found, _ = kept(deployment, sent)

    (one,) = found["notifications"].values()
    payload = one["notification"]["payload"]
    assert payload["message"] == text
    assert payload["arguments"] == "[...]"


def test_what_is_expected_can_be_written_anew(deployment):
    found, text = kept(deployment, failed(DATABASE, "no room"))
    file = deployment.folder / "trove" / "emitted.json"
    for one in found["notifications"].values():
        one["expect"]["rows"] = []
    file.write_text(json.dumps(found))

    emitted.expect_anew()

    assert file.read_text() == text


def test_what_no_profile_knows_is_not_kept(deployment):
    unknown = "dbaas.instance.exists"
    sent = {**failed(DATABASE, "fine"), "event_type": unknown}

    _, text = kept(deployment, failed(DATABASE, "no room"), sent)

    assert unknown not in text


def test_what_the_log_handler_takes_is_kept_with_its_fault(deployment):
    emitting.Driver(None, None, None)
    read = profile.load("trove")
    (number, rule), *_ = (
        (number, rule)
        for number, rule in enumerate(read.sources.logs)
        if rule.places
    )
    failure = Failure(
        DATABASE,
        "trove.taskmanager.models",
        datetime(2026, 11, 28, 17, 8),
        f"{DATABASE} on {socket.gethostname()}",
        causes=(
            Cause("x.NoRoom", "on 127.0.0.1:9292", ("NoRoom", "x.NoRoom")),
        ),
        trace="Traceback",
    )

    row = log_rule.make_fault("trove", rule, failure, read.sources.words)
    taken.keep(deployment, "25.0.0")

    text = (deployment.folder / "trove" / "logged.json").read_text()
    (one,) = json.loads(text)["failures"].values()
    assert one["rule"] == number
    assert one["expect"]["message"] == row.message
    assert taken.made_of("trove", one) == one["expect"]
    own = (DATABASE, "127.0.0.1", "2026-11-28", "Traceback")
    assert not any(word in text for word in own)
    assert one["failure"]["text"].endswith(" on host1")
