"""Resources as classes: pydantic models whose fields are config, with hooks for the time around a run."""

from __future__ import annotations

import typing
from collections.abc import Callable, Generator, Mapping
from contextlib import AbstractContextManager, ContextDecorator, ExitStack, contextmanager
from typing import Annotated, Any, ClassVar, Generic, Self, TypeAlias, TypeVar, get_args, get_origin

from pydantic import GetCoreSchemaHandler, ModelWrapValidatorHandler, PrivateAttr, model_validator
from pydantic_core import CoreSchema, core_schema

from cellmill.definitions.config.configurable import curried
from cellmill.definitions.config.field import Field
from cellmill.definitions.config.pydantic_config import Config, fields_of_class, plain_value, shape_of_fields
from cellmill.definitions.config.schema import PlainConfigSchema
from cellmill.definitions.init_resource_context import InitResourceContext
from cellmill.definitions.io_manager import IOManager, IOManagerDefinition
from cellmill.definitions.resource import ResourceDefinition, not_top_level, top_level_key
from cellmill.definitions.resource_scope import build_init_resource_context, config_of_its_own
from cellmill.errors import CheckError

T = TypeVar("T")
R = TypeVar("R", bound="ConfigurableResourceFactory[Any]")

#: A parameter with this annotation is the resource of that name, whatever its type.
ResourceParam: TypeAlias = Annotated[T, "resource_param"]


class ResourceDependency(Generic[T]):
    """The annotation of a field that holds another resource: ``client: ResourceDependency[Client]``."""

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.any_schema()

    def __get__(self, owner: Any, owner_type: Any = None) -> T:
        raise AttributeError("a ResourceDependency without a value")

    def __set__(self, owner: Any, value: Any) -> None:
        raise AttributeError("a resource's fields cannot be set")


class PartialResource(Generic[R]):
    """A resource class with some of its config; the rest is given by run config."""

    __is_resource__ = True

    def __init__(self, resource_cls: type[R], data: Mapping[str, Any]) -> None:
        self.resource_cls = resource_cls
        self.data = dict(data)

    def get_resource_definition(self) -> ResourceDefinition:
        """The definition that makes the resource at run time."""
        return _definition(self, self.resource_cls, self.data)

    def __repr__(self) -> str:
        return f"{self.resource_cls.__name__}.configure_at_launch({self.data!r})"


class ConfigurableResourceFactory(Config, Generic[T]):
    """Base of classes whose config makes another object, the resource: override `create_resource`."""

    __is_resource__: ClassVar[bool] = True
    #: Whether user code gets another object than one of this class.
    __makes_resource__: ClassVar[bool] = True
    _called: ClassVar[str] = "resource"
    _instead: ClassVar[str] = (
        "For state, write a client class of its own and a method of the resource that makes and returns the client."
    )
    #: Whether `config_fields_of` found every field of this very class to be one that config or a resource can be.
    _fields_are_known: ClassVar[bool] = False
    _resource_context: InitResourceContext | None = PrivateAttr(default=None)

    @model_validator(mode="wrap")
    @classmethod
    def _accept_resource(cls, data: Any, handler: ModelWrapValidatorHandler[Any]) -> Any:
        # As the value of another resource's field a resource may be one to be configured at launch, or a definition.
        if isinstance(data, (PartialResource, ResourceDefinition, ConfigurableResourceFactory)):
            return data
        if "_fields_are_known" not in cls.__dict__:
            cls.to_fields_dict()
            cls._fields_are_known = True
        return handler(data)

    def create_resource(self, context: InitResourceContext) -> T:
        """Return the object that user code gets.

        Args:
            context: The init context: run, instance, log, and the resources around.
        """
        raise AttributeError(f"{type(self).__name__} must define create_resource(self, context).")

    def setup_for_execution(self, context: InitResourceContext) -> None:
        """Prepare the resource before it is used in a run; override it.

        Args:
            context: The init context: run, instance, log, and the resources around.
        """

    def teardown_after_execution(self, context: InitResourceContext) -> None:
        """Clean up after the last use in a run, also when a step failed; override it.

        Args:
            context: The init context: run, instance, log, and the resources around.
        """

    @contextmanager
    def yield_for_execution(self, context: InitResourceContext) -> Generator[T, None, None]:
        """Yield the object that user code gets; override it in place of the two hooks around it.

        Args:
            context: The init context: run, instance, log, and the resources around.
        """
        self.setup_for_execution(context)
        try:
            yield self.create_resource(context)
        finally:
            self.teardown_after_execution(context)

    @classmethod
    def configure_at_launch(cls, **kwargs: Any) -> PartialResource[Self]:
        """Return the resource with this part of its config; the rest must be given by run config.

        Args:
            kwargs: Values of fields.
        """
        return PartialResource(cls, kwargs)

    @classmethod
    def from_resource_context(
        cls, context: InitResourceContext, nested_resources: Mapping[str, Any] | None = None
    ) -> T:
        """Return the object that this class makes for an init context, for use in functions decorated with
        `@resource`.

        Args:
            context: The context whose config has the values of the fields.
            nested_resources: By field, the resources that it holds.
        """
        if _needs_teardown(cls):
            raise CheckError(
                f"{cls.__name__} has to be torn down after use: write "
                f"`with {cls.__name__}.from_resource_context_cm(context) as value:`."
            )
        made = cls._bound({**(context.resource_config or {}), **(nested_resources or {})}, context)
        made.setup_for_execution(context)
        return made.create_resource(context)

    @classmethod
    @contextmanager
    def from_resource_context_cm(
        cls, context: InitResourceContext, nested_resources: Mapping[str, Any] | None = None
    ) -> Generator[T, None, None]:
        """As `from_resource_context`, for the time of a ``with`` block.

        Args:
            context: The context whose config has the values of the fields.
            nested_resources: By field, the resources that it holds.
        """
        made = cls._bound({**(context.resource_config or {}), **(nested_resources or {})}, context)
        with made.yield_for_execution(context) as value:
            yield value

    @classmethod
    def to_fields_dict(cls) -> dict[str, Field]:
        """The config field of each field of the class that is no resource itself."""
        return fields_of_class(cls, skip=frozenset(resource_field_names(cls)))

    @classmethod
    def to_config_field(cls) -> Field:
        """The field that the resource's config is."""
        return Field(shape_of_fields(cls, cls.to_fields_dict()))

    def get_resource_definition(self) -> ResourceDefinition:
        """The definition that makes the resource at run time; the values given here are defaults of its config."""
        given = {
            info.alias or name: getattr(self, name)
            for name, info in type(self).model_fields.items()
            if name in self.model_fields_set
        }
        return _definition(self, type(self), given)

    def _as_config_value(self) -> dict[str, Any]:
        names = resource_field_names(type(self))
        plain = self.model_copy(update={name: None for name in names}) if names else self
        return Config._as_config_value(plain)

    def get_resource_context(self) -> InitResourceContext:
        """The init context of the run that the resource was made for."""
        if self._resource_context is None:
            raise CheckError(
                "Attempted to get context before resource was initialized; it exists from setup_for_execution on."
            )
        return self._resource_context

    def process_config_and_initialize(self) -> T:
        """The object that user code would get in a run, with environment variables read; outside of any run."""
        definition = self.get_resource_definition()
        made = definition.make(_context_of(definition))
        if isinstance(made, AbstractContextManager) or hasattr(made, "__next__"):
            raise CheckError(
                f"{type(self).__name__} has to be torn down after use: use it in "
                "`with resource.process_config_and_initialize_cm() as value:`."
            )
        value: T = made
        return value

    @contextmanager
    def process_config_and_initialize_cm(self) -> Generator[T, None, None]:
        """As `process_config_and_initialize`, torn down at the end of the ``with`` block."""
        definition = self.get_resource_definition()
        context = _context_of(definition)
        with ExitStack() as stack:
            yield _initialized(stack, definition, context)

    @classmethod
    def _definition_of(cls, resource_fn: Callable[..., Any], config_schema: PlainConfigSchema) -> ResourceDefinition:
        return ResourceDefinition(resource_fn, config_schema=config_schema, description=cls.__doc__)

    @classmethod
    def _bound(cls, values: Mapping[str, Any], context: InitResourceContext) -> Self:
        return cls._from_config_value(values).with_replaced_resource_context(context)

    def with_replaced_resource_context(self, resource_context: InitResourceContext) -> Self:
        """Return a copy of the resource with another init context.

        Args:
            resource_context: The context that `get_resource_context` returns.
        """
        made = self.model_copy()
        made._resource_context = resource_context
        return made

    #: The name that Dagster's guides use.
    with_resource_context = with_replaced_resource_context


class ConfigurableResource(ConfigurableResourceFactory[T]):
    """Base of resource classes: the object itself, with its config as fields, is what user code gets.

    Fields with other resources are annotated with their class or with `ResourceDependency[…]`; `EnvVar("X")` may stand
    for a value. Override `setup_for_execution` and `teardown_after_execution`, or `yield_for_execution`, for what must
    be opened and closed.

    >>> class Greeter(ConfigurableResource):
    ...     word: str = "hello"
    >>> @asset
    ... def greeting(greeter: Greeter) -> str:
    ...     return greeter.word
    >>> materialize([greeting], resources={"greeter": Greeter(word="hi")}).asset_value("greeting")
    'hi'
    """

    __makes_resource__: ClassVar[bool] = False

    def create_resource(self, context: InitResourceContext) -> Any:
        """The resource itself."""
        return self


class ConfigurableLegacyResourceAdapter(ConfigurableResourceFactory[Any]):
    """A class style resource around one that is written as a function: override the property `wrapped_resource`."""

    @property
    def wrapped_resource(self) -> ResourceDefinition:
        """The resource that makes the object."""
        raise AttributeError(f"{type(self).__name__} must define the property wrapped_resource.")

    @contextmanager
    def yield_for_execution(self, context: InitResourceContext) -> Generator[Any, None, None]:
        """Yields what the wrapped resource makes of this object's config."""
        wrapped = self.wrapped_resource
        with ExitStack() as stack:
            yield _initialized(stack, wrapped, context.replace_config(self._as_config_value()))


def resource_field_names(cls: type[Config]) -> list[str]:
    """The names of the fields of a class that hold resources."""
    return [name for name, info in cls.model_fields.items() if _is_resource_annotation(info.annotation)]


def _is_resource_annotation(annotation: Any) -> bool:
    origin = get_origin(annotation)
    if annotation is ResourceDependency or origin is ResourceDependency:
        return True
    if origin is Annotated:
        return any(mark == "resource_param" for mark in getattr(annotation, "__metadata__", ()))
    if origin is not None and origin in (typing.Union,):
        return any(_is_resource_annotation(arg) for arg in get_args(annotation))
    return getattr(annotation, "__is_resource__", False) is True


class _ResourceOfClass:
    """Makes the resource of a class from resolved config and from the resources in its fields."""

    def __init__(self, cls: type[ConfigurableResourceFactory[Any]], nested: Mapping[str, Any]) -> None:
        self.cls = cls
        self.nested = nested
        self.__name__ = cls.__name__

    def __call__(self, context: InitResourceContext) -> Any:
        if self.is_managed():
            return self._managed(context)
        with ExitStack() as stack:
            made = self._instance(context, stack)
        made.setup_for_execution(context)
        return made.create_resource(context)

    def is_managed(self) -> bool:
        """Whether something must be taken down after use."""
        return _needs_teardown(self.cls) or any(_is_managed_value(value) for value in self.nested.values())

    def _managed(self, context: InitResourceContext) -> Generator[Any, None, None]:
        with ExitStack() as stack:
            made = self._instance(context, stack)
            yield stack.enter_context(made.yield_for_execution(context))

    def _instance(self, context: InitResourceContext, stack: ExitStack) -> ConfigurableResourceFactory[Any]:
        values = dict(context.resource_config or {})
        for name, value in self.nested.items():
            values[name] = _nested_value(value, context, stack)
        return self.cls._bound(values, context)


def _needs_teardown(cls: type[ConfigurableResourceFactory[Any]]) -> bool:
    base = ConfigurableResourceFactory
    return (
        cls.yield_for_execution is not base.yield_for_execution
        or cls.teardown_after_execution is not base.teardown_after_execution
    )


def _is_managed_value(value: Any) -> bool:
    if isinstance(value, PartialResource):
        return _needs_teardown(value.resource_cls)
    if isinstance(value, ConfigurableResourceFactory):
        names = resource_field_names(type(value))
        return _needs_teardown(type(value)) or any(_is_managed_value(getattr(value, name)) for name in names)
    return isinstance(value, ResourceDefinition)


def _nested_value(value: Any, context: InitResourceContext, stack: ExitStack) -> Any:
    if isinstance(value, ConfigurableResourceFactory):
        # Wholly configured where it is held: made with its holder, whatever run config says of a key of its own.
        definition = value.get_resource_definition()
        return _initialized(stack, definition, context.replace_config(config_of_its_own(definition)))
    key = top_level_key(value, context.all_resource_defs)
    if key is not None:
        return context.resources._original_resource_dict[key]
    if isinstance(value, PartialResource):
        raise not_top_level(value)
    if isinstance(value, ResourceDefinition):
        return _initialized(stack, value, context.replace_config(config_of_its_own(value)))
    return value


def _initialized(stack: ExitStack, definition: ResourceDefinition, context: InitResourceContext) -> Any:
    made = definition.make(context)
    if hasattr(made, "__next__") and hasattr(made, "close"):
        return stack.enter_context(contextmanager(lambda: made)())
    if isinstance(made, AbstractContextManager) and isinstance(made, ContextDecorator):
        return stack.enter_context(made)
    return made


def _context_of(definition: ResourceDefinition) -> InitResourceContext:
    return build_init_resource_context(config=config_of_its_own(definition) or {})


def _definition(
    made_from: Any, cls: type[ConfigurableResourceFactory[Any]], data: Mapping[str, Any]
) -> ResourceDefinition:
    names = resource_field_names(cls)
    plain = {key: plain_value(cls, key, value) for key, value in data.items() if key not in names and value is not None}
    nested = {key: value for key, value in data.items() if key in names}
    field = Field(curried(cls.to_config_field().config_type, plain))
    definition = cls._definition_of(_ResourceOfClass(cls, nested), PlainConfigSchema(field))
    definition.made_from = made_from
    definition.nested_resources = nested
    return definition


class ConfigurableIOManagerFactory(ConfigurableResourceFactory[T]):
    """Base of classes whose config makes an IO manager: override `create_io_manager`."""

    @classmethod
    def input_config_schema(cls) -> Any:
        """The schema of the config that each input may give, in any form that `Field` takes; None takes none."""
        return None

    @classmethod
    def output_config_schema(cls) -> Any:
        """The schema of the config that each output may give, in any form that `Field` takes; None takes none."""
        return None

    @classmethod
    def _definition_of(cls, resource_fn: Callable[..., Any], config_schema: PlainConfigSchema) -> ResourceDefinition:
        return IOManagerDefinition(
            resource_fn,
            config_schema=config_schema,
            description=cls.__doc__,
            input_config_schema=cls.input_config_schema(),
            output_config_schema=cls.output_config_schema(),
        )

    def create_io_manager(self, context: InitResourceContext) -> T:
        """Return the IO manager that stores outputs and loads inputs.

        Args:
            context: The init context: run, instance, log, and the resources around.
        """
        raise AttributeError(f"{type(self).__name__} must define create_io_manager(self, context).")

    def create_resource(self, context: InitResourceContext) -> T:
        """The IO manager."""
        return self.create_io_manager(context)


class ConfigurableIOManager(ConfigurableIOManagerFactory[Any], IOManager):
    """Base of IO manager classes with their config as fields: define `handle_output` and `load_input`."""

    def create_io_manager(self, context: InitResourceContext) -> Any:
        """The IO manager itself."""
        return self


class ConfigurableLegacyIOManagerAdapter(ConfigurableIOManagerFactory[Any]):
    """A class style IO manager around one that is written as a function: override `wrapped_io_manager`."""

    @property
    def wrapped_io_manager(self) -> ResourceDefinition:
        """The definition that makes the IO manager."""
        raise AttributeError(f"{type(self).__name__} must define the property wrapped_io_manager.")

    @contextmanager
    def yield_for_execution(self, context: InitResourceContext) -> Generator[Any, None, None]:
        """Yields the IO manager that the wrapped definition makes of this object's config."""
        wrapped = self.wrapped_io_manager
        with ExitStack() as stack:
            yield _initialized(stack, wrapped, context.replace_config(self._as_config_value()))
