# SPDX-License-Identifier: Apache-2.0
"""What starting costs, against importing what it takes."""

import compileall
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import fault_middleware
from tests.bench import measuring
from tests.bench.measuring import Case, Figures
from tests.bench.rig import Rig
from tests.bench.tables import Goal, Table

_LIBRARIES = (
    "import oslo_config.cfg, oslo_context.context, oslo_db.options, oslo_db.exception\n"
    "import oslo_db.sqlalchemy.engines, oslo_policy.policy, oslo_policy._external\n"
    "import oslo_utils.strutils\n"
)
_MESSAGING = "import oslo_messaging\n"
_MAKE = (
    "import fault_middleware, sys\n"
    "factory = fault_middleware.filter_factory(None, oslo_config_file=sys.argv[1])\n"
    "factory(lambda environ, start_response: [])\n"
)
_HELP = (
    "import sys\nfrom fault_middleware.cmd import manage\n"
    "try:\n    manage.main(['--help'])\nexcept SystemExit:\n    pass\n"
    "sys.exit(sum(name == 'oslo_messaging' for name in sys.modules))\n"
)


def measure(rig: Rig) -> Iterator[Table]:
    # As pip does; a developer's machine may be told not to.
    for folder in fault_middleware.__path__:
        compileall.compile_dir(folder, quiet=1)
    url = f"sqlite:///{rig.folder()}/none.sqlite"
    external = rig.configuration(url)
    cohosted = rig.configuration(
        url, consumer="cohosted", transport_url="fake:/"
    )
    cases = {
        "Python": _script("", external),
        "import fault_middleware": _script(
            "import fault_middleware\n", external
        ),
        "the oslo libraries without oslo.messaging": _script(
            _LIBRARIES, external
        ),
        "a filter, external consumer": _script(_MAKE, external),
        "the oslo libraries": _script(_LIBRARIES + _MESSAGING, cohosted),
        "a filter, co-hosted consumer": _script(_MAKE, cohosted),
    }
    results = measuring.interleave(cases, 1, rig.rounds(20))
    table = Table("Start", "ms")
    python, package, some, filtered, every, cohosting = cases
    table.show(results, python)
    table.compare(results, package, some, Goal(1.3))
    table.show(results, some)
    table.compare(results, filtered, some, Goal(1.3))
    table.show(results, every)
    table.compare(results, cohosting, every, Goal(1.3))
    loaded = subprocess.run(
        [sys.executable, "-c", _HELP], stdout=subprocess.DEVNULL
    ).returncode
    table.count(
        "fault-middleware-manage --help",
        "oslo.messaging loaded",
        loaded,
        Goal(0),
    )
    yield table


def _script(text: str, file: Path) -> Case:
    """The case of running a program, in milliseconds."""

    def run(count: int) -> Figures:
        wall, cpu = time.perf_counter(), _children()
        for _ in range(count):
            command = [sys.executable, "-W", "ignore", "-c", text, str(file)]
            subprocess.run(command, check=True, stderr=subprocess.DEVNULL)
        wall, cpu = time.perf_counter() - wall, _children() - cpu
        return {"wall": wall / count * 1000, "cpu": cpu / count * 1000}

    return run


def _children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
