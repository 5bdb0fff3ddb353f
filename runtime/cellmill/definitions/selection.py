"""Selections of assets and asset checks: how `AssetSelection` and selection strings make the tree of one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any

from cellmill.definitions import selection_grammar as grammar
from cellmill.definitions import selection_tree as tree
from cellmill.definitions.asset_key import AssetCheckKey, AssetKey
from cellmill.definitions.selection_graph import selection_graph
from cellmill.errors import InvalidAssetSelectionError

CoercibleToAssetSelection = Any  # str | Sequence[str | AssetKey | AssetsDefinition] | AssetSelection


@dataclass(frozen=True, slots=True)
class AssetSelection:
    """A set of assets (and of the checks on them), described by what they are and resolved when used.

    Made by the static methods or from a string, and combined with `|`, `&` and `-`; wherever a selection is wanted, a
    selection string or a list of keys may be given too.

    >>> from cellmill import AssetSelection
    >>> (AssetSelection.groups("sales") - AssetSelection.keys("orders")).to_selection_str()
    'group:"sales" and not key:"orders"'

    Args:
        node: What is selected, as a tree; not to be constructed by hand.
    """

    node: tree.SelectionNode

    # -- making selections -------------------------------------------------------------------------------------

    @staticmethod
    def all(include_sources: bool = False) -> AssetSelection:
        """Return the selection of all assets that can be materialized.

        Args:
            include_sources: Whether external assets are selected too.
        """
        return AssetSelection(tree.AllAssets(include_sources))

    @staticmethod
    def assets(*assets_defs: Any) -> AssetSelection:
        """Return the selection of the given assets.

        Args:
            assets_defs: Definitions, specs, keys or their texts.
        """
        return AssetSelection(tree.Keys(tuple(dict.fromkeys(key for item in assets_defs for key in _keys_of(item)))))

    @staticmethod
    def keys(*asset_keys: Any) -> AssetSelection:
        """Return the selection of the given keys.

        Args:
            asset_keys: Keys, lists of their parts, or texts such as "shop/orders".
        """
        return AssetSelection.assets(*asset_keys)

    @staticmethod
    def groups(*group_strs: str, include_sources: bool = False) -> AssetSelection:
        """Return the selection of the assets in any of the given groups.

        Args:
            group_strs: Names of groups.
            include_sources: Whether external assets are selected too.
        """
        return AssetSelection(tree.Groups(_strings(group_strs, "group"), include_sources))

    @staticmethod
    def tag(key: str, value: str, include_sources: bool = False) -> AssetSelection:
        """Return the selection of the assets that have a tag.

        Args:
            key: The tag.
            value: Its value; "" means whatever it is.
            include_sources: Whether external assets are selected too.
        """
        return AssetSelection(tree.Tag(key, value, include_sources))

    @staticmethod
    def tag_string(string: str, include_sources: bool = False) -> AssetSelection:
        """Return the selection of the assets that have a tag, written as one text.

        Args:
            string: `key=value`, or `key` for a tag whatever its value.
            include_sources: Whether external assets are selected too.

        Raises:
            InvalidAssetSelectionError: for more than one "=".
        """
        key, _, value = string.partition("=")
        if "=" in value:
            raise InvalidAssetSelectionError(f"Invalid tag selection {string!r}: it has more than one '='.")
        return AssetSelection(tree.Tag(key, value, include_sources))

    @staticmethod
    def kind(kind: str | None, include_sources: bool = False) -> AssetSelection:
        """Return the selection of the assets of a kind.

        Args:
            kind: The kind; None selects the assets of no kind.
            include_sources: Whether external assets are selected too.
        """
        return AssetSelection(tree.Kind(kind, include_sources))

    @staticmethod
    def owner(owner: str | None) -> AssetSelection:
        """Return the selection of the assets of an owner.

        Args:
            owner: An e-mail address, or `team:name`; None selects the assets of nobody.
        """
        return AssetSelection(tree.Owner(owner))

    @staticmethod
    def key_prefixes(*key_prefixes: str | Sequence[str], include_sources: bool = False) -> AssetSelection:
        """Return the selection of the assets whose key starts with one of the given prefixes.

        Args:
            key_prefixes: The first part of keys, or lists of first parts.
            include_sources: Whether external assets are selected too.
        """
        prefixes = tuple((p,) if isinstance(p, str) else _strings(p, "key prefix") for p in key_prefixes)
        return AssetSelection(tree.KeyPrefixes(prefixes, include_sources))

    @staticmethod
    def key_substring(key_substring: str, include_sources: bool = False) -> AssetSelection:
        """Return the selection of the assets whose key contains a text.

        Args:
            key_substring: The text; keys are written as in "a/b".
            include_sources: Whether external assets are selected too.
        """
        return AssetSelection(tree.KeySubstring(key_substring, include_sources))

    @staticmethod
    def checks_for_assets(*assets_defs: Any) -> AssetSelection:
        """Return the selection of the checks on the given assets, without the assets.

        Args:
            assets_defs: Definitions, specs, keys or their texts.
        """
        return AssetSelection(tree.ChecksOfAssets(tuple(key for item in assets_defs for key in _keys_of(item))))

    @staticmethod
    def all_asset_checks() -> AssetSelection:
        """Return the selection of all checks, without any asset."""
        return AssetSelection(tree.AllChecks())

    @staticmethod
    def checks(*assets_defs_or_check_keys: Any) -> AssetSelection:
        """Return the selection of the given checks, without any asset.

        Args:
            assets_defs_or_check_keys: Keys of checks, or definitions, which stand for the checks that they make.
        """
        keys: dict[AssetCheckKey, None] = {}
        for item in assets_defs_or_check_keys:
            found = (item,) if isinstance(item, AssetCheckKey) else item.check_keys
            keys.update(dict.fromkeys(found))
        return AssetSelection(tree.CheckKeys(tuple(keys)))

    @classmethod
    def from_string(cls, string: str, include_sources: bool = False) -> AssetSelection:
        """Return what a selection string, old or new, says.

        Args:
            string: Such as `*`, `orders+`, `+key:"a/b"`, or `group:"sales" and not tag:"slow"`.
            include_sources: Whether external assets are selected too, where the string selects by what assets are.

        Raises:
            InvalidAssetSelectionError: whose message points at the character.
        """
        text = string.strip()
        if text == "*":
            return AssetSelection(tree.AllAssets(include_sources))
        clause = grammar.parse_clause(text)
        if clause is not None:
            return cls(_clause_node(clause))
        if text.startswith("tag:") and not any(mark in text for mark in '" ()+'):
            return AssetSelection.tag_string(text.removeprefix("tag:"), include_sources)
        return cls(_node(grammar.parse_expression(string), include_sources))

    @classmethod
    def from_coercible(cls, selection: CoercibleToAssetSelection) -> AssetSelection:
        """Return `selection` itself, or what the string, the strings, keys or definitions say.

        Args:
            selection: A selection, a selection string, a list of them, or a list of keys or definitions.

        Raises:
            InvalidAssetSelectionError: for something else.
        """
        if isinstance(selection, AssetSelection):
            return selection
        if isinstance(selection, str):
            return cls.from_string(selection)
        if isinstance(selection, (Sequence, AbstractSet)):
            if selection and all(isinstance(item, str) for item in selection):
                parts = [cls.from_string(item) for item in selection]
                return parts[0] if len(parts) == 1 else cls(tree.Union(tuple(part.node for part in parts)))
            # `key` last: a definition of several assets has none
            if all(isinstance(item, AssetKey) or hasattr(item, "keys") or hasattr(item, "key") for item in selection):
                return cls.assets(*selection)
        raise InvalidAssetSelectionError(
            "A selection is a str, a Sequence or set of str, AssetKey or definitions of assets, or an AssetSelection; "
            f"got {type(selection).__name__}."
        )

    # -- combining ---------------------------------------------------------------------------------------------

    def upstream(self, depth: int | None = None, include_self: bool = True) -> AssetSelection:
        """Return this selection with its upstreams.

        Args:
            depth: How many steps up; None means all of them.
            include_self: Whether the assets of this selection stay in it.
        """
        return AssetSelection(tree.Upstream(self.node, depth, include_self))

    def downstream(self, depth: int | None = None, include_self: bool = True) -> AssetSelection:
        """Return this selection with its downstreams.

        Args:
            depth: How many steps down; None means all of them.
            include_self: Whether the assets of this selection stay in it.
        """
        return AssetSelection(tree.Downstream(self.node, depth, include_self))

    def upstream_source_assets(self) -> AssetSelection:
        """Return the external assets that this selection reads directly."""
        return AssetSelection(tree.ParentSources(self.node))

    def roots(self) -> AssetSelection:
        """Return the assets of this selection that depend on no other of it."""
        return AssetSelection(tree.Roots(self.node))

    def sources(self) -> AssetSelection:
        """Return `roots()`, under its old name."""
        return self.roots()

    def sinks(self) -> AssetSelection:
        """Return the assets of this selection that no other of it depends on."""
        return AssetSelection(tree.Sinks(self.node))

    def required_multi_asset_neighbors(self) -> AssetSelection:
        """Return this selection with the assets that can only be made together with one of it."""
        return AssetSelection(tree.RequiredNeighbors(self.node))

    def materializable(self) -> AssetSelection:
        """Return the assets of this selection that can be materialized."""
        return AssetSelection(tree.Materializable(self.node))

    def without_checks(self) -> AssetSelection:
        """Return this selection without any check."""
        return self - AssetSelection.all_asset_checks()

    def __or__(self, other: AssetSelection) -> AssetSelection:
        return AssetSelection(_joined(tree.Union, self.node, _checked(other)))

    def __and__(self, other: AssetSelection) -> AssetSelection:
        return AssetSelection(_joined(tree.Intersection, self.node, _checked(other)))

    def __sub__(self, other: AssetSelection) -> AssetSelection:
        return AssetSelection(tree.Difference(self.node, _checked(other)))

    # -- resolving ---------------------------------------------------------------------------------------------

    def resolve(self, all_assets: Any, allow_missing: bool = False) -> AbstractSet[AssetKey]:
        """Return the keys of the selected assets.

        Args:
            all_assets: The definitions, or the asset graph, among which they are found.
            allow_missing: Whether a key that does not exist is left out, instead of being an error.

        Raises:
            InvalidSubsetError: for a key that does not exist, unless `allow_missing`.
        """
        return self.node.resolve(selection_graph(all_assets), allow_missing)

    def resolve_checks(self, asset_graph: Any, allow_missing: bool = False) -> AbstractSet[AssetCheckKey]:
        """Return the keys of the selected checks: those on the selected assets, but for what was taken away.

        Args:
            asset_graph: The definitions, or the asset graph, among which they are found.
            allow_missing: Whether a key that does not exist is left out, instead of being an error.
        """
        return self.node.resolve_checks(selection_graph(asset_graph), allow_missing)

    # -- writing -----------------------------------------------------------------------------------------------

    def to_selection_str(self) -> str:
        """Return this selection in the grammar of strings.

        Raises:
            InvalidAssetSelectionError: where the grammar has no words for it.
        """
        return self.node.text()

    def __str__(self) -> str:
        try:
            return self.to_selection_str()
        except InvalidAssetSelectionError:
            return repr(self)


# -- reading strings -------------------------------------------------------------------------------------------


def _clause_node(clause: grammar.Clause) -> tree.SelectionNode:
    chosen = tree.Keys((AssetKey.from_user_string(clause.item),))
    parts: list[tree.SelectionNode] = []
    if clause.up != 0:
        parts.append(tree.Upstream(chosen, clause.up))
    if clause.down != 0:
        parts.append(tree.Downstream(chosen, clause.down))
    return tree.Union(tuple(parts)) if len(parts) == 2 else (parts[0] if parts else chosen)


def _node(read: grammar.Tree, include_sources: bool) -> tree.SelectionNode:
    match read:
        case grammar.Everything():
            return tree.AllAssets(include_sources)
        case grammar.Term():
            return _term_node(read, include_sources)
        case grammar.Negation(child):
            return tree.Difference(tree.AllAssets(include_sources), _node(child, include_sources))
        case grammar.Junction(word, children):
            parts = tuple(_node(child, include_sources) for child in children)
            return tree.Union(parts) if word == "or" else tree.Intersection(parts)
        case grammar.Function(name, child):
            inner = _node(child, include_sources)
            return tree.Roots(inner) if name == "roots" else tree.Sinks(inner)
        case grammar.Traverse(child, up, down):
            inner = _node(child, include_sources)
            above = (tree.Upstream(inner, up),) if up != 0 else ()
            below = (tree.Downstream(inner, down),) if down != 0 else ()
            both = (*above, *below)
            return both[0] if len(both) == 1 else tree.Union(both)


def _term_node(term: grammar.Term, include_sources: bool) -> tree.SelectionNode:
    value = term.value
    match term.field:
        case "key":
            return tree.KeyPattern(value or "")
        case "key_substring":
            return tree.KeySubstring(value or "", include_sources)
        case "group":
            return tree.Groups((value,) if value else (), include_sources)
        case "tag":
            return tree.Tag(term.name or "", value or "", include_sources)
        case "owner":
            return tree.Owner(value)
        case "kind":
            return tree.Kind(value, include_sources)
        case "status":
            return tree.Status(value)
        case field:
            return tree.FieldValue(field, value, term.name)


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


def _joined(
    kind: type[tree.Union] | type[tree.Intersection], left: tree.SelectionNode, right: tree.SelectionNode
) -> tree.SelectionNode:
    """Return both under one node of this kind; operands that are of it already are not nested."""
    parts = (part.operands if isinstance(part, kind) else (part,) for part in (left, right))
    return kind(tuple(operand for operands in parts for operand in operands))


def _checked(other: object) -> tree.SelectionNode:
    if isinstance(other, AssetSelection):
        return other.node
    raise InvalidAssetSelectionError(f"An AssetSelection combines with another one only, not with {other!r}.")
