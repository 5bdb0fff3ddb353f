"""Asset cells and checks of a notebook as pytest items."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from cellmill.definitions.asset_key import AssetKey
from cellmill.definitions.events import AssetCheckResult, AssetCheckSeverity
from cellmill.execution.direct_context import build_asset_context
from cellmill.execution.load import load
from cellmill.notebooks.options_text import partitions_of
from cellmill.notebooks.workspace import WorkspaceScan, scan_workspace
from cellmill.testing.notebook import CellFunction, NotebookUnderTest
from cellmill.workspace.config import find_workspace
from cellmill.workspace.discovery import find_notebooks

_PYTHON = (sys.version_info[0], sys.version_info[1])


class UpstreamFailed(AssertionError):
    """An asset that this one is made from could not be made; correct that one first."""


class CheckFailed(AssertionError):
    """The asset is not as its check wants it; look at the value, or at the check."""


def has_cells(path: Path) -> bool:
    """Return whether a file is a notebook with cells to test; a .py file must be in percent format."""
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError):
        return False
    if path.suffix == ".py" and not text.lstrip().startswith(("# %%", "# ---")):
        return False
    return any(mark in text for mark in ("%%asset", "%%check", "#| asset", "#| check", "# | asset", "# | check"))


class Values:
    """The notebooks of a workspace, and the values of their assets, each made once for all tests that read it."""

    def __init__(self, root: Path, extra: Path) -> None:
        self.root = root
        config = find_workspace(root)
        paths = {extra}
        for location in config.locations:
            if location.kind == "notebooks":
                paths.update(
                    find_notebooks(root, location.targets, exclude=location.exclude, only_cellmill=config.implicit)
                )
        texts = {os.fspath(path): path.read_bytes() for path in sorted(paths)}
        self.linked: WorkspaceScan = scan_workspace(texts, python=_PYTHON)
        self._values: dict[AssetKey, Any] = {}
        self._failed: dict[AssetKey, str] = {}

    @cache  # noqa: B019 - lives as long as the session
    def notebook(self, path: str) -> NotebookUnderTest:
        """Return a notebook's cells as functions."""
        return NotebookUnderTest(self.linked, path, Path(path))

    def value(self, key: AssetKey, partition: str | None) -> Any:
        """Return the value of an asset, made with all that is upstream of it."""
        if key in self._failed:
            raise UpstreamFailed(f"{key.to_user_string()} could not be made: {self._failed[key]}")
        if key not in self._values:
            self._make(key, partition)
        return self._values[key]

    def _make(self, key: AssetKey, partition: str | None) -> None:
        cell = self.linked.assets.get(key)
        if cell is None:
            self._values[key] = self._stored(key)
            return
        function = self.notebook(cell.origin.path).assets["/".join(key.parts) if len(key.parts) > 1 else key.parts[0]]
        try:
            found = function(**self.inputs(function, partition))
        except Exception as error:
            for made in cell.keys:
                self._failed[made] = f"{type(error).__name__}: {error}"
            raise
        several = len(cell.keys) > 1
        for made, value in zip(cell.keys, found if several else (found,), strict=True):
            self._values[made] = value

    def inputs(self, function: CellFunction, partition: str | None) -> dict[str, Any]:
        """Return what to call a cell with."""
        values: dict[str, Any] = {}
        for up in function.cell.upstreams:
            if up.loaded and up.name and up.key not in function.cell.keys:
                values[up.name] = self.value(up.key, partition)
        if "context" in function.cell.definition.facts.uses:
            text = function.cell.header.text("partitions_def")
            if text:
                names = self.notebook(function.cell.origin.path).namespace()
                chosen = partition or partitions_of(text, names.get).get_first_partition_key()
                values["context"] = build_asset_context(partition_key=chosen)
        return values

    def _stored(self, key: AssetKey) -> Any:
        return load(key)


class NotebookFile(pytest.File):
    """A notebook; its items are its asset cells and checks, in document order."""

    def collect(self) -> Iterator[pytest.Item]:
        """Return the items."""
        values = _values(self.session, self.path)
        problems = [p for p in values.linked.problems if getattr(p, "notebook", None) == os.fspath(self.path)]
        if problems:
            raise self.CollectError(str(problems[0]))
        notebook = values.notebook(os.fspath(self.path))
        seen: set[int] = set()
        for name in notebook.assets:
            function = notebook.assets[name]
            if id(function) in seen:
                continue
            seen.add(id(function))
            yield AssetItem.from_parent(self, name=name, values=values, function=function)
            for check in function.checks:
                item = f"{name}[{check}]"
                yield CheckItem.from_parent(self, name=item, values=values, function=function, check=check)
        for name in notebook.checks:
            yield CheckItem.from_parent(self, name=name, values=values, function=notebook.checks[name], check=None)


_KEY = pytest.StashKey[dict[Path, Values]]()


def _values(session: pytest.Session, path: Path) -> Values:
    kept = session.stash.setdefault(_KEY, {})
    root = find_workspace(path.parent).root
    found = kept.get(root)
    if found is None or os.fspath(path) not in found.linked.notebooks:
        found = kept[root] = Values(root, path)
    return found


class CellItem(pytest.Item):
    """One cell."""

    def __init__(self, *, values: Values, function: CellFunction, **options: Any) -> None:
        super().__init__(**options)
        self.values = values
        self.function = function
        self.partition: str | None = self.config.getoption("--cellmill-partition")
        self.add_marker("cellmill")

    def reportinfo(self) -> tuple[Path, int, str]:
        """Return where the cell stands."""
        lines = self.function.notebook.lines
        return self.path, lines.line(self.function.cell.origin.cell_index, 1) - 1, self.name

    def _traceback_filter(self, excinfo: pytest.ExceptionInfo[BaseException]) -> Any:
        """Show the frames from the cell on: not what called it."""
        entries = excinfo.traceback
        for at, entry in enumerate(entries):
            if str(entry.path) == str(self.function.notebook.lines.path):
                return type(entries)(entries[at:])
        return entries

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """Show what went wrong; for a check, what it says."""
        if isinstance(excinfo.value, (CheckFailed, UpstreamFailed)):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)


class AssetItem(CellItem):
    """An asset cell: it can be made from what is upstream of it."""

    def runtest(self) -> None:
        """Make the asset."""
        self.values.value(self.function.key, self.partition)


class CheckItem(CellItem):
    """A check: it passes for the value that the asset's cell makes. Severity WARN only warns."""

    def __init__(self, *, check: str | None, **options: Any) -> None:
        super().__init__(**options)
        self.check = check

    def runtest(self) -> None:
        """Evaluate the check."""
        found = self._evaluated()
        if found.passed:
            return
        said = found.description or self.check or self.name
        text = f"{self.function.cell.origin}: the check of {self.function.key.to_user_string()} failed: {said}"
        if found.severity is AssetCheckSeverity.WARN:
            self.warn(pytest.PytestWarning(text))
            return
        raise CheckFailed(text)

    def _evaluated(self) -> AssetCheckResult:
        if self.check is None:
            result: AssetCheckResult = self.function(**self.values.inputs(self.function, self.partition))
            return result
        values = tuple(self.values.value(key, self.partition) for key in self.function.cell.keys)
        return self.function.run_check(self.check, values if len(values) > 1 else values[0])
