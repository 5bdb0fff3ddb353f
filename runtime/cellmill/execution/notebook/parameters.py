"""Parameters of a notebook: names checked, values typed, secrets by reference only.

A parameter becomes source text in the cell that is injected, as papermill does it, so its *name* is code: one that is
no identifier is
refused before anything starts.  Values keep their type; a value that has no source form is refused by name.
"""

from __future__ import annotations

import datetime as dt
import decimal
import keyword
import math
import os
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from fractions import Fraction
from pathlib import PurePath
from typing import Any

from cellmill.errors import DefinitionError, SecurityError
from cellmill.execution.notebook.document import Node
from cellmill.execution.notebook.imports import without_slow_grammars
from cellmill.redaction import learn

#: The tag of the cell that holds defaults, and of the cell that is injected behind it.
PARAMETERS_TAG = "parameters"
INJECTED_TAG = "injected-parameters"

_MASK = "••••••"
#: Shorter secrets are not masked: they would blank out ordinary text.
_SHORTEST_MASKED = 4
_ENVIRONMENT_PREFIX = "CELLMILL_SECRET_"


class InvalidParameterName(SecurityError):
    """A parameter's name would be pasted into the notebook as code; use a plain identifier."""

    def __init__(self, name: str) -> None:
        self.name = name
        super().__init__(
            f"{name!r} is no name for a parameter: use letters, digits and underscores, and no Python keyword."
        )

    def __reduce__(self) -> tuple[type[InvalidParameterName], tuple[str]]:
        return type(self), (self.name,)


class UnsupportedParameter(DefinitionError):
    """A parameter's value cannot be written into a notebook; pass it as an input, through an IO manager."""

    def __init__(self, name: str, kind: str) -> None:
        self.name = name
        self.kind = kind
        super().__init__(
            f"Parameter {name!r} is a {kind}, which has no form as source text. Parameters are JSON values, dates "
            "and times, Decimal, "
            "Fraction, UUID, Path, Enum members, bytes, tuples, sets, complex numbers, pydantic models and Secret; "
            "pass other objects as "
            "an input of the notebook."
        )

    def __reduce__(self) -> tuple[type[UnsupportedParameter], tuple[str, str]]:
        return type(self), (self.name, self.kind)


class MissingSecret(SecurityError):
    """A secret is not set where the run works; set the environment variable that the message names."""

    def __init__(self, variable: str) -> None:
        self.variable = variable
        super().__init__(
            f"The environment variable {variable!r}, which holds a secret of this run, is not set for its worker."
        )

    def __reduce__(self) -> tuple[type[MissingSecret], tuple[str]]:
        return type(self), (self.variable,)


@dataclass(frozen=True, slots=True)
class Secret:
    """A value known by the name of the environment variable that holds it.

    The run's worker looks it up; nothing stores it.

    Args:
        variable: Name of the variable.
    """

    variable: str

    def resolve(self, environment: Mapping[str, str] | None = None) -> str:
        """Return the value.

        Args:
            environment: The variables by name; None takes those of this process.

        Raises:
            MissingSecret: where the variable is not set.
        """
        value = (os.environ if environment is None else environment).get(self.variable)
        learn(value)
        if value is None:
            raise MissingSecret(self.variable)
        return value


@dataclass(frozen=True, slots=True)
class StoredValue:
    """A value that has no form as source text: it lies in a file of the run, which the kernel reads."""

    path: str
    kind: str


@dataclass(frozen=True, slots=True)
class DeclaredValue:
    """A value of a type that only the notebook knows, as text that the notebook turns into it."""

    #: The type, as the notebook writes it.
    annotation: str
    #: "member": the text is the name of a member; "json": pydantic validates it as JSON.
    form: str
    text: str

    def expression(self) -> str:
        """Return its source, for a cell behind the one that declares the parameter."""
        if self.form == "member":
            return f"{self.annotation}[{_text(self.text)}]"
        return f'__import__("pydantic").TypeAdapter({self.annotation}).validate_json({_text(self.text)})'


def check_names(parameters: Mapping[str, Any]) -> None:
    """Refuse every name that is not a plain identifier.

    Args:
        parameters: The parameters by name.

    Raises:
        InvalidParameterName: for the first such name.
    """
    for name in parameters:
        if not isinstance(name, str) or not name.isidentifier() or not name.isascii() or keyword.iskeyword(name):
            raise InvalidParameterName(str(name))


def python_source(parameters: Mapping[str, Any], comment: str = "Parameters") -> str:
    """Return the source of the injected cell: papermill's text for JSON values, an expression of the same type for
    others.
    """
    check_names(parameters)
    lines = [f"# {comment}".strip()]
    lines += [f"{name} = {_expression(name, value)}" for name, value in parameters.items()]
    return "\n".join(lines) + "\n"


def stored_form(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters as JSON for the notebook's metadata: secrets by name, other types as the text of their
    value.
    """
    return {name: _json(value) for name, value in parameters.items()}


def secret_environment(parameters: Mapping[str, Any]) -> dict[str, str]:
    """Return the environment that hands the secrets among parameters to a kernel.

    Args:
        parameters: The parameters by name.

    Raises:
        MissingSecret: where a variable is not set.
    """
    return {
        _ENVIRONMENT_PREFIX + name: value.resolve() for name, value in parameters.items() if isinstance(value, Secret)
    }


def inject(
    notebook: Node, parameters: Mapping[str, Any], *, report_mode: bool = False, comment: str = "Parameters"
) -> Node:
    """Return `notebook` with the injected cell where papermill puts it, and hidden input in report mode."""
    language = language_of(notebook)
    source = (
        python_source(parameters, comment) if language == "python" else _foreign_source(notebook, parameters, comment)
    )
    cell: Node = {
        "cell_type": "code",
        "source": source,
        "metadata": {"tags": [INJECTED_TAG]},
        "outputs": [],
        "execution_count": None,
        "id": uuid.uuid4().hex[:8],
    }
    if report_mode:
        cell["metadata"]["jupyter"] = {"source_hidden": True}
    cells = notebook["cells"]
    injected = _first_tagged(cells, INJECTED_TAG)
    declared = _first_tagged(cells, PARAMETERS_TAG)
    if injected is not None:
        cells = [*cells[:injected], cell, *cells[injected + 1 :]]
    elif declared is not None:
        cells = [*cells[: declared + 1], cell, *cells[declared + 1 :]]
    else:
        cells = [cell, *cells]
    papermill = {**notebook["metadata"].get("papermill", {}), "parameters": stored_form(parameters)}
    return {**notebook, "cells": cells, "metadata": {**notebook["metadata"], "papermill": papermill}}


def language_of(notebook: Node) -> str:
    """Return the language of a notebook's kernel; Python when the notebook does not say."""
    metadata = notebook["metadata"]
    name = (metadata.get("language_info") or {}).get("name") or (metadata.get("kernelspec") or {}).get("language")
    return str(name or "python").lower()


def masker(secrets: Mapping[str, str]) -> Mapping[str, str]:
    """Return what to replace by what, so that no secret value stays in text that is stored."""
    return {value: _MASK for value in secrets.values() if len(value) >= _SHORTEST_MASKED}


def _foreign_source(notebook: Node, parameters: Mapping[str, Any], comment: str) -> str:
    check_names(parameters)
    for name, value in parameters.items():
        if isinstance(value, Secret | StoredValue):
            raise UnsupportedParameter(name, f"{type(value).__name__}, and the kernel is not Python,")
    with without_slow_grammars():
        # papermill takes most of a second, for parameters of other languages than Python
        from papermill.translators import translate_parameters
    kernel = (notebook["metadata"].get("kernelspec") or {}).get("name")
    return str(translate_parameters(kernel, language_of(notebook), stored_form(parameters), comment))


def _first_tagged(cells: list[Node], tag: str) -> int | None:
    return next((index for index, cell in enumerate(cells) if tag in cell["metadata"].get("tags", ())), None)


def _expression(name: str, value: Any) -> str:
    if isinstance(value, Secret):
        return f'__import__("os").environ.pop("{_ENVIRONMENT_PREFIX}{name}")'
    if isinstance(value, StoredValue):
        return f'__import__("pickle").loads(__import__("pathlib").Path({_text(value.path)}).read_bytes())'
    if isinstance(value, DeclaredValue):
        return value.expression()
    if value is None or isinstance(value, (bool, int)) and not isinstance(value, Enum):
        return repr(value)
    if type(value) is str:
        return _text(value)
    if isinstance(value, float) and not isinstance(value, Enum):
        return _float(value)
    return _typed(name, value)


def _typed(name: str, value: Any) -> str:
    if isinstance(value, Enum):
        return f"{_imported(type(value))}[{_text(value.name)}]"
    if isinstance(value, dict):
        return (
            "{" + ", ".join(f"{_expression(name, key)}: {_expression(name, item)}" for key, item in value.items()) + "}"
        )
    if isinstance(value, (list, tuple, set, frozenset)):
        return _sequence(value, list(_items(name, value)))
    if isinstance(value, (bytes, bytearray, complex)):
        return repr(value)
    if isinstance(value, (dt.date, dt.time)):
        return _instant(value)
    if isinstance(value, dt.timedelta):
        parts = f"days={value.days}, seconds={value.seconds}, microseconds={value.microseconds}"
        return f'__import__("datetime").timedelta({parts})'
    if isinstance(value, (decimal.Decimal, Fraction, uuid.UUID, PurePath)):
        kind = type(value)
        module = "pathlib" if isinstance(value, PurePath) else kind.__module__
        constructor = "Path" if isinstance(value, PurePath) else kind.__qualname__
        return f'__import__("{module}").{constructor}({_text(str(value))})'
    if hasattr(type(value), "model_validate_json") and hasattr(value, "model_dump_json"):
        return f"{_imported(type(value))}.model_validate_json({_text(value.model_dump_json())})"
    if isinstance(value, str):
        return _text(str(value))
    raise UnsupportedParameter(name, type(value).__qualname__)


def _items(name: str, values: Any) -> Iterator[str]:
    ordered = sorted(values, key=repr) if isinstance(values, (set, frozenset)) else values
    return (_expression(name, item) for item in ordered)


def _sequence(value: object, items: list[str]) -> str:
    joined = ", ".join(items)
    if isinstance(value, list):
        return f"[{joined}]"
    if isinstance(value, tuple):
        return f"({joined},)" if len(items) == 1 else f"({joined})"
    if isinstance(value, frozenset):
        return f"frozenset([{joined}])"
    return f"{{{joined}}}" if items else "set()"


def _instant(value: dt.date | dt.time) -> str:
    kind = "datetime" if isinstance(value, dt.datetime) else "date" if isinstance(value, dt.date) else "time"
    made = f'__import__("datetime").{kind}.fromisoformat'
    if isinstance(value, dt.datetime | dt.time):
        key = getattr(value.tzinfo, "key", None)
        if key is not None:
            fold = ", fold=1" if value.fold else ""
            naive = value.replace(tzinfo=None).isoformat()
            return f'{made}({_text(naive)}).replace(tzinfo=__import__("zoneinfo").ZoneInfo({_text(key)}){fold})'
    return f"{made}({_text(value.isoformat())})"


def _imported(kind: type) -> str:
    return f'__import__("importlib").import_module({_text(kind.__module__)}).{kind.__qualname__}'


def _text(value: str) -> str:
    escaped = value.encode("unicode_escape").decode().replace('"', r"\"")
    return f'"{escaped}"'


def _float(value: float) -> str:
    if math.isfinite(value):
        return repr(value)
    return "float('nan')" if math.isnan(value) else "float('-inf')" if value < 0 else "float('inf')"


def _json(value: Any) -> Any:
    if isinstance(value, Secret):
        return f"secret {value.variable}"
    if isinstance(value, StoredValue):
        return f"{value.kind} in {value.path}"
    if isinstance(value, DeclaredValue):
        return value.text
    if isinstance(value, Enum):
        return value.name
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else repr(value)
    if isinstance(value, Mapping):
        return {str(key): _json(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_json(item) for item in value]
    if hasattr(value, "model_dump"):
        return value.model_dump(mode="json")
    if isinstance(value, (dt.date, dt.time)):
        return value.isoformat()
    return repr(value) if isinstance(value, (bytes, bytearray)) else str(value)
