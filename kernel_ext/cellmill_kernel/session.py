"""What this kernel knows: the live notebook, its assets, the workspace and the instance; one session a kernel."""

from __future__ import annotations

import contextlib
import difflib
import hashlib
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cellmill.definitions.asset_key import AssetKey
from cellmill.execution.notebook.notebook_context import NAME as CONTEXT
from cellmill.execution.notebook.notebook_context import bind_in, holds_own
from cellmill.first_use import on_first_use
from cellmill.notebooks.magic import split_header
from cellmill.notebooks.problem import NotebookError

from . import current_run
from .live import PYTHON, SESSION_ID, LiveNotebook, find_notebook_file
from .made import MadeDefinitions
from .settings import settings_of
from .values import Values

if TYPE_CHECKING:
    from cellmill.instance import instance
    from cellmill.notebooks.asset_cell import AssetCell
    from cellmill.workspace import notebook_reading, workspace
    from cellmill.workspace.manifest import AssetEntry, Manifest

    from . import code_places, hidden, outputs, reading
    from . import registry as registries
    from .audit import Audit
    from .code_places import CodePlaces
    from .outputs import Recorder
    from .registry import Registry
else:
    workspace = on_first_use("cellmill.workspace.workspace")
    instance = on_first_use("cellmill.instance.instance")
    reading = on_first_use("cellmill_kernel.reading")
    code_places = on_first_use("cellmill_kernel.code_places")
    hidden = on_first_use("cellmill_kernel.hidden")
    notebook_reading = on_first_use("cellmill.workspace.notebook_reading")
    outputs = on_first_use("cellmill_kernel.outputs")
    registries = on_first_use("cellmill_kernel.registry")


class Session:
    """The kernel's side of a workspace.

    - keeps what ran in this kernel, by cell id (`live`), and what it defines (`registry`);
    - opens workspace and instance at first need;
    - tells listeners (the lineage widget) what changed.
    """

    def __init__(self, shell: Any) -> None:
        self.shell = shell
        self.live = LiveNotebook()
        #: in which cell the code is that an error is about
        self._places: CodePlaces | None = None
        #: names that were there before anything ran under our eyes
        self._given = frozenset(getattr(shell, "user_ns", ()))
        self._registry: Registry | None = None
        self._values: Values | None = None
        #: definitions by the cell that made them
        self.made = MadeDefinitions()
        self.settings = settings_of(shell)
        #: the number that the client shows beside the running cell
        self.cell_number = 0
        self.listeners: list[Callable[[frozenset[AssetKey]], None]] = []
        #: status lines to show under the cell's own output
        self.after_cell: list[Callable[[], None]] = []
        self._cells: list[tuple[str, str]] = []
        #: what the running asset cell shows, and the runs that it made by hand
        self._recorder: Recorder | None = None
        self.runs_by_hand: list[str] = []
        #: records what cells really do, while `%audit on`
        self.audit: Audit | None = None
        #: the version of the notebook that listeners know
        self._told_version = 0
        self._warned: set[str] = set()
        #: (cell, finding, what, remedy) of upstream values that a body changed in place
        self.mutations_seen: list[tuple[str, str, str, str]] = []
        self._instance: Any = None
        self._workspace: Any = None
        #: what the workspace offered when this notebook was last told of the others
        self._manifest: Manifest | None = None
        self._searched = False

    @property
    def namespace(self) -> dict[str, Any]:
        """The notebook's namespace."""
        found: dict[str, Any] = self.shell.user_ns
        return found

    @property
    def registry(self) -> Registry:
        """The definitions of this notebook."""
        if self._registry is None:
            self._registry = registries.Registry(self.live)
            self._registry.modules = self.modules
            self._registry.described = lambda scan: self.made.described(scan, self.namespace)
        return self._registry

    @property
    def values(self) -> Values:
        """The values that this kernel holds."""
        if self._values is None:
            self._values = Values(self)
        return self._values

    # workspace and instance -------------------------------------------------------------------------------------

    @property
    def workspace(self) -> Any:
        """The workspace that the notebook lies in."""
        if self._workspace is None:
            start = self.live.file.parent if self.live.file is not None else Path.cwd()
            # a kernel starts no other: what texts do not show is there as soon as anything else has asked for it
            self._workspace = workspace.Workspace.open(start, describe=False)
        return self._workspace

    @property
    def root(self) -> Path:
        """The workspace's folder."""
        root: Path = self.workspace.config.root
        return root

    @property
    def instance(self) -> Any:
        """The instance of the workspace."""
        if self._instance is None:
            run = current_run.current()
            if run is not None:
                self._instance = reading.ReadingInstance(instance.Instance.get(run.message.home or self.workspace.home))
            else:
                self._instance = instance.Instance.get(self.workspace.home)
        return self._instance

    def close(self) -> None:
        """Let go of workspace and instance."""
        if self._places is not None:
            self._places.close()
        for thing in (self._workspace, self._instance):
            if thing is not None:
                thing.close()
        self._workspace = self._instance = None

    def refresh(self, *, force: bool = False) -> None:
        """Look again at the notebook's file and, now and then, at the rest of the workspace."""
        self.live.refresh()
        run = current_run.current()
        if run is not None:
            self.registry.set_other_assets(run.message.reads)
            return
        manifest = self.workspace.refresh() if force else self.workspace.follow()
        if manifest is not self._manifest:
            self._manifest = manifest
            self.registry.set_other_assets([AssetKey(entry.key) for entry in self.other_entries()])

    def edited_elsewhere(self) -> frozenset[AssetKey]:
        """Look again at the rest of the workspace; return the assets that an edit made, changed or took away."""
        before = self._manifest
        self.refresh()
        if before is None or self._manifest is before:
            return frozenset()
        old, new = ({entry.key: entry for entry in one.assets} for one in (before, self.workspace.manifest))
        return frozenset(AssetKey(key) for key in {**old, **new} if old.get(key) != new.get(key))

    def other_entries(self) -> Iterator[AssetEntry]:
        """The assets of the rest of the workspace; of this notebook, what ran counts and not what was saved."""
        own = self.live.path
        return (entry for entry in self.workspace.manifest.assets if not own or entry.notebook != own)

    def modules(self) -> Mapping[str, str]:
        """Sources of the workspace's own modules, as far as this notebook imports any of them."""
        folders = {self.root, self.live.file.parent if self.live.file is not None else Path.cwd()}
        tops = {
            item.module.partition(".")[0] or item.name
            for cell in self.registry.scan().cells
            for item in cell.facts.imports
        }
        found: dict[str, str] = {}
        scan = self.registry.scan()
        if any(hint.kind == "run" for cell in scan.cells for hint in cell.facts.hints):
            place = self.live.file or Path.cwd() / "notebook.ipynb"
            found.update(notebook_reading.run_files(place, self.live.path, scan))
        here = [top for top in tops if any((f / f"{top}.py").is_file() or (f / top).is_dir() for f in folders)]
        if not here:
            return found
        for location in self.workspace.locations.values():
            if hasattr(location, "modules"):
                found.update(location.modules())
        return found

    def find_file(self, cell_id: str | None, source: str | None) -> None:
        """Find the notebook's own file, once."""
        if self.live.file is not None or self._searched:
            return
        run = current_run.current()
        if run is not None:
            self.live.path = run.message.notebook
            self._searched = True
            places = [folder / self.live.path for folder in (Path.cwd(), *Path.cwd().parents)]
            self.live.file = next((place for place in places if place.is_file()), None) if self.live.path else None
            self.live.refresh()
            return
        file = find_notebook_file(self.shell, Path.cwd(), cell_id, source)
        if file is None:
            self._searched = len(self.live.ran) > 3
            return
        self.live.file = file
        if self._workspace is not None:
            self._workspace.close()
        self._workspace = self._manifest = None
        self.live.path = os.path.relpath(file, self.root).replace(os.sep, "/")
        self.live.refresh()

    # cells as they run ------------------------------------------------------------------------------------------

    def before_cell(self, info: Any) -> None:
        """A cell starts: note its source; load assets that it reads and nothing bound yet."""
        source = str(info.raw_cell or "")
        if getattr(info, "silent", False) or not source.strip():
            self._cells.append(("", source))
            return
        self.made.begin()
        bind_in(self.shell)
        cell_id = getattr(info, "cell_id", None)
        self.find_file(cell_id, source)
        if cell_id is None:
            self.live.refresh()
            cell_id = self.live.find_id(source) or _session_id(source)
        self._cells.append((cell_id, source))
        self.live.record(cell_id, source)
        if self._places is None:
            # loaded with the first cell, not with the extension
            self._places = code_places.CodePlaces(self)
        stored = getattr(info, "store_history", True)
        self.cell_number = self.shell.execution_count - (1 if stored else 0)
        self._places.note(cell_id, self.cell_number)
        self.live.refresh()
        self.runs_by_hand.clear()
        if split_header(source) is not None:
            if self._recorder is None and current_run.current() is None:
                self._recorder = outputs.Recorder(self.shell)
        elif self._may_have_assets():
            self._prepare_plain_cell(cell_id, source)
        if self.audit is not None:
            self.audit.begin(cell_id)

    def _may_have_assets(self) -> bool:
        """Cheap before the first asset: nothing is loaded to find that there is none."""
        if self._registry is None and not self.live.mentions_assets():
            return False
        return any(definition.kind == "asset" for definition in self.registry.scan().definitions)

    def _prepare_plain_cell(self, cell_id: str, source: str) -> None:
        """A plain cell that reads an asset's name gets the stored value, loaded just before; hidden state is said."""
        _, facts = self.registry.facts.analyse(source, PYTHON)
        linking = self.registry.linking()
        for name in facts.uses:
            key = linking.own.get(name)
            if key is not None and not self.has(name):
                with contextlib.suppress(Exception):  # the cell itself will say what is missing
                    self.values.load_into_namespace(key, name)
        if current_run.current() is None:
            for read in hidden.hidden_reads(self, cell_id, facts):
                self.warn_once(str(read))

    def note_mutation(self, key: AssetKey, name: str) -> None:
        """A value that this kernel holds is no longer the one that was made: say so, and use the stored one."""
        text = key.to_user_string()
        what = f"a plain cell changed the asset {text} in place"
        if not any(seen[2] == what for seen in self.mutations_seen):
            self.mutations_seen.append((
                "", "mutation", what,
                f"Make the change in the cell that makes {name}, or make a new asset of {name}.copy().",
            ))  # fmt: skip
        self.warn_once(
            f"{what} since it was made; assets read what is stored. Change it in the cell that makes it, or make a "
            f"new value, e.g. {name}2 = {name}.copy()"
        )

    def made_here(self, name: str) -> bool:
        """Whether the namespace has the name because a cell of this notebook once gave it."""
        return self.has(name) and name not in self._given and not name.startswith("_")

    def has(self, name: str) -> bool:
        """Whether the namespace has the name, other than as the `context` that every plain cell finds."""
        return name in self.namespace and (name != CONTEXT or holds_own(self.namespace))

    def after_execution(self, result: Any) -> None:
        """A cell ended: keep what it showed, then show the status lines that belong under its output."""
        if self.audit is not None:
            self.audit.tell(self.audit.end(self.current_cell[0]))
        if self._recorder is not None:
            error = getattr(result, "error_before_exec", None) or getattr(result, "error_in_exec", None)
            self._recorder.keep(self, self.current_cell, error)
            self._recorder = None
        if self._cells:
            cell_id, _ = self._cells.pop()
            self.made.end(cell_id, self.namespace)
        shows, self.after_cell = self.after_cell, []
        for show in shows:
            show()
        # a plain cell stores nothing, and yet the helper that it changed may have made assets stale; so may a cell that
        # was moved or deleted in the file
        if self.listeners:
            self.live.refresh()
            if self.live.version != self._told_version:
                self.changed(())
        self._told_version = self.live.version

    @property
    def current_cell(self) -> tuple[str, str]:
        """Id and source of the cell that is running."""
        return self._cells[-1] if self._cells else ("", "")

    def cell_for(self, source: str) -> str:
        """The id of the running cell, or one for a source that was run without a cell or by another cell's code."""
        cell_id, running = self.current_cell
        if not cell_id or split_header(running) is None:
            # a loop that calls `run_cell_magic` is no asset cell: it may make several assets, and stays what it is
            cell_id = _session_id(source)
            if running:
                self.warn_once(
                    f"{' '.join(source.split()[:2])} was made by code: the notebook's text does not show it, "
                    "so that runs and schedules do not know it; use @asset in code"
                )
        self.live.record(cell_id, source)
        return cell_id

    # assets -----------------------------------------------------------------------------------------------------

    def link(self, cell_id: str) -> AssetCell:
        """The asset that a cell is; raises what is wrong with it."""
        self.refresh()
        linked, errors = self.registry.link(cell_id)
        if errors:
            raise errors[0]
        for note in linked.notes:
            self.warn_once(f"{linked.key.to_user_string()}: {note}")
        self._warn_edited(linked)
        self._warn_unknown_deps(linked)
        return linked

    def _warn_unknown_deps(self, linked: AssetCell) -> None:
        """`--deps` may name what is made elsewhere; a name that nothing here makes may also be a mistake."""
        named = [up.key for up in linked.upstreams if not up.loaded]
        if not named or current_run.current() is not None:
            return
        known = {key.to_user_string() for key in (*self.registry.assets(), *self.registry.other_assets)}
        for name in (key.to_user_string() for key in named):
            if name not in known:
                near = difflib.get_close_matches(name, known, 1)
                remedy = f"did you mean {near[0]!r}?" if near else "it counts as made elsewhere"
                self.warn_once(
                    f"{linked.key.to_user_string()}: --deps names {name!r}, which nothing here makes; {remedy}"
                )

    def _warn_edited(self, linked: AssetCell) -> None:
        document = self.registry.scan().notebook
        ids = {document.cells[index].id for index in linked.cells if index < len(document.cells)}
        for cell in self.live.edited_not_run():
            if cell.id in ids:
                number = next(c.index for c in document.cells if c.id == cell.id) + 1
                self.warn_once(
                    f"{linked.key.to_user_string()}: cell {number} was edited but not run again; what ran is used"
                )

    def warn_once(self, text: str) -> None:
        """Show a warning under the cell, the first time it applies."""
        if text not in self._warned:
            self._warned.add(text)
            self.after_cell.append(lambda: print(f"⚠ {text}"))

    def key_of(self, name: str) -> AssetKey:
        """The asset that a name means; raises an error with the nearest name."""
        self.refresh()
        found = self.registry.find_by_name(name)
        if not found:
            self.refresh(force=True)
            found = self.registry.find_by_name(name)
        stored = AssetKey(name.split("/"))
        if not found and current_run.current() is None and self.instance.has_asset_key(stored):
            return stored  # made by a notebook that was never saved, or whose cell is gone
        if not found:
            raise NotebookError(f"there is no asset {name!r}", notebook=self.live.path, remedy=self._nearest(name))
        return found[0]

    def _nearest(self, name: str) -> str:
        # for an error's text alone, in what every kernel loads
        import difflib

        known = [key.to_user_string() for key in (*self.registry.assets(), *self.registry.other_assets)]
        near = difflib.get_close_matches(name, known, 1, 0.5)
        return f"Did you mean {near[0]}?" if near else "%assets lists them."

    def all_keys(self) -> list[AssetKey]:
        """Every asset of the workspace, this notebook's first."""
        return list(dict.fromkeys([*self.registry.assets(), *self.registry.other_assets]))

    def load_value(self, key: AssetKey, partition_key: str | None = None) -> Any:
        """The stored value of an asset."""
        return self.values.load(key, partition_key)

    def resources(self) -> dict[str, object]:
        """Resources that the notebook's `Definitions` objects give, the last one winning."""
        found: dict[str, object] = {}
        for value in list(self.namespace.values()):
            kind = type(value)
            # most of a namespace are the texts of cells that IPython keeps
            if kind is not str and kind.__name__ == "Definitions" and kind.__module__.startswith("cellmill."):
                found.update(value.resources or {})
        return found

    def decorated(self, keys: Iterable[AssetKey]) -> list[Any]:
        """The namespace's assets of decorated functions that make any of `keys`, in the order of `keys`.

        One that declares no code version has that of its text.
        """
        values = self.made.definitions(self.namespace)
        found = {id(value): value for key in keys for value in values if key in value.keys}
        return [self._versioned(value) for value in found.values()]

    def _versioned(self, definition: Any) -> Any:
        cells = {key: cell for key in definition.keys if (cell := self.registry.find(key)) is not None}

        def of_spec(spec: Any) -> Any:
            cell = cells.get(spec.key)
            return (
                spec if spec.code_version or cell is None else spec.replace_attributes(code_version=cell.code_version)
            )

        return definition.map_asset_specs(of_spec)

    def lookup(self, name: str) -> Any:
        """The object that an option names (``--partitions days``)."""
        return self.namespace.get(name)

    def changed(self, keys: Sequence[AssetKey] | frozenset[AssetKey]) -> None:
        """Tell listeners that assets may have a new state."""
        for listener in list(self.listeners):
            listener(frozenset(keys))

    def graph(self) -> Mapping[AssetKey, tuple[AssetKey, ...]]:
        """Every asset of the workspace with its upstreams."""
        edges: dict[AssetKey, tuple[AssetKey, ...]] = {}
        if current_run.current() is None:
            for entry in self.other_entries():
                edges[AssetKey(entry.key)] = tuple(AssetKey(up) for up in entry.upstream)
        for key, cell in self.registry.assets().items():
            edges[key] = tuple(up.key for up in cell.upstreams if up.key not in cell.keys)
        return edges


def _session_id(source: str) -> str:
    """An id for code that no cell of a notebook is: by the names it defines, so that running it again replaces it."""
    header = split_header(source)
    first = source.split("\n", 1)[0] if header is not None else source
    words = first.split()[:2] if header is not None else [first]
    return SESSION_ID + hashlib.blake2b(" ".join(words).encode(), digest_size=6).hexdigest()


_session: Session | None = None


def start_session(shell: Any) -> Session:
    """The session of this kernel, made at the first `%load_ext cellmill`."""
    global _session
    if _session is None or _session.shell is not shell:
        _session = Session(shell)
    return _session


def get_session() -> Session:
    """The session of this kernel."""
    if _session is None:
        raise NotebookError("cellmill is not loaded in this kernel", remedy="Run %load_ext cellmill first.")
    return _session


def end_session() -> None:
    """Forget the session."""
    global _session
    if _session is not None:
        _session.close()
    _session = None
