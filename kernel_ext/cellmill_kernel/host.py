"""What the parts of a session may ask of it: they hold it by this, and the session imports them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from cellmill.definitions.asset_key import AssetKey

    from .live import LiveNotebook
    from .registry import Registry


class Host(Protocol):
    """A session, as its values, its audit, its kept outputs and its places of code see it."""

    shell: Any
    live: LiveNotebook
    #: the number that the client shows beside the running cell
    cell_number: int
    #: the runs that the running cell made by hand
    runs_by_hand: list[str]

    @property
    def namespace(self) -> dict[str, Any]:
        """The notebook's namespace."""
        ...

    @property
    def registry(self) -> Registry:
        """The definitions of this notebook."""
        ...

    @property
    def instance(self) -> Any:
        """The instance of the workspace."""
        ...

    @property
    def workspace(self) -> Any:
        """The workspace that the notebook lies in."""
        ...

    def graph(self) -> Mapping[AssetKey, tuple[AssetKey, ...]]:
        """Every asset of the workspace with its upstreams."""
        ...

    def decorated(self, keys: Iterable[AssetKey]) -> list[Any]:
        """The namespace's assets of decorated functions that make any of `keys`."""
        ...

    def warn_once(self, text: str) -> None:
        """Show a warning under the cell, the first time it applies."""

    def note_mutation(self, key: AssetKey, name: str) -> None:
        """A value that this kernel holds was changed in place."""

    def made_here(self, name: str) -> bool:
        """Whether the namespace has the name because a cell of this notebook once gave it."""
        ...

    def resources(self) -> dict[str, object]:
        """Resources that the notebook's `Definitions` objects give."""
        ...

    def lookup(self, name: str) -> Any:
        """The object that an option names."""
        ...
