"""Calling ops, assets and checks directly: the function itself, with the checks that a run makes."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from typing import Any

from cellmill.definitions.events import AssetCheckResult, AssetMaterialization, AssetObservation, AssetResult
from cellmill.definitions.outcome import ExpectationResult
from cellmill.definitions.output import DynamicOutput, Output
from cellmill.errors import (
    CheckError,
    InvalidDefinitionError,
    InvalidInvocationError,
    InvariantViolationError,
    TypeCheckDidNotPassError,
)
from cellmill.execution.context import _CURRENT
from cellmill.execution.direct_context import (
    DirectAssetContext,
    DirectCheckContext,
    DirectContext,
)
from cellmill.execution.user_code import _drained, results, typed_config


def invoke_node(definition: Any, args: tuple[Any, ...], kwargs: dict[str, Any], alias: str | None = None) -> Any:
    """Call the function of an op, asset or check and return what it gives."""
    assets = definition if hasattr(definition, "keys_by_output_name") else None
    op = assets.node_def if assets is not None else definition
    shape = op.shape
    context, args, kwargs = _taken_context(op, shape, assets, args, kwargs)
    args, kwargs = _named_specials(shape, args, kwargs)
    resources = _resource_arguments(op, kwargs, args, shape, context)
    config, kwargs = _taken_config(op, shape, kwargs, args, context)
    bound = _context_of(context, assets).bound_to(op, assets, alias, config)
    if assets is not None and assets.resource_defs:
        bound.add_resources(assets.resource_defs)
    if resources:
        bound.take_arguments(resources)
    values = _bound_inputs(op, shape, args, kwargs, config, alias or op.name)
    _check_resources(op, bound, resources)
    for name, value in values.items():
        _check_input(op, name, value, bound)
    call: dict[str, Any] = dict(values)
    if shape.config_arg:
        call[shape.config_arg] = _config_object(shape, config, bound)
    for name, key in shape.resource_args.items():
        call[name] = resources[key] if key in resources else _from_context(bound, key)
    _CURRENT.append(bound)
    try:
        with bound.in_use():
            returned = op.compute_fn(*((bound,) if shape.has_context else ()), **call)
    finally:
        _CURRENT.pop()
    return _given_back(op, shape, returned, bound, assets)


def _context_of(given: Any, assets: Any) -> DirectContext:
    if given is not None:
        context: DirectContext = given
        return context
    made = DirectContext if assets is None else DirectCheckContext if assets.is_checks else DirectAssetContext
    return made(None, None, None, None, None, None, None)


def _taken_context(
    op: Any, shape: Any, assets: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[Any, tuple[Any, ...], dict[str, Any]]:
    kwargs = dict(kwargs)
    if not shape.has_context:
        if args and isinstance(args[0], DirectContext):
            return args[0], args[1:], kwargs
        return None, args, kwargs
    if args:
        first = args[0]
        if first is not None and not isinstance(first, DirectContext):
            raise InvalidInvocationError(
                f"Decorated function '{op.compute_fn.__name__}' has context argument, but the first argument is "
                f"{first!r}: provide a context built by build_op_context or build_asset_context."
            )
        return first, args[1:], kwargs
    name: str | None = next(
        (one for one in ("context", "_", "__", "_context", "context_") if one in kwargs),
        None,
    )
    code = getattr(op.compute_fn, "__code__", None)
    declared = code.co_varnames[0] if code is not None and code.co_argcount else "context"
    name = declared if declared in kwargs else name
    if name is None:
        raise InvalidInvocationError(
            f"Decorated function '{op.compute_fn.__name__}' has context argument, but no context was provided when "
            "invoking. Provide one built by build_op_context or build_asset_context."
        )
    return kwargs.pop(name), args, kwargs


def _named_specials(
    shape: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Return the arguments with config and resources that were given by place given by name."""
    special = {shape.config_arg, *shape.resource_args} - {None}
    if not special or not args:
        return args, kwargs
    rest: list[Any] = []
    names = [name for name in shape.positional if name not in kwargs]
    left = list(args)
    spare = len(args) - sum(1 for name in names if name not in special)
    for name in names:
        if not left:
            break
        if name in special:
            hint = shape.hints.get(name)
            fits = isinstance(hint, type) and isinstance(left[0], hint)
            if fits or spare > 0:
                kwargs = {**kwargs, name: left.pop(0)}
                spare -= 1
            continue
        rest.append(left.pop(0))
    return (*rest, *left), kwargs


def _resource_arguments(
    op: Any, kwargs: dict[str, Any], args: tuple[Any, ...], shape: Any, context: Any
) -> dict[str, Any]:
    given = {}
    for name, key in shape.resource_args.items():
        if name in kwargs:
            given[key] = kwargs.pop(name)
    if given and context is not None and set(given) & set(context._given_resources):
        raise InvalidInvocationError("Cannot provide resources in both context and kwargs")
    return given


def _taken_config(
    op: Any, shape: Any, kwargs: dict[str, Any], args: tuple[Any, ...], context: Any
) -> tuple[Any, dict[str, Any]]:
    if shape.config_arg is None or shape.config_arg not in kwargs:
        return None, kwargs
    if context is not None and context._op_config:
        raise InvalidInvocationError("Cannot provide config in both context and kwargs")
    config = kwargs.pop(shape.config_arg)
    return getattr(config, "_as_config_value", lambda: config)(), kwargs


def _config_object(shape: Any, config: Any, bound: Any) -> Any:
    return typed_config(shape.config_type, bound._op_config)


def _bound_inputs(
    op: Any,
    shape: Any,
    args: tuple[Any, ...],
    kwargs: Mapping[str, Any],
    config: Any,
    called: str,
) -> dict[str, Any]:
    names = [
        name
        for name in shape.positional
        if not (name == shape.config_arg and config is not None) and name not in shape.resource_args
    ]
    values: dict[str, Any] = {}
    nothing = [one.name for one in op.input_defs if one.is_nothing]
    inputs = [name for name in names if name != shape.config_arg]
    keyword_only = _keyword_only(op.compute_fn)
    if keyword_only and len(args) > len(inputs) - len(keyword_only):
        raise InvalidInvocationError(
            f"'{called}' has {len(inputs) - len(keyword_only)} positional inputs, but {len(args)} positional inputs "
            f"were provided. Give {keyword_only} by name."
        )
    if len(args) > len(inputs) and nothing:
        raise _value_for_nothing(nothing[0])
    if len(args) > len(inputs) and shape.has_var_keyword:
        raise InvalidInvocationError(
            f"'{called}' has {len(inputs)} positional inputs, but {len(args)} positional inputs were provided."
        )
    if len(args) > len(inputs):
        raise InvalidInvocationError(
            f"Too many input arguments were provided for op '{called}'. This may be because an argument was provided "
            f"for the context parameter, but no context parameter was defined for the op. It takes {inputs}."
        )
    values.update(zip(inputs, args, strict=False))
    unknown: list[str] = []
    for name, value in kwargs.items():
        if name in values:
            raise InvalidInvocationError(f"op {op.name} got multiple values for argument {name!r}, by place and name.")
        if name in nothing:
            raise _value_for_nothing(name)
        if name not in op.input_dict and not shape.has_var_keyword:
            unknown.append(name)
        values[name] = value
    for one in op.input_defs:
        if one.name in values or one.is_nothing:
            continue
        if one.has_default_value:
            values[one.name] = one.default_value
        else:
            raise InvalidInvocationError(f'No value provided for required input "{one.name}".')
    if unknown:
        raise InvalidInvocationError(
            f"Too many input arguments were provided for op '{called}': it has no input {unknown[0]!r}. It takes "
            f"{inputs}."
        )
    return values


def _value_for_nothing(name: str) -> InvalidInvocationError:
    return InvalidInvocationError(
        f"Attempted to provide value for nothing input '{name}'. Nothing dependencies are ignored when directly "
        "invoking ops."
    )


def _keyword_only(fn: Any) -> list[str]:
    code = getattr(fn, "__code__", None)
    return [] if code is None else list(code.co_varnames[code.co_argcount : code.co_argcount + code.co_kwonlyargcount])


def _check_resources(op: Any, context: Any, resources: Mapping[str, Any]) -> None:
    if not op.shape.has_context:
        return  # nobody could read them
    for key in sorted(op.required_resource_keys):
        if key not in context._given_resources and key not in resources:
            raise InvalidDefinitionError(
                f"resource with key '{key}' required by op '{op.name}' was not provided. Please provide it in the "
                "context: build_op_context(resources={...})."
            )


def _from_context(context: Any, key: str) -> Any:
    resources = context.resources
    originals = getattr(resources, "_original_resource_dict", None)
    if originals is not None and key in originals:
        return originals[key]
    original = getattr(resources, "_original", None)
    return original(key) if callable(original) else getattr(resources, key)


def _check_input(op: Any, name: str, value: Any, context: Any) -> None:
    one = op.input_dict.get(name)
    if one is None or one.is_untyped or one.is_nothing:
        return
    check = one.dagster_type.type_check(context, value)
    if not check.success:
        raise TypeCheckDidNotPassError(
            f'Type check failed for op "{op.name}" input "{name}" - expected type "{one.dagster_type.display_name}". '
            f"Description: {check.description}",
            check.metadata,
            one.dagster_type,
        )


# -- what comes back -----------------------------------------------------------------------------------------------


def _given_back(op: Any, shape: Any, returned: Any, context: Any, assets: Any) -> Any:
    if inspect.isgenerator(returned):
        return _checked_stream(op, returned, context, assets)
    if inspect.isasyncgen(returned):
        return _checked_async_stream(op, returned, context, assets)
    if inspect.iscoroutine(returned):
        return _awaited(op, shape, returned, context, assets)
    observing = assets is not None and assets.is_observable
    if not observing:
        _check_result(op, returned, context, assets)
    return returned


async def _awaited(op: Any, shape: Any, coroutine: Any, context: Any, assets: Any) -> Any:
    try:
        with context.in_use():
            returned = await coroutine
    finally:
        coroutine.close()  # one that was refused was never begun
    _check_result(op, returned, context, assets)
    return returned


def _check_result(op: Any, returned: Any, context: Any, assets: Any) -> None:
    if isinstance(returned, (AssetResult, AssetCheckResult)):
        _check_asset_result(op, returned, assets)
        return
    for given in results(op, returned, context):
        _check_output(op, given, context)


def _check_asset_result(op: Any, given: Any, assets: Any) -> None:
    if assets is None and isinstance(given, AssetResult):
        raise InvariantViolationError(f"Op '{op.name}' returned a {type(given).__name__}, but makes no asset.")
    if isinstance(given, AssetResult) and assets is not None:
        if given.asset_key is None and len(assets.node_keys_by_output_name) > 1:
            raise InvariantViolationError(
                f"{type(given).__name__} did not include asset_key and it can not be inferred. Specify which "
                f"asset_key, options are: {sorted(assets.keys)}"
            )
        if given.asset_key is not None and given.asset_key not in assets.node_keys_by_output_name.values():
            raise InvariantViolationError(f"Asset key {given.asset_key.to_user_string()} not found in AssetsDefinition")


def _checked_stream(op: Any, stream: Any, context: Any, assets: Any) -> Iterator[Any]:
    made: dict[str, set[str | None]] = {}
    context.note_outputs(made, made)
    with context.in_use():
        for given in stream:
            _check_yielded(op, given, context, made, assets)
            yield given
    _check_complete(op, made, assets)


async def _checked_async_stream(op: Any, stream: Any, context: Any, assets: Any) -> Any:
    made: dict[str, set[str | None]] = {}
    context.note_outputs(made, made)
    with context.in_use():
        async for given in stream:
            _check_yielded(op, given, context, made, assets)
            yield given
    _check_complete(op, made, assets)


def _check_yielded(op: Any, given: Any, context: Any, made: dict[str, set[str | None]], assets: Any) -> None:
    if isinstance(given, (AssetMaterialization, AssetObservation, ExpectationResult, AssetCheckResult)):
        return
    if isinstance(given, AssetResult):
        _check_asset_result(op, given, assets)
        if assets is not None:
            key = given.asset_key or assets.key
            made.setdefault(assets.get_output_name_for_asset_key(key), set()).add(None)
        return
    if not isinstance(given, (Output, DynamicOutput)):
        raise InvariantViolationError(
            f'Compute function for op "{op.name}" yielded a value of type {type(given)} rather than an instance of '
            "Output, AssetMaterialization, or ExpectationResult. Values yielded by ops must be wrapped in one of these "
            "types."
        )
    name = given.output_name or "result"
    if name not in op.output_dict:
        raise InvariantViolationError(
            f"Invocation of op '{op.name}' yielded an output \"{name}\" that does not exist. The available outputs are "
            f"{list(op.output_dict)}"
        )
    key = given.mapping_key if isinstance(given, DynamicOutput) else None
    seen = made.setdefault(name, set())
    if key in seen:
        raise InvariantViolationError(
            f"Invocation of op '{op.name}' yielded an output '{name}' multiple times"
            + (f" with the mapping key '{key}'" if key else "")
        )
    seen.add(key)
    _check_output(op, given, context)


def _check_complete(op: Any, made: Mapping[str, Any], assets: Any) -> None:
    for one in op.output_defs:
        if assets is not None and one.name in assets.check_specs_by_output_name:
            continue
        if one.name not in made and one.is_required and not one.is_dynamic and not one.is_nothing:
            raise InvariantViolationError(
                f'Invocation of op "{op.name}" did not return an output for non-optional output "{one.name}"'
            )


def _check_output(op: Any, given: Any, context: Any) -> None:
    if not isinstance(given, (Output, DynamicOutput)):
        return
    one = op.output_dict.get(given.output_name or "result")
    if one is None:
        raise InvariantViolationError(
            f"Invocation of op '{op.name}' gave an output '{given.output_name}' that does not exist. The available "
            f"outputs are {list(op.output_dict)}"
        )
    if one.is_untyped or one.is_nothing:
        return
    check = one.dagster_type.type_check(context, given.value)
    if not check.success:
        raise TypeCheckDidNotPassError(
            f'Type check failed for op "{op.name}" output "{one.name}" - expected type '
            f'"{one.dagster_type.display_name}". '
            f"Description: {check.description}",
            check.metadata,
            one.dagster_type,
        )


__all__ = ["CheckError", "_drained", "invoke_node"]
