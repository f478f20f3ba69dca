# SPDX-License-Identifier: Apache-2.0
"""Builds the package and looks at it as a packager does: ``tox -e package``.

The source distribution has every file that is tracked. The wheel, installed in an empty
environment, brings its data, the files below etc/ and programs that run.
"""

import subprocess
import sys
import tarfile
import tempfile
import venv
from pathlib import Path

from tests.documents import ROOT

# Files that the project names, below the prefix of the environment.
ETC = (
    "etc/fault_middleware/fault-middleware-consumer.service",
    "etc/fault_middleware/fault_middleware.conf.sample",
    "etc/fault_middleware/grafana-dashboard.json",
    "etc/fault_middleware/policy.yaml.sample",
    "etc/fault_middleware/prometheus-rules.yaml",
)
# Files that Horizon reads, in the package.
DASHBOARD = (
    "enabled/_1094_faults.py",
    "enabled/_1095_project_faults_panel.py",
    "enabled/_2015_admin_faults_panel.py",
    "static/fault_middleware/faults.css",
    "templates/fault_middleware/index.html",
)
PROGRAMS = (
    ["fault-middleware-demo", "--once"],
    ["fault-middleware-manage", "profile", "check", "trove"],
    ["fault-middleware-manage", "--version"],
    ["fault-middleware-status", "--help"],
    ["fault-middleware-consumer", "--help"],
)


def run(*command: str | Path, cwd: Path = ROOT) -> str:
    """What a command prints; it must not fail."""
    ended = subprocess.run(
        list(map(str, command)), cwd=cwd, capture_output=True, text=True
    )
    if ended.returncode:
        sys.exit(
            f"{' '.join(map(str, command))}:\n{ended.stdout}{ended.stderr}"
        )
    return ended.stdout


def check_sdist(file: Path) -> int:
    """Compare the source distribution with what git tracks; the number of files."""
    tracked = set(run("git", "ls-files").splitlines())
    with tarfile.open(file) as archive:
        names = {
            member.name.partition("/")[2]
            for member in archive
            if member.isfile()
        }
    missing = sorted(tracked - names)
    if missing:
        sys.exit(f"not in {file.name}: {', '.join(missing)}")
    return len(tracked)


def check_wheel(file: Path, folder: Path) -> None:
    """Install the wheel and run its programs, away from the sources."""
    venv.create(folder / "venv", with_pip=True)
    programs = folder / "venv/bin"
    run(programs / "pip", "install", "-q", file, cwd=folder)
    for program, *arguments in PROGRAMS:
        run(programs / program, *arguments, cwd=folder)
    fragments = [
        f"etc/fault_middleware/api-paste/{path.name}"
        for path in (ROOT / "etc/fault_middleware/api-paste").iterdir()
    ]
    (package,) = (folder / "venv").glob("lib/*/site-packages/fault_middleware")
    wanted = [folder / "venv" / name for name in (*ETC, *fragments)]
    wanted += [package / "dashboard" / name for name in DASHBOARD]
    missing = [str(path) for path in wanted if not path.exists()]
    if missing:
        sys.exit(f"not installed by {file.name}: {', '.join(missing)}")


def main() -> None:
    """Build, check, and say so."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        run(sys.executable, "-m", "build", "--outdir", folder)
        (sdist,) = folder.glob("*.tar.gz")
        (wheel,) = folder.glob("*.whl")
        number = check_sdist(sdist)
        check_wheel(wheel, folder)
        print(
            f"{sdist.name} has all {number} files that are tracked; {wheel.name} works alone"
        )


if __name__ == "__main__":
    main()
