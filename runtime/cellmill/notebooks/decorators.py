"""Literal decorators and declarations in plain cells: what they define, as far as the text says."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from cellmill.definitions.asset_key import AssetKey

from .asset_cell import CellDefinition, Declaration, NotebookOrigin, Unknown
from .cells import compose
from .document import Cell
from .facts import CellFacts, Statement
from .magic import Header, OptionValue, parse_declaration
from .options import CELL_KINDS
from .problem import NotebookError
from .walker import FUNCTIONS

ASSET_DECORATORS = frozenset({"asset", "multi_asset", "graph_asset", "graph_multi_asset", "observable_source_asset"})
_DECORATORS = {
    "op": "op", "job": "job", "graph": "graph", "schedule": "schedule", "sensor": "sensor", "asset_sensor": "sensor",
    "multi_asset_sensor": "sensor", "run_status_sensor": "sensor", "run_failure_sensor": "sensor",
    "asset_check": "asset_check",
    "multi_asset_check": "asset_check", "resource": "resource", "io_manager": "resource", "repository": "repository",
    "success_hook": "hook", "failure_hook": "hook", "executor": "executor", "logger": "logger",
    "input_manager": "resource",
    "hourly_partitioned_config": "config", "daily_partitioned_config": "config", "config_mapping": "config",
}  # fmt: skip
#: Kinds of definitions that a location's manifest lists.
_LISTED = frozenset({"job", "schedule", "sensor", "asset_check", "assets"})
_CALLS = {
    "define_asset_job": "job", "ScheduleDefinition": "schedule", "SensorDefinition": "sensor",
    "Definitions": "definitions",
    "build_schedule_from_partitioned_job": "schedule", "AssetSpec": "asset_spec", "SourceAsset": "asset_spec",
    "JobDefinition": "job", "AutomationConditionSensorDefinition": "sensor", "load_assets_from_modules": "assets",
    "load_assets_from_package_module": "assets", "load_assets_from_current_module": "assets",
}  # fmt: skip
_MENTIONS = re.compile(rf"@[\w.]*\b(?:{'|'.join([*ASSET_DECORATORS, *_DECORATORS])})\b|run_cell_magic")
#: Names whose calls are looked for inside larger statements; most cells have none of them in their text.
_CALLED = re.compile(rf"\b(?:{'|'.join(name for name, kind in _CALLS.items() if kind in _LISTED)})\b")
#: A cell without any of these defines nothing: most cells are done with here.
_MARKS = (
    "@", "%", "Definition", "_magic", "AssetSpec", "SourceAsset", "define_asset_job", "build_schedule_from",
    "load_assets_from_", "load_definitions_from_",
)  # fmt: skip
_INSIDE: dict[type, str] = {
    ast.FunctionDef: "a function", ast.AsyncFunctionDef: "a function", ast.ClassDef: "a class",
}  # fmt: skip
#: Options of an asset's decorator that say which assets it makes, and of what.
_IDENTITY = frozenset({"name", "key", "key_prefix", "deps", "ins", "outs", "specs", "non_argument_deps"})
#: Those that lists and selections show, and that are read as literals only.
_SHOWN = frozenset({
    "group_name", "tags", "owners", "kinds", "metadata", "code_version", "check_specs", "io_manager_key", "can_subset",
})  # fmt: skip
#: What the text is read for in the value of an option; more of it is known by running.
_READ_IN = {"specs": frozenset[str](), "outs": frozenset({"key", "key_prefix"})}
#: What a `Definitions` holds; resources are taken by the run itself.
_HELD = frozenset({"assets", "jobs", "schedules", "sensors", "asset_checks", "**"})
_LOADERS = ("load_assets_from_", "load_definitions_from_")
_LOADED = "what it holds is known only by running the cell"
_BY_RUNNING = "so it is known only by running the cell"
_NOT_UPSTREAM = frozenset({"context", "config", "_", "_context", "self"})
MISSING = object()


def literal(node: ast.expr) -> object:
    """The value of a literal; `AssetKey(...)` and names of assets are read too; MISSING where it is computed."""
    try:
        return ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
        pass
    if isinstance(node, ast.Call) and called_name(node.func) in ("AssetKey", "AssetDep", "AssetSpec") and node.args:
        return literal(node.args[0])
    if isinstance(node, ast.List | ast.Tuple | ast.Set):
        items = [node_name(item) if isinstance(item, ast.Name) else literal(item) for item in node.elts]
        return MISSING if any(item is MISSING for item in items) else items
    return MISSING


def node_name(node: ast.Name) -> str:
    """A name in a list of assets stands for the asset of that name."""
    return node.id


def called_name(node: ast.AST) -> str:
    """The last name of what is called: `asset` of ``cm.asset(...)``."""
    while isinstance(node, ast.Call):
        node = node.func
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def may_define(source: str) -> bool:
    """Whether a text says one of the words that define something: a look at the text only."""
    return _MENTIONS.search(source) is not None or _CALLED.search(source) is not None


def find_definitions(cell: Cell, facts: CellFacts, path: str) -> Iterator[CellDefinition | Declaration | Unknown]:
    """What the statements of a plain cell define with literal decorators, calls and line magics."""
    source = cell.source
    if not any(word in source for word in _MARKS):
        return
    hidden = _MENTIONS.search(source) is not None
    calls = _CALLED.search(source) is not None
    for statement in facts.statements:
        for node in statement.nodes:
            yield from _statement(cell, statement, node, path)
            if calls and _may_hold_calls(node):
                yield from _calls_inside(cell, node)
            if hidden:
                yield from _inner(cell, node)


def _inner(cell: Cell, node: ast.stmt) -> Iterator[Unknown]:
    """Definitions inside a function, a class, a loop or a branch: how many there are, under which names, is unknown."""
    where = _INSIDE.get(node.__class__, "a loop or branch")
    for inner in ast.walk(node):
        if isinstance(inner, FUNCTIONS) and inner is not node:
            if any(
                called_name(one) in ASSET_DECORATORS or called_name(one) in _DECORATORS for one in inner.decorator_list
            ):
                yield Unknown(
                    what=inner.name, cell_index=cell.index, line=inner.lineno,
                    reason=f"it is defined inside {where}, so it is known only by running the cell",
                )  # fmt: skip
        elif isinstance(inner, ast.Call) and called_name(inner.func) == "run_cell_magic" and inner.args:
            kind = literal(inner.args[0])
            if kind in CELL_KINDS:
                yield Unknown(
                    what=f"%%{kind}", cell_index=cell.index, line=inner.lineno,
                    reason="it is made by code, and runs execute the cells of the notebook: use @asset in code",
                    is_told=False,
                )  # fmt: skip


def _statement(
    cell: Cell, statement: Statement, node: ast.stmt, path: str
) -> Iterator[CellDefinition | Declaration | Unknown]:
    origin = NotebookOrigin(path=path, cell_id=cell.id, cell_index=cell.index, line=node.lineno)
    if isinstance(node, FUNCTIONS):
        for decorator in node.decorator_list:
            name = called_name(decorator)
            if name in ASSET_DECORATORS:
                yield from _asset(cell, statement, node, decorator, name, origin)
            elif name in _DECORATORS:
                options, computed = _arguments(decorator)
                yield Declaration(
                    kind=_DECORATORS[name], name=str(options.get("name") or node.name), origin=origin, options=options,
                    computed=computed, description=ast.get_docstring(node) or "",
                )  # fmt: skip
                yield from _nameless(cell, node.name, _DECORATORS[name], computed, node.lineno)
    elif isinstance(node, ast.Assign | ast.AnnAssign | ast.Expr):
        yield from _value(cell, node, origin, path)


def _nameless(cell: Cell, what: str, kind: str, computed: tuple[str, ...], line: int) -> Iterator[Unknown]:
    """A job, schedule or sensor whose name is computed."""
    names = {"name", "**", "argument 1"} if what == "define_asset_job" else {"name", "**"}
    if kind in _LISTED and names & {*computed}:
        yield Unknown(what=what, cell_index=cell.index, line=line, reason=f"its name is computed, {_BY_RUNNING}")


def _may_hold_calls(node: ast.stmt) -> bool:
    """Whether a statement may have calls that declare something inside it, and is no declaration itself."""
    if isinstance(node, ast.Assign | ast.AnnAssign | ast.Expr):
        value = node.value
        called = called_name(value.func) if isinstance(value, ast.Call) else ""
        return called != "run_line_magic" and called not in _CALLS
    return isinstance(node, ast.For | ast.While | ast.If | ast.With | ast.Try)


def _calls_inside(cell: Cell, node: ast.stmt) -> Iterator[Unknown]:
    """Calls that declare something, inside a list, another call, a loop or a branch."""
    for inner in ast.walk(node):
        if isinstance(inner, ast.Call) and _CALLS.get(called_name(inner.func)) in _LISTED:
            yield Unknown(
                what=called_name(inner.func), cell_index=cell.index, line=inner.lineno,
                reason=f"it is called inside a larger statement, {_BY_RUNNING}",
            )  # fmt: skip


def _asset(
    cell: Cell, statement: Statement, node: ast.FunctionDef | ast.AsyncFunctionDef, decorator: ast.expr, kind: str,
    origin: NotebookOrigin,
) -> Iterator[CellDefinition | Unknown]:  # fmt: skip
    options, computed = _arguments(decorator)
    unclear = [name for name in computed if name in _IDENTITY]
    unclear += [name for name in _partly_read(decorator) if name == "specs"]
    if unclear or "**" in computed:
        yield Unknown(
            what=node.name, cell_index=cell.index, line=node.lineno,
            reason=f"@{kind} has a computed {', '.join(unclear) or 'argument'}: key and upstreams are known by running",
        )  # fmt: skip
        return
    yield CellDefinition(
        kind="asset", form="decorator", names=(node.name,), keys=_keys(node, options, kind),
        header=Header(kind="asset", names=(node.name,), options=_header_options(options), lines=0),
        origin=origin, facts=compose((statement,)), description=ast.get_docstring(node) or "",
        body=(node,), parameters=() if kind == "graph_asset" else _parameters(node, options),
    )  # fmt: skip
    shown = [name for name in computed if name in _SHOWN]
    shown += [name for name in _partly_read(decorator) if name != "specs"]
    if shown:
        yield Unknown(
            what=node.name, cell_index=cell.index, line=node.lineno,
            reason=f"its {', '.join(shown)} is computed, so it is known only by running the cell",
        )  # fmt: skip


def _partly_read(decorator: ast.expr) -> list[str]:
    """The options whose values say more of an asset than the text is read for: `AssetSpec("a", deps=["b"])`."""
    found = []
    for keyword in decorator.keywords if isinstance(decorator, ast.Call) else ():
        read = _READ_IN.get(keyword.arg or "")
        if read is None:
            continue
        calls = (inner for inner in ast.walk(keyword.value) if isinstance(inner, ast.Call))
        if any({one.arg for one in call.keywords} - read for call in calls):
            found.append(str(keyword.arg))
    return found


def _keys(node: ast.FunctionDef | ast.AsyncFunctionDef, options: dict[str, object], kind: str) -> tuple[AssetKey, ...]:
    prefix = _parts(options.get("key_prefix"))
    outs = options.get("outs")
    if kind in ("multi_asset", "graph_multi_asset") and isinstance(outs, dict):
        return tuple(AssetKey([*prefix, str(name)]) for name in outs)
    specs = options.get("specs")
    if isinstance(specs, list):
        return tuple(AssetKey(_parts(spec)) for spec in specs)
    key = options.get("key")
    if key is not None:
        return (AssetKey(_parts(key)),)
    return (AssetKey([*prefix, str(options.get("name") or node.name)]),)


def _parts(value: object) -> list[str]:
    if isinstance(value, str):
        return value.split("/")
    if isinstance(value, list | tuple):
        return [str(part) for part in value]
    return []


def _header_options(options: dict[str, object]) -> dict[str, OptionValue]:
    found: dict[str, OptionValue] = {"infer": False}
    for name, value in options.items():
        if name in ("deps", "non_argument_deps") and isinstance(value, list | tuple | set):
            found["deps"] = tuple("/".join(_parts(item)) for item in value)
        elif name == "ins" and isinstance(value, dict):
            found["ins"] = {str(alias): "/".join(_parts(key)) for alias, key in value.items()}
        elif isinstance(value, str | bool | int | float):
            found[name] = value
    return found


def _parameters(node: ast.FunctionDef | ast.AsyncFunctionDef, options: dict[str, object]) -> tuple[str, ...]:
    arguments = node.args
    found = []
    for number, arg in enumerate((*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)):
        if arg.arg in _NOT_UPSTREAM or (
            number == 0 and arg.annotation is not None and "Context" in ast.unparse(arg.annotation)
        ):
            continue
        if arg.annotation is not None and _is_resource(arg.annotation):
            continue
        found.append(arg.arg)
    return tuple(found)


def _is_resource(annotation: ast.expr) -> bool:
    text = ast.unparse(annotation)
    return text.endswith(("Resource", "Config")) or text.startswith(("ResourceParam", "Config"))


def _arguments(decorator: ast.expr) -> tuple[dict[str, object], tuple[str, ...]]:
    """Literal keyword arguments, and the names of the computed ones."""
    options: dict[str, object] = {}
    computed: list[str] = []
    if not isinstance(decorator, ast.Call):
        return options, ()
    for keyword in decorator.keywords:
        if keyword.arg is None:
            computed.append("**")
            continue
        value = _mapping(keyword.value) if isinstance(keyword.value, ast.Dict) else literal(keyword.value)
        if value is MISSING:
            computed.append(keyword.arg)
        else:
            options[keyword.arg] = value
    for number, argument in enumerate(decorator.args):
        value = literal(argument)
        if value is MISSING:
            computed.append(f"argument {number + 1}")
        else:
            options[f"argument {number + 1}"] = value
    return options, tuple(computed)


def _mapping(node: ast.Dict) -> object:
    """A dictionary with literal keys; ``AssetIn(key=…)`` values become the key, ``AssetOut()`` None."""
    found: dict[object, object] = {}
    for key, value in zip(node.keys, node.values, strict=True):
        name = literal(key) if key is not None else MISSING
        if name is MISSING:
            return MISSING
        if isinstance(value, ast.Call) and called_name(value.func) in ("AssetIn", "AssetOut"):
            named = {k.arg: literal(k.value) for k in value.keywords}
            inner: object = named.get("key", literal(value.args[0]) if value.args else None)
            prefix = named.get("key_prefix")
            if inner is None and prefix is not None and prefix is not MISSING:
                inner = [*_parts(prefix), str(name)]
            if inner is MISSING or prefix is MISSING:
                return MISSING
            found[name] = inner if inner is not None else str(name)
        else:
            item = literal(value)
            if item is MISSING:
                return MISSING
            found[name] = item
    return found


def _value(
    cell: Cell, node: ast.Assign | ast.AnnAssign | ast.Expr, origin: NotebookOrigin, path: str
) -> Iterator[Declaration | Unknown]:
    value = node.value
    if not isinstance(value, ast.Call):
        return
    called = called_name(value.func)
    if called == "run_line_magic" and len(value.args) == 2 and isinstance(node, ast.Expr):
        yield from _line_magic(cell, value, origin, path)
        return
    kind = _CALLS.get(called)
    if kind is None:
        if called.startswith(_LOADERS):
            yield Unknown(what=called, cell_index=cell.index, line=node.lineno, reason=_LOADED)
        return
    options, computed = _arguments(value)
    if kind == "assets" or (kind == "definitions" and _HELD & {*computed}):
        yield Unknown(what=called, cell_index=cell.index, line=node.lineno, reason=_LOADED)
    name = options.get("name") or options.get("argument 1")
    if not isinstance(name, str):
        target = node.targets[0] if isinstance(node, ast.Assign) else getattr(node, "target", None)
        name = target.id if isinstance(target, ast.Name) else called
    yield Declaration(kind=kind, name=name, origin=origin, options=options, computed=computed)
    yield from _nameless(cell, called, kind, computed, node.lineno)


def _line_magic(cell: Cell, value: ast.Call, origin: NotebookOrigin, path: str) -> Iterator[Declaration | Unknown]:
    name, line = literal(value.args[0]), literal(value.args[1])
    if name not in ("schedule", "job") or not isinstance(line, str):
        return
    try:
        header = parse_declaration(f"%{name} {line}", notebook=path, cell=cell.index, number=origin.line)
    except NotebookError as error:
        yield Unknown(what=f"%{name}", cell_index=cell.index, line=origin.line, reason=str(error))
        return
    first, selection = header.names
    options: dict[str, object] = dict(header.options)
    if name == "schedule":
        options["cron_schedule"] = first
        title = header.text("name") or _title(selection) + "_schedule"
    else:
        title = first
    yield Declaration(
        kind=str(name), name=title, origin=origin, options=options, selection=selection,
        description=header.text("description") or "",
    )  # fmt: skip


def _title(selection: str) -> str:
    return "_".join("".join(c if c.isalnum() else " " for c in selection).split()) or "assets"
