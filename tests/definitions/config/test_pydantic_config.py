"""Config classes: pydantic models as config schemas, as values and as what user code gets."""

from __future__ import annotations

import enum
import pickle
import subprocess
import sys
from collections.abc import Mapping, Sequence
from typing import Any, Literal, Optional, Union

import pytest
from cellmill.definitions.config.env_var import EnvVar
from cellmill.definitions.config.process import process_config
from cellmill.definitions.config.pydantic_config import Config, PermissiveConfig, field_of_annotation
from cellmill.definitions.run_config import RunConfig
from cellmill.errors import CheckError, InvalidInvocationError, InvalidPythonicConfigDefinitionError
from cellmill.execution.user_code import typed_config
from pydantic import Field as PydanticField
from pydantic import ValidationError, field_validator


class Size(enum.Enum):
    """Two sizes."""

    SMALL = "s"
    LARGE = "l"


class Inner(Config):
    """A nested config."""

    x: int = 3
    y: str


class Cat(Config):
    """One of a choice."""

    kind: Literal["cat"] = "cat"
    meows: int


class Dog(Config):
    """The other of a choice."""

    kind: Literal["dog"] = "dog"
    barks: float = 1.0


class Simple(Config):
    """A text and a number."""

    s: str
    n: int = 3


class Everything(Config):
    """A field of every sort."""

    a: int
    pet: Union[Cat, Dog] = PydanticField(discriminator="kind")  # noqa: UP007
    inner: Inner
    text: str = "q"
    optional: Optional[int] = None  # noqa: UP045
    numbers: list[int] = [1]
    by_name: dict[str, int] = {}
    size: Size = Size.SMALL
    ratio: float = PydanticField(default=1.0, gt=0.5, description="a ratio")
    anything: Any = None
    maybe_inner: Inner | None = None
    inners: list[Inner] = []
    inner_by_name: Mapping[str, Inner] = {}
    flag: bool = False
    mode: Literal["fast", "slow"] = "fast"
    names: Sequence[str] = PydanticField(default_factory=lambda: ["d"])


BASE: dict[str, Any] = {"a": 1, "inner": {"y": "s"}, "pet": {"dog": {}}}


def load(cls: type[Config], config: Any) -> Any:
    """The object that user code gets for this config."""
    result = process_config(cls.to_config_field(), config)
    assert result.success, result.errors
    return cls(**result.value)


@pytest.mark.parametrize(
    ("changes", "name", "expected"),
    [
        ({}, "text", "q"),
        ({}, "numbers", [1]),
        ({}, "names", ["d"]),
        ({}, "optional", None),
        ({}, "size", Size.SMALL),
        ({}, "pet", Dog(barks=1.0)),
        ({}, "inner", Inner(x=3, y="s")),
        ({"optional": 4}, "optional", 4),
        ({"optional": None}, "optional", None),
        ({"numbers": [1, 2]}, "numbers", [1, 2]),
        ({"by_name": {"q": 1}}, "by_name", {"q": 1}),
        ({"size": "LARGE"}, "size", Size.LARGE),
        ({"ratio": 2}, "ratio", 2.0),
        ({"anything": {"x": [1]}}, "anything", {"x": [1]}),
        ({"maybe_inner": {"y": "z"}}, "maybe_inner", Inner(y="z")),
        ({"inners": [{"y": "z"}, {"x": 1, "y": "w"}]}, "inners", [Inner(y="z"), Inner(x=1, y="w")]),
        ({"inner_by_name": {"k": {"y": "z"}}}, "inner_by_name", {"k": Inner(y="z")}),
        ({"flag": True}, "flag", True),
        ({"mode": "slow"}, "mode", "slow"),
        ({"names": ["p"]}, "names", ["p"]),
        ({"pet": {"cat": {"meows": 2}}}, "pet", Cat(meows=2)),
    ],
)
def test_config_becomes_fields(changes: dict[str, Any], name: str, expected: Any) -> None:
    """Each sort of field is read from config, or has its default."""
    assert getattr(load(Everything, {**BASE, **changes}), name) == expected


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"a": "1"}, "root:a"),
        ({"a": None}, "root:a"),
        ({"inner": {}}, "root:inner"),
        ({"inner": {"y": "s", "zz": 1}}, "root:inner"),
        ({"size": "s"}, "root:size"),
        ({"mode": "medium"}, "root:mode"),
        ({"numbers": ["x"]}, "root:numbers[0]"),
        ({"by_name": {"q": "x"}}, "root:by_name:'q':value"),
        ({"pet": {"cat": {}}}, "root:pet:cat"),
        ({"pet": {"fish": {}}}, "root:pet"),
        ({"pet": {"cat": {"meows": 1}, "dog": {}}}, "root:pet"),
        ({"inners": [{"y": 3}]}, "root:inners[0]:y"),
        ({"extra": 1}, "root"),
    ],
)
def test_config_that_does_not_fit_is_found(changes: dict[str, Any], path: str) -> None:
    """A wrong value is reported with its path before any object is made."""
    result = process_config(Everything.to_config_field(), {**BASE, **changes})

    assert [error.path for error in result.errors or ()] == [path]


def test_constraints_are_checked_when_the_object_is_made() -> None:
    """A value outside a field's bounds is pydantic's error."""
    with pytest.raises(ValidationError, match="greater than 0.5"):
        load(Everything, {**BASE, "ratio": 0.1})


def test_validators_run() -> None:
    """A class may check and change its values."""

    class Checked(Config):
        a: int

        @field_validator("a")
        @classmethod
        def doubled(cls, value: int) -> int:
            if value < 0:
                raise ValueError("negative")
            return value * 2

    assert load(Checked, {"a": 2}).a == 4
    with pytest.raises(ValidationError, match="negative"):
        load(Checked, {"a": -1})


def test_objects_cannot_be_changed() -> None:
    """Setting a field is an error that says so."""
    with pytest.raises(InvalidInvocationError, match="does not support item assignment"):
        Inner(y="s").x = 4


def test_objects_are_compared_by_value_and_survive_pickle() -> None:
    """Two objects with the same fields are equal, also after pickling."""
    assert Inner(y="s") == Inner(x=3, y="s")
    assert pickle.loads(pickle.dumps(Inner(y="s"))) == Inner(y="s")


def test_a_permissive_config_takes_more() -> None:
    """Entries that the class does not name are kept as attributes."""

    class Open(PermissiveConfig):
        a: int

    made = load(Open, {"a": 1, "z": {"q": 1}})

    assert (made.a, made.z) == (1, {"q": 1})
    assert Open(a=1, z=2)._as_config_value() == {"a": 1, "z": 2}


def test_an_alias_is_the_name_in_config() -> None:
    """A field with an alias is given under the alias."""

    class Aliased(Config):
        a: int = PydanticField(alias="given")

    assert load(Aliased, {"given": 1}).a == 1
    assert not process_config(Aliased.to_config_field(), {"a": 1}).success
    assert Aliased(given=1)._as_config_value() == {"given": 1}


def test_descriptions_and_defaults_are_in_the_schema() -> None:
    """The schema shows a field's description and default."""
    field = Everything.to_fields_dict()["ratio"]

    assert (field.description, field.default_value, field.is_required) == ("a ratio", 1.0, False)
    assert Everything.to_fields_dict()["size"].default_value == "SMALL"


def test_a_nested_default_lends_its_values() -> None:
    """A part of a nested config may be given and the rest comes from the default object."""

    class Outer(Config):
        inner: Inner = Inner(x=1, y="d")

    assert load(Outer, {"inner": {"x": 5}}).inner == Inner(x=5, y="d")
    assert load(Outer, {}).inner == Inner(x=1, y="d")


@pytest.mark.parametrize("annotation", [Union[int, str], tuple[int, str], object, bytes, set[int]])  # noqa: UP007
def test_a_field_that_cannot_be_config_is_refused(annotation: Any) -> None:
    """The error names the class and the field."""
    cls = type("Bad", (Config,), {"__annotations__": {"field": annotation}, "__module__": __name__})
    with pytest.raises(InvalidPythonicConfigDefinitionError, match="on field 'field'"):
        cls.to_config_field()


def test_a_choice_given_directly_is_one_choice() -> None:
    """In Python a choice is an object, or a dictionary with one key."""
    assert Everything(a=1, inner=Inner(y="s"), pet={"cat": {"meows": 1}}).pet == Cat(meows=1)  # type: ignore[arg-type]
    with pytest.raises(CheckError, match="exactly one key"):
        Everything(a=1, inner=Inner(y="s"), pet={"cat": {}, "dog": {}})  # type: ignore[arg-type]


def test_a_run_config_holds_objects() -> None:
    """RunConfig turns objects, enums and choices into plain config, and leaves out what is None."""
    config = RunConfig(
        ops={"o": Everything(a=1, inner=Inner(y="s"), pet=Cat(meows=1), size=Size.LARGE), "p": {"config": {"a": 1}}},
        resources={"r": {"config": {"z": 1}}},
        loggers={"console": {"config": {"log_level": "DEBUG"}}},
        execution={"config": {"in_process": {}}},
    ).to_config_dict()

    assert config["ops"]["p"] == {"config": {"a": 1}}
    assert config["resources"] == {"r": {"config": {"z": 1}}}
    assert config["loggers"] == {"console": {"config": {"log_level": "DEBUG"}}}
    assert config["execution"] == {"config": {"in_process": {}}}
    inner = config["ops"]["o"]["config"]
    assert inner["pet"] == {"cat": {"meows": 1}}
    assert inner["size"] == "LARGE"
    assert "optional" not in inner


def test_env_vars_stand_for_values(monkeypatch: pytest.MonkeyPatch) -> None:
    """An object may hold references to variables, which config keeps as references and resolving reads."""
    monkeypatch.setenv("CELLMILL_TEST_VALUE", "7")
    made = Simple(s=EnvVar("CELLMILL_TEST_VALUE"), n=EnvVar.int("CELLMILL_TEST_VALUE"))
    value = made._as_config_value()

    assert value == {"s": {"env": "CELLMILL_TEST_VALUE"}, "n": {"env": "CELLMILL_TEST_VALUE"}}
    assert load(Simple, value) == Simple(s="7", n=7)


def test_an_env_var_may_be_a_default(monkeypatch: pytest.MonkeyPatch) -> None:
    """A field's default may be a reference to a variable."""
    monkeypatch.setenv("CELLMILL_TEST_VALUE", "here")

    class WithDefault(Config):
        s: str = EnvVar("CELLMILL_TEST_VALUE")

    assert load(WithDefault, {}).s == "here"


@pytest.mark.parametrize(
    ("annotation", "config", "expected"),
    [
        (Simple, {"s": "x"}, Simple(s="x")),
        (int, 3, 3),
        (str, "x", "x"),
        (dict, {"a": 1}, {"a": 1}),
        (list[int], [1], [1]),
    ],
)
def test_a_config_parameter_is_what_its_annotation_says(annotation: Any, config: Any, expected: Any) -> None:
    """A parameter named config gets an object of its class, or the plain value."""
    value = process_config(field_of_annotation(annotation), config).value

    assert typed_config(annotation, value) == expected


def test_schemas_need_no_pydantic() -> None:
    """Declaring schemas, resources, types and run config loads no pydantic."""
    modules = [
        "config.field",
        "config.configurable",
        "resource",
        "resource_scope",
        "run_config",
        "types.resolve",
        "logger",
    ]
    code = ";".join(f"import cellmill.definitions.{name}" for name in modules)
    check = (
        f"{code};import sys;assert not [m for m in sys.modules if m.split('.')[0] in ('pydantic', 'pandas', 'yaml')]"
    )

    subprocess.run([sys.executable, "-c", check], check=True)
