"""What IPython's own syntax does to names, after it was transformed to calls of ``get_ipython()``."""

from __future__ import annotations

import ast
import re

from . import known, strings
from .facts import DYNAMIC, EFFECTS, ENVIRONMENT, LIKELY, OPAQUE, Hint
from .sql import looks_like_sql, placeholders
from .walker import Walker

_FLAG = re.compile(r"\s*--?(?P<flag>[A-Za-z][\w-]*)(?P<value>=\S+)?(?:\s+|$)")
_WORD = re.compile(r"(\S+)\s*")
#: Options of magics that run a statement whose value is a word of its own: `%prun -s time f()`.
_VALUED = {"prun": "lsTD", "lprun": "fmTDu", "mprun": "fT", "memit": "rti", "timeit": "nrp"}
_INPUTS = re.compile(r"(?:^|\s)(?:-i|--input)[= ]\s*([\w,]+)")
_OUTPUTS = re.compile(r"(?:^|\s)(?:-o|--output|--out|--err|-w)[= ]\s*([\w,]+)")
_LOADED = re.compile(r"\s*(?P<asset>[^\s-][^\s]*)")
_AS = re.compile(r"\s--as(?:=(\S+)|\s+(\S+))")
_SQL_RESULT = re.compile(r"^\s*(?:[^\s]*://\S*\s+)?([^\W\d]\w*)\s*<<\s*", re.MULTILINE)


def shell_call(walker: Walker, node: ast.Call, method: str) -> None:
    """One call of ``get_ipython()``: a magic, a shell line, a push."""
    texts = [strings.constant_text(argument) for argument in node.args]
    if method in ("system", "getoutput", "getoutput_lines"):
        walker.ctx.flags.add(EFFECTS)
        if texts and texts[0] is not None:
            strings.interpolated(walker, node, texts[0])
    elif method == "push":
        _push(walker, node)
    elif method in ("ex", "run_cell"):
        walker.ctx.flags.add(DYNAMIC)
    elif texts and texts[0] is not None:
        name, line = texts[0].lstrip("%"), texts[1] if len(texts) > 1 and texts[1] is not None else ""
        if method == "magic":
            name, _, line = name.partition(" ")
        if method == "run_cell_magic":
            cell_magic(walker, node, name, line, (texts[2] if len(texts) > 2 else "") or "")
        else:
            line_magic(walker, node, name, line)
    else:
        walker.ctx.flags.add(OPAQUE)


def _push(walker: Walker, node: ast.Call) -> None:
    argument = node.args[0] if node.args else None
    if isinstance(argument, ast.Dict) and all(isinstance(key, ast.Constant) for key in argument.keys):
        for key in argument.keys:
            if isinstance(key, ast.Constant):
                walker.bind(str(key.value), node)
    else:
        walker.ctx.flags.add(DYNAMIC)


def line_magic(walker: Walker, node: ast.AST, name: str, line: str) -> None:
    """``%name line``."""
    ctx = walker.ctx
    if name in ("pinfo", "pinfo2"):
        strings.load_names(walker, strings.names_in_expression(line), node, "inspection")
        return
    if name in known.STATEMENT_MAGICS or name == "timeit":
        statement, values = split_options(name, line)
        # `%lprun -f function statement` reads the function, too
        strings.load_names(walker, [value for value in values if name in ("lprun", "mprun")], node, "magic")
        run_statement(walker, node, statement, keep=name not in known.EXPRESSION_MAGICS)
        return
    if name == "store":
        _store(walker, node, line)
        return
    if name == "load_asset":
        _load_asset(walker, node, line)
        return
    if name in known.DYNAMIC_MAGICS:
        ctx.flags.add(DYNAMIC)
        if name == "run":
            ctx.flags.add(EFFECTS)
            # `%run -i file.py argument`: what stands behind the file is the file's
            target = next((word for word in line.split() if not word.startswith("-")), "")
            ctx.hints.append(Hint("run", target, getattr(node, "lineno", 1)))
    if name in known.EFFECT_MAGICS:
        ctx.flags.add(EFFECTS)
    elif name in known.ENVIRONMENT_MAGICS:
        ctx.flags.add(ENVIRONMENT)
    elif name == "pylab":
        ctx.flags.add(ENVIRONMENT)
        for bound in ("np", "plt", "numpy", "matplotlib", "pylab", "mlab"):
            walker.bind(bound, node, "magic")
    elif name in known.SQL_CELL_MAGICS:
        sql_magic(walker, node, line)
        return
    elif name in ("R", "rpush", "rpull", "Rpush", "Rpull", "Rget", "octave", "julia"):
        _foreign_line(walker, node, name, line)
    elif name not in known.HARMLESS_MAGICS and name not in known.DYNAMIC_MAGICS:
        ctx.flags.add(OPAQUE)
    strings.interpolated(walker, node, line)


def split_options(name: str, line: str) -> tuple[str, list[str]]:
    """The statement that a magic's line runs, without its options, and the values of the options."""
    values: list[str] = []
    at = 0
    while (found := _FLAG.match(line, at)) is not None:
        at = found.end()
        flag = found["flag"]
        if not found["value"] and len(flag) == 1 and flag in _VALUED.get(name, ""):
            word = _WORD.match(line, at)
            if word is not None:
                values.append(word.group(1))
                at = word.end()
    return line[at:], values


def _load_asset(walker: Walker, node: ast.AST, line: str) -> None:
    """``%load_asset raw/flights --as df`` reads the asset and binds the variable."""
    found = _LOADED.match(line)
    if found is None:
        return
    last = found["asset"].rsplit("/", 1)[-1]
    strings.load_names(walker, [last], node, "magic")
    variable = next((a or b for a, b in _AS.findall(line)), last)
    if variable.isidentifier():
        walker.bind(variable, node, "magic")


def _store(walker: Walker, node: ast.AST, line: str) -> None:
    words = line.split()
    if words[:1] == ["-r"]:
        if len(words) == 1:
            walker.ctx.flags.add(DYNAMIC)
        for word in words[1:]:
            walker.bind(word, node, "magic")
    else:
        strings.load_names(walker, [w for w in words if not w.startswith("-") and w.isidentifier()], node, "magic")


def _foreign_line(walker: Walker, node: ast.AST, name: str, line: str) -> None:
    if name.lower() == "rpush":
        strings.load_names(walker, line.split(), node, "magic")
    elif name.lower() in ("rpull", "rget"):
        for word in line.split():
            walker.bind(word, node, "magic")
    else:
        inputs_outputs(walker, node, line)
        walker.ctx.flags.add(OPAQUE)


def inputs_outputs(walker: Walker, node: ast.AST, line: str) -> None:
    """``-i a,b -o c`` of a magic in another language; ``--out x`` of ``%%bash``."""
    for found in _INPUTS.findall(line):
        strings.load_names(walker, found.split(","), node, "magic", LIKELY + 1)
    for found in _OUTPUTS.findall(line):
        for bound in found.split(","):
            if bound.isidentifier():
                walker.bind(bound, node, "magic")


def sql_magic(walker: Walker, node: ast.AST, text: str) -> None:
    """``%sql``/``%%sql`` text: tables, placeholders, ``name <<``."""
    from_result = _SQL_RESULT.search(text)
    if from_result is not None:
        walker.bind(from_result.group(1), node, "magic")
        text = text[from_result.end() :]
    body = re.sub(r"^\s*(?:--\w[\w-]*\s+\S+\s+|\S*://\S*\s+)*", "", text)
    strings.load_names(walker, placeholders(body), node, "sql")
    if looks_like_sql(body):
        strings.sql_names(walker, node, body)


def run_statement(walker: Walker, node: ast.AST, text: str, *, keep: bool) -> None:
    """Analyse the statement that a magic runs; what it binds stays only where `keep`."""
    try:
        body = ast.parse(text.strip()).body
    except (SyntaxError, ValueError):
        walker.ctx.flags.add(OPAQUE)
        return
    outer, walker.place = walker.place, node
    if keep:
        walker.run_block(body)
    else:
        walker.sandbox(body)
    walker.place = outer


def cell_magic(walker: Walker, node: ast.AST, name: str, line: str, body: str) -> None:
    """``%%name line`` with its body, inside another cell's code."""
    if name == "capture":
        for word in line.split():
            if not word.startswith("-") and word.isidentifier():
                walker.bind(word, node, "magic")
    if name in known.SANDBOX_CELL_MAGICS:
        setup = split_options(name, line)[0].strip()
        run_statement(walker, node, (setup + "\n" if setup else "") + body, keep=False)
    elif name in known.PYTHON_CELL_MAGICS:
        run_statement(walker, node, body, keep=True)
    else:
        foreign_cell(walker, node, name, line, body)


def foreign_cell(walker: Walker, node: ast.AST, name: str, line: str, body: str) -> None:
    """A cell in another language: opaque, but for the names that its first line and SQL show."""
    ctx = walker.ctx
    if name in known.SHOWING_CELL_MAGICS:
        return
    if name in known.SQL_CELL_MAGICS:
        _sql_cell(walker, node, name, line, body)
        return
    inputs_outputs(walker, node, line)
    strings.interpolated(walker, node, line)
    if name in (
        "bash",
        "sh",
        "script",
        "system",
        "sx",
        "!",
        "cmd",
        "writefile",
        "file",
        "shell",
        "perl",
        "ruby",
        "powershell",
    ):
        ctx.flags.add(EFFECTS)
        if name in ("system", "sx", "!"):
            strings.interpolated(walker, node, body)
    else:
        ctx.flags.add(OPAQUE)
    if name == "cython":
        for bound in re.findall(
            r"(?m)^(?:cp?def|def|class|cdef class)\s+(?:[\w.\[\], ]+\s+)?([^\W\d]\w*)\s*[(:]", body
        ):
            walker.bind(bound, node, "magic")
    if name == "writetemplate":
        strings.interpolated(walker, node, body)


def _sql_cell(walker: Walker, node: ast.AST, name: str, line: str, body: str) -> None:
    words = line.split()
    if name in ("bigquery", "bq", "duckdb") and words and words[0].isidentifier():
        walker.bind(words[0], node, "magic")
    strings.interpolated(walker, node, line)
    prefix = line + "\n" if "<<" in line else ""
    if not prefix:
        inputs_outputs(walker, node, line)
    sql_magic(walker, node, prefix + body)
