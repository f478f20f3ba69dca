# SPDX-License-Identifier: Apache-2.0
"""Mutation testing of the code that decides who sees what: ``tox -e mutants``.

Every place in the functions named below is changed in each of the ways of :class:`Mutator`, one at
a time, and the quick tests are run on it in a forked process.  A mutant that passes them all is
printed, with its number, unless ``tests/mutants.rst`` lists it as equivalent.  Arguments are a
module's name, and numbers of mutants, to run no others.

A change within a function is tried quickly first, as :mod:`tests.trials` has it: on the tests that
run what is changed, in a process that has the modules loaded.  What no test notices there, and is
not listed, is tried again on all tests, in a process that has yet to load the module.
"""

import ast
import copy
import importlib.abc
import importlib.util
import os
import re
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests import trials

ROOT = Path(__file__).parents[1]
TESTS = {
    "policy": ["unit/test_policy.py", "functional/test_security.py"],
    "rules": ["unit/test_policy.py", "functional/test_security.py"],
    "credentials": ["unit/test_policy.py", "functional/test_security.py"],
    "hiding": ["unit/test_hiding.py"],
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
        "unit/test_wsgi.py",
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
    "hiding": [],
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
        self.met: set[str] = set()
        # The lines of each one's statement; none for what runs when the module is loaded.
        self.places: list[range] = []
        self._inside = not names
        self._statement = ""
        self._lines = range(0)
        self._depth = 0

    def visit(self, node: ast.AST) -> Any:
        lines, depth = self._lines, self._depth
        if isinstance(node, ast.stmt):
            self._lines = range(0)
            if depth and node.end_lineno:
                self._lines = range(node.lineno, node.end_lineno + 1)
        try:
            return self._change(node)
        finally:
            self._lines, self._depth = lines, depth

    def _change(self, node: ast.AST) -> Any:
        if isinstance(node, ast.stmt) and self._inside:
            self._statement = _short(node)
        if isinstance(node, ast.FunctionDef) and node.name in self.names:
            self.met.add(node.name)
            self._inside = True
            self._visit_function(node)
            self._inside = False
            return node
        if self._inside:
            for new in (
                []
                if isinstance(node, ast.Expr) and is_prose(node)
                else variants(node)
            ):
                text = self._text(node, new) if self.wanted < 0 else ""
                self.texts.append(text)
                self.places.append(self._lines)
                if len(self.texts) - 1 == self.wanted:
                    return new
        if is_prose(node) or isinstance(
            node, ast.arg | ast.ImportFrom | ast.Import
        ):
            return node
        if isinstance(node, ast.FunctionDef):
            return self._visit_function(node)
        if isinstance(node, ast.ClassDef | ast.AnnAssign):
            # Not the annotations, nor the options of dataclasses.
            return self._visit_parts(node, ("body", "value"))
        return self.generic_visit(node)

    def _visit_function(self, node: ast.FunctionDef) -> ast.AST:
        # What an argument is by default is evaluated where the function is defined.
        self._visit_parts(node, ("args",))
        self._depth += 1
        return self._visit_parts(node, ("body",))

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


def run(tests: Sequence[str], *plugins: object) -> int:
    """Run files of tests; how that ended, as pytest says it."""
    files = [f"{ROOT}/tests/{name}" for name in tests]
    return pytest.main(
        [*trials.OPTIONS, *files], plugins=[trials.NoShrinking(), *plugins]
    )


def survives(module: str, tree: ast.AST, file: Path) -> bool:
    """Whether all tests pass on a mutant, in a process that has yet to load the module."""

    def attempt() -> None:
        sys.meta_path.insert(0, Finder(module, tree, file))
        if run(TESTS[module]) != 0:
            raise ValueError("noticed")

    return trials.in_fork(attempt) == 0


class Mutants:
    """Those of a module.

    :ivar texts: what each changes, as it is printed
    :raises SystemExit: where there is nothing to change, or no function of a name
    """

    def __init__(self, module: str, names: list[str]) -> None:
        self.module, self._names = module, names
        self.file = ROOT / f"fault_middleware/{module}.py"
        if not self.file.is_file() or module not in TESTS:
            raise SystemExit(
                f"{module}: there is no such module among those that are tested"
            )
        self._source = self.file.read_text()
        counter = Mutator(names)
        counter.visit(ast.parse(self._source))
        self.texts, self._places = counter.texts, counter.places
        missing = set(names) - counter.met
        if missing:
            raise SystemExit(
                f"{module}: there is no function {', '.join(sorted(missing))}"
            )
        if not self.texts:
            raise SystemExit(f"{module}: there is nothing to change")

    def tree(self, number: int) -> ast.AST:
        """The module with a change; with none for a number below 0."""
        mutator = Mutator(self._names, number)
        tree = mutator.visit(ast.parse(self._source))
        return ast.fix_missing_locations(tree)

    def survives(self, number: int) -> bool:
        """Whether all tests pass on a mutant, in a process that has yet to load the module."""

        def attempt() -> None:
            finder = Finder(self.module, self.tree(number), self.file)
            sys.meta_path.insert(0, finder)
            if run(TESTS[self.module]) != 0:
                raise ValueError("noticed")

        return trials.in_fork(attempt) == 0

    def noticed(self, numbers: Sequence[int], folder: Path) -> set[int]:
        """Those of some mutants that the tests notice that run what was changed."""
        within = [number for number in numbers if self._places[number]]
        told = folder / self.module

        def attempt() -> None:
            changes = [
                (
                    self._places[number],
                    compile(self.tree(number), str(self.file), "exec"),
                )
                for number in within
            ]
            plugin = trials.Trials(self.file, changes, told)
            run(TESTS[self.module], plugin)

        trials.in_fork(attempt, is_bounded=False)
        tests = told.read_text().splitlines() if told.exists() else []
        if len(tests) < len(within):
            raise SystemExit(
                f"{self.module}: the tests fail without a mutation"
            )
        pairs = zip(within, tests, strict=True)
        return {number for number, test in pairs if test}


def equivalents() -> set[str]:
    """What is listed as of no difference."""
    text = (ROOT / "tests/mutants.rst").read_text()
    return set(re.findall(r"``(.*  ->  .*)``", text))


def judge(mutants: Mutants, numbers: Sequence[int], folder: Path) -> bool:
    """Try some mutants of a module, and print how that ended: whether none survived."""
    noticed = mutants.noticed(numbers, folder)
    listed = equivalents()
    known = 0
    left = []
    for number in numbers:
        _, _, change = mutants.texts[number].partition(": ")
        if number in noticed:
            continue
        if change in listed:
            known += 1
        else:
            left.append(number)
    if left and not mutants.survives(-1):
        raise SystemExit(
            f"{mutants.module}: the tests fail without a mutation"
        )
    survivors = list(filter(mutants.survives, left))
    for number in survivors:
        print(
            f"survived {number}: {mutants.module}.py:{mutants.texts[number]}",
            flush=True,
        )
    killed = len(numbers) - known - len(survivors)
    print(
        f"{mutants.module}: {len(numbers)} mutants, {killed} killed, {known} equivalent",
        flush=True,
    )
    return not survivors


def main(arguments: list[str], temporary: str) -> int:
    """Run the mutants; the exit code is that of a test."""
    os.environ["PYTEST_DEBUG_TEMPROOT"] = temporary
    modules = arguments[:1] or list(FUNCTIONS)
    every = [Mutants(name, FUNCTIONS.get(name, [])) for name in modules]
    # What a mutant does not change is imported once, for all of them.
    for name in ("keystonemiddleware.auth_token", "oslo_messaging", "webtest"):
        importlib.import_module(name)
    ended = [
        judge(
            mutants,
            list(map(int, arguments[1:])) or range(len(mutants.texts)),
            Path(temporary),
        )
        for mutants in every
    ]
    return int(not all(ended))


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        sys.exit(main(sys.argv[1:], folder))
