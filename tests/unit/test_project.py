# SPDX-License-Identifier: Apache-2.0
"""What the project says of itself is true."""

import ast
import configparser
import importlib
import re
from pathlib import Path

import pytest

from fault_middleware import profile

ROOT = Path(__file__).parents[2]


def requirements():
    """Name and lower bound of each library that setup.cfg names."""
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    extras = [
        setup["options.extras_require"][name]
        for name in ("client", "test", "mysql")
    ]
    text = "\n".join([setup["options"]["install_requires"], *extras])
    return dict(
        re.findall(
            r"^([\w.-]+)(?:\[\w+\])?>=([\w.]+)(?:,<\d+)?$", text, re.MULTILINE
        )
    )


def test_the_lower_bounds_are_those_that_are_tested():
    text = (ROOT / "tests/lower-constraints.txt").read_text()

    assert (
        dict(re.findall(r"^([\w.-]+)==([\w.]+)$", text, re.MULTILINE))
        == requirements()
    )


def test_every_entry_point_leads_somewhere():
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    targets = [
        line.partition("=")[2].strip()
        for group in setup["options.entry_points"].values()
        for line in group.strip().splitlines()
    ]

    assert targets
    for target in targets:
        module, _, name = target.partition(":")
        found = importlib.import_module(module)
        assert not name or callable(getattr(found, name))


@pytest.mark.parametrize("file", sorted(ROOT.glob("fault_middleware/**/*.py")))
def test_modules_are_small(file):
    assert len(file.read_text().splitlines()) <= 350


def test_every_file_of_code_has_its_licence():
    folders = ("fault_middleware", "tests", "doc/source", "etc")
    for folder in folders:
        for file in (ROOT / folder).rglob("*.py"):
            assert "SPDX-License-Identifier: Apache-2.0" in file.read_text(), (
                file
            )


@pytest.mark.parametrize("file", sorted(ROOT.glob("tests/**/*.py")), ids=str)
def test_no_test_module_is_imported(file):
    for node in ast.walk(ast.parse(file.read_text())):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        if isinstance(node, ast.ImportFrom):
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        for name in names:
            assert not re.match(r"tests\.(\w+\.)*test_\w", name), (
                f"{file}:{node.lineno}: {name}"
            )


def test_every_shipped_profile_has_recorded_data():
    for name in profile.shipped():
        assert list((ROOT / "tests/data" / name).iterdir())
