"""What importing costs, counted in modules: a start that grows by one library is felt in every shell and every cell."""

from __future__ import annotations

import subprocess
import sys

import pytest

#: Libraries that nothing loads before it needs them.
HEAVY = [
    *("pandas", "pydantic", "sqlalchemy", "alembic", "papermill", "nbformat"),
    *("jupyter_client", "jupyter_core", "zmq", "dask", "distributed", "yaml"),
]

LOADED = """
import sys
before = set(sys.modules)
{code}
new = set(sys.modules) - before
print(len(new), sum(m.split(".")[0].startswith("cellmill") for m in new))
print(*sorted({{m.split(".")[0] for m in new}} & set({heavy!r})))
"""
HELP = """
import contextlib, io
from cellmill.cli.main import main
sys.argv = ["cellmill", "--help"]
with contextlib.suppress(SystemExit), contextlib.redirect_stdout(io.StringIO()):
    main()
"""


def loaded(code: str, heavy: list[str]) -> tuple[int, int, str]:
    """Return how many modules the code loads in a new process, how many of them are ours, and which are heavy."""
    text = LOADED.format(code=code, heavy=heavy)
    done = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, check=True)
    counts, names = done.stdout.splitlines()[-2:]
    total, ours = counts.split()
    return int(total), int(ours), names


@pytest.mark.parametrize(
    ("code", "most", "most_ours"),
    [
        ("import cellmill", 15, 2),
        ("from cellmill import asset, job", 90, 30),
        (HELP, 130, 12),
    ],
    ids=["import cellmill", "from cellmill import asset, job", "cellmill --help"],
)
def test_an_import_loads_few_modules(code: str, most: int, most_ours: int) -> None:
    """Importing, declaring and asking for help load a small, known part of the package and no heavy library."""
    total, ours, heavy = loaded(code, [*HEAVY, "IPython"])
    assert heavy == ""
    assert total <= most
    assert ours <= most_ours


def test_loading_the_extension_loads_few_modules() -> None:
    """`%load_ext cellmill` in a shell that is already up loads no heavy library and few of our own modules."""
    code = (
        "from IPython.core.interactiveshell import InteractiveShell\n"
        "shell = InteractiveShell.instance()\n"
        "before = set(sys.modules)\n"
        "shell.run_line_magic('load_ext', 'cellmill')\n"
    )
    total, ours, heavy = loaded(code, HEAVY)
    assert heavy == ""
    assert total <= 40
    assert ours <= 27
