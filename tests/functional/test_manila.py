# SPDX-License-Identifier: Apache-2.0
"""What fails in the real Manila reaches the owner of the resource, and nobody else.

Needs manila in the same virtualenv (``tox -e manila``).
"""

import importlib.util
import json
import time

import pytest

from tests.fixtures import (
    close,
    make_store,
    new_database,
    require,
    rows,
    wait_until,
)
from tests.functional.manila import deployment as manila
from tests.functional.manila.deployment import ADMIN
from tests.functional.manila.failures import FAILURES, Cloud

# What the exceptions of the driver hold and no owner may read.
SECRETS = (
    "10.1.2",
    "hunter2",
    "rack7",
    "/srv/backups",
    "lun-tool",
    "tests@good",
)


@pytest.fixture(scope="module")
def cloud(broker, mariadb, postgresql, tmp_path_factory):
    """The API of a Manila whose processes have the driver and the log handler."""
    if importlib.util.find_spec("manila") is None:
        require("manila", "manila is not installed; tox -e manila has it")
    folder = tmp_path_factory.mktemp("manila") / "run"
    with new_database(mariadb) as own, new_database(postgresql) as faults:
        store = make_store(faults)
        utf8 = f"{own}?charset=utf8mb4"
        host = broker.new_host("manila")
        made = manila.build(folder, database=utf8, faults=faults, broker=host)
        with manila.serve(made):
            found = Cloud(made)
            wait_until(lambda: found.is_up(), 180)
            found.prepare()
            yield found, store
        close(store)


def faults_of(store):
    """The ids of the resources that have a fault, and have not been cleared since."""
    newest = {row["instance_id"]: row for row in rows(store)}
    return {found for found, row in newest.items() if not row["deleted"]}


@pytest.mark.parametrize("failure", FAILURES, ids=lambda failure: failure.name)
def test_the_owner_reads_what_failed_and_an_administrator_why(cloud, failure):
    api, store = cloud
    before = faults_of(store)

    resource = failure.provoke(api)

    wait_until(lambda: "fault" in api.show(resource))
    # What comes after the first record of a failure must not hide it.
    time.sleep(1)
    fault = api.show(resource)["fault"]
    assert fault["message"] == failure.says
    assert "details" not in fault
    assert not [secret for secret in SECRETS if secret in json.dumps(fault)]
    full = api.show(resource, ADMIN)["fault"]
    assert failure.root in f"{full['message']}\n{full['details']}"
    others = faults_of(store) - before - {resource.id}
    assert not others


def test_what_works_leaves_no_fault(cloud):
    api, store = cloud
    before = faults_of(store)

    share = api.share("well")
    snapshot = api.snapshot(share)
    api.act(share, revert={"snapshot_id": snapshot.id})
    api.delete(snapshot)
    api.act(share, extend={"new_size": 2})
    api.allow(share)

    time.sleep(2)
    assert faults_of(store) == before
