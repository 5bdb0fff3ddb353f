"""One notebook linked against the whole workspace: upstreams, slices and code versions of its definitions."""

from __future__ import annotations

import ast
import builtins
import copy
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from cellmill.definitions.asset_key import AssetKey

from .asset_cell import AssetCell, CellDefinition, Declaration, Upstream, own_uses
from .facts import CERTAIN, DYNAMIC, GUESS, Import, Use
from .fingerprint import code_version, normal_form, statement_form
from .known import COSMETIC_PREFIXES
from .link import Slice, Unit
from .localmodules import module_versions
from .magic import Header
from .problem import AssetCycleError, NameLinkError, NotebookError
from .scan import NotebookScan


@dataclass(frozen=True, slots=True)
class Linked:
    """A definition linked: the cell, what is wrong with it, and the names whose meaning was looked up for that."""

    cell: AssetCell
    errors: list[NotebookError]
    names: frozenset[str]


class NotebookLinking:
    """Links the definitions of one notebook against the whole workspace."""

    def __init__(
        self,
        scan: NotebookScan,
        index: Mapping[AssetKey, CellDefinition],
        by_name: Mapping[str, list[AssetKey]],
        modules: Mapping[str, str],
        python: tuple[int, int],
    ) -> None:
        self.scan = scan
        self.index = index
        self.by_name = by_name
        self.modules = modules
        self.python = python
        self.linker = scan.linker(modules, python)
        self.own = {
            name: key
            for definition in scan.definitions
            if definition.kind == "asset"
            for name, key in zip(definition.names, definition.keys, strict=False)
        }
        self.forms: dict[int, str] = {}
        #: what was linked so far, by the identity of the definition
        self.linked: dict[int, Linked] = {}
        self._givers = [unit for item in scan.declarations for unit in self._resource_units(item)]

    @property
    def gives_resources(self) -> bool:
        """Whether a cell of the notebook gives resources, which assets need without reading a name."""
        return bool(self._givers)

    def link(self, definition: CellDefinition) -> tuple[AssetCell, list[NotebookError]]:
        """A definition with its upstreams, slice and code version, and what is wrong with it."""
        found = self.linked.get(id(definition))
        if found is None:
            found = self.linked[id(definition)] = self._link(definition)
        return found.cell, found.errors

    def _link(self, definition: CellDefinition) -> Linked:
        errors: list[NotebookError] = []
        position = self.position(definition)
        header = definition.header
        uses = dict(own_uses(definition))
        explicit = self._explicit(definition, uses, errors)
        own = frozenset(definition.names)
        result = self.linker.slice_of(uses.values(), position, own=own, infer=header.infer)
        upstreams = self._inferred(definition, result, explicit, errors)
        self._self_read(definition, uses, position, errors)
        self._history_read(definition, uses, position, errors)
        cells = frozenset(self.linker.units[at].cell for at in result.units)
        setup = self.linker.setup_units(position)
        linked = AssetCell(
            definition=definition,
            upstreams=tuple(upstreams.values()),
            slice=self._spans(result),
            cells=cells | {self.linker.units[at].cell for at in setup} | self._resource_cells(header, position),
            plain_names=tuple(
                sorted(name for name in uses if self.linker.above(name, position)[0] and name not in self.own)
            ),
            code_version=header.text("code_version") or self._version(definition, result),
            notes=self._notes(definition, result),
            reasons={
                (self.linker.units[at].cell, self.linker.units[at].statement.line): ", ".join(sorted(names))
                for at, names in result.why.items()
            },
        )
        return Linked(linked, errors, frozenset(result.looked_up | uses.keys() | own))

    def _resource_units(self, item: Declaration) -> list[Unit]:
        """The statement of a `Definitions` that gives resources."""
        if item.kind != "definitions" or "resources" not in {*item.options, *item.computed}:
            return []
        own = [unit for unit in self.linker.units if unit.cell == item.origin.cell_index]
        return [unit for unit in own if item.name in unit.statement.binds]

    def _resource_cells(self, header: Header, position: int) -> frozenset[int]:
        """The plain cells above that give the resources an asset names, or every asset's IO manager."""
        found: set[int] = set()
        for unit in self._givers:
            if unit.position >= position or not (_names_resources(header) or _gives_io_manager(unit)):
                continue
            needed = self.linker.slice_of(unit.statement.uses.values(), unit.position)
            if not needed.assets:
                found |= {unit.cell, *(self.linker.units[at].cell for at in needed.units)}
        return frozenset(found)

    def position(self, definition: CellDefinition) -> int:
        """Where in the plain cells a definition stands."""
        if definition.form == "decorator":
            start, end = self.linker.spans[definition.origin.cell_index]
            for at in range(start, end):
                if self.linker.units[at].statement.line >= definition.origin.line:
                    return at
            return end
        return self.linker.position_of(definition.origin.cell_index)

    def _explicit(
        self, definition: CellDefinition, uses: dict[str, Use], errors: list[NotebookError]
    ) -> dict[AssetKey, Upstream]:
        if definition.described is not None:
            line = definition.origin.line
            return {key: Upstream(key=key, name=key.parts[-1], line=line) for key in definition.described}
        found: dict[AssetKey, Upstream] = {}
        header = definition.header
        ins = header.pairs("ins")
        for alias, text in ins.items():
            use = uses.pop(alias, None)
            key = self._key(text, definition, errors)
            found[key] = Upstream(key=key, name=alias, line=use.line if use else definition.origin.line)
        for name in definition.parameters:
            if name not in ins:
                key = self._parameter_key(name, definition, errors)
                found[key] = Upstream(key=key, name=name, line=definition.origin.line)
        for text in header.items("deps"):
            key = self._key(text, definition, errors)
            found.setdefault(key, Upstream(key=key, loaded=False, line=definition.origin.line))
        if definition.kind == "check" and header.text("asset"):
            key = self._key(header.text("asset") or "", definition, errors)
            name = key.parts[-1]
            found[key] = Upstream(key=key, name=name, loaded=name in uses, line=definition.origin.line)
        return found

    def _parameter_key(self, name: str, definition: CellDefinition, errors: list[NotebookError]) -> AssetKey:
        prefix = definition.keys[0].parts[:-1]
        same = AssetKey([*prefix, name])
        if same in self.index:
            return same
        candidates = self.by_name.get(name, ())
        return candidates[0] if len(candidates) == 1 else AssetKey([name])

    def _key(self, text: str, definition: CellDefinition, errors: list[NotebookError]) -> AssetKey:
        key = AssetKey(text.split("/"))
        if key in self.index or len(key.parts) > 1:
            return key
        candidates = self.by_name.get(text, ())
        if len(candidates) > 1:
            errors.append(self._ambiguous(text, candidates, definition, definition.origin.line))
        return candidates[0] if candidates else key

    def _inferred(
        self, definition: CellDefinition, result: Slice, explicit: dict[AssetKey, Upstream], errors: list[NotebookError]
    ) -> dict[AssetKey, Upstream]:
        found = dict(explicit)
        for name, use in result.assets.items():
            key = self.own[name]
            if key not in found and key not in definition.keys:
                found[key] = _upstream(key, use)
        if not definition.header.infer:
            return found
        for name, use in result.free.items():
            candidates = [key for key in self.by_name.get(name, ()) if key not in definition.keys]
            if len(candidates) > 1:
                errors.append(self._ambiguous(name, candidates, definition, use.line))
            elif candidates:
                if candidates[0] not in found:
                    found[candidates[0]] = _upstream(candidates[0], use)
            elif use.confidence == CERTAIN and not use.via and name not in definition.names:
                self._unresolved(name, use, definition, errors)
        return found

    def _unresolved(self, name: str, use: Use, definition: CellDefinition, errors: list[NotebookError]) -> None:
        below = self.linker.below(name, self.position(definition))
        if below is None or use.kind in ("annotation", "inspection") or use.note:
            return
        cell = self.linker.units[below.position].cell
        errors.append(
            NameLinkError(
                f"{name!r} is read here, but the cell that defines it (cell {cell + 1}) stands below",
                notebook=definition.origin.path,
                cell=definition.origin.cell_index,
                cell_id=definition.origin.cell_id,
                line=use.line,
                column=use.column,
                remedy=f"Move cell {cell + 1} above this one, or make {name} an asset with %%asset {name}.",
            )  # fmt: skip
        )

    def _self_read(
        self, definition: CellDefinition, uses: Mapping[str, Use], position: int, errors: list[NotebookError]
    ) -> None:
        if (
            definition.kind != "asset"
            or definition.form == "decorator"
            or "partitions_def" in definition.header.options
        ):
            return
        for name in definition.names:
            use = uses.get(name)
            if use is not None and not use.note and not self.linker.above(name, position)[0]:
                elsewhere = [key for key in self.by_name.get(name, ()) if key not in definition.keys]
                if elsewhere:
                    continue
                errors.append(
                    AssetCycleError(
                        f"the asset {name!r} reads itself before anything gives it a value",
                        notebook=definition.origin.path,
                        cell=definition.origin.cell_index,
                        cell_id=definition.origin.cell_id,
                        line=use.line,
                        column=use.column,
                        remedy="Read another name (for example a source asset), or rename this asset; an asset may "
                        "read its own earlier value only with --partitions.",
                    )  # fmt: skip
                )

    def _history_read(
        self, definition: CellDefinition, uses: Mapping[str, Use], position: int, errors: list[NotebookError]
    ) -> None:
        """What the last cell happened to show is nothing that a run could have."""
        for name in sorted(definition.facts.history):
            if name not in uses or self.linker.above(name, position)[0]:
                continue
            errors.append(
                NameLinkError(
                    f"{name} is IPython's own memory of what was shown last, which no run has",
                    notebook=definition.origin.path,
                    cell=definition.origin.cell_index,
                    cell_id=definition.origin.cell_id,
                    line=uses[name].line,
                    remedy="Give the value a name in the cell that makes it, and read that name.",
                )
            )

    def _ambiguous(self, name: str, keys: Sequence[AssetKey], definition: CellDefinition, line: int) -> NameLinkError:
        places = " and ".join(
            f"{key.to_user_string()!r} ({self.index[key].origin if key in self.index else 'a module'})" for key in keys
        )
        return NameLinkError(
            f"{name!r} could be {places}", notebook=definition.origin.path, cell=definition.origin.cell_index,
            cell_id=definition.origin.cell_id, line=line,
            remedy=f"Say which with --ins {name}={keys[0].to_user_string()}.",
        )  # fmt: skip

    def _spans(self, result: Slice) -> tuple[tuple[int, int, int], ...]:
        units = self.linker.units
        return tuple(
            (units[at].cell, units[at].statement.line, units[at].statement.end_line) for at in sorted(result.units)
        )

    def _form(self, at: int) -> str:
        form = self.forms.get(at)
        if form is None:
            form = self.forms[at] = statement_form(self.linker.units[at].statement)
        return form

    def _version(self, definition: CellDefinition, result: Slice) -> str:
        body = definition.body
        if definition.description and definition.form != "decorator" and not definition.header.text("description"):
            body = body[1:]
        # decorators say how an asset is declared, not what it computes
        parts = [body_form(body)]
        imports: list[Import] = []
        for at in sorted(result.units):
            unit = self.linker.units[at]
            if (
                definition.form == "decorator"
                and unit.statement.nodes
                and unit.statement.nodes[0] is definition.body[0]
            ):
                continue
            if not _cosmetic(unit.statement.foreign):
                parts.append(self._form(at))
            imports.extend(unit.statement.imports)
        imports.extend(definition.facts.imports)
        parts.extend(module_versions(imports, self.modules, self.scan.path))
        return code_version(parts, self.python)

    def _shadowing(self, definition: CellDefinition) -> Iterator[str]:
        """Notes of assets that take the name of a builtin or of a module away from every other cell."""
        for name in definition.names if definition.kind == "asset" else ():
            line = definition.origin.line
            if hasattr(builtins, name):
                yield f"line {line}: {name!r} is a builtin too; every cell that says it reads the asset"
            for entry in self.linker.entries.get(name, ()):
                if entry.bind is not None and entry.bind.kind == "import":
                    place = f"cell {self.linker.units[entry.position].cell + 1}, line {entry.bind.line}"
                    yield f"line {line}: {name!r} is imported in {place} too; every cell that says it reads the asset"

    def _notes(self, definition: CellDefinition, result: Slice) -> tuple[str, ...]:
        notes = [*definition.facts.notes, *self._shadowing(definition)]
        if DYNAMIC in definition.facts.flags:
            lines = [one.line for one in definition.facts.statements if DYNAMIC in one.flags]
            notes.append(
                f"line {min(lines, default=definition.origin.line)}: this code reads or binds names that the text "
                "does not show; they are unknown until it runs: name the assets that it needs with --deps"
            )
        opened = [self.linker.units[at] for at in sorted(result.units) if at in self.linker.open]
        notes += [
            f"cell {unit.cell + 1}, line {unit.statement.line} may bind any name: what this asset takes from it is "
            "unknown until it runs"
            for unit in opened
        ]
        for name, use in result.free.items():
            if name not in self.by_name and use.confidence == CERTAIN and name not in definition.names:
                notes.append(f"line {use.line}: nothing defines {name!r}")
        for name, use in result.assets.items():
            if use.confidence == GUESS:
                notes.append(f"line {use.line}: {name!r} may be an upstream (found in a {use.kind})")
        for name, change in definition.facts.mutates.items():
            if name in self.own and name not in definition.names and name in result.assets:
                notes.append(
                    f"line {change.line}: {change.how} changes the asset {name!r} in place; make a new value instead, "
                    f"e.g. {name}2 = {name}.copy()"
                )
        return tuple(dict.fromkeys(notes))


@lru_cache(maxsize=8192)
def body_form(body: tuple[ast.stmt, ...]) -> str:
    """The normal form of a body; kept by the identity of its syntax, which lives as long as the cell is unchanged."""
    return normal_form(_undecorated(body))


def _undecorated(body: Sequence[ast.stmt]) -> list[ast.stmt]:
    plain: list[ast.stmt] = []
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.decorator_list:
            copied = copy.copy(node)
            copied.decorator_list = []
            plain.append(copied)
        else:
            plain.append(node)
    return plain


def _cosmetic(foreign: str) -> bool:
    return foreign.startswith(COSMETIC_PREFIXES)


def _upstream(key: AssetKey, use: Use) -> Upstream:
    return Upstream(key=key, name=use.name, confidence=use.confidence, line=use.line, via=use.via, note=use.note)


def _names_resources(header: Header) -> bool:
    return bool(header.text("io_manager_key") or header.items("required_resource_keys"))


def _gives_io_manager(unit: Unit) -> bool:
    every = (node for statement in unit.statement.nodes for node in ast.walk(statement))
    return any(isinstance(node, ast.Constant) and node.value == "io_manager" for node in every)
