"""What is wrong with config classes and resource classes is told where they are used, and what `configured` takes."""

from typing import Any, Literal

import pydantic
import pytest

from tests.conformance.api import dg


class Foreign:
    """A class that config cannot hold."""


class WithForeign(dg.Config):  # type: ignore[name-defined,misc]
    """A config class with a field that config cannot be."""

    thing: Foreign


class Nested(dg.Config):  # type: ignore[name-defined,misc]
    """A config class that holds such a class."""

    inner: WithForeign


@pytest.mark.parametrize("annotation", [WithForeign, Nested, Foreign, tuple[str, str], pydantic.BaseModel])
@pytest.mark.parametrize("decorate", [dg.op, dg.asset])
def test_a_config_parameter_must_be_config(decorate: Any, annotation: Any) -> None:
    """An annotation that no config fits is refused where the op or asset is defined."""

    def body(config: Any) -> None:
        """Does nothing."""

    body.__annotations__["config"] = annotation
    with pytest.raises(dg.DagsterError, match="to a supported"):
        decorate(body)


def test_a_resource_field_must_be_config_or_a_resource() -> None:
    """The object of a class with another field is refused when it is made."""

    class Bad(dg.ConfigurableResource):  # type: ignore[name-defined,misc]
        thing: Foreign

    with pytest.raises(dg.DagsterError, match="ResourceDependency"):
        Bad(thing=Foreign())


@pytest.mark.parametrize("base", [dg.Config, dg.ConfigurableResource])
def test_a_field_of_a_schema_is_no_default(base: Any) -> None:
    """`Field` of config schemas as the default of a class's field is a mistake for pydantic's."""

    class Bad(base):  # type: ignore[misc]
        word: str = dg.Field(str, description="A word")

    with pytest.raises(dg.DagsterInvalidDefinitionError, match="pydantic.Field"):
        if base is dg.Config:

            @dg.op
            def use(config: Bad) -> None:
                """Does nothing."""
        else:
            Bad(word="a")


def test_a_type_of_outputs_annotates_no_config() -> None:
    """A runtime type as the annotation of a config class's field is refused with the class."""
    when = dg.DagsterType(lambda _, value: True, "When")
    with pytest.raises(dg.DagsterError, match="cannot (be used to )?annotate a config type"):

        class Bad(dg.Config):  # type: ignore[name-defined,misc]
            at: when = 3  # type: ignore[valid-type]


class Factory(dg.ConfigurableIOManagerFactory):  # type: ignore[name-defined,misc]
    """A class whose objects make something else."""

    def create_io_manager(self, context: Any) -> Any:
        """Makes a word."""
        return "word"


@pytest.mark.parametrize("annotation", [Factory, dg.ResourceDefinition])
@pytest.mark.parametrize(
    "decorate", [dg.op, dg.asset, dg.sensor(job_name="j"), dg.schedule(job_name="j", cron_schedule="* * * * *")]
)
def test_a_resource_parameter_is_what_user_code_gets(decorate: Any, annotation: Any) -> None:
    """A parameter annotated with what makes a resource is refused: the annotation is ResourceParam of its value."""

    def body(word: Any) -> None:
        """Does nothing."""

    body.__annotations__["word"] = annotation
    with pytest.raises(dg.DagsterInvalidDefinitionError, match=r"ResourceParam\[Any\]"):
        decorate(body)


def test_a_config_object_under_another_name_is_warned_of() -> None:
    """A parameter annotated with a config class is config only under the name config."""

    class Words(dg.Config):  # type: ignore[name-defined,misc]
        one: str

    with pytest.warns(dg.ConfigArgumentWarning, match="Did you mean to name this parameter 'config' instead"):

        @dg.op
        def use(words: Words) -> None:
            """Does nothing."""


def test_fields_of_resources_cannot_be_set() -> None:
    """A resource's error names the way out: a client of its own."""

    class Words(dg.ConfigurableResource):  # type: ignore[name-defined,misc]
        one: str

    with pytest.raises(dg.DagsterInvalidInvocationError, match="is a Pythonic resource and does not support item"):
        Words(one="a").one = "b"


def test_a_mapping_with_a_config_class_takes_no_schema() -> None:
    """The class of the parameter is the schema."""

    class Words(dg.Config):  # type: ignore[name-defined,misc]
        one: str

    with pytest.raises(Exception, match="Cannot provide config_schema"):

        @dg.config_mapping(config_schema={"one": str})
        def mapping(config_in: Words) -> dict[str, Any]:
            return {}


class Greeter(dg.ConfigurableResource):  # type: ignore[name-defined,misc]
    """A resource with config."""

    word: str


class Simple(dg.Config):  # type: ignore[name-defined,misc]
    """What the configured resource takes."""

    simple: str


@dg.configured(Greeter)
def fixed(_: Any) -> dict[str, Any]:
    """Always the same."""
    return {"word": "foo"}


@dg.configured(Greeter)
def as_dictionary(config_in: Simple) -> dict[str, Any]:
    """Config of the class as a dictionary."""
    return {"word": config_in.simple}


@dg.configured(Greeter)
def as_object(config_in: Simple) -> Greeter:
    """Config of the class as a resource."""
    return Greeter(word=config_in.simple)


@pytest.mark.parametrize(
    ("resource", "expected"),
    [
        (fixed, "foo"),
        (as_dictionary.configured({"simple": "bar"}), "bar"),
        (as_object.configured({"simple": "baz"}), "baz"),
    ],
)
def test_configured_takes_a_class_of_resources(resource: Any, expected: str) -> None:
    """`configured(MyResource)` decorates a function from simpler config to that of the class."""

    @dg.asset
    def word(greeter: Greeter) -> str:
        return str(greeter.word)

    assert dg.materialize([word], resources={"greeter": resource}).output_for_node("word") == expected


def test_a_config_parameter_has_its_default() -> None:
    """A scalar or a config object given as the parameter's default is the config where none is given."""

    @dg.op
    def scalar(config: str = "bar") -> str:
        return config

    assert scalar() == "bar"
    assert scalar(dg.build_op_context(op_config="qux")) == "qux"


def test_defaults_are_not_validated() -> None:
    """A default that its own type would refuse, or a validator, is left alone in a run."""

    class Loose(dg.Config):  # type: ignore[name-defined,misc]
        word: str | None
        share: float = None  # type: ignore[assignment]

        @pydantic.field_validator("share")
        @classmethod
        def never(cls, value: float) -> float:
            """Refuses every value that is given."""
            raise ValueError("given")

    class Outer(dg.Config):  # type: ignore[name-defined,misc]
        inner: Loose

    @dg.asset
    def seen(config: Outer) -> Any:
        return config.inner.share

    result = dg.materialize([seen], run_config=dg.RunConfig(ops={"seen": Outer(inner=Loose(word=None))}))

    assert result.output_for_node("seen") is None


def test_a_choice_has_a_default() -> None:
    """The default of a discriminated union is a default of its config, given or made by a factory."""

    class A(dg.Config):  # type: ignore[name-defined,misc]
        kind: Literal["a"] = "a"
        size: int = 1

    class B(dg.Config):  # type: ignore[name-defined,misc]
        kind: Literal["b"] = "b"

    class Either(dg.Config):  # type: ignore[name-defined,misc]
        made: A | B = pydantic.Field(default_factory=A, discriminator="kind")
        left: A | B = pydantic.Field(default=None, discriminator="kind")  # type: ignore[assignment]

    fields = Either.to_fields_dict()

    assert fields["made"].default_value == {"a": {"size": 1}}
    assert not fields["left"].is_required
    assert not fields["left"].default_provided
