"""Ops: functions with typed inputs and outputs, the units that steps are made of."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import TYPE_CHECKING, Any, overload

from cellmill.definitions.composition import Pending, checked_hooks, current
from cellmill.definitions.engine import engine
from cellmill.definitions.inference import FunctionShape, describe_place, docstring_summary, required_resources
from cellmill.definitions.op_outputs import annotation_at, inferred_outputs, promises_output
from cellmill.definitions.output import DEFAULT_OUTPUT, NO_VALUE
from cellmill.definitions.port import In, InputDefinition, Out, OutputDefinition, check_default, checked_ins
from cellmill.definitions.tags import checked_name, checked_pool, checked_tags
from cellmill.errors import CheckError, InvalidDefinitionError, ParameterCheckError
from cellmill.first_use import on_first_use

if TYPE_CHECKING:
    from cellmill.definitions import docstring
    from cellmill.definitions.config import configured as configured_copy
    from cellmill.definitions.config import field, pydantic_config
else:
    docstring = on_first_use("cellmill.definitions.docstring")
    field = on_first_use("cellmill.definitions.config.field")
    pydantic_config = on_first_use("cellmill.definitions.config.pydantic_config")
    configured_copy = on_first_use("cellmill.definitions.config.configured")

_EMPTY: Mapping[str, Any] = {}


class NodeUses:
    """What ops and graphs have in common: they can be called in a body, renamed, tagged, hooked."""

    __slots__ = ()

    name: str
    is_graph = False

    def alias(self, name: str) -> Pending:
        """Return a use of this under another name, for a second call in the same body.

        Args:
            name: The node's name in the graph.
        """
        return Pending(self).alias(name)

    def tag(self, tags: Mapping[str, Any]) -> Pending:
        """Return a use of this with tags.

        Args:
            tags: Tags that are added to the node's.
        """
        return Pending(self).tag(tags)

    def with_hooks(self, hook_defs: Iterable[Any]) -> Pending:
        """Return a use of this with hooks.

        Args:
            hook_defs: Hooks that are called after the node's steps.
        """
        return Pending(self, hook_defs=checked_hooks(hook_defs)).noted()

    def with_retry_policy(self, retry_policy: Any) -> Pending:
        """Return a use of this with a retry policy.

        Args:
            retry_policy: The policy in place of the op's own.
        """
        return Pending(self, retry_policy=retry_policy).noted()


class OpDefinition(NodeUses):
    """A function with its inputs, outputs, config and requirements; `@op` makes it.

    Made by hand, the function takes the context and a dict of the input values by name, and no input is inferred from
    it; `@op` is for functions whose parameters are the inputs.

    >>> from cellmill import Output
    >>> def add_all(context, inputs):
    ...     yield Output(inputs["left"] + inputs["right"], "total")
    >>> add = OpDefinition(add_all, "add", ins={"left": In(int), "right": In(int)}, outs={"total": Out(int)})
    >>> sorted(add.ins)
    ['left', 'right']

    Args:
        compute_fn: The function that does the work, called with the context and the input values by name.
        name: The op's name; None takes the function's.
        ins: More about inputs, by parameter.
        outs: The outputs by name; None is one, `result`, with the type of the return annotation of a function whose
            parameters are the inputs.
        description: What it does; None takes the first paragraph of the docstring.
        config_schema: Schema of `context.op_config`; excludes a `config` parameter.
        required_resource_keys: Keys of resources that the body reads from `context.resources`.
        tags: Tags that executors and launchers read.
        retry_policy: How a failed step is run again; None asks the job's.
        code_version: Version of the logic, kept with what it makes.
        pool: Concurrency pool whose limit holds for the op's steps.
        version: Older name of `code_version`.
        shape: What is known of the parameters of a function whose parameters are the inputs.
        input_defs: The inputs with their names, instead of `ins`; nothing is inferred then.
        output_defs: The outputs with their names, instead of `outs`; nothing is inferred then.
    """

    __slots__ = (
        "__dict__",
        "__weakref__",
    )

    def __init__(
        self,
        compute_fn: Callable[..., Any],
        name: str | None = None,
        ins: Mapping[str, In] | None = None,
        outs: Mapping[str, Out] | None = None,
        description: str | None = None,
        config_schema: Any = None,
        required_resource_keys: AbstractSet[str] | None = None,
        tags: Mapping[str, Any] | None = None,
        retry_policy: Any = None,
        code_version: str | None = None,
        pool: str | None = None,
        *,
        version: str | None = None,
        shape: FunctionShape | None = None,
        input_defs: Sequence[InputDefinition] | None = None,
        output_defs: Sequence[OutputDefinition] | None = None,
    ) -> None:
        given_fn = getattr(compute_fn, "decorated_fn", compute_fn)
        fn = given_fn if shape is not None else _by_keyword(given_fn)
        self.compute_fn = fn
        self.__wrapped__ = given_fn
        self._config_schema = config_schema
        self._config_field: Any = NO_VALUE
        self.configured_with: Any = None
        if config_schema is not None:
            self._config_field = field.convert_to_field(config_schema)
        self.name = checked_name(name or given_fn.__name__, "op")
        self.shape = shape or FunctionShape(fn)
        self.description = description if description is not None else docstring_summary(given_fn)
        self.__doc__ = self.description
        self.__name__ = getattr(given_fn, "__name__", self.name)
        self.input_defs: tuple[InputDefinition, ...] = (
            tuple(input_defs) if input_defs is not None else tuple(_inferred_inputs(self, ins))
        )
        self.output_defs: tuple[OutputDefinition, ...] = (
            tuple(output_defs) if output_defs is not None else tuple(inferred_outputs(self, outs, code_version))
        )
        if given_fn.__doc__ and shape is not None:
            docstring.describe_ports(given_fn.__doc__, self.input_defs, self.output_defs)
        self.input_dict = {one.name: one for one in self.input_defs}
        self.output_dict = {one.name: one for one in self.output_defs}
        #: Whether what the function gives is, but for outputs and events, the value of its one output.
        self.gives_one_value = (
            len(self.output_defs) == 1
            and not self.output_defs[0].is_dynamic
            and not promises_output(annotation_at(self, self.output_defs[0]))
        )
        self.required_resource_keys = _resource_keys(required_resource_keys, self)
        self.tags = checked_tags(tags, f"op {self.name!r}") if tags else _EMPTY
        self.retry_policy = retry_policy
        self.code_version = code_version if code_version is not None else version
        self.version = self.code_version
        self.pool = None if pool is None else checked_pool(pool, f"op {self.name!r}")
        self._check_config_argument()
        if retry_policy is not None and not hasattr(retry_policy, "calculate_delay"):
            raise CheckError(f"retry_policy of op {self.name!r} is a RetryPolicy; got {retry_policy!r}.")

    def _check_config_argument(self) -> None:
        if self.shape.config_arg and self._config_schema is not None:
            raise ParameterCheckError(
                f"op {self.name!r} has both a `config` parameter and config_schema; keep one of them "
                f"({describe_place(self.compute_fn)})."
            )
        if self.shape.config_arg:
            # Made now, so that a parameter that config cannot be is told where it is written.
            self._config_field = self._make_config_field()

    @property
    def node_def(self) -> OpDefinition:
        """The op itself."""
        return self

    @property
    def positional_inputs(self) -> list[str]:
        """The names of the inputs in the order of the function's parameters."""
        return [name for name in self.shape.input_names if name in self.input_dict]

    @property
    def input_names_for_call(self) -> list[str]:
        """The names of the inputs in the order in which a call in a body gives them."""
        by_place = self.positional_inputs
        return by_place + [name for name in self.input_dict if name not in by_place]

    @property
    def ins(self) -> Mapping[str, In]:
        """The inputs as they could be declared, by name."""
        return {name: In.from_definition(one) for name, one in self.input_dict.items()}

    @property
    def outs(self) -> Mapping[str, Out]:
        """The outputs as they could be declared, by name."""
        return {name: Out.from_definition(one) for name, one in self.output_dict.items()}

    @property
    def config_field(self) -> Any:
        """The schema of the op's config as a `Field`, or None."""
        if self._config_field is NO_VALUE:
            self._config_field = self._make_config_field()
        return self._config_field

    def _make_config_field(self) -> Any:
        if self._config_schema is not None:
            return field.convert_to_field(self._config_schema)
        if self.shape.config_arg:
            default = self.shape.defaults.get(self.shape.config_arg, field.NO_DEFAULT)
            return pydantic_config.field_of_annotation(self.shape.config_type, default)
        return None

    @property
    def config_schema(self) -> Any:
        """The schema of the op's config, or None."""
        return self.config_field

    @property
    def has_config_field(self) -> bool:
        """Whether the op takes config."""
        return self._config_schema is not None or self.shape.config_arg is not None

    has_config_arg = property(lambda self: self.shape.config_arg is not None)

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

    def input_has_default(self, name: str) -> bool:
        """Return whether an input has a default value.

        Args:
            name: The input's name.
        """
        return self.input_def_named(name).has_default_value

    def default_value_for_input(self, name: str) -> Any:
        """Return the default value of an input.

        Args:
            name: The input's name.
        """
        return self.input_def_named(name).default_value

    def describe_node(self) -> str:
        """Return the op's kind and name."""
        return f"op '{self.name}'"

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

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if current() is not None:
            return Pending(self)(*args, **kwargs)
        return engine().invoke(self, args, kwargs)

    def copy_with(self, **changed: Any) -> OpDefinition:
        """Return a copy with some attributes changed."""
        made = object.__new__(type(self))
        made.__dict__.update(self.__dict__)
        made.__dict__.update(changed)
        if "input_defs" in changed:
            made.input_dict = {one.name: one for one in made.input_defs}
        if "output_defs" in changed:
            made.output_dict = {one.name: one for one in made.output_defs}
        return made

    def with_replaced_properties(self, name: str, **_: Any) -> OpDefinition:
        """Return a copy with another name.

        Args:
            name: The new name.
        """
        return self.copy_with(name=checked_name(name, "op"))

    def configured(
        self,
        config_or_config_fn: Any,
        name: str | None = None,
        config_schema: Any = None,
        description: str | None = None,
    ) -> OpDefinition:
        """Return the op with config given, or made from config of another form.

        Args:
            config_or_config_fn: The config, or a function from config of the new form to the op's.
            name: Name of the new op; None takes that of the function given.
            config_schema: Schema of the new form, where a function is given.
            description: What the new op does; None keeps the op's.
        """
        configured: OpDefinition = configured_copy.configured_node(
            self, config_or_config_fn, name, config_schema, description
        )
        return configured

    def __repr__(self) -> str:
        return f"OpDefinition({self.name!r})"


def _by_keyword(fn: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function of the context and the input values by keyword, which calls `fn` with them in a dict."""

    def gives(context: Any, **inputs: Any) -> Any:
        return fn(context, inputs)

    def yields(context: Any, **inputs: Any) -> Any:
        yield from fn(context, inputs)

    async def gives_later(context: Any, **inputs: Any) -> Any:
        return await fn(context, inputs)

    async def yields_later(context: Any, **inputs: Any) -> Any:
        async for one in fn(context, inputs):
            yield one

    if inspect.isgeneratorfunction(fn):
        return yields
    if inspect.isasyncgenfunction(fn):
        return yields_later
    return gives_later if inspect.iscoroutinefunction(fn) else gives


def _inferred_inputs(op: OpDefinition, ins: Mapping[str, In] | None) -> Iterable[InputDefinition]:
    shape = op.shape
    declared = checked_ins(ins, f"op {op.name!r}") if ins else {}
    for name in (*declared, *(each for each in shape.input_names if each not in declared)):
        given = declared.get(name)
        if given is not None and name not in shape.input_names:
            yield _input_without_parameter(op, name, given)
            continue
        made = given.to_definition(name) if given is not None else InputDefinition(name)
        hint = shape.annotation(name)
        if given is not None and given.is_nothing:
            raise InvalidDefinitionError(
                f"{_named(op)}: the Nothing type input {name!r} must not be a parameter of the function, as no value "
                "will be passed for it. Remove the parameter."
            )
        made._with_inferred_type(hint)
        if given is None and made.is_nothing:
            raise InvalidDefinitionError(
                f"{_named(op)}: the parameter {name!r} is annotated with Nothing, a type that passes no data. Remove "
                f"the parameter and declare the input by ins={{{name!r}: In(Nothing)}}."
            )
        if not made.has_default_value and name in shape.defaults:
            made.default_value = shape.defaults[name]
            check_default(made)
        yield made


def _input_without_parameter(op: OpDefinition, name: str, given: In) -> InputDefinition:
    if not given.is_nothing and not op.shape.has_var_keyword:
        raise InvalidDefinitionError(
            f"{_named(op)} decorated function does not have parameter(s) '{name}', which are in the op's input "
            f"definitions. It has {list(op.shape.positional)}. Op function parameters should only include keyword "
            "arguments for each input and, if needed, a first parameter named 'context'."
        )
    return given.to_definition(name)


def _named(op: OpDefinition) -> str:
    return f"@op '{op.name}' ({describe_place(op.compute_fn)})"


def _resource_keys(given: AbstractSet[str] | None, op: OpDefinition) -> frozenset[str]:
    if isinstance(given, str):
        raise CheckError(f"required_resource_keys of op {op.name!r} is a set of str; got the str {given!r}.")
    own = frozenset(given or ())
    return own | frozenset(op.shape.resource_args.values()) if op.shape.resource_args else own


@overload
def op(compute_fn: Callable[..., Any], /) -> OpDefinition: ...


@overload
def op(
    *,
    name: str | None = ...,
    description: str | None = ...,
    ins: Mapping[str, In] | None = ...,
    out: Out | Mapping[str, Out] | None = ...,
    config_schema: Any = ...,
    required_resource_keys: AbstractSet[str] | None = ...,
    tags: Mapping[str, Any] | None = ...,
    version: str | None = ...,
    retry_policy: Any = ...,
    code_version: str | None = ...,
    pool: str | None = ...,
) -> Callable[[Callable[..., Any]], OpDefinition]: ...


def op(
    compute_fn: Callable[..., Any] | None = None,
    *,
    name: str | None = None,
    description: str | None = None,
    ins: Mapping[str, In] | None = None,
    out: Out | Mapping[str, Out] | None = None,
    config_schema: Any = None,
    required_resource_keys: AbstractSet[str] | None = None,
    tags: Mapping[str, Any] | None = None,
    version: str | None = None,
    retry_policy: Any = None,
    code_version: str | None = None,
    pool: str | None = None,
) -> OpDefinition | Callable[[Callable[..., Any]], OpDefinition]:
    """Make the decorated function an op: parameters become inputs, what it returns becomes its outputs.

    A first parameter named `context` is the `OpExecutionContext`, one named `config` the op's config, and parameters
    annotated with a resource class or `ResourceParam` are resources: these are no inputs. A function that yields gives
    an `Output` for each of its outputs.

    >>> @op(out={"low": Out(), "high": Out()})
    ... def bounds(numbers: list[int]):
    ...     return min(numbers), max(numbers)
    >>> bounds([3, 1, 2])
    (1, 3)

    Args:
        compute_fn: The function, where the decorator stands without parentheses.
        name: The op's name, unique within a job's definitions; None takes the function's.
        description: What it does; None takes the first paragraph of the docstring.
        ins: More about inputs, by parameter; inputs of type `Nothing` are declared here only.
        out: The one output, or the outputs by name in the order of the returned tuple; None infers one from the
            annotation.
        config_schema: Schema of `context.op_config`, in any form that `Field` takes; excludes a `config` parameter.
        required_resource_keys: Keys of resources that the body reads from `context.resources`; those of annotated
            parameters come by themselves.
        tags: Tags that executors and launchers read.
        version: Older name of `code_version`.
        retry_policy: How often, and after how long, a failed step is run again; None asks the job's.
        code_version: Version of the logic, kept with what it makes.
        pool: Concurrency pool: over all runs, only as many steps of one pool work at a time as its limit says.

    Returns:
        The op, or a decorator where it was called with arguments. Called in the body of a graph or job it becomes a
        node; called elsewhere it runs.

    Raises:
        InvalidDefinitionError: where the declaration contradicts itself or the function.
    """

    def decorate(fn: Callable[..., Any]) -> OpDefinition:
        fn = getattr(fn, "decorated_fn", fn)
        outs = {DEFAULT_OUTPUT: out} if isinstance(out, Out) else out
        shape = FunctionShape(fn)
        required_resources(shape, required_resource_keys, "@op")
        return OpDefinition(
            fn,
            name=name,
            ins=ins,
            outs=outs,
            description=description,
            config_schema=config_schema,
            required_resource_keys=required_resource_keys,
            tags=tags,
            retry_policy=retry_policy,
            code_version=code_version if code_version is not None else version,
            pool=pool,
            shape=shape,
        )

    if compute_fn is None:
        return decorate
    if not callable(compute_fn):
        raise InvalidDefinitionError(f"@op decorates a function; got {compute_fn!r}.")
    return decorate(compute_fn)
