"""Making a graph by calling: inside a `@graph` or `@job` body a call of an op adds a node."""

from __future__ import annotations

import warnings
from collections import namedtuple
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from cellmill.definitions.dependency import (
    DependencyDefinition,
    DynamicCollectDependencyDefinition,
    MappedInput,
    MultiDependencyDefinition,
    NodeInvocation,
)
from cellmill.definitions.engine import engine, job_maker
from cellmill.definitions.output import DEFAULT_OUTPUT
from cellmill.definitions.port import DynamicOutputDefinition, InputMapping, OutputDefinition, OutputMapping
from cellmill.definitions.tags import checked_name, checked_tags
from cellmill.errors import CheckError, InvalidDefinitionError, InvalidInvocationError

_STACK: list[Composition] = []


def current() -> Composition | None:
    """Return the body that is being composed, if one is."""
    return _STACK[-1] if _STACK else None


class NodeOutput:
    """What a call in a body returns: one output of the new node."""

    __slots__ = ("node_name", "output_name")

    def __init__(self, node_name: str, output_name: str) -> None:
        self.node_name = node_name
        self.output_name = output_name

    def __iter__(self) -> Iterator[Any]:
        raise InvariantError(
            f'Attempted to iterate over an InvokedNodeOutputHandle. The call of "{self.node_name}" has one output and '
            "is not a sequence while the graph is composed. Declare several outputs with `out={...}`, or a DynamicOut."
        )

    def __getitem__(self, index: object) -> Any:
        raise InvariantError(
            f'Attempted to index in to an InvokedNodeOutputHandle. The output of "{self.node_name}" is a value only '
            "when the graph runs."
        )

    def describe_node(self) -> str:
        """Return the name of the node."""
        return f"'{self.node_name}'"

    def alias(self, _: object) -> Any:
        """Raise: an alias is given before the call."""
        raise InvariantError(
            f"In {_where()}, attempted to call alias method for InvokedNodeOutputHandle. The output of "
            f'"{self.node_name}" has no alias: alias a node before it is called, as in `a.alias("b")()`. Consider '
            "checking the location of parentheses."
        )

    def with_hooks(self, _: object) -> Any:
        """Raise: hooks are given before the call."""
        raise InvariantError(
            f"In {_where()}, attempted to call hook method for InvokedNodeOutputHandle. Add hooks to "
            f'"{self.node_name}" before the call. Consider checking the location of parentheses.'
        )


class DynamicNodeOutput:
    """What a call returns for a dynamic output: it can be mapped over and collected."""

    __slots__ = ("node_name", "output_name")

    def __init__(self, node_name: str, output_name: str) -> None:
        self.node_name = node_name
        self.output_name = output_name

    def map(self, fn: Callable[..., Any]) -> Any:
        """Return what `fn` returns for one value, as a dynamic output again."""
        result = fn(MappedNodeOutput(self.node_name, self.output_name))
        return _as_dynamic(result)

    def collect(self) -> CollectedOutput:
        """Return the list of all values."""
        return CollectedOutput(self.node_name, self.output_name)

    def unwrap_for_composite_mapping(self) -> MappedNodeOutput:
        """Return the output itself."""
        return MappedNodeOutput(self.node_name, self.output_name)

    def __iter__(self) -> Iterator[Any]:
        raise InvariantError(
            f'Attempted to iterate over a dynamic output of "{self.node_name}". Use the "map" method to invoke '
            "downstream ops, or `collect`."
        )


class MappedNodeOutput(NodeOutput):
    """One value of a dynamic output inside `map`."""

    __slots__ = ()


class CollectedOutput:
    """All values of a dynamic output."""

    __slots__ = ("node_name", "output_name")

    def __init__(self, node_name: str, output_name: str) -> None:
        self.node_name = node_name
        self.output_name = output_name


class GraphInput:
    """An input of the graph that is being composed."""

    __slots__ = ("graph_name", "input_name")

    def __init__(self, graph_name: str, input_name: str) -> None:
        self.graph_name = graph_name
        self.input_name = input_name

    def __iter__(self) -> Iterator[Any]:
        raise InvariantError(f'Attempted to iterate over the input "{self.input_name}" of "{self.graph_name}".')


class InvariantError(InvalidDefinitionError, CheckError):
    """A value that does not exist yet was used while a graph is composed."""


def _as_dynamic(result: Any) -> Any:
    if isinstance(result, NodeOutput):
        return DynamicNodeOutput(result.node_name, result.output_name)
    if isinstance(result, tuple) and all(isinstance(one, NodeOutput) for one in result):
        made = [_as_dynamic(one) for one in result]
        return type(result)(*made) if hasattr(result, "_fields") else tuple(made)
    if result is None or isinstance(result, (DynamicNodeOutput, CollectedOutput)):
        return result
    raise CheckError(
        f"Could not handle the output of map, expected what an op's call returns; got {type(result).__name__}."
    )


def _where() -> str:
    composition = current()
    return f"@{composition.kind} {composition.name}" if composition else "this place"


def _kinds_of_values() -> str:
    return (
        "Must pass the output from previous node invocations or inputs to the composition function as inputs when "
        "invoking nodes during composition."
    )


class Call:
    """A node of the body that is composed."""

    __slots__ = ("definition", "hook_defs", "inputs", "name", "retry_policy", "tags")

    def __init__(self, name: str, definition: Any, inputs: dict[str, Any], pending: Pending) -> None:
        self.name = name
        self.definition = definition
        self.inputs = inputs
        self.tags = pending.tags
        self.hook_defs = pending.hook_defs
        self.retry_policy = pending.retry_policy


class Pending:
    """A node definition with what its next use shall have: alias, tags, hooks, retry policy."""

    __slots__ = ("definition", "given_alias", "hook_defs", "retry_policy", "tags")

    def __init__(
        self,
        definition: Any,
        given_alias: str | None = None,
        tags: Mapping[str, str] | None = None,
        hook_defs: frozenset[Any] = frozenset(),
        retry_policy: Any = None,
    ) -> None:
        self.definition = definition
        self.given_alias = given_alias
        self.tags = tags or {}
        self.hook_defs = hook_defs
        self.retry_policy = retry_policy

    def _changed(self, **parts: Any) -> Pending:
        own = {name: getattr(self, name) for name in self.__slots__}
        body = current()
        if body is not None:
            body.uninvoked.pop(id(self), None)
        return Pending(**{**own, **parts}).noted()

    def noted(self) -> Pending:
        """Return this; the body that is being composed warns where it is never called."""
        body = current()
        if body is not None:
            body.uninvoked[id(self)] = self
        return self

    @property
    def name(self) -> str:
        """The name the node will have."""
        return self.given_alias or str(self.definition.name)

    node_def = property(lambda self: self.definition)

    def alias(self, name: str) -> Pending:
        """Return the same with another name."""
        return self._changed(given_alias=checked_name(name, "node"))

    def tag(self, tags: Mapping[str, Any]) -> Pending:
        """Return the same with more tags."""
        return self._changed(tags={**self.tags, **checked_tags(tags, f"the node {self.name!r}")})

    def with_hooks(self, hook_defs: Iterable[Any]) -> Pending:
        """Return the same with more hooks."""
        return self._changed(hook_defs=self.hook_defs | checked_hooks(hook_defs))

    def with_retry_policy(self, retry_policy: Any) -> Pending:
        """Return the same with a retry policy."""
        return self._changed(retry_policy=retry_policy)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        composition = current()
        if composition is None:
            if not self.definition.is_graph:
                return engine().invoke(self.definition, args, kwargs, self.given_alias)
            raise InvalidInvocationError(
                f"Attempted to call {'aliased ' if self.given_alias else ''}graph '{self.name}' outside of a "
                "composition function. Invoking graphs is only valid in a function decorated with @job or @graph."
            )
        return composition.observe(self, args, kwargs)

    def to_job(self, *args: Any, **kwargs: Any) -> Any:
        """Return a job of the graph with the tags, hooks and name given here."""
        hooks = self.hook_defs | frozenset(kwargs.pop("hooks", None) or ())
        tags = {**self.tags, **(kwargs.pop("tags", None) or {})}
        if args:
            kwargs["name"], args = args[0], args[1:]
        return self.definition.to_job(*args, **{"name": self.name, **kwargs, "tags": tags, "hooks": hooks})

    def execute_in_process(self, *args: Any, **kwargs: Any) -> Any:
        """Run the graph as a job with the tags, hooks and name given here."""
        return self.to_job().execute_in_process(*args, **kwargs)


def checked_hooks(hook_defs: Iterable[Any]) -> frozenset[Any]:
    """Return the hooks as a set, if they are hooks."""
    hooks = frozenset(hook_defs)
    for hook in hooks:
        if not hasattr(hook, "hook_fn"):
            raise CheckError(f"Hooks are HookDefinitions; got {hook!r}.")
    return hooks


class Composition:
    """The body of one graph while its function runs."""

    def __init__(self, name: str, kind: str, asset_resolver: Callable[[Any], Any] | None = None) -> None:
        self.name = name
        self.kind = kind
        self.calls: dict[str, Call] = {}
        self.pending: list[Any] = []
        #: Uses with an alias, tags, hooks or a retry policy that were not called yet.
        self.uninvoked: dict[int, Pending] = {}
        self.asset_resolver = asset_resolver
        self.asset_nodes: dict[str, Any] = {}
        #: (node name, input name) -> the asset that was passed there, whose stored value is loaded.
        self.loaded_assets: dict[tuple[str, str], Any] = {}

    def __enter__(self) -> Composition:
        _STACK.append(self)
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        _STACK.pop()
        if kind is None:
            for pending in self.uninvoked.values():
                self._warn_uninvoked(pending)

    def _warn_uninvoked(self, pending: Pending) -> None:
        what = "graph" if pending.definition.is_graph else "op"
        changes = {
            "alias": pending.given_alias,
            "tags": pending.tags or None,
            "hooks": sorted(one.name for one in pending.hook_defs) or None,
            "retry policy": pending.retry_policy,
        }
        with_what = ", ".join(f"{name} {value!r}" for name, value in changes.items() if value is not None)
        warnings.warn(
            f"In {self._here()}, received an uninvoked {what} '{pending.definition.name}'"
            f"{f' with {with_what}' if with_what else ''}. It is no part of the {self.kind}: is its call missing?",
            stacklevel=5,
        )

    # -- a call ---------------------------------------------------------------------------------------------------

    def observe(self, pending: Pending, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Add a node for a call and return what stands for its outputs."""
        definition = pending.definition
        self.uninvoked.pop(id(pending), None)
        name = self._free_name(pending)
        inputs = self._bound(definition, name, args, kwargs)
        self.calls[name] = Call(name, definition, inputs, pending)
        return self.outputs_of(name, definition)

    def _free_name(self, pending: Pending) -> str:
        base = pending.name
        if pending.given_alias is not None:
            if base in self.calls:
                raise InvalidDefinitionError(
                    f'{self._here()} invoked the same node ("{base}") twice without aliasing: the name is used already.'
                )
            return base
        name, number = base, 1
        while name in self.calls:
            number += 1
            name = f"{base}_{number}"
        return name

    def _here(self) -> str:
        return f"@{self.kind} {self.name}"

    def _bound(self, definition: Any, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
        declared = list(definition.input_names_for_call)
        if len(args) > len(declared):
            raise InvalidDefinitionError(
                f"In {self._here()}, received too many inputs for invocation {name}. Only {len(declared)} defined, "
                f"received {len(args)}: {declared}."
            )
        placed = len(definition.positional_inputs)
        if 0 < placed < len(args) and len(declared) - placed > 1:
            raise InvalidDefinitionError(
                f"In {self._here()}, could not resolve input based on position at index {placed} for invocation "
                f"{name}. Use keyword args instead, available inputs are: {declared}"
            )
        inputs: dict[str, Any] = {}
        for input_name, value in zip(declared, args, strict=False):
            inputs[input_name] = self._value(value, name, input_name)
        for input_name, value in kwargs.items():
            if input_name in inputs:
                raise InvalidInvocationError(
                    f"In {self._here()}, {'graph' if definition.is_graph else 'op'} {name} got multiple values for "
                    f"argument '{input_name}': by place and by name."
                )
            if input_name not in definition.input_dict:
                raise InvalidDefinitionError(
                    f'In {self._here()}, received invalid input "{input_name}" for {name}. It has the inputs '
                    f"{list(definition.input_dict)}."
                )
            inputs[input_name] = self._value(value, name, input_name)
        return inputs

    def _value(self, value: Any, node: str, input_name: str) -> Any:
        if isinstance(value, (NodeOutput, GraphInput, CollectedOutput)):
            return value
        if isinstance(value, list):
            return [self._listed(one, node, input_name, index) for index, one in enumerate(value)]
        if isinstance(value, DynamicNodeOutput):
            raise InvalidDefinitionError(
                f'In {self._here()}, received the dynamic output of "{value.node_name}" for input "{input_name}" in '
                f"{node} invocation. Dynamic output must be unpacked by invoking map or collect."
            )
        if isinstance(value, Pending) or hasattr(value, "input_names_for_call"):
            raise InvalidDefinitionError(
                f'In {self._here()}, received an un-invoked {type(value).__name__} for input "{input_name}" in '
                f"{node} invocation. Did you forget parentheses?"
            )
        if hasattr(value, "key"):
            loaded = job_maker().loaded_asset(value)
            if loaded is not None:
                self.loaded_assets[(node, input_name)] = loaded
                return None
        if hasattr(value, "keys_by_output_name") and self.asset_resolver is not None:
            return self.asset_value(value)
        if isinstance(value, tuple):
            names = getattr(value, "_fields", ())
            raise InvalidDefinitionError(
                f'In {self._here()}, received a tuple of multiple outputs for input "{input_name}" in {node} '
                f"invocation. Must pass individual output{f', available from tuple: {names}' if names else ''}."
            )
        raise InvalidDefinitionError(
            f'In {self._here()}, received invalid type {type(value).__name__} for input "{input_name}" (at position) '
            f"in {node} invocation. {_kinds_of_values()}"
        )

    def _listed(self, value: Any, node: str, input_name: str, index: int) -> Any:
        if isinstance(value, (NodeOutput, GraphInput)):
            return value
        raise InvalidDefinitionError(
            f'In {self._here()}, received a list containing an invalid type at index {index} for input "{input_name}" '
            f"in {node} invocation. Lists can only contain the output from previous op invocations or input mappings"
            f", received {type(value).__name__}."
        )

    def outputs_of(self, name: str, definition: Any) -> Any:
        """Return what stands for the outputs of the node `name`."""
        handles = [
            (DynamicNodeOutput if one.is_dynamic else NodeOutput)(name, one.name) for one in definition.output_defs
        ]
        if not handles:
            return None
        if len(handles) == 1:
            return handles[0]
        return _output_tuple(tuple(one.name for one in definition.output_defs))(*handles)

    def asset_value(self, assets: Any) -> Any:
        """Return the output of an asset's node; the asset and what it needs become nodes."""
        if self.asset_resolver is None:
            raise InvalidDefinitionError(f"{self._here()}: an asset can be called in the body of a @job only.")
        return self.asset_resolver(assets)

    # -- the finished body ----------------------------------------------------------------------------------------

    def dependencies(self) -> dict[str | NodeInvocation, dict[str, Any]]:
        """Return the dependency mapping of the nodes."""
        found: dict[str | NodeInvocation, dict[str, Any]] = {}
        for call in self.calls.values():
            alias = call.name if call.name != call.definition.name else None
            invocation = NodeInvocation(call.definition.name, alias, None, call.hook_defs, call.retry_policy)
            invocation.tags = call.tags
            found[invocation] = {
                name: dependency
                for name, value in call.inputs.items()
                if (dependency := _dependency(value)) is not None
            }
        return found

    def input_mappings(self, declared: Mapping[str, Any]) -> list[InputMapping]:
        """Return the mappings of the graph's inputs to those of its nodes."""
        made: list[InputMapping] = []
        for call in self.calls.values():
            for name, value in call.inputs.items():
                listed = value if isinstance(value, list) else [value]
                for index, one in enumerate(listed):
                    if not isinstance(one, GraphInput):
                        continue
                    fan_in = index if isinstance(value, list) else None
                    mapping = InputMapping(one.input_name, call.name, name, fan_in, definition=declared[one.input_name])
                    made.append(mapping)
        return made


def _dependency(value: Any) -> Any:
    if isinstance(value, NodeOutput):
        return DependencyDefinition(value.node_name, value.output_name)
    if isinstance(value, CollectedOutput):
        return DynamicCollectDependencyDefinition(value.node_name, value.output_name)
    if isinstance(value, list):
        parts = [
            DependencyDefinition(one.node_name, one.output_name) if isinstance(one, NodeOutput) else MappedInput
            for one in value
        ]
        return MultiDependencyDefinition(parts)
    return None


_TUPLES: dict[tuple[str, ...], Any] = {}


def _output_tuple(names: tuple[str, ...]) -> Any:
    made = _TUPLES.get(names)
    if made is None:
        made = _TUPLES[names] = namedtuple("Outputs", names, rename=True)
    return made


def output_mappings(
    returned: Any, composition: Composition, outs: Mapping[str, Any] | None, kind: str
) -> list[OutputMapping]:
    """Return the mappings of the outputs of nodes to what the body returned."""
    where = f"@{kind} {composition.name}"
    if returned is None:
        if outs:
            raise InvalidDefinitionError(f"{where} has the outputs {list(outs)} declared but returns nothing.")
        return []
    if isinstance(returned, tuple) and not hasattr(returned, "_fields") and outs is not None:
        if len(returned) != len(outs):
            raise InvalidDefinitionError(
                f"{where} has {len(outs)} outputs declared but returns {len(returned)} values."
            )
        returned = dict(zip(outs, returned, strict=True))
    elif isinstance(returned, tuple) and hasattr(returned, "_fields"):
        returned = {name: getattr(returned, name) for name in returned._fields}
        if outs is not None and len(outs) == len(returned) and set(outs) != set(returned):
            returned = dict(zip(outs, returned.values(), strict=True))
    elif isinstance(returned, dict):
        unknown = [name for name in returned if outs is not None and name not in outs]
        if unknown:
            raise InvalidDefinitionError(f"{where} returned the outputs {unknown} that are not declared.")
    else:
        name = next(iter(outs)) if outs and len(outs) == 1 else DEFAULT_OUTPUT
        returned = {name: returned}
    missing = [name for name in outs or () if name not in returned]
    if missing:
        raise InvalidDefinitionError(f"{where} declares the outputs {missing} but does not return them.")
    return [_output_mapping(name, value, composition, outs, where) for name, value in returned.items()]


def _output_mapping(
    name: str, value: Any, composition: Composition, outs: Mapping[str, Any] | None, where: str
) -> OutputMapping:
    if hasattr(value, "keys_by_output_name"):
        value = composition.asset_value(value)
    if not isinstance(value, (NodeOutput, DynamicNodeOutput)):
        raise InvalidDefinitionError(
            f"{where} returned problematic value of type {type(value).__name__} for the output {name!r}. Expected what "
            "the call of an op or graph returns, or a dict or tuple of these."
        )
    source = composition.calls[value.node_name].definition.output_dict[value.output_name]
    declared = (outs or {}).get(name)
    definition = OutputDefinition(
        source.declared_type, name, getattr(declared, "description", None) or source.description, source.is_required
    )
    dynamic = isinstance(value, (DynamicNodeOutput, MappedNodeOutput))
    if dynamic:
        definition = DynamicOutputDefinition(source.declared_type, name, definition.description, source.is_required)
    return OutputMapping(
        name, value.node_name, value.output_name, None, from_dynamic_mapping=dynamic, definition=definition
    )
