"""The tree that a selection of assets is: what each node selects in a graph, and how it is written."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import ClassVar, TypeVar

from cellmill.definitions.asset_key import AssetCheckKey, AssetKey
from cellmill.definitions.selection_fields import FIELD_VALUES, field_matches
from cellmill.definitions.selection_grammar import nearest
from cellmill.definitions.selection_graph import AssetFacts, SelectionGraph
from cellmill.errors import InvalidAssetSelectionError, InvalidSubsetError

T = TypeVar("T")


class SelectionNode:
    """A set of assets, and of the checks on them."""

    __slots__ = ()

    @property
    def compound(self) -> bool:
        """Whether the written form needs parentheses beside an operator."""
        return False

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
    def compound(self) -> bool:
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
    def compound(self) -> bool:
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
        values = FIELD_VALUES[self.field](asset, self.name)
        if self.value is None:
            return not values
        return any(field_matches(self.field, self.value, value) for value in values)

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


class _ChecksOnly(SelectionNode):
    """Checks and no asset."""

    __slots__ = ()

    def resolve(self, graph: SelectionGraph, allow_missing: bool) -> AbstractSet[AssetKey]:
        return set()


@dataclass(frozen=True)
class AllChecks(_ChecksOnly):
    """All checks and no asset."""

    def resolve_checks(self, graph: SelectionGraph, allow_missing: bool) -> AbstractSet[AssetCheckKey]:
        return graph.checks


@dataclass(frozen=True)
class ChecksOfAssets(_ChecksOnly):
    """The checks on the given assets, and no asset."""

    selected_asset_keys: tuple[AssetKey, ...]

    def resolve_checks(self, graph: SelectionGraph, allow_missing: bool) -> AbstractSet[AssetCheckKey]:
        return {check for check in graph.checks if check.asset_key in self.selected_asset_keys}


@dataclass(frozen=True)
class CheckKeys(_ChecksOnly):
    """Checks by their exact keys, and no asset."""

    selected_asset_check_keys: tuple[AssetCheckKey, ...]

    def resolve_checks(self, graph: SelectionGraph, allow_missing: bool) -> AbstractSet[AssetCheckKey]:
        missing = [key for key in self.selected_asset_check_keys if key not in graph.checks]
        if missing and not allow_missing:
            names = [f"{key.asset_key.to_user_string()}:{key.name}" for key in missing]
            raise InvalidSubsetError(
                f"AssetCheckKey(s) {names} were selected, but no definitions supply these keys. "
                "Check the spelling, and that the check is part of the Definitions."
            )
        return set(self.selected_asset_check_keys) & graph.checks


# -- combinations ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Combination(SelectionNode):
    """What several selections give together."""

    operands: tuple[SelectionNode, ...]
    #: The operator between the operands.
    word: ClassVar[str] = ""

    @property
    def compound(self) -> bool:
        return True

    def joined(self, parts: Iterable[AbstractSet[T]]) -> AbstractSet[T]:
        """Return one set from those of the operands."""
        raise TypeError(f"{type(self).__name__} does not say how sets become one.")

    def resolve(self, graph: SelectionGraph, allow_missing: bool) -> AbstractSet[AssetKey]:
        return self.joined(part.resolve(graph, allow_missing) for part in self.operands)

    def resolve_checks(self, graph: SelectionGraph, allow_missing: bool) -> AbstractSet[AssetCheckKey]:
        return self.joined(part.resolve_checks(graph, allow_missing) for part in self.operands)

    def text(self) -> str:
        return self.word.join(part.operand_text() for part in self.operands)


class Union(_Combination):
    """What any operand selects."""

    word = " or "

    def joined(self, parts: Iterable[AbstractSet[T]]) -> AbstractSet[T]:
        found: frozenset[T] = frozenset()
        return found.union(*parts)


class Intersection(_Combination):
    """What all operands select."""

    word = " and "

    def joined(self, parts: Iterable[AbstractSet[T]]) -> AbstractSet[T]:
        return frozenset.intersection(*map(frozenset, parts))


@dataclass(frozen=True)
class Difference(SelectionNode):
    """What `left` selects and `right` does not."""

    left: SelectionNode
    right: SelectionNode

    @property
    def compound(self) -> bool:
        return True

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


# -- from a selection to its neighbours ------------------------------------------------------------------------


@dataclass(frozen=True)
class _Along(SelectionNode):
    """A selection and what the graph's edges lead to."""

    child: SelectionNode
    depth: int | None = None
    include_self: bool = True

    @property
    def compound(self) -> bool:
        return not self.include_self

    def _written(self, before: str, after: str) -> str:
        operand = self.child.operand_text()
        return f"{before}{operand}{after}" + ("" if self.include_self else f" and not {operand}")

    @property
    def _steps(self) -> str:
        return "" if self.depth is None else str(self.depth)


class Upstream(_Along):
    """A selection and its upstreams; external assets join only if they were selected themselves."""

    def resolve(self, graph: SelectionGraph, allow_missing: bool) -> AbstractSet[AssetKey]:
        selected = self.child.resolve(graph, allow_missing)
        found = graph.reach(selected, up=True, depth=self.depth)
        made = {key for key in found if graph.assets[key].materializable}
        return made | selected if self.include_self else made - selected

    def text(self) -> str:
        return self._written(f"{self._steps}+", "")


class Downstream(_Along):
    """A selection and its downstreams."""

    def resolve(self, graph: SelectionGraph, allow_missing: bool) -> AbstractSet[AssetKey]:
        selected = self.child.resolve(graph, allow_missing)
        found = graph.reach(selected, up=False, depth=self.depth)
        return found if self.include_self else found - selected

    def text(self) -> str:
        return self._written("", f"+{self._steps}")


@dataclass(frozen=True)
class _Picked(SelectionNode):
    """What stands in some place to a selection."""

    child: SelectionNode
    #: The function's name in the grammar; "" where it has none.
    word: ClassVar[str] = ""

    def picked(self, selected: AbstractSet[AssetKey], graph: SelectionGraph) -> AbstractSet[AssetKey]:
        """Return what the selected keys lead to."""
        raise TypeError(f"{type(self).__name__} does not say what it picks.")

    def resolve(self, graph: SelectionGraph, allow_missing: bool) -> AbstractSet[AssetKey]:
        return self.picked(self.child.resolve(graph, allow_missing), graph)

    def text(self) -> str:
        return f"{self.word}({self.child.text()})" if self.word else super().text()


class Roots(_Picked):
    """The members of a selection that depend on no other member."""

    word = "roots"

    def picked(self, selected: AbstractSet[AssetKey], graph: SelectionGraph) -> AbstractSet[AssetKey]:
        return selected - graph.beyond(selected, up=False)


class Sinks(_Picked):
    """The members of a selection that no other member depends on."""

    word = "sinks"

    def picked(self, selected: AbstractSet[AssetKey], graph: SelectionGraph) -> AbstractSet[AssetKey]:
        return selected - graph.beyond(selected, up=True)


class RequiredNeighbors(_Picked):
    """A selection and the assets that can only be made together with one of it."""

    def picked(self, selected: AbstractSet[AssetKey], graph: SelectionGraph) -> AbstractSet[AssetKey]:
        return selected | {sibling for key in selected for sibling in graph.assets[key].siblings}


class Materializable(_Picked):
    """The members of a selection that can be materialized."""

    def picked(self, selected: AbstractSet[AssetKey], graph: SelectionGraph) -> AbstractSet[AssetKey]:
        return {key for key in selected if graph.assets[key].materializable}


class ParentSources(_Picked):
    """The external assets that members of a selection read directly."""

    def picked(self, selected: AbstractSet[AssetKey], graph: SelectionGraph) -> AbstractSet[AssetKey]:
        parents = {parent for key in selected for parent in graph.parents(key)}
        return {key for key in parents if not graph.assets[key].materializable}


def _field_text(field: str, value: str | None) -> str:
    return f"{field}:<null>" if value is None else f'{field}:"{value}"'


def _missing_keys(missing: Sequence[AssetKey], graph: SelectionGraph) -> InvalidSubsetError:
    names = [key.to_user_string() for key in graph.assets]
    hints = "".join(nearest(key.to_user_string(), names) for key in missing[:3])
    return InvalidSubsetError(
        f"AssetKey(s) {[key.to_user_string() for key in missing]} were selected, but no definition of an asset "
        f"supplies these keys.{hints} Check the spelling, and that the assets are part of the Definitions."
    )
