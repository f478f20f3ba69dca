# SPDX-License-Identifier: Apache-2.0
"""The instructions of the README and the manual, followed in a Trove that has been running.

That Trove has a stock configuration, so its exchange and its queues are not durable.  All
three of its processes are real, and so is the broker.  Needs trove in the same virtualenv
(``tox -e trove``).
"""

import contextlib
import http.client
import importlib.util
import json
import re
import shlex
import sys
import uuid
from pathlib import Path

import pytest
import sqlalchemy as sa

from tests.documents import MANUAL, README, ROOT, blocks
from tests.fixtures import (
    close,
    make_store,
    new_database,
    require,
    rows,
    wait_until,
)
from tests.functional.trove import deployment as trove
from tests.functional.trove.instances import (
    ACTIVE,
    ACTIVE_FAULT,
    ADMIN,
    BUILD,
    MEMBER,
    REPLICA,
)

PROCESSES = ("trove-conductor", "trove-taskmanager")
TRIED = Path(ROOT / "etc/fault_middleware/try_trove.py")
# What RabbitMQ says to who declares something otherwise than it is there.
REFUSED = "PRECONDITION_FAILED - inequivalent arg"


class Cloud:
    """A Trove in a virtual host of its own, and what an operator sees of it."""

    def __init__(self, folder, broker):
        self.broker = broker
        self.host = uuid.uuid4().hex
        self.deployment = trove.stock(folder, rpc=broker.new_host(self.host))

    @property
    def url(self):
        return self.broker.url + self.host

    @contextlib.contextmanager
    def runs(self, *names):
        """Start the API, the task manager and the conductor, or those that are named."""
        with contextlib.ExitStack() as stack:
            for name in names or ("trove-api", *PROCESSES):
                make = trove.serve if name == "trove-api" else trove.run
                stack.enter_context(make(self.deployment, name))
            if not names:
                wait_until(
                    lambda: (
                        {"taskmanager", "trove-conductor"} <= self.consumed()
                    )
                )
            yield

    def listed(self, what, *columns):
        """The rows that rabbitmqctl lists of the virtual host: the columns by the first one."""
        text = self.broker.control(
            f"list_{what}", "-p", self.host, "name", *columns
        )
        found = (line.split("\t") for line in text.splitlines()[1:])
        return {name: values for name, *values in found if name}

    def consumed(self):
        """The names of the queues that have a reader."""
        return {
            name
            for name, (count,) in self.listed("queues", "consumers").items()
            if count > "0"
        }

    def fail_everywhere(self, restarted=ACTIVE):
        """Let an operation fail in each of the three processes; the instances of the failures.

        :param restarted: whose restart fails in the task manager, which is possible once
        """
        refused = self.call("POST", f"{BUILD.id}/action", '{"restart": {}}')
        assert refused[0] == 422, refused
        accepted = self.call(
            "POST", f"{restarted.id}/action", '{"restart": {}}'
        )
        assert accepted[0] == 202, accepted
        self.deployment.notify(
            "DBaaSInstanceRestart", REPLICA.id, "no space left", "guest"
        )
        return {BUILD.id, restarted.id, REPLICA.id}

    def call(self, method, path, body=None, token=MEMBER):
        headers = {"X-Auth-Token": token, "Content-Type": "application/json"}
        connection = http.client.HTTPConnection(
            "127.0.0.1", self.deployment.port, timeout=60
        )
        with contextlib.closing(connection):
            connection.request(
                method, f"/v1.0/p1/instances/{path}", body, headers
            )
            answer = connection.getresponse()
            return answer.status, answer.read().decode()

    def fault(self, instance, token=MEMBER):
        status, body = self.call("GET", instance.id, token=token)
        assert status == 200, body
        return json.loads(body)["instance"].get("fault")

    def log(self, name):
        return (self.deployment.folder / f"{name}.log").read_text()


@pytest.fixture
def cloud(tmp_path, broker):
    """A Trove that has been running with a stock configuration, and was stopped."""
    if importlib.util.find_spec("trove") is None:
        require("trove", "Trove is not installed in this virtualenv")
    made = Cloud(tmp_path / "deployment", broker)
    with made.runs():
        pass
    assert made.listed("exchanges", "durable")["trove"] == ["false"]
    return made


@pytest.fixture
def faults(mariadb):
    """The database of the faults, and its table."""
    with new_database(mariadb) as url:
        store = make_store(url)
        yield store
        close(store)


def follow_readme(cloud, store):
    """The steps of the README, as they are pasted."""
    trove.paste(cloud.deployment, blocks(README, "ini"))
    trove.configure(
        cloud.deployment,
        {"fault_middleware_database": {"connection": url_of(store)}},
    )


def url_of(store):
    return store.writer.url.render_as_string(hide_password=False)


def recorded(store):
    return {row["instance_id"] for row in rows(store)}


def test_the_steps_of_the_readme_keep_trove_running_and_show_faults(
    cloud, faults
):
    follow_readme(cloud, faults)

    with cloud.runs():
        failed = cloud.fail_everywhere()
        wait_until(lambda: recorded(faults) == failed)

        assert cloud.fault(REPLICA)["message"] == "no space left"
        assert cloud.fault(ACTIVE)["message"] == "mysqld did not stop"
        assert cloud.fault(ACTIVE, ADMIN)["details"].startswith("Traceback")
        assert not any(
            queue.startswith("notifications")
            for queue in cloud.listed("queues")
        )
        assert REFUSED not in "".join(
            map(cloud.log, ("trove-api", *PROCESSES))
        )


def test_the_test_failure_of_the_readme_is_shown_and_hidden_again(
    cloud, faults
):
    follow_readme(cloud, faults)
    (see,) = [text for text in blocks(README, "shell") if TRIED.name in text]
    publish, show, clear = (shlex.split(line) for line in see.splitlines())
    given = {
        "/etc/trove/trove.conf": str(cloud.deployment.conf),
        "INSTANCE": BUILD.id,
    }

    with cloud.runs("trove-api"):
        assert cloud.fault(BUILD) is None
        assert publish[1] == str(TRIED.relative_to(ROOT))
        script = [given.get(word, word) for word in publish[2:]]
        cloud.deployment.run(sys.executable, str(TRIED), *script)
        wait_until(lambda: recorded(faults))
        shown = cloud.fault(BUILD)
        cloud.deployment.run(
            str(trove.BIN / clear[0]),
            *(given.get(word, word) for word in clear[1:]),
        )
        hidden = cloud.fault(BUILD)

    assert show[-1] == "INSTANCE"
    assert shown["message"] == "This is a test."
    assert hidden is None


def test_undone_nothing_of_ours_is_left_but_the_database(cloud, faults):
    before = [
        cloud.deployment.conf.read_text(),
        cloud.deployment.paste.read_text(),
    ]
    with cloud.runs():
        cloud.fail_everywhere()
        wait_until(lambda: cloud.fault(REPLICA))
    queues = set(steady(cloud.listed("queues")))
    follow_readme(cloud, faults)
    with cloud.runs():
        failed = cloud.fail_everywhere(ACTIVE_FAULT)
        wait_until(lambda: recorded(faults) == failed)

    cloud.deployment.conf.write_text(before[0])
    cloud.deployment.paste.write_text(before[1])
    (delete,) = re.findall(
        r"rabbitmqctl (delete_queue -p) / (\S+)``", README.read_text()
    )
    cloud.broker.control(*delete[0].split(), cloud.host, delete[1])

    with cloud.runs():
        cloud.fail_everywhere(REPLICA)
        wait_until(
            lambda: cloud.fault(REPLICA, ADMIN)["details"].startswith(
                "Server type:"
            )
        )
        assert set(steady(cloud.listed("queues"))) == queues
        assert not cloud.listed("exchanges").keys() & {
            "fault_middleware",
            "openstack",
        }
    assert recorded(faults) == failed


def steady(queues):
    """The queues whose names do not change from one start to the next."""
    return [
        name for name in queues if not re.search(r"_fanout_|^reply_", name)
    ]


def test_durable_queues_lose_every_notification_where_the_exchange_is_not_durable(
    cloud, faults
):
    """Why the manual says to leave [oslo_messaging_rabbit] alone."""
    follow_readme(cloud, faults)
    trove.configure(
        cloud.deployment,
        {"oslo_messaging_rabbit": {"amqp_durable_queues": "true"}},
    )

    with cloud.runs("trove-api"):
        cloud.call("POST", f"{BUILD.id}/action", '{"restart": {}}')

        wait_until(
            lambda: "Could not send notification" in cloud.log("trove-api")
        )
    assert f"{REFUSED} 'durable' for exchange 'trove'" in cloud.log(
        "trove-api"
    )
    assert rows(faults) == []


@pytest.mark.parametrize(
    ("name", "queue"),
    [
        ("trove-conductor", "trove-conductor"),
        ("trove-taskmanager", "taskmanager"),
    ],
)
def test_quorum_queues_stop_trove_where_the_queues_are_classic(
    cloud, name, queue
):
    """Why the manual says to leave [oslo_messaging_rabbit] alone."""
    trove.configure(
        cloud.deployment,
        {"oslo_messaging_rabbit": {"rabbit_quorum_queue": "true"}},
    )

    with trove.run(cloud.deployment, name):
        wait_until(lambda: REFUSED in cloud.log(name))

        assert queue not in cloud.consumed()


def test_a_virtual_host_for_notifications_is_durable_and_leaves_the_rest_alone(
    cloud, faults
):
    follow_readme(cloud, faults)
    (advice,) = [
        text
        for text in blocks(MANUAL / "operations/queues.rst", "ini")
        if "rabbit://" in text
    ]
    (query,) = re.findall(r"\?\S+", advice)
    own = f"{cloud.host}-notifications"
    url = cloud.broker.new_host(own) + query
    trove.configure(
        cloud.deployment,
        {"oslo_messaging_notifications": {"transport_url": url}},
    )

    with cloud.runs():
        failed = cloud.fail_everywhere()
        wait_until(lambda: recorded(faults) == failed)

    (queue,) = cloud.broker.control(
        "list_queues", "-p", own, "name", "durable"
    ).splitlines()[1:]
    assert queue == "fault_middleware.info\ttrue"
    assert cloud.listed("exchanges", "durable")["trove"] == ["false"]


@pytest.mark.parametrize(
    "option", ["amqp_durable_queues", "rabbit_quorum_queue"]
)
def test_the_planned_migration_makes_all_of_trove_durable(
    cloud, faults, option
):
    follow_readme(cloud, faults)
    (script,) = blocks(MANUAL / "operations/queues.rst", "pycon")
    code = re.sub(r"(?m)^>>> ", "", script)
    url = cloud.url.replace("rabbit://", "amqp://")

    for queue in cloud.listed("queues"):
        cloud.broker.control(
            "delete_queue", "-p", cloud.host, "--if-empty", queue
        )
    exec(code.replace("amqp://trove:PASSWORD@rabbit.example.org//", url), {})
    trove.configure(
        cloud.deployment, {"oslo_messaging_rabbit": {option: "true"}}
    )

    with cloud.runs():
        failed = cloud.fail_everywhere()
        wait_until(lambda: recorded(faults) == failed)
    assert cloud.listed("exchanges", "durable")["trove"] == ["true"]
    assert cloud.listed("queues", "durable")["fault_middleware.info"] == [
        "true"
    ]


def test_trove_alone_shows_the_owner_a_password_that_the_filter_masks(
    cloud, faults
):
    statement = "(1045, 'no') [SQL: CREATE USER 'ann'@'%' IDENTIFIED BY 'S3cr3t-in-sql']"

    with cloud.runs():
        cloud.deployment.notify(
            "DBaaSInstanceRestart", REPLICA.id, statement, "guest"
        )
        wait_until(lambda: cloud.fault(REPLICA))
        alone = cloud.fault(REPLICA)["message"]
    follow_readme(cloud, faults)
    with cloud.runs("trove-api"):
        behind = cloud.fault(REPLICA)["message"]

    assert "IDENTIFIED BY 'S3cr3t-in-sql'" in alone
    assert "IDENTIFIED BY '***'" in behind


def test_the_database_is_all_that_step_two_makes(faults):
    """What the last step of the undoing has to drop."""
    with faults.writer.connect() as connection:
        tables = set(sa.inspect(connection).get_table_names())

    assert tables == {
        "instance_faults",
        "fault_middleware_retention",
        "fault_middleware_alembic_version",
    }
