"""What a code location offers, as plain data: the form that hosts send, the cache keeps and every list shows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from functools import cache
from types import MappingProxyType
from typing import Any, Literal, Self

from cellmill.definitions.asset_key import AssetCheckKey, AssetKey
from cellmill.definitions.selection_graph import AssetFacts

#: Raised when the form changes, so that cached manifests of older versions are read anew.
MANIFEST_VERSION = 13

_NOTHING: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class _Entry:
    """A record that becomes JSON and comes back."""

    @classmethod
    def from_json(cls, data: Mapping[str, Any], **more: Any) -> Self:
        """Return the record of `to_json`, with the fields `more`."""
        return cls(**{key: _frozen(value) if type(value) is list else value for key, value in data.items()}, **more)

    def to_json(self) -> dict[str, Any]:
        """Return the record as JSON data, fields at their defaults left out."""
        out = {}
        for name, default in self._defaults():
            value = getattr(self, name)
            if value != default:
                out[name] = _thawed(value)
        return out

    @classmethod
    @cache
    def _defaults(cls) -> tuple[tuple[str, Any], ...]:
        return tuple(
            (item.name, item.default_factory() if callable(item.default_factory) else item.default)
            for item in fields(cls)
        )


def _frozen(value: list[Any]) -> tuple[Any, ...]:
    return tuple([_frozen(item) if type(item) is list else item for item in value])


def _thawed(value: Any) -> Any:
    if isinstance(value, (tuple, frozenset)):
        return [_thawed(item) for item in value]
    return dict(value) if isinstance(value, Mapping) else value


@dataclass(frozen=True, slots=True, kw_only=True)
class Place(_Entry):
    """Where something is declared: a notebook's cell, or a file's line."""

    notebook: str | None = None
    cell_id: str | None = None
    #: 0-based position of the cell.
    cell: int | None = None
    file: str | None = None
    line: int | None = None

    def __str__(self) -> str:
        parts = [self.notebook or self.file or ""]
        if self.cell is not None:
            parts.append(f"cell {self.cell + 1}")
        if self.line is not None:
            parts.append(f"line {self.line}")
        return ", ".join(filter(None, parts))


@dataclass(frozen=True, slots=True, kw_only=True)
class AssetEntry(_Entry):
    """One asset of a location."""

    key: tuple[str, ...]
    upstream: tuple[tuple[str, ...], ...] = ()
    #: Those of `upstream` that a notebook only names (`--deps`): they may be made where no location knows of.
    named: tuple[tuple[str, ...], ...] = ()
    code_version: str | None = None
    group: str = "default"
    description: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    owners: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    metadata: Mapping[str, Any] = field(default_factory=dict)
    #: The op that makes it; assets of one op are made together.
    op: str | None = None
    materializable: bool = True
    observable: bool = False
    #: Minutes from one observation by the daemon to the next; None for none.
    observe_every_min: float | None = None
    can_subset: bool = True
    #: Whether it is not stored by itself, as a view of its upstreams is not.
    virtual: bool = False
    #: Keys that can only be made together with it.
    siblings: tuple[tuple[str, ...], ...] = ()
    #: Serialized partitions definition.
    partitions: Mapping[str, Any] | None = None
    automation: str | None = None
    #: Serialized partition mappings, by the upstream's escaped key.
    mappings: Mapping[str, Any] = field(default_factory=dict)
    #: Partitions that one run of a backfill makes (0: all of them); None where nothing is declared.
    backfill_limit: int | None = None
    checks: tuple[str, ...] = ()
    #: Those of `checks` whose failure stops what is downstream.
    blocking_checks: tuple[str, ...] = ()
    #: The conditions of those of `checks` that have one, as JSON text.
    check_automation: Mapping[str, str] = field(default_factory=dict)
    #: Serialized freshness policy.
    freshness: Mapping[str, Any] | None = None
    io_manager: str | None = None
    resources: tuple[str, ...] = ()
    #: The notebook's name for it (empty: it has none) where only running its cells told of it; else None.
    bound: str | None = None
    notebook: str | None = None
    cell_id: str | None = None
    cell: int | None = None
    file: str | None = None
    line: int | None = None
    location: str = ""

    @property
    def asset_key(self) -> AssetKey:
        """The key."""
        return AssetKey(self.key)

    @property
    def name(self) -> str:
        """The key as people write it."""
        return "/".join(self.key)

    @property
    def place(self) -> Place:
        """Where it is declared."""
        return Place(notebook=self.notebook, cell_id=self.cell_id, cell=self.cell, file=self.file, line=self.line)

    def facts(self) -> AssetFacts:
        """Return what selections see of it."""
        return AssetFacts(
            key=self.asset_key,
            parents=frozenset(AssetKey(path) for path in self.upstream),
            materializable=self.materializable,
            group=self.group,
            tags=self.tags,
            owners=self.owners,
            kinds=frozenset(self.kinds),
            siblings=frozenset(AssetKey(path) for path in self.siblings),
            metadata=self.metadata,
            automation_type="condition" if self.automation else None,
            code_location=self.location,
            notebook=self.notebook,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckEntry(_Entry):
    """One asset check of a location."""

    asset: tuple[str, ...]
    name: str
    blocking: bool = False
    description: str | None = None
    #: The condition under which it is evaluated without being asked, as JSON text.
    automation: str | None = None
    #: Whether it is evaluated in the partitions of its asset.
    partitioned: bool = False
    #: Assets that it reads besides its own.
    upstream: tuple[tuple[str, ...], ...] = ()
    notebook: str | None = None
    cell_id: str | None = None
    cell: int | None = None
    location: str = ""

    @property
    def check_key(self) -> AssetCheckKey:
        """The key."""
        return AssetCheckKey(AssetKey(self.asset), self.name)


@dataclass(frozen=True, slots=True, kw_only=True)
class OpEntry(_Entry):
    """One node of a job: its name and the nodes it waits for."""

    name: str
    upstream: tuple[str, ...] = ()
    description: str | None = None
    #: Of a graph in the job: its own nodes.
    ops: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class JobEntry(_Entry):
    """One job of a location: a selection of assets, or a graph of ops."""

    name: str
    description: str | None = None
    #: Keys of its assets; empty for a job of ops.
    assets: tuple[tuple[str, ...], ...] = ()
    selection: str | None = None
    ops: tuple[Mapping[str, Any], ...] = ()
    #: Name of the graph that it runs, where that is not its own.
    graph: str | None = None
    #: JSON Schema of its run configuration; empty where only a notebook's run knows it.
    config: Mapping[str, Any] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    partitions: Mapping[str, Any] | None = None
    #: The condition under which it is run without being asked, as JSON text.
    automation: str | None = None
    notebook: str | None = None
    cell_id: str | None = None
    cell: int | None = None
    line: int | None = None
    location: str = ""

    @property
    def kind(self) -> Literal["asset", "op"]:
        """Whether it makes assets or runs ops."""
        return "op" if self.ops else "asset"


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleEntry(_Entry):
    """One schedule of a location."""

    name: str
    cron: tuple[str, ...]
    timezone: str | None = None
    job: str | None = None
    #: What it makes where it names no job.
    selection: str | None = None
    running_by_default: bool = False
    #: True where a function of the user decides each tick, in the location's host.
    evaluated: bool = False
    run_config: Mapping[str, Any] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    #: What is done about missed ticks, and about ticks while an earlier run goes on; None for the defaults.
    catch_up: Mapping[str, Any] | None = None
    overlap: str | None = None
    description: str | None = None
    notebook: str | None = None
    cell_id: str | None = None
    cell: int | None = None
    line: int | None = None
    location: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SensorEntry(_Entry):
    """One sensor of a location; its function runs in the location's host."""

    name: str
    kind: str = "sensor"
    jobs: tuple[str, ...] = ()
    selection: str | None = None
    minimum_interval_s: float = 30.0
    running_by_default: bool = False
    #: Keys of the assets, or states of the runs, that it watches; None where it watches none in particular.
    watches: tuple[tuple[str, ...], ...] | None = None
    #: Of a sensor of automation conditions: the tags of its runs, the condition of assets that have none, and whether
    #: several partitions are asked for as one backfill.
    run_tags: Mapping[str, str] = field(default_factory=dict)
    default_condition: str | None = None
    emits_backfills: bool = False
    #: Whether such a sensor evaluates in the location's host, where conditions that users write can run.
    user_code: bool = False
    run_statuses: tuple[str, ...] = ()
    description: str | None = None
    notebook: str | None = None
    cell_id: str | None = None
    cell: int | None = None
    line: int | None = None
    location: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceEntry(_Entry):
    """One resource of a location."""

    name: str
    type: str = ""
    description: str | None = None
    location: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProblemEntry(_Entry):
    """Something wrong with a location: an error stops what it names, a warning nothing."""

    message: str
    severity: Literal["error", "warning"] = "error"
    #: A short name of the kind of problem, such as ``cycle``.
    kind: str = "definition"
    remedy: str = ""
    traceback: str = ""
    notebook: str | None = None
    cell_id: str | None = None
    cell: int | None = None
    file: str | None = None
    line: int | None = None
    location: str = ""

    @property
    def place(self) -> Place:
        """Where it is."""
        return Place(notebook=self.notebook, cell_id=self.cell_id, cell=self.cell, file=self.file, line=self.line)


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretEntry(_Entry):
    """A place in the run config of a location's jobs whose value is not to be shown."""

    path: tuple[str, ...]
    location: str = ""


#: An entry of any kind.
Entry = AssetEntry | CheckEntry | JobEntry | ScheduleEntry | SensorEntry | ResourceEntry | ProblemEntry | SecretEntry

_PARTS: Mapping[str, type[_Entry]] = {
    "assets": AssetEntry,
    "checks": CheckEntry,
    "jobs": JobEntry,
    "schedules": ScheduleEntry,
    "sensors": SensorEntry,
    "resources": ResourceEntry,
    "secrets": SecretEntry,
    "problems": ProblemEntry,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """All that a location offers, and what is wrong with it."""

    assets: tuple[AssetEntry, ...] = ()
    checks: tuple[CheckEntry, ...] = ()
    jobs: tuple[JobEntry, ...] = ()
    schedules: tuple[ScheduleEntry, ...] = ()
    sensors: tuple[SensorEntry, ...] = ()
    resources: tuple[ResourceEntry, ...] = ()
    secrets: tuple[SecretEntry, ...] = ()
    problems: tuple[ProblemEntry, ...] = ()
    executor: str | None = None
    #: Files whose content decides this manifest, with their digests.
    sources: Mapping[str, str] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Return the manifest as JSON data."""
        out: dict[str, Any] = {name: [entry.to_json() for entry in getattr(self, name)] for name in _PARTS}
        return out | {"executor": self.executor, "sources": dict(self.sources), "version": MANIFEST_VERSION}

    @classmethod
    def from_json(cls, data: Mapping[str, Any], location: str = "") -> Manifest:
        """Return the manifest of `to_json`, with every entry marked as of `location`."""
        more = {"location": location} if location else {}
        parts: dict[str, Any] = {
            name: tuple([kind.from_json(entry, **more) for entry in data.get(name, ())])
            for name, kind in _PARTS.items()
        }
        return cls(**parts, executor=data.get("executor"), sources=data.get("sources") or {})

    def located(self, location: str) -> Manifest:
        """Return the manifest with every entry marked as of `location`."""
        marked: dict[str, Any] = {
            name: tuple(replace(entry, location=location) for entry in getattr(self, name)) for name in _PARTS
        }
        return replace(self, **marked)

    def entries(self) -> Iterator[Entry]:
        """Yield all entries of all kinds."""
        for name in _PARTS:
            yield from getattr(self, name)


def merge_manifests(*manifests: Manifest) -> Manifest:
    """Return one manifest with the entries of all."""
    parts: dict[str, Any] = {name: tuple(e for m in manifests for e in getattr(m, name)) for name in _PARTS}
    sources = {path: digest for manifest in manifests for path, digest in manifest.sources.items()}
    return Manifest(**parts, sources=sources, executor=next((m.executor for m in manifests if m.executor), None))


def problem_of(error: BaseException, **place: Any) -> ProblemEntry:
    """Return an error as a problem entry, with the place that the error itself knows."""
    known = {
        "message": getattr(error, "problem", None) or str(error) or type(error).__name__,
        "kind": type(error).__name__,
        "notebook": getattr(error, "notebook", None) or None,
        "cell": getattr(error, "cell", None),
        "cell_id": getattr(error, "cell_id", None) or None,
        "line": getattr(error, "line", None),
        "remedy": getattr(error, "remedy", None) or "",
        "traceback": getattr(error, "traceback", None) or "",
    }
    return ProblemEntry(**{**known, **{key: value for key, value in place.items() if value is not None}})


def entry_dict(entry: _Entry) -> dict[str, Any]:
    """Return all fields of an entry, defaults too, as JSON data."""
    return {key: _thawed(value) for key, value in asdict(entry).items()}
