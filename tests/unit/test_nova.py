# SPDX-License-Identifier: Apache-2.0
"""Nova's profile on samples that Nova publishes, written anew, and on what it sends."""

import copy
import dataclasses
import json
from datetime import datetime, timedelta

import pytest

from fault_middleware import profile
from fault_middleware.event import Extraction
from tests.fixtures import read_data

RECORDED = read_data("nova/notifications.json")
EMITTED = read_data("nova/emitted.json")["notifications"]
MOMENT = datetime(2026, 11, 21, 20, 36, 5)
# All files in doc/notification_samples of Nova, commit 00a030403f, with ERROR as their priority.
SAMPLES = {
    "compute-exception": "compute.exception",
    "compute_task-build_instances-error": "compute_task.build_instances.error",
    "compute_task-migrate_server-error": "compute_task.migrate_server.error",
    "compute_task-rebuild_server-error": "compute_task.rebuild_server.error",
    "instance-create-error": "instance.create.error",
    "instance-interface_attach-error": "instance.interface_attach.error",
    "instance-reboot-error": "instance.reboot.error",
    "instance-rebuild-error": "instance.rebuild.error",
    "instance-resize-error": "instance.resize.error",
    "instance-share_attach-error": "instance.share_attach.error",
    "instance-share_detach-error": "instance.share_detach.error",
    "instance-volume_attach-error": "instance.volume_attach.error",
    "instance-volume_swap-error": "instance.volume_swap.error",
    "libvirt-connect-error": "libvirt.connect.error",
}
# They name no server.
WITHOUT_SERVER = {"compute-exception", "libvirt-connect-error"}
# What Nova did not raise itself, or whose text has an address in it.
FOREIGN = {
    "instance-volume_attach-error": "The block storage service refused the volume.",
    "instance-volume_swap-error": "TypeError",
    "compute_task-rebuild_server-error": "NotFound",
}


@pytest.fixture(scope="module")
def nova():
    return profile.load("nova")


def data_of(payload):
    return payload["nova_object.data"]


def failure(payload):
    """Nova's payload of the exception, in that of the failure."""
    return data_of(data_of(payload).get("fault") or data_of(payload)["reason"])


def text_of(told):
    """What an exception said, without what came along from another process."""
    return told["exception_message"].partition("\nTraceback")[0].rstrip()


@pytest.mark.parametrize("sample", SAMPLES)
def test_each_published_sample_of_an_error_gives_the_right_fault(nova, sample):
    sent = RECORDED[sample]["notification"]

    extraction = nova.sources.extract(sent)

    assert sent["event_type"] == SAMPLES[sample]
    assert sent["priority"] == "ERROR"
    if sample in WITHOUT_SERVER:
        assert extraction == Extraction("ignore")
        return
    (row,) = extraction.faults
    data = data_of(sent["payload"])
    told = failure(sent["payload"])
    message = FOREIGN.get(sample, text_of(told))
    assert extraction.action == "record"
    assert row.instance_id == data.get("uuid", data.get("instance_uuid"))
    assert row.message == message
    assert row.request_id.startswith("req-")
    assert row.project_id == "1c9f3a5be0d84d6a9d7f0a4be7c1d2e3"
    assert row.details == told["traceback"].replace("\n,", "\n")
    assert row.details.startswith(
        'Traceback (most recent call last):\n  File "/usr/lib'
    )


@pytest.mark.parametrize(
    "sample", SAMPLES.keys() - WITHOUT_SERVER - FOREIGN.keys()
)
def test_a_traceback_that_is_cut_off_as_in_the_samples_takes_nothing_away(
    nova, sample
):
    sent = copy.deepcopy(RECORDED[sample]["notification"])
    told = failure(sent["payload"])
    told["traceback"] = (
        'Traceback (most recent call last):\n  File "nova/x.py", line ...'
    )

    (row,) = nova.sources.extract(sent).faults

    assert row.message == text_of(told)


@pytest.mark.parametrize(
    ("raised", "shown"),
    [
        (
            "nova.exception.SomethingNew: in words for users",
            "in words for users",
        ),
        (
            "nova.exception_Remote.SomethingNew: in words for users",
            "in words for users",
        ),
        (
            "cinderclient.exceptions.SomethingNew: in words for users",
            "The block storage service refused the volume.",
        ),
        ("nova.exceptions.SomethingNew: in words for users", "SomethingNew"),
    ],
)
def test_of_novas_own_exceptions_alone_the_text_is_shown(nova, raised, shown):
    sent = copy.deepcopy(RECORDED["instance-reboot-error"]["notification"])
    told = failure(sent["payload"])
    told["traceback"] = (
        told["traceback"].rpartition("\n,")[0] + f"\n,{raised}\n"
    )
    told |= {
        "exception": "SomethingNew",
        "exception_message": "in words for users",
    }

    (row,) = nova.sources.extract(sent).faults

    assert row.message == shown


@pytest.mark.parametrize(
    ("class_", "text", "shown"),
    [
        (
            "MigrationPreCheckError",
            "Migration pre-check error: from node1 to node2",
            "A host refused the live migration in a check before it.",
        ),
        (
            "ComputeServiceUnavailable",
            "Compute service of node1 is unavailable at this time.",
            "The host of the server does not answer.",
        ),
        (
            "DestinationDiskExists",
            "The supplied disk path (/srv/x) already exists",
            "DestinationDiskExists",
        ),
    ],
)
@pytest.mark.parametrize("module", ["nova.exception", "nova.exception_Remote"])
def test_of_novas_own_exceptions_hosts_and_paths_are_not_shown(
    nova, module, class_, text, shown
):
    sent = copy.deepcopy(RECORDED["instance-reboot-error"]["notification"])
    told = failure(sent["payload"])
    told["traceback"] = (
        told["traceback"].rpartition("\n,")[0]
        + f"\n,{module}.{class_}: {text}\n"
    )
    told |= {"exception": class_, "exception_message": text}

    (row,) = nova.sources.extract(sent).faults

    assert row.message == shown
    assert text in row.details


def test_an_exception_of_the_same_name_elsewhere_is_not_novas(nova):
    sent = copy.deepcopy(
        RECORDED["compute_task-build_instances-error"]["notification"]
    )
    told = failure(sent["payload"])
    told["traceback"] = told["traceback"].replace("nova.exception.", "other.")

    (row,) = nova.sources.extract(sent).faults

    assert row.message == "NoValidHost"


@pytest.mark.parametrize(
    "name", [name for name in RECORDED if "args" in json.dumps(RECORDED[name])]
)
def test_of_the_arguments_of_a_method_nothing_is_stored(nova, name):
    rows = nova.sources.extract(RECORDED[name]["notification"]).faults

    for word in ("c2VjcmV0", "injected_files", "id_ed25519", "nob0dy", "bdm"):
        assert all(word not in str(row) for row in rows)


@pytest.mark.parametrize(
    "name",
    [name for name in EMITTED if "'class': " in json.dumps(EMITTED[name])],
)
def test_an_exception_of_novas_own_is_told_in_its_own_words(nova, name):
    (row,) = nova.sources.extract(EMITTED[name]["notification"]).faults

    assert " " in row.message
    assert "{" not in row.message + row.details


def test_a_text_within_an_exception_forges_no_class(nova):
    sent = copy.deepcopy(EMITTED["stop_instance ERROR 1"]["notification"])
    forged = "libvirtError(\"a host, 'message': 'x', 'class': 'InstanceDeployFailure'}\")"
    sent["payload"]["exception"] = forged

    (row,) = nova.sources.extract(sent).faults

    assert row.message == "libvirtError"


def test_what_is_within_an_exception_of_novas_is_judged_too(nova):
    sent = copy.deepcopy(EMITTED["stop_instance ERROR 1"]["notification"])
    sent["payload"]["exception"] = (
        "InstanceDeployFailure(libvirtError('192.0.2.7 rack7'))"
    )

    (row,) = nova.sources.extract(sent).faults

    assert row.message == "InstanceDeployFailure"
    assert "rack7" in row.details


def failure_of(nova, kind, words):
    """What is made of the first notification of a kind that says something."""
    found = (
        nova.sources.extract(one["notification"]).faults
        for one in EMITTED.values()
        if one["notification"]["event_type"] == kind
    )
    return next(row for (row,) in found if row.message.startswith(words))


def test_what_failed_first_is_shown_and_not_that_all_was_tried(nova, store):
    """Two hosts refuse a server, and the conductor gives up."""
    rows = []
    kinds = {
        "compute.instance.create.error": "Failed to deploy",
        "compute_task.build_instances": "Exceeded maximum number",
    }
    for number, kind in enumerate(kinds):
        row = failure_of(nova, kind, kinds[kind])
        about = {"instance_id": "i", "request_id": "req-1", "created": MOMENT}
        about["created"] += timedelta(seconds=number)
        rows.append(dataclasses.replace(row, **about))
    store.record(rows)

    assert rows[1].message.startswith("Exceeded maximum number of retries.")
    assert store.newest("nova", "i").message == rows[0].message


def test_a_build_that_works_on_another_host_leaves_no_fault(nova, store):
    created = nova.sources.extract(
        EMITTED["compute.instance.create.end INFO 1"]["notification"]
    )
    (clearance,) = created.faults
    failed = failure_of(nova, "compute.instance.create.error", "Failed")
    about = {
        "instance_id": clearance.instance_id,
        "created": clearance.created - timedelta(seconds=9),
    }
    store.record([dataclasses.replace(failed, **about), clearance])

    assert created.action == "clear"
    assert store.newest("nova", clearance.instance_id).is_clearance


def test_both_formats_at_once_make_two_faults_of_one_request_and_one_message(
    nova,
):
    names = (
        "instance-create-error",
        "compute.instance.create.error, the same failure as versioned",
    )
    rows = [
        nova.sources.extract(RECORDED[name]["notification"]).faults[0]
        for name in names
    ]

    assert len({row.id for row in rows}) == 2
    assert (
        len({(row.instance_id, row.request_id, row.message) for row in rows})
        == 1
    )
