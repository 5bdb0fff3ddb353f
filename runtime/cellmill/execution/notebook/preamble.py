"""Which third-party modules a notebook imports first: what a warm kernel may have imported before it is forked."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterable, Iterator
from importlib.machinery import PathFinder
from typing import Any

#: Modules that must not be imported before a fork: they start threads, event loops or devices, or are tied to a
#: process.
NEVER_BEFORE_FORK = frozenset(
    {
        "cellmill_kernel",
        "cupy",
        "dask",
        "distributed",
        "grpc",
        "jax",
        "mpi4py",
        "multiprocess",
        "numba",
        "pyspark",
        "ray",
        "tensorflow",
        "torch",
        "zmq",
    }
)


def third_party_imports(cells: Iterable[dict[str, Any]]) -> tuple[str, ...]:
    """Return the installed third-party modules that the code cells import at top level, sorted.

    The user's own modules, and those of the standard library, are left out.
    """
    found: set[str] = set()
    for cell in cells:
        if cell["cell_type"] == "code":
            found.update(_imported(cell["source"]))
    return tuple(sorted(name for name in found if _is_third_party(name.partition(".")[0])))


def _imported(source: str) -> Iterator[str]:
    if "import" not in source:
        return
    lines = [line if not line.lstrip().startswith(("%", "!")) else "" for line in source.splitlines()]
    try:
        tree = ast.parse("\n".join(lines))
    except SyntaxError:
        return
    for statement in tree.body:
        if isinstance(statement, ast.Import):
            yield from (alias.name for alias in statement.names)
        elif isinstance(statement, ast.ImportFrom) and not statement.level and statement.module:
            yield statement.module


def _is_third_party(top: str) -> bool:
    if top in sys.stdlib_module_names or top in NEVER_BEFORE_FORK or top.startswith("_"):
        return False
    spec = PathFinder.find_spec(top, [path for path in sys.path if path.endswith(("site-packages", "dist-packages"))])
    return spec is not None
