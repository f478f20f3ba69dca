# SPDX-License-Identifier: Apache-2.0
"""What fails in the real Manila reaches the owner of the resource, and nobody else.

Needs manila in the same virtualenv (``tox -e manila``).
"""

import importlib.util
import time

import pytest

from tests.fixtures import close, make_store, new_database, require, wait_until
from tests.functional.cloud import assert_shown, faults_of
from tests.functional.manila.deployment import served
from tests.functional.manila.failures import FAILURES, Shares

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
        with served(
            folder, database=utf8, faults=faults, broker=host
        ) as deployment:
            found = Shares(deployment)
            wait_until(lambda: found.is_up(), 180)
            found.prepare()
            yield found, store
        close(store)


@pytest.mark.parametrize("failure", FAILURES, ids=lambda failure: failure.name)
def test_the_owner_reads_what_failed_and_an_administrator_why(cloud, failure):
    api, store = cloud
    before = faults_of(store)

    resource = failure.provoke(api)

    assert_shown(api, resource, failure, SECRETS)
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
