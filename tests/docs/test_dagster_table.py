"""The conformance table names tests that exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "dagster.md").read_text(encoding="utf-8")
TABLE = PAGE.partition("## Details of declarations")[0]
ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in TABLE.splitlines()
    if line.startswith("| ") and not line.startswith(("| feature", "| ---"))
]
NAMED = sorted(set(re.findall(r"`([\w./]+?\.py|[\w]+)(?:::(\w+))`", TABLE)))


def text_of(where: str) -> str:
    """The source that a reference names."""
    path = ROOT / where if where.endswith(".py") else ROOT / "tests" / "conformance" / f"test_{where}.py"
    return path.read_text(encoding="utf-8")


@pytest.mark.parametrize(("where", "name"), NAMED, ids=lambda value: value)
def test_a_named_test_exists(where: str, name: str) -> None:
    """Each test that a row names is there."""
    assert re.search(rf"^ *(?:async )?def {name}\(", text_of(where), re.MULTILINE)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0][:40])
def test_a_row_says_what_and_proves_it(row: list[str]) -> None:
    """A feature works, differs for a reason, or is missing for a reason; what is there has tests."""
    feature, weight, here, tests = row

    assert feature
    assert weight in ("core", "common", "rare")
    assert re.match(r"works|differs: .+|not there: .+", here)
    assert tests or here.startswith("not there")


def test_nearly_everything_is_there() -> None:
    """At least 95 of 100 rows work, or differ with a reason and tests."""
    missing = [row for row in ROWS if row[2].startswith("not there")]

    assert len(ROWS) >= 100
    assert len(missing) <= 0.05 * len(ROWS)


def test_what_most_projects_use_works() -> None:
    """At least 95 of 100 core and common rows work."""
    used = [row for row in ROWS if row[1] in ("core", "common")]
    works = [row for row in used if row[2].startswith("works")]

    assert len(used) >= 100
    assert len(works) >= 0.95 * len(used), [row[0] for row in used if row not in works]
