# SPDX-License-Identifier: Apache-2.0
"""A profile tried on a log file of the service."""

import json

import pytest

from fault_middleware.cmd import recorded_log
from tests.commands import run_manage
from tests.fixtures import DATA

LOG = DATA / "cinder/cinder-volume.log"
SERVER = "5f15e2a3-b556-4cd7-8ce4-e893e533dba1"


def test_the_lines_of_a_traceback_are_one_record():
    found = list(recorded_log.read(LOG.read_text().splitlines()))

    failed = [
        sighting for sighting in found if sighting.record.levelname == "ERROR"
    ]
    assert len(found) == 4
    assert failed[0].record.name == "cinder.volume.manager"
    assert failed[0].record.getMessage().startswith("Extend volume failed.")
    assert failed[0].names == (
        "cinder.exception.VolumeBackendAPIException",
        "VolumeBackendAPIException",
    )
    assert failed[0].context == {
        "request_id": "req-bd97fbfa-7962-4b29-abb4-671c277e5c9d",
        "user_id": "c41e6f08a2b44d6c8e0f1a3b5d7c9e2f",
        "project_id": "0b8d2f4a6c7e4d1f9a3b5c7d9e1f3a5b",
    }


def test_what_the_log_of_cinder_would_become():
    code, out, err = run_manage(
        "profile", "try", "cinder", "--log", str(LOG), "-f", "json"
    )

    assert code == 0
    assert "4 records read, 2 meant by a rule" in err
    first, _ = json.loads(out)
    assert (
        first["message"] == "The storage back end could not extend the volume."
    )
    assert first["action"] == "record"
    # Cinder's id was in a local variable.
    assert first["instance_id"] == "(not in the file)"


def test_an_instance_that_is_in_the_line_is_known(tmp_path):
    profile = tmp_path / "servers.yaml"
    profile.write_text(
        "service: servers\nroutes: []\nevents:\n- event_type: x\n  priority: error\n  ignore: {}\n"
        "logs:\n- logger: compute.*\n  record: {instance_id: [{record: instance}]}\n"
    )
    file = tmp_path / "compute.log"
    file.write_text(
        "2026-11-26 14:29:37.502 534 ERROR compute.manager [None req-1 alice p1 - - - -] "
        f"[instance: {SERVER}] Instance failed to spawn\n"
        "2026-11-26 14:29:38.502 534 ERROR compute.manager [None req-2 - - - - - -] "
        f"[instance: {SERVER}] a periodic task failed\n"
    )

    _, out, _ = run_manage(
        "profile", "try", str(profile), "--log", str(file), "-f", "json"
    )

    row, other = json.loads(out)
    assert row["instance_id"] == SERVER
    assert (other["action"], other["message"]) == (
        "none",
        "the nearest rule is number 1, but no user is known whose request it was",
    )


@pytest.mark.parametrize(
    ("rule", "why"),
    [
        ("logger: network.*", "no rule has this logger"),
        ("level: critical", "the level is too low"),
        ("text: quota", "the text does not match"),
        ("exception: TimeoutError", "the exception does not match"),
        ("function: resize", "it does not come from one of its functions"),
    ],
)
def test_why_no_rule_matches_an_error_is_told(tmp_path, rule, why):
    profile = tmp_path / "servers.yaml"
    record = "record: {instance_id: [{record: instance}]}"
    profile.write_text(
        "service: servers\nroutes: []\nevents:\n- event_type: x\n  priority: error\n  ignore: {}\n"
        f"logs:\n- logger: other\n  {record}\n"
        f"- {'' if 'logger' in rule else 'logger: compute.*, '}{rule}\n".replace(
            ", ", "\n  "
        )
        + f"  {record}\n"
    )
    file = tmp_path / "compute.log"
    file.write_text(
        "2026-11-26 14:29:37.502 534 ERROR compute.manager [None req-1 alice p1 - - - -] "
        f"[instance: {SERVER}] Instance failed to spawn\n"
    )

    _, out, err = run_manage(
        "profile", "try", str(profile), "--log", str(file), "-f", "json"
    )

    (row,) = json.loads(out)
    assert row["action"] == "none"
    assert row["message"].endswith(why)
    assert "1 records read, 0 meant by a rule" in err


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["cinder", "--log", "/nowhere/x.log"], "No such file"),
        (["{folder}/own.yaml", "--log", str(LOG)], "has no logs"),
        (
            ["cinder", "--log", str(LOG), "--notification", "x.json"],
            "name a --notification",
        ),
    ],
)
def test_what_cannot_be_tried_is_said(tmp_path, arguments, says):
    event = "events:\n- {event_type: x, priority: error, ignore: {}}\n"
    (tmp_path / "own.yaml").write_text(f"service: own\n{event}")
    arguments = [argument.format(folder=tmp_path) for argument in arguments]

    code, _, err = run_manage("profile", "try", *arguments)

    assert code != 0
    assert says in err
