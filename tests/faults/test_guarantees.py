"""The promises name tests that exist, and every scenario has one."""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "guarantees.md").read_text()


def names_in(path: Path) -> set[str]:
    """What a file of tests defines."""
    tree = ast.parse(path.read_text())
    found = {
        node.name for node in ast.walk(tree) if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef))
    }
    targets = [target for node in tree.body if isinstance(node, ast.Assign) for target in node.targets]
    return found | {target.id for target in targets if isinstance(target, ast.Name)}


def test_the_named_tests_exist() -> None:
    """Each promise is linked to tests that are there under that name."""
    named = re.findall(r"`((?:tests|labextension)/[^`]+)`", TEXT)
    missing = []
    for reference in named:
        file, _, name = reference.partition("::")
        path = ROOT / file
        if not path.exists() or (name and name not in names_in(path)):
            missing.append(reference)

    assert len(named) > 80
    assert [] == missing


def test_every_scenario_has_its_row() -> None:
    """Rows 1 to 54, none left out."""
    rows = [int(number) for row in re.findall(r"^\| ([\d, ]+) \|", TEXT, re.MULTILINE) for number in row.split(",")]

    assert list(range(1, 55)) == rows
