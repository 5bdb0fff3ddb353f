"""Classic config schemas, pydantic config, run config."""

from enum import Enum as PyEnum
from typing import Literal

import pytest
from pydantic import Field as PyField

from tests.conformance.api import dg


def config_of(schema, value, **field):
    """What an op sees for `value` under `schema`."""

    @dg.op(config_schema=dg.Field(schema, **field) if field else schema)
    def f(context):
        return context.op_config

    @dg.job
    def j():
        f()

    return j.execute_in_process(run_config={"ops": {"f": {"config": value}}}).output_for_node("f")


CLASSIC_OK = [
    (int, 1, 1),
    (str, "a", "a"),
    (bool, True, True),
    (float, 1, 1),
    (float, 1.5, 1.5),
    ([int], [1, 2], [1, 2]),
    (dg.Array(str), ["a"], ["a"]),
    ({"a": int}, {"a": 1}, {"a": 1}),
    (dg.Shape({"a": dg.Field(int, default_value=4)}), {}, {"a": 4}),
    (dg.Permissive({"a": int}), {"a": 1, "z": "any"}, {"a": 1, "z": "any"}),
    (dg.Permissive(), {"z": [1]}, {"z": [1]}),
    (dict, {"k": 1}, {"k": 1}),
    (dg.Noneable(int), None, None),
    (dg.Noneable(int), 3, 3),
    (dg.Selector({"x": int, "y": str}), {"y": "s"}, {"y": "s"}),
    (dg.Map(str, int), {"k": 1}, {"k": 1}),
    (dg.ScalarUnion(scalar_type=int, non_scalar_schema={"a": int}), 3, 3),
    (dg.ScalarUnion(scalar_type=int, non_scalar_schema={"a": int}), {"a": 1}, {"a": 1}),
    (dg.Enum("E", [dg.EnumValue("A"), dg.EnumValue("B")]), "A", "A"),
    (dg.Enum("E2", [dg.EnumValue("A", python_value=10)]), "A", 10),
    (dg.StringSource, "plain", "plain"),
    (dg.IntSource, 5, 5),
    (dg.BoolSource, True, True),
    (dg.Any, {"anything": [1]}, {"anything": [1]}),
]


@pytest.mark.parametrize(("schema", "value", "expected"), CLASSIC_OK, ids=[str(i) for i in range(len(CLASSIC_OK))])
def test_valid_config(schema, value, expected):
    """What fits a schema arrives, defaults filled in."""
    assert config_of(schema, value) == expected


CLASSIC_BAD = [
    (int, "a"),
    (int, True),
    (int, 1.5),
    (str, 1),
    (bool, "yes"),
    (float, "x"),
    ([int], [1, "b"]),
    ([int], 1),
    ({"a": int}, {}),
    ({"a": int}, {"a": 1, "b": 2}),
    ({"a": int}, {"a": "x"}),
    ({"a": {"b": int}}, {"a": {"b": "x"}}),
    (dg.Selector({"x": int, "y": str}), {}),
    (dg.Selector({"x": int, "y": str}), {"x": 1, "y": "s"}),
    (dg.Selector({"x": int}), {"z": 1}),
    (dg.Map(str, int), {"k": "v"}),
    (dg.Noneable(int), "x"),
    (dg.Enum("E3", [dg.EnumValue("A")]), "Z"),
    (dg.IntSource, {"env": "CELLMILL_SURELY_NOT_SET"}),
    (dg.Permissive({"a": int}), {}),
]


@pytest.mark.parametrize(("schema", "value"), CLASSIC_BAD, ids=[str(i) for i in range(len(CLASSIC_BAD))])
def test_invalid_config(schema, value):
    """What does not fit is refused before anything runs."""
    with pytest.raises((dg.DagsterInvalidConfigError, dg.DagsterError)):
        config_of(schema, value)


def test_all_errors_at_once():
    """Every problem is listed with its path."""
    with pytest.raises(dg.DagsterInvalidConfigError) as raised:
        config_of({"a": int, "b": str, "c": bool}, {"a": "x", "b": 1})

    assert len(raised.value.errors) == 3
    text = str(raised.value)
    assert "ops:f:config:a" in text.replace("root:", "")


def test_environment_source(monkeypatch):
    """`{"env": NAME}` is read at run start."""
    monkeypatch.setenv("CONFORMANCE_N", "12")

    assert config_of(dg.IntSource, {"env": "CONFORMANCE_N"}) == 12


def test_bad_default():
    """A default that does not fit its own field is a definition error."""
    with pytest.raises(dg.DagsterInvalidConfigError):
        dg.Field(int, default_value="x")


def test_default_with_required():
    """A required field cannot have a default."""
    with pytest.raises(Exception):  # noqa: B017 - the class differs between versions
        dg.Field(int, default_value=1, is_required=True)


def test_invalid_schema():
    """Something that is no config type is refused at definition."""
    with pytest.raises(dg.DagsterInvalidConfigDefinitionError):
        dg.op(config_schema={"a": 5})(lambda context: None)


def test_optional_field_absent():
    """An optional field without default is simply absent."""
    assert config_of({"a": dg.Field(int, is_required=False)}, {}) == {}


def test_unknown_op_in_run_config():
    """A name that is no op of the job is refused."""

    @dg.op
    def f():
        return 1

    @dg.job
    def j():
        f()

    with pytest.raises(dg.DagsterInvalidConfigError):
        j.execute_in_process(run_config={"ops": {"g": {"config": 1}}})


def test_validate_run_config():
    """Config can be checked without running."""

    @dg.op(config_schema={"n": int})
    def f(context):
        return 1

    @dg.job
    def j():
        f()

    assert dg.validate_run_config(j, {"ops": {"f": {"config": {"n": 1}}}})["ops"]["f"]["config"] == {"n": 1}
    with pytest.raises(dg.DagsterInvalidConfigError):
        dg.validate_run_config(j, {})


class Color(PyEnum):
    RED = "red"
    BLUE = "blue"


class Inner(dg.Config):
    depth: int = 1


class Cat(dg.Config):
    pet_type: Literal["cat"] = "cat"
    meows: int


class Dog(dg.Config):
    pet_type: Literal["dog"] = "dog"
    barks: float


class Everything(dg.Config):
    n: int
    s: str = "default"
    o: int | None = None
    items: list[str] = PyField(default_factory=list)
    table: dict[str, int] = {}
    inner: Inner = Inner()
    color: Color = Color.RED


class Owner(dg.Config):
    pet: Cat | Dog = PyField(discriminator="pet_type")


class Limited(dg.Config):
    n: int = PyField(ge=1, le=3, description="small")


class Loose(dg.PermissiveConfig):
    n: int


def run_with(config_class, value):
    """What an op with that Config class receives."""

    def f(config):
        return config

    f.__annotations__ = {"config": config_class}
    op = dg.op(name="f")(f)

    @dg.job
    def j():
        op()

    return j.execute_in_process(run_config={"ops": {"f": {"config": value}}}).output_for_node("f")


def test_pydantic_defaults():
    """Defaults are filled in."""
    got = run_with(Everything, {"n": 3})

    assert (got.n, got.s, got.o, got.items, got.table, got.inner.depth, got.color) == (
        3,
        "default",
        None,
        [],
        {},
        1,
        Color.RED,
    )


def test_pydantic_values():
    """Values of every kind arrive; an enum is given by its name."""
    got = run_with(
        Everything,
        {"n": 1, "o": 2, "items": ["a"], "table": {"k": 1}, "inner": {"depth": 5}, "color": "BLUE"},
    )

    assert (got.o, got.items, got.table, got.inner.depth, got.color) == (2, ["a"], {"k": 1}, 5, Color.BLUE)


def test_pydantic_discriminated_union():
    """A discriminated union is a selector in config."""
    got = run_with(Owner, {"pet": {"dog": {"barks": 2.0}}})

    assert isinstance(got.pet, Dog)
    assert got.pet.barks == 2.0


@pytest.mark.parametrize("value", [{}, {"n": "x"}, {"n": 1, "unknown": 2}, {"n": 1, "inner": {"depth": "x"}}])
def test_pydantic_invalid(value):
    """Wrong config is refused before anything runs."""
    with pytest.raises(dg.DagsterInvalidConfigError):
        run_with(Everything, value)


def test_pydantic_constraint():
    """A Field's constraint is enforced."""
    assert run_with(Limited, {"n": 2}).n == 2
    with pytest.raises(Exception, match="less than or equal"):
        run_with(Limited, {"n": 9})


def test_permissive_config():
    """A PermissiveConfig takes extras."""
    got = run_with(Loose, {"n": 1, "extra": "x"})

    assert got.n == 1
    assert got.extra == "x"


def test_config_is_immutable():
    """A Config object cannot be changed."""
    with pytest.raises(Exception):  # noqa: B017 - pydantic's or the library's own
        Inner(depth=1).depth = 2


def test_run_config_object():
    """RunConfig is taken where a dict is."""

    @dg.op
    def f(config: Inner):
        return config.depth

    @dg.job
    def j():
        f()

    assert j.execute_in_process(run_config=dg.RunConfig(ops={"f": Inner(depth=9)})).output_for_node("f") == 9


def test_run_config_to_dict():
    """RunConfig turns into the plain form."""
    assert dg.RunConfig(ops={"f": Inner(depth=9)}).to_config_dict()["ops"] == {"f": {"config": {"depth": 9}}}


def test_config_in_direct_invocation():
    """A Config object is an ordinary argument of a direct call."""

    @dg.op
    def f(config: Inner):
        return config.depth

    assert f(Inner(depth=4)) == 4
    assert f(config=Inner(depth=5)) == 5


def test_configured_decorator():
    """`@configured` computes inner config from outer config."""

    @dg.resource(config_schema={"a": int})
    def r(context):
        return context.resource_config["a"]

    @dg.configured(r, config_schema={"b": int})
    def r2(config):
        return {"a": config["b"] + 1}

    @dg.op(required_resource_keys={"r"})
    def f(context):
        return context.resources.r

    @dg.job(resource_defs={"r": r2})
    def j():
        f()

    assert j.execute_in_process(run_config={"resources": {"r": {"config": {"b": 1}}}}).output_for_node("f") == 2


def test_config_from_yaml():
    """Config can be read from YAML strings and merged."""
    assert dg.config_from_yaml_strings(["a: {b: 1}", "a: {c: 2}"]) == {"a": {"b": 1, "c": 2}}
