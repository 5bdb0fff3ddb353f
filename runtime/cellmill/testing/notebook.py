"""A notebook under test: its cells as functions, called with values that the test makes."""

from __future__ import annotations

import ast
import inspect
import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from cellmill.definitions.asset_key import AssetKey
from cellmill.definitions.code_location import Definitions
from cellmill.definitions.events import AssetCheckResult, AssetCheckSeverity
from cellmill.errors import InvalidInvocationError
from cellmill.execution.direct_context import build_asset_context, build_op_context
from cellmill.execution.notebook.notebook_context import NotebookContext
from cellmill.notebooks.asset_cell import AssetCell
from cellmill.notebooks.link import Linker, Unit
from cellmill.notebooks.scan import scan_notebook
from cellmill.notebooks.workspace import WorkspaceScan, link_workspace
from cellmill.testing.body import body_function, run_statements, shell
from cellmill.testing.lines import FileLines
from cellmill.workspace.load_notebook import load_notebook as load_definitions

_PYTHON = (sys.version_info[0], sys.version_info[1])


def load_notebook(
    notebook: str | os.PathLike[str], *, other_assets: Iterable[str | AssetKey] = ()
) -> NotebookUnderTest:
    """Return a notebook whose cells can be called: `load_notebook("flights.ipynb").assets.daily_delays(flights=df)`.

    Args:
        notebook: Path of the notebook, from the folder of the calling file.
        other_assets: Assets of elsewhere that its cells read by name: keys or their texts.

    Raises:
        InvalidInvocationError: where there is no such notebook.
        NotebookError: for what is wrong in it.
    """
    path = Path(_caller_folder(), notebook)
    if not path.is_file():
        raise InvalidInvocationError(f"There is no notebook {os.fspath(notebook)!r} in {path.parent}.")
    scan = scan_notebook(path.read_bytes(), os.fspath(path), python=_PYTHON)
    keys = [key if isinstance(key, AssetKey) else AssetKey.from_user_string(key) for key in other_assets]
    linked = link_workspace([scan], other_assets=keys, python=_PYTHON)
    if linked.problems:
        raise linked.problems[0]
    return NotebookUnderTest(linked, os.fspath(path), path)


def _caller_folder() -> Path:
    frame = inspect.currentframe()
    while frame is not None and frame.f_globals.get("__name__") == __name__:
        frame = frame.f_back
    file = frame.f_globals.get("__file__") if frame is not None else None
    return Path(file).resolve().parent if file else Path.cwd()


class Cells:
    """Cells of one kind by name: `cells.daily_delays`, or `cells["shop/daily_delays"]`."""

    def __init__(self, kind: str, found: Mapping[str, CellFunction]) -> None:
        self._kind = kind
        self._found = found

    def __getattr__(self, name: str) -> CellFunction:
        if name.startswith("__"):
            raise AttributeError(name)
        return self[name]

    def __getitem__(self, name: str) -> CellFunction:
        if name in self._found:
            return self._found[name]
        near = get_close_matches(name, self._found, 1)
        meant = f" Did you mean {near[0]!r}?" if near else f" It has: {', '.join(self._found) or 'none'}."
        raise AttributeError(f"The notebook has no {self._kind} cell {name!r}.{meant}")

    def __iter__(self) -> Iterator[str]:
        return iter(self._found)

    def __len__(self) -> int:
        return len(self._found)

    def __dir__(self) -> list[str]:
        return list(self._found)


class NotebookUnderTest:
    """A notebook's cells as functions, by kind: `assets`, `checks` and `ops`.

    Each call executes the plain statements that its cell needs (imports, helpers, constants) afresh, so that no call
    sees what another one changed. Made by `load_notebook`.

    Args:
        linked: What was read of the notebook.
        name: Its name there.
        path: Its file.
    """

    def __init__(self, linked: WorkspaceScan, name: str, path: Path) -> None:
        self.path = path
        self.linked = linked
        self._scan = linked.notebooks[name]
        self._lines: FileLines | None = None
        self._linker: Linker | None = None
        self.assets = Cells("asset", dict(self._named(linked.in_notebook(name))))
        others = [cell for cell in linked.others if cell.origin.path == name]
        self.checks = Cells("check", dict(self._named(cell for cell in others if cell.definition.kind == "check")))
        self.ops = Cells("op", dict(self._named(cell for cell in others if cell.definition.kind == "op")))

    def _named(self, cells: Iterable[AssetCell]) -> Iterator[tuple[str, CellFunction]]:
        for cell in cells:
            function = CellFunction(self, cell)
            for name, key in zip(cell.definition.names, cell.keys, strict=False):
                yield name, function
                if len(key.parts) > 1:
                    yield "/".join(key.parts), function

    @property
    def lines(self) -> FileLines:
        """Where the cells' lines stand in the file."""
        if self._lines is None:
            self._lines = FileLines.read(self.path.resolve())
            self._lines.show_in_tracebacks()
        return self._lines

    @property
    def definitions(self) -> Definitions:
        """What the notebook declares, as `Definitions`: for `materialize_to_memory` and the like."""
        return load_definitions(self.path.resolve())

    def namespace(self) -> dict[str, Any]:
        """Return the names of the plain cells that need no asset: helpers, constants, classes, definitions."""
        linker = self.linker()
        needed = {unit.position for unit in linker.units if _reads(unit, self.assets)}
        return self.executed([unit for unit in linker.units if unit.position not in needed], {})

    def linker(self) -> Linker:
        """The def-use links of its plain cells."""
        if self._linker is None:
            self._linker = self._scan.linker()
        return self._linker

    def executed(self, units: Iterable[Unit], values: Mapping[str, Any]) -> dict[str, Any]:
        """Return a namespace in which plain statements were executed.

        Args:
            units: The statements, in order.
            values: What is in it from the start, by name.
        """
        folder = os.fspath(self.path.resolve().parent)
        if folder not in sys.path:
            sys.path.insert(0, folder)
        own = {"__name__": "__main__", "get_ipython": shell, "context": NotebookContext()}
        namespace: dict[str, Any] = {**own, **values}
        for unit in units:
            if not _is_ours(unit):
                run_statements(unit.statement.nodes, unit.cell, self.lines, namespace)
        return namespace


def _reads(unit: Unit, names: Iterable[str]) -> bool:
    return any(name in unit.statement.uses for name in names)


def _is_ours(unit: Unit) -> bool:
    """True for `%load_ext cellmill` and what it brings: a test needs no session."""
    text = "\n".join(ast.unparse(node) for node in unit.statement.nodes)
    if unit.statement.foreign:
        return True
    return "run_line_magic(" in text and any(word in text for word in _OUR_MAGICS)


_OUR_MAGICS = ("cellmill", "'schedule'", "'job'", "'lineage'", "'cellmill_config'", "'materialize'", "'load_asset'",
               "'assets'", "'runs'", "'stale'", "'backfill'", "'backfill_partitions'", "'history'")  # fmt: skip


class CellFunction:
    """One cell as a function of the assets it reads; what it returns is the asset's value.

    Made by `load_notebook`.

    Args:
        notebook: The notebook.
        cell: What was read of the cell.
    """

    def __init__(self, notebook: NotebookUnderTest, cell: AssetCell) -> None:
        self.notebook = notebook
        self.cell = cell
        self.__name__ = cell.definition.names[0]
        self.__doc__ = cell.definition.description or None

    def __repr__(self) -> str:
        return f"<{self.cell.definition.kind} cell {self.__name__}({', '.join(self.parameters)})>"

    @property
    def key(self) -> AssetKey:
        """The key of the asset (of a check: the asset that it checks)."""
        if self.cell.definition.kind == "check":
            named = self.cell.header.text("asset")
            return AssetKey.from_user_string(named) if named else self.cell.upstreams[0].key
        return self.cell.key

    @property
    def parameters(self) -> tuple[str, ...]:
        """The names of the values it is called with, in order."""
        cell = self.cell
        if cell.definition.form == "decorator":
            return cell.definition.parameters
        names = [up.name for up in cell.upstreams if up.loaded and up.name and up.key not in cell.keys]
        if cell.definition.kind == "op":
            plain = {*cell.plain_names, "context", *names}
            names += [name for name in cell.definition.facts.uses if name not in plain]
        return tuple(dict.fromkeys(names))

    @property
    def checks(self) -> Mapping[str, str]:
        """The `--check` conditions of the cell by name."""
        return {f"check_{at}": text for at, text in enumerate(self.cell.header.items("check"), start=1)}

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run the cell's body with these upstream values (and `context`, where the body reads it).

        A keyword that names a plain variable of the notebook (a constant, a helper) stands in for it.
        """
        values = self._values(args, kwargs)
        context = values.pop("context", None)
        if self.cell.definition.form == "decorator":
            return self._decorated(values, context)
        last, bound = self._run(values, context)
        names = self.cell.definition.names
        if self.cell.definition.kind == "check":
            return self._check_result(bound.get(names[0], last))
        outs = self.cell.header.items("out") or names
        if all(name in bound and name in self.cell.definition.facts.binds for name in outs):
            found = tuple(bound[name] for name in outs)
            return found if len(found) > 1 else found[0]
        return last

    def run_check(self, name: str, value: Any) -> AssetCheckResult:
        """Return what a `--check` condition of this cell says of a value.

        Args:
            name: "check_1" for the first condition, "check_2" for the second; `checks` lists them.
            value: What the cell returned; a tuple where it makes several assets.
        """
        condition = self.checks[name]
        namespace = self.notebook.executed(self._units(), {})
        made = self.cell.definition.names
        found = dict(zip(made, value, strict=True)) if len(made) > 1 else {made[0]: value}
        passed = eval(condition, {**namespace, **found})  # the user's own code, as in every cell
        return AssetCheckResult(passed=_truth(passed), check_name=name, description=condition)

    def _values(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> dict[str, Any]:
        parameters = self.parameters
        if args and getattr(args[0], "log", None) is not None and "context" in self.cell.definition.facts.uses:
            kwargs, args = {"context": args[0], **kwargs}, args[1:]
        if len(args) > len(parameters):
            raise self._wrong(f"takes {len(parameters)} values ({', '.join(parameters)}), {len(args)} were given")
        values = {**dict(zip(parameters, args, strict=False)), **kwargs}
        plain = {name for unit in self._units() for name in unit.statement.binds}
        known = {*parameters, *plain, "context"}
        for name in values:
            if name not in known:
                near = get_close_matches(name, known, 1)
                raise self._wrong(f"reads no {name!r}" + (f"; did you mean {near[0]!r}" if near else ""))
        missing = [name for name in parameters if name not in values]
        if missing:
            given = ", ".join(f"{name}=…" for name in missing)
            raise self._wrong(f"reads {', '.join(missing)}: call it with {self.__name__}({given})")
        return values

    def _wrong(self, what: str) -> InvalidInvocationError:
        return InvalidInvocationError(f"{self.cell.origin}: the cell {self.__name__!r} {what}.")

    def _units(self) -> list[Unit]:
        """Return the plain statements that the cell needs, in document order."""
        linker = self.notebook.linker()
        position = linker.position_of(self.cell.origin.cell_index)
        setup, wanted = set(linker.setup_units(position)), set(self.cell.slice)
        return [
            unit
            for unit in linker.units
            if unit.position in setup or (unit.cell, unit.statement.line, unit.statement.end_line) in wanted
        ]

    def _run(self, values: dict[str, Any], context: Any) -> tuple[Any, Mapping[str, Any]]:
        definition, lines = self.cell.definition, self.notebook.lines
        namespace = self.notebook.executed(self._units(), values)
        namespace.update(values)  # a constant that the test gives wins over the notebook's
        uses = definition.facts.uses
        local = {name: namespace[name] for name in definition.facts.binds if name in uses and name in namespace}
        if "context" in uses:
            local["context"] = self._context(namespace) if context is None else context
        function = body_function(definition.body, self.cell.origin.cell_index, lines, tuple(local), namespace)
        return function(**local)

    def _context(self, namespace: Mapping[str, Any]) -> Any:
        resources: dict[str, Any] = {}
        for value in namespace.values():
            if isinstance(value, Definitions):
                resources.update(value.resources or {})
        build = build_asset_context if self.cell.definition.kind == "asset" else build_op_context
        return build(resources=resources or None)

    def _decorated(self, values: dict[str, Any], context: Any) -> Any:
        definition = self.cell.definition
        namespace = self.notebook.executed(self._units(), {})
        run_statements(definition.body, self.cell.origin.cell_index, self.notebook.lines, namespace)
        made = namespace[getattr(definition.body[0], "name", self.__name__)]
        return made(*([context] if context is not None else []), **values)

    def _check_result(self, found: Any) -> AssetCheckResult:
        if isinstance(found, AssetCheckResult):
            return found
        severity = AssetCheckSeverity[self.cell.header.text("severity") or "ERROR"]
        return AssetCheckResult(passed=_truth(found), check_name=self.__name__, severity=severity)


def _truth(found: Any) -> bool:
    return bool(found.all()) if hasattr(found, "all") else bool(found)
