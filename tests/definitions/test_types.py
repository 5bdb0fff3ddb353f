"""Types: what annotations stand for, how values are checked, and what loaders make of config."""

from __future__ import annotations

import json
import pathlib
import pickle
import typing
from typing import Any

import pytest
from cellmill.definitions.config.process import process_config
from cellmill.definitions.metadata import IntMetadataValue
from cellmill.definitions.outcome import TypeCheck
from cellmill.definitions.types.loader import TypeLoader, type_loader
from cellmill.definitions.types.resolve import (
    Dict,
    List,
    Nothing,
    Optional,
    Set,
    Tuple,
    check_type,
    is_supported_annotation,
    make_python_type_usable_as,
    resolve_type,
    usable_as_type,
)
from cellmill.definitions.types.runtime_type import PythonObjectType, Type
from cellmill.errors import (
    CheckError,
    InvalidDefinitionError,
    InvalidMetadataError,
    InvariantViolationError,
    ParameterCheckError,
)


class Foo:
    """A class without a type of its own."""


@pytest.mark.parametrize(
    ("annotation", "name"),
    [
        (int, "Int"),
        (str, "String"),
        (float, "Float"),
        (bool, "Bool"),
        (Any, "Any"),
        (None, "Any"),
        (type(None), "Nothing"),
        (Nothing, "Nothing"),
        (list, "[Any]"),
        (dict, "dict"),
        (set, "set"),
        (tuple, "tuple"),
        (typing.List, "[Any]"),  # noqa: UP006
        (typing.List[int], "[Int]"),  # noqa: UP006
        (list[int], "[Int]"),
        (typing.Dict[str, int], "Dict[String,Int]"),  # noqa: UP006
        (dict[str, int], "Dict[String,Int]"),
        (set[int], "Set[Int]"),
        (tuple[int, str], "Tuple[Int,String]"),
        (typing.Optional[int], "Int?"),  # noqa: UP045
        (int | None, "Int?"),
        (list[int | None], "[Int?]"),
        (typing.Sequence[int], "[Int]"),
        (typing.Mapping[str, int], "Dict[String,Int]"),
        (Foo, "Foo"),
        (object, "object"),
        (List, "[Any]"),
        (List[int], "[Int]"),
        (List[List[int]], "[[Int]]"),
        (Dict, "dict"),
        (Dict[str, int], "Dict[String,Int]"),
        (Set[int], "Set[Int]"),
        (Tuple[int, str], "Tuple[Int,String]"),
        (Optional[int], "Int?"),
    ],
)
def test_annotations_stand_for_types(annotation: Any, name: str) -> None:
    """Python types, typing forms and our own builders name types."""
    assert resolve_type(annotation).display_name == name
    assert is_supported_annotation(annotation)


@pytest.mark.parametrize(
    "annotation",
    [
        typing.Union[int, str],  # noqa: UP007
        int | str,
        int | str | None,
        typing.Callable,
        typing.Literal["a"],
        typing.Iterator[int],
        typing.Annotated[int, "x"],
        tuple[int, ...],
        frozenset[int],
        type[int],
        "int",
        3,
    ],
)
def test_what_stands_for_no_type_is_refused(annotation: Any) -> None:
    """An annotation that cannot be checked at run time is an error."""
    assert not is_supported_annotation(annotation)
    with pytest.raises(InvalidDefinitionError, match="Invalid type"):
        resolve_type(annotation)


@pytest.mark.parametrize(
    ("annotation", "value"),
    [
        (int, 1),
        (int, True),
        (str, "x"),
        (float, 1.0),
        (bool, False),
        (Any, None),
        (Any, object()),
        (Nothing, None),
        (list, [1, "x"]),
        (list[int], [1]),
        (list[int], []),
        (dict, {}),
        (dict[str, int], {"a": 1}),
        (set[int], {1}),
        (tuple, (1, "a")),
        (tuple[int, str], (1, "a")),
        (int | None, None),
        (int | None, 1),
        (List[Optional[int]], [None, 1]),
        (Foo, Foo()),
    ],
)
def test_values_of_a_type_pass(annotation: Any, value: Any) -> None:
    """A value of the type passes its check."""
    assert check_type(annotation, value).success


@pytest.mark.parametrize(
    ("annotation", "value", "message"),
    [
        (int, "x", 'Value "x" of python type "str" must be a int.'),
        (int, None, 'Value "None" of python type "NoneType" must be a int.'),
        (float, 1, 'Value "1" of python type "int" must be a float.'),
        (str, 1, "must be a string"),
        (bool, 1, "must be a bool"),
        (Nothing, 1, "Value must be None or unset"),
        (list[int], [1, "x"], 'Value "x"'),
        (list[int], (1,), "must be a list"),
        (dict, [], "expected value to be of Python type dict"),
        (dict[str, int], {"a": "1"}, 'Value "1" of python type "str"'),
        (dict[str, int], {1: 1}, "must be a string"),
        (dict[str, int], 3, "should be a dict"),
        (set[int], {"a"}, "must be a int"),
        (set[int], [1], "should be a set"),
        (tuple[int, str], (1,), "requires 2 entries, received 1"),
        (tuple[int, str], (1, 2), "must be a string"),
        (tuple[int, str], [1], "should be a tuple"),
        (tuple, [1], "expected value to be of Python type tuple"),
        (int | None, "x", "must be a int"),
        (Foo, 1, "failed type check for type Foo"),
        (list[list[int]], [[1], ["a"]], 'Value "a"'),
    ],
)
def test_other_values_do_not_pass_and_the_check_says_why(annotation: Any, value: Any, message: str) -> None:
    """A value of another type fails with a description of value and type."""
    check = check_type(annotation, value)

    assert not check.success
    assert message in str(check.description)


def test_a_check_function_may_answer_with_a_type_check() -> None:
    """A TypeCheck carries a description and metadata."""
    kind = Type(
        name="K", type_check_fn=lambda _, value: TypeCheck(value > 0, description="not positive", metadata={"n": value})
    )
    check = check_type(kind, -1)

    assert (check.success, check.description, check.metadata) == (False, "not positive", {"n": IntMetadataValue(-1)})
    assert check_type(kind, 1).success


@pytest.mark.parametrize("answer", ["yes", None, 1, []])
def test_a_check_function_must_answer_with_a_bool_or_a_type_check(answer: Any) -> None:
    """Any other answer is an error that names the type."""
    with pytest.raises(InvariantViolationError, match='from the type check function of type "K"'):
        check_type(Type(name="K", type_check_fn=lambda _, __: answer), 1)


def test_an_error_in_a_check_function_comes_through() -> None:
    """What the check function raises is not hidden."""
    with pytest.raises(ZeroDivisionError):
        check_type(Type(name="K", type_check_fn=lambda _, __: bool(1 / 0)), 1)


@pytest.mark.parametrize(
    ("make", "error"),
    [
        (lambda: Type(type_check_fn=lambda _, __: True), CheckError),
        (lambda: Type(name="x", type_check_fn=3), ParameterCheckError),
        (lambda: Type(name="x", type_check_fn=lambda: True), InvalidDefinitionError),
        (lambda: Type(name="x", type_check_fn=lambda _: True), InvalidDefinitionError),
        (lambda: Type(name="x", type_check_fn=lambda _, __: True, loader=3), ParameterCheckError),
        (lambda: Type(name="x", type_check_fn=lambda _, __: True, metadata={"a": object()}), InvalidMetadataError),
        (lambda: PythonObjectType(3), ParameterCheckError),
        (lambda: TypeCheck(1), CheckError),
        (lambda: List[3], InvalidDefinitionError),
        (lambda: Dict[3], InvalidDefinitionError),
        (lambda: List[Nothing], InvalidDefinitionError),
        (lambda: Optional[Nothing], InvalidDefinitionError),
        (lambda: make_python_type_usable_as(3, resolve_type(int)), ParameterCheckError),
        (lambda: make_python_type_usable_as(Foo, 3), ParameterCheckError),
    ],
)
def test_wrong_declarations_are_refused(make: Any, error: type[Exception]) -> None:
    """A type that cannot work is an error where it is declared."""
    with pytest.raises(error):
        make()


def test_a_type_has_name_key_and_metadata() -> None:
    """A type shows its name; a key alone serves as the name."""
    kind = Type(name="K", key="k", type_check_fn=lambda _, __: True, description="d", metadata={"a": 1})

    assert (kind.display_name, kind.key, kind.unique_name, kind.description) == ("K", "k", "K", "d")
    assert kind.metadata == {"a": IntMetadataValue(1)}
    assert Type(key="k", type_check_fn=lambda _, __: True).display_name == "k"


def test_several_classes_in_one_type() -> None:
    """A type may be the instances of any of several classes."""
    kind = PythonObjectType((int, str))

    assert kind.display_name == "Union[int, str]"
    assert check_type(kind, "x").success
    assert not check_type(kind, 1.5).success


def test_a_class_is_made_usable_by_decoration() -> None:
    """Annotations with a decorated class stand for a type with its name and description."""

    @usable_as_type(name="Named", description="a class")
    class Decorated:
        pass

    @usable_as_type
    class Bare:
        pass

    assert resolve_type(Decorated).display_name == "Named"
    assert resolve_type(Decorated).description == "a class"
    assert resolve_type(Bare).display_name == "Bare"
    assert check_type(Decorated, Decorated()).success


def test_a_class_is_registered_once() -> None:
    """A class stands for one type; registering another is an error."""

    class Even(int):
        pass

    kind = Type(name="Even", type_check_fn=lambda _, value: value % 2 == 0)
    make_python_type_usable_as(Even, kind)

    assert resolve_type(Even) is kind
    make_python_type_usable_as(Even, kind)
    with pytest.raises(InvalidDefinitionError, match="already been registered"):
        make_python_type_usable_as(Even, Type(name="Other", type_check_fn=lambda _, __: True))


def test_inner_types_and_fan_in() -> None:
    """Containers tell what they hold; lists and Any take several upstream outputs."""
    kind = resolve_type(list[dict[str, int]])

    assert [inner.display_name for inner in kind.inner_types] == ["Dict[String,Int]", "String", "Int"]
    assert kind.supports_fan_in
    assert kind.get_inner_type_for_fan_in().display_name == "Dict[String,Int]"
    assert resolve_type(Any).supports_fan_in
    assert not resolve_type(int).supports_fan_in
    with pytest.raises(CheckError):
        resolve_type(int).get_inner_type_for_fan_in()


def load(annotation: Any, config: Any) -> Any:
    """The value that a type's loader makes of config."""
    loader = resolve_type(annotation).loader
    assert loader is not None
    result = process_config(loader.schema_type, config)
    assert result.success, result.errors
    return loader.construct_from_config_value(None, result.value)


@pytest.mark.parametrize(
    ("annotation", "config", "expected"),
    [
        (int, 1, 1),
        (int, {"value": 2}, 2),
        (str, "x", "x"),
        (float, 1, 1.0),
        (Any, {"value": [1]}, [1]),
        (list[int], [1, {"value": 2}], [1, 2]),
        (dict, {"a": 1}, {"a": 1}),
        (dict[str, int], {"a": {"value": 1}}, {"a": 1}),
        (set[int], [1, 1], {1}),
        (tuple[int, str], [1, "a"], (1, "a")),
        (int | None, None, None),
        (int | None, 3, 3),
    ],
)
def test_values_are_loaded_from_config(annotation: Any, config: Any, expected: Any) -> None:
    """Types of plain data come with loaders."""
    assert load(annotation, config) == expected


def test_values_are_loaded_from_files(tmp_path: pathlib.Path) -> None:
    """A value may be read from a JSON or pickle file that config names."""
    (tmp_path / "v.json").write_text(json.dumps({"value": 3}))
    (tmp_path / "v.pkl").write_bytes(pickle.dumps([4]))

    assert load(int, {"json": {"path": str(tmp_path / "v.json")}}) == 3
    assert load(Any, {"pickle": {"path": str(tmp_path / "v.pkl")}}) == [4]


def test_a_class_has_no_loader_of_its_own() -> None:
    """Objects cannot be made from config unless a loader says how."""
    assert resolve_type(Foo).loader is None
    assert resolve_type(Nothing).loader is None


def test_a_loader_is_a_decorated_function() -> None:
    """A function of context and config makes values of a type."""

    @type_loader(config_schema={"a": int}, required_resource_keys={"r"})
    def from_a(context: Any, config: Any) -> int:
        """From a."""
        return int(config["a"])

    assert isinstance(from_a, TypeLoader)
    assert from_a.required_resource_keys() == {"r"}
    kind = Type(name="K", type_check_fn=lambda _, value: isinstance(value, int), loader=from_a)
    assert load(kind, {"a": 3}) == 3


def test_a_loader_takes_context_and_config() -> None:
    """A function with fewer parameters is refused where it is decorated."""
    with pytest.raises(InvalidDefinitionError, match="takes"):
        type_loader(config_schema=int)(lambda context: 1)  # type: ignore[arg-type, misc]
