"""A cell's body as a function: same lines, same tracebacks, its locals stay local.

The last expression is the cell's result; what the body binds is handed back beside it, so that the variable that bears
the asset's name can be its value.
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cellmill.first_use import on_first_use
from cellmill.notebooks.asset_cell import CellDefinition
from cellmill.notebooks.problem import CellSyntaxError
from cellmill.notebooks.syntax import parse_source

if TYPE_CHECKING:
    from . import awaiting
else:
    awaiting = on_first_use("cellmill_kernel.awaiting")


_END = "__cellmill_end__"
_TIMED = "__cellmill_timed__"


@dataclass(slots=True)
class BodyResult:
    """What a body gave: its last expression, what it bound, and whether there was a last expression."""

    last: Any
    bound: Mapping[str, Any]
    has_last: bool


@dataclass(frozen=True, slots=True)
class Body:
    """A compiled body."""

    function: Callable[..., Any]
    parameters: tuple[str, ...]
    filename: str
    has_last: bool

    def run(self, values: Mapping[str, Any]) -> BodyResult:
        """Execute the body with its upstream values."""
        found = self.function(**{name: values[name] for name in self.parameters if name in values})
        if inspect.iscoroutine(found):
            found = awaiting.wait_for(found)
        if isinstance(found, BodyResult):
            return found
        # the body ended with a return of its own
        return BodyResult(found, {}, True)


def compile_body(
    definition: CellDefinition,
    source: str,
    parameters: Sequence[str],
    namespace: dict[str, Any],
    filename: str,
    timer: Callable[[], Any] | None = None,
) -> Body:
    """The body of a cell as a function of `parameters` whose globals are `namespace`.

    Raises: CellSyntaxError for what may not stand in a cell.
    """
    parsed = parse_source(source)
    if parsed.problem:
        raise CellSyntaxError(
            parsed.problem, notebook=definition.origin.path, cell=definition.origin.cell_index, line=parsed.problem_line
        )
    body = _timed_statements(list(parsed.body))
    has_last = bool(body) and isinstance(body[-1], ast.Expr)
    last: ast.expr = ast.Constant(None)
    if has_last:
        final = body.pop()
        assert isinstance(final, ast.Expr)
        last = final.value
    place = parsed.body[-1] if parsed.body else ast.Pass(lineno=1, col_offset=0, end_lineno=1, end_col_offset=0)
    body.append(_ending(last, has_last, place))
    for name, _ in parsed.magics:
        if name == "time":
            body = [_with_timer(body, place)]
    function = _function_node(body, parameters, "await" in parsed.code or "async" in parsed.code)
    module = ast.Module([function], [])
    namespace.setdefault("__builtins__", __builtins__)
    hidden = {_END: BodyResult, "__cellmill_locals__": locals, _TIMED: timer or _no_timer}
    try:
        code = compile(module, filename, "exec", flags=_future_flags(namespace), dont_inherit=True)
    except SyntaxError as error:
        raise CellSyntaxError(
            error.msg or "invalid syntax",
            notebook=definition.origin.path,
            cell=definition.origin.cell_index,
            line=error.lineno,
            column=(error.offset or 1) - 1,
            remedy="The body of an asset cell is a function's body.",
        ) from None
    made: dict[str, Any] = {}
    exec(code, {"__builtins__": {}}, made)
    template = next(value for value in made.values() if callable(value))
    return Body(_rebound(template, namespace, hidden), tuple(parameters), filename, has_last)


def _ending(last: ast.expr, has_last: bool, place: ast.AST) -> ast.stmt:
    """The statement that gives back the last value and the locals; only its own nodes need a place."""
    names = [ast.Name(_END, ast.Load()), ast.Name("__cellmill_locals__", ast.Load())]
    flag, bound = ast.Constant(has_last), ast.Call(names[1], [], [])
    call = ast.Call(names[0], [last, bound, flag], [])
    ending = ast.Return(call)
    for node in (*names, flag, bound, call, ending, *(() if has_last else (last,))):
        ast.copy_location(node, place)
    return ending


def _rebound(template: Any, namespace: dict[str, Any], hidden: Mapping[str, Any]) -> Callable[..., Any]:
    """The function with the notebook's namespace as its globals, and our few names in it."""
    for name, value in hidden.items():
        namespace[name] = value
    # tracebacks then show the cell as they show a plain one
    code = template.__code__.replace(co_name="<module>", co_qualname="<module>")
    function: Callable[..., Any] = type(template)(code, namespace, "<module>")
    return function


def _function_node(body: list[ast.stmt], parameters: Sequence[str], may_await: bool) -> ast.stmt:
    arguments = ast.arguments(
        posonlyargs=[],
        args=[ast.arg(arg=name, lineno=1, col_offset=0, end_lineno=1, end_col_offset=0) for name in parameters],
        kwonlyargs=[],
        kw_defaults=[],
        defaults=[],
        vararg=None,
        kwarg=None,
    )
    kind: Any = ast.AsyncFunctionDef if may_await and awaits(body) else ast.FunctionDef
    node: ast.stmt = kind(
        name="cell", args=arguments, body=body, decorator_list=[], returns=None, type_comment=None,
        lineno=1, col_offset=0, end_lineno=1, end_col_offset=0,
    )  # fmt: skip
    if hasattr(node, "type_params") or "type_params" in node._fields:
        node.type_params = []  # type: ignore[attr-defined]
    return node


def awaits(body: Sequence[ast.AST]) -> bool:
    """True where the body itself, not a function in it, awaits."""
    todo = list(body)
    while todo:
        node = todo.pop()
        if isinstance(node, ast.Await | ast.AsyncFor | ast.AsyncWith):
            return True
        if isinstance(node, ast.comprehension) and node.is_async:
            return True
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.ClassDef):
            continue
        todo.extend(ast.iter_child_nodes(node))
    return False


def _timed_statements(body: list[ast.stmt]) -> list[ast.stmt]:
    """``%time statement`` runs the statement in the body, so that what it binds stays."""
    found: list[ast.stmt] = []
    for node in body:
        inner = _timed(node)
        if inner is None:
            found.append(node)
            continue
        if isinstance(inner[-1], ast.Expr) and node is body[-1]:
            keep = ast.Assign(targets=[ast.Name("__cellmill_value__", ast.Store())], value=inner[-1].value)
            _place_all(keep, node)
            found.append(_with_timer([*inner[:-1], keep], node))
            show = ast.Expr(ast.Name("__cellmill_value__", ast.Load()))
            _place_all(show, node)
            found.append(show)
        else:
            found.append(_with_timer(inner, node))
    return found


def _timed(node: ast.stmt) -> list[ast.stmt] | None:
    value = getattr(node, "value", None)
    if not (
        isinstance(value, ast.Call) and isinstance(value.func, ast.Attribute) and value.func.attr == "run_line_magic"
    ):
        return None
    texts = [argument.value for argument in value.args if isinstance(argument, ast.Constant)]
    if len(texts) != 2 or texts[0] != "time" or not isinstance(texts[1], str):
        return None
    try:
        inner = ast.parse(texts[1]).body
    except SyntaxError:
        return None
    if not inner:
        return None
    if isinstance(node, ast.Assign) and isinstance(inner[-1], ast.Expr):
        inner[-1] = ast.Assign(targets=node.targets, value=inner[-1].value)
    for statement in inner:
        _place_all(statement, node)
    return inner


def _with_timer(body: list[ast.stmt], place: ast.AST) -> ast.stmt:
    call = ast.Call(ast.Name(_TIMED, ast.Load()), [], [])
    node = ast.With(items=[ast.withitem(context_expr=call, optional_vars=None)], body=body, type_comment=None)
    ast.copy_location(node, place)
    _place_all(call, place)
    return node


def _place_all(node: ast.AST, place: ast.AST) -> None:
    """Give `node` and what is below it the place of `place`, where it has none."""
    for inner in ast.walk(node):
        if "lineno" in inner._attributes and not hasattr(inner, "lineno"):
            ast.copy_location(inner, place)


def _future_flags(namespace: Mapping[str, Any]) -> int:
    annotations = namespace.get("annotations")
    flag = getattr(annotations, "compiler_flag", 0)
    return flag if isinstance(flag, int) else 0


class _NoTimer:
    def __enter__(self) -> None:
        return None

    def __exit__(self, *error: object) -> None:
        return None


def _no_timer() -> _NoTimer:
    return _NoTimer()
