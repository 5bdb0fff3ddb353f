"""Parameters of a notebook's own types: checked before anything starts, and the same on arrival."""

from __future__ import annotations

import datetime as dt
import enum
from typing import Any, Literal  # noqa: F401 (a type that annotations name)

import pydantic
import pytest
from cellmill import Out, job, notebook_op
from cellmill.errors import InvalidConfigError
from cellmill.execution.notebook.declared_parameters import declared_parameters, parameters_of, recorded
from cellmill.execution.notebook.document import read_notebook
from cellmill.execution.notebook.parameter_judge import judge
from cellmill.execution.notebook.parameter_types import typed_config
from cellmill.execution.notebook.parameters import python_source

from .conftest import MakeNotebook, notebook_of

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]


class Colour(enum.Enum):
    """A type of a notebook."""

    RED = 1
    GREEN = "green"


class Order(pydantic.BaseModel):
    """Another."""

    amount: pydantic.PositiveInt
    colour: Colour = Colour.RED


#: By annotation: what was written, and the value that it is.
GOOD: list[tuple[str, Any, Any]] = [
    ("Colour", "RED", Colour.RED),
    ("Colour", "green", Colour.GREEN),
    ("Colour", "1", Colour.RED),
    ("Colour", 1, Colour.RED),
    ("Colour | None", "GREEN", Colour.GREEN),
    ("Colour | None", "none", None),
    ("Colour | None", None, None),
    ("Order", '{"amount": 3}', Order(amount=3)),
    ("Order", {"amount": 3, "colour": "green"}, Order(amount=3, colour=Colour.GREEN)),
    ("list[dt.date]", '["2024-02-29"]', [dt.date(2024, 2, 29)]),
    ("list[Colour]", '["green"]', [Colour.GREEN]),
    ("Literal['a', 'b']", "b", "b"),
    ("Literal['7']", "7", "7"),
    ("Literal[7]", "7", 7),
]


@pytest.mark.parametrize(("annotation", "written", "value"), GOOD)
def test_a_value_arrives_as_it_was_meant(annotation: str, written: Any, value: Any) -> None:
    """What the kernel says survives the run's record, and its source is the value, of its type."""
    from cellmill.execution.notebook.parameters import DeclaredValue

    (answer,) = judge([("p", annotation, written)], globals())
    found = None if answer["form"] == "none" else DeclaredValue(annotation, answer["form"], answer["text"])
    names: dict[str, Any] = dict(globals())
    exec(python_source(parameters_of(recorded({"p": found}))), names)

    assert names["p"] == value
    assert type(names["p"]) is type(value)


@pytest.mark.parametrize(
    ("annotation", "written", "said"),
    [
        ("Colour", "GREN", "one of RED, GREEN. Did you mean 'GREEN'?"),
        ("Order", '{"amount": -1}', "amount: Input should be greater than 0"),
        ("Order", "seven", "should be an object"),
        ("Literal['a', 'b']", "c", "'a' or 'b'"),
        ("Nowhere", "c", "NameError"),
    ],
)
def test_what_is_allowed_is_said(annotation: str, written: str, said: str) -> None:
    """A value that is none of the type is answered with those that are."""
    (answer,) = judge([("p", annotation, written)], globals())

    assert said in answer["error"]


def test_which_types_are_a_notebooks_own() -> None:
    """A date is known everywhere; an Enum, a model, a Literal and collections of dates are asked for."""
    lines = [
        "a: int = 1", "b: dt.date | None = None", "c: Optional[Path] = None", "d: list[int] = []", "e = 1",
        "f: dict[str, Any] = {}", "g: Colour = 1", "h: 'Colour' = 1", "i: list[dt.date] = []", "j: Literal['a'] = 'a'",
    ]  # fmt: skip
    declared = declared_parameters(notebook_of("\n".join(lines), tags={0: ["parameters"]}))

    assert [name for name, one in declared.items() if one.is_own_type] == ["g", "h", "i", "j"]


SOURCES = (
    "from enum import Enum\nfrom pydantic import BaseModel, PositiveInt\nprint('loud')\n1 / 1",
    "class Colour(Enum):\n    RED = 1\n    GREEN = 2\n\nclass Order(BaseModel):\n    amount: PositiveInt",
    "raise SystemError('never run to learn of a type')",
    "colour: Colour = Colour.RED\norder: Order = Order(amount=1)\nday = '2024-01-01'",
)


def test_a_kernel_is_asked_and_runs_only_what_defines_the_types(make_notebook: MakeNotebook) -> None:
    """Values come back as the notebook writes them; one that is wrong is refused with what is allowed."""
    path = make_notebook(*SOURCES, tags={3: ["parameters"]})
    document = read_notebook(path)

    found = typed_config(path, document, {"colour": "GREEN", "order": {"amount": 2}, "day": "x", "other": 1})

    assert found["day"] == "x" and found["other"] == 1
    assert python_source({"colour": found["colour"]}).splitlines()[1] == 'colour = Colour["GREEN"]'
    with pytest.raises(InvalidConfigError, match="'colour' is a Colour, and 'BLUE' is none. It is one of RED, GREEN"):
        typed_config(path, document, {"colour": "BLUE"})


def test_a_notebook_op_gets_types_from_run_config(make_notebook: MakeNotebook) -> None:
    """Config is JSON, and arrives as an Enum member, a model and a date; a wrong one fails before the notebook runs."""
    path = make_notebook(
        *SOURCES[:2],
        "import datetime as dt\ncolour: Colour = Colour.RED\norder: Order = None\nday: dt.date = None",
        "from cellmill import yield_result\nopen('ran', 'w').close()\n"
        "yield_result([colour is Colour.GREEN, type(order) is Order and order.amount, day == dt.date(2024, 2, 29)])",
        tags={2: ["parameters"]},
    )
    report = notebook_op(path, name="report", outs={"result": Out()}, config_schema=dict)

    @job
    def reporting() -> None:
        report()

    def config(colour: str) -> dict[str, Any]:
        return {"ops": {"report": {"config": {"colour": colour, "order": {"amount": 3}, "day": "2024-02-29"}}}}

    wrong = reporting.execute_in_process(run_config=config("BLUE"), raise_on_error=False)
    (failure,) = [event for event in wrong.all_events if event.is_step_failure]
    assert "one of RED, GREEN" in str(failure.data.error)
    assert not (path.parent / "ran").exists()

    result = reporting.execute_in_process(run_config=config("GREEN"))

    assert result.output_for_node("report") == [True, 3, True]
