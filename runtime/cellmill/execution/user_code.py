"""Calling the function of an op, and reading what it returns as outputs and events."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from types import AsyncGeneratorType, CoroutineType, GeneratorType
from typing import Any

from cellmill.awaiting import awaited
from cellmill.definitions.events import (
    AssetCheckEvaluation,
    AssetCheckResult,
    AssetMaterialization,
    AssetObservation,
    AssetResult,
)
from cellmill.definitions.op_outputs import annotation_at, promises_output
from cellmill.definitions.outcome import ExpectationResult
from cellmill.definitions.output import NO_VALUE, DynamicOutput, Output
from cellmill.errors import InvariantViolationError

_EVENTS = (
    AssetMaterialization,
    AssetObservation,
    ExpectationResult,
    AssetResult,
    AssetCheckResult,
    AssetCheckEvaluation,
)


#: What a function may return that is not simply the value of its one output.
NOT_A_VALUE = (Output, DynamicOutput, *_EVENTS, GeneratorType, AsyncGeneratorType, CoroutineType)


def arguments(op: Any, context: Any, inputs: Mapping[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Return what the function of an op is called with."""
    shape = op.shape
    kwargs = dict(inputs)
    if shape.config_arg:
        kwargs[shape.config_arg] = typed_config(shape.config_type, context.op_config)
    for name, key in shape.resource_args.items():
        kwargs[name] = _resource(context.resources, key)
    return ((context,) if shape.has_context else ()), kwargs


def _resource(resources: Any, key: str) -> Any:
    original = getattr(resources, "_original", None)
    if original is not None:
        return original(key)
    originals = getattr(resources, "_original_resource_dict", None)
    return originals[key] if originals is not None and key in originals else getattr(resources, key)


def typed_config(declared: Any, config: Any) -> Any:
    """Return config as an object of the class that the function is annotated with."""
    make = getattr(declared, "_from_config_value", None)
    if make is not None:
        return make(config if config is not None else {})
    return config


def results(op: Any, returned: Any, context: Any, loop: Any = None) -> Iterator[Any]:
    """Yield the outputs and events that a function's result stands for."""
    if inspect.isgenerator(returned):
        yield from _generated(op, returned)
    elif inspect.isasyncgen(returned):
        yield from _drained(returned, loop)
    elif inspect.iscoroutine(returned):
        yield from results(op, _run(returned, loop), context, loop)
    else:
        yield from _returned(op, returned, context)


def _generated(op: Any, generator: Any) -> Iterator[Any]:
    back = yield from generator
    if back is not None:
        yield from _returned_of_generator(op, back)


def _returned_of_generator(op: Any, back: Any) -> Iterator[Any]:
    if isinstance(back, (Output, DynamicOutput, *_EVENTS)):
        yield back


def _run(coroutine: Any, loop: Any) -> Any:
    if loop is not None:
        return loop.run_until_complete(coroutine)
    return awaited(coroutine)


def _drained(generator: Any, loop: Any) -> Iterator[Any]:
    async def collect() -> list[Any]:
        return [one async for one in generator]

    yield from _run(collect(), loop)


def _returned(op: Any, value: Any, context: Any) -> Iterator[Any]:
    outs = op.output_defs
    if isinstance(value, _EVENTS):
        yield value
        return
    if not outs:
        if value is not None:
            raise InvariantViolationError(
                f"Error in op '{op.name}': Unexpectedly returned output of type {type(value)}. Op is explicitly "
                "defined to return no results."
            )
        return
    assets = getattr(getattr(context, "_step", None), "assets", None)
    expected = [one for one in outs if assets is None or one.name not in assets.check_specs_by_output_name]
    if value is None and context is not None and getattr(context, "requires_typed_event_stream", False):
        return
    if len(outs) == 1:
        yield from _one(op, outs[0], value, 0)
        return
    if value is None and all(one.is_nothing and one.is_required for one in expected):
        for index, one in enumerate(expected):
            yield from _one(op, one, None, index, several=True)
        return
    if isinstance(value, (list, tuple)) and value and all(isinstance(one, _EVENTS) for one in value):
        yield from value
        return
    if len(expected) == 1 and len(outs) > 1 and not isinstance(value, tuple):
        yield from _one(op, expected[0], value, 0)
        return
    if not isinstance(value, tuple) or len(value) != len(outs):
        yield from _mismatch(op, value, outs, expected)
        return
    for index, (one, each) in enumerate(zip(outs, value, strict=True)):
        if isinstance(each, _EVENTS):
            yield each
        else:
            yield from _one(op, one, each, index, several=True)


def _mismatch(op: Any, value: Any, outs: Any, expected: Any) -> Iterator[Any]:
    names = [one.name for one in outs]
    if isinstance(value, tuple) and len(value) == len(expected):
        for index, (one, each) in enumerate(zip(expected, value, strict=True)):
            yield from _one(op, one, each, index, several=True)
        return
    if isinstance(value, tuple):
        raise InvariantViolationError(
            f"Length mismatch between returned tuple of outputs and number of output_defs on op '{op.name}'. Output "
            f"tuple has {len(value)} outputs, while op has {len(outs)} outputs: {names}."
        )
    raise InvariantViolationError(
        f"op '{op.name}' has multiple outputs, but only one output was returned of type {type(value)}. Either yield "
        f"each output, or return a tuple containing a value for each of them: {names}."
    )


def _one(op: Any, out: Any, value: Any, index: int, several: bool = False) -> Iterator[Any]:
    if out.is_dynamic:
        if not isinstance(value, list):
            raise InvariantViolationError(
                f"Error with output for op \"{op.name}\": dynamic output '{out.name}' expected a list of DynamicOutput "
                f"objects, but instead received instead an object of type {type(value)}."
            )
        for each in value:
            if not isinstance(each, DynamicOutput):
                raise InvariantViolationError(
                    f"Error with output for op \"{op.name}\": dynamic output '{out.name}' at position {index} expected "
                    f"a list of DynamicOutput objects, but received an item with type {type(each)}."
                )
            yield _renamed(op, out, each, index)
        return
    if isinstance(value, DynamicOutput):
        yield value
        return
    if isinstance(value, _EVENTS):
        yield value
        return
    annotation = annotation_at(op, out)
    if isinstance(value, Output):
        if annotation is not NO_VALUE and annotation is not Any and not promises_output(annotation):
            raise InvariantViolationError(
                f"Error with output for op \"{op.name}\": received Output object for output '{out.name}' which does "
                f"not have an Output annotation. Annotation has type {annotation}: return the value alone."
            )
        yield _renamed(op, out, value, index)
        return
    if promises_output(annotation):
        raise InvariantViolationError(
            f"Error with output for op \"{op.name}\": output '{out.name}' has generic output annotation, but did not "
            f"receive an Output object for this output. Received instead an object of type {type(value)}."
        )
    yield Output(value, out.name)


def _renamed(op: Any, out: Any, given: Any, index: int) -> Any:
    if given.output_name == out.name or given.output_name is None:
        return given
    if given.output_name != "result":
        raise InvariantViolationError(
            f"Bad state: op '{op.name}' returned an output in another place. Output was explicitly named "
            f"'{given.output_name}', which does not match the output definition specified for position {index}: "
            f"'{out.name}'."
        )
    if isinstance(given, DynamicOutput):
        made: Any = DynamicOutput(given.value, given.mapping_key, out.name)
        made.metadata = given.metadata
        return made
    made = Output(given.value, out.name, None, given.data_version)
    made.metadata, made.tags = given.metadata, given.tags
    return made
