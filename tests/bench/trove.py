# SPDX-License-Identifier: Apache-2.0
"""Trove's own look-up of a fault, in a process of its own virtualenv.

Run as ``python -m tests.bench.trove --config-file FILE`` by the Python of that virtualenv: it
reads a number from its input, looks a fault up so many times, and writes what it took.
"""

import contextlib
import json
import os
import subprocess
import sys
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

CONFIGURATION = "[DEFAULT]\ntransport_url = fake:/\n[database]\nconnection = {url}\n"
# Nothing here needs the modules of our tests, which Trove's virtualenv may not have.
MESSAGE = "No valid host was found. There are not enough hosts available. (HTTP 500)"
DETAILS = (
    '  File "/usr/lib/python3/dist-packages/trove/taskmanager/models.py", line 895, in create\n'
    "    server = self._create_server(name, image_id, flavor_id, nics=nics)\n"
)
INSTANCE = "5f15e2a3-b556-4cd7-8ce4-e893e533dba1"


@contextlib.contextmanager
def peer(rig: Any, python: str) -> Iterator[Any]:
    """The case of Trove's look-up."""
    with rig.database("MariaDB, PyMySQL") as url:
        conf = rig.folder() / "trove.conf"
        conf.write_text(CONFIGURATION.format(url=url))
        environ = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
        environ["PYTHONWARNINGS"] = "ignore"
        log = conf.with_name("trove.log")
        manage = str(Path(python).with_name("trove-manage"))
        command = [manage, "--config-file", str(conf), "db_sync"]
        subprocess.run(command, env=environ, check=True, capture_output=True)
        command = [python, "-m", "tests.bench.trove", "--config-file", str(conf)]
        with subprocess.Popen(
            command,
            env=environ,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log.open("w"),
            text=True,
        ) as running:

            def ask(count: int) -> dict[str, float]:
                assert running.stdin
                assert running.stdout
                print(count, file=running.stdin, flush=True)
                for line in running.stdout:
                    if line.startswith("{"):
                        return json.loads(line)
                running.wait()
                raise RuntimeError(log.read_text()[-3000:])

            yield ask
            running.stdin.close()


def main() -> None:
    from trove.cmd.common import with_initialize

    @with_initialize
    def serve(conf: Any) -> None:
        from trove.instance import models, tasks, views

        from tests.bench import measuring

        text = DETAILS * (2800 // len(DETAILS))
        status = tasks.InstanceTasks.NONE
        models.DBInstance.create(id=INSTANCE, name="x", tenant_id="p1", task_status=status)
        models.save_instance_fault(INSTANCE, MESSAGE, text)
        context = types.SimpleNamespace(is_admin=True)
        found = types.SimpleNamespace(id=INSTANCE, datastore_version_id=None)
        view = views.InstanceDetailView.__new__(views.InstanceDetailView)

        def look_up() -> Any:
            view.instance = models.SimpleInstance(context, found, None)
            return view._build_fault_info() if view.instance.fault else None

        assert look_up()["message"] == MESSAGE
        for line in sys.stdin:
            print(json.dumps(measuring.calls(look_up)(int(line))), flush=True)

    serve()


if __name__ == "__main__":
    main()
