"""Config classes: values, errors, aliases, inheritance, arguments of functions."""

from typing import Optional, Union

import pytest
from pydantic import Field as PyField

from tests.conformance.api import dg


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
