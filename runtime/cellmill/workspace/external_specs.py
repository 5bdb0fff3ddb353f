"""Assets that a notebook declares and something else makes: `outside = AssetSpec("outside")` in a plain cell."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from cellmill.notebooks.asset_cell import Declaration
from cellmill.workspace.manifest import AssetEntry


def external_entries(declarations: Iterable[Declaration], made: Iterable[tuple[str, ...]]) -> tuple[AssetEntry, ...]:
    """Return an entry for each literal `AssetSpec` or `SourceAsset` whose key is not among those `made` here."""
    found: dict[tuple[str, ...], AssetEntry] = {}
    for item in declarations:
        if item.kind == "asset_spec" and (key := _parts(item.options.get("key", item.options.get("argument 1")))):
            found.setdefault(key, _entry(key, item))
    return tuple(entry for key, entry in found.items() if key not in set(made))


def _entry(key: tuple[str, ...], item: Declaration) -> AssetEntry:
    options = item.options
    deps, tags = options.get("deps"), options.get("tags")
    upstream = tuple(parts for dep in deps if (parts := _parts(dep))) if isinstance(deps, list) else ()
    return AssetEntry(
        key=key,
        upstream=upstream,
        named=upstream,
        group=_text(options, "group_name") or "default",
        description=_text(options, "description"),
        tags={str(name): str(value) for name, value in tags.items()} if isinstance(tags, Mapping) else {},
        materializable=False,
        notebook=item.origin.path,
        cell_id=item.origin.cell_id,
        cell=item.origin.cell_index,
        line=item.origin.line,
    )


def _text(options: Mapping[str, object], name: str) -> str | None:
    value = options.get(name)
    return value if isinstance(value, str) else None


def _parts(value: object) -> tuple[str, ...]:
    if isinstance(value, str):
        return tuple(value.split("/")) if value else ()
    return tuple(map(str, value)) if isinstance(value, (list, tuple)) else ()
