"""Names that hide in strings and in namespace dictionaries: query, eval, SQL, formats, globals()."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterable

from .facts import DYNAMIC, GUESS, LIKELY, OPAQUE
from .sql import tables_of
from .walker import Walker

_AT = re.compile(r"(?<![\w\"'`.])@([^\W\d]\w*)")
_PERCENT_NAME = re.compile(r"%\(([^\W\d]\w*)\)")
_FORMAT_NAME = re.compile(r"(?<!\{)\{([^\W\d]\w*)[^{}]*\}")
_DOLLAR_NAME = re.compile(r"(?<!\$)\$\{?([^\W\d]\w*)\}?")
_BRACED = re.compile(r"(?<!\$)\{([^{}]+)\}")
_NAMESPACES = frozenset({"globals", "locals", "vars"})
#: stands for a part of a string that is not constant
HOLE = "__hole__"


def constant_text(node: ast.AST | None) -> str | None:
    """The text of a constant, joined or formatted string (holes marked), or None."""
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else None
    if isinstance(node, ast.JoinedStr):
        return "".join(str(part.value) if isinstance(part, ast.Constant) else HOLE for part in node.values)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        left, right = constant_text(node.left), constant_text(node.right)
        return left + right if left is not None and right is not None else None
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "format":
        return re.sub(r"\{[^{}]*\}", HOLE, constant_text(node.func.value) or "") or None
    return None


def names_in_expression(text: str) -> list[str]:
    """The names of a Python expression given as text; empty where it does not parse."""
    try:
        tree = ast.parse(text.strip(), mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return []
    return [node.id for node in ast.walk(tree) if isinstance(node, ast.Name)]


def load_names(walker: Walker, names: Iterable[str], node: ast.AST, kind: str, confidence: int = LIKELY) -> None:
    """Read each name, with the string's place."""
    for name in names:
        if name != HOLE and name.isidentifier():
            walker.load(name, node, kind, confidence)


def at_names(walker: Walker, node: ast.AST, text: str) -> None:
    """``df.query("a > @limit")``."""
    load_names(walker, _AT.findall(text), node, "string")


def expression_names(walker: Walker, node: ast.AST, text: str, confidence: int = LIKELY) -> None:
    """``pd.eval("a + b")``."""
    load_names(walker, names_in_expression(text.replace("@", "")), node, "string", confidence)


def formula_names(walker: Walker, node: ast.AST, text: str) -> None:
    """``ols("y ~ x + center(z)")``: columns and names look alike, so all is a guess."""
    for part in text.split("~"):
        load_names(walker, names_in_expression(part or "0"), node, "string", GUESS)


def sql_names(walker: Walker, node: ast.AST, text: str) -> None:
    """Tables of an SQL text; a table that a ``CREATE`` makes is bound in a namespace of its own."""
    found = tables_of(text)
    if found is None:
        return
    reads, creates = found
    for table in reads:
        walker.load(table, node, "sql", LIKELY)
        walker.load("sql:" + table, node, "sql", LIKELY)
    for table in creates:
        walker.bind("sql:" + table, node, "table")


def interpolated(walker: Walker, node: ast.AST, text: str) -> None:
    """``$name`` and ``{expression}`` of a shell line or a line magic, as IPython expands them."""
    load_names(walker, _DOLLAR_NAME.findall(text), node, "shell")
    for inner in _BRACED.findall(text):
        load_names(walker, names_in_expression(inner.split(":")[0] if ":" in inner else inner), node, "shell")


def is_namespace_call(node: ast.AST) -> bool:
    """True for ``globals()``, ``locals()``, ``vars()``, ``get_ipython().user_ns``."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and not node.args:
        return node.func.id in _NAMESPACES
    if isinstance(node, ast.Attribute) and node.attr in ("user_ns", "user_global_ns", "__dict__"):
        return is_shell(node.value) or is_this_module(node.value)
    return False


def is_shell(node: ast.AST) -> bool:
    """True for ``get_ipython()``."""
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "get_ipython"


def is_this_module(node: ast.AST) -> bool:
    """True for ``sys.modules[__name__]`` and ``sys.modules["__main__"]``."""
    if not (isinstance(node, ast.Subscript) and isinstance(node.value, ast.Attribute) and node.value.attr == "modules"):
        return False
    key = node.slice
    return (isinstance(key, ast.Name) and key.id == "__name__") or (
        isinstance(key, ast.Constant) and key.value == "__main__"
    )


def namespace_subscript(walker: Walker, node: ast.Subscript) -> bool:
    """``globals()["x"]`` is a read of x; with a computed key the cell is dynamic."""
    return _by_key(walker, node, walker.load)


def namespace_store(walker: Walker, node: ast.Subscript) -> bool:
    """``globals()["x"] = …`` binds x; with a computed key the cell is dynamic."""
    return _by_key(walker, node, walker.bind)


def _by_key(walker: Walker, node: ast.Subscript, note: Callable[[str, ast.Subscript], None]) -> bool:
    if not is_namespace_call(node.value):
        return False
    text = constant_text(node.slice)
    if text is not None and HOLE not in text:
        note(text, node)
    else:
        walker.expr(node.slice)
        walker.ctx.flags.add(DYNAMIC)
    return True


def percent_format(walker: Walker, node: ast.BinOp) -> None:
    """``"%(x)s" % locals()`` reads x."""
    if is_namespace_call(node.right):
        text = constant_text(node.left)
        if text is not None:
            load_names(walker, _PERCENT_NAME.findall(text), node, "string")


def keyword_format(walker: Walker, node: ast.Call) -> None:
    """``"{x}".format(**globals())`` and ``Template("$x").substitute(globals())`` read x."""
    func = node.func
    if not isinstance(func, ast.Attribute):
        return
    spread = [k.value for k in node.keywords if k.arg is None] + list(node.args)
    if not any(is_namespace_call(value) for value in spread):
        return
    if func.attr in ("format", "format_map"):
        text = constant_text(func.value)
        pattern = _FORMAT_NAME
    else:
        base = func.value
        text = constant_text(base.args[0]) if isinstance(base, ast.Call) and base.args else None
        pattern = _DOLLAR_NAME
    if text is None:
        walker.ctx.flags.add(OPAQUE)
    else:
        load_names(walker, pattern.findall(text), node, "string")
