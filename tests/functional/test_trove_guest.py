# SPDX-License-Identifier: Apache-2.0
"""What fails in Trove's own guest agent, whose log nobody of ours reads, reaches the owner.

Needs trove in the same virtualenv (``tox -e trove``).
"""

import importlib.util
import subprocess
import sys

import pytest

from tests.fixtures import close, make_store, require, rows, wait_until
from tests.functional.trove import deployment as trove
from tests.functional.trove.instances import ACTIVE

EVENTS = {
    "log trove.guestagent.api",
    "log trove.taskmanager.models",
    "dbaas.backup_create.error",
    "dbaas.database_create.error",
    "dbaas.user_create.error",
}
# What the agent's Docker says, and the password in the request.
CAUSE = "no space left on device"
PASSWORD = "s3cret-of-u"


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    """The rows of the instance, by the events that they came by."""
    if importlib.util.find_spec("trove") is None:
        require("trove", "Trove is not installed in this virtualenv")
    folder = tmp_path_factory.mktemp("trove")
    url = f"sqlite:///{folder}/faults.sqlite"
    store = make_store(url)
    deployment = trove.stock(folder / "deployment")
    fake, own = (
        "tests.functional.trove.clouds.guest",
        "trove.guestagent.api.API",
    )
    text = deployment.conf.read_text().replace(fake, own)
    deployment.conf.write_text(text)
    trove.configure(
        deployment,
        {
            "oslo_messaging_notifications": {"driver": "fault_middleware"},
            "fault_middleware": {
                "profiles": "trove",
                "consumer": "external",
                "logs": "true",
            },
            "fault_middleware_database": {"connection": url},
        },
    )
    command = [sys.executable, "-m", "tests.functional.trove.guest"]
    with (
        (folder / "guest.log").open("w") as log,
        subprocess.Popen(
            command,
            env=deployment.environ,
            cwd=deployment.folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        ) as running,
    ):
        assert running.stdout.readline() == "asked\n"
        wait_until(
            lambda: {row["event_type"] for row in rows(store)} >= EVENTS, 60
        )
    yield {row["event_type"]: row for row in rows(store)}
    close(store)


def test_why_a_restart_failed_is_known_from_the_call_to_the_agent(told):
    row = told["log trove.guestagent.api"]

    assert row["instance_id"] == ACTIVE.id
    assert row["message"] == "The database could not be restarted."
    assert CAUSE in row["details"]
    assert row["weight"] > told["log trove.taskmanager.models"]["weight"]


@pytest.mark.parametrize(
    "operation", ["database_create", "user_create", "backup_create"]
)
def test_what_the_agent_was_given_to_do_is_told_by_the_conductor(
    told, operation
):
    row = told[f"dbaas.{operation}.error"]

    assert row["instance_id"] == ACTIVE.id
    assert row["details"].startswith("Traceback")
    assert "trove/guestagent" in row["details"]
    assert PASSWORD not in f"{row['message']}{row['details']}"
