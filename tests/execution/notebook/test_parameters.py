"""Parameters keep their type, hostile names are refused, secrets leave no trace."""

from __future__ import annotations

import datetime as dt
import decimal
import enum
import fractions
import math
import uuid
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from cellmill.execution.notebook.notebook_step import NotebookStepRequest, run_notebook_step
from cellmill.execution.notebook.parameters import (
    InvalidParameterName,
    MissingSecret,
    Secret,
    UnsupportedParameter,
    python_source,
)
from hypothesis import given
from hypothesis import strategies as st

from .conftest import MakeNotebook


class Colour(enum.Enum):
    """A parameter's type that lives in a module."""

    RED = 1


TYPED = {
    "date": dt.date(2024, 2, 29),
    "time": dt.time(1, 2, 3, 4),
    "naive": dt.datetime(2024, 1, 1, 12),
    "aware": dt.datetime(2024, 10, 27, 2, 30, tzinfo=ZoneInfo("Europe/Berlin"), fold=1),
    "utc": dt.datetime(2024, 1, 1, tzinfo=dt.UTC),
    "delta": dt.timedelta(days=-1, microseconds=5),
    "decimal": decimal.Decimal("1.10"),
    "fraction": fractions.Fraction(1, 3),
    "uuid": uuid.UUID(int=7),
    "path": Path("a b/c"),
    "colour": Colour.RED,
    "bytes": b"\x00\xff'",
    "pair": (1, "x"),
    "single": (1,),
    "set": {1, 2},
    "empty_set": set(),
    "frozen": frozenset(["a"]),
    "complex": 1 + 2j,
    "keys": {1: "a", (2, 3): None},
    "infinite": -math.inf,
}
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=12,
)


def _evaluated(parameters: dict[str, Any]) -> dict[str, Any]:
    names: dict[str, Any] = {}
    exec(python_source(parameters), names)
    del names["__builtins__"]
    return names


@pytest.mark.parametrize("name", TYPED)
def test_typed_values_arrive_as_they_were(name: str) -> None:
    """The source text of a value evaluates to an equal value of the same type."""
    value = TYPED[name]

    result = _evaluated({"p": value})["p"]

    assert result == value
    assert type(result) is type(value)
    assert getattr(result, "fold", 0) == getattr(value, "fold", 0)


@given(_JSON)
def test_any_json_value_arrives_as_it_was(value: Any) -> None:
    """Every JSON value round-trips, whatever quotes, escapes and surrogate-free text it holds."""
    assert _evaluated({"p": value})["p"] == value


@pytest.mark.parametrize(
    "name", ["x=1;y", "a b", "class", "1x", "", "x\ny", "x.y", "ｘ", "x'", "__import__('os')", "x[0]", "None"]
)
def test_names_that_are_no_identifiers_are_refused(name: str) -> None:
    """A name becomes source text, so it must be one plain identifier."""
    with pytest.raises(InvalidParameterName):
        python_source({name: 1})


def test_a_value_without_a_source_form_is_refused_by_name() -> None:
    """The error names the parameter and its type."""
    with pytest.raises(UnsupportedParameter, match=r"'handle'.*object"):
        python_source({"handle": object()})


def test_a_secret_reaches_the_kernel_and_stays_out_of_every_file(
    make_notebook: MakeNotebook, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The value works in the kernel; outputs, tracebacks, journal, notebook and metadata never hold it."""
    secret = f"hunter2-{uuid.uuid4()}"
    monkeypatch.setenv("THE_PASSWORD", secret)
    notebook = make_notebook(
        "import os\nprint(password, len(password))",
        f"assert password.endswith({secret[-4:]!r})\npassword",
        "raise ValueError(password)",
    )

    outcome = run_notebook_step(
        NotebookStepRequest(
            path=notebook, artifacts=tmp_path / "artifacts", parameters={"password": Secret("THE_PASSWORD")}, warm=False
        )
    )

    assert outcome.result.cells[2].end == "succeeded"
    for file in (tmp_path / "artifacts").iterdir():
        assert secret not in file.read_text()
    assert secret not in repr(outcome)


def test_a_secret_that_is_not_set_names_its_variable(make_notebook: MakeNotebook, tmp_path: Path) -> None:
    """Nothing starts when a secret is missing."""
    with pytest.raises(MissingSecret, match="NO_SUCH_SECRET"):
        run_notebook_step(
            NotebookStepRequest(
                path=make_notebook("1"), artifacts=tmp_path, parameters={"p": Secret("NO_SUCH_SECRET")}, warm=False
            )
        )
