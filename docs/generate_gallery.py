"""Write the gallery's notebooks into the site, with the outputs that their cells really gave.

Each runs cell by cell in a kernel, as a reader would run it; cells that only make sense for a person (nbval
skips them too) keep their source alone.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from pathlib import Path

import nbformat
from nbclient import NotebookClient

ROOT = Path(__file__).parents[1]
PAGES = Path(__file__).parent / "gallery"
#: In the order of reading; two of them read what an earlier one stored.
NOTEBOOKS = (
    "flights",
    "partitioned_weather",
    "arrivals",
    "model",
    "report",
    "ops_and_graphs",
    "config_and_duckdb",
    "two_a",
    "two_b",
)


def executed(path: Path) -> nbformat.NotebookNode:
    """Return the notebook with the outputs of all cells that run unattended."""
    book = nbformat.read(path, as_version=4)
    client = NotebookClient(
        book, timeout=300, kernel_name="python3", resources={"metadata": {"path": str(path.parent)}}
    )
    with client.setup_kernel():
        for index, cell in enumerate(book.cells):
            if "nbval-skip" not in cell.metadata.get("tags", ()):
                client.execute_cell(cell, index)
    return book


def main() -> None:
    """Run the notebooks in a copy of their folder and write them to `docs/gallery`."""
    shutil.rmtree(PAGES, ignore_errors=True)
    PAGES.mkdir()
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder) / "notebooks"
        shutil.copytree(ROOT / "notebooks", work, ignore=shutil.ignore_patterns(".cellmill", "__pycache__", "inbox"))
        os.environ["CELLMILL_HOME"] = str(Path(folder) / "home")
        os.environ["WAREHOUSE"] = str(Path(folder) / "warehouse.duckdb")
        for name in NOTEBOOKS:
            print(f"{name} …", file=sys.stderr)
            nbformat.write(executed(work / f"{name}.ipynb"), PAGES / f"{name}.ipynb")


if __name__ == "__main__":
    main()
