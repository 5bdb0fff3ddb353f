"""What every automation condition has, whatever it says: a name, parts, and copies of it with other parts."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Self

from cellmill.definitions.selection import AssetSelection


class ConditionStructure:
    """A condition as a tree: how it is called, what it is made of, and how parts of it are changed."""

    #: What the condition is called in explanations; None describes it by its parts.
    label: str | None = None
    #: Whether it asks a job about its root assets.
    is_about_roots: ClassVar[bool] = False

    @property
    def name(self) -> str:
        """What the condition is called in explanations."""
        return type(self).__name__

    @property
    def description(self) -> str:
        """The condition in words."""
        return self.name

    @property
    def children(self) -> Sequence[Any]:
        """The conditions it is made of."""
        return ()

    def with_children(self, children: Sequence[Any]) -> Self:
        """The same condition of other parts.

        Args:
            children: The conditions that take the place of its own, in order.
        """
        return self

    @property
    def is_serializable(self) -> bool:
        """Whether the daemon can evaluate it without running user code."""
        return all(child.is_serializable for child in self.children)

    def get_label(self) -> str | None:
        """The label, if one was given."""
        return self.label

    def with_label(self, label: str | None) -> Self:
        """The same condition under a label.

        Args:
            label: What it is called in explanations; None takes the label away.
        """
        return self._with_fields(label=label)

    def allow(self, selection: Any) -> Self:
        """The same condition, looking only at upstreams in a selection.

        Args:
            selection: Assets: a selection, a selection string or keys; adds to what was allowed before.
        """
        return self._with_selection("allow_selection", selection)

    def ignore(self, selection: Any) -> Self:
        """The same condition, not looking at upstreams in a selection.

        Args:
            selection: Assets: a selection, a selection string or keys; adds to what was ignored before.
        """
        return self._with_selection("ignore_selection", selection)

    def resolve_through_virtual(self, value: bool = True) -> Self:
        """The same condition, looking through virtual upstreams at what those are made of.

        Args:
            value: False looks at virtual upstreams themselves again.
        """

        def change(condition: Any) -> Any:
            if hasattr(condition, "through_virtual"):
                return condition._with_fields(through_virtual=value)
            return None

        found: Self = self._mapped(change)
        return found

    def replace(self, old: Any, new: Any) -> Any:
        """The same condition with every occurrence of one part replaced.

        Args:
            old: The part, or its label or name.
            new: The condition that takes its place.
        """
        return self._mapped(lambda condition: new if old in (condition, condition.label, condition.name) else None)

    def _with_selection(self, field_name: str, selection: Any) -> Self:
        chosen = AssetSelection.from_coercible(selection)

        def change(condition: Any) -> Any:
            if not hasattr(condition, field_name):
                return None
            before = getattr(condition, field_name)
            return condition._with_fields(**{field_name: chosen if before is None else before | chosen})

        found: Self = self._mapped(change)
        return found

    def _mapped(self, change: Callable[[Any], Any]) -> Any:
        """The same condition, every part replaced for which `change` has another."""
        changed = change(self)
        if changed is not None:
            return changed
        return self.with_children([child._mapped(change) for child in self.children]) if self.children else self

    def _with_fields(self, **changed: Any) -> Self:
        made = copy.copy(self)
        for name, value in changed.items():
            object.__setattr__(made, name, value)  # conditions may be frozen dataclasses, those of users need not be
        return made

    def __repr__(self) -> str:
        # The memory of an evaluation is kept by this text: it must be the same in every process.
        inside = ", ".join(map(repr, self.children))
        return f"{type(self).__module__}.{type(self).__qualname__}({inside})"
