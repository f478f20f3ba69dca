# SPDX-License-Identifier: Apache-2.0
import subprocess
import sys

import pytest

from tests import mutants


@pytest.mark.parametrize("name", ["polcy", "clock", ""])
def test_a_module_without_mutants_is_an_error(name, tmp_path):
    with pytest.raises(SystemExit) as caught:
        mutants.main([name], str(tmp_path))

    assert str(caught.value).startswith(f"{name}: there is no such module")


def test_a_function_without_mutants_is_an_error():
    with pytest.raises(SystemExit) as caught:
        mutants.Mutants("route", ["time_of", "tome_of"])

    assert caught.value.code == "route: there is no function tome_of"


def test_a_module_in_which_nothing_can_be_changed_is_an_error(monkeypatch):
    monkeypatch.setitem(mutants.TESTS, "__init__", [])
    monkeypatch.setattr(mutants, "variants", lambda node: [])

    with pytest.raises(SystemExit) as caught:
        mutants.Mutants("__init__", [])

    assert caught.value.code == "__init__: there is nothing to change"


@pytest.mark.parametrize("module", mutants.FUNCTIONS)
def test_each_module_has_mutants_and_tests(module):
    made = mutants.Mutants(module, mutants.FUNCTIONS[module])

    assert len(made.texts) > 20
    for name in mutants.TESTS[module]:
        assert (mutants.ROOT / "tests" / name).is_file()


MODULE = """
def is_large(number):
    return number > 10

def is_small(number):
    return number < 10
"""
TESTS = """
import sizes

def test_large():
    assert sizes.is_large(20)

def test_small():
    assert sizes.is_small(5) and not sizes.is_small(10)
"""
TRIALS = """
import sys
from pathlib import Path
import pytest
from tests import trials
folder = Path(sys.argv[1])
sys.path.insert(0, str(folder))
file = folder / "sizes.py"
text = file.read_text()
changes = []
for lines, old, new in (
    (range(6, 7), "<", "<="), (range(3, 4), ">", ">="), (range(3, 4), "return", "")
):
    changes.append((lines, compile(text.replace(old, new), str(file), "exec")))
plugin = trials.Trials(file, changes, folder / "told")
pytest.main([*trials.OPTIONS, str(folder)], plugins=[plugin])
"""


def test_a_change_is_tried_on_the_tests_that_run_it(tmp_path):
    (tmp_path / "sizes.py").write_text(MODULE)
    (tmp_path / "test_sizes.py").write_text(TESTS)

    subprocess.run(
        [sys.executable, "-c", TRIALS, tmp_path],
        check=True,
        cwd=mutants.ROOT,
        capture_output=True,
    )

    lines = (tmp_path / "told").read_text().splitlines()
    tests = [line.rpartition("::")[2] for line in lines]
    assert tests == ["test_small", "", "test_large"]
