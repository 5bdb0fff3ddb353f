"""How the nodes of a graph hang together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from cellmill.definitions.output import DEFAULT_OUTPUT
from cellmill.definitions.tags import checked_tags
from cellmill.errors import CheckError

_NO_TAGS: Mapping[str, str] = {}


class NodeHandle(tuple[str, ...]):
    """The path to a node through nested graphs; its text form is ``graph.op``."""

    __slots__ = ()

    @property
    def name(self) -> str:
        """The node's own name."""
        return self[-1]

    @property
    def path(self) -> list[str]:
        """The names from the outermost graph to the node."""
        return list(self)

    @property
    def parent(self) -> NodeHandle | None:
        """The handle of the graph that holds the node."""
        return NodeHandle(self[:-1]) if len(self) > 1 else None

    def to_string(self) -> str:
        """Return the names joined by dots."""
        return ".".join(self)

    def __str__(self) -> str:
        return ".".join(self)


class DependencyDefinition:
    """An input comes from one output of one node.

    Args:
        node: The node's name in the graph.
        output: Which of its outputs.
        description: What is handed on, for readers of the code.
    """

    __slots__ = ("description", "node", "output")

    def __init__(self, node: str, output: str = DEFAULT_OUTPUT, description: str | None = None) -> None:
        if not isinstance(node, str):
            raise CheckError(f"node of a DependencyDefinition is a str; got {node!r}.")
        self.node = node
        self.output = output or DEFAULT_OUTPUT
        self.description = description

    def get_node_dependencies(self) -> list[DependencyDefinition]:
        """Return itself as the only dependency."""
        return [self]

    is_fan_in = False

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and self._parts() == getattr(other, "_parts")()  # noqa: B009

    def _parts(self) -> tuple[str, str]:
        return (self.node, self.output)

    def __hash__(self) -> int:
        return hash(self._parts())

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.node!r}, {self.output!r})"


class MappedInput:
    """Stands in a `MultiDependencyDefinition` for a value that comes from an input of the graph."""


MappedInputPlaceholder = MappedInput


class MultiDependencyDefinition:
    """An input is the list of several outputs.

    Args:
        dependencies: Where each item comes from, in order; `MappedInputPlaceholder` stands for an input of the graph.

    Raises:
        CheckError: where the same output is named twice.
    """

    __slots__ = ("dependencies",)

    is_fan_in = True

    def __init__(self, dependencies: Sequence[DependencyDefinition | type[MappedInput]]) -> None:
        seen = set()
        for one in dependencies:
            if isinstance(one, DependencyDefinition):
                if one in seen:
                    raise CheckError(
                        f"Duplicate dependency on {one.node!r}.{one.output!r} in a MultiDependencyDefinition."
                    )
                seen.add(one)
            elif one is not MappedInput:
                raise CheckError(f"Unexpected dependency {one!r} in a MultiDependencyDefinition.")
        self.dependencies = list(dependencies)

    def get_node_dependencies(self) -> list[DependencyDefinition]:
        """Return the dependencies on nodes."""
        return [one for one in self.dependencies if isinstance(one, DependencyDefinition)]

    def get_dependencies_and_mappings(self) -> list[Any]:
        """Return the dependencies and placeholders, in order."""
        return list(self.dependencies)


class DynamicCollectDependencyDefinition(DependencyDefinition):
    """An input is the list of all values of a dynamic output.

    Args:
        node_name: The node's name in the graph.
        output_name: Which of its outputs, a dynamic one or one of a node mapped over such.
    """

    __slots__ = ()

    is_fan_in = True

    def __init__(self, node_name: str, output_name: str = DEFAULT_OUTPUT) -> None:
        super().__init__(node_name, output_name)


class NodeInvocation:
    """The use of a node in a graph under another name, with tags or hooks of its own; a key of `dependencies`.

    Args:
        name: Name of the op or graph.
        alias: Name of the node; None takes that of its definition.
        tags: Tags of the node, beside those of its definition.
        hook_defs: Hooks that are called after the node's steps.
        retry_policy: Retry policy in place of the op's own.
    """

    __slots__ = ("alias", "hook_defs", "name", "retry_policy", "tags")

    def __init__(
        self,
        name: str,
        alias: str | None = None,
        tags: Mapping[str, Any] | None = None,
        hook_defs: Iterable[Any] | None = None,
        retry_policy: Any = None,
    ) -> None:
        self.name = name
        self.alias = alias
        self.tags = checked_tags(tags, f"the node {alias or name!r}") if tags else _NO_TAGS
        self.hook_defs = frozenset(hook_defs or ())
        self.retry_policy = retry_policy

    def __hash__(self) -> int:
        return hash((self.name, self.alias or self.name))

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, NodeInvocation)
            and self.name == other.name
            and (self.alias or self.name) == (other.alias or other.name)
        )


class Node:
    """One use of a definition in a graph."""

    __slots__ = ("definition", "hook_defs", "name", "retry_policy", "tags")

    def __init__(
        self,
        name: str,
        definition: Any,
        tags: Mapping[str, str] = _NO_TAGS,
        hook_defs: frozenset[Any] = frozenset(),
        retry_policy: Any = None,
    ) -> None:
        self.name = name
        self.definition = definition
        self.tags = tags
        self.hook_defs = hook_defs
        self.retry_policy = retry_policy

    @property
    def is_graph(self) -> bool:
        """Whether the node is a graph of its own."""
        return bool(self.definition.is_graph)

    @property
    def invocation(self) -> NodeInvocation:
        """The node as a key of its graph's `dependencies`."""
        own = self.definition.name
        alias = None if own == self.name else self.name
        return NodeInvocation(own, alias, self.tags, self.hook_defs, self.retry_policy)

    def describe_node(self) -> str:
        """Return a phrase that names the node in messages."""
        return f"{'graph' if self.is_graph else 'op'} '{self.name}'"

    def __repr__(self) -> str:
        return f"Node({self.name!r})"


Dependency = DependencyDefinition | MultiDependencyDefinition
DependencyMapping = Mapping[str | NodeInvocation, Mapping[str, Dependency]]
