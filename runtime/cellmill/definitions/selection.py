"""Selections of assets and asset checks: what `AssetSelection` and selection strings mean.

A selection is a small frozen tree; it names assets by what they are, and is resolved against a graph when used.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any, ClassVar

from cellmill.definitions import selection_grammar as grammar
from cellmill.definitions.asset_key import AssetCheckKey, AssetKey
from cellmill.definitions.selection_graph import AssetFacts, SelectionGraph, selection_graph
from cellmill.errors import InvalidAssetSelectionError, InvalidSubsetError

CoercibleToAssetSelection = Any  # str | Sequence[str | AssetKey | AssetsDefinition] | AssetSelection


class AssetSelection:
    """A set of assets (and of the checks on them), described by what they are and resolved when used."""

    __slots__ = ()
    #: Whether the written form needs parentheses beside an operator.
    _compound: ClassVar[bool] = False

    # -- making selections -------------------------------------------------------------------------------------

    @staticmethod
    def all(include_sources: bool = False) -> AssetSelection:
        """Return the selection of all assets that can be materialized (and, if asked, of external ones)."""
        return AllSelection(include_sources)

    @staticmethod
    def assets(*assets_defs: Any) -> AssetSelection:
        """Return the selection of the given definitions, keys or key strings."""
        return KeysAssetSelection(tuple(dict.fromkeys(key for item in assets_defs for key in _keys_of(item))))

    @staticmethod
    def keys(*asset_keys: Any) -> AssetSelection:
        """Return the selection of the given keys."""
        return AssetSelection.assets(*asset_keys)

    @staticmethod
    def groups(*group_strs: str, include_sources: bool = False) -> AssetSelection:
        """Return the selection of the assets in any of the given groups."""
        return GroupsAssetSelection(_strings(group_strs, "group"), include_sources)

    @staticmethod
    def tag(key: str, value: str, include_sources: bool = False) -> AssetSelection:
        """Return the selection of the assets whose tag `key` is `value` (``""``: whatever it is)."""
        return TagAssetSelection(key, value, include_sources)

    @staticmethod
    def tag_string(string: str, include_sources: bool = False) -> AssetSelection:
        """Return the selection of ``key=value`` or ``key``."""
        key, _, value = string.partition("=")
        if "=" in value:
            raise InvalidAssetSelectionError(f"Invalid tag selection {string!r}: it has more than one '='.")
        return TagAssetSelection(key, value, include_sources)

    @staticmethod
    def kind(kind: str | None, include_sources: bool = False) -> AssetSelection:
        """Return the selection of the assets of that kind; None: of no kind."""
        return KindAssetSelection(kind, include_sources)

    @staticmethod
    def owner(owner: str | None) -> AssetSelection:
        """Return the selection of the assets of that owner; None: of none."""
        return OwnerAssetSelection(owner)

    @staticmethod
    def key_prefixes(*key_prefixes: str | Sequence[str], include_sources: bool = False) -> AssetSelection:
        """Return the selection of the assets whose key starts with one of the given prefixes."""
        prefixes = tuple((p,) if isinstance(p, str) else _strings(p, "key prefix") for p in key_prefixes)
        return KeyPrefixesAssetSelection(prefixes, include_sources)

    @staticmethod
    def key_substring(key_substring: str, include_sources: bool = False) -> AssetSelection:
        """Return the selection of the assets whose key, written ``a/b``, contains the text."""
        return KeySubstringAssetSelection(key_substring, include_sources)

    @staticmethod
    def checks_for_assets(*assets_defs: Any) -> AssetSelection:
        """Return the selection of the checks on the given assets, without the assets."""
        return AssetChecksForAssetKeysSelection(tuple(key for item in assets_defs for key in _keys_of(item)))

    @staticmethod
    def all_asset_checks() -> AssetSelection:
        """Return the selection of all checks, without any asset."""
        return AllAssetCheckSelection()

    @staticmethod
    def checks(*assets_defs_or_check_keys: Any) -> AssetSelection:
        """Return the selection of the given checks, or of the checks that the given definitions make."""
        keys: dict[AssetCheckKey, None] = {}
        for item in assets_defs_or_check_keys:
            found = (item,) if isinstance(item, AssetCheckKey) else item.check_keys
            keys.update(dict.fromkeys(found))
        return AssetCheckKeysSelection(tuple(keys))

    @classmethod
    def from_string(cls, string: str, include_sources: bool = False) -> AssetSelection:
        """Return what a selection string, old or new, says.

        Raises: InvalidAssetSelectionError, whose message points at the character.
        """
        text = string.strip()
        if text == "*":
            return AllSelection(include_sources)
        clause = grammar.parse_clause(text)
        if clause is not None:
            return _clause_selection(clause, include_sources)
        if text.startswith("tag:") and not any(mark in text for mark in '" ()+'):
            return AssetSelection.tag_string(text.removeprefix("tag:"), include_sources)
        return _tree_selection(grammar.parse_expression(string), include_sources)

    @classmethod
    def from_coercible(cls, selection: CoercibleToAssetSelection) -> AssetSelection:
        """Return `selection` itself, or what the string, the strings, keys or definitions say."""
        if isinstance(selection, AssetSelection):
            return selection
        if isinstance(selection, str):
            return cls.from_string(selection)
        if isinstance(selection, Sequence):
            if selection and all(isinstance(item, str) for item in selection):
                parts = [cls.from_string(item) for item in selection]
                return parts[0] if len(parts) == 1 else OrAssetSelection(tuple(parts))
            if all(isinstance(item, AssetKey) or hasattr(item, "key") or hasattr(item, "keys") for item in selection):
                return cls.assets(*selection)
        raise InvalidAssetSelectionError(
            "A selection is a str, a Sequence of str, AssetKey or definitions of assets, or an AssetSelection; "
            f"got {type(selection).__name__}."
        )

    # -- combining ---------------------------------------------------------------------------------------------

    def upstream(self, depth: int | None = None, include_self: bool = True) -> AssetSelection:
        """Return this selection with its upstreams up to `depth` steps (None: all of them)."""
        return UpstreamAssetSelection(self, depth, include_self)

    def downstream(self, depth: int | None = None, include_self: bool = True) -> AssetSelection:
        """Return this selection with its downstreams up to `depth` steps (None: all of them)."""
        return DownstreamAssetSelection(self, depth, include_self)

    def upstream_source_assets(self) -> AssetSelection:
        """Return the external assets that this selection reads directly."""
        return ParentSourcesAssetSelection(self)

    def roots(self) -> AssetSelection:
        """Return the assets of this selection that depend on no other of it."""
        return RootsAssetSelection(self)

    def sources(self) -> AssetSelection:
        """Return `roots()`, under its old name."""
        return self.roots()

    def sinks(self) -> AssetSelection:
        """Return the assets of this selection that no other of it depends on."""
        return SinksAssetSelection(self)

    def required_multi_asset_neighbors(self) -> AssetSelection:
        """Return this selection with the assets that can only be made together with one of it."""
        return RequiredNeighborsAssetSelection(self)

    def materializable(self) -> AssetSelection:
        """Return the assets of this selection that can be materialized."""
        return MaterializableAssetSelection(self)

    def without_checks(self) -> AssetSelection:
        """Return this selection without any check."""
        return self - AssetSelection.all_asset_checks()

    def __or__(self, other: AssetSelection) -> AssetSelection:
        return OrAssetSelection((*_operands(self, OrAssetSelection), *_operands(_checked(other), OrAssetSelection)))

    def __and__(self, other: AssetSelection) -> AssetSelection:
        return AndAssetSelection((*_operands(self, AndAssetSelection), *_operands(_checked(other), AndAssetSelection)))

    def __sub__(self, other: AssetSelection) -> AssetSelection:
        return SubtractAssetSelection(self, _checked(other))

    # -- resolving ---------------------------------------------------------------------------------------------

    def resolve(self, all_assets: Any, allow_missing: bool = False) -> AbstractSet[AssetKey]:
        """Return the keys of the selected assets among the definitions, or in the asset graph, given.

        Raises: InvalidSubsetError for a key that does not exist, unless `allow_missing`.
        """
        return self.resolve_inner(selection_graph(all_assets), allow_missing)

    def resolve_checks(self, asset_graph: Any, allow_missing: bool = False) -> AbstractSet[AssetCheckKey]:
        """Return the keys of the selected checks: those on the selected assets, but for what was taken away."""
        return self.resolve_checks_inner(selection_graph(asset_graph), allow_missing)

    def resolve_inner(self, graph: SelectionGraph, allow_missing: bool) -> AbstractSet[AssetKey]:
        """Return the selected keys in `graph`."""
        raise TypeError(f"{type(self).__name__} does not say which assets it selects.")

    def resolve_checks_inner(self, graph: SelectionGraph, allow_missing: bool) -> AbstractSet[AssetCheckKey]:
        """Return the selected checks in `graph`."""
        keys = self.resolve_inner(graph, allow_missing)
        return {check for check in graph.checks if check.asset_key in keys}

    # -- writing -----------------------------------------------------------------------------------------------

    def to_selection_str(self) -> str:
        """Return this selection in the grammar of strings.

        Raises: InvalidAssetSelectionError where the grammar has no words for it.
        """
        raise InvalidAssetSelectionError(f"{type(self).__name__} has no form as a selection string.")

    def needs_parentheses_when_operand(self) -> bool:
        """Return whether the written form needs parentheses beside an operator."""
        return self._compound

    def operand_to_selection_str(self) -> str:
        """Return the written form, in parentheses where it needs them."""
        text = self.to_selection_str()
        return f"({text})" if self.needs_parentheses_when_operand() else text

    def __str__(self) -> str:
        try:
            return self.to_selection_str()
        except InvalidAssetSelectionError:
            return repr(self)


# -- leaves ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class AllSelection(AssetSelection):
    """All assets."""

    include_sources: bool = False

    def resolve_inner(self, graph: SelectionGraph, allow_missing: bool) -> AbstractSet[AssetKey]:
        return graph.keys(include_sources=self.include_sources)

    def to_selection_str(self) -> str:
        return "*"


@dataclass(frozen=True)
class KeysAssetSelection(AssetSelection):
    """Assets by their exact keys."""

    selected_keys: tuple[AssetKey, ...]

    def resolve_inner(self, graph: SelectionGraph, allow_missing: bool) -> AbstractSet[AssetKey]:
        missing = [key for key in self.selected_keys if key not in graph.assets]
        if missing and not allow_missing:
            raise _missing_keys(missing, graph)
        return {key for key in self.selected_keys if key in graph.assets}

    @property
    def _compound(self) -> bool:  # type: ignore[override]
        return len(self.selected_keys) > 1

    def to_selection_str(self) -> str:
        return " or ".join(f'key:"{key.to_user_string()}"' for key in self.selected_keys)


@dataclass(frozen=True)
class KeyWildCardAssetSelection(AssetSelection):
    """Assets whose key, written ``a/b``, matches a pattern with ``*``."""

    selected_key_wildcard: str

    def resolve_inner(self, graph: SelectionGraph, allow_missing: bool) -> AbstractSet[AssetKey]:
        pattern = self.selected_key_wildcard.replace("[", "[[]").replace("?", "[?]")
        if "*" not in pattern:
            key = AssetKey(self.selected_key_wildcard.split("/"))
            return {key} & graph.assets.keys()
        return {key for key in graph.assets if fnmatchcase(key.to_user_string(), pattern)}

    def to_selection_str(self) -> str:
        return f'key:"{self.selected_key_wildcard}"'


class _Matching(AssetSelection):
    """Assets for which `matches` is true."""

    __slots__ = ()

    @property
    def _sources(self) -> bool:
        return bool(getattr(self, "include_sources", True))

    def matches(self, asset: AssetFacts) -> bool:
        """Return whether `asset` is selected."""
        raise TypeError(f"{type(self).__name__} does not say which assets match.")

    def resolve_inner(self, graph: SelectionGraph, allow_missing: bool) -> AbstractSet[AssetKey]:
        return {
            key
            for key, facts in graph.assets.items()
            if (self._sources or facts.materializable) and self.matches(facts)
        }


@dataclass(frozen=True)
class GroupsAssetSelection(_Matching):
    """Assets of any of the groups."""

    selected_groups: tuple[str, ...]
    include_sources: bool = False

    def matches(self, asset: AssetFacts) -> bool:
        return asset.group in self.selected_groups

    @property
    def _compound(self) -> bool:  # type: ignore[override]
        return len(self.selected_groups) > 1

    def to_selection_str(self) -> str:
        if not self.selected_groups:
            return "group:<null>"
        return " or ".join(f'group:"{group}"' for group in self.selected_groups)


@dataclass(frozen=True)
class TagAssetSelection(_Matching):
    """Assets that carry a tag."""

    key: str
    value: str
    include_sources: bool = False

    def matches(self, asset: AssetFacts) -> bool:
        return self.key in asset.tags and (not self.value or asset.tags[self.key] == self.value)

    def to_selection_str(self) -> str:
        return f'tag:"{self.key}"' + (f'="{self.value}"' if self.value else "")


@dataclass(frozen=True)
class KindAssetSelection(_Matching):
    """Assets of a kind, or of none."""

    kind_str: str | None
    include_sources: bool = False

    def matches(self, asset: AssetFacts) -> bool:
        return not asset.kinds if self.kind_str is None else self.kind_str in asset.kinds

    def to_selection_str(self) -> str:
        return _field_text("kind", self.kind_str)


@dataclass(frozen=True)
class OwnerAssetSelection(_Matching):
    """Assets of an owner, or of none."""

    selected_owner: str | None

    def matches(self, asset: AssetFacts) -> bool:
        return not asset.owners if self.selected_owner is None else self.selected_owner in asset.owners

    def to_selection_str(self) -> str:
        return _field_text("owner", self.selected_owner)


@dataclass(frozen=True)
class KeyPrefixesAssetSelection(_Matching):
    """Assets whose key starts with one of the prefixes."""

    selected_key_prefixes: tuple[tuple[str, ...], ...]
    include_sources: bool = False

    def matches(self, asset: AssetFacts) -> bool:
        return any(tuple(asset.key.path[: len(prefix)]) == prefix for prefix in self.selected_key_prefixes)


@dataclass(frozen=True)
class KeySubstringAssetSelection(_Matching):
    """Assets whose key contains a text."""

    selected_key_substring: str
    include_sources: bool = False

    def matches(self, asset: AssetFacts) -> bool:
        return self.selected_key_substring in asset.key.to_user_string()

    def to_selection_str(self) -> str:
        return f'key_substring:"{self.selected_key_substring}"'


@dataclass(frozen=True)
class FieldAssetSelection(_Matching):
    """Assets one of whose facts, known only in a workspace, has a value: location, notebook, table, column."""

    field: str
    value: str | None
    name: str | None = None

    def matches(self, asset: AssetFacts) -> bool:
        values = _FIELD_VALUES[self.field](asset, self.name)
        if self.value is None:
            return not values
        return any(_field_match(self.field, self.value, value) for value in values)

    def to_selection_str(self) -> str:
        return (
            _field_text(self.field, self.value) if self.name is None else f'{self.field}:"{self.name}"="{self.value}"'
        )


@dataclass(frozen=True)
class StatusAssetSelection(AssetSelection):
    """Assets whose stored state is `fresh`, `stale` or `missing`."""

    selected_status: str | None

    def resolve_inner(self, graph: SelectionGraph, allow_missing: bool) -> AbstractSet[AssetKey]:
        if graph.status_of is None:
            raise InvalidAssetSelectionError(
                f"status:{self.selected_status} needs stored state: use it in the CLI, a magic, the Lab or GraphQL."
            )
        wanted = (self.selected_status or "").lower()
        return {k for k, facts in graph.assets.items() if facts.materializable and graph.status_of(k).lower() == wanted}

    def to_selection_str(self) -> str:
        return _field_text("status", self.selected_status)


# -- checks ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class AllAssetCheckSelection(AssetSelection):
    """All checks and no asset."""

    def resolve_inner(self, graph: SelectionGraph, allow_missing: bool) -> AbstractSet[AssetKey]:
        return set()

    def resolve_checks_inner(self, graph: SelectionGraph, allow_missing: bool) -> AbstractSet[AssetCheckKey]:
        return graph.checks


@dataclass(frozen=True)
class AssetChecksForAssetKeysSelection(AssetSelection):
    """The checks on the given assets, and no asset."""

    selected_asset_keys: tuple[AssetKey, ...]

    def resolve_inner(self, graph: SelectionGraph, allow_missing: bool) -> AbstractSet[AssetKey]:
        return set()

    def resolve_checks_inner(self, graph: SelectionGraph, allow_missing: bool) -> AbstractSet[AssetCheckKey]:
        return {check for check in graph.checks if check.asset_key in self.selected_asset_keys}


@dataclass(frozen=True)
class AssetCheckKeysSelection(AssetSelection):
    """Checks by their exact keys, and no asset."""

    selected_asset_check_keys: tuple[AssetCheckKey, ...]

    def resolve_inner(self, graph: SelectionGraph, allow_missing: bool) -> AbstractSet[AssetKey]:
        return set()

    def resolve_checks_inner(self, graph: SelectionGraph, allow_missing: bool) -> AbstractSet[AssetCheckKey]:
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
class OrAssetSelection(AssetSelection):
    """What any operand selects."""

    operands: tuple[AssetSelection, ...]
    _compound = True

    def resolve_inner(self, graph: SelectionGraph, allow_missing: bool) -> AbstractSet[AssetKey]:
        return set().union(*(part.resolve_inner(graph, allow_missing) for part in self.operands))

    def resolve_checks_inner(self, graph: SelectionGraph, allow_missing: bool) -> AbstractSet[AssetCheckKey]:
        return set().union(*(part.resolve_checks_inner(graph, allow_missing) for part in self.operands))

    def to_selection_str(self) -> str:
        return " or ".join(part.operand_to_selection_str() for part in self.operands)


@dataclass(frozen=True)
class AndAssetSelection(AssetSelection):
    """What all operands select."""

    operands: tuple[AssetSelection, ...]
    _compound = True

    def resolve_inner(self, graph: SelectionGraph, allow_missing: bool) -> AbstractSet[AssetKey]:
        return frozenset.intersection(*(frozenset(part.resolve_inner(graph, allow_missing)) for part in self.operands))

    def resolve_checks_inner(self, graph: SelectionGraph, allow_missing: bool) -> AbstractSet[AssetCheckKey]:
        return frozenset.intersection(
            *(frozenset(part.resolve_checks_inner(graph, allow_missing)) for part in self.operands)
        )

    def to_selection_str(self) -> str:
        return " and ".join(part.operand_to_selection_str() for part in self.operands)


@dataclass(frozen=True)
class SubtractAssetSelection(AssetSelection):
    """What `left` selects and `right` does not."""

    left: AssetSelection
    right: AssetSelection
    _compound = True

    def resolve_inner(self, graph: SelectionGraph, allow_missing: bool) -> AbstractSet[AssetKey]:
        return self.left.resolve_inner(graph, allow_missing) - self.right.resolve_inner(graph, allow_missing)

    def resolve_checks_inner(self, graph: SelectionGraph, allow_missing: bool) -> AbstractSet[AssetCheckKey]:
        left = self.left.resolve_checks_inner(graph, allow_missing)
        return left - self.right.resolve_checks_inner(graph, allow_missing)

    def to_selection_str(self) -> str:
        taken = self.right.operand_to_selection_str()
        if isinstance(self.left, AllSelection):
            return f"not {taken}"
        return f"{self.left.operand_to_selection_str()} and not {taken}"


@dataclass(frozen=True)
class UpstreamAssetSelection(AssetSelection):
    """A selection and its upstreams; external assets join only if they were selected themselves."""

    child: AssetSelection
    depth: int | None = None
    include_self: bool = True

    def resolve_inner(self, graph: SelectionGraph, allow_missing: bool) -> AbstractSet[AssetKey]:
        selected = self.child.resolve_inner(graph, allow_missing)
        found = graph.reach(selected, up=True, depth=self.depth)
        made = {key for key in found if graph.assets[key].materializable}
        return made | selected if self.include_self else made - selected

    @property
    def _compound(self) -> bool:  # type: ignore[override]
        return not self.include_self

    def to_selection_str(self) -> str:
        depth = "" if self.depth is None else str(self.depth)
        operand = self.child.operand_to_selection_str()
        return f"{depth}+{operand}" + ("" if self.include_self else f" and not {operand}")


@dataclass(frozen=True)
class DownstreamAssetSelection(AssetSelection):
    """A selection and its downstreams."""

    child: AssetSelection
    depth: int | None = None
    include_self: bool = True

    def resolve_inner(self, graph: SelectionGraph, allow_missing: bool) -> AbstractSet[AssetKey]:
        selected = self.child.resolve_inner(graph, allow_missing)
        found = graph.reach(selected, up=False, depth=self.depth)
        return found if self.include_self else found - selected

    @property
    def _compound(self) -> bool:  # type: ignore[override]
        return not self.include_self

    def to_selection_str(self) -> str:
        depth = "" if self.depth is None else str(self.depth)
        operand = self.child.operand_to_selection_str()
        return f"{operand}+{depth}" + ("" if self.include_self else f" and not {operand}")


@dataclass(frozen=True)
class RootsAssetSelection(AssetSelection):
    """The members of a selection that depend on no other member."""

    child: AssetSelection

    def resolve_inner(self, graph: SelectionGraph, allow_missing: bool) -> AbstractSet[AssetKey]:
        selected = self.child.resolve_inner(graph, allow_missing)
        return selected - graph.beyond(selected, up=False)

    def to_selection_str(self) -> str:
        return f"roots({self.child.to_selection_str()})"


@dataclass(frozen=True)
class SinksAssetSelection(AssetSelection):
    """The members of a selection that no other member depends on."""

    child: AssetSelection

    def resolve_inner(self, graph: SelectionGraph, allow_missing: bool) -> AbstractSet[AssetKey]:
        selected = self.child.resolve_inner(graph, allow_missing)
        return selected - graph.beyond(selected, up=True)

    def resolve_checks_inner(self, graph: SelectionGraph, allow_missing: bool) -> AbstractSet[AssetCheckKey]:
        keys = self.resolve_inner(graph, allow_missing)
        return {check for check in graph.checks if check.asset_key in keys}

    def to_selection_str(self) -> str:
        return f"sinks({self.child.to_selection_str()})"


@dataclass(frozen=True)
class RequiredNeighborsAssetSelection(AssetSelection):
    """A selection and the assets that can only be made together with one of it."""

    child: AssetSelection

    def resolve_inner(self, graph: SelectionGraph, allow_missing: bool) -> AbstractSet[AssetKey]:
        selected = self.child.resolve_inner(graph, allow_missing)
        return selected | {sibling for key in selected for sibling in graph.assets[key].siblings}


@dataclass(frozen=True)
class MaterializableAssetSelection(AssetSelection):
    """The members of a selection that can be materialized."""

    child: AssetSelection

    def resolve_inner(self, graph: SelectionGraph, allow_missing: bool) -> AbstractSet[AssetKey]:
        return {key for key in self.child.resolve_inner(graph, allow_missing) if graph.assets[key].materializable}


@dataclass(frozen=True)
class ParentSourcesAssetSelection(AssetSelection):
    """The external assets that members of a selection read directly."""

    child: AssetSelection

    def resolve_inner(self, graph: SelectionGraph, allow_missing: bool) -> AbstractSet[AssetKey]:
        selected = self.child.resolve_inner(graph, allow_missing)
        parents = {parent for key in selected for parent in graph.parents(key)}
        return {key for key in parents if not graph.assets[key].materializable}


# -- reading strings -------------------------------------------------------------------------------------------


def _clause_selection(clause: grammar.Clause, include_sources: bool) -> AssetSelection:
    chosen = AssetSelection.keys(clause.item)
    parts: list[AssetSelection] = []
    if clause.up != 0:
        parts.append(chosen.upstream(clause.up))
    if clause.down != 0:
        parts.append(chosen.downstream(clause.down))
    return parts[0] | parts[1] if len(parts) == 2 else (parts[0] if parts else chosen)


def _tree_selection(tree: grammar.Tree, include_sources: bool) -> AssetSelection:
    match tree:
        case grammar.Everything():
            return AllSelection(include_sources)
        case grammar.Term():
            return _term_selection(tree, include_sources)
        case grammar.Negation(child):
            return SubtractAssetSelection(AllSelection(include_sources), _tree_selection(child, include_sources))
        case grammar.Junction(word, children):
            parts = tuple(_tree_selection(child, include_sources) for child in children)
            return OrAssetSelection(parts) if word == "or" else AndAssetSelection(parts)
        case grammar.Function(name, child):
            inner = _tree_selection(child, include_sources)
            return inner.roots() if name == "roots" else inner.sinks()
        case grammar.Traverse(child, up, down):
            inner = _tree_selection(child, include_sources)
            above = [inner.upstream(up)] if up != 0 else []
            below = [inner.downstream(down)] if down != 0 else []
            both = [*above, *below]
            return both[0] if len(both) == 1 else OrAssetSelection(tuple(both))


def _term_selection(term: grammar.Term, include_sources: bool) -> AssetSelection:
    value = term.value
    match term.field:
        case "key":
            return KeyWildCardAssetSelection(value or "")
        case "key_substring":
            return KeySubstringAssetSelection(value or "", include_sources)
        case "group":
            return GroupsAssetSelection((value,) if value else (), include_sources)
        case "tag":
            return TagAssetSelection(term.name or "", value or "", include_sources)
        case "owner":
            return OwnerAssetSelection(value)
        case "kind":
            return KindAssetSelection(value, include_sources)
        case "status":
            return StatusAssetSelection(value)
        case field:
            return FieldAssetSelection(field, value, term.name)


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


# -- checking arguments ----------------------------------------------------------------------------------------


def _keys_of(item: Any) -> Iterable[AssetKey]:
    """Return the keys that a definition, a key, a key string or a path names."""
    if isinstance(item, AssetKey):
        return (item,)
    if isinstance(item, str):
        return (AssetKey.from_user_string(item),)
    if isinstance(item, (list, tuple)):
        return (AssetKey(list(item)),)
    keys = getattr(item, "keys", None)
    if keys is not None and not callable(keys):
        return tuple(sorted(keys, key=lambda key: list(key.path)))
    key = getattr(item, "key", None)
    if isinstance(key, AssetKey):
        return (key,)
    raise InvalidAssetSelectionError(
        f"Expected an AssetKey, its name, or a definition of assets; got {item!r} of type {type(item).__name__}."
    )


def _strings(values: Iterable[Any], what: str) -> tuple[str, ...]:
    if not isinstance(values, Iterable):
        raise InvalidAssetSelectionError(f"Expected a {what} as str or a sequence of str, got {type(values).__name__}.")
    for value in values:
        if not isinstance(value, str):
            raise InvalidAssetSelectionError(f"Expected a {what} as str, got {value!r} of type {type(value).__name__}.")
    return tuple(values)


def _operands(selection: AssetSelection, kind: type[OrAssetSelection] | type[AndAssetSelection]) -> tuple[Any, ...]:
    return selection.operands if isinstance(selection, kind) else (selection,)


def _checked(other: object) -> AssetSelection:
    if isinstance(other, AssetSelection):
        return other
    raise InvalidAssetSelectionError(f"An AssetSelection combines with another one only, not with {other!r}.")


def _missing_keys(missing: Sequence[AssetKey], graph: SelectionGraph) -> InvalidSubsetError:
    names = [key.to_user_string() for key in graph.assets]
    hints = "".join(grammar.nearest(key.to_user_string(), names) for key in missing[:3])
    return InvalidSubsetError(
        f"AssetKey(s) {[key.to_user_string() for key in missing]} were selected, but no definition of an asset "
        f"supplies these keys.{hints} Check the spelling, and that the assets are part of the Definitions."
    )
