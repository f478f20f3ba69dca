# SPDX-License-Identifier: Apache-2.0
"""What goes on while servers fail: services notify, consumers store, users look."""

import contextlib
import faulthandler
import logging
import sys
import threading
import time
import urllib.request
import uuid
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import oslo_messaging
import sqlalchemy as sa
import webtest

from fault_middleware import fault, migration
from fault_middleware.deploy import Deployment, deploy
from fault_middleware.factories import FaultMiddleware
from fault_middleware.store import Store
from tests import services
from tests.fixtures import (
    INSTANCE,
    Service,
    close,
    database_options,
    parse,
    wait_until,
    write_configuration,
)

LOOKUP_TIMEOUT = 2.0
#: The most seconds that a show may take: to connect, and for an answer, are bounded each; and the
#: machine is busy.
MOST_SECONDS = 2 * LOOKUP_TIMEOUT + 1
_SHOW = f"/p1/instances/{INSTANCE}"
_EVENT = "dbaas.instance_create.error"
_CONSUMER = "fault_middleware.cmd.consumer"
_RABBIT = """\
[oslo_messaging_rabbit]
rabbit_quorum_queue = true
heartbeat_timeout_threshold = 6
rabbit_retry_interval = 1
kombu_reconnect_delay = 0.5
"""


class Users:
    """Users who look at an instance that has a fault, in threads of their own.

    :ivar seconds: how long each show took
    :ivar slow: how many took longer than ``lookup_timeout``
    :ivar is_shown: whether the last one had the fault
    """

    def __init__(self, file: Path) -> None:
        conf = parse(file)
        self.parts: Deployment = deploy(conf)
        self._app = webtest.TestApp(FaultMiddleware(Service(), conf))
        self._is_over = threading.Event()
        self.longest = 0.0
        self.slow = 0
        self.is_shown = False
        self.ends = Counter()
        self._threads = [threading.Thread(target=self._look) for _ in range(2)]
        for thread in self._threads:
            thread.start()

    def look(self) -> bool:
        """Whether a show has the fault."""
        begin = time.monotonic()
        answer = self._app.get(_SHOW)
        seconds = time.monotonic() - begin
        self.longest = max(self.longest, seconds)
        self.slow += seconds > LOOKUP_TIMEOUT
        return "fault" in answer.json["instance"]

    def failures(self) -> set[str]:
        return set(self.parts.metrics.health.failures)

    def close(self) -> None:
        self._is_over.set()
        for thread in self._threads:
            thread.join()
        close(self.parts.store)

    def _look(self) -> None:
        while not self._is_over.wait(0.05):
            self.is_shown = self.look()
            self.ends[self.is_shown] += 1


class Publishers:
    """Services that notify, in threads of their own, each of many instances, once.

    :ivar confirmed: the instances whose notification the broker has confirmed
    """

    def __init__(self, file: Path, topic: str) -> None:
        conf = parse(file)
        url = deploy(conf).settings.transport_url
        self._transport = oslo_messaging.get_notification_transport(
            conf, url=url
        )
        self._topic = topic
        self._is_over = threading.Event()
        self._lost = _Lost()
        self.confirmed: list[str] = []
        # They wait for ever for a broker that does not come back, and would keep the tests'
        # process from ending.
        self._threads = [
            threading.Thread(target=self._publish, daemon=True)
            for _ in range(2)
        ]
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        """End, once all that is under way is confirmed."""
        self._is_over.set()
        for thread in self._threads:
            thread.join(120)
            assert not thread.is_alive()
        self._lost.close()
        self._transport.cleanup()

    def _publish(self) -> None:
        notifier = oslo_messaging.Notifier(
            self._transport,
            "taskmanager.h",
            driver="messagingv2",
            topics=[self._topic],
            retry=-1,
        )
        while not self._is_over.wait(0.04):
            one = str(uuid.uuid4())
            payload = {
                "instance_id": one,
                "message": "boom",
                "exception": ["x" * 500],
            }
            before = self._lost.count()
            notifier.info({}, _EVENT, payload)
            if self._lost.count() == before:
                self.confirmed.append(one)


class _Lost(logging.Handler):
    """Counts, by thread, what oslo.messaging says that it could not send."""

    def __init__(self) -> None:
        super().__init__()
        self._counts: Counter[int | None] = Counter()
        self._log = logging.getLogger("oslo_messaging.notify.messaging")
        self._log.addHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        self._counts[record.thread] += 1

    def count(self) -> int:
        return self._counts[threading.get_ident()]

    def close(self) -> None:
        self._log.removeHandler(self)
        super().close()


class World:
    """Publishers, a consumer for each database URL, and users.

    :param admin: a URL that leads to the database whatever becomes of it
    :param stored: where each consumer stores
    :param read: what the users' filter has in ``[fault_middleware_database]``
    """

    def __init__(
        self,
        folder: Path,
        broker: str,
        admin: str,
        stored: list[str],
        read: str,
        **values: str,
    ) -> None:
        self._stack = contextlib.ExitStack()
        self.admin = admin
        self._prepare()
        topic = uuid.uuid4().hex
        broker_values = {"transport_url": broker, "topics": topic}
        self.logs, self.ports = [], []
        for number, url in enumerate(stored):
            port, log = services.free_port(), folder / f"consumer{number}.log"
            file = write_configuration(
                folder / f"consumer{number}.conf",
                url,
                _RABBIT,
                metrics_port=str(port),
                **broker_values,
            )
            command = [sys.executable, "-W", "ignore", "-m", _CONSUMER]
            command += ["--config-file", str(file)]
            self._stack.enter_context(
                services.process(command, log, port=port)
            )
            self.logs.append(log)
            self.ports.append(port)
        for log in self.logs:
            wait_until(lambda log=log: "Listening for" in log.read_text(), 60)
        file = write_configuration(
            folder / "users.conf",
            stored[0],
            f"{_RABBIT}[fault_middleware_database]\n{read}\n",
            consumer="external",
            credentials="headers",
            lookup_timeout=str(LOOKUP_TIMEOUT),
            **broker_values,
            **values,
        )
        self.users = Users(file)
        self._stack.callback(self.users.close)
        self.publishers = Publishers(file, topic)
        self._stack.callback(self.publishers.close)
        wait_until(lambda: self.users.is_shown and self.stored() > 20)

    def _prepare(self) -> None:
        store = Store(database_options(self.admin), LOOKUP_TIMEOUT)
        migration.sync(store.writer)
        store.record([fault.make("trove", INSTANCE, message="boom")])
        close(store)

    def instances(self) -> list[str]:
        """Whose faults are in the table, but for the one that users look at."""
        engine = sa.create_engine(self.admin, poolclass=sa.NullPool)
        with engine.connect() as connection:
            query = sa.text("SELECT instance_id FROM instance_faults")
            found = connection.scalars(query).all()
        return [one for one in found if one != INSTANCE]

    def stored(self) -> int:
        return len(self.instances())

    def goes_on(self, seconds: float = 60) -> None:
        """Wait until more is stored than when this was asked."""
        before = self.stored()
        confirmed = len(self.publishers.confirmed)
        try:
            wait_until(lambda: self.stored() > before + 5, seconds)
        except AssertionError:
            confirmed = len(self.publishers.confirmed) - confirmed
            print(f"{confirmed} more were confirmed")
            raise

    def tell(self) -> None:
        """Print what a test that failed leaves to look at."""
        for part in ("broker", "database (storing)"):
            with contextlib.suppress(OSError):
                print(f"failing {part}: {self.failing(part)}")
        for log in self.logs:
            print(log.read_text()[-3000:])
        print("where the threads are:")
        faulthandler.dump_traceback(sys.__stderr__)

    def failing(self, part: str) -> list[float]:
        """What each consumer tells Prometheus of a part."""
        found = []
        for port in self.ports:
            url = f"http://127.0.0.1:{port}/metrics"
            with urllib.request.urlopen(url, timeout=10) as answer:
                for line in answer.read().decode().splitlines():
                    if line.startswith("fault_middleware_failing") and (
                        f'"{part}"' in line
                    ):
                        found.append(float(line.rpartition(" ")[2]))
        return found

    def check(self) -> None:
        """What was confirmed is stored, nothing twice; and users waited no longer than told."""
        self.publishers.close()
        confirmed = set(self.publishers.confirmed)
        wait_until(lambda: confirmed <= set(self.instances()), 90)
        found = Counter(self.instances())
        shown, bare = self.users.ends[True], self.users.ends[False]
        print(
            f"{len(confirmed)} confirmed, {len(confirmed & set(found))} of them stored; "
            f"{shown} shows with the fault and "
            f"{bare} without, {self.users.slow} of them slow, the longest "
            f"{self.users.longest:.1f} s"
        )
        assert len(confirmed) > 20
        assert [one for one, times in found.items() if times > 1] == []
        assert self.users.longest <= MOST_SECONDS

    def tracebacks(self) -> list[str]:
        """The lines before each traceback in the consumers' logs.

        Not those of SQLAlchemy's pool: it tells one of a connection that is lost while it is being
        given back.
        """
        found = []
        for log in self.logs:
            lines = log.read_text().splitlines()
            found += [
                "\n".join(lines[max(0, number - 2) : number + 1])
                for number, line in enumerate(lines)
                if "Traceback (most recent call last)" in line
                and "sqlalchemy.pool" not in line
            ]
        return found

    def close(self) -> None:
        self._stack.close()


@contextlib.contextmanager
def world(*arguments: object, **values: str) -> Iterator[World]:
    """A :class:`World` that ends."""
    made = World(*arguments, **values)
    try:
        yield made
    except AssertionError:
        made.tell()
        raise
    finally:
        made.close()
