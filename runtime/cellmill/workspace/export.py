"""A notebook's asset cells as a plain Python module with `@asset` functions that behaves the same."""

from __future__ import annotations

import ast
import re
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from cellmill.definitions.asset_key import AssetKey
from cellmill.errors import DefinitionError
from cellmill.notebooks.asset_cell import AssetCell, Declaration
from cellmill.notebooks.link import Linker, Unit
from cellmill.notebooks.scan import NotebookScan
from cellmill.notebooks.workspace import WorkspaceScan

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
        self.code_versions = code_versions
        self.linked = linked
        self.scan = scan
        self.cells = cells
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
        shared: dict[int, Unit] = {}
        for cell in self.cells:
            for unit in self._units_of(cell):
                if unit.position not in self.local:
                    shared[unit.position] = unit
        for position in sorted(shared):
            source = self._unit_text(shared[position])
            if source:
                self.module.blocks.append(source)
        for cell in self.cells:
            if cell.definition.form == "decorator":
                self._decorated(cell)
            else:
                self.module.blocks.append(self._function(cell))
        for item in self.scan.declarations:
            self._declaration(item)
        return self._assembled(notebook), list(dict.fromkeys(self.module.notes))

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
        definition = cell.definition
        body = [node for node in definition.body]
        if definition.description and not definition.header.text("description"):
            body = body[1:]
        loaded = [up for up in cell.upstreams if up.loaded and up.name and up.key not in cell.keys]
        direct = [up.name for up in loaded]
        parameters = [*(["context"] if "context" in definition.facts.uses else []), *dict.fromkeys(direct)]
        through = [up.name for up in loaded if up.via]
        lines = [f'"""{definition.description}"""'] if definition.description else []
        if through:
            # Helpers read these as globals, as they do in the notebook.
            lines.append(f"globals().update({', '.join(f'{name}={name}' for name in dict.fromkeys(through))})")
        for unit in self._units_of(cell):
            if unit.position in self.local:
                lines.append(self._unit_text(unit))
        lines += self._body(cell, body)
        name = self._function_name(cell)
        self.module.assets.append(name)
        kind = "async def" if _awaits(body) else "def"
        head = f"{self._decorator(cell)}\n{kind} {name}({', '.join(parameters)}):"
        text = head + "\n" + textwrap.indent("\n".join(lines) or "pass", "    ")
        for number, condition in enumerate(_conditions(cell), start=1):
            text += "\n\n\n" + self._check(cell, number, condition)
        return text

    def _function_name(self, cell: AssetCell) -> str:
        return "__".join(cell.keys[0].parts) if len(cell.keys) == 1 else "_and_".join(cell.definition.names)

    def _body(self, cell: AssetCell, body: Sequence[ast.stmt]) -> list[str]:
        """Return the body and what it gives: the asset's variable where it binds it, else the last value."""
        names = cell.definition.names
        bound = [name for name in names if name in cell.definition.facts.binds]
        statements = list(body)
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

    # -- decorators --------------------------------------------------------------------------------------------

    def _decorator(self, cell: AssetCell) -> str:
        header = cell.header
        options: list[str] = []
        if len(cell.keys) == 1:
            word = "asset"
            if len(cell.key.parts) > 1:
                options.append(f"key={list(cell.key.parts)!r}")
            options += self._described(cell)
        else:
            word = "multi_asset"
            self.module.imports |= {"multi_asset", "AssetOut", "AssetKey"}
            described = ", ".join(self._described(cell))
            outs = ", ".join(
                f"{name!r}: AssetOut(key=AssetKey({list(key.parts)!r}){', ' + described if described else ''})"
                for name, key in zip(cell.definition.names, cell.keys, strict=True)
            )
            options.append(f"outs={{{outs}}}")
            if header.options.get("can_subset"):
                options.append("can_subset=True")
        if header.text("group_name") and len(cell.keys) == 1:
            options.append(f"group_name={header.text('group_name')!r}")
        elif header.text("group_name"):
            options.append(f"group_name={header.text('group_name')!r}")
        options += self._inputs(cell)
        options += self._rest(cell)
        return f"@{word}" + (f"({', '.join(options)})" if options else "")

    def _described(self, cell: AssetCell) -> list[str]:
        header, found = cell.header, []
        for name in ("tags", "metadata"):
            if header.pairs(name):
                found.append(f"{name}={header.pairs(name)!r}")
        if header.items("owners"):
            found.append(f"owners={list(header.items('owners'))!r}")
        if header.items("kinds"):
            found.append(f"kinds={{{', '.join(map(repr, header.items('kinds')))}}}")
        if header.text("io_manager_key"):
            found.append(f"io_manager_key={header.text('io_manager_key')!r}")
        condition = header.text("automation_condition")
        if condition:
            found.append(f"automation_condition={self._condition(condition)}")
        return found

    def _condition(self, text: str) -> str:
        kind, _, rest = text.partition(":")
        if kind in ("eager", "on_missing"):
            self.module.imports.add("AutomationCondition")
            return f"AutomationCondition.{kind}()"
        if kind == "on_cron":
            self.module.imports.add("AutomationCondition")
            cron, _, zone = rest.partition("@")
            return f"AutomationCondition.on_cron({cron.strip()!r}{', ' + repr(zone) if zone else ''})"
        return text

    def _inputs(self, cell: AssetCell) -> list[str]:
        ins, deps = [], []
        for up in cell.upstreams:
            if up.key in cell.keys:
                continue
            if not up.loaded or not up.name:
                deps.append(self._key(up.key))
            elif up.key.parts != (up.name,):
                self.module.imports |= {"AssetIn", "AssetKey"}
                ins.append(f"{up.name!r}: AssetIn(key=AssetKey({list(up.key.parts)!r}))")
        found = [f"ins={{{', '.join(ins)}}}"] if ins else []
        return [*found, f"deps=[{', '.join(deps)}]"] if deps else found

    def _key(self, key: AssetKey) -> str:
        if len(key.parts) == 1:
            return repr(key.parts[0])
        self.module.imports.add("AssetKey")
        return f"AssetKey({list(key.parts)!r})"

    def _rest(self, cell: AssetCell) -> list[str]:
        header, found = cell.header, []
        partitions = header.text("partitions_def")
        if partitions:
            found.append(f"partitions_def={self._partitions(partitions)}")
        if header.items("required_resource_keys"):
            found.append(f"required_resource_keys={set(header.items('required_resource_keys'))!r}")
        if header.pairs("op_tags"):
            found.append(f"op_tags={header.pairs('op_tags')!r}")
        if header.text("pool"):
            found.append(f"pool={header.text('pool')!r}")
        version = cell.code_version if self.code_versions else header.text("code_version")
        if version and len(cell.keys) == 1:
            found.append(f"code_version={version!r}")
        if isinstance(header.options.get("max_retries"), int):
            self.module.imports.add("RetryPolicy")
            delay = header.options.get("retry_delay")
            found.append(f"retry_policy=RetryPolicy(max_retries={header.options['max_retries']}, delay={delay!r})")
        for option in ("freshness_policy", "config_schema", "backfill_policy", "partition_mapping"):
            if option in header.options:
                flag = option.replace("_", "-")
                self.module.notes.append(f"{cell.key.to_user_string()}: --{flag} is not carried over; add it by hand")
        return found

    def _partitions(self, text: str) -> str:
        kind, _, rest = text.partition(":")
        if kind in ("hourly", "daily", "weekly", "monthly"):
            name = f"{kind.capitalize()}PartitionsDefinition"
            self.module.imports.add(name)
            span, _, zone = rest.partition("@")
            start, _, end = span.partition("..")
            more = f", end_date={end!r}" if end else ""
            return f"{name}(start_date={start!r}{more}{f', timezone={zone!r}' if zone else ''})"
        if kind == "static":
            self.module.imports.add("StaticPartitionsDefinition")
            return f"StaticPartitionsDefinition({[part.strip() for part in rest.split(',') if part.strip()]!r})"
        if kind == "dynamic":
            self.module.imports.add("DynamicPartitionsDefinition")
            return f"DynamicPartitionsDefinition(name={rest!r})"
        if kind == "cron":
            self.module.imports.add("TimeWindowPartitionsDefinition")
            cron, _, start = rest.rpartition("@")
            return (
                f"TimeWindowPartitionsDefinition(cron_schedule={cron.strip()!r}, start={start!r}, fmt='%Y-%m-%d-%H:%M')"
            )
        return text

    def _check(self, cell: AssetCell, number: int, condition: str) -> str:
        self.module.imports |= {"asset_check", "AssetCheckResult", "AssetKey"}
        name = cell.definition.names[0]
        function = f"{self._function_name(cell)}_check_{number}"
        self.module.checks.append(function)
        key = f"AssetKey({list(cell.key.parts)!r})"
        parameter = name if cell.key.parts == (name,) else cell.key.parts[-1]
        bind = "" if parameter == name else f"    {name} = {parameter}\n"
        return (
            f"@asset_check(asset={key}, name='check_{number}', description={condition!r})\n"
            f"def {function}({parameter}):\n{bind}    return AssetCheckResult(passed=bool({condition}))"
        )

    # -- jobs and schedules ------------------------------------------------------------------------------------

    def _declaration(self, item: Declaration) -> None:
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
        ending = f"defs = Definitions(\n{arguments})\n"
        return head + imports + "".join(f"{block}\n" for block in first) + "\n\n" + "\n\n\n".join([*others, ending])


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
