"""The reference says what the code is: it is fresh, and nothing is left out."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import cellmill
import pytest
from cellmill.workspace import config
from cellmill_kernel.magics import LINES

from tests.docs.generator import generator

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = {path.name: path.read_text("utf-8") for path in (DOCS / "reference").glob("*.md")}


def test_the_reference_is_fresh() -> None:
    """What the script would write is what is there; `make docs` writes it."""
    code = (
        "import runpy; pages = runpy.run_path('docs/generate_reference.py')['pages']();"
        "from pathlib import Path;"
        "print([n for n, t in pages.items() if Path('docs/reference', n).read_text() != t.rstrip() + '\\n'])"
    )
    said = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert "[]" == said.strip(), "run: python docs/generate_reference.py"


def test_the_public_surface_is_what_the_reference_describes() -> None:
    """Every name of `cellmill` has its section, and no other name has one beside the helpers for tests."""
    described = re.findall(r"^### (\w+)$", PAGES["api.md"].split("\n## cellmill.testing\n")[0], re.MULTILINE)
    errors = re.findall(r"^## (\w+)$", PAGES["errors.md"], re.MULTILINE)
    public = set(cellmill.__all__) - {"__version__"}

    assert public == {*described, *(name for name in errors if name in public)}


@pytest.mark.parametrize("name", [*(f"%{name}" for name in LINES), "%%asset", "%%op", "%%check", "%%sensor"])
def test_magics(name: str) -> None:
    """Every magic has its section."""
    assert f"## {name}\n" in PAGES["magics.md"]


def test_settings() -> None:
    """Every key of the workspace's file, and every variable that the code reads for people, is explained."""
    page = PAGES["settings.md"]
    for key in (*config._TOP_KEYS, *config._LOCATION_KEYS):
        assert f"`{key}`" in page or f"`[{key}]`" in page, key
    private = {"CELLMILL_RUN_ID", "CELLMILL_RUN_OWNER", "CELLMILL_RUN", "CELLMILL_HOST", "CELLMILL_COMPLETE",
               "CELLMILL_FAULT", "CELLMILL_RESULTS", "CELLMILL_SECRET"}  # fmt: skip
    read = set()
    for path in (ROOT / "runtime").rglob("*.py"):
        read |= set(re.findall(r"\bCELLMILL_[A-Z_]*[A-Z]\b", path.read_text("utf-8")))
    assert set() == read - private - set(generator.VARIABLES)


def test_graphql_fields() -> None:
    """Every field of query, mutation and subscription is listed with what it gives."""
    schema = (ROOT / "runtime" / "cellmill" / "graphql" / "schema.graphql").read_text("utf-8")
    assert schema.strip() in PAGES["graphql.md"]
    rows = re.findall(r"^\| `(\w+)` \| (.*) \|$", PAGES["graphql.md"], re.MULTILINE)
    assert len(rows) > 40
    assert [] == [name for name, text in rows if not text.strip()]


def test_error_classes() -> None:
    """Every error says what happened and what to do."""
    text = PAGES["errors.md"]
    names = re.findall(r"^## (\w+)\n\n(.*)$", text, re.MULTILINE)
    assert len(names) > 60
    assert [] == [name for name, first in names if not first.strip() or first.startswith("## ")]


def test_public_names() -> None:
    """Every public name has its entry."""
    import cellmill

    entries = set(re.findall(r"^### (\w+)$", PAGES["api.md"], re.MULTILINE))
    errors = {name for name, module in cellmill.EXPORTS.items() if module == "errors"}
    assert set() == set(cellmill.EXPORTS) - entries - errors


@pytest.mark.parametrize("path", sorted(DOCS.rglob("*.md")), ids=lambda path: str(path.relative_to(DOCS)))
def test_links(path: Path) -> None:
    """A link to another page or picture leads somewhere."""
    text = re.sub(r"```.*?```", "", path.read_text("utf-8"), flags=re.DOTALL)
    targets = [target.partition("#")[0] for target in re.findall(r"\]\(([^)\s]+)\)", text)]
    local = [target for target in targets if target and "://" not in target]
    assert [] == [target for target in local if not (path.parent / target).exists()]
