# SPDX-License-Identifier: Apache-2.0
"""The filter and its consumer in the WSGI servers that APIs run in, from start to stop."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import textwrap
import time
import uuid
from pathlib import Path

import psutil
import pytest

from tests.documents import ROOT
from tests.fixtures import (
    close,
    make_store,
    new_database,
    relayed,
    require,
    wait_until,
    write_configuration,
)
from tests.functional.servers.world import BIN, SERVERS, WSGI, World


@pytest.fixture(params=SERVERS)
def server(request):
    program = Path(SERVERS[request.param][0])
    if not program.exists():
        require(
            "servers", f"{program.name} is not installed in this virtualenv"
        )
    for module in ("waitress", "eventlet"):
        pytest.importorskip(module)
    return request.param


def check_it_ends(running, seconds=8):
    """SIGTERM ends the server and all of its workers."""
    everybody = [
        running,
        *psutil.Process(running.pid).children(recursive=True),
    ]
    begin = time.monotonic()
    running.send_signal(signal.SIGTERM)
    running.wait(seconds)
    assert time.monotonic() - begin < seconds
    wait_until(
        lambda: not any(psutil.pid_exists(one.pid) for one in everybody[1:]), 5
    )


def test_it_serves_consumes_and_ends(server, broker, postgresql, tmp_path):
    names = [f"{number}" for number in range(10)]
    with new_database(postgresql) as url:
        world = World(tmp_path, broker, url)
        with world.serve(server) as running:
            world.ask_every_worker()
            wait_until(world.has_listener)
            world.notify(names)
            wait_until(lambda: world.stored() == names)

            assert world.ask("7")["fault"]["message"] == "7"
            check_it_ends(running)
        close(world.store)
        assert "Traceback" not in ours(world.log.read_text())


def ours(log):
    """The lines of a server's log that have to do with us."""
    return "\n".join(
        line for line in log.splitlines() if "fault_middleware" in line
    )


def test_with_the_database_down_it_ends_and_gives_back_what_it_took(
    server, broker, postgresql, tmp_path
):
    names = [f"{number}" for number in range(10)]
    with new_database(postgresql) as url, relayed(url) as relay:
        world = World(tmp_path, broker, url, relay.url)
        with world.serve(server) as running:
            world.ask_every_worker()
            relay.close()
            world.notify(names)
            wait_until(lambda: "faults wait" in world.log.read_text())
            assert "fault" not in world.ask("7")

            check_it_ends(running)
        wait_until(lambda: world.waiting() == 10)
        close(world.store)


def workers(world):
    """The workers that answer; uWSGI hangs up on who comes while it ends one."""
    with contextlib.suppress(ConnectionError):
        return world.ask_every_worker()
    return set()


@pytest.mark.parametrize(
    "kind", ["gunicorn", "gunicorn gthread", "uwsgi", "uwsgi lazy"]
)
def test_a_reload_loses_nothing(kind, broker, postgresql, tmp_path):
    if not Path(SERVERS[kind][0]).exists():
        require("servers", f"{kind} is not installed in this virtualenv")
    names = [f"{number:02}" for number in range(20)]
    with new_database(postgresql) as url:
        world = World(tmp_path, broker, url)
        with world.serve(kind) as running:
            before = world.ask_every_worker()
            world.notify(names[:10])
            wait_until(lambda: world.stored() == names[:10])

            running.send_signal(signal.SIGHUP)
            wait_until(lambda: not before & (workers(world) or before), 30)
            world.notify(names[10:])

            wait_until(lambda: world.stored() == names)
            check_it_ends(running)
        close(world.store)


def test_uwsgi_with_the_monkey_patch_says_what_to_do_and_serves(
    broker, sqlite_url, tmp_path
):
    if not (BIN / "uwsgi").exists():
        require("servers", "uwsgi is not installed in this virtualenv")
    world = World(tmp_path, broker, sqlite_url)
    with world.serve("uwsgi patched", SERVERS["uwsgi"]) as running:
        text = "NO_EVENTLET_MONKEYPATCH=1"
        # Each of the two workers says it, whoever is asked.
        wait_until(lambda: world.log.read_text().count(text) == 2)
        world.ask_every_worker()
        assert world.log.read_text().count(text) == 2
        check_it_ends(running)
    close(world.store)


def test_uwsgi_without_threads_says_what_to_set(broker, sqlite_url, tmp_path):
    uwsgi = shutil.which("uwsgi-core", path="/usr/bin") or shutil.which(
        "uwsgi", path="/usr/bin"
    )
    plugin = Path("/usr/lib/uwsgi/plugins/python311_plugin.so")
    if uwsgi is None or not plugin.exists() or sys.version_info[:2] != (3, 11):
        require(
            "old-uwsgi",
            "a uWSGI that does not enable threads by itself is not installed",
        )
    world = World(tmp_path, broker, sqlite_url)
    command = [
        *(
            uwsgi,
            "--plugin",
            "python311",
            "--http-socket",
            "{address}",
            "--module",
            WSGI,
        ),
        *("--master", "-p", "1", "--die-on-term"),
    ]
    # eventlet would find the system's pyOpenSSL, which does not go with our cryptography.
    hidden = tmp_path / "hidden"
    hidden.mkdir()
    (hidden / "OpenSSL.py").write_text("raise ImportError")
    path = os.pathsep.join([str(hidden), str(ROOT)])
    with world.serve("uwsgi old", command, PYTHONPATH=path) as running:
        world.ask()
        time.sleep(3)
        world.ask()

        wait_until(
            lambda: (
                world.ask()
                and "enable-threads = true" in world.log.read_text()
            )
        )
        check_it_ends(running)
    close(world.store)


def test_a_first_request_in_a_thread_does_not_hang_the_exit(
    broker, sqlite_url, tmp_path
):
    """Where eventlet is first imported in a thread of a pool, Python hangs at exit."""
    close(make_store(sqlite_url))
    conf = write_configuration(
        tmp_path / "x.conf", sqlite_url, transport_url=broker.url
    )
    script = textwrap.dedent(
        f"""
        import concurrent.futures, time, webtest
        from fault_middleware import configuration
        from fault_middleware.deploy import deploy
        from fault_middleware.factories import filter_factory
        from tests.fixtures import Service
        app = filter_factory({{}}, oslo_config_file={str(conf)!r})(Service())
        consumer = deploy(configuration.read(None, {str(conf)!r}, None)).consumer
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            pool.submit(webtest.TestApp(app).get, "/").result()
        while not consumer.listening:
            time.sleep(0.1)
        """
    )
    begin = time.monotonic()
    ended = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", script], cwd=ROOT, timeout=60
    )

    assert ended.returncode == 0
    assert time.monotonic() - begin < 20


def test_a_forked_process_listens_on_its_own(broker, sqlite_url, tmp_path):
    """The parent listens and asks the database; so do its children, each for itself."""
    script = textwrap.dedent(
        """
        import os, sys, time, webtest
        from fault_middleware import fault
        from fault_middleware import configuration
        from fault_middleware.deploy import deploy
        from fault_middleware.factories import filter_factory
        from tests.fixtures import Service
        app = filter_factory({}, oslo_config_file=sys.argv[1])(Service({"instance": {"id": "i"}}))
        parts = deploy(configuration.read(None, sys.argv[1], None))
        show = lambda: webtest.TestApp(app).get("/p1/instances/i").json["instance"]["fault"]
        def listen():
            show()
            while not parts.consumer.listening:
                time.sleep(0.05)
        parts.store.record([fault.make("trove", "i", message="m")])
        listen()
        children = []
        for _ in range(2):
            pid = os.fork()
            if pid == 0:
                assert not parts.consumer.running
                listen()
                assert all(show()["message"] == "m" for _ in range(300))
                os._exit(0)
            children.append(pid)
        assert all(show()["message"] == "m" for _ in range(300))
        assert [os.waitpid(pid, 0)[1] for pid in children] == [0, 0]
        """
    )
    close(make_store(sqlite_url))
    conf = write_configuration(
        tmp_path / "x.conf",
        sqlite_url,
        transport_url=broker.url,
        topics=uuid.uuid4().hex,
    )
    ended = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", script, str(conf)],
        cwd=ROOT,
        timeout=120,
    )

    assert ended.returncode == 0
