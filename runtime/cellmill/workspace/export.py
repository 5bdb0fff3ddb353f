"""A notebook's asset cells as a plain Python module with `@asset` functions that behaves the same."""

from __future__ import annotations

import ast
import re
import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from cellmill.errors import DefinitionError
from cellmill.notebooks.asset_cell import AssetCell, Declaration, Upstream
from cellmill.notebooks.facts import GIVEN
from cellmill.notebooks.link import Linker, Unit
from cellmill.notebooks.scan import NotebookScan
from cellmill.notebooks.workspace import WorkspaceScan
from cellmill.workspace.export_options import DecoratorWriter

#: What a ``%%check`` cell's value means, as in a kernel.
_JUDGED = '''\
def _judged(found, severity):
    """Return the outcome of a check from the value of its cell."""
    if isinstance(found, AssetCheckResult):
        return found
    return AssetCheckResult(passed=bool(found.all() if hasattr(found, "all") else found), severity=severity)'''
_MAGIC_CALL = re.compile(r"\bget_ipython\(\)")


@dataclass(slots=True)
class _Module:
    """The parts of the module as they are gathered."""

    imports: set[str] = field(default_factory=lambda: {"Definitions", "asset"})
    blocks: list[str] = field(default_factory=list)
    assets: list[str] = field(default_factory=list)
    checks: list[str] = field(default_factory=list)
    jobs: list[str] = field(default_factory=list)
    schedules: list[str] = field(default_factory=list)
    resources: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def export_module(linked: WorkspaceScan, notebook: str, *, code_versions: bool = False) -> tuple[str, list[str]]:
    """Return the text of a module that defines what `notebook` defines, and notes on what could not be carried over.

    With `code_versions` each asset keeps the fingerprint of its cell as its code version.

    Raises: DefinitionError where the notebook has no asset cell, or errors.
    """
    if linked.problems:
        raise DefinitionError(f"{notebook} has errors: {linked.problems[0]}")
    cells = sorted(linked.in_notebook(notebook), key=lambda cell: (cell.origin.cell_index, cell.origin.line))
    if not cells:
        raise DefinitionError(f"{notebook} has no asset cell, so there is nothing to export.")
    return _Exporter(linked, linked.notebooks[notebook], cells, code_versions).text(notebook)


class _Exporter:
    """Writes the module of one notebook."""

    def __init__(
        self, linked: WorkspaceScan, scan: NotebookScan, cells: Sequence[AssetCell], code_versions: bool = False
    ) -> None:
        self.options = DecoratorWriter(code_versions=code_versions)
        self.linked = linked
        self.scan = scan
        self.cells = cells
        self.others = [cell for cell in linked.others if cell.origin.path == scan.path]
        self.linker: Linker = scan.linker()
        self.module = _Module()
        self.asset_names = {
            name: key for cell in cells for name, key in zip(cell.definition.names, cell.keys, strict=False)
        }
        #: Statements that are written into the functions of the assets that need them, not at the top of the module.
        self.late = self._reading_assets()
        self.local = self._with_readers(self._differing() | self.late)

    # -- which plain statements go where -----------------------------------------------------------------------

    def _units_of(self, cell: AssetCell) -> list[Unit]:
        """Return the plain statements that an asset needs, in document order."""
        wanted = set(cell.slice)
        position = self.linker.position_of(cell.origin.cell_index)
        setup = set(self.linker.setup_units(position))
        return [
            unit
            for unit in self.linker.units
            if unit.position in setup or (unit.cell, unit.statement.line, unit.statement.end_line) in wanted
        ]

    def _reading_assets(self) -> set[int]:
        """Return the positions of statements that read an asset when they run."""
        late: set[int] = set()
        names: dict[str, int] = {}
        for unit in self.linker.units:
            reads = set(unit.statement.uses) - set(unit.statement.deferred)
            if reads & self.asset_names.keys() or any(names.get(name, -1) in late for name in reads):
                late.add(unit.position)
            for name in unit.statement.binds:
                names[name] = unit.position
        return late

    def _differing(self) -> set[int]:
        """Return the positions of statements that bind or change a name which another asset sees with another value.

        A module has one value for each name; a notebook has one for each place.
        """
        seen = [{unit.position for unit in self._units_of(cell)} for cell in self.cells]
        everywhere = set().union(*seen)
        found: set[int] = set()
        for entries in self.linker.entries.values():
            positions = sorted({entry.position for entry in entries} & everywhere)
            ends = {self._identity(max(own & set(positions))) for own in seen if not own.isdisjoint(positions)}
            if len(ends) > 1:
                found.update(positions)
        return found

    def _identity(self, position: int) -> str:
        """Return what tells statements apart: the same import twice is one."""
        nodes = self.linker.units[position].statement.nodes
        if nodes and all(isinstance(node, (ast.Import, ast.ImportFrom)) for node in nodes):
            return "\n".join(map(ast.dump, nodes))
        return str(position)

    def _with_readers(self, local: set[int]) -> set[int]:
        """Return the positions with those of all statements that read, at once or when called, what they bind."""
        bound = {name for at in local for name in self.linker.units[at].statement.binds}
        while True:
            more = {
                unit.position
                for unit in self.linker.units
                if unit.position not in local and not bound.isdisjoint(_reads(unit))
            }
            if not more:
                return local
            local |= more
            bound.update(name for at in more for name in self.linker.units[at].statement.binds)

    # -- text --------------------------------------------------------------------------------------------------

    def text(self, notebook: str) -> tuple[str, list[str]]:
        """Return the module and the notes."""
        needed = self._needed()
        self._give_context(needed)
        for position in sorted(needed - self.local):
            source = self._unit_text(self.linker.units[position])
            if source:
                self.module.blocks.append(source)
        for cell in self.cells:
            if cell.definition.form == "decorator":
                self._decorated(cell)
            else:
                self.module.blocks.append(self._function(cell))
        for cell in self.others:
            if cell.definition.kind == "check":
                self.module.blocks.append(self._check_cell(cell))
            else:
                self.module.notes.append(f"%%{cell.definition.kind} {cell.definition.names[0]} is not carried over")
        for item in self.scan.declarations:
            self._declaration(item)
        self.module.imports |= self.options.imports
        notes = dict.fromkeys([*self.module.notes, *self.options.notes])
        return self._assembled(notebook), list(notes)

    def _needed(self) -> set[int]:
        """Return the positions of the statements that any part of the module needs."""
        cells = (*self.cells, *(cell for cell in self.others if cell.definition.kind == "check"))
        found = {unit.position for cell in cells for unit in self._units_of(cell)}
        for unit in filter(None, map(self._unit_of, self._definitions())):
            found |= {unit.position, *self.linker.slice_of(unit.statement.uses.values(), unit.position).units}
        return found

    def _give_context(self, needed: set[int]) -> None:
        """Bind the `context` that plain cells find where one that the module needs reads it."""
        readers = [unit for unit in self.linker.units if unit.position in needed and GIVEN in _reads(unit)]
        if not readers or GIVEN in self.linker.entries:
            return
        self.module.imports.add("NotebookContext")
        self.module.blocks.append(f"{GIVEN} = NotebookContext()")
        self.module.notes.append(
            f"cell {readers[0].cell + 1}: outside of a notebook's run {GIVEN} knows no partition and no scheduled "
            "time; pass the asset's own context"
        )

    def _definitions(self) -> list[Declaration]:
        """Return the `Definitions` that the notebook makes for its resources."""
        every = self.scan.declarations
        return [item for item in every if item.kind == "definitions" and "resources" in {*item.options, *item.computed}]

    def _unit_of(self, item: Declaration) -> Unit | None:
        found = (unit for unit in self.linker.units if unit.cell == item.origin.cell_index)
        return next((unit for unit in found if item.name in unit.statement.binds), None)

    def _unit_text(self, unit: Unit) -> str:
        text = "\n".join(self._written(unit.cell, node) for node in unit.statement.nodes)
        if "cellmill" in text and "load_ext" in text:
            return ""
        if _MAGIC_CALL.search(text):
            self.module.notes.append(
                f"cell {unit.cell + 1}: a magic is kept as a call of IPython: {text.splitlines()[0]}"
            )
            if "from IPython import get_ipython" not in self.module.blocks:
                self.module.blocks.insert(0, "from IPython import get_ipython")
            return f"if get_ipython() is not None:\n{textwrap.indent(text, '    ')}"
        if unit.statement.foreign:
            self.module.notes.append(f"cell {unit.cell + 1}: {unit.statement.foreign.splitlines()[0]} is left out")
            return ""
        return text

    def _decorated(self, cell: AssetCell) -> None:
        """Write a function with a literal decorator as it stands, below what it needs for itself alone."""
        text = "\n".join(self._written(cell.origin.cell_index, node) for node in cell.definition.body)
        name = getattr(cell.definition.body[0], "name", cell.definition.names[0])
        own = [unit for unit in self._units_of(cell) if unit.position in self.local - self.late]
        if own:
            lines = [*map(self._unit_text, own), text, f"return {name}"]
            inner = textwrap.indent("\n".join(filter(None, lines)), "    ")
            text = f"def _make_{name}():\n{inner}\n\n\n{name} = _make_{name}()"
        if not any(text == block for block in self.module.blocks):
            self.module.blocks.append(text)
        for decorator in re.findall(r"^\s*@(?:\w+\.)*(\w+)", text, re.MULTILINE):
            self.module.imports.add(decorator)
        self.module.assets.append(name)

    def _function(self, cell: AssetCell) -> str:
        name = self._function_name(cell)
        self.module.assets.append(name)
        text = self._def(cell, name, self.options.decorator(cell))
        for number, condition in enumerate(_conditions(cell), start=1):
            text += "\n\n\n" + self._check(cell, number, condition)
        return text

    def _def(self, cell: AssetCell, name: str, decorator: str) -> str:
        definition = cell.definition
        through = [up.name for up in _loaded(cell) if up.via]
        lines = [f'"""{definition.description}"""'] if definition.description else []
        if through:
            # Helpers read these as globals, as they do in the notebook.
            lines.append(f"globals().update({', '.join(f'{name}={name}' for name in dict.fromkeys(through))})")
        lines += [self._unit_text(unit) for unit in self._units_of(cell) if unit.position in self.local]
        body = self._body(cell)
        if definition.kind == "check":
            body = ["def value():", *(textwrap.indent(line, "    ") for line in body), self._judgement(cell)]
        kind = "async def" if _awaits(definition.body) else "def"
        head = f"{decorator}\n{kind} {name}({', '.join(_parameters(cell))}):"
        return head + "\n" + textwrap.indent("\n".join(filter(None, [*lines, *body])) or "pass", "    ")

    def _check_cell(self, cell: AssetCell) -> str:
        """Write a ``%%check`` cell as a check of its asset; other assets that it reads are inputs beside it."""
        self.module.imports |= {"asset_check", "AssetCheckResult", "AssetCheckSeverity", "AssetKey"}
        name, header = cell.definition.names[0], cell.header
        named = header.text("asset")
        named_up = (up for up in cell.upstreams if named in (up.name, up.key.to_user_string()))
        key = next(named_up, cell.upstreams[0]).key
        extra = [up for up in _loaded(cell) if up.key != key]
        options = [f"asset=AssetKey({list(key.parts)!r})", f"name={name!r}"]
        options += ["blocking=True"] if header.options.get("blocking") else []
        checked = next((one for one in self.cells if key in one.keys), None)
        options += self.options.partitions(checked.header) if checked is not None else []
        if extra:
            self.module.imports.add("AssetIn")
            ins = ", ".join(f"{up.name!r}: AssetIn(key=AssetKey({list(up.key.parts)!r}))" for up in extra)
            options.append(f"additional_ins={{{ins}}}")
        if _JUDGED not in self.module.blocks:
            self.module.blocks.append(_JUDGED)
        self.module.checks.append(name)
        return self._def(cell, name, f"@asset_check({', '.join(options)})")

    def _judgement(self, cell: AssetCell) -> str:
        severity = cell.header.text("severity") or "ERROR"
        return f"return _judged(value(), AssetCheckSeverity.{severity})"

    def _function_name(self, cell: AssetCell) -> str:
        return "__".join(cell.keys[0].parts) if len(cell.keys) == 1 else "_and_".join(cell.definition.names)

    def _body(self, cell: AssetCell) -> list[str]:
        """Return the body and what it gives: the asset's variable where it binds it, else the last value."""
        definition = cell.definition
        names = definition.names
        bound = [name for name in names if name in definition.facts.binds]
        statements = list(definition.body)
        if definition.description and not definition.header.text("description"):
            statements = statements[1:]
        last = statements[-1] if statements else None
        index = cell.origin.cell_index
        if len(bound) == len(names):
            return [*(self._written(index, node) for node in statements), f"return {', '.join(names)}"]
        if isinstance(last, ast.Expr):
            value = self._written(index, last)
            comments, text = _split_comments(value)
            return [*(self._written(index, node) for node in statements[:-1]), *comments, f"return {text}"]
        return [self._written(index, node) for node in statements]

    def _written(self, cell: int, node: ast.stmt) -> str:
        """Return a statement as its author wrote it, comments above it included, where the lines hold nothing else."""
        source = next(one.cell.source for one in self.scan.cells if one.cell.index == cell)
        lines = source.split("\n")
        decorators = getattr(node, "decorator_list", [])
        first = min([node.lineno, *(decorator.lineno for decorator in decorators)])
        text = "\n".join(lines[first - 1 : node.end_lineno])
        try:
            same = [ast.dump(found) for found in ast.parse(text).body] == [ast.dump(node)]
        except SyntaxError:
            same = False
        if not same:
            return ast.unparse(node)
        while first > 1 and lines[first - 2].lstrip().startswith("#") and not lines[first - 2].startswith("#|"):
            first -= 1
        return "\n".join(lines[first - 1 : node.end_lineno])

    def _check(self, cell: AssetCell, number: int, condition: str) -> str:
        self.module.imports |= {"asset_check", "AssetCheckResult", "AssetKey"}
        name = cell.definition.names[0]
        function = f"{self._function_name(cell)}_check_{number}"
        self.module.checks.append(function)
        key = f"AssetKey({list(cell.key.parts)!r})"
        parameter = name if cell.key.parts == (name,) else cell.key.parts[-1]
        bind = "" if parameter == name else f"    {name} = {parameter}\n"
        options = [f"asset={key}", f"name='check_{number}'", f"description={condition!r}"]
        options += self.options.partitions(cell.header)
        return (
            f"@asset_check({', '.join(options)})\n"
            f"def {function}({parameter}):\n{bind}    return AssetCheckResult(passed=bool({condition}))"
        )

    # -- jobs and schedules ------------------------------------------------------------------------------------

    def _declaration(self, item: Declaration) -> None:
        if item.kind == "definitions":
            self.module.resources += [f"**({item.name}.resources or {{}})"] if item in self._definitions() else []
            others = sorted({*item.options, *item.computed} - {"resources"})
            if others:
                self.module.notes.append(
                    f"{', '.join(others)} of {item.name!r} are not carried over; copy them by hand"
                )
            return
        if not item.selection:
            self.module.notes.append(f"{item.kind} {item.name!r} is declared in Python; copy it by hand")
            return
        variable = re.sub(r"\W", "_", item.name)
        if item.kind == "job":
            self.module.imports.add("define_asset_job")
            self.module.blocks.append(f"{variable} = define_asset_job({item.name!r}, selection={item.selection!r})")
            self.module.jobs.append(variable)
        elif item.kind == "schedule":
            self.module.imports |= {"define_asset_job", "ScheduleDefinition"}
            zone = item.options.get("execution_timezone")
            more = f", execution_timezone={zone!r}" if zone else ""
            self.module.blocks.append(
                f"{variable}_job = define_asset_job({item.name + '_job'!r}, selection={item.selection!r})\n"
                f"{variable} = ScheduleDefinition(name={item.name!r}, job={variable}_job, "
                f"cron_schedule={item.options.get('cron_schedule')!r}{more})"
            )
            self.module.jobs.append(f"{variable}_job")
            self.module.schedules.append(variable)

    # -- the whole ---------------------------------------------------------------------------------------------

    def _assembled(self, notebook: str) -> str:
        module = self.module
        head = f'"""The assets of {notebook}, as a plain module."""\n'
        bound = {
            name for block in module.blocks for name in re.findall(r"^from cellmill import (.*)$", block, re.MULTILINE)
        }
        names = sorted(module.imports - set(", ".join(bound).split(", ")))
        imports = f"\nfrom cellmill import {', '.join(names)}\n"
        first = [block for block in module.blocks if _is_import(block)]
        others = [block for block in module.blocks if not _is_import(block)]
        parts = {
            "assets": module.assets,
            "asset_checks": module.checks,
            "jobs": module.jobs,
            "schedules": module.schedules,
        }
        arguments = "".join(f"    {name}=[{', '.join(found)}],\n" for name, found in parts.items() if found)
        if module.resources:
            arguments += f"    resources={{{', '.join(module.resources)}}},\n"
        ending = f"defs = Definitions(\n{arguments})\n"
        left = {item.name for item in self._definitions()} - {"defs"}
        ending += "".join(f"del {name}  # its resources are in defs\n" for name in sorted(left))
        return head + imports + "".join(f"{block}\n" for block in first) + "\n\n" + "\n\n\n".join([*others, ending])


def _loaded(cell: AssetCell) -> list[Upstream]:
    """Return the upstreams whose values the body reads by name."""
    return [up for up in cell.upstreams if up.loaded and up.name and up.key not in cell.keys]


def _parameters(cell: AssetCell) -> list[str]:
    context = ["context"] if "context" in cell.definition.facts.uses else []
    return [*context, *dict.fromkeys(up.name for up in _loaded(cell))]


def _split_comments(text: str) -> tuple[list[str], str]:
    lines = text.split("\n")
    count = next((at for at, line in enumerate(lines) if not line.lstrip().startswith("#")), len(lines))
    return lines[:count], "\n".join(lines[count:])


def _reads(unit: Unit) -> set[str]:
    """Return the names that a statement reads, its functions and lambdas included."""
    functions = (*unit.statement.deferred.values(), *unit.statement.loose)
    return set(unit.statement.uses).union(*(function.uses for function in functions))


def _is_import(block: str) -> bool:
    return block.startswith(("import ", "from ")) and "\n" not in block


def _conditions(cell: AssetCell) -> Iterable[str]:
    return cell.header.items("check")


def _awaits(body: Sequence[ast.stmt]) -> bool:
    todo: list[ast.AST] = list(body)
    while todo:
        node = todo.pop()
        if isinstance(node, (ast.Await, ast.AsyncFor, ast.AsyncWith)):
            return True
        if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)):
            todo.extend(ast.iter_child_nodes(node))
    return False
