"""What a function's signature says about it: context, config, resources and inputs."""

from __future__ import annotations

import inspect
import typing
import warnings
from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from typing import TYPE_CHECKING, Any

from cellmill.definitions.output import NO_VALUE
from cellmill.errors import InvalidDefinitionError, ParameterCheckError
from cellmill.first_use import on_first_use

if TYPE_CHECKING:
    from cellmill.definitions import warning_kinds
else:
    warning_kinds = on_first_use("cellmill.definitions.warning_kinds")

_CONTEXT_NAMES = frozenset({"context", "_", "__", "_context", "context_"})
_GENERATOR, _COROUTINE, _ASYNC_GENERATOR = inspect.CO_GENERATOR, inspect.CO_COROUTINE, inspect.CO_ASYNC_GENERATOR


class FunctionShape:
    """The parts of a function's signature that matter to the engine."""

    __slots__ = (
        "config_arg",
        "config_type",
        "context_hint",
        "defaults",
        "fn",
        "has_context",
        "has_var_keyword",
        "hints",
        "input_names",
        "is_async",
        "is_async_generator",
        "is_generator",
        "positional",
        "resource_args",
        "returns",
    )

    def __init__(self, fn: Callable[..., Any]) -> None:
        self.fn = fn
        names, self.defaults, self.has_var_keyword, flags = _parameters(fn)
        self.is_generator = bool(flags & _GENERATOR)
        self.is_async = bool(flags & _COROUTINE)
        self.is_async_generator = bool(flags & _ASYNC_GENERATOR)
        self.hints: Mapping[str, Any] = _hints(fn)
        self.returns: Any = self.hints.get("return", NO_VALUE)
        if self.returns is type(None):
            self.returns = None
        if flags & inspect.CO_VARARGS:
            raise InvalidDefinitionError(
                f"{getattr(fn, '__name__', fn)!r} ({describe_place(fn)}) has the positional vararg parameter '*args', "
                "whose values would have no names. Name its parameters."
            )
        self.has_context = bool(names) and self._is_context(names[0])
        self.context_hint: Any = self.hints.get(names[0]) if self.has_context else None
        if self.context_hint is not None:
            self._check_context_hint(names[0])
        rest = names[1:] if self.has_context else names
        self.config_arg: str | None = None
        self.config_type: Any = None
        self.resource_args: dict[str, str] = {}
        if self.hints:
            self._find_special(rest)
        self.positional = rest
        self.input_names = tuple(n for n in rest if n != self.config_arg and n not in self.resource_args)

    def _is_context(self, name: str) -> bool:
        hint = self.hints.get(name)
        return name in _CONTEXT_NAMES or getattr(hint, "__is_context__", False) is True

    def _check_context_hint(self, name: str) -> None:
        hint = self.context_hint
        known = hint is Any or getattr(hint, "__is_context__", False) or not isinstance(hint, type)
        if not known and hint.__module__ == "builtins":
            raise InvalidDefinitionError(
                f"Cannot annotate `{name}` parameter of {getattr(self.fn, '__name__', self.fn)!r} "
                f"({describe_place(self.fn)}) with type {hint}. `{name}` must be annotated with AssetExecutionContext, "
                "AssetCheckExecutionContext, OpExecutionContext, or left blank."
            )

    def _find_special(self, names: tuple[str, ...]) -> None:
        for name in names:
            hint = self.hints.get(name)
            if hint is None:
                continue
            if name == "config":
                self.config_arg, self.config_type = name, hint
                continue
            check_resource_hint(name, hint)
            if is_resource_hint(hint):
                self.resource_args[name] = name
            elif isinstance(hint, type) and hasattr(hint, "to_config_field"):
                warnings.warn(
                    f"Parameter {name!r} on op/asset function {getattr(self.fn, '__name__', self.fn)!r} was annotated "
                    "as a Config type. Did you mean to name this parameter 'config' instead?",
                    warning_kinds.ConfigArgumentWarning,
                    stacklevel=4,
                )

    def annotation(self, name: str) -> Any:
        """Return the annotation of a parameter, or NO_VALUE."""
        hint = self.hints.get(name, NO_VALUE)
        return None if hint is type(None) else hint


def is_resource_hint(hint: Any) -> bool:
    """Return whether a parameter with this annotation is a resource."""
    if getattr(hint, "__is_resource__", False) is True:
        return True
    return any(getattr(mark, "__is_resource__", False) or mark == "resource_param" for mark in _marks(hint))


def check_resource_hint(name: str, hint: Any) -> None:
    """Raise for the annotation of a resource parameter that is a class whose objects make the resource."""
    if getattr(hint, "__makes_resource__", False) is not True:
        return
    raise InvalidDefinitionError(
        f"Resource param '{name}' is annotated as '{hint}', but '{hint}' makes the resource and outputs an unknown "
        "value to user code such as @ops and @assets. This annotation should instead be 'ResourceParam[Any]' or "
        "'ResourceParam[<output type>]'."
    )


def required_resources(shape: FunctionShape, keys: AbstractSet[str] | None, decorator: str) -> frozenset[str]:
    """Return the keys of resources that a decorator was given.

    Raises:
        ParameterCheckError: where the function has resources as arguments too.
    """
    if keys and shape.resource_args:
        raise ParameterCheckError(
            f"Invariant violation for parameter Cannot specify resource requirements in both {decorator} decorator and "
            f"as arguments to the decorated function: {sorted(keys)} and {sorted(shape.resource_args)} "
            f"({describe_place(shape.fn)})."
        )
    return frozenset(keys or ())


def _marks(hint: Any) -> tuple[Any, ...]:
    return getattr(hint, "__metadata__", ()) if typing.get_origin(hint) is typing.Annotated else ()


def _parameters(fn: Callable[..., Any]) -> tuple[tuple[str, ...], dict[str, Any], bool, int]:
    code = getattr(fn, "__code__", None)
    if code is not None and not hasattr(fn, "__wrapped__") and not inspect.ismethod(fn):
        count = code.co_argcount + code.co_kwonlyargcount
        names = code.co_varnames[:count]
        defaults: dict[str, Any] = {}
        if fn.__defaults__:
            first = code.co_argcount - len(fn.__defaults__)
            defaults.update(zip(names[first:], fn.__defaults__, strict=False))
        if fn.__kwdefaults__:
            defaults.update(fn.__kwdefaults__)
        return names, defaults, bool(code.co_flags & inspect.CO_VARKEYWORDS), code.co_flags
    return _parameters_by_signature(fn)


def _parameters_by_signature(fn: Callable[..., Any]) -> tuple[tuple[str, ...], dict[str, Any], bool, int]:
    target = fn if inspect.isfunction(fn) or inspect.ismethod(fn) else getattr(fn, "__call__", fn)  # noqa: B004
    try:
        signature = inspect.signature(fn)
    except (TypeError, ValueError):
        raise InvalidDefinitionError(f"{fn!r} is not a function whose parameters can be read.") from None
    kinds = inspect.Parameter
    plain = [p for p in signature.parameters.values() if p.kind not in (kinds.VAR_KEYWORD, kinds.VAR_POSITIONAL)]
    defaults = {p.name: p.default for p in plain if p.default is not kinds.empty}
    has_kwargs = any(p.kind is kinds.VAR_KEYWORD for p in signature.parameters.values())
    flags = inspect.CO_VARARGS * any(p.kind is kinds.VAR_POSITIONAL for p in signature.parameters.values())
    flags |= _GENERATOR * inspect.isgeneratorfunction(target)
    flags |= _COROUTINE * inspect.iscoroutinefunction(target)
    flags |= _ASYNC_GENERATOR * inspect.isasyncgenfunction(target)
    return tuple(p.name for p in plain), defaults, has_kwargs, flags


def _hints(fn: Callable[..., Any]) -> Mapping[str, Any]:
    target = fn if inspect.isroutine(fn) else type(fn).__call__ if hasattr(type(fn), "__call__") else fn  # noqa: B004
    raw = getattr(target, "__annotations__", None)
    if not raw:
        return {}
    if not any(isinstance(hint, str) for hint in raw.values()):
        return dict(raw)
    try:
        return typing.get_type_hints(target, include_extras=True)
    except (NameError, TypeError, AttributeError):
        return {name: _one_hint(target, hint) for name, hint in raw.items()}


def _one_hint(target: Any, hint: Any) -> Any:
    """Return one annotation evaluated; a name that is not there in this moment stands for any value."""
    if not isinstance(hint, str):
        return hint
    try:
        return eval(hint, getattr(target, "__globals__", {}))
    except Exception:
        return Any


_find_cell: Callable[[str, int], str] | None = None


def find_cells_with(find: Callable[[str, int], str] | None) -> None:
    """Set what says in which cell of a notebook a line of code is: by the name that the code was compiled under.

    It returns "" for code of a file. A kernel that runs cells sets it; None takes it away.
    """
    global _find_cell
    _find_cell = find


def describe_place(fn: Any) -> str:
    """Return where a function is written, or "" where that is not known.

    ``file.py:12`` of a file; what is made of a notebook's cell says where that is by its attribute `place`.
    """
    place = getattr(fn, "place", "")
    if isinstance(place, str) and place:
        return place
    code = getattr(inspect.unwrap(fn) if callable(fn) else fn, "__code__", None)
    if code is None:
        return ""
    cell = "" if _find_cell is None else _find_cell(code.co_filename, code.co_firstlineno)
    return cell or f"{code.co_filename}:{code.co_firstlineno}"


def docstring_summary(fn: Any) -> str | None:
    """Return the function's own docstring without its indentation."""
    text = getattr(fn, "__doc__", None)
    return inspect.cleandoc(text) if isinstance(text, str) and text else None
