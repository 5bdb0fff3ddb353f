"""The tree that a selection of assets is: what each node selects in a graph, and how it is written."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any, ClassVar

from cellmill.definitions.asset_key import AssetCheckKey, AssetKey
from cellmill.definitions.selection_grammar import nearest
from cellmill.definitions.selection_graph import AssetFacts, SelectionGraph
from cellmill.errors import InvalidAssetSelectionError, InvalidSubsetError


class SelectionNode:
    """A set of assets, and of the checks on them."""

    __slots__ = ()
    #: Whether the written form needs parentheses beside an operator.
    compound: ClassVar[bool] = False

    def resolve(self, graph: SelectionGraph, allow_missing: bool) -> AbstractSet[AssetKey]:
        """Return the selected keys in `graph`."""
        raise TypeError(f"{type(self).__name__} does not say which assets it selects.")

    def resolve_checks(self, graph: SelectionGraph, allow_missing: bool) -> AbstractSet[AssetCheckKey]:
        """Return the selected checks in `graph`: those on the selected assets."""
        keys = self.resolve(graph, allow_missing)
        return {check for check in graph.checks if check.asset_key in keys}

    def text(self) -> str:
        """Return the node in the grammar of strings.

        Raises: InvalidAssetSelectionError where the grammar has no words for it.
        """
        raise InvalidAssetSelectionError(f"The selection {self!r} has no form as a selection string.")

    def operand_text(self) -> str:
        """Return the written form, in parentheses where it needs them."""
        return f"({self.text()})" if self.compound else self.text()


# -- leaves ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class AllAssets(SelectionNode):
    """All assets."""

    include_sources: bool = False

    def resolve(self, graph: SelectionGraph, allow_missing: bool) -> AbstractSet[AssetKey]:
        return graph.keys(include_sources=self.include_sources)

    def text(self) -> str:
        return "*"


@dataclass(frozen=True)
class Keys(SelectionNode):
    """Assets by their exact keys."""

    selected_keys: tuple[AssetKey, ...]

    def resolve(self, graph: SelectionGraph, allow_missing: bool) -> AbstractSet[AssetKey]:
        missing = [key for key in self.selected_keys if key not in graph.assets]
        if missing and not allow_missing:
            raise _missing_keys(missing, graph)
        return {key for key in self.selected_keys if key in graph.assets}

    @property
    def compound(self) -> bool:  # type: ignore[override]
        return len(self.selected_keys) > 1

    def text(self) -> str:
        return " or ".join(f'key:"{key.to_user_string()}"' for key in self.selected_keys)


@dataclass(frozen=True)
class KeyPattern(SelectionNode):
    """Assets whose key, written ``a/b``, matches a pattern with ``*``."""

    selected_key_wildcard: str

    def resolve(self, graph: SelectionGraph, allow_missing: bool) -> AbstractSet[AssetKey]:
        pattern = self.selected_key_wildcard.replace("[", "[[]").replace("?", "[?]")
        if "*" not in pattern:
            key = AssetKey(self.selected_key_wildcard.split("/"))
            return {key} & graph.assets.keys()
        return {key for key in graph.assets if fnmatchcase(key.to_user_string(), pattern)}

    def text(self) -> str:
        return f'key:"{self.selected_key_wildcard}"'


class _Matching(SelectionNode):
    """Assets for which `matches` is true."""

    __slots__ = ()

    @property
    def _sources(self) -> bool:
        return bool(getattr(self, "include_sources", True))

    def matches(self, asset: AssetFacts) -> bool:
        """Return whether `asset` is selected."""
        raise TypeError(f"{type(self).__name__} does not say which assets match.")

    def resolve(self, graph: SelectionGraph, allow_missing: bool) -> AbstractSet[AssetKey]:
        return {
            key
            for key, facts in graph.assets.items()
            if (self._sources or facts.materializable) and self.matches(facts)
        }


@dataclass(frozen=True)
class Groups(_Matching):
    """Assets of any of the groups."""

    selected_groups: tuple[str, ...]
    include_sources: bool = False

    def matches(self, asset: AssetFacts) -> bool:
        return asset.group in self.selected_groups

    @property
    def compound(self) -> bool:  # type: ignore[override]
        return len(self.selected_groups) > 1

    def text(self) -> str:
        if not self.selected_groups:
            return "group:<null>"
        return " or ".join(f'group:"{group}"' for group in self.selected_groups)


@dataclass(frozen=True)
class Tag(_Matching):
    """Assets that carry a tag."""

    key: str
    value: str
    include_sources: bool = False

    def matches(self, asset: AssetFacts) -> bool:
        return self.key in asset.tags and (not self.value or asset.tags[self.key] == self.value)

    def text(self) -> str:
        return f'tag:"{self.key}"' + (f'="{self.value}"' if self.value else "")


@dataclass(frozen=True)
class Kind(_Matching):
    """Assets of a kind, or of none."""

    kind_str: str | None
    include_sources: bool = False

    def matches(self, asset: AssetFacts) -> bool:
        return not asset.kinds if self.kind_str is None else self.kind_str in asset.kinds

    def text(self) -> str:
        return _field_text("kind", self.kind_str)


@dataclass(frozen=True)
class Owner(_Matching):
    """Assets of an owner, or of none."""

    selected_owner: str | None

    def matches(self, asset: AssetFacts) -> bool:
        return not asset.owners if self.selected_owner is None else self.selected_owner in asset.owners

    def text(self) -> str:
        return _field_text("owner", self.selected_owner)


@dataclass(frozen=True)
class KeyPrefixes(_Matching):
    """Assets whose key starts with one of the prefixes."""

    selected_key_prefixes: tuple[tuple[str, ...], ...]
    include_sources: bool = False

    def matches(self, asset: AssetFacts) -> bool:
        return any(tuple(asset.key.path[: len(prefix)]) == prefix for prefix in self.selected_key_prefixes)


@dataclass(frozen=True)
class KeySubstring(_Matching):
    """Assets whose key contains a text."""

    selected_key_substring: str
    include_sources: bool = False

    def matches(self, asset: AssetFacts) -> bool:
        return self.selected_key_substring in asset.key.to_user_string()

    def text(self) -> str:
        return f'key_substring:"{self.selected_key_substring}"'


@dataclass(frozen=True)
class FieldValue(_Matching):
    """Assets one of whose facts, known only in a workspace, has a value: location, notebook, table, column."""

    field: str
    value: str | None
    name: str | None = None

    def matches(self, asset: AssetFacts) -> bool:
        values = _FIELD_VALUES[self.field](asset, self.name)
        if self.value is None:
            return not values
        return any(_field_match(self.field, self.value, value) for value in values)

    def text(self) -> str:
        return (
            _field_text(self.field, self.value) if self.name is None else f'{self.field}:"{self.name}"="{self.value}"'
        )


@dataclass(frozen=True)
class Status(SelectionNode):
    """Assets whose stored state is `fresh`, `stale` or `missing`."""

    selected_status: str | None

    def resolve(self, graph: SelectionGraph, allow_missing: bool) -> AbstractSet[AssetKey]:
        if graph.status_of is None:
            raise InvalidAssetSelectionError(
                f"status:{self.selected_status} needs stored state: use it in the CLI, a magic, the Lab or GraphQL."
            )
        wanted = (self.selected_status or "").lower()
        return {k for k, facts in graph.assets.items() if facts.materializable and graph.status_of(k).lower() == wanted}

    def text(self) -> str:
        return _field_text("status", self.selected_status)


# -- checks ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class AllChecks(SelectionNode):
    """All checks and no asset."""

    def resolve(self, graph: SelectionGraph, allow_missing: bool) -> AbstractSet[AssetKey]:
        return set()

    def resolve_checks(self, graph: SelectionGraph, allow_missing: bool) -> AbstractSet[AssetCheckKey]:
        return graph.checks


@dataclass(frozen=True)
class ChecksOfAssets(SelectionNode):
    """The checks on the given assets, and no asset."""

    selected_asset_keys: tuple[AssetKey, ...]

    def resolve(self, graph: SelectionGraph, allow_missing: bool) -> AbstractSet[AssetKey]:
        return set()

    def resolve_checks(self, graph: SelectionGraph, allow_missing: bool) -> AbstractSet[AssetCheckKey]:
        return {check for check in graph.checks if check.asset_key in self.selected_asset_keys}


@dataclass(frozen=True)
class CheckKeys(SelectionNode):
    """Checks by their exact keys, and no asset."""

    selected_asset_check_keys: tuple[AssetCheckKey, ...]

    def resolve(self, graph: SelectionGraph, allow_missing: bool) -> AbstractSet[AssetKey]:
        return set()

    def resolve_checks(self, graph: SelectionGraph, allow_missing: bool) -> AbstractSet[AssetCheckKey]:
        missing = [key for key in self.selected_asset_check_keys if key not in graph.checks]
        if missing and not allow_missing:
            names = ", ".join(f"{key.asset_key.to_user_string()}:{key.name}" for key in missing)
            raise InvalidSubsetError(
                f"AssetCheckKey(s) [{names}] were selected, but no definition supplies them. "
                "Check the spelling, and that the check is part of the Definitions."
            )
        return set(self.selected_asset_check_keys) & graph.checks


# -- combinations ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Union(SelectionNode):
    """What any operand selects."""

    operands: tuple[SelectionNode, ...]
    compound = True

    def resolve(self, graph: SelectionGraph, allow_missing: bool) -> AbstractSet[AssetKey]:
        return set().union(*(part.resolve(graph, allow_missing) for part in self.operands))

    def resolve_checks(self, graph: SelectionGraph, allow_missing: bool) -> AbstractSet[AssetCheckKey]:
        return set().union(*(part.resolve_checks(graph, allow_missing) for part in self.operands))

    def text(self) -> str:
        return " or ".join(part.operand_text() for part in self.operands)


@dataclass(frozen=True)
class Intersection(SelectionNode):
    """What all operands select."""

    operands: tuple[SelectionNode, ...]
    compound = True

    def resolve(self, graph: SelectionGraph, allow_missing: bool) -> AbstractSet[AssetKey]:
        return frozenset.intersection(*(frozenset(part.resolve(graph, allow_missing)) for part in self.operands))

    def resolve_checks(self, graph: SelectionGraph, allow_missing: bool) -> AbstractSet[AssetCheckKey]:
        return frozenset.intersection(*(frozenset(part.resolve_checks(graph, allow_missing)) for part in self.operands))

    def text(self) -> str:
        return " and ".join(part.operand_text() for part in self.operands)


@dataclass(frozen=True)
class Difference(SelectionNode):
    """What `left` selects and `right` does not."""

    left: SelectionNode
    right: SelectionNode
    compound = True

    def resolve(self, graph: SelectionGraph, allow_missing: bool) -> AbstractSet[AssetKey]:
        return self.left.resolve(graph, allow_missing) - self.right.resolve(graph, allow_missing)

    def resolve_checks(self, graph: SelectionGraph, allow_missing: bool) -> AbstractSet[AssetCheckKey]:
        left = self.left.resolve_checks(graph, allow_missing)
        return left - self.right.resolve_checks(graph, allow_missing)

    def text(self) -> str:
        taken = self.right.operand_text()
        if isinstance(self.left, AllAssets):
            return f"not {taken}"
        return f"{self.left.operand_text()} and not {taken}"


@dataclass(frozen=True)
class Upstream(SelectionNode):
    """A selection and its upstreams; external assets join only if they were selected themselves."""

    child: SelectionNode
    depth: int | None = None
    include_self: bool = True

    def resolve(self, graph: SelectionGraph, allow_missing: bool) -> AbstractSet[AssetKey]:
        selected = self.child.resolve(graph, allow_missing)
        found = graph.reach(selected, up=True, depth=self.depth)
        made = {key for key in found if graph.assets[key].materializable}
        return made | selected if self.include_self else made - selected

    @property
    def compound(self) -> bool:  # type: ignore[override]
        return not self.include_self

    def text(self) -> str:
        depth = "" if self.depth is None else str(self.depth)
        operand = self.child.operand_text()
        return f"{depth}+{operand}" + ("" if self.include_self else f" and not {operand}")


@dataclass(frozen=True)
class Downstream(SelectionNode):
    """A selection and its downstreams."""

    child: SelectionNode
    depth: int | None = None
    include_self: bool = True

    def resolve(self, graph: SelectionGraph, allow_missing: bool) -> AbstractSet[AssetKey]:
        selected = self.child.resolve(graph, allow_missing)
        found = graph.reach(selected, up=False, depth=self.depth)
        return found if self.include_self else found - selected

    @property
    def compound(self) -> bool:  # type: ignore[override]
        return not self.include_self

    def text(self) -> str:
        depth = "" if self.depth is None else str(self.depth)
        operand = self.child.operand_text()
        return f"{operand}+{depth}" + ("" if self.include_self else f" and not {operand}")


@dataclass(frozen=True)
class Roots(SelectionNode):
    """The members of a selection that depend on no other member."""

    child: SelectionNode

    def resolve(self, graph: SelectionGraph, allow_missing: bool) -> AbstractSet[AssetKey]:
        selected = self.child.resolve(graph, allow_missing)
        return selected - graph.beyond(selected, up=False)

    def text(self) -> str:
        return f"roots({self.child.text()})"


@dataclass(frozen=True)
class Sinks(SelectionNode):
    """The members of a selection that no other member depends on."""

    child: SelectionNode

    def resolve(self, graph: SelectionGraph, allow_missing: bool) -> AbstractSet[AssetKey]:
        selected = self.child.resolve(graph, allow_missing)
        return selected - graph.beyond(selected, up=True)

    def text(self) -> str:
        return f"sinks({self.child.text()})"


@dataclass(frozen=True)
class RequiredNeighbors(SelectionNode):
    """A selection and the assets that can only be made together with one of it."""

    child: SelectionNode

    def resolve(self, graph: SelectionGraph, allow_missing: bool) -> AbstractSet[AssetKey]:
        selected = self.child.resolve(graph, allow_missing)
        return selected | {sibling for key in selected for sibling in graph.assets[key].siblings}


@dataclass(frozen=True)
class Materializable(SelectionNode):
    """The members of a selection that can be materialized."""

    child: SelectionNode

    def resolve(self, graph: SelectionGraph, allow_missing: bool) -> AbstractSet[AssetKey]:
        return {key for key in self.child.resolve(graph, allow_missing) if graph.assets[key].materializable}


@dataclass(frozen=True)
class ParentSources(SelectionNode):
    """The external assets that members of a selection read directly."""

    child: SelectionNode

    def resolve(self, graph: SelectionGraph, allow_missing: bool) -> AbstractSet[AssetKey]:
        selected = self.child.resolve(graph, allow_missing)
        parents = {parent for key in selected for parent in graph.parents(key)}
        return {key for key in parents if not graph.assets[key].materializable}


# -- what only a workspace knows of an asset --------------------------------------------------------------------


def _table_names(asset: AssetFacts, _: str | None) -> list[str]:
    named = asset.metadata.get("dagster/table_name", asset.metadata.get("table_name"))
    return [] if named is None else [str(getattr(named, "value", named))]


def _columns(asset: AssetFacts) -> Iterable[Any]:
    schema = asset.metadata.get("dagster/column_schema")
    schema = getattr(schema, "schema", getattr(schema, "value", schema))
    return getattr(schema, "columns", ())


def _column_tags(asset: AssetFacts, name: str | None) -> list[str]:
    return [column.tags[name] for column in _columns(asset) if name in (getattr(column, "tags", None) or {})]


_FIELD_VALUES: dict[str, Callable[[AssetFacts, str | None], Sequence[str]]] = {
    "code_location": lambda asset, _: [asset.code_location] if asset.code_location else [],
    "notebook": lambda asset, _: [asset.notebook] if asset.notebook else [],
    "table": _table_names,
    "table_name": _table_names,
    "column": lambda asset, _: [column.name for column in _columns(asset)],
    "column_tag": _column_tags,
    "changed_in_branch": lambda asset, _: asset.changes,
    "automation_type": lambda asset, _: [asset.automation_type] if asset.automation_type else [],
}


def _field_match(field: str, pattern: str, value: str) -> bool:
    if field == "column_tag" and not pattern:
        return True
    if field == "notebook":
        value = value.replace("\\", "/")
        return (
            fnmatchcase(value, pattern)
            or fnmatchcase(value.rsplit("/", 1)[-1], pattern)
            or value.endswith("/" + pattern)
        )
    return fnmatchcase(value, pattern)


def _field_text(field: str, value: str | None) -> str:
    return f"{field}:<null>" if value is None else f'{field}:"{value}"'


def _missing_keys(missing: Sequence[AssetKey], graph: SelectionGraph) -> InvalidSubsetError:
    names = [key.to_user_string() for key in graph.assets]
    hints = "".join(nearest(key.to_user_string(), names) for key in missing[:3])
    return InvalidSubsetError(
        f"AssetKey(s) {[key.to_user_string() for key in missing]} were selected, but no definition of an asset "
        f"supplies these keys.{hints} Check the spelling, and that the assets are part of the Definitions."
    )
