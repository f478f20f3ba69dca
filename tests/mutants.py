# SPDX-License-Identifier: Apache-2.0
"""Mutation testing of the code that decides who sees what: ``tox -e mutants``.

Every place in the functions named below is changed in each of the ways of :class:`Mutator`, one at
a time, and the quick tests are run on it in a forked process.  A mutant that passes them all is
printed, with its number, unless ``tests/mutants.rst`` lists it as equivalent.  Arguments are a
module's name, and numbers of mutants, to run no others.
"""

import ast
import copy
import importlib.abc
import importlib.util
import os
import re
import resource
import signal
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
SECONDS = 120
MEMORY = 4 * 2**30
TESTS = {
    "policy": ["unit/test_policy.py", "functional/test_security.py"],
    "rules": ["unit/test_policy.py", "functional/test_security.py"],
    "credentials": ["unit/test_policy.py", "functional/test_security.py"],
    "presentation": [
        "unit/test_route.py",
        "unit/test_profile.py",
        "unit/test_filter.py",
        "unit/test_tacker.py",
    ],
    "route": [
        "unit/test_route.py",
        "unit/test_traps.py",
        "unit/test_filter.py",
        "unit/test_tacker.py",
    ],
    "body": ["unit/test_body.py", "unit/test_traps.py", "unit/test_filter.py"],
    "instances": [
        "unit/test_route.py",
        "unit/test_traps.py",
        "unit/test_filter.py",
    ],
    "filter": [
        "unit/test_filter.py",
        "unit/test_costs.py",
        "unit/test_traps.py",
        "unit/test_tacker.py",
        "functional/test_security.py",
    ],
    "wording": ["unit/test_wording.py", "unit/test_event.py"],
}
# What is mutated in a module; all of it where nothing is named.
FUNCTIONS = {
    "policy": [],
    "rules": [],
    "credentials": [],
    "presentation": [],
    "route": [
        "wants_faults",
        "may_have_fault",
        "time_of",
        "parent_lookup",
        "instances",
        "instance_id",
        "policy_target",
        "_is_named",
        "_has",
    ],
    "body": [],
    "instances": [],
    "filter": [
        "_complete",
        "_find",
        "_find_many",
        "_find_at_parent",
        "_see",
        "_with_long_texts",
        "_read_long_texts",
        "_look_up",
    ],
    "wording": [],
}
COMPARISONS = {
    ast.Eq: [ast.NotEq],
    ast.NotEq: [ast.Eq],
    ast.Is: [ast.IsNot],
    ast.IsNot: [ast.Is],
    ast.In: [ast.NotIn],
    ast.NotIn: [ast.In],
    ast.Lt: [ast.LtE, ast.GtE],
    ast.LtE: [ast.Lt, ast.Gt],
    ast.Gt: [ast.GtE, ast.LtE],
    ast.GtE: [ast.Gt, ast.Lt],
}
OPERATORS = {ast.Add: ast.Sub, ast.Sub: ast.Add, ast.BitOr: ast.BitAnd}


def variants(node: ast.AST) -> Iterator[ast.AST | list[ast.stmt]]:
    """What a node may become."""
    if isinstance(node, ast.Compare):
        for other in COMPARISONS.get(type(node.ops[0]), []):
            yield ast.Compare(
                node.left, [other(), *node.ops[1:]], node.comparators
            )
    elif isinstance(node, ast.BoolOp):
        yield ast.BoolOp(
            ast.Or() if isinstance(node.op, ast.And) else ast.And(),
            node.values,
        )
        for number in range(len(node.values)):
            rest = [
                value for n, value in enumerate(node.values) if n != number
            ]
            yield rest[0] if len(rest) == 1 else ast.BoolOp(node.op, rest)
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        yield node.operand
    elif isinstance(node, ast.BinOp) and type(node.op) in OPERATORS:
        yield ast.BinOp(node.left, OPERATORS[type(node.op)](), node.right)
    elif isinstance(node, ast.IfExp):
        yield from (node.body, node.orelse)
    elif isinstance(node, ast.If | ast.While):
        for test in (True, False) if isinstance(node, ast.If) else (False,):
            new = copy.copy(node)
            new.test = ast.Constant(test)
            yield new
    elif isinstance(node, ast.comprehension) and node.ifs:
        new = copy.copy(node)
        new.ifs = node.ifs[1:]
        yield new
    elif isinstance(node, ast.Constant):
        if isinstance(node.value, bool):
            yield ast.Constant(not node.value)
        elif isinstance(node.value, int):
            yield from (
                ast.Constant(node.value + 1),
                ast.Constant(node.value - 1),
            )
        elif isinstance(node.value, str) and not re.search(
            r"\w \w", node.value
        ):
            yield ast.Constant(node.value + "XX")
    elif isinstance(node, ast.Return) and node.value is not None:
        if not (
            isinstance(node.value, ast.Constant) and node.value.value is None
        ):
            yield ast.Return(None)
    elif isinstance(
        node, ast.Assign | ast.AugAssign | ast.Expr | ast.Raise | ast.Continue
    ):
        yield ast.Pass()
    elif isinstance(node, ast.With):
        yield node.body
    elif isinstance(node, ast.ExceptHandler):
        new = copy.copy(node)
        new.body = [ast.Raise()]
        yield new


def is_prose(node: ast.AST) -> bool:
    """Whether a node is for people only: a docstring, a log line, a message."""
    if isinstance(node, ast.Expr):
        value = node.value
        return isinstance(value, ast.Constant)
    if isinstance(node, ast.Call):
        name = ast.unparse(node.func)
        return name.startswith(("LOG.", "self._metrics.")) or name.endswith(
            "Error"
        )
    return isinstance(node, ast.AnnAssign) and node.value is None


class Mutator(ast.NodeTransformer):
    """Makes one mutant of a tree; counts the possible ones, and keeps each one's text."""

    def __init__(self, names: list[str], wanted: int = -1) -> None:
        self.names, self.wanted = names, wanted
        self.texts: list[str] = []
        self._inside = not names
        self._statement = ""

    def visit(self, node: ast.AST) -> Any:
        if isinstance(node, ast.stmt) and self._inside:
            self._statement = _short(node)
        if isinstance(node, ast.FunctionDef) and node.name in self.names:
            self._inside = True
            self._visit_parts(node, ("body", "args"))
            self._inside = False
            return node
        if self._inside:
            for new in (
                []
                if isinstance(node, ast.Expr) and is_prose(node)
                else variants(node)
            ):
                self.texts.append(self._text(node, new))
                if len(self.texts) - 1 == self.wanted:
                    return new
        if is_prose(node) or isinstance(
            node, ast.arg | ast.ImportFrom | ast.Import
        ):
            return node
        if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.AnnAssign):
            # Not the annotations, nor the options of dataclasses.
            return self._visit_parts(node, ("body", "args", "value"))
        return self.generic_visit(node)

    def _text(self, node: Any, new: Any) -> str:
        before, after = (
            _short(node),
            " ".join(map(_short, new if isinstance(new, list) else [new])),
        )
        place = (
            f"{self._statement[:60]}: "
            if isinstance(node, ast.Constant)
            else ""
        )
        return f"{getattr(node, 'lineno', 0)}: {place}{before}  ->  {after}"

    def _visit_parts(self, node: Any, parts: tuple[str, ...]) -> ast.AST:
        rest = {
            name: getattr(node, name)
            for name in node._fields
            if name not in parts
        }
        for name in rest:
            setattr(node, name, None)
        self.generic_visit(node)
        for name, value in rest.items():
            setattr(node, name, value)
        return node


def _short(node: ast.AST) -> str:
    text = ast.unparse(ast.fix_missing_locations(copy.deepcopy(node)))
    return " ".join(text.split())[:110]


class Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Imports the mutant in place of the module."""

    def __init__(self, module: str, tree: ast.AST, file: Path) -> None:
        self._name, self._tree, self._file = (
            f"fault_middleware.{module}",
            tree,
            file,
        )

    def find_spec(self, name: str, path: Any, target: Any = None) -> Any:
        return (
            importlib.util.spec_from_loader(name, self)
            if name == self._name
            else None
        )

    def exec_module(self, module: Any) -> None:
        exec(compile(self._tree, str(self._file), "exec"), module.__dict__)


class NoShrinking:
    """A plugin: that a test fails is enough, and it is to be the same each time."""

    def pytest_configure(self) -> None:
        from hypothesis import Phase, settings

        settings.register_profile(
            "mutants", phases=[Phase.generate], derandomize=True
        )
        settings.load_profile("mutants")


def survives(module: str, tree: ast.AST, file: Path, temporary: str) -> bool:
    """Whether the tests pass on a mutant, in a process of its own."""
    pid = os.fork()
    if pid == 0:
        os.setpgrp()
        signal.alarm(SECONDS)
        # A loop that does not end may fill a list.
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        sys.meta_path.insert(0, Finder(module, tree, file))
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, 1)
        os.dup2(null, 2)
        os.environ["PYTEST_DEBUG_TEMPROOT"] = temporary
        tests = [f"{ROOT}/tests/{name}" for name in TESTS[module]]
        arguments = [
            "-q",
            "-x",
            "-p",
            "no:cacheprovider",
            "-k",
            "not upsets",
            *tests,
        ]
        os._exit(pytest.main(arguments, plugins=[NoShrinking()]))
    return os.waitpid(pid, 0)[1] == 0


def main(arguments: list[str], temporary: str) -> int:
    """Run the mutants; the exit code is that of a test."""
    # What a mutant does not change is imported once, for all of them.
    for name in ("keystonemiddleware.auth_token", "oslo_messaging", "webtest"):
        importlib.import_module(name)
    equivalent = set(
        re.findall(
            r"``(.*  ->  .*)``", (ROOT / "tests/mutants.rst").read_text()
        )
    )
    failed = False
    for module, names in FUNCTIONS.items():
        if arguments and module != arguments[0]:
            continue
        file = ROOT / f"fault_middleware/{module}.py"
        source = file.read_text()
        counter = Mutator(names)
        counter.visit(ast.parse(source))
        if not survives(module, ast.parse(source), file, temporary):
            raise SystemExit(f"{module}: the tests fail without a mutation")
        chosen = list(map(int, arguments[1:])) or range(len(counter.texts))
        killed = known = 0
        for number in chosen:
            tree = Mutator(names, number).visit(ast.parse(source))
            if not survives(
                module, ast.fix_missing_locations(tree), file, temporary
            ):
                killed += 1
            elif counter.texts[number].partition(": ")[2] in equivalent:
                known += 1
            else:
                failed = True
                print(
                    f"survived {number}: {module}.py:{counter.texts[number]}",
                    flush=True,
                )
        print(
            f"{module}: {len(chosen)} mutants, {killed} killed, {known} equivalent",
            flush=True,
        )
    return int(failed)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        sys.exit(main(sys.argv[1:], folder))
