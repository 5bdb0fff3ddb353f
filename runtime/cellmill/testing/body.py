"""The statements of cells as code that runs under the notebook's name."""

from __future__ import annotations

import ast
import asyncio
import copy
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import Any

from cellmill.testing.lines import FileLines

_LAST = "__cellmill_last__"


def run_statements(nodes: Sequence[ast.stmt], cell: int, lines: FileLines, namespace: dict[str, Any]) -> None:
    """Execute statements of a plain cell."""
    module = ast.Module([_moved(node, cell, lines) for node in nodes], [])
    exec(compile(module, str(lines.path), "exec", dont_inherit=True), namespace)


def body_function(
    nodes: Sequence[ast.stmt], cell: int, lines: FileLines, parameters: Sequence[str], namespace: dict[str, Any]
) -> Callable[..., tuple[Any, Mapping[str, Any]]]:
    """Return the body of a cell as a function that gives its last expression and what it bound."""
    body = [_moved(node, cell, lines) for node in nodes]
    first = body[0] if body else ast.Pass(lineno=1, col_offset=0, end_lineno=1, end_col_offset=0)
    end = body[-1] if body else first
    if body and isinstance(end, ast.Expr):
        body[-1] = ast.copy_location(ast.Assign([ast.Name(_LAST, ast.Store())], end.value), end)
    body.append(ast.copy_location(ast.Return(ast.Call(ast.Name("locals", ast.Load()), [], [])), end))
    kind: Any = ast.AsyncFunctionDef if _awaits(body) else ast.FunctionDef
    arguments = ast.arguments([], [ast.arg(name) for name in parameters], None, [], [], None, [])
    function = kind(name="cell", args=arguments, body=body, decorator_list=[], returns=None, type_comment=None)
    if "type_params" in function._fields:
        function.type_params = []
    module = ast.fix_missing_locations(ast.Module([ast.copy_location(function, first)], []))
    made: dict[str, Any] = {}
    exec(compile(module, str(lines.path), "exec", dont_inherit=True), namespace, made)

    def call(**values: Any) -> tuple[Any, Mapping[str, Any]]:
        found = made["cell"](**values)
        if asyncio.iscoroutine(found):
            found = asyncio.run(found)
        bound = dict(found)
        return bound.pop(_LAST, None), bound

    return call


def _moved(node: ast.stmt, cell: int, lines: FileLines) -> ast.stmt:
    """Return a copy of a statement with the line numbers of the file."""
    node = copy.deepcopy(node)
    for inner in ast.walk(node):
        for name in ("lineno", "end_lineno"):
            number = getattr(inner, name, None)
            if isinstance(number, int):
                setattr(inner, name, lines.line(cell, number))
    return node


def _awaits(body: Sequence[ast.AST]) -> bool:
    todo = list(body)
    while todo:
        node = todo.pop()
        if isinstance(node, (ast.Await, ast.AsyncFor, ast.AsyncWith)):
            return True
        if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)):
            todo.extend(ast.iter_child_nodes(node))
    return False


_SHELLS: list[Any] = []


def shell() -> Any:
    """Return an IPython shell for magics and shell lines in cells, made at the first need."""
    if not _SHELLS:
        running = import_module("IPython").get_ipython()
        _SHELLS.append(running or import_module("IPython.core.interactiveshell").InteractiveShell())
    return _SHELLS[0]
