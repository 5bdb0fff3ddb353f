"""Config in the classic and in the typed style, as ops, resources and whole jobs take it."""

from enum import Enum as PyEnum
from typing import Optional, Union

import pytest
from pydantic import Field as PyField

from tests.conformance.api import dg


def op_config(schema, value):
    """What an op with this schema gets for this config."""
    seen = []

    @dg.op(config_schema=schema)
    def takes(context):
        seen.append(context.op_config)

    @dg.job
    def j():
        takes()

    config = {} if value is None else {"ops": {"takes": {"config": value}}}
    j.execute_in_process(run_config=config)
    return seen[0]


@pytest.mark.parametrize(
    ("schema", "value", "expected"),
    [
        (int, 3, 3),
        (float, 3, 3.0),
        (bool, False, False),
        (str, "x", "x"),
        ([str], ["a"], ["a"]),
        ({"a": int}, {"a": 1}, {"a": 1}),
        ({"a": {"b": [int]}}, {"a": {"b": [1, 2]}}, {"a": {"b": [1, 2]}}),
        ({str: int}, {"x": 1}, {"x": 1}),
        (dg.Array(int), [1], [1]),
        (dg.Noneable(int), None, None),
        (dg.Noneable(str), "s", "s"),
        (dg.Map(str, int), {"k": 2}, {"k": 2}),
        (dg.Permissive(), {"any": 1}, {"any": 1}),
        (dg.Permissive({"a": int}), {"a": 1, "b": "x"}, {"a": 1, "b": "x"}),
        (dg.Selector({"a": int, "b": str}), {"b": "x"}, {"b": "x"}),
        (dg.Shape({"a": dg.Field(int, default_value=5)}), {}, {"a": 5}),
        ({"a": dg.Field(int, is_required=False)}, {}, {}),
        ({"a": dg.Field(dg.Noneable(int), default_value=None)}, {}, {"a": None}),
        (dg.ScalarUnion(scalar_type=str, non_scalar_schema={"a": int}), "x", "x"),
        (dg.ScalarUnion(scalar_type=str, non_scalar_schema={"a": int}), {"a": 1}, {"a": 1}),
        (dg.Enum("Numbered", [dg.EnumValue("A"), dg.EnumValue("B", python_value=2)]), "B", 2),
        (dg.Field(int, default_value=7), None, 7),
        ({"a": dg.Field({"b": dg.Field(int, default_value=1)})}, {}, {"a": {"b": 1}}),
        (dg.Any, {"what": ["ever"]}, {"what": ["ever"]}),
        (dict, {"x": 1}, {"x": 1}),
        (list, [1, "a"], [1, "a"]),
        (dg.IntSource, 4, 4),
        (dg.StringSource, "s", "s"),
        (dg.BoolSource, True, True),
    ],
)
def test_values(schema, value, expected):
    """Valid config arrives, with defaults filled in."""
    assert op_config(schema, value) == expected


@pytest.mark.parametrize(
    ("schema", "value", "words"),
    [
        (int, "x", "Invalid scalar"),
        ({"a": int}, {}, 'Missing required config entry "a"'),
        ({"a": int}, {"a": 1, "b": 2}, "unexpected config entry"),
        ({"a": int, "b": int}, {}, "Missing required config entries"),
        ({"a": int}, {"a": 1, "b": 2, "c": 3}, "unexpected config entries"),
        (dg.Selector({"a": int, "b": str}), {"a": 1, "b": "x"}, "single field"),
        (dg.Selector({"a": int, "b": str}), {}, "one"),
        (dg.Enum("E", [dg.EnumValue("A")]), "Z", "not in enum type E"),
        ([int], {"a": 1}, "list"),
        ([int], ["a"], "Invalid scalar"),
        ({str: int}, {"a": "x"}, "Invalid scalar"),
        (dg.Shape({"a": int}), 5, "must be"),
    ],
)
def test_messages(schema, value, words):
    """What is wrong is said, and where."""
    with pytest.raises(dg.DagsterInvalidConfigError) as caught:
        op_config(schema, value)

    assert words in str(caught.value)
    assert "ops:takes:config" in str(caught.value)
    assert caught.value.errors


def test_errors_have_reasons():
    """Each error has a reason and a message."""
    with pytest.raises(dg.DagsterInvalidConfigError) as caught:
        op_config({"a": int, "b": int}, {"a": "x", "b": "y"})

    assert len(caught.value.errors) == 2
    assert all(one.message for one in caught.value.errors)
    assert {one.reason.value for one in caught.value.errors} == {"RUNTIME_TYPE_MISMATCH"}


@pytest.mark.parametrize(
    "make",
    [
        lambda: dg.Field(5),
        lambda: dg.Field(int, default_value="x"),
        lambda: dg.Field(int, default_value=3, is_required=True),
        lambda: dg.Selector({"a": 5}),
        lambda: dg.Shape({"a": object()}),
        lambda: dg.Map(5, int),
        lambda: dg.Array(5),
        lambda: dg.Enum("E", ["A"]),
        lambda: dg.Noneable(5),
        lambda: dg.op(config_schema=5)(lambda context: None),
        lambda: dg.Field([int, str]),
        lambda: dg.Field({"a": {5: int}}),
    ],
)
def test_bad_schemas(make):
    """A schema that makes no sense is refused when it is made."""
    with pytest.raises(Exception, match=r".+"):
        make()


def test_enum_from_python():
    """An enum of Python is an enum of config."""

    class Colour(PyEnum):
        RED = 1
        BLUE = 2

    assert op_config(dg.Enum.from_python_enum(Colour), "RED") is Colour.RED


@pytest.mark.parametrize(
    ("source", "text", "expected"),
    [("StringSource", "x", "x"), ("IntSource", "5", 5), ("BoolSource", "True", True), ("BoolSource", "", False)],
)
def test_sources(monkeypatch, source, text, expected):
    """A value may come from the environment."""
    monkeypatch.setenv("CONFORMANCE_VALUE", text)

    assert op_config(getattr(dg, source), {"env": "CONFORMANCE_VALUE"}) == expected


@pytest.mark.parametrize("source", ["StringSource", "IntSource"])
def test_source_missing(monkeypatch, source):
    """A variable that is not set is named."""
    monkeypatch.delenv("CONFORMANCE_VALUE", raising=False)
    with pytest.raises(Exception, match="CONFORMANCE_VALUE"):
        op_config(getattr(dg, source), {"env": "CONFORMANCE_VALUE"})


def test_int_source_bad(monkeypatch):
    """A variable that is no number is refused."""
    monkeypatch.setenv("CONFORMANCE_VALUE", "x")
    with pytest.raises(Exception, match="CONFORMANCE_VALUE"):
        op_config(dg.IntSource, {"env": "CONFORMANCE_VALUE"})


def run_typed(config_class, value):
    """What an op with a typed config gets."""
    seen = []

    def takes(config):
        seen.append(config)

    takes.__annotations__["config"] = config_class
    op = dg.op(takes)

    @dg.job
    def j():
        op()

    j.execute_in_process(run_config={"ops": {"takes": {"config": value}}} if value is not None else {})
    return seen[0]


class Deep(dg.Config):
    """Inside another one."""

    n: int = 1


class Wide(dg.Config):
    """Many kinds of fields."""

    a: int
    b: str = "b"
    c: Optional[int] = None
    d: list[int] = []
    e: dict[str, int] = {}
    f: Deep = Deep()
    g: list[Deep] = []
    h: dict[str, Deep] = {}
    i: Optional[list[str]] = None
    j: float = 1.5
    k: bool = True


@pytest.mark.parametrize(
    ("value", "name", "expected"),
    [
        ({"a": 1}, "b", "b"),
        ({"a": 1}, "c", None),
        ({"a": 1, "c": 5}, "c", 5),
        ({"a": 1, "c": None}, "c", None),
        ({"a": 1, "d": [1, 2]}, "d", [1, 2]),
        ({"a": 1, "e": {"x": 1}}, "e", {"x": 1}),
        ({"a": 1, "f": {"n": 9}}, "f", Deep(n=9)),
        ({"a": 1}, "f", Deep()),
        ({"a": 1, "g": [{"n": 2}, {}]}, "g", [Deep(n=2), Deep()]),
        ({"a": 1, "h": {"k": {"n": 3}}}, "h", {"k": Deep(n=3)}),
        ({"a": 1, "i": ["x"]}, "i", ["x"]),
        ({"a": 1, "j": 2}, "j", 2.0),
        ({"a": 1, "k": False}, "k", False),
    ],
)
def test_typed_values(value, name, expected):
    """Fields of a config class arrive with their types."""
    assert getattr(run_typed(Wide, value), name) == expected


@pytest.mark.parametrize(
    "value", [None, {}, {"a": "x"}, {"a": 1, "zz": 1}, {"a": 1, "d": ["x"]}, {"a": 1, "f": {"n": "x"}}, {"a": None}]
)
def test_typed_errors(value):
    """Config that does not fit is refused before the run."""
    with pytest.raises(dg.DagsterInvalidConfigError):
        run_typed(Wide, value)


def test_typed_alias():
    """A field with an alias is configured under the alias."""

    class Aliased(dg.Config):
        own: int = PyField(alias="theirs")

    assert run_typed(Aliased, {"theirs": 5}).own == 5


def test_typed_description_and_default_factory():
    """A field's default may be made by a function."""

    class Made(dg.Config):
        xs: list[int] = PyField(default_factory=lambda: [1], description="Some numbers.")

    assert run_typed(Made, None).xs == [1]


def test_typed_inheritance():
    """A config class inherits fields."""

    class Base(dg.Config):
        a: int = 1

    class Child(Base):
        b: int = 2

    made = run_typed(Child, {"a": 5})
    assert (made.a, made.b) == (5, 2)


def test_typed_immutable():
    """A config object cannot be changed."""
    with pytest.raises(Exception, match=r"(?i)frozen|immutable|not support"):
        Deep().n = 5


def test_run_config_with_objects():
    """Run config may be made of config objects."""
    seen = []

    @dg.op
    def takes(config: Deep):
        seen.append(config.n)

    @dg.job
    def j():
        takes()

    j.execute_in_process(run_config=dg.RunConfig(ops={"takes": Deep(n=4)}))
    j.execute_in_process(run_config=dg.RunConfig({"takes": Deep(n=5)}))
    j.execute_in_process(run_config={"ops": {"takes": {"config": {"n": 6}}}})

    assert seen == [4, 5, 6]


def test_job_with_run_config_object():
    """A job's own config may be a RunConfig."""
    seen = []

    @dg.op
    def takes(config: Deep):
        seen.append(config.n)

    @dg.job(config=dg.RunConfig(ops={"takes": Deep(n=8)}))
    def j():
        takes()

    j.execute_in_process()
    assert seen == [8]


def test_two_config_arguments():
    """Config by schema and by class exclude each other."""
    with pytest.raises(Exception, match=r".+"):

        @dg.op(config_schema={"a": int})
        def takes(config: Deep):
            pass


def test_config_without_annotation():
    """An argument named config without annotation is refused, or an ordinary input."""

    @dg.op
    def takes(config: dict):
        return config

    @dg.job
    def j():
        takes()

    assert j.execute_in_process(run_config={"ops": {"takes": {"config": {"a": 1}}}}).output_for_node("takes") == {
        "a": 1
    }


@pytest.mark.parametrize("kind", [int, str, float, bool])
def test_scalar_config_argument(kind):
    """The argument named config may be a scalar."""

    def takes(config):
        return config

    takes.__annotations__["config"] = kind
    op = dg.op(takes)

    @dg.job
    def j():
        op()

    value = kind(1)
    assert j.execute_in_process(run_config={"ops": {"takes": {"config": value}}}).output_for_node("takes") == value


def test_config_mapping_of_a_job():
    """One outer config makes the config of the ops."""

    @dg.op(config_schema=int)
    def takes(context):
        return context.op_config

    @dg.config_mapping(config_schema={"n": int})
    def outer(value):
        return {"ops": {"takes": {"config": value["n"] * 2}}}

    @dg.job(config=outer)
    def j():
        takes()

    assert j.execute_in_process(run_config={"n": 4}).output_for_node("takes") == 8


def test_config_mapping_typed():
    """The outer config may be typed."""

    @dg.op
    def takes(config: Deep):
        return config.n

    @dg.config_mapping
    def outer(value: Deep) -> dg.RunConfig:
        return dg.RunConfig(ops={"takes": Deep(n=value.n + 1)})

    @dg.job(config=outer)
    def j():
        takes()

    assert j.execute_in_process(run_config={"n": 4}).output_for_node("takes") == 5


def test_config_mapping_error():
    """A mapping that fails is an error of user code."""

    @dg.op(config_schema=int)
    def takes(context):
        return context.op_config

    @dg.config_mapping(config_schema={"n": int})
    def outer(value):
        raise ValueError("no")

    @dg.job(config=outer)
    def j():
        takes()

    with pytest.raises(dg.DagsterConfigMappingFunctionError):
        j.execute_in_process(run_config={"n": 4})


def test_configured_chain():
    """Partial application can be repeated."""

    @dg.op(config_schema={"a": int, "b": int})
    def takes(context):
        return context.op_config

    @dg.configured(takes, config_schema={"b": int})
    def half(config):
        return {"a": 1, "b": config["b"]}

    whole = half.configured({"b": 2}, name="whole")

    @dg.job
    def j():
        whole()

    assert j.execute_in_process().output_for_node("whole") == {"a": 1, "b": 2}


def test_configured_needs_a_name():
    """A configured op has a name of its own."""

    @dg.op(config_schema=int)
    def takes(context):
        pass

    with pytest.raises(Exception, match=r".+"):
        takes.configured(5)


def test_configured_bad_config():
    """What is bound is checked."""

    @dg.op(config_schema=int)
    def takes(context):
        return context.op_config

    bound = takes.configured("x", name="bound")

    @dg.job
    def j():
        bound()

    with pytest.raises(dg.DagsterInvalidConfigError):
        j.execute_in_process()


def test_graph_config_in_nested_ops():
    """Ops in a graph are configured below it."""

    @dg.op(config_schema=int)
    def takes(context):
        return context.op_config

    @dg.graph
    def inner():
        return takes()

    @dg.job
    def j():
        inner()

    result = j.execute_in_process(run_config={"ops": {"inner": {"ops": {"takes": {"config": 3}}}}})
    assert result.output_for_node("inner.takes") == 3
    assert result.output_for_node("inner") == 3


@pytest.mark.parametrize(
    "config",
    [
        {"nothing": {}},
        {"ops": {"other": {}}},
        {"resources": {"other": {"config": 1}}},
        {"ops": {"takes": {"other": 1}}},
        {"ops": 5},
        {"loggers": {"nope": {}}},
    ],
)
def test_unknown_parts_of_run_config(config):
    """What is not known is refused."""

    @dg.op(config_schema=dg.Field(int, default_value=1))
    def takes(context):
        return context.op_config

    @dg.job
    def j():
        takes()

    with pytest.raises(dg.DagsterInvalidConfigError):
        j.execute_in_process(run_config=config)


def test_ops_and_solids():
    """Only the current name of the section is known."""

    @dg.op(config_schema=int)
    def takes(context):
        return context.op_config

    @dg.job
    def j():
        takes()

    with pytest.raises(dg.DagsterInvalidConfigError):
        j.execute_in_process(run_config={"solids": {"takes": {"config": 1}}})


def test_execution_config():
    """The executor is configured as well."""

    @dg.op
    def takes():
        return 1

    @dg.job(executor_def=dg.multiprocess_executor.configured({"max_concurrent": 2}))
    def j():
        takes()

    assert j.execute_in_process().success
    assert dg.validate_run_config(j, {}) is not None


def test_resource_config_and_defaults():
    """Resources take config with defaults."""

    @dg.resource(config_schema={"a": dg.Field(int, default_value=1), "b": dg.Field(str, is_required=False)})
    def made(context):
        return dict(context.resource_config)

    @dg.op(required_resource_keys={"r"})
    def takes(context):
        return context.resources.r

    @dg.job(resource_defs={"r": made})
    def j():
        takes()

    assert j.execute_in_process().output_for_node("takes") == {"a": 1}
    config = {"resources": {"r": {"config": {"a": 2, "b": "x"}}}}
    assert j.execute_in_process(run_config=config).output_for_node("takes") == {"a": 2, "b": "x"}


def test_union_is_refused():
    """A union without a discriminator has no config form."""
    with pytest.raises(Exception, match=r".+"):

        class Either(dg.Config):
            x: Union[Deep, Wide]

        @dg.op
        def takes(config: Either):
            pass

        @dg.job
        def j():
            takes()

        j.execute_in_process(run_config={"ops": {"takes": {"config": {"x": {"n": 1}}}}})
