# SPDX-License-Identifier: Apache-2.0
"""The doctor, a real broker and real databases."""

import contextlib
import shutil
import socket
import ssl
import subprocess
import threading
import uuid
from datetime import timedelta

import oslo_messaging
import pytest
import sqlalchemy as sa

from fault_middleware import clock, fault, listener, migration, models
from fault_middleware.cmd.doctor import examination
from fault_middleware.cmd.doctor.case import Given
from fault_middleware.cmd.doctor.finding import Severity
from fault_middleware.deploy import deploy
from fault_middleware.options import register_opts
from fault_middleware.store import Store
from tests.findings import texts
from tests.fixtures import (
    close,
    database_options,
    make_store,
    new_database,
    parse,
    require,
    rows,
    wait_until,
    write_configuration,
)
from tests.services import free_port

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
OWN_HOST = """\
transport_url = {url}
[DEFAULT]
transport_url = {rpc}
"""
DURABLE = "[oslo_messaging_rabbit]\namqp_durable_queues = true\n"
PLAIN = ""
QUORUM = "[oslo_messaging_rabbit]\nrabbit_quorum_queue = true\n"


def examine(file, **given):
    conf = parse(file)
    register_opts(conf)
    return list(examination.examine(Given(conf, **given)))


def said(file, **given):
    """What is said, by its codes."""
    return texts(examine(file, **given))


def troubles(file, **given):
    """What is not well: what is said of it, by its codes."""
    bad = (Severity.ERROR, Severity.WARNING)
    return texts(
        found for found in examine(file, **given) if found.severity in bad
    )


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
                parts.conf,
                parts.settings,
                parts.profiles,
                parts.metrics,
                lambda messages: True,
            )
            stack.callback(server.wait)
            stack.callback(server.stop)
            return server

        yield listen


def notify(file, topic="fault_middleware", priority="info"):
    conf = parse(file)
    transport = oslo_messaging.get_notification_transport(
        conf, url=deploy(conf).settings.transport_url
    )
    sender = oslo_messaging.Notifier(
        transport, "x", driver="messagingv2", topics=[topic]
    )
    send = getattr(sender.prepare(retry=5), priority)
    send({}, "dbaas.instance_create.error", {"instance_id": "i"})
    transport.cleanup()


@pytest.mark.parametrize(
    "kind", [PLAIN, DURABLE, QUORUM], ids=["plain", "durable", "quorum"]
)
def test_a_right_deployment_is_well(write, listen, host, kind):
    file = write(kind)
    listen(file)

    found = said(file, readers=1)

    assert troubles(file, readers=1) == {}
    where = host.partition("@")[2].replace("/", " (virtual host ") + ")"
    assert (
        f"The queue {QUEUE} at {where} has 1 reader; 0 messages wait."
        in found["queue-well"]
    )
    assert "broker-well" in found
    assert ("queue-not-durable" in found) == (kind == PLAIN)


@pytest.mark.parametrize(
    "query", ["", "?amqp_durable_queues=true", "?rabbit_quorum_queue=true"]
)
def test_a_virtual_host_for_notifications_alone_is_well(
    write, listen, broker, host, query
):
    listen(write(PLAIN, name="rpc.conf", topics="rpc"))
    theirs = broker.new_host(uuid.uuid4().hex)
    file = write(
        OWN_HOST.format(url=theirs + query, rpc=host), transport_url=""
    )
    listen(file)

    assert troubles(file, readers=1) == {}


def test_a_driver_without_a_broker_is_well(write):
    file = write(
        PLAIN, consumer="external", transport_url="rabbit://g:g@127.0.0.1:1/"
    )
    file.write_text(
        file.read_text().replace(
            "driver = messagingv2", "driver = fault_middleware"
        )
    )

    found = said(file)

    assert "broker-not-needed" in found
    assert not [
        code
        for code in found
        if code.startswith(("queue", "exchange", "broker-un"))
    ]


def test_before_anything_was_started_there_are_warnings(write, broker, host):
    found = troubles(write())

    assert set(found) == {"exchange-missing", "queue-missing"}
    assert "control_exchange" in found["exchange-missing"]
    assert "fault-middleware-consumer" in found["queue-missing"]
    name = host.rpartition("/")[2]
    assert (
        broker.control("list_queues", "-p", name, "--no-table-headers") == ""
    )
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
    assert (
        "in which 1 message waits. Start the consumer" in found["queue-unread"]
    )


def test_a_queue_with_a_reader_too_many(write, listen):
    file = write()
    listen(file)
    listen(write(name="ceilometer.conf"))

    found = troubles(file, readers=1)

    assert set(found) == {"queue-shared"}
    assert "has 2 readers, and only 1 of them yours" in found["queue-shared"]
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


@pytest.mark.parametrize(
    ("ours", "theirs", "codes"),
    [
        (PLAIN, DURABLE, {"exchange-more-durable", "queue-more-durable"}),
        (PLAIN, QUORUM, {"exchange-more-durable", "queue-more-durable"}),
        (DURABLE, PLAIN, {"exchange-less-durable", "queue-less-durable"}),
        (DURABLE, QUORUM, {"queue-more-durable"}),
        (QUORUM, PLAIN, {"exchange-less-durable", "queue-less-durable"}),
        (QUORUM, DURABLE, {"queue-less-durable"}),
    ],
)
def test_a_queue_of_another_kind(write, listen, ours, theirs, codes):
    listen(write(theirs, name="theirs.conf"))

    assert set(troubles(write(ours))) == codes


def test_what_is_wanted_durable_and_exists_otherwise_is_no_reason_to_delete(
    write, listen
):
    listen(write(PLAIN, name="theirs.conf"))

    found = troubles(write(DURABLE))

    ways = found["exchange-less-durable"]
    assert "To leave all as it is: remove amqp_durable_queues" in ways
    assert "virtual host of their own" in ways
    assert "migration of every service" in ways


def test_options_that_do_not_fit_the_rpc_beside_notifications(
    write, listen, broker, host
):
    listen(write(PLAIN, name="rpc.conf", topics="rpc"))
    theirs = broker.new_host(uuid.uuid4().hex)
    file = write(
        OWN_HOST.format(url=theirs, rpc=host) + DURABLE, transport_url=""
    )
    listen(file)

    assert set(troubles(file, readers=1)) == {"rpc-exchange-different"}


def test_a_topic_that_nobody_reads_fills_the_broker(write, listen):
    file = write()
    listen(file)
    notify(file, "notifications")
    wait_until(lambda: "topic-unread" in troubles(file))

    found = troubles(file)

    assert set(found) == {"topic-unread"}
    assert "notifications.info" in found["topic-unread"]
    assert "1 message waits" in found["topic-unread"]


def test_a_priority_that_nobody_reads_fills_the_broker(write, listen):
    file = write()
    listen(file)
    notify(file, priority="error")
    wait_until(lambda: "topic-unread" in troubles(file))

    assert "fault_middleware.error" in troubles(file)["topic-unread"]


def test_a_consumer_in_another_virtual_host_than_the_publishers(
    write, listen, broker, host
):
    theirs = broker.new_host(uuid.uuid4().hex)
    publishing = write(transport_url="", name="publishers.conf")
    publishing.write_text(
        f"[DEFAULT]\ntransport_url = {theirs}\n{publishing.read_text()}"
    )
    file = write()
    file.write_text(f"[DEFAULT]\ntransport_url = {theirs}\n{file.read_text()}")
    listen(file)
    notify(publishing)
    wait_until(lambda: "topic-unread" in troubles(file))

    found = troubles(file)

    assert set(found) == {"publisher-elsewhere", "topic-unread"}
    assert theirs.rpartition("/")[2] in found["publisher-elsewhere"]
    assert host.rpartition("/")[2] in found["publisher-elsewhere"]


def test_each_host_of_a_cluster_is_asked(write, listen, broker, host):
    listen(write(name="theirs.conf"))
    dead = free_port()
    both = host.replace("@", f"@127.0.0.1:{dead},guest:guest@")

    found = said(write(transport_url=both))

    assert (
        f"127.0.0.1:{dead}, one of several" in found["broker-host-unreachable"]
    )
    assert (
        found["broker-well"].strip()
        == f"The broker at 127.0.0.1:{broker.port} answers."
    )


def test_a_url_that_is_not_set_is_told_so(write):
    found = said(write(transport_url=""))

    text = (
        found.get("broker-unreachable")
        or found.get("broker-refused")
        or found["broker-well"]
    )
    assert "localhost:5672, since no transport_url is set" in text


TLS = "[oslo_messaging_rabbit]\nssl = true\n"


def test_tls_on_a_plain_port(write):
    found = troubles(write(TLS))

    assert set(found) == {"broker-without-tls"}
    assert "usually 5671" in found["broker-without-tls"]


def test_a_certificate_file_that_is_not_there_is_named(write):
    found = troubles(write(f"{TLS}ssl_ca_file = /nowhere/ca.pem\n"))

    assert set(found) == {"broker-file-missing"}
    assert "ssl_ca_file names /nowhere/ca.pem" in found["broker-file-missing"]


def test_a_certificate_that_nobody_trusts(write, tls_port, certificate):
    _, other = certificate("other")

    url = f"rabbit://g:g@localhost:{tls_port}/"
    found = troubles(write(f"{TLS}ssl_ca_file = {other}\n", transport_url=url))

    assert set(found) == {"broker-certificate"}


def test_no_tls_on_a_port_for_it(write, tls_port):
    found = troubles(
        write(transport_url=f"rabbit://g:g@127.0.0.1:{tls_port}/")
    )

    assert set(found) == {"broker-with-tls"}
    assert "ssl = true" in found["broker-with-tls"]


@pytest.fixture
def certificate(tmp_path):
    """Makes a key and a certificate that it signed itself; their files."""
    openssl = shutil.which("openssl")
    if openssl is None:
        require("openssl", "it is not installed")

    def certificate(name):
        key, file = tmp_path / f"{name}.key", tmp_path / f"{name}.pem"
        command = [
            openssl,
            *[
                "req",
                "-x509",
                "-nodes",
                "-newkey",
                "rsa:2048",
                "-subj",
                "/CN=localhost",
            ],
        ]
        command += ["-keyout", str(key), "-out", str(file)]
        subprocess.run(command, check=True, capture_output=True)
        return key, file

    return certificate


@pytest.fixture
def tls_port(certificate):
    """The port of a server that speaks TLS, and hangs up on all that does not."""
    key, file = certificate("server")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file, key)
    listening = socket.create_server(("127.0.0.1", 0))

    def serve():
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            with contextlib.suppress(OSError), connection:
                context.wrap_socket(connection, server_side=True).close()

    threading.Thread(target=serve, daemon=True).start()
    yield listening.getsockname()[1]
    listening.shutdown(socket.SHUT_RDWR)
    listening.close()


def test_a_user_who_may_not_listen(write, listen, broker, host):
    listen(write(name="theirs.conf"))
    name, user = host.rpartition("/")[2], uuid.uuid4().hex
    broker.control("add_user", user, "s3cret")
    broker.control("set_permissions", "-p", name, user, "", "", "")

    found = troubles(
        write(transport_url=host.replace("guest:guest", f"{user}:s3cret"))
    )

    assert set(found) == {"exchange-refused", "queue-refused"}
    assert "set_permissions" in found["queue-refused"]


@pytest.mark.parametrize(
    "wrong", [("guest:guest", "guest:s3cret"), ("/{name}", "/{name}x")]
)
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
        file = write_configuration(
            tmp_path / "tacker.conf", url, profiles="tacker", **KEEP
        )
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


def test_each_database_from_nothing_to_the_right_table(
    tacker, empty, database_url
):
    assert set(troubles(tacker(database_url))) == {"table-missing"}

    migration.sync(empty.writer)

    assert troubles(tacker(database_url)) == {}
    assert (
        f"at revision {migration.newest()}"
        in said(tacker(database_url))["database-well"]
    )


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
        (
            "ALTER TABLE instance_faults DROP COLUMN problem",
            "table-different",
            "instance_faults.problem",
        ),
    ],
)
def test_a_table_of_another_release(
    tacker, any_store, database_url, statement, code, word
):
    execute(any_store, statement)

    found = troubles(tacker(database_url))

    assert set(found) == {code}
    assert word in found[code]


def test_a_user_who_may_not_read(tacker, mariadb):
    with new_database(mariadb) as url:
        store = make_store(url)
        name, user = sa.make_url(url).database, f"u{uuid.uuid4().hex[:20]}"
        execute(store, f"CREATE USER {user} IDENTIFIED BY 's3cret'")
        execute(
            store,
            f"GRANT SELECT ON {name}.fault_middleware_alembic_version TO {user}",
        )
        execute(store, f"GRANT INSERT ON {name}.instance_faults TO {user}")
        close(store)

        found = troubles(tacker(url.replace("root@", f"{user}:s3cret@")))

    assert set(found) == {"table-unreadable"}
    assert "Grant" in found["table-unreadable"]
    assert "s3cret" not in str(found)


def test_a_clock_of_mariadb_that_goes_wrong(tacker, mariadb):
    with new_database(mariadb) as url:
        close(make_store(url))

        found = troubles(
            tacker(f"{url}?init_command=SET timestamp=1000000000")
        )

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

        found = troubles(
            tacker(f"{url}?options=-csearch_path=wrong,pg_catalog,public")
        )

    assert set(found) == {"database-clock"}


@pytest.mark.parametrize("server", ["mysql+pymysql", "postgresql+psycopg"])
def test_a_database_that_is_away_or_mute(tacker, server):
    with socket.create_server(("127.0.0.1", 0)) as mute:
        url = f"{server}://u:s3cret@127.0.0.1:{mute.getsockname()[1]}/x"
        slow = troubles(tacker(url))
    away = troubles(tacker(url))

    assert set(slow) == set(away) == {"database-unreachable"}
    assert "s3cret" not in str(slow) + str(away)


@pytest.fixture
def consumer(tmp_path):
    """Writes a configuration of who consumes, with a broker that is not looked at."""

    def write(url, text="", **values):
        values = {"transport_url": "kombu+memory:////", **values}
        file = write_configuration(
            tmp_path / "trove.conf", url, PUBLISHING, **values
        )
        file.write_text(file.read_text() + text)
        file.chmod(0o600)
        return file

    return write


FULL = {
    "instance_faults": "SELECT, INSERT, UPDATE, DELETE",
    "fault_middleware_retention": "SELECT, UPDATE",
    "fault_middleware_alembic_version": "SELECT",
}


def rights(**instead):
    return FULL | instead


@pytest.mark.parametrize("server", ["mariadb", "postgresql"])
class TestRights:
    """What the user of the database may do, tried on real servers."""

    @pytest.fixture
    def grant(self, request, server):
        """Makes a user with rights on tables; returns the URL with it."""
        with new_database(request.getfixturevalue(server)) as url:
            owner = make_store(url)
            user = f"u{uuid.uuid4().hex[:20]}"

            def grant(tables):
                login = (
                    "IDENTIFIED BY 's3cret'"
                    if server == "mariadb"
                    else "LOGIN"
                )
                execute(owner, f"CREATE USER {user} {login}")
                for table, what in tables.items():
                    execute(owner, f"GRANT {what} ON {table} TO {user}")
                own = sa.make_url(url).set(username=user, password="s3cret")
                return own.render_as_string(hide_password=False)

            yield grant
            if server == "postgresql":
                execute(owner, f"DROP OWNED BY {user}")
            execute(owner, f"DROP USER {user}")
            close(owner)

    def test_all_that_is_needed_is_well(self, consumer, grant):
        assert troubles(consumer(grant(FULL))) == {}

    def test_who_consumes_and_may_only_read(self, consumer, grant, server):
        url = grant(rights(instance_faults="SELECT"))

        found = troubles(consumer(url))["rights-missing"]

        assert "may not INSERT into instance_faults" in found
        assert ("UPDATE instance_faults" in found) == (server == "mariadb")
        assert "no fault is stored" in found
        assert "s3cret" not in found

    def test_who_inserts_and_may_not_update(self, consumer, grant, server):
        url = grant(rights(instance_faults="SELECT, INSERT, DELETE"))

        found = troubles(consumer(url))

        # Where a row that is there already is passed over by an UPDATE of nothing.
        assert set(found) == (
            {"rights-missing"} if server == "mariadb" else set()
        )

    def test_who_may_not_purge(self, consumer, grant, server):
        url = grant(rights(instance_faults="SELECT, INSERT, UPDATE"))

        found = troubles(consumer(url))["rights-missing"]

        assert (
            "may not DELETE from instance_faults, so old faults are never removed"
            in found
        )

    def test_who_keeps_all_faults_needs_no_right_to_purge(
        self, consumer, grant, server
    ):
        url = grant({**rights(instance_faults="SELECT, INSERT, UPDATE")})

        assert troubles(consumer(url, **KEEP)) == {}

    def test_an_api_whose_consumer_is_elsewhere_may_only_read(
        self, consumer, grant, tmp_path
    ):
        url = grant(rights(instance_faults="SELECT"))
        (tmp_path / "paste.ini").write_text("")

        file = consumer(url, consumer="external")
        found = said(file, paste=str(tmp_path / "paste.ini"))

        assert "rights-of-filter" in found
        assert "rights-missing" not in found
        assert "rights-missing" in said(file)  # the consumer's own

    def test_the_rights_that_the_manual_grants_a_filter_are_well(
        self, consumer, grant, tmp_path
    ):
        url = grant({"instance_faults": "SELECT"})
        (tmp_path / "paste.ini").write_text("")
        file = consumer(url, consumer="external")

        found = examine(file, paste=str(tmp_path / "paste.ini"))

        about = [finding for finding in found if "database" in finding.what]
        assert {"revision-unknown", "rights-of-filter"} <= {
            row.code for row in found
        }
        assert not [row for row in about if row.severity == Severity.ERROR]

    def test_the_rights_that_the_manual_grants_a_consumer_are_well(
        self, consumer, grant
    ):
        tables = dict(FULL)
        del tables["fault_middleware_alembic_version"]

        file = consumer(grant(tables))

        assert troubles(file) == {}
        assert "revision-unknown" in said(file)

    def test_a_driver_that_records_has_to_write(
        self, consumer, grant, tmp_path
    ):
        url = grant(rights(instance_faults="SELECT"))
        (tmp_path / "paste.ini").write_text("")
        file = consumer(url, consumer="external")
        text = file.read_text().replace(
            "driver = messagingv2", "driver = fault_middleware"
        )
        file.write_text(text)

        assert "rights-missing" in said(
            file, paste=str(tmp_path / "paste.ini")
        )


def test_nothing_is_left_of_what_was_tried(consumer, any_store, database_url):
    any_store.record([fault.make("trove", "i", message="m")])

    assert troubles(consumer(database_url)) == {}

    assert [row["message"] for row in rows(any_store)] == ["m"]


@pytest.mark.parametrize("server", ["mariadb", "postgresql"])
class TestReplica:
    """What slave_connection leads to."""

    @pytest.fixture
    def primary(self, request, server):
        """The URL of a database with an old row."""
        with new_database(request.getfixturevalue(server)) as url:
            store = make_store(url)
            record_old(store)
            close(store)
            yield url

    @pytest.fixture
    def other(self, request, server):
        """The URL of another, empty database."""
        with new_database(request.getfixturevalue(server)) as url:
            yield url

    def test_the_same_database_is_well(self, consumer, primary):
        assert (
            troubles(consumer(primary, f"slave_connection = {primary}\n"))
            == {}
        )

    def test_a_database_without_the_table(self, consumer, primary, other):
        found = troubles(consumer(primary, f"slave_connection = {other}\n"))

        assert set(found) == {"table-missing"}
        assert "slave_connection" in found["table-missing"]

    def test_another_database_with_the_table(self, consumer, primary, other):
        close(make_store(other))

        found = troubles(consumer(primary, f"slave_connection = {other}\n"))

        assert set(found) == {"replica-other"}

    def test_a_wrong_password(self, consumer, primary, server):
        name = sa.make_url(primary).username
        wrong = primary.replace(f"{name}@", "unknown:s3cret@")

        found = troubles(consumer(primary, f"slave_connection = {wrong}\n"))

        assert set(found) == {"database-unreachable"}
        assert "slave_connection" in found["database-unreachable"]
        assert "s3cret" not in found["database-unreachable"]


def record_old(store):
    store.record([fault.make("trove", "i", message="m")])
    past = clock.utcnow() - timedelta(hours=1)
    with store.writer.begin() as connection:
        connection.execute(
            models.instance_faults.update().values(updated=past)
        )
