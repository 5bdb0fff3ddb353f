"""What the annotation of a function's result says of the outputs of an op."""

from __future__ import annotations

import typing
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, cast

from cellmill.definitions.events import AssetCheckResult, MaterializeResult, ObserveResult
from cellmill.definitions.inference import FunctionShape, describe_place
from cellmill.definitions.output import (
    DEFAULT_OUTPUT,
    NO_VALUE,
    DynamicOutput,
    DynamicOutputMarker,
    Output,
    OutputMarker,
)
from cellmill.definitions.port import DynamicOutputDefinition, Out, OutputDefinition, checked_outs
from cellmill.errors import InvariantViolationError


def inferred_outputs(op: Any, outs: Mapping[str, Out] | None, code_version: str | None) -> Iterable[OutputDefinition]:
    """Yield the outputs of an op: the declared ones, with the types that their annotations give them.

    Raises:
        InvariantViolationError: where the annotation contradicts the outputs.
    """
    shape = op.shape
    annotation = NO_VALUE if _yields(shape) else shape.returns
    if outs is None:
        yield _only_output(op, annotation, code_version)
        return
    declared = checked_outs(outs, f"op {op.name!r}")
    hints = _hints_of(op, annotation, len(declared))
    for (name, out), hint in zip(declared.items(), hints, strict=True):
        made = out.to_definition(name, code_version)
        if hint is not NO_VALUE:
            made._with_inferred_type(unwrapped(cast("Any", hint).__args__[0] if _is_dynamic_list(hint) else hint))
        yield made


def _only_output(op: Any, annotation: Any, code_version: str | None) -> OutputDefinition:
    if annotation is DynamicOutput or DynamicOutputMarker in getattr(annotation, "__metadata__", ()):
        raise InvariantViolationError(
            f"Op '{op.name}' ({describe_place(op.compute_fn)}): Op annotated with return type DynamicOutput. "
            "DynamicOutputs can only be returned in the context of a List. If only one output is needed, use the "
            "Output API."
        )
    if _is_dynamic_list(annotation):
        inner = cast("Any", annotation).__args__[0]
        return DynamicOutputDefinition(unwrapped(inner), DEFAULT_OUTPUT, code_version=code_version)
    return OutputDefinition(unwrapped(annotation), DEFAULT_OUTPUT, code_version=code_version)


def _hints_of(op: Any, annotation: Any, count: int) -> Sequence[Any]:
    """Return the annotation of each of several outputs; NO_VALUE where nothing is said."""
    if count == 1:
        return [annotation]
    nothing_said = [NO_VALUE] * count
    if annotation is NO_VALUE or annotation is Any or annotation in _RESULTS:
        return nothing_said
    place = f"op '{op.name}' ({describe_place(op.compute_fn)})"
    if typing.get_origin(annotation) is not tuple:
        raise InvariantViolationError(
            f"{place}: Expected Tuple annotation for multiple outputs, but received non-tuple annotation. Annotate it "
            f"with a tuple of {count} types, or with nothing."
        )
    found: tuple[Any, ...] = typing.get_args(annotation)
    if found and all(one in _RESULTS for one in found):
        # results name their assets themselves, and may carry those of checks
        return nothing_said
    if len(found) != count:
        raise InvariantViolationError(
            f"{place}: Expected Tuple annotation to have number of entries matching the number of outputs for more "
            f"than one output. Expected {count} outputs but annotation has {len(found)}."
        )
    return found


def _is_dynamic_list(annotation: Any) -> bool:
    args: Sequence[Any] = getattr(annotation, "__args__", ())
    return (
        getattr(annotation, "__origin__", None) is list
        and bool(args)
        and (args[0] is DynamicOutput or DynamicOutputMarker in getattr(args[0], "__metadata__", ()))
    )


def _yields(shape: FunctionShape) -> bool:
    return shape.is_generator or shape.is_async_generator


def annotation_at(op: Any, out: Any) -> Any:
    """Return what the function's result is annotated with where an output stands; NO_VALUE for nothing."""
    annotation = NO_VALUE if _yields(op.shape) else op.shape.returns
    if len(op.output_defs) == 1:
        return annotation
    found = typing.get_args(annotation)
    return found[op.output_defs.index(out)] if len(found) == len(op.output_defs) else NO_VALUE


def promises_output(annotation: Any) -> bool:
    """Return whether an annotation is `Output` or `Output[T]`."""
    return annotation is Output or OutputMarker in getattr(annotation, "__metadata__", ())


def unwrapped(annotation: Any) -> Any:
    """Return T of ``Output[T]`` and ``MaterializeResult[T]``, and no type for the event classes themselves."""
    marks = getattr(annotation, "__metadata__", ())
    if marks and (OutputMarker in marks or DynamicOutputMarker in marks or MaterializeResult in marks):
        return annotation.__origin__
    if any(candidate is event_class for candidate in (annotation, *marks) for event_class in _EVENT_CLASSES):
        return NO_VALUE
    return annotation


_RESULTS = (MaterializeResult, ObserveResult, AssetCheckResult)
_EVENT_CLASSES = (Output, DynamicOutput, *_RESULTS)
