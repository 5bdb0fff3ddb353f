"""Inputs and outputs of ops and graphs: what users declare, and what the engine reads."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from cellmill.definitions.asset_key import AssetKey
from cellmill.definitions.output import DEFAULT_OUTPUT, NO_VALUE, normalized
from cellmill.definitions.tags import checked_name
from cellmill.errors import CheckError, InvalidDefinitionError
from cellmill.first_use import on_first_use

if TYPE_CHECKING:
    from cellmill.definitions import types
else:
    types = on_first_use("cellmill.definitions.types")

_EMPTY: Mapping[str, Any] = {}
DEFAULT_IO_MANAGER_KEY = "io_manager"


def resolve_type(declared: Any) -> Any:
    """Return the `Type` that `declared` (an annotation, a Type, None for a value that is nothing) stands for."""
    # Two dozen modules, needed once a job is built or run and not when it is declared.
    if declared is NO_VALUE:
        return types.Any
    if declared is None:
        return types.Nothing
    return types.resolve_dagster_type(declared)


def is_nothing_type(declared: Any) -> bool:
    """Return whether `declared` is the type that carries no value."""
    if declared is None:
        return True
    if isinstance(declared, type):
        return declared is type(None)
    kind = getattr(declared, "kind", None)
    return kind is not None and getattr(kind, "name", kind) == "NOTHING"


class _Port:
    """What inputs and outputs have in common; the type is resolved when it is first looked at."""

    __slots__ = ("_type", "declared_type", "description", "metadata", "name")

    declared_type: Any
    description: str | None
    metadata: Mapping[str, Any]
    name: str | None
    _type: Any

    @property
    def dagster_type(self) -> Any:
        """The type of the values."""
        if self._type is None:
            self._type = resolve_type(self.declared_type)
        return self._type

    @property
    def type(self) -> Any:
        """The type of the values."""
        return self.dagster_type

    @property
    def is_untyped(self) -> bool:
        """Whether any value will do, so that nothing is to be checked."""
        declared = self.declared_type
        return declared is NO_VALUE or declared is Any

    @property
    def is_nothing(self) -> bool:
        """Whether only the order matters and no value passes."""
        return is_nothing_type(self.declared_type)

    @property
    def definition_metadata(self) -> Mapping[str, Any]:
        """The metadata given at the declaration."""
        return self.metadata

    def _declaration(self) -> dict[str, Any]:
        """What was declared, by the name of the argument."""
        fields = [one for kind in type(self).__mro__ for one in getattr(kind, "__slots__", ())]
        kept = {one: getattr(self, one) for one in fields if one not in ("_type", "declared_type")}
        return {**kept, "type": self.dagster_type}

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, _Port) or type(other) is not type(self):
            return NotImplemented
        return self._declaration() == other._declaration()

    def __hash__(self) -> int:
        return hash((type(self), self.name))

    def _with_inferred_type(self, annotation: Any) -> None:
        if self.declared_type is NO_VALUE and annotation is not NO_VALUE:
            self.declared_type = annotation


def _checked_type(declared: Any) -> Any:
    """Return `declared`; what is no type at all is refused where it is written."""
    known = declared is NO_VALUE or declared is None or isinstance(declared, type)
    if known or hasattr(declared, "type_check") or hasattr(declared, "__origin__"):
        return declared
    resolve_type(declared)
    return declared


class In(_Port):
    """An input of an op as users declare it, in `ins` of `@op`.

    Args:
        dagster_type: Type that values are checked against; left out, the parameter's annotation counts. `Nothing` gives
            an order without a value, and then there is no parameter.
        description: What is expected here.
        default_value: Value where nothing is connected; left out, the parameter's default counts, and without one the
            input must be connected or given by run config.
        metadata: What the IO manager finds in `context.definition_metadata` when it loads the input.
        asset_key: The asset that is read here, for lineage; or a function of the input context that returns it.
        asset_partitions: The partitions of that asset which are read: a set of keys, or a function of the input
            context.
        input_manager_key: Key of the resource that loads the input; None asks the IO manager that stored the value.
    """

    __slots__ = ("asset_key", "asset_partitions", "default_value", "input_manager_key")

    def __init__(
        self,
        dagster_type: Any = NO_VALUE,
        description: str | None = None,
        default_value: Any = NO_VALUE,
        metadata: Mapping[str, Any] | None = None,
        asset_key: Any = None,
        asset_partitions: Any = None,
        input_manager_key: str | None = None,
    ) -> None:
        self.name = None
        self.declared_type = _checked_type(dagster_type)
        self._type = None
        self.description = description
        self.default_value = default_value
        self.metadata = metadata or _EMPTY
        self.asset_key = asset_key
        self.asset_partitions = asset_partitions
        self.input_manager_key = input_manager_key

    @property
    def has_default_value(self) -> bool:
        """Whether the input may be left unconnected."""
        return self.default_value is not NO_VALUE

    @property
    def hardcoded_asset_key(self) -> AssetKey | None:
        """The asset that the input always is."""
        return self.asset_key if isinstance(self.asset_key, AssetKey) else None

    def get_asset_key(self, context: Any = None) -> AssetKey | None:
        """Return the asset that the input is, or None.

        Args:
            context: The input context, for an `asset_key` that is a function.
        """
        key: AssetKey | None = self.asset_key(context) if callable(self.asset_key) else self.asset_key
        return key

    @classmethod
    def from_definition(cls, definition: InputDefinition) -> In:
        """Return the declaration of an input.

        Args:
            definition: The input with its name.
        """
        return In(
            definition.declared_type,
            definition.description,
            definition.default_value,
            definition.metadata,
            definition.asset_key,
            definition.asset_partitions,
            definition.input_manager_key,
        )

    def to_definition(self, name: str) -> InputDefinition:
        """Return the same input with its name.

        Args:
            name: The input's name.
        """
        return InputDefinition(
            name,
            self.declared_type,
            self.description,
            self.default_value,
            self.metadata,
            self.asset_key,
            self.asset_partitions,
            self.input_manager_key,
        )


class InputDefinition(In):
    """An input of an op or a graph, with its name.

    Args:
        name: The input's name: letters, digits and `_`.
        dagster_type: Type that values are checked against.
        description: What is expected here.
        default_value: Value where nothing is connected.
        metadata: What the IO manager finds in `context.definition_metadata` when it loads the input.
        asset_key: The asset that is read here, or a function of the input context that returns it.
        asset_partitions: The partitions of that asset which are read, or a function of the input context.
        input_manager_key: Key of the resource that loads the input.
    """

    __slots__ = ()

    name: str

    def __init__(
        self,
        name: str,
        dagster_type: Any = NO_VALUE,
        description: str | None = None,
        default_value: Any = NO_VALUE,
        metadata: Mapping[str, Any] | None = None,
        asset_key: Any = None,
        asset_partitions: Any = None,
        input_manager_key: str | None = None,
    ) -> None:
        self.name = checked_name(name, "input")
        self.declared_type = dagster_type
        self._type = None
        self.description = description
        self.default_value = default_value
        self.metadata = metadata or _EMPTY
        self.asset_key = asset_key
        self.asset_partitions = asset_partitions
        self.input_manager_key = input_manager_key
        if default_value is not NO_VALUE and dagster_type is not NO_VALUE:
            check_default(self)

    def _with_inferred_type(self, annotation: Any) -> None:
        super()._with_inferred_type(annotation)
        if self.default_value is not NO_VALUE:
            check_default(self)

    def __repr__(self) -> str:
        return f"InputDefinition({self.name!r})"


def check_default(port: InputDefinition) -> None:
    """Raise for a default that can be none: on an input without values, or of another scalar type."""
    if port.is_nothing:
        raise InvalidDefinitionError(f"Setting a default_value is invalid on inputs of type Nothing: {port.name!r}.")
    wanted = port.declared_type
    if wanted not in _SCALARS or (wanted is not Any and isinstance(port.default_value, wanted)):
        return
    raise InvalidDefinitionError(
        f"Type check failed for the default_value of InputDefinition {port.name} of type "
        f"{port.dagster_type.display_name}. Received value {port.default_value!r} of type {type(port.default_value)}."
    )


#: The types whose values are told apart without running anything of the user's.
_SCALARS: tuple[type, ...] = (int, float, str, bool)


class Out(_Port):
    """An output of an op as users declare it, in `out` of `@op`.

    Args:
        dagster_type: Type that values are checked against; left out, the return annotation counts.
        description: What comes out here.
        is_required: Whether each run must give the output; with False what is downstream is skipped where it is
            missing.
        io_manager_key: Key of the resource that stores the value; None is `"io_manager"`.
        metadata: What the IO manager finds in `context.definition_metadata` when it stores the value.
        code_version: Version of the logic that makes this output; None takes the op's.
    """

    __slots__ = ("code_version", "io_manager_key", "is_required")

    is_dynamic = False

    def __init__(
        self,
        dagster_type: Any = NO_VALUE,
        description: str | None = None,
        is_required: bool = True,
        io_manager_key: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        code_version: str | None = None,
    ) -> None:
        self.name = None
        self.declared_type = _checked_type(dagster_type)
        self._type = None
        self.description = description
        self.is_required = is_required
        self.io_manager_key = DEFAULT_IO_MANAGER_KEY if io_manager_key is None else io_manager_key
        self.metadata = metadata or _EMPTY
        self.code_version = code_version

    @classmethod
    def from_definition(cls, definition: OutputDefinition) -> Out:
        """Return the declaration of an output.

        Args:
            definition: The output with its name.
        """
        kind = DynamicOut if definition.is_dynamic else Out
        return kind(
            definition.declared_type,
            definition.description,
            definition.is_required,
            definition.io_manager_key,
            definition.metadata,
            definition.code_version,
        )

    def to_definition(self, name: str | None, code_version: str | None = None) -> OutputDefinition:
        """Return the same output with its name.

        Args:
            name: The output's name; None is `result`.
            code_version: Version of the logic, where the output has none of its own.
        """
        made = OutputDefinition if not self.is_dynamic else DynamicOutputDefinition
        return made(
            self.declared_type,
            name,
            self.description,
            self.is_required,
            self.io_manager_key,
            self.metadata,
            self.code_version or code_version,
        )


class DynamicOut(Out):
    """An output that may come any number of times, each as a `DynamicOutput` under a key of its own.

    What is downstream is called once for each value by `.map(…)`, or once for all of them by `.collect()`. The
    arguments are those of `Out`.

    >>> @op(out=DynamicOut())
    ... def words():
    ...     for word in ("one", "three"):
    ...         yield DynamicOutput(word, mapping_key=word)
    >>> @op
    ... def length(word: str) -> int:
    ...     return len(word)
    >>> @job
    ... def lengths():
    ...     words().map(length)
    >>> lengths.execute_in_process().output_for_node("length")
    {'one': 3, 'three': 5}
    """

    __slots__ = ()

    is_dynamic = True


class OutputDefinition(Out):
    """An output of an op or a graph, with its name.

    Args:
        dagster_type: Type that values are checked against.
        name: The output's name: letters, digits and `_`; None is `result`.
        description: What comes out here.
        is_required: Whether each run must give the output.
        io_manager_key: Key of the resource that stores the value; None is `"io_manager"`.
        metadata: What the IO manager finds in `context.definition_metadata` when it stores the value.
        code_version: Version of the logic that makes this output.
    """

    __slots__ = ()

    name: str

    def __init__(
        self,
        dagster_type: Any = NO_VALUE,
        name: str | None = None,
        description: str | None = None,
        is_required: bool = True,
        io_manager_key: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        code_version: str | None = None,
    ) -> None:
        self.name = DEFAULT_OUTPUT if name is None else checked_name(name, "output")
        self.declared_type = dagster_type
        self._type = None
        self.description = description
        self.is_required = is_required
        self.io_manager_key = DEFAULT_IO_MANAGER_KEY if io_manager_key is None else io_manager_key
        self.metadata = metadata or _EMPTY
        self.code_version = code_version

    @property
    def optional(self) -> bool:
        """Whether the output may be missing."""
        return not self.is_required

    def mapping_from(self, node_name: str, output_name: str | None = None) -> OutputMapping:
        """Return the mapping of a node's output to this output of its graph.

        Args:
            node_name: The node within the graph.
            output_name: Which of the node's outputs; None is `result`.
        """
        return OutputMapping(
            graph_output_name=self.name,
            mapped_node_name=node_name,
            mapped_node_output_name=output_name or DEFAULT_OUTPUT,
            definition=self,
        )

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name!r})"


class DynamicOutputDefinition(OutputDefinition):
    """A dynamic output with its name."""

    __slots__ = ()

    is_dynamic = True


class GraphIn:
    """An input of a graph as users declare it; its type is that of the inner input it is mapped to.

    Args:
        description: What is expected here.
    """

    __slots__ = ("description",)

    def __init__(self, description: str | None = None) -> None:
        self.description = description


class GraphOut:
    """An output of a graph as users declare it; its type is that of the inner output it is mapped from.

    Args:
        description: What comes out here.
    """

    __slots__ = ("description",)

    def __init__(self, description: str | None = None) -> None:
        self.description = description


class InputMapping:
    """Says which node's input an input of a graph is.

    Args:
        graph_input_name: The graph's input.
        mapped_node_name: The node within the graph.
        mapped_node_input_name: The node's input.
        fan_in_index: Place among several values that the node's input takes; None where it takes one.
        graph_input_description: What is expected here.
        dagster_type: Type of the graph's input; left out, that of the node's input.
        definition: The graph's input as a whole, in place of the two before.
    """

    __slots__ = (
        "definition",
        "fan_in_index",
        "graph_input_description",
        "graph_input_name",
        "mapped_node_input_name",
        "mapped_node_name",
    )

    def __init__(
        self,
        graph_input_name: str,
        mapped_node_name: str,
        mapped_node_input_name: str,
        fan_in_index: int | None = None,
        graph_input_description: str | None = None,
        dagster_type: Any = NO_VALUE,
        definition: InputDefinition | None = None,
    ) -> None:
        if not isinstance(mapped_node_name, str) or not isinstance(mapped_node_input_name, str):
            raise CheckError("An InputMapping names a node and its input as str.")
        self.graph_input_name = graph_input_name
        self.mapped_node_name = mapped_node_name
        self.mapped_node_input_name = mapped_node_input_name
        self.fan_in_index = fan_in_index
        self.graph_input_description = graph_input_description
        self.definition = definition or InputDefinition(graph_input_name, dagster_type, graph_input_description)


class OutputMapping:
    """Says which node's output an output of a graph is.

    Args:
        graph_output_name: The graph's output.
        mapped_node_name: The node within the graph.
        mapped_node_output_name: The node's output.
        graph_output_description: What comes out here.
        dagster_type: Type of the graph's output; left out, that of the node's output.
        from_dynamic_mapping: Whether the node is mapped over a dynamic output, so that the graph's output is one too.
        definition: The graph's output as a whole, in place of name, type and description.
    """

    __slots__ = (
        "definition",
        "from_dynamic_mapping",
        "graph_output_description",
        "graph_output_name",
        "mapped_node_name",
        "mapped_node_output_name",
    )

    def __init__(
        self,
        graph_output_name: str,
        mapped_node_name: str,
        mapped_node_output_name: str = DEFAULT_OUTPUT,
        graph_output_description: str | None = None,
        dagster_type: Any = NO_VALUE,
        from_dynamic_mapping: bool = False,
        definition: OutputDefinition | None = None,
    ) -> None:
        self.graph_output_name = graph_output_name
        self.mapped_node_name = mapped_node_name
        self.mapped_node_output_name = mapped_node_output_name
        self.graph_output_description = graph_output_description
        self.from_dynamic_mapping = from_dynamic_mapping
        self.definition = definition or OutputDefinition(dagster_type, graph_output_name, graph_output_description)


def checked_ins(ins: Any, owner: str) -> dict[str, In]:
    """Return `ins` if it is a mapping from names to `In`."""
    if not isinstance(ins, Mapping):
        raise CheckError(f"ins of {owner} is a mapping from str to In; got {type(ins).__name__}.")
    for name, declared in ins.items():
        if not isinstance(declared, In):
            raise CheckError(f"ins of {owner}: {name!r} is an In; got {declared!r}.")
    return dict(ins)


def checked_outs(outs: Any, owner: str) -> dict[str, Out]:
    """Return `outs` if it is a mapping from names to `Out`."""
    if not isinstance(outs, Mapping):
        raise CheckError(f"out of {owner} is an Out or a mapping from str to Out; got {type(outs).__name__}.")
    for name, declared in outs.items():
        if not isinstance(declared, Out):
            raise CheckError(f"out of {owner}: {name!r} is an Out; got {declared!r}.")
    return dict(outs)


def not_found(what: str, name: str, known: Any, owner: str) -> InvalidDefinitionError:
    """Return the error about a name that is not there, with the nearest that is."""
    # for an error's text alone, in what every import of cellmill loads
    from difflib import get_close_matches

    names = [str(one) for one in known]
    near = get_close_matches(str(name), names, 1)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    return InvalidDefinitionError(f"{owner} has no {what} {name!r}.{hint} It has: {names}.")


__all__ = ["DEFAULT_IO_MANAGER_KEY", "In", "InputDefinition", "Out", "OutputDefinition", "normalized"]
