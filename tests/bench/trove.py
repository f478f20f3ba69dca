# SPDX-License-Identifier: Apache-2.0
"""What a show of the real Trove takes longer: by Trove's own faults, and by ours.

Run as ``python -m tests.bench.trove FOLDER FAULTS DATABASE COUNT ROUNDS`` by the Python of a
virtualenv with Trove and this package in it (``.tox/trove``): it serves requests within one
process, in which one, the other or neither is at work in turn, and writes the figures.
"""

import functools
import gc
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

from tests import fixtures, services
from tests.bench import filling, measuring
from tests.bench.rig import Rig
from tests.bench.tables import Goal, Table
from tests.functional.trove import deployment
from tests.functional.trove.instances import (
    ACTIVE,
    ACTIVE_FAULT,
    ADMIN,
    INSTANCES,
)

NEITHER, THEIRS, OURS = (
    "Trove without faults",
    "Trove's own faults",
    "fault_middleware",
)
#: Whether Trove's own faults and our filter are at work.
CASES = {NEITHER: (False, False), THEIRS: (True, False), OURS: (False, True)}
REQUESTS = {
    "show with a fault": f"instances/{ACTIVE_FAULT.id}",
    "show without a fault": f"instances/{ACTIVE.id}",
}


def measure(rig_: Rig) -> Iterator[Table]:
    if rig_.trove is None:
        raise services.Missing(
            "there is no .tox/trove, and --trove names no other Python"
        )
    kind = "MariaDB, PyMySQL"
    table = Table(f"A show of the real Trove ({kind})")
    with rig_.database(kind) as faults, rig_.database(kind) as database:
        fixtures.close(fixtures.make_store(faults))
        size = [str(number) for number in (5, rig_.rounds(80))]
        command = [
            rig_.trove,
            "-m",
            "tests.bench.trove",
            str(rig_.folder()),
            faults,
            database,
        ]
        environ = {
            **os.environ,
            "PYTHONPATH": str(deployment.ROOT),
            "PYTHONWARNINGS": "ignore",
        }
        ended = subprocess.run(
            [*command, *size], env=environ, capture_output=True, text=True
        )
        if ended.returncode:
            raise RuntimeError(ended.stderr[-3000:])
    for request, results in json.loads(ended.stdout.splitlines()[-1]).items():
        for case in (THEIRS, OURS):
            added = measuring.difference(results[case], results[NEITHER])
            results[f"{request}: added by {case}"] = added
        for case in CASES:
            results[f"{request}: {case}"] = results[case]
            table.show(results, f"{request}: {case}")
        names = [f"{request}: added by {case}" for case in (THEIRS, OURS)]
        table.show(results, names[0])
        table.compare(results, names[1], names[0], Goal(0.5))
    yield table


def main() -> None:
    folder, faults, database, *size = sys.argv[1:]
    made = deployment.build(
        Path(folder) / "trove", faults=faults, broker="fake:/", own=database
    )
    with made.conf.open("a") as file:
        file.write("\n[fault_middleware]\nconsumer = external\n")
    store = fixtures.make_store(faults)
    for one in INSTANCES:
        if one.fault:
            filling.add(store, 1, one.id)
    fixtures.close(store)
    os.environ.update(made.environ)
    os.chdir(folder)

    from tests.functional.trove.wsgi import application

    # To collect Trove's objects takes longer than what is measured, and falls now here, now there.
    gc.disable()
    results = {
        name: measuring.interleave(_cases(application, path), *map(int, size))
        for name, path in REQUESTS.items()
    }
    print(json.dumps(results), flush=True)
    os._exit(0)


def _cases(application: Any, path: str) -> dict[str, measuring.Case]:
    import webob
    from trove.instance import models

    from fault_middleware.filter import FaultFilter

    def around(theirs: bool, ours: bool, count: int) -> measuring.Figures:
        request = webob.Request.blank(
            f"/v1.0/p1/{path}", headers={"X-Auth-Token": ADMIN}
        )

        def serve() -> bytes:
            return b"".join(
                request.copy_get().call_application(application)[2]
            )

        own = models.SimpleInstance.fault if theirs else None
        call = FaultFilter.__call__ if ours else _pass
        with (
            mock.patch.object(models.SimpleInstance, "fault", own),
            mock.patch.object(FaultFilter, "__call__", call),
        ):
            expected = (theirs or ours) and ACTIVE_FAULT.id in path
            assert (b'"fault"' in serve()) is expected
            return measuring.calls(serve)(count)

    return {
        name: functools.partial(around, *what) for name, what in CASES.items()
    }


def _pass(filtered: Any, environ: Any, start_response: Any) -> Any:
    return filtered._application(environ, start_response)


if __name__ == "__main__":
    main()
