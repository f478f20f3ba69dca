# SPDX-License-Identifier: Apache-2.0
"""A part of the lint: are the arguments of commands called the same wherever they are named?

argparse makes attributes of the names in ``add_argument``, which neither ruff nor mypy can see.
So each attribute that is read of the parsed arguments must be an argument, and each argument must
be read.
"""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

PACKAGE = Path(__file__).parents[1] / "fault_middleware"
#: Where there are commands.
FOLDERS = (PACKAGE / "cmd", PACKAGE / "client")
# What cliff's own formatters and oslo.config add, and read.
CLIFF = {
    "columns",
    "fit_width",
    "formatter",
    "max_width",
    "prefix",
    "variables",
}
OSLO = {"config_file", "config_dir"}


def added(tree: ast.AST) -> Iterator[str]:
    """The arguments that are added."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or not node.args:
            continue
        is_argument = getattr(node.func, "attr", "") == "add_argument"
        name = node.args[0]
        if is_argument and isinstance(name, ast.Constant):
            yield name.value.lstrip("-").replace("-", "_")


def read(tree: ast.AST) -> Iterator[str]:
    """The attributes that are read of parsed arguments."""
    for function in ast.walk(tree):
        if not isinstance(function, ast.FunctionDef):
            continue
        holders = set()
        for argument in function.args.args:
            kind = ast.unparse(argument.annotation or ast.Constant(""))
            if kind.endswith("Namespace"):
                holders.add(argument.arg)
        for node in ast.walk(function):
            if not isinstance(node, ast.Assign):
                continue
            value = ast.unparse(node.value)
            if "parse_args" in value or value in holders:
                holders.update(map(ast.unparse, node.targets))
        for node in ast.walk(function):
            if isinstance(node, ast.Attribute):
                owner = ast.unparse(node.value)
                if owner in holders:
                    yield node.attr


def main() -> int:
    """Print what does not fit; the exit code is that of a lint."""
    known, used = set(CLIFF | OSLO), set(CLIFF | OSLO)
    for folder in FOLDERS:
        for file in sorted(folder.rglob("*.py")):
            tree = ast.parse(file.read_text())
            known.update(added(tree))
            used.update(read(tree))
    for name in sorted(used - known):
        print(f"{name} is read of the arguments, and no command has it")
    for name in sorted(known - used):
        print(f"{name} is an argument that nobody reads")
    return int(used != known)


if __name__ == "__main__":
    sys.exit(main())
