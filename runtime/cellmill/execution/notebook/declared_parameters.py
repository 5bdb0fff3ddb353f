"""The parameters that a notebook declares, and texts and records of their values as values of their types.

A declaration is an assignment in the cell tagged "parameters"; its annotation is the type: `day: dt.date = …`.  It is
read, never executed here: of a type of the user's own a kernel is asked, in `parameter_types`.
"""

from __future__ import annotations

import ast
import base64
import datetime as dt
import decimal
import json
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from fractions import Fraction
from pathlib import Path
from typing import Any

from cellmill.errors import InvalidConfigError
from cellmill.execution.notebook.document import Node
from cellmill.execution.notebook.parameters import PARAMETERS_TAG, DeclaredValue, Secret, check_names, language_of

#: The key of a record that says which type its value has.
_TYPE = "cellmill/type"
_NONE = ("none", "null")


@dataclass(frozen=True, slots=True)
class DeclaredParameter:
    """A parameter as its notebook declares it."""

    name: str
    #: Text of the annotation; of a default that is a constant, the name of its type; empty where neither tells.
    annotation: str
    default: str

    @property
    def is_own_type(self) -> bool:
        """Whether the type is one that only the notebook knows, or holds such a one: an Enum, a model, a Literal."""
        if not self.annotation:
            return False
        try:
            nodes = list(ast.walk(ast.parse(self.annotation, mode="eval")))
        except SyntaxError:
            return False
        words = [node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "") for node in nodes]
        modules = {"dt", "datetime", "decimal", "fractions", "uuid", "pathlib", "typing"}
        unknown = set(filter(None, words)) - _READERS.keys() - {"Optional", "Any", "object"} - modules
        # of a collection only what JSON itself can hold is known here
        holds = "[" in self.annotation.removeprefix("Optional[")
        return bool(unknown) or (holds and bool(set(words) & (_READERS.keys() - _JSON_WORDS)))


def declared_parameters(notebook: Node) -> dict[str, DeclaredParameter]:
    """Return what the notebook's cell of parameters assigns, by name; nothing of a kernel that is not Python."""
    cells = (cell for cell in notebook["cells"] if PARAMETERS_TAG in cell["metadata"].get("tags", ()))
    cell = next(cells, None)
    if cell is None or language_of(notebook) != "python":
        return {}
    try:
        tree = ast.parse(cell["source"])
    except SyntaxError:
        return {}
    found = {}
    for node in tree.body:
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            default = ast.unparse(node.value) if node.value is not None else ""
            quoted = node.annotation.value if isinstance(node.annotation, ast.Constant) else None
            annotation = quoted if isinstance(quoted, str) else ast.unparse(node.annotation)
            found[node.target.id] = DeclaredParameter(node.target.id, annotation, default)
        elif isinstance(node, ast.Assign):
            kind = type(node.value.value).__name__ if isinstance(node.value, ast.Constant) else ""
            for target in node.targets:
                if isinstance(target, ast.Name):
                    # a default tells no more than that a text stays one: 1 may well become 1.5
                    annotation = kind if kind == "str" else ""
                    found[target.id] = DeclaredParameter(target.id, annotation, ast.unparse(node.value))
    return found


def typed_values(texts: Mapping[str, str], declared: Mapping[str, DeclaredParameter]) -> dict[str, Any]:
    """Return values for texts, by the types that the notebook declares.

    Args:
        texts: By parameter, the value as it was written.
        declared: The parameters of the notebook.

    Raises:
        InvalidParameterName: for a name that is no identifier.
        InvalidConfigError: for a text that is no value of its parameter's type.
    """
    check_names(texts)
    return {name: typed_value(name, text, declared.get(name)) for name, text in texts.items()}


def undeclared(names: Mapping[str, Any], declared: Mapping[str, DeclaredParameter]) -> list[str]:
    """Return what to say of names that the notebook does not declare, where it declares some."""
    unknown = [name for name in names if declared and name not in declared]
    said = []
    for name in unknown:
        near = get_close_matches(name, declared, 1)
        hint = f"Did you mean {near[0]!r}?" if near else f"It declares {', '.join(declared)}."
        said.append(f"The notebook declares no parameter {name!r}. {hint}")
    return said


def typed_value(name: str, text: str, declared: DeclaredParameter | None) -> Any:
    """Return the value that a text is for a parameter; without a known type JSON where it reads so, else the text."""
    annotation = declared.annotation if declared is not None else ""
    parts = [part.strip() for part in annotation.removeprefix("Optional[").removesuffix("]").split("|")]
    optional = len(parts) > 1 and "None" in parts or annotation.startswith("Optional[")
    word = parts[0].partition("[")[0].rpartition(".")[2]
    if optional and text.strip().lower() in _NONE:
        return None
    read = _READERS.get(word)
    if read is None:
        return json_or_text(text)
    try:
        return read(text)
    except (ValueError, ArithmeticError):
        raise InvalidConfigError(
            f"Parameter {name!r} is a {annotation}, and {text!r} is none. It is written like {_EXAMPLES[word]}."
        ) from None


def json_or_text(text: str) -> Any:
    lowered = text.strip().lower()
    if lowered in ("true", "false"):
        return lowered == "true"
    if lowered in _NONE:
        return None
    try:
        return json.loads(text)
    except ValueError:
        return text


def _bool(text: str) -> bool:
    word = text.strip().lower()
    if word not in ("true", "false", "yes", "no", "1", "0"):
        raise ValueError(text)
    return word in ("true", "yes", "1")


def _collected(kind: Callable[[Any], Any], shape: type) -> Callable[[str], Any]:
    def read(text: str) -> Any:
        value = json.loads(text)
        if not isinstance(value, shape):
            raise ValueError(text)
        return kind(value)

    return read


def _duration(text: str) -> dt.timedelta:
    return dt.timedelta(seconds=float(text))


_READERS: Mapping[str, Callable[[str], Any]] = {
    "str": str,
    "int": int,
    "float": float,
    "bool": _bool,
    "date": dt.date.fromisoformat,
    "datetime": dt.datetime.fromisoformat,
    "time": dt.time.fromisoformat,
    "timedelta": _duration,
    "Decimal": decimal.Decimal,
    "Fraction": Fraction,
    "UUID": uuid.UUID,
    "Path": Path,
    "bytes": lambda text: base64.b64decode(text, validate=True),
    "complex": complex,
    "list": _collected(list, list),
    "tuple": _collected(tuple, list),
    "set": _collected(set, list),
    "dict": _collected(dict, dict),
}
#: Types whose values stay what they are in JSON, and the collections of them.
_JSON_WORDS = frozenset({"str", "int", "float", "bool", "list", "tuple", "set", "dict"})
_EXAMPLES = {
    "int": "7",
    "float": "0.5",
    "bool": "true",
    "date": "2024-02-29",
    "datetime": "2024-02-29T06:00:00+00:00",
    "time": "06:00",
    "timedelta": "90 (seconds)",
    "Decimal": "1.10",
    "Fraction": "1/3",
    "UUID": "00000000-0000-0000-0000-000000000007",
    "bytes": "AP8= (base64)",
    "complex": "1+2j",
    "list": "[1, 2]",
    "tuple": "[1, 2]",
    "set": "[1, 2]",
    "dict": '{"a": 1}',
}


def recorded(values: Mapping[str, Any]) -> str:
    """Return parameters as the JSON that a run's record keeps: secrets by name, other types with the type's name."""
    return json.dumps({name: _record(value) for name, value in values.items()}, sort_keys=True)


def parameters_of(text: str) -> dict[str, Any]:
    """Return the parameters that a run's record keeps."""
    return {name: _value(value) for name, value in json.loads(text).items()}


def _record(value: Any) -> Any:
    if isinstance(value, Secret):
        return {_TYPE: "Secret", "value": value.variable}
    if isinstance(value, DeclaredValue):
        return {_TYPE: "declared", "annotation": value.annotation, "form": value.form, "value": value.text}
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, list):
        return [_record(item) for item in value]
    if isinstance(value, dict):
        return {key: _record(item) for key, item in value.items()}
    if isinstance(value, tuple | set):
        return {_TYPE: type(value).__name__, "value": json.dumps([_record(item) for item in value])}
    if isinstance(value, bytes):
        return {_TYPE: "bytes", "value": base64.b64encode(value).decode()}
    if isinstance(value, dt.timedelta):
        return {_TYPE: "timedelta", "value": repr(value.total_seconds())}
    if isinstance(value, dt.date | dt.time):
        return {_TYPE: type(value).__name__, "value": value.isoformat()}
    word = "Path" if isinstance(value, Path) else type(value).__name__
    return {_TYPE: word, "value": str(value)}


def _value(record: Any) -> Any:
    if isinstance(record, list):
        return [_value(item) for item in record]
    if not isinstance(record, dict):
        return record
    word = str(record.get(_TYPE, ""))
    if word == "Secret":
        return Secret(record["value"])
    if word == "declared":
        return DeclaredValue(record["annotation"], record["form"], record["value"])
    if word in ("tuple", "set"):
        items = [_value(item) for item in json.loads(record["value"])]
        return tuple(items) if word == "tuple" else set(items)
    if word in _READERS:
        return _READERS[word](record["value"])
    return {key: _value(item) for key, item in record.items()}
