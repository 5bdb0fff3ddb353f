"""What the contexts of schedules and sensors share, and how their functions are called."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from types import SimpleNamespace, TracebackType
from typing import TYPE_CHECKING, Any, ClassVar

from cellmill.definitions.inference import check_resource_hint
from cellmill.errors import InvalidDefinitionError, InvalidInvocationError, InvariantViolationError
from cellmill.first_use import on_first_use

if TYPE_CHECKING:
    from cellmill.definitions import resource_scope
else:
    resource_scope = on_first_use("cellmill.definitions.resource_scope")

_CONTEXT_NAMES = frozenset({"context", "_context", "_", "__", "ctx"})
_SEVERAL = (
    "{kind} invocation received multiple non-resource arguments. Only a first positional context parameter should be "
    "provided when invoking. "
)


class Resources(SimpleNamespace):
    """Resources by name, as attributes."""

    def _asdict(self) -> dict[str, Any]:
        return dict(vars(self))


class EvaluationContext:
    """The instance, resources and log of one evaluation; usable in a `with` statement, which tears resources down."""

    #: What makes such a context for a test, for messages.
    built_by: ClassVar[str] = "build_sensor_context"

    def __init__(
        self,
        *,
        name: str | None = None,
        instance: Any = None,
        resources: Mapping[str, Any] | None = None,
        repository_def: Any = None,
        definitions: Any = None,
        instance_factory: Callable[[], Any] | None = None,
    ) -> None:
        self._name = name
        self._instance = instance
        self._instance_factory = instance_factory
        self._resource_values: dict[str, Any] = dict(resources or {})
        self._made: Resources | None = None
        self._scope: Any = None
        self._entered = 0
        self._repository_def = repository_def
        self._definitions = definitions
        self._log: logging.Logger | None = None

    def __enter__(self) -> Any:
        self._entered += 1
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._entered -= 1
        scope, self._scope = self._scope, None
        if scope is not None:
            scope.close()

    @property
    def instance(self) -> Any:
        """The instance.

        Raises: InvariantViolationError when the context was built without one.
        """
        if self._instance is None and self._instance_factory is not None:
            self._instance = self._instance_factory()
        if self._instance is None:
            raise InvariantViolationError(
                "Attempted to initialize dagster instance, but no instance reference was provided. Build this context "
                "with instance=Instance.ephemeral()."
            )
        return self._instance

    @property
    def has_instance(self) -> bool:
        """Whether there is an instance."""
        return self._instance is not None or self._instance_factory is not None

    @property
    def log(self) -> logging.Logger:
        """A logger whose records belong to the tick."""
        if self._log is None:
            self._log = logging.getLogger(f"cellmill.{self._name or 'evaluation'}")
            self._log.setLevel(logging.DEBUG)
        return self._log

    @property
    def resource_defs(self) -> Mapping[str, Any]:
        """The resources as they were given."""
        return dict(self._resource_values)

    @property
    def resources(self) -> Any:
        """The resources, initialised on first use; those that are generators only inside of a `with` statement."""
        if self._made is None:
            self._made = Resources(**self._initialised())
        return self._made

    def _initialised(self) -> dict[str, Any]:
        if not any(_needs_set_up(value) for value in self._resource_values.values()):
            return dict(self._resource_values)
        # Twenty modules, which only resources that need setting up are worth.
        self._scope, made = resource_scope.opened(self._resource_values, self._instance)
        if self._scope.has_generators and not self._entered:
            self._scope.close()
            raise InvariantViolationError(
                "At least one provided resource is a generator, but attempting to access resources outside of "
                "context manager scope. You can use the following syntax to open a context manager: "
                f"`with {self.built_by}(...) as context:`"
            )
        return {name: getattr(made, name) for name in self._resource_values}

    def merge_resources(self, resources_dict: Mapping[str, Any]) -> Any:
        """A copy with more resources."""
        if self._made is not None:
            raise InvalidInvocationError("Cannot merge resources in context that has been initialized.")
        copy: Any = object.__new__(type(self))
        copy.__dict__.update(self.__dict__)
        copy._resource_values = {**self._resource_values, **resources_dict}
        return copy

    @property
    def has_definitions(self) -> bool:
        """Whether the definitions are known of which the schedule or sensor is one."""
        return self._repository_def is not None or self._definitions is not None

    @property
    def repository_def(self) -> Any:
        """The repository of the definition, where it is known.

        Raises: InvariantViolationError when it is not.
        """
        if self._repository_def is None and self._definitions is not None:
            self._repository_def = self._definitions.get_repository_def()
        if self._repository_def is None:
            raise InvariantViolationError(
                "The context has no repository: build it with repository_def= or definitions="
            )
        return self._repository_def

    @property
    def log_key(self) -> list[str] | None:
        """Where the tick's log is captured, if it is."""
        return None

    def has_captured_logs(self) -> bool:
        """Whether anything was captured."""
        return False


def _needs_set_up(value: Any) -> bool:
    return any(
        base.__name__
        in ("ResourceDefinition", "ConfigurableResource", "ConfigurableResourceFactory", "PartialResource")
        for base in type(value).__mro__
    )


def own_or_given(context: Any, make: Callable[[], Any]) -> AbstractContextManager[Any]:
    """The context of a direct call: one that was given is its owner's to open and close."""
    return make() if context is None else nullcontext(context)


class UserFunction:
    """A schedule's or sensor's function, with what its parameters mean: leading positions, then resources by name."""

    def __init__(self, fn: Callable[..., Any], positions: Sequence[str], kind: str) -> None:
        self.fn = fn
        self.kind = kind
        parameters = [
            parameter
            for parameter in inspect.signature(fn).parameters.values()
            if parameter.kind not in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL)
        ]
        for parameter in parameters:
            check_resource_hint(parameter.name, parameter.annotation)
        self._fn_takes_context_first = True
        named = next((one for one in parameters if one.name in _CONTEXT_NAMES), None)
        if named is not None and parameters[0] is not named:
            parameters = [named, *(one for one in parameters if one is not named)]
            self._fn_takes_context_first = False
        taken: list[inspect.Parameter] = []
        for index, parameter in enumerate(parameters[: len(positions)]):
            if index == 0 and not _may_be_context(parameter):
                break
            if index > 0 and len(taken) == index and _is_resource(parameter):
                break
            taken.append(parameter)
        self.positional = tuple(parameter.name for parameter in taken)
        self.resource_names = tuple(
            parameter.name for parameter in parameters[len(taken) :] if parameter.default is parameter.empty
        )
        self.optional_names = tuple(
            parameter.name for parameter in parameters[len(taken) :] if parameter.default is not parameter.empty
        )

    @property
    def takes_context(self) -> bool:
        """Whether the function wants its context."""
        return bool(self.positional)

    def call(self, positions: Sequence[Any], resources: Callable[[str], Any]) -> Any:
        """What the function returns."""
        found = {name: resources(name) for name in self.resource_names}
        if not self._fn_takes_context_first:
            return self.fn(**dict(zip(self.positional, positions, strict=False)), **found)
        return self.fn(*positions[: len(self.positional)], **found)

    def _expected(self, leading: Sequence[Any]) -> str:
        missing = self.positional[len(leading) : 1]
        return f"{self.kind.capitalize()} invocation expected argument '{missing[0]}'. " if missing else ""

    def split_arguments(
        self, args: tuple[Any, ...], kwargs: dict[str, Any], context_type: type[Any]
    ) -> tuple[Any | None, list[Any], dict[str, Any]]:
        """The context, the other leading values and the resources of a direct invocation.

        Raises: InvalidInvocationError for too many arguments or a missing context.
        """
        resources = {name: kwargs.pop(name) for name in (*self.resource_names, *self.optional_names) if name in kwargs}
        leading = list(args)
        for name in self.positional[len(leading) :]:
            if name in kwargs:
                leading.append(kwargs.pop(name))
        if kwargs:
            if not self.positional and "context" in kwargs and len(kwargs) == 1:
                leading.append(kwargs.pop("context"))
            else:
                why = self._expected(leading) if not leading else _SEVERAL.format(kind=self.kind.capitalize())
                raise InvalidInvocationError(
                    f"{why}The {self.kind} {self.fn.__name__!r} takes no argument {sorted(kwargs)}; it takes "
                    f"{[*self.positional, *self.resource_names]}"
                )
        allowed = max(1, len(self.positional))
        if len(leading) > allowed:
            raise InvalidInvocationError(_SEVERAL.format(kind=self.kind.capitalize()).strip())
        if leading and leading[0] is not None and not isinstance(leading[0], context_type):
            raise InvalidInvocationError(
                f"If directly invoking a {self.kind}, you may not provide resources as positional arguments, only as "
                f"keyword arguments. The first argument of the {self.kind} {self.fn.__name__!r} is its context "
                f"({context_type.__name__}), not {leading[0]!r}"
            )
        if self.positional and not leading:
            raise InvalidInvocationError(
                f"{self.kind.capitalize()} evaluation function expected context argument, but no context "
                f"argument was provided "
                "when invoking."
            )
        return (leading[0] if leading else None), leading[1:], resources


def _may_be_context(parameter: inspect.Parameter) -> bool:
    if parameter.name in _CONTEXT_NAMES or parameter.annotation is parameter.empty:
        return True
    text = (
        parameter.annotation if isinstance(parameter.annotation, str) else getattr(parameter.annotation, "__name__", "")
    )
    return "Context" in text or text == "Any"


def _is_resource(parameter: inspect.Parameter) -> bool:
    annotation = parameter.annotation
    text = annotation if isinstance(annotation, str) else str(annotation)
    return "ResourceParam" in text or (
        isinstance(annotation, type) and any("Resource" in base.__name__ for base in annotation.__mro__)
    )


def resource_lookup(context: EvaluationContext, given: Mapping[str, Any], who: str) -> Callable[[str], Any]:
    """Finds a resource by name, among those passed directly and those of the context.

    Raises: InvalidInvocationError when one resource is passed in both ways, or in none.
    """

    def find(name: str) -> Any:
        if name in given:
            return given[name]
        found = getattr(context.resources, name, _MISSING)
        if found is _MISSING:
            raise _missing_resource(who, name)
        return found

    return find


_MISSING: Any = object()


def _missing_resource(who: str, name: str) -> InvalidDefinitionError:
    """The error for a resource that a function wants and nobody gives."""
    return InvalidDefinitionError(f"Resource with key {name!r} required by {who} was not provided.")


def results_of(value: Any) -> list[Any]:
    """What a function returned or yielded, as a list."""
    if value is None:
        return []
    if isinstance(value, Iterator) or inspect.isgenerator(value):
        return list(value)
    return list(value) if isinstance(value, (list, tuple)) else [value]
