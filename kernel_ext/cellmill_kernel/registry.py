"""Which asset is which cell: the definitions of this notebook by cell id, linked one at a time."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from cellmill.definitions.asset_key import AssetKey
from cellmill.notebooks.asset_cell import AssetCell, CellDefinition
from cellmill.notebooks.cache import FactsCache
from cellmill.notebooks.described import DescribedAsset, with_described
from cellmill.notebooks.linking import NotebookLinking
from cellmill.notebooks.problem import NotebookError
from cellmill.notebooks.relink import take_over
from cellmill.notebooks.scan import NotebookScan, scan_notebook
from cellmill.notebooks.workspace import WorkspaceScan, asset_index, link_notebook

from .live import PYTHON, LiveNotebook


class Registry:
    """The definitions of the live notebook.

    - re-running, editing, renaming, deleting, moving and copying cells needs no book-keeping: the registry is what the
      live notebook says;
    - one cell is linked in milliseconds as long as the other cells are what they were.
    """

    def __init__(self, live: LiveNotebook) -> None:
        self.live = live
        self.facts = FactsCache()
        #: sources of the workspace's own modules, by dotted name
        self.modules: Callable[[], Mapping[str, str]] = dict
        #: assets that running the notebook's cells has made, which its text does not show
        self.described: Callable[[NotebookScan], list[DescribedAsset]] = lambda scan: []
        self._told: list[DescribedAsset] = []
        self.other_assets: Sequence[AssetKey] = ()
        self._scan: NotebookScan | None = None
        #: the scan of the text alone
        self._read: NotebookScan | None = None
        self._scan_version = -1
        self._linking: NotebookLinking | None = None
        #: the linking before the last change: what an edit did not touch is taken from it
        self._earlier: NotebookLinking | None = None
        self._linked: dict[str, AssetCell] = {}
        self._whole: WorkspaceScan | None = None

    def set_other_assets(self, keys: Sequence[AssetKey]) -> None:
        """The assets that other notebooks and modules of the workspace define."""
        if list(keys) != list(self.other_assets):
            self.other_assets = list(keys)
            self._forget()

    def _forget(self) -> None:
        self._linking = None
        self._whole = None
        self._linked.clear()

    def scan(self) -> NotebookScan:
        """The live notebook, read; only cells that changed are analysed."""
        if self._scan is None or self._scan_version != self.live.version:
            self._read = self._scan = scan_notebook(self.live.document(), cache=self.facts, python=PYTHON)
            self._scan_version = self.live.version
            self._told = []
            self._forget()
        assert self._read is not None
        if (told := self.described(self._read)) != self._told:
            self._told = told
            self._scan = with_described(self._read, told)
            self._forget()
        return self._scan

    def linking(self) -> NotebookLinking:
        """What links one definition after the other."""
        scan = self.scan()
        if self._linking is None:
            index, by_name = asset_index([scan], self.other_assets)
            self._linking = NotebookLinking(scan, index, by_name, self.modules(), PYTHON)
            if self._earlier is not None:
                take_over(self._earlier, self._linking)
            self._earlier = self._linking
        return self._linking

    def definition(self, cell_id: str) -> CellDefinition | None:
        """The definition that a cell is."""
        return next((d for d in self.scan().definitions if d.origin.cell_id == cell_id), None)

    def link(self, cell_id: str) -> tuple[AssetCell, list[NotebookError]]:
        """The cell's asset, with upstreams, slice and code version, and what is wrong with it.

        Raises: NotebookError where the cell is no definition at all.
        """
        definition = self.definition(cell_id)
        if definition is None or not definition.keys:
            raise next(
                (problem for problem in self.scan().problems if problem.cell_id == cell_id),
                NotebookError("the cell defines nothing", notebook=self.live.path, cell_id=cell_id),
            )
        first = self._first_of(definition)
        linked, errors = self.linking().link(definition)
        if first is not None:
            errors = [
                NotebookError(
                    f"the asset {definition.key.to_user_string()!r} is also made by {first.origin}",
                    notebook=self.live.path, cell=definition.origin.cell_index, cell_id=cell_id, line=1,
                    remedy="Rename one of them, or delete the other cell and save the notebook.",
                ),
                *errors,
            ]  # fmt: skip
        self._linked[cell_id] = linked
        return linked, errors

    def _first_of(self, definition: CellDefinition) -> CellDefinition | None:
        """Another cell that ran and makes one of the same assets."""
        for other in self.scan().definitions:
            same_cell = other.origin.cell_id == definition.origin.cell_id
            if not same_cell and set(other.keys) & set(definition.keys) and other.origin.cell_id in self.live.ran:
                return other
        return None

    def whole(self) -> WorkspaceScan:
        """All definitions of this notebook, linked; kept until something changes."""
        linking = self.linking()
        if self._whole is None:
            self._whole = link_notebook(linking)
        return self._whole

    def assets(self) -> dict[AssetKey, AssetCell]:
        """The assets of this notebook."""
        return dict(self.whole().assets)

    def find(self, key: AssetKey) -> AssetCell | None:
        """The cell that makes an asset."""
        return self.whole().assets.get(key)

    def find_by_name(self, name: str) -> list[AssetKey]:
        """The keys that a name (``b``, ``raw/b``) may mean, those of this notebook first."""
        parts = tuple(name.split("/"))
        own = [key for key in self.assets() if key.parts == parts or (len(parts) == 1 and key.parts[-1] == name)]
        if own:
            return own
        return [key for key in self.other_assets if key.parts == parts or (len(parts) == 1 and key.parts[-1] == name)]
