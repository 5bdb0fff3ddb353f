"""Graphs: ops and graphs that hang together, usable as a node again or as a job."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from cellmill.definitions.composition import Composition, GraphInput, Pending, current, output_mappings
from cellmill.definitions.dependency import (
    DependencyMapping,
    Node,
    NodeInvocation,
)
from cellmill.definitions.engine import job_maker
from cellmill.definitions.graph_wiring import check_dependencies, check_mappings, nodes_of, sorted_nodes
from cellmill.definitions.inference import FunctionShape, describe_place, docstring_summary
from cellmill.definitions.op import NodeUses
from cellmill.definitions.output import NO_VALUE
from cellmill.definitions.port import (
    GraphIn,
    GraphOut,
    InputDefinition,
    InputMapping,
    OutputDefinition,
    OutputMapping,
    not_found,
)
from cellmill.definitions.tags import checked_name, checked_tags
from cellmill.errors import CheckError, InvalidDefinitionError, InvariantViolationError
from cellmill.first_use import on_first_use

if TYPE_CHECKING:
    from cellmill.definitions import docstring
    from cellmill.definitions.config import config_mapping
    from cellmill.definitions.config import configured as configured_copy
else:
    docstring = on_first_use("cellmill.definitions.docstring")
    config_mapping = on_first_use("cellmill.definitions.config.config_mapping")
    configured_copy = on_first_use("cellmill.definitions.config.configured")

_EMPTY: Mapping[str, Any] = {}
_EMPTY_ASSETS: Mapping[tuple[str, str], Any] = {}


class GraphDefinition(NodeUses):
    """Nodes, the dependencies between them, and what the graph takes in and gives out; `@graph` makes it.

    Args:
        name: The graph's name: letters, digits and `_`.
        description: What it does.
        node_defs: The ops and graphs that its nodes are.
        dependencies: By node (its name, or a `NodeInvocation`), by input, where the value comes from.
        input_mappings: Which node's input each of the graph's inputs is.
        output_mappings: Which node's output each of the graph's outputs is.
        config: A `ConfigMapping` that makes the nodes' config from the graph's own; or the nodes' config itself, as a
            dict.
        tags: Tags of the jobs made of it.
        composition_fn: The function whose body the graph is, where there is one.
        positional_inputs: The inputs in the order in which a call gives them.
        input_defs: The inputs as a whole, where they were declared before the mappings.
        input_assets: By node and input, the asset that is only loaded and passed there.
        checked: Whether names and dependencies are known to be right, so that they are not looked at again.

    Raises:
        InvalidDefinitionError: where a dependency or mapping names what is not there, or types do not fit.
        InvariantViolationError: where nodes need each other in a circle.
    """

    is_graph = True

    def __init__(
        self,
        name: str,
        description: str | None = None,
        node_defs: Sequence[Any] | None = None,
        dependencies: DependencyMapping | None = None,
        input_mappings: Sequence[InputMapping] | None = None,
        output_mappings: Sequence[OutputMapping] | None = None,
        config: Any = None,
        tags: Mapping[str, Any] | None = None,
        *,
        composition_fn: Callable[..., Any] | None = None,
        positional_inputs: Sequence[str] | None = None,
        input_defs: Sequence[InputDefinition] | None = None,
        input_assets: Mapping[tuple[str, str], Any] | None = None,
        checked: bool = False,
    ) -> None:
        self.name = name if checked else checked_name(name, "graph")
        self.description = description
        self.node_defs = list(node_defs or ())
        self.input_mappings = list(input_mappings or ())
        self.output_mappings = list(output_mappings or ())
        self.config_mapping = _checked_mapping(config, self.name)
        self.tags = checked_tags(tags, f"graph {self.name!r}") if tags else _EMPTY
        self.composition_fn = composition_fn
        if composition_fn is not None:
            self.__wrapped__ = composition_fn
            self.__doc__ = description
        #: By node and input, where the value comes from.
        self.node_dict, self.wiring = nodes_of(self, {} if dependencies is None else dependencies)
        self.configured_with: Any = None
        #: (node name, input name) -> definition of the asset that is loaded there, as the body says.
        self.input_assets: Mapping[tuple[str, str], Any] = input_assets or _EMPTY_ASSETS
        if not checked:
            check_dependencies(self)
            check_mappings(self)
        self.input_defs = _unique_inputs(self.input_mappings, input_defs)
        self.output_defs = tuple(one.definition for one in self.output_mappings)
        self.input_dict = {one.name: one for one in self.input_defs}
        self.output_dict = {one.name: one for one in self.output_defs}
        self.positional_inputs = list(positional_inputs or ())
        if not checked:
            self.node_order = tuple(sorted_nodes(self))
        else:
            self.node_order = tuple(self.node_dict)

    # -- reading --------------------------------------------------------------------------------------------------

    @property
    def graph(self) -> GraphDefinition:
        """The graph itself."""
        return self

    @property
    def dependencies(self) -> Mapping[NodeInvocation, Mapping[str, Any]]:
        """By use of a node, by input, where the value comes from."""
        return {node.invocation: self.wiring[name] for name, node in self.node_dict.items()}

    @property
    def nodes(self) -> list[Node]:
        """The nodes in the order they were declared."""
        return list(self.node_dict.values())

    @property
    def nodes_in_topological_order(self) -> list[Node]:
        """The nodes, each after those it needs."""
        return [self.node_dict[name] for name in self.node_order]

    def node_named(self, name: str) -> Node:
        """Return the node with this name.

        Args:
            name: The node's name.

        Raises:
            InvalidDefinitionError: where there is none, with the nearest name.
        """
        try:
            return self.node_dict[name]
        except KeyError:
            raise not_found("node named", name, self.node_dict, f"graph {self.name!r}") from None

    def get_node_named(self, name: str) -> Node:
        """Return the node with this name, as `node_named` does.

        Args:
            name: The node's name.
        """
        return self.node_named(name)

    def node_names(self) -> list[str]:
        """Return the names of the nodes."""
        return list(self.node_dict)

    def iterate_node_defs(self) -> Iterable[Any]:
        """Return the graph, and the definitions of its nodes and of what is in them."""
        yield self
        for node in self.nodes:
            if node.definition.is_graph:
                yield from node.definition.iterate_node_defs()
            else:
                yield node.definition

    def coerce_to_job(self) -> Any:
        """Return a job of the graph."""
        return self.to_job()

    def has_node_named(self, name: str) -> bool:
        """Return whether there is such a node.

        Args:
            name: The node's name.
        """
        return name in self.node_dict

    @property
    def input_names_for_call(self) -> list[str]:
        """The names of the inputs in the order in which a call in a body gives them."""
        return self.positional_inputs + [name for name in self.input_dict if name not in self.positional_inputs]

    @property
    def ins(self) -> Mapping[str, Any]:
        """The inputs by name."""
        return self.input_dict

    @property
    def outs(self) -> Mapping[str, Any]:
        """The outputs by name."""
        return self.output_dict

    def has_input(self, name: str) -> bool:
        """Return whether there is such an input.

        Args:
            name: The input's name.
        """
        return name in self.input_dict

    def has_output(self, name: str) -> bool:
        """Return whether there is such an output.

        Args:
            name: The output's name.
        """
        return name in self.output_dict

    def input_def_named(self, name: str) -> InputDefinition:
        """Return the input with this name.

        Args:
            name: The input's name.
        """
        return self.input_dict[name]

    def output_def_named(self, name: str) -> OutputDefinition:
        """Return the output with this name.

        Args:
            name: The output's name.
        """
        return self.output_dict[name]

    def get_output_mapping(self, name: str) -> OutputMapping:
        """Return which node's output an output of the graph is.

        Args:
            name: The output's name.

        Raises:
            InvalidDefinitionError: where the graph has no such output.
        """
        for one in self.output_mappings:
            if one.graph_output_name == name:
                return one
        raise not_found("output", name, self.output_dict, f"graph {self.name!r}")

    @property
    def has_config_mapping(self) -> bool:
        """Whether the graph makes its nodes' config from config of its own."""
        return self.config_mapping is not None

    @property
    def config_schema(self) -> Any:
        """The schema of the graph's own config, or None."""
        return self.config_field

    @property
    def config_field(self) -> Any:
        """The schema of the graph's own config as a `Field`, or None."""
        return None if self.config_mapping is None else self.config_mapping.config_schema

    @property
    def has_config_field(self) -> bool:
        """Whether the graph takes config of its own."""
        return self.config_mapping is not None

    def iterate_op_defs(self) -> Iterable[Any]:
        """Yield every op at any depth."""
        for node in self.node_dict.values():
            if node.is_graph:
                yield from node.definition.iterate_op_defs()
            else:
                yield node.definition

    @property
    def required_resource_keys(self) -> frozenset[str]:
        """The resources that any op of the graph needs."""
        return frozenset(key for one in self.iterate_op_defs() for key in one.required_resource_keys)

    # -- using ----------------------------------------------------------------------------------------------------

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if current() is None and self.composition_fn is not None:
            raise InvariantViolationError(
                f"Attempted to call graph '{self.name}' outside of a composition function. Invoking graphs is only "
                "valid in a function decorated with @job or @graph; use `to_job()` or `execute_in_process()` to run it."
            )
        return Pending(self)(*args, **kwargs)

    def to_job(self, name: str | None = None, **options: Any) -> Any:
        """Return a job that runs the graph.

        Args:
            name: The job's name; None takes the graph's.
            options: `resource_defs`, `config`, `description`, `tags`, `executor_def`, `hooks` and more, as of
                `JobDefinition`.
        """
        selection = options.pop("op_selection", None)
        made = job_maker().job_of_graph(self, name, **options)
        return made if selection is None else made.get_subset(op_selection=selection)

    def execute_in_process(
        self,
        run_config: Any = None,
        instance: Any = None,
        resources: Mapping[str, object] | None = None,
        raise_on_error: bool = True,
        op_selection: Sequence[str] | None = None,
        run_id: str | None = None,
        input_values: Mapping[str, object] | None = None,
        **options: Any,
    ) -> Any:
        """Run the graph in this process, one step after the other, and return the result.

        Args:
            run_config: A dict or `RunConfig`.
            instance: Where the run is kept; None keeps nothing of it after this process.
            resources: Resources by key.
            raise_on_error: Whether the error of a failed step is raised; with False it is in the result.
            op_selection: Nodes to run, as in `JobDefinition.get_subset`; None runs all.
            run_id: The run's id; None makes one.
            input_values: Values of the graph's inputs, by name.
            options: Further arguments of `JobDefinition.execute_in_process`.
        """
        return self.to_job().execute_in_process(
            run_config=run_config,
            instance=instance,
            resources=resources,
            raise_on_error=raise_on_error,
            op_selection=op_selection,
            run_id=run_id,
            input_values=input_values,
            **options,
        )

    def copy_with(self, **changed: Any) -> GraphDefinition:
        """Return a copy with some attributes changed."""
        made = object.__new__(GraphDefinition)
        made.__dict__.update(self.__dict__)
        made.__dict__.update(changed)
        return made

    def configured(
        self,
        config_or_config_fn: Any,
        name: str | None = None,
        config_schema: Any = None,
        description: str | None = None,
    ) -> Any:
        """Return the graph with config given, or made from config of another form.

        Args:
            config_or_config_fn: The config, or a function from config of the new form to the graph's.
            name: Name of the new graph; None takes that of the function given.
            config_schema: Schema of the new form, where a function is given.
            description: What the new graph does; None keeps the graph's.
        """
        return configured_copy.configured_node(self, config_or_config_fn, name, config_schema, description)

    def __repr__(self) -> str:
        return f"GraphDefinition({self.name!r})"


SubselectedGraphDefinition = GraphDefinition


def _checked_mapping(config: Any, name: str) -> Any:
    if config is None or hasattr(config, "config_fn"):
        return config
    return config_mapping.mapping_of_graph_config(config, name)


def _unique_inputs(
    mappings: Sequence[InputMapping], given: Sequence[InputDefinition] | None
) -> tuple[InputDefinition, ...]:
    found = {one.name: one for one in given or ()}
    for mapping in mappings:
        found.setdefault(mapping.graph_input_name, mapping.definition)
    return tuple(found.values())


def compose(
    fn: Callable[..., Any],
    *,
    name: str,
    kind: str,
    ins: Mapping[str, GraphIn] | None = None,
    outs: Mapping[str, Any] | None = None,
    description: str | None = None,
    config: Any = None,
    tags: Mapping[str, Any] | None = None,
    composition: Composition | None = None,
) -> GraphDefinition:
    """Return the graph that the body of `fn` describes by its calls."""
    shape = FunctionShape(fn)
    declared: dict[str, InputDefinition] = {}
    for parameter in shape.positional if not shape.has_context else ("context", *shape.positional):
        given = (ins or {}).get(parameter)
        hint = shape.annotation(parameter)
        default = shape.defaults.get(parameter, NO_VALUE)
        declared[parameter] = InputDefinition(parameter, hint, getattr(given, "description", None), default)
    for wanted in ins or ():
        if wanted not in declared and shape.has_var_keyword:
            declared[wanted] = InputDefinition(wanted, description=getattr((ins or {})[wanted], "description", None))
        elif wanted not in declared:
            raise InvalidDefinitionError(
                f"@{kind} '{name}' ({describe_place(fn)}) has the input {wanted!r} declared, but its function has no "
                f"such parameter. It has {list(declared)}."
            )
    with composition or Composition(name, kind) as body:
        returned = fn(**{one: GraphInput(name, one) for one in declared})
        mappings = output_mappings(returned, body, outs, kind)
    inner = body.input_mappings(declared)
    used = {one.graph_input_name for one in inner}
    for parameter in declared:
        if parameter not in used:
            raise InvalidDefinitionError(
                f"@{kind} '{name}' ({describe_place(fn)}) has unmapped input '{parameter}': pass it to the call of an "
                "op or graph, or remove the parameter."
            )
    if fn.__doc__:
        docstring.describe_ports(fn.__doc__, declared.values(), [one.definition for one in mappings])
    return GraphDefinition(
        name,
        description if description is not None else docstring_summary(fn),
        list({id(call.definition): call.definition for call in body.calls.values()}.values()),
        body.dependencies(),
        inner,
        mappings,
        config,
        tags,
        composition_fn=fn,
        positional_inputs=list(declared),
        input_defs=list(declared.values()),
        input_assets=body.loaded_assets,
    )


def graph(
    compose_fn: Callable[..., Any] | None = None,
    *,
    name: str | None = None,
    description: str | None = None,
    input_defs: Sequence[InputDefinition] | None = None,
    output_defs: Sequence[OutputDefinition] | None = None,
    ins: Mapping[str, GraphIn] | None = None,
    out: GraphOut | Mapping[str, GraphOut] | None = None,
    tags: Mapping[str, Any] | None = None,
    config: Any = None,
) -> Any:
    """Make the decorated function a graph: its calls of ops and graphs become nodes.

    The body is run once, when the graph is made. The graph can be called in other bodies like an op, made into jobs
    with `to_job`, and run with `execute_in_process`.

    >>> @op
    ... def plus_one(number: int) -> int:
    ...     return number + 1
    >>> @graph
    ... def plus_two(number):
    ...     return plus_one(plus_one(number))
    >>> plus_two.execute_in_process(input_values={"number": 1}).output_value()
    3

    Args:
        compose_fn: The function, where the decorator stands without parentheses.
        name: The graph's name; None takes the function's.
        description: What it does; None takes the first paragraph of the docstring.
        input_defs: Older form of `ins`; the parameters' annotations count.
        output_defs: Older form of `out`.
        ins: More about inputs, by parameter.
        out: The one output, or the outputs by name for a body that returns a dict of them; None infers it from what is
            returned.
        tags: Tags of the jobs made of it.
        config: A `ConfigMapping` that makes the nodes' config from the graph's own; or the nodes' config itself, as a
            dict.

    Returns:
        The `GraphDefinition`, or a decorator where it was called with arguments.

    Raises:
        InvalidDefinitionError: where the body cannot be a graph, such as a parameter that no node takes.
    """
    outs: Mapping[str, Any] | None
    if out is None:
        outs = {one.name: one for one in output_defs} if output_defs else None
    elif isinstance(out, GraphOut):
        outs = {"result": out}
    elif isinstance(out, Mapping):
        outs = out
    else:
        raise CheckError(f"out of a @graph is a GraphOut or a mapping to them; got {out!r}.")

    def decorate(fn: Callable[..., Any]) -> GraphDefinition:
        return compose(
            fn,
            name=name or fn.__name__,
            kind="graph",
            ins=ins,
            outs=outs,
            description=description,
            config=config,
            tags=tags,
        )

    return decorate if compose_fn is None else decorate(compose_fn)
