# SPDX-License-Identifier: Apache-2.0
import os
import subprocess
import sys
import threading
import types
from concurrent import futures

import pytest

from fault_middleware.process import PerProcess, call_in_uwsgi_workers


def in_a_fork(act):
    """What ``act`` returns in a forked process, as text."""
    reads, writes = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.write(writes, str(act()).encode())
        os._exit(0)
    os.close(writes)
    with os.fdopen(reads) as stream:
        text = stream.read()
    os.waitpid(pid, 0)
    return text


def test_a_value_is_made_once_and_when_it_is_first_used():
    made = []
    value = PerProcess(lambda: made.append(1) or object())
    assert made == []

    with futures.ThreadPoolExecutor(8) as pool:
        values = set(pool.map(lambda _: value.get(), range(64)))

    assert (len(values), len(made)) == (1, 1)


def test_a_forked_process_makes_its_own_and_leaves_the_parents_alone():
    abandoned = []
    value = PerProcess(os.getpid, abandoned.append)
    mine = value.get()

    told = in_a_fork(
        lambda: (value.get(), value.get(), os.getpid(), abandoned)
    )

    first, second, child, left = eval(told)
    assert first == second == child != mine
    assert left == [mine]
    assert (value.get(), abandoned) == (mine, [])


# In a process of its own, as Python has to be told of a fork wherever it has other threads.
FORK_OF_UWSGI = """
import ctypes, os, sys, types
sys.modules["uwsgi"] = types.ModuleType("uwsgi")
from fault_middleware.process import PerProcess
value = PerProcess(os.getpid)
mine = value.get()
reads, writes = os.pipe()
if ctypes.PyDLL(None).fork() == 0:
    os.write(writes, str(value.get()).encode())
    os._exit(0)
print(mine, os.read(reads, 99).decode())
"""


def test_a_fork_of_uwsgi_of_which_python_is_not_told_is_noticed():
    told = subprocess.run(
        [sys.executable, "-c", FORK_OF_UWSGI],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    ).stdout

    mine, its = told.split()
    assert mine != its


def test_a_fork_while_another_thread_makes_it_hangs_nobody():
    begun, end = threading.Event(), threading.Event()

    def make():
        begun.set()
        if threading.current_thread() is not threading.main_thread():
            end.wait(10)
        return "made"

    value = PerProcess(make)
    thread = threading.Thread(target=value.get)
    thread.start()
    begun.wait(10)

    assert in_a_fork(value.get) == "made"
    end.set()
    thread.join()


def test_what_cannot_be_made_is_tried_again():
    results = iter([0, 2])
    value = PerProcess(lambda: 1 / next(results))

    with pytest.raises(ZeroDivisionError):
        value.get()
    assert value.get() == 0.5


END = """
import os
from fault_middleware.process import call_at_end
call_at_end(lambda: os.write(1, b"ended "))
if os.fork():
    os.wait()
"""


def test_what_a_process_does_at_its_end_its_forks_do_not():
    told = subprocess.run(
        [sys.executable, "-c", END],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    ).stdout

    assert told == "ended "


@pytest.mark.parametrize(("worker", "calls"), [(1, ["called"]), (0, [])])
def test_uwsgi_calls_in_its_workers_and_not_in_a_mule(
    monkeypatch, worker, calls
):
    after_fork = []
    called = []
    uwsgi = types.SimpleNamespace(worker_id=lambda: worker)
    decorators = types.SimpleNamespace(postfork=after_fork.append)
    monkeypatch.setitem(sys.modules, "uwsgi", uwsgi)
    monkeypatch.setitem(sys.modules, "uwsgidecorators", decorators)

    call_in_uwsgi_workers(lambda: called.append("called"))
    for act in after_fork:
        act()

    assert called == calls


def test_where_uwsgi_has_no_master_nothing_is_called_and_nothing_raised(
    monkeypatch,
):
    monkeypatch.setitem(sys.modules, "uwsgi", types.SimpleNamespace())
    # What its import raises there.
    monkeypatch.setitem(sys.modules, "uwsgidecorators", None)

    call_in_uwsgi_workers(lambda: pytest.fail("called"))
