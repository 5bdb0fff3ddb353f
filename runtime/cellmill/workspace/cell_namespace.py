"""A namespace of its own for the cells of one notebook, inside a host that serves several."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

from IPython.core.interactiveshell import InteractiveShell


@contextmanager
def cell_namespace(folder: Path) -> Iterator[Any]:
    """Give the shell, with an empty namespace and the notebook's folder as the current one.

    What its cells define keeps that namespace; the next notebook has another.
    """
    shell = InteractiveShell.instance()
    before = shell.user_module, shell.user_ns, sys.modules.get("__main__"), os.getcwd()
    module = ModuleType("__main__")
    os.chdir(folder)
    shell.user_module, shell.user_ns = module, module.__dict__
    sys.modules["__main__"] = module
    shell.init_user_ns()
    try:
        shell.run_line_magic("load_ext", "cellmill")
        yield shell
    finally:
        shell.user_module, shell.user_ns = before[0], before[1]
        if before[2] is not None:
            sys.modules["__main__"] = before[2]
        os.chdir(before[3])


def forget_modules(root: Path) -> None:
    """Take the modules of a workspace out of `sys.modules`, so that they are imported as they are now."""
    folder = str(root.resolve()) + os.sep
    for name, module in list(sys.modules.items()):
        path = getattr(module, "__file__", None)
        if path and name != "__main__" and "site-packages" not in path and str(Path(path).resolve()).startswith(folder):
            del sys.modules[name]
