"""Classic config schemas: values, messages, reasons, sources."""

from enum import Enum as PyEnum

import pytest

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
