# SPDX-License-Identifier: Apache-2.0
"""A service of eight workers that has the log handler; what it is told on its input happens to it.

Run as ``python -m tests.functional.workers.service CONFIGURATION threads|eventlet``.  Each line of
the input is the name of a function below.  When that is done the service answers a hundred
requests as if nothing were, and prints an object of JSON: how many it answered, the longest that
one took, what the function tells, and what the handler has counted.
"""

import sys

if sys.argv[2] == "eventlet":
    import eventlet

    eventlet.monkey_patch()

import json
import logging
import logging.config
import os
import queue
import resource
import select
import signal
import threading
import time
from unittest import mock

from oslo_config import cfg
from oslo_context import context

from fault_middleware import log

VOLUME = {"id": "5f15e2a3-b556-4cd7-8ce4-e893e533dba1"}
LOG = logging.getLogger("volumes.manager")
WORKERS = 8
REQUESTS = 100


def extend(volume, said="no space in pool rack7"):
    try:
        raise OSError(28, said)
    except OSError:
        LOG.exception("Extend volume failed")


class Workers:
    """Threads, or green threads, that do what they are given."""

    def __init__(self):
        self._todo = queue.Queue()
        for number in range(WORKERS):
            threading.Thread(
                target=self._work, name=f"worker-{number}", daemon=True
            ).start()

    def _work(self):
        context.RequestContext(user_id="alice", overwrite=True)
        while True:
            done, function, arguments = self._todo.get()
            begin = time.perf_counter()
            function(*arguments)
            done.put(time.perf_counter() - begin)

    def do(self, function, *arguments, times=1, seconds=30):
        """How long each of some calls took; those that are not done in time are missing."""
        done = queue.Queue()
        for _ in range(times):
            self._todo.put((done, function, arguments))
        took = []
        end = time.monotonic() + seconds
        while len(took) < times and time.monotonic() < end:
            try:
                took.append(done.get(timeout=1))
            except queue.Empty:
                continue
        return took


def nothing(workers):
    """The service as it is."""


def one_failure(workers):
    workers.do(extend, VOLUME)


def an_error_in_our_own_code(workers):
    """Whatever it is: the innermost step of ours raises."""
    with mock.patch(
        "fault_middleware.log_record.read", side_effect=ZeroDivisionError
    ):
        workers.do(extend, VOLUME, times=20)


def a_full_queue(workers):
    """Traces of 256 KiB each, which nobody stores as long as the database is away."""
    workers.do(extend, VOLUME, "x" * 2**20, times=100)


def ten_thousand_errors(workers):
    begin = time.perf_counter()
    used = resource.getrusage(resource.RUSAGE_SELF).ru_utime
    took = workers.do(extend, VOLUME, times=10_000, seconds=60)
    return {
        "logged": len(took),
        "seconds": time.perf_counter() - begin,
        "processor": resource.getrusage(resource.RUSAGE_SELF).ru_utime - used,
    }


def records_that_cannot_be_printed(workers):
    class Mute(OSError):
        def __str__(self):
            raise RuntimeError("never")

    def fail(volume):
        try:
            raise Mute
        except OSError:
            # Whoever prints it tells on sys.stderr that it could not.
            LOG.exception(Mute())

    with mock.patch.object(logging, "raiseExceptions", False):
        workers.do(fail, VOLUME, times=20)


def the_end_of_the_stack(workers):
    ends = []

    def dive(volume):
        try:
            dive(volume)
        except RecursionError as exc:
            # Further out there is room; the first that has enough of it logs.
            if not getattr(exc, "is_told", False):
                LOG.exception("too deep")
                exc.is_told = True
            raise

    def fall(volume):
        try:
            dive(volume)
        except RecursionError:
            ends.append("RecursionError")

    with mock.patch.object(logging, "raiseExceptions", False):
        workers.do(fall, VOLUME, times=2, seconds=60)
    return {"ends": ends}


def locks_that_others_hold(workers):
    """One worker logs while it holds a lock of the service, for which the others wait."""
    of_the_service = threading.Lock()

    def fail(volume):
        with of_the_service:
            extend(volume)

    took = workers.do(fail, VOLUME, times=50)
    return {"logged": len(took)}


def a_fork(workers):
    """While all workers log."""
    logging_on = threading.Event()

    def go_on(volume):
        while not logging_on.is_set():
            extend(volume)
            time.sleep(0.001)

    going = threading.Thread(target=workers.do, args=(go_on, VOLUME))
    going.start()
    children = []
    for _ in range(5):
        child = os.fork()
        if not child:
            context.RequestContext(user_id="alice", overwrite=True)
            extend(VOLUME)
            log.attached("volumes").deployment.writer.get().end()
            os._exit(0)
        children.append(os.waitpid(child, 0)[1])
    logging_on.set()
    going.join()
    return {"children": children}


def answer(workers):
    """What the service is for."""
    took = workers.do(time.sleep, 0.001, times=REQUESTS)
    return {"answered": len(took), "longest": max(took, default=0.0)}


def counts():
    handler = log.attached("volumes")
    if handler is None or handler.deployment is None:
        return {}
    found = (
        line.rsplit("=", 1) for line in handler.deployment.metrics.counts()
    )
    return {name: float(value) for name, value in found}


def serve():
    logging.config.dictConfig(
        {
            "version": 1,
            "handlers": {"fault": {"class": "fault_middleware.log.Handler"}},
            "loggers": {"volumes": {"handlers": ["fault"]}},
        }
    )
    cfg.CONF([], default_config_files=[sys.argv[1]])
    ended = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: ended.set())
    workers = Workers()
    print(json.dumps(answer(workers)), flush=True)
    while not ended.is_set():
        # Where green threads run, the others go on while this one waits.
        if not select.select([sys.stdin], [], [], 0.2)[0]:
            continue
        line = sys.stdin.readline()
        if not line:
            break
        told = globals()[line.strip()](workers)
        print(
            json.dumps({**answer(workers), "told": told, "counts": counts()}),
            flush=True,
        )


if __name__ == "__main__":
    serve()
