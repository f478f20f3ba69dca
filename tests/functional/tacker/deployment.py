# SPDX-License-Identifier: Apache-2.0
"""Makes a deployment of Tacker in a folder, and serves it."""

import contextlib
import dataclasses
import json
import os
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path

from tests import services
from tests.functional.tacker import configuration
from tests.functional.tacker.vnfs import Version

ROOT = Path(__file__).parents[3]
BIN = Path(sysconfig.get_path("scripts"))


@dataclasses.dataclass(frozen=True)
class Deployment:
    """Tacker's files in a folder, which it writes.

    :ivar database: Tacker's own
    :ivar faults: the database of the faults
    :ivar strategy: keystone, or noauth
    :ivar filtered: whether the filter is in the pipelines
    """

    folder: Path
    database: str
    faults: str
    strategy: str = "keystone"
    filtered: bool = True
    port: int = dataclasses.field(default_factory=services.free_port)

    def __post_init__(self) -> None:
        configuration.write(**vars(self))

    @property
    def conf(self) -> str:
        return f"{self.folder}/tacker.conf"

    @property
    def environ(self) -> dict[str, str]:
        return {
            **{
                name: value
                for name, value in os.environ.items()
                if name[:3] != "OS_"
            },
            "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": f"{ROOT}{os.pathsep}{self.folder}",
            "PYTHONWARNINGS": "ignore",
            "PYTHONUNBUFFERED": "1",
            # Tacker makes bodies of sets: the order of their keys would differ between processes.
            "PYTHONHASHSEED": "0",
            "FAULT_MIDDLEWARE_CONFIG": self.conf,
        }

    def run(self, *arguments: str) -> str:
        """What a command prints in the deployment's environment."""
        ended = subprocess.run(
            arguments,
            env=self.environ,
            cwd=self.folder,
            capture_output=True,
            text=True,
        )
        assert ended.returncode == 0, ended.stderr
        return ended.stdout

    def fail(self, version: Version) -> str:
        """Let an operation fail in a management driver; return the operation's id."""
        script = "tests.functional.tacker.conductor"
        printed = self.run(
            sys.executable, "-m", script, self.conf, str(version.number)
        )
        return printed.split()[-1]

    def operate(self) -> dict[str, dict[str, object]]:
        """Let operations of many kinds fail or succeed; what became of each."""
        script = "tests.functional.tacker.operations"
        printed = self.run(sys.executable, "-m", script, self.conf)
        told: dict[str, dict[str, object]] = json.loads(
            printed.splitlines()[-1]
        )
        return told


def build(folder: Path, *, database: str, faults: str) -> Deployment:
    """Write the files, make and seed the database.

    :param database: an empty one
    """
    deployment = Deployment(folder, database, faults)
    manage = str(BIN / "tacker-db-manage")
    deployment.run(manage, "--config-file", deployment.conf, "upgrade", "head")
    deployment.run(
        sys.executable, "-m", "tests.functional.tacker.seed", deployment.conf
    )
    return deployment


def variant(
    deployment: Deployment, folder: Path, **changes: object
) -> Deployment:
    """The same Tacker in a folder and on a port of its own, with changes."""
    port = services.free_port()
    return dataclasses.replace(deployment, folder=folder, port=port, **changes)


@contextlib.contextmanager
def serve(deployment: Deployment) -> Iterator[subprocess.Popen[bytes]]:
    """Serve the API by tacker-server, the only way that there is."""
    command = [str(BIN / "tacker-server"), "--config-file", deployment.conf]
    log = deployment.folder / "tacker-server.log"
    with services.process(
        command,
        log,
        port=deployment.port,
        env=deployment.environ,
        cwd=deployment.folder,
    ) as running:
        yield running
