# SPDX-License-Identifier: Apache-2.0
"""The doctor, a real broker and real databases."""

import contextlib
import socket
import uuid

import oslo_messaging
import pytest
import sqlalchemy as sa

from fault_middleware import doctor, listener, migration
from fault_middleware.deploy import deploy
from fault_middleware.options import register_opts
from fault_middleware.store import Store
from tests.fixtures import (
    close,
    database_options,
    make_store,
    new_database,
    parse,
    wait_until,
    write_configuration,
)

QUEUE = "fault_middleware.info"
PUBLISHING = """\
[DEFAULT]
control_exchange = trove
[oslo_messaging_notifications]
driver = messagingv2
topics = notifications,fault_middleware
"""
# Tacker has no consumer that would purge.
KEEP = {"retention_days": "0", "max_faults_per_instance": "0"}
DURABLE = "[oslo_messaging_rabbit]\namqp_durable_queues = true\n"
QUORUM = "[oslo_messaging_rabbit]\nrabbit_quorum_queue = true\n"


def examine(file, **given):
    conf = parse(file)
    register_opts(conf)
    return list(doctor.examine(conf, given))


def troubles(file, **given):
    """What is not well: what is said of it, by its codes."""
    return {
        code: f"{what} {remedy}"
        for severity, code, what, remedy in examine(file, **given)
        if severity != "ok"
    }


@pytest.fixture
def host(broker):
    """A virtual host of the broker."""
    return broker.new_host(uuid.uuid4().hex)


@pytest.fixture
def write(tmp_path, sqlite_url, host):
    """Writes a configuration that is right, but for what is said."""
    close(make_store(sqlite_url))

    def write(text=DURABLE, name="trove.conf", **values):
        file = tmp_path / name
        values = {"transport_url": host, **values}
        write_configuration(file, sqlite_url, PUBLISHING + text, **values)
        file.chmod(0o600)
        return file

    return write


@pytest.fixture
def listen():
    """Starts listeners, and stops them."""
    with contextlib.ExitStack() as stack:

        def listen(file):
            parts = deploy(parse(file))
            server = listener.start(
                parts.conf, parts.settings, parts.profiles, parts.metrics, lambda messages: True
            )
            stack.callback(server.wait)
            stack.callback(server.stop)
            return server

        yield listen


def notify(file, topic="fault_middleware"):
    conf = parse(file)
    transport = oslo_messaging.get_notification_transport(
        conf, url=deploy(conf).settings.transport_url
    )
    sender = oslo_messaging.Notifier(transport, "x", driver="messagingv2", topics=[topic])
    sender.prepare(retry=5).info({}, "dbaas.instance_create.error", {"instance_id": "i"})
    transport.cleanup()


@pytest.mark.parametrize("kind", [DURABLE, QUORUM])
def test_a_right_deployment_is_well(write, listen, kind):
    file = write(kind)
    listen(file)

    findings = examine(file, readers=1)

    assert {severity for severity, *_ in findings} == {"ok"}
    said = {code: what for _, code, what, _ in findings}
    assert said["queue-well"] == f"The queue {QUEUE} has 1 readers; 0 messages wait."
    assert "broker-well" in said


def test_before_anything_was_started_there_are_warnings(write, broker, host):
    found = troubles(write())

    assert set(found) == {"exchange-missing", "queue-missing"}
    assert "control_exchange" in found["exchange-missing"]
    assert "fault-middleware-consumer" in found["queue-missing"]
    name = host.rpartition("/")[2]
    assert broker.control("list_queues", "-p", name, "--no-table-headers") == ""
    assert "trove" not in broker.control("list_exchanges", "-p", name)


def test_a_queue_without_a_reader(write, listen):
    file = write()
    server = listen(file)
    server.stop()
    server.wait()

    assert set(troubles(file)) == {"queue-idle"}
    notify(file)
    wait_until(lambda: "queue-unread" in troubles(file))
    found = troubles(file)
    assert set(found) == {"queue-unread"}
    assert "in which 1 messages wait. Start the consumer" in found["queue-unread"]


def test_a_queue_with_a_reader_too_many(write, listen):
    file = write()
    listen(file)
    listen(write(name="ceilometer.conf"))

    found = troubles(file, readers=1)

    assert set(found) == {"queue-shared"}
    assert "has 2 readers, and 1 of them are yours" in found["queue-shared"]
    assert troubles(file, readers=2) == troubles(file) == {}


def test_a_pool_needs_a_reader_of_the_topic_too(write, listen):
    file = write(topics="fault_middleware", pool="fault.trove")
    listen(file)
    notify(file)
    wait_until(lambda: "queue-unread" in troubles(file))

    assert set(troubles(file, readers=1)) == {"queue-unread"}
    other = listen(write(name="plain.conf"))
    wait_until(lambda: troubles(file, readers=1) == {})
    assert other is not None


@pytest.mark.parametrize(("ours", "theirs"), [("", DURABLE), (QUORUM, DURABLE), (DURABLE, "")])
def test_a_queue_of_another_kind(write, listen, ours, theirs):
    listen(write(theirs, name="theirs.conf"))

    found = troubles(write(ours))

    assert "queue-different" in found
    assert "amqp_durable_queues" in found["queue-different"]
    different = {"exchange-different"} if bool(ours) != bool(theirs) else set()
    warned = set() if ours else {"queue-not-durable"}
    assert set(found) == {"queue-different"} | different | warned


def test_queues_that_are_not_durable(write, listen):
    file = write("")
    listen(file)

    found = troubles(file)

    assert set(found) == {"queue-not-durable"}
    assert "amqp_durable_queues = true" in found["queue-not-durable"]


def test_a_user_who_may_not_listen(write, listen, broker, host):
    listen(write(name="theirs.conf"))
    name, user = host.rpartition("/")[2], uuid.uuid4().hex
    broker.control("add_user", user, "s3cret")
    broker.control("set_permissions", "-p", name, user, "", "", "")

    found = troubles(write(transport_url=host.replace("guest:guest", f"{user}:s3cret")))

    assert set(found) == {"exchange-refused", "queue-refused"}
    assert "set_permissions" in found["queue-refused"]


@pytest.mark.parametrize("wrong", [("guest:guest", "guest:s3cret"), ("/{name}", "/{name}x")])
def test_a_broker_that_refuses(write, host, wrong):
    name = host.rpartition("/")[2]
    old, new = (text.format(name=name) for text in wrong)

    found = troubles(write(transport_url=host.replace(old, new)))

    assert set(found) == {"broker-refused"}
    assert "s3cret" not in str(found)
    assert "virtual host" in found["broker-refused"]


def test_a_broker_that_is_away_or_mute(write):
    with socket.create_server(("127.0.0.1", 0)) as mute:
        port = mute.getsockname()[1]
        slow = troubles(write(transport_url=f"rabbit://g:g@127.0.0.1:{port}/"))
    away = troubles(write(transport_url=f"rabbit://g:g@127.0.0.1:{port}/"))

    assert set(slow) == set(away) == {"broker-unreachable"}
    assert "timed out" in slow["broker-unreachable"]
    assert f"127.0.0.1:{port}" in away["broker-unreachable"]
    assert "transport_url" in away["broker-unreachable"]


@pytest.fixture
def tacker(tmp_path):
    """Writes a configuration without a broker."""

    def write(url):
        file = write_configuration(tmp_path / "tacker.conf", url, profiles="tacker", **KEEP)
        file.chmod(0o600)
        return file

    return write


@pytest.fixture
def empty(database_url):
    """A database without a table."""
    store = Store(database_options(database_url), lookup_timeout=2.0)
    yield store
    close(store)


def execute(store, statement):
    with store.writer.begin() as connection:
        connection.exec_driver_sql(statement)


def test_each_database_from_nothing_to_the_right_table(tacker, empty, database_url):
    assert set(troubles(tacker(database_url))) == {"table-missing"}

    migration.sync(empty.writer)

    findings = examine(tacker(database_url))
    assert {severity for severity, *_ in findings} == {"ok"}
    (what,) = (what for _, code, what, _ in findings if code == "database-well")
    assert f"at revision {migration.newest()}" in what


def test_a_foreign_table(tacker, empty, database_url):
    execute(empty, "CREATE TABLE instance_faults (theirs INTEGER)")

    found = troubles(tacker(database_url))

    assert set(found) == {"table-foreign"}
    assert "database of its own" in found["table-foreign"]


@pytest.mark.parametrize(
    ("statement", "code", "word"),
    [
        (
            "UPDATE fault_middleware_alembic_version SET version_num = '0000'",
            "revision-old",
            "db sync",
        ),
        (
            "UPDATE fault_middleware_alembic_version SET version_num = '9999'",
            "revision-newer",
            "upgrade",
        ),
        ("ALTER TABLE instance_faults DROP COLUMN problem", "table-unreadable", "Grant"),
    ],
)
def test_a_table_of_another_release(tacker, any_store, database_url, statement, code, word):
    execute(any_store, statement)

    found = troubles(tacker(database_url))

    assert set(found) == {code}
    assert word in found[code]


def test_a_user_who_may_not_read(tacker, mariadb):
    with new_database(mariadb) as url:
        store = make_store(url)
        name, user = sa.make_url(url).database, f"u{uuid.uuid4().hex[:20]}"
        execute(store, f"CREATE USER {user} IDENTIFIED BY 's3cret'")
        execute(store, f"GRANT SELECT ON {name}.fault_middleware_alembic_version TO {user}")
        execute(store, f"GRANT INSERT ON {name}.instance_faults TO {user}")
        close(store)

        found = troubles(tacker(url.replace("root@", f"{user}:s3cret@")))

    assert set(found) == {"table-unreadable"}
    assert "Grant" in found["table-unreadable"]
    assert "s3cret" not in str(found)


def test_a_clock_of_mariadb_that_goes_wrong(tacker, mariadb):
    with new_database(mariadb) as url:
        close(make_store(url))

        found = troubles(tacker(f"{url}?init_command=SET timestamp=1000000000"))

    assert set(found) == {"database-clock"}
    assert "NTP" in found["database-clock"]


def test_a_clock_of_postgresql_that_goes_wrong(tacker, postgresql):
    with new_database(postgresql) as url:
        store = make_store(url)
        execute(store, "CREATE SCHEMA wrong")
        execute(
            store,
            "CREATE FUNCTION wrong.now() RETURNS timestamptz LANGUAGE sql AS "
            "$$ SELECT to_timestamp(1000000000) $$",
        )
        close(store)

        found = troubles(tacker(f"{url}?options=-csearch_path=wrong,pg_catalog,public"))

    assert set(found) == {"database-clock"}


@pytest.mark.parametrize("server", ["mysql+pymysql", "postgresql+psycopg"])
def test_a_database_that_is_away_or_mute(tacker, server):
    with socket.create_server(("127.0.0.1", 0)) as mute:
        url = f"{server}://u:s3cret@127.0.0.1:{mute.getsockname()[1]}/x"
        slow = troubles(tacker(url))
    away = troubles(tacker(url))

    assert set(slow) == set(away) == {"database-unreachable"}
    assert "s3cret" not in str(slow) + str(away)
