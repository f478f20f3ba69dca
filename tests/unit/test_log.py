# SPDX-License-Identifier: Apache-2.0
"""A service that logs its failures, and the handler that records them."""

import gc
import logging
import logging.config
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import weakref

import pytest
from oslo_config import cfg
from oslo_context import context
from oslo_log import log as oslo_log

from fault_middleware import log
from fault_middleware.deploy import deploy
from tests.fixtures import close, make_store, rows, wait_until

VOLUME = "5f15e2a3-b556-4cd7-8ce4-e893e533dba1"
OTHER_VOLUME = "5f15e2a3-b556-4cd7-8ce4-e893e533dba2"
REQUEST = "req-5f15e2a3-b556-4cd7-8ce4-e893e533dba9"
PROFILE = """\
service: volumes
fault:
  created: "%Y-%m-%dT%H:%M:%S"
routes:
  - path: /volumes/{id}
    object: volume
logs:
  - logger: volumes.periodic
    ignore: {}
  - logger: volumes.*
    modules: tests.unit.test_log
    record:
      instance_id: [{local: volume.id}, {record: resource}]
  - logger: terse
    modules: tests.unit.test_log
    handled: true
    record:
      instance_id: [{local: volume.id}]
  - logger: worker
    level: warning
    user: any
    context: task.context
    modules: tests.unit.test_log
    record:
      instance_id: [{local: volume.id}]
  - logger: slow.*
    level: warning
    modules: tests.unit.test_log
    record:
      instance_id: [{local: volume.id}]
sentences:
  - exception: OSError
    source: "*.extend"
    text: The volume could not be extended.
"""
LOG = logging.getLogger("volumes.manager")


@pytest.fixture
def store(sqlite_url):
    made = make_store(sqlite_url)
    yield made
    close(made)


@pytest.fixture
def handler(configure, tmp_path, store):
    """The handler of the loggers of a process that serves a user's request."""
    profile = tmp_path / "volumes.yaml"
    profile.write_text(PROFILE)
    deployment = deploy(configure(profiles=str(profile)))
    log.attach(deployment)
    made = log.attached("volumes")
    context.RequestContext(
        user_id="alice", project_id="p1", request_id=REQUEST, overwrite=True
    )
    yield made
    context.RequestContext(overwrite=True)
    for name in ("slow", "terse", "volumes", "worker"):
        logging.getLogger(name).removeHandler(made)
    deployment.writer.get().end()
    close(deployment.store)


def extend(volume):
    raise OSError(28, "no space on 10.1.2.3")


def log_failure(volume=None, logger=LOG):
    """Log what a method of a manager raised."""
    try:
        extend(volume or {"id": VOLUME})
    except OSError:
        logger.exception("Extend volume failed")


def counts(handler):
    found = handler.deployment.metrics.counts()
    return {line for line in found if line.startswith("log_records")}


def test_a_failure_that_is_only_logged_becomes_a_fault(handler, store):
    log_failure()

    wait_until(lambda: rows(store))
    (row,) = rows(store)
    assert (row["service"], row["instance_id"]) == ("volumes", VOLUME)
    assert row["message"] == "The volume could not be extended."
    assert row["details"].startswith("Extend volume failed\n\nTraceback")
    assert row["details"].endswith(
        "OSError: [Errno 28] no space on 10.1.2.3\n"
    )
    assert (row["request_id"], row["project_id"]) == (REQUEST, "p1")
    assert counts(handler) == {"log_records_total[taken]=1"}


def test_the_owner_reads_a_class_where_there_is_no_sentence(handler, store):
    def shrink(volume):
        raise KeyError("pool at 10.1.2.3")

    try:
        shrink({"id": VOLUME})
    except KeyError:
        LOG.exception("it failed")

    wait_until(lambda: rows(store))
    assert rows(store)[0]["message"] == "KeyError"


def log_without_exception(logger, volume=None):
    try:
        extend(volume or {"id": VOLUME})
    except OSError:
        logger.error("Extend volume failed")


def test_where_a_rule_says_so_the_exception_that_is_being_handled_counts(
    handler, store
):
    log_without_exception(logging.getLogger("terse"))

    wait_until(lambda: rows(store))
    assert rows(store)[0]["message"] == "The volume could not be extended."
    assert "no space on 10.1.2.3" in rows(store)[0]["details"]


@pytest.mark.parametrize("of_thread", [None, "bob"])
def test_the_context_in_a_variable_counts_before_that_of_the_thread(
    handler, store, of_thread
):
    def work(task, volume):
        # A thread may still have the context of an earlier request.
        context.RequestContext(user_id=of_thread, overwrite=True)
        logging.getLogger("worker").warning("attempt 1 failed")

    asked = context.RequestContext(
        user_id="alice", project_id="p2", request_id=REQUEST, overwrite=False
    )

    work({"context": asked}, {"id": VOLUME})

    wait_until(lambda: rows(store))
    row = rows(store)[0]
    assert (row["request_id"], row["project_id"]) == (REQUEST, "p2")
    assert row["details"] == "attempt 1 failed"


def test_elsewhere_a_record_without_an_exception_has_none(handler, store):
    log_without_exception(LOG)
    logging.getLogger("terse").error("of no volume, and handling nothing")
    log_failure()

    wait_until(lambda: rows(store))
    assert len(rows(store)) == 1
    assert counts(handler) == {
        "log_records_total[no instance]=2",
        "log_records_total[taken]=1",
    }


def test_what_no_rule_means_is_left_alone(handler, store):
    log_failure(logger=logging.getLogger("volumes.periodic"))
    log_failure(logger=logging.getLogger("elsewhere"))
    LOG.warning("not an error", extra={"resource": f"[volume-{VOLUME}] "})
    log_failure({"name": "has no id"})
    log_failure()

    wait_until(lambda: rows(store))
    assert len(rows(store)) == 1
    assert counts(handler) == {
        "log_records_total[no instance]=1",
        "log_records_total[taken]=1",
    }


def test_a_warning_counts_where_a_rule_says_so(handler, store):
    def reboot(volume):
        logging.getLogger("slow.manager").warning("it did not reboot")

    reboot({"id": VOLUME})

    wait_until(lambda: rows(store))
    assert handler.level == logging.WARNING


def test_information_counts_where_a_rule_says_so(
    configure, tmp_path, handler, store
):
    profile = tmp_path / "zones.yaml"
    profile.write_text(
        PROFILE.replace("level: warning", "level: info").replace(
            "service: volumes", "service: zones"
        )
    )
    informed = log.Handler(deployment=deploy(configure(profiles=str(profile))))
    logger = logging.getLogger("slow.manager")
    logger.setLevel(logging.INFO)
    logger.addHandler(informed)

    def change(volume):
        logger.info("attempt 1 failed")

    try:
        change({"id": VOLUME})
        wait_until(lambda: rows(store))
    finally:
        logger.removeHandler(informed)
        logger.setLevel(logging.NOTSET)
        informed.deployment.writer.get().end()
        close(informed.deployment.store)
    assert [row["service"] for row in rows(store)] == ["zones"]


def test_the_same_record_of_two_handlers_is_one_fault(handler, store):
    second = log.Handler(deployment=handler.deployment)
    logging.getLogger().addHandler(second)
    try:
        log_failure()
    finally:
        logging.getLogger().removeHandler(second)

    wait_until(
        lambda: "duplicates_total=1" in handler.deployment.metrics.counts()
    )
    assert len(rows(store)) == 1


def test_attaching_twice_makes_one_handler(handler):
    log.attach(handler.deployment)

    assert logging.getLogger("volumes").handlers == [handler]
    assert logging.getLogger("slow").handlers == [handler]


def test_a_service_that_sets_up_its_log_later_keeps_the_handler(
    handler, store
):
    """As Nova does: oslo.log takes all handlers from the root logger."""
    conf = cfg.ConfigOpts()
    oslo_log.register_options(conf)
    conf([], default_config_files=[])
    before = logging.getLogger().handlers[:]

    oslo_log.setup(conf, "volumes")
    try:
        log_failure()
    finally:
        logging.getLogger().handlers[:] = before

    wait_until(lambda: rows(store))
    assert counts(handler) == {"log_records_total[taken]=1"}


def test_loggers_of_any_name_have_it_at_the_root(configure, tmp_path):
    profile = tmp_path / "any.yaml"
    profile.write_text(PROFILE.replace("slow.*", '"*"'))
    deployment = deploy(configure(profiles=str(profile)))

    log.attach(deployment)
    made = log.attached()
    logging.getLogger().removeHandler(made)

    assert log.attached("volumes") is None


def test_what_was_looked_at_is_not_kept_alive(handler):
    class Volume(dict):
        pass

    def serve():
        volume = Volume(id=VOLUME)
        log_failure(volume)
        return weakref.ref(volume)

    gc.disable()
    try:
        seen = serve()
        for other in logging.getLogger().handlers:
            getattr(
                other, "records", []
            ).clear()  # those of pytest's own handlers
        assert seen() is None
    finally:
        gc.enable()


def test_a_record_that_cannot_be_printed_is_recorded(handler, store):
    class Mute:
        def __str__(self):
            raise RuntimeError("never")

    record = LOG.makeRecord(LOG.name, logging.ERROR, "f", 1, Mute(), (), None)
    record.resource = f"[volume-{VOLUME}] "
    handler.handle(record)

    wait_until(lambda: rows(store))


def test_an_error_of_ours_is_counted_and_the_service_goes_on(
    handler, store, monkeypatch, caplog
):
    monkeypatch.setattr(
        "fault_middleware.log_record.read", lambda *arguments: 1 / 0
    )

    log_failure()

    assert "errors_total[log]=1" in handler.deployment.metrics.counts()
    assert "a log record is lost" in caplog.text


def test_what_is_logged_while_a_record_is_looked_at_is_not_looked_at(
    handler, store
):
    class Talkative(dict):
        def __init__(self):
            super().__init__(id=VOLUME)

    class Noisy(OSError):
        def __str__(self):
            LOG.error(
                "asked for its text", extra={"resource": f"[volume-{VOLUME}] "}
            )
            return "noisy"

    def shrink(volume):
        raise Noisy

    try:
        shrink(Talkative())
    except OSError as exc:
        record = LOG.makeRecord(
            LOG.name,
            logging.ERROR,
            "f",
            1,
            "it failed",
            (),
            (type(exc), exc, exc.__traceback__),
        )
        handler.handle(record)

    wait_until(lambda: rows(store))
    assert len(rows(store)) == 1


def test_at_the_end_of_the_stack_it_raises_nothing(handler, store):
    record = LOG.makeRecord(
        LOG.name, logging.ERROR, "f", 1, "too deep", (), None
    )
    raised_in = []

    def dive(volume):
        try:
            dive(volume)
        except RecursionError:
            try:
                handler.handle(record)
            except RecursionError as exc:
                trace = exc.__traceback__
                while trace.tb_next:
                    trace = trace.tb_next
                raised_in.append(trace.tb_frame.f_code.co_name)
                raise

    dive({"id": VOLUME})

    # As for each other handler: who has no room for its first call cannot call it.
    assert set(raised_in) <= {"dive", "handle", "filter"}
    log_failure()
    wait_until(lambda: rows(store))


def test_no_lock_of_logging_is_taken(handler, store):
    other = logging.StreamHandler()
    done = threading.Event()

    def in_a_thread():
        handler.handle(
            LOG.makeRecord(LOG.name, logging.ERROR, "f", 1, "x", (), None)
        )
        done.set()

    other.acquire()
    logging._acquireLock() if hasattr(
        logging, "_acquireLock"
    ) else logging._lock.acquire()
    try:
        threading.Thread(target=in_a_thread).start()
        assert done.wait(10)
    finally:
        logging._releaseLock() if hasattr(
            logging, "_releaseLock"
        ) else logging._lock.release()
        other.release()
    assert handler.lock is None


def test_errors_without_end_are_not_all_looked_at(handler, store):
    for _ in range(5000):
        LOG.error("again", extra={"resource": f"[volume-{VOLUME}] "})

    found = dict(line.rsplit("=", 1) for line in counts(handler))
    taken = int(found["log_records_total[taken]"])
    assert taken < 2500
    assert taken + int(found["log_records_total[too many]"]) == 5000


def test_records_that_take_long_count_as_several(handler, store):
    def fall(depth):
        return fall(depth - 1) if depth else climb(700)

    def climb(depth):
        return fall(0) if depth == 1 else again(depth - 1)

    def again(depth):
        return climb(depth)

    try:
        fall(0)
    except RecursionError as exc:
        given = (type(exc), exc, exc.__traceback__)
    for _ in range(200):
        record = LOG.makeRecord(
            LOG.name, logging.ERROR, "f", 1, "it failed", (), given
        )
        record.resource = f"[volume-{VOLUME}] "
        handler.handle(record)

    found = dict(line.rsplit("=", 1) for line in counts(handler))
    assert int(found["log_records_total[taken]"]) < 150
    assert int(found["log_records_total[too many]"]) > 50


@pytest.mark.parametrize(
    "odd", [{"name": None}, {"levelno": None}, {"name": [], "msg": 7}]
)
def test_a_record_that_is_not_one_harms_nobody(handler, odd):
    """As somebody may make it of what came from another process."""
    handler.handle(logging.makeLogRecord({"name": "volumes", **odd}))

    assert "errors_total[log]=1" in handler.deployment.metrics.counts()


def test_while_the_database_is_away_the_service_goes_on(handler, store):
    with store.writer.begin() as connection:
        connection.exec_driver_sql(
            "ALTER TABLE instance_faults RENAME TO elsewhere"
        )

    log_failure()
    wait_until(lambda: handler.deployment.metrics.health.failures)
    log_failure()
    with store.writer.begin() as connection:
        connection.exec_driver_sql(
            "ALTER TABLE elsewhere RENAME TO instance_faults"
        )

    wait_until(lambda: len(rows(store)) == 2, 30)


def test_while_the_queue_is_full_the_service_goes_on(handler, store):
    with store.writer.begin() as connection:
        connection.exec_driver_sql(
            "ALTER TABLE instance_faults RENAME TO elsewhere"
        )
    failed = OSError("x" * 2**20)
    record = LOG.makeRecord(
        LOG.name,
        logging.ERROR,
        "f",
        1,
        "it failed",
        (),
        (OSError, failed, None),
        extra={"resource": f"[volume-{VOLUME}] "},
    )
    # Of each trace 256 KiB are kept, and of all that waits 16 MiB.
    for _ in range(100):
        handler.handle(record)
    found = dict(line.rsplit("=", 1) for line in counts(handler))
    taken = int(found["log_records_total[taken]"])
    with store.writer.begin() as connection:
        connection.exec_driver_sql(
            "ALTER TABLE elsewhere RENAME TO instance_faults"
        )

    assert 0 < taken < 100
    assert taken + int(found["log_records_total[too many]"]) == 100
    wait_until(lambda: rows(store), 60)


def test_a_fork_records_by_itself(handler, store):
    log_failure()
    # A fork in the middle of a commit would copy locks that nobody releases.
    wait_until(lambda: rows(store))

    child = multiprocessing.get_context("fork").Process(
        target=_log_in_a_fork, args=(handler,)
    )
    child.start()
    child.join(30)

    assert child.exitcode == 0
    wait_until(lambda: len(rows(store)) == 2)


def _log_in_a_fork(handler):
    log_failure()
    handler.deployment.writer.get().end()


SERVICE = """\
import logging.config, signal, sys, time
from oslo_config import cfg
from oslo_context import context

logging.config.dictConfig({
    "version": 1,
    "handlers": {"fault": {"class": "fault_middleware.log.Handler"}},
    "root": {"handlers": ["fault"]},
})
cfg.CONF([], default_config_files=[sys.argv[1]])
context.RequestContext(user_id="alice", overwrite=True)
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
logging.getLogger("volumes.manager").error(
    "it failed", extra={"resource": "[volume-5f15e2a3-b556-4cd7-8ce4-e893e533dba1] "}
)
print("logged", flush=True)
time.sleep(60)
"""


@pytest.mark.parametrize(
    "by_environment", [False, True], ids=["cfg.CONF", "environment"]
)
def test_a_file_of_logging_names_the_handler(
    configure, tmp_path, store, by_environment
):
    profile = tmp_path / "volumes.yaml"
    profile.write_text(PROFILE)
    configure(profiles=str(profile))
    conf = str(tmp_path / "service.conf")
    environ = {
        **os.environ,
        **({"FAULT_MIDDLEWARE_CONFIG": conf} if by_environment else {}),
    }
    empty = tmp_path / "empty.conf"
    empty.write_text("")
    command = [
        sys.executable,
        "-c",
        SERVICE,
        str(empty) if by_environment else conf,
    ]

    running = subprocess.Popen(
        command, env=environ, stdout=subprocess.PIPE, text=True
    )
    assert running.stdout.readline() == "logged\n"
    running.send_signal(signal.SIGTERM)

    assert running.wait(30) == 0
    running.stdout.close()
    assert [row["instance_id"] for row in rows(store)] == [VOLUME]


def test_without_a_configuration_it_says_so_once(caplog):
    made = log.Handler()
    record = LOG.makeRecord(
        LOG.name, logging.ERROR, "f", 1, "it failed", (), None
    )

    made.handle(record)
    made.handle(record)

    (line,) = [text for text in caplog.messages if "records nothing" in text]
    assert "connection is not set" in line


@pytest.mark.parametrize(("meanwhile", "lost"), [(5, 0), (100, 0), (130, 30)])
def test_what_is_logged_while_the_configuration_is_read_waits(
    handler, monkeypatch, meanwhile, lost
):
    late = log.Handler()
    record = LOG.makeRecord(
        LOG.name, logging.ERROR, "f", 1, "it failed", (), None
    )
    record.resource = f"[volume-{VOLUME}] "

    def log_meanwhile():
        context.RequestContext(user_id="bob", overwrite=True)
        for _ in range(meanwhile):
            late.handle(record)

    def read_slowly(conf):
        other = threading.Thread(target=log_meanwhile)
        other.start()
        other.join()
        return handler.deployment

    monkeypatch.setattr(log, "deploy", read_slowly)
    late.handle(record)

    assert counts(handler) == {
        f"log_records_total[taken]={1 + meanwhile - lost}",
        *([f"log_records_total[too many]={lost}"] if lost else []),
    }


@pytest.mark.parametrize(
    ("logger", "log_it"),
    [("volumes.late", log_failure), ("terse", log_without_exception)],
)
def test_what_waits_is_the_fault_of_whom_its_own_thread_served(
    handler, store, monkeypatch, logger, log_it
):
    late = log.Handler()
    # Not where the handler of the fixture has it too.
    monkeypatch.setattr(logging.getLogger(logger), "propagate", False)
    monkeypatch.setattr(logging.getLogger(logger), "handlers", [late])

    def serve_another():
        context.RequestContext(
            user_id="bob", project_id="p2", request_id="req-2", overwrite=True
        )
        log_it(volume={"id": OTHER_VOLUME}, logger=logging.getLogger(logger))

    def read_slowly(conf):
        other = threading.Thread(target=serve_another)
        other.start()
        other.join()
        return handler.deployment

    monkeypatch.setattr(log, "deploy", read_slowly)
    log_it(volume={"id": VOLUME}, logger=logging.getLogger(logger))

    wait_until(lambda: len(rows(store)) == 2)
    assert {
        (row["instance_id"], row["request_id"], row["project_id"])
        for row in rows(store)
    } == {(VOLUME, REQUEST, "p1"), (OTHER_VOLUME, "req-2", "p2")}
    assert all("no space on" in row["details"] for row in rows(store))


def test_a_fork_while_the_configuration_is_read_reads_it_itself(
    handler, store, monkeypatch
):
    late = log.Handler()
    record = LOG.makeRecord(
        LOG.name, logging.ERROR, "f", 1, "it failed", (), None
    )
    record.resource = f"[volume-{VOLUME}] "
    ends = []

    def fork(conf):
        monkeypatch.setattr(log, "deploy", lambda conf: handler.deployment)
        child = multiprocessing.get_context("fork").Process(
            target=_handle_in_a_fork, args=(late, record)
        )
        child.start()
        child.join(30)
        ends.append((child.exitcode, len(rows(store))))
        return handler.deployment

    monkeypatch.setattr(log, "deploy", fork)
    late.handle(record)

    assert ends == [(0, 1)]


def _handle_in_a_fork(handler, record):
    handler.handle(record)
    handler.deployment.writer.get().end()
