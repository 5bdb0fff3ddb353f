"""Calls that mean more than they say: those that change an argument, hide names in a string, or reach outside."""

from __future__ import annotations

import ast

from . import known, strings
from .facts import CERTAIN, CLOCK, DYNAMIC, EFFECTS, GUESS, LIKELY, OPAQUE, RANDOM, SETUP, Hint
from .linemagics import shell_call
from .walker import Walker

_SHELL_METHODS = frozenset(
    {"run_line_magic", "run_cell_magic", "system", "getoutput", "magic", "getoutput_lines", "push", "ex", "run_cell"}
)
_RANDOM_LAST = frozenset({
    "random", "randint", "choice", "choices", "sample", "uniform", "normal", "rand", "randn", "gauss", "shuffle",
    "permutation",
    "uuid4", "uuid1", "token_hex", "urandom", "integers", "randrange", "standard_normal", "token_bytes",
})  # fmt: skip

#: last names of calls that are looked at more closely
SPECIAL = frozenset(
    known.MUTATING_METHODS
    | {name.rsplit(".", 1)[-1] for name in known.MUTATING_FUNCTIONS}
    | {name.rsplit(".", 1)[-1] for name in known.SETUP_CALLS}
    | set(known.READERS)
    | {name.rsplit(".", 1)[-1] for name in known.CLOCK_CALLS | known.PLAIN_NAMES | known.URL_CALLS}
    | known.AT_NAMES
    | known.FORMULA_CALLS
    | known.SQL_METHODS
    | _SHELL_METHODS
    | _RANDOM_LAST
    | {"exec", "eval", "format", "format_map", "substitute", "safe_substitute", "update", "globals", "locals", "vars",
    "run", "Popen",
       "check_call", "check_output", "call", "popen", "set_trace"}
)  # fmt: skip


def special_call(walker: Walker, node: ast.Call, last: str) -> None:
    """Add what a known call means; its function and arguments were walked already."""
    func = node.func
    name = _dotted(func)
    if isinstance(func, ast.Attribute):
        if last in _SHELL_METHODS and strings.is_shell(func.value):
            shell_call(walker, node, last)
            return
        if last == "update" and strings.is_namespace_call(func.value):
            _namespace_update(walker, node)
            return
        if name in known.SETUP_CALLS:
            _setup(walker, node, name)
        elif last in known.MUTATING_METHODS and name not in known.MUTATING_FUNCTIONS:
            base = _root(func.value)
            if base and base not in known.MODULE_ALIASES:
                walker.mutate(base, node, LIKELY, f".{last}()")
        if last in ("format", "format_map", "substitute", "safe_substitute"):
            strings.keyword_format(walker, node)
    elif name in known.SETUP_CALLS:
        _setup(walker, node, name)
    _changed_argument(walker, node, name)
    _strings(walker, node, name, last)
    _outside(walker, node, name, last)
    if isinstance(func, ast.Name):
        _namespace_function(walker, node, last)


def _setup(walker: Walker, node: ast.Call, name: str) -> None:
    walker.ctx.flags.add(SETUP)
    if not name.startswith(known.COSMETIC_PREFIXES):
        walker.mutate(name.split(".")[0], node, CERTAIN, "setup")


def _changed_argument(walker: Walker, node: ast.Call, name: str) -> None:
    position = known.MUTATING_FUNCTIONS.get(name)
    if position is not None and len(node.args) > position:
        if name == "setattr" and strings.is_this_module(node.args[0]):
            text = strings.constant_text(node.args[1]) if len(node.args) > 1 else None
            if text is not None:
                walker.bind(text, node)
            else:
                walker.ctx.flags.add(DYNAMIC)
            return
        base = _root(node.args[position])
        if base:
            walker.mutate(base, node, CERTAIN, f"{name}()")


def _strings(walker: Walker, node: ast.Call, name: str, last: str) -> None:
    argument = (
        node.args[0]
        if node.args
        else next((k.value for k in node.keywords if k.arg in ("expr", "query", "sql", "formula")), None)
    )
    if argument is None:
        return
    if name in known.PLAIN_NAMES:
        text = strings.constant_text(argument)
        if text is None:
            walker.ctx.flags.add(OPAQUE)
        else:
            strings.expression_names(walker, argument, text)
        return
    if last in known.AT_NAMES and isinstance(node.func, ast.Attribute):
        text = strings.constant_text(argument)
        if text is not None:
            strings.at_names(walker, argument, text)
    if last in known.FORMULA_CALLS:
        text = strings.constant_text(argument)
        if text is not None and "~" in text:
            strings.formula_names(walker, argument, text)
    if last in known.SQL_METHODS:
        text = strings.constant_text(argument)
        if text is not None:
            strings.sql_names(walker, argument, text)


def _outside(walker: Walker, node: ast.Call, name: str, last: str) -> None:
    ctx = walker.ctx
    line = getattr(node, "lineno", 1)
    if last in known.READERS:
        text = strings.constant_text(node.args[0]) if node.args else None
        if text and strings.HOLE not in text:
            kind = "url" if text.startswith(("http://", "https://")) else known.READERS[last]
            ctx.hints.append(Hint(kind, text, line))
    elif name in known.CLOCK_CALLS:
        ctx.flags.add(CLOCK)
        ctx.hints.append(Hint("clock", name, line))
    elif name in known.URL_CALLS:
        ctx.hints.append(Hint("url", (strings.constant_text(node.args[0]) if node.args else "") or "", line))
    elif name.startswith(known.RANDOM_PREFIXES) and last not in known.UNRANDOM:
        ctx.flags.add(RANDOM)
        ctx.hints.append(Hint("random", name, line))
    elif name.startswith(("subprocess.", "os.popen")):
        ctx.flags.add(EFFECTS)


def _namespace_function(walker: Walker, node: ast.Call, last: str) -> None:
    if last in ("exec", "eval") and node.args:
        _execute(walker, node, last)
    elif last == "vars" and node.args and strings.is_this_module(node.args[0]):
        walker.ctx.flags.add(DYNAMIC)


def _execute(walker: Walker, node: ast.Call, last: str) -> None:
    if len(node.args) > 1 and not strings.is_namespace_call(node.args[1]):
        walker.ctx.flags.add(OPAQUE)  # it runs in a dictionary of its own
        return
    text = strings.constant_text(node.args[0])
    if text is None or strings.HOLE in text:
        walker.ctx.flags.add(DYNAMIC)
        return
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError):
        walker.ctx.flags.add(OPAQUE)
        return
    outer, walker.place = walker.place, node
    walker.run_block(tree.body)
    walker.place = outer


def _namespace_update(walker: Walker, node: ast.Call) -> None:
    """``globals().update(x=1)`` binds x; with a computed mapping the cell is dynamic."""
    for keyword in node.keywords:
        if keyword.arg:
            walker.bind(keyword.arg, node)
        else:
            walker.ctx.flags.add(DYNAMIC)
    for argument in node.args:
        if isinstance(argument, ast.Dict) and all(isinstance(k, ast.Constant) for k in argument.keys):
            for key in argument.keys:
                if isinstance(key, ast.Constant):
                    walker.bind(str(key.value), node)
        else:
            walker.ctx.flags.add(DYNAMIC)


def _root(node: ast.AST) -> str:
    while isinstance(node, ast.Attribute | ast.Subscript | ast.Starred):
        node = node.value
    return node.id if isinstance(node, ast.Name) else ""


def _dotted(node: ast.AST) -> str:
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    if not isinstance(node, ast.Name):
        return ""
    parts.append(node.id)
    return ".".join(reversed(parts))


__all__ = ["GUESS", "SPECIAL", "special_call"]
