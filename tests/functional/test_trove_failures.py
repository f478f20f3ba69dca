# SPDX-License-Identifier: Apache-2.0
"""What fails in the real Trove and in its guest agent reaches the owner, and nobody else.

Needs trove in the same virtualenv (``tox -e trove``).
"""

import contextlib
import dataclasses
import importlib.util
import uuid

import pytest

from tests.fixtures import close, make_store, new_database, require, wait_until
from tests.functional.cloud import assert_shown, assert_source, faults_of
from tests.functional.deployment import ADMIN
from tests.functional.endings import assert_ends
from tests.functional.trove import deployment as trove
from tests.functional.trove.endings import ENDINGS
from tests.functional.trove.failures import FAILURES, SOURCES, Databases
from tests.functional.trove.instances import WATCHED

# What a request holds and nobody may read.
PASSWORD = "s3cret-of-u"
# What the exceptions hold and no owner may read.
SECRETS = (PASSWORD, "Traceback")
CONFIGURATION = {
    "DEFAULT": {
        **{
            f"remote_{name}_client": f"tests.functional.trove.refusing.{name}"
            for name in ("nova", "neutron", "cinder", "swift", "guest")
        },
        "swift_url": "http://127.0.0.1:1/swift",
        "usage_sleep_time": "1",
        "usage_timeout": "6",
        "volume_time_out": "4",
        "max_instances_per_tenant": "100",
        "max_volumes_per_tenant": "1000",
    },
    "oslo_messaging_notifications": {"driver": "fault_middleware"},
    "fault_middleware": {
        "profiles": "trove",
        "consumer": "external",
        "logs": "true",
    },
}


@pytest.fixture(scope="module")
def cloud(tmp_path_factory, broker, mariadb):
    """The API of a Trove whose processes have the driver and the log handler, and its agents."""
    if importlib.util.find_spec("trove") is None:
        require("trove", "Trove is not installed in this virtualenv")
    host = uuid.uuid4().hex
    wanted = {"taskmanager", "trove-conductor"}
    wanted |= {f"guestagent.{one.id}" for one in WATCHED}
    with contextlib.ExitStack() as stack:
        own, faults = [
            stack.enter_context(new_database(mariadb)) for _ in range(2)
        ]
        store = make_store(faults)
        stack.callback(close, store)
        rpc = broker.new_host(host)
        deployment = trove.build(
            tmp_path_factory.mktemp("trove") / "deployment",
            faults=faults,
            broker=rpc,
            rpc=rpc,
            own=own,
            spares=True,
        )
        trove.configure(deployment, CONFIGURATION)
        # Without it Trove rebuilds nothing.
        data = {"cloudinit_location": str(deployment.folder)}
        trove.configure(deployment, {"DEFAULT": data})
        (deployment.folder / "mysql.cloudinit").write_text("packages: []\n")
        for name in ("trove-taskmanager", "trove-conductor"):
            stack.enter_context(trove.run(deployment, name))
        ids = [one.id for one in WATCHED]
        stack.enter_context(trove.run_agents(deployment, *ids))
        stack.enter_context(trove.serve(deployment, "trove-api"))

        def queues():
            return broker.control("list_queues", "-q", "-p", host, "name")

        wait_until(lambda: wanted <= set(queues().split()), 60)
        yield Databases(deployment), store


@pytest.mark.parametrize("failure", FAILURES, ids=lambda failure: failure.name)
def test_the_owner_reads_what_failed_and_an_administrator_why_until_it_is_well(
    cloud, failure
):
    api, store = cloud
    before = faults_of(store)

    instance = failure.provoke(api)
    says = failure.says.replace("{id}", instance.id)
    failure = dataclasses.replace(failure, says=says)

    assert_shown(api, instance, failure, SECRETS)
    assert PASSWORD not in str(api.show(instance, ADMIN))
    assert_source(store, instance, failure, SOURCES)
    assert not faults_of(store) - before - {instance.id}
    assert_ends(api, store, instance, ENDINGS.get(failure.name))
