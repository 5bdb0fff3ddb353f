"""Types: annotations, check functions, errors, loaders."""

from datetime import datetime
from typing import Any, Optional

import pytest

from tests.conformance.api import dg


def test_type_check_of_output():
    """A value of the wrong type fails the step."""

    @dg.op
    def f() -> int:
        return "no"

    @dg.job
    def j():
        f()

    with pytest.raises(dg.DagsterTypeCheckDidNotPass):
        j.execute_in_process()


def test_type_mismatch_is_only_seen_at_run_time_for_any():
    """An untyped output may feed a typed input; the value is checked."""

    @dg.op
    def f():
        return "s"

    @dg.op
    def g(x: int):
        return x

    @dg.job
    def j():
        g(f())

    with pytest.raises(dg.DagsterTypeCheckDidNotPass):
        j.execute_in_process()


@pytest.mark.parametrize(
    ("annotation", "good", "bad"),
    [
        (int, 1, "x"),
        (str, "x", 1),
        (float, 1.5, "x"),
        (bool, True, 3),
        (list, [1], (1,)),
        (dict, {}, []),
        (set, {1}, [1]),
        (tuple, (1,), [1]),
        (list[int], [1], ["x"]),
        (dict[str, int], {"a": 1}, {"a": "x"}),
        (Optional[int], None, "x"),
        (tuple[int, str], (1, "x"), (1, 2)),
        (set[int], {1}, {"x"}),
        (list[Optional[int]], [1, None], ["x"]),
        (Any, object(), None),
        (datetime, datetime(2024, 1, 1), "x"),
    ],
)
def test_annotations_are_checked(annotation, good, bad):
    """Annotations become types."""

    def gives():
        return good

    def fails():
        return bad

    gives.__annotations__["return"] = annotation
    fails.__annotations__["return"] = annotation
    good_op, bad_op = dg.op(gives), dg.op(fails)

    @dg.job
    def ok():
        good_op()

    assert ok.execute_in_process().success
    if bad is None:
        return

    @dg.job
    def not_ok():
        bad_op()

    with pytest.raises(dg.DagsterTypeCheckDidNotPass):
        not_ok.execute_in_process()


def test_type_error_message():
    """The error names the output and the type."""

    @dg.op
    def bad() -> int:
        return "x"

    @dg.job
    def j():
        bad()

    with pytest.raises(dg.DagsterTypeCheckDidNotPass, match='Type check failed for step output "result"'):
        j.execute_in_process()


def test_check_dagster_type():
    """Types are tested on their own."""
    even = dg.DagsterType(type_check_fn=lambda _, value: value % 2 == 0, name="Even", description="No odd ones.")

    assert dg.check_dagster_type(even, 4).success
    assert not dg.check_dagster_type(even, 3).success
    assert even.display_name == "Even"
    assert even.description == "No odd ones."
    assert even.unique_name == "Even"


def test_type_of_python_class():
    """A class becomes a type with its name."""

    class Thing:
        pass

    made = dg.PythonObjectDagsterType(Thing, name="T")

    assert dg.check_dagster_type(made, Thing()).success
    assert not dg.check_dagster_type(made, 1).success
    assert made.display_name == "T"


TYPES = [
    (int, 1, "x"),
    (str, "a", 1),
    (float, 1.5, "x"),
    (bool, True, "x"),
    (list[int], [1], ["x"]),
    (dict[str, int], {"a": 1}, {"a": "b"}),
    (Optional[int], None, "x"),
    (tuple[int, str], (1, "a"), ("a", 1)),
    (dg.List[dg.Int], [1], [None]),
    (dg.Optional[dg.String], None, 1),
]


@pytest.mark.parametrize(("type_", "good", "bad"), TYPES, ids=[str(i) for i in range(len(TYPES))])
def test_types_check_outputs(type_, good, bad):
    """An out's type is checked when the step runs."""

    def result_of(value):
        @dg.op(out=dg.Out(type_))
        def f():
            return value

        @dg.job
        def j():
            f()

        return j.execute_in_process(raise_on_error=False).success

    assert result_of(good)
    assert not result_of(bad)


def test_any_takes_everything():
    """An Any out takes what comes."""

    @dg.op(out=dg.Out(Any))
    def f():
        return object()

    @dg.job
    def j():
        f()

    assert j.execute_in_process().success


EVEN = dg.DagsterType(name="Even", type_check_fn=lambda _, v: v % 2 == 0, description="even numbers")


def test_custom_type():
    """A type is a name and a check."""
    assert dg.check_dagster_type(EVEN, 4).success
    assert not dg.check_dagster_type(EVEN, 3).success


def test_type_check_with_metadata():
    """A check may explain itself."""
    t = dg.DagsterType(
        name="T", type_check_fn=lambda _, v: dg.TypeCheck(success=False, description="no", metadata={"n": 1})
    )

    check = dg.check_dagster_type(t, 1)
    assert check.description == "no"
    assert check.metadata["n"].value == 1


def test_type_check_must_give_bool():
    """A check that returns something else is an error."""
    t = dg.DagsterType(name="T2", type_check_fn=lambda _, v: "yes")

    @dg.op(out=dg.Out(t))
    def f():
        return 1

    @dg.job
    def j():
        f()

    with pytest.raises(dg.DagsterError):
        j.execute_in_process()


def test_usable_as_dagster_type():
    """A class can be made a type."""

    @dg.usable_as_dagster_type
    class Thing:
        pass

    assert dg.check_dagster_type(Thing, Thing()).success
    assert not dg.check_dagster_type(Thing, 1).success


def test_python_object_type():
    """A type may check by instance."""
    t = dg.PythonObjectDagsterType(dict, name="D")

    assert dg.check_dagster_type(t, {}).success
    assert not dg.check_dagster_type(t, []).success


def test_type_loader():
    """An unconnected input of a loadable type comes from config."""

    @dg.dagster_type_loader({"n": int})
    def load(context, config):
        return config["n"] * 10

    t = dg.DagsterType(name="Loaded", type_check_fn=lambda _, v: True, loader=load)

    @dg.op(ins={"x": dg.In(t)})
    def f(x):
        return x

    @dg.job
    def j():
        f()

    assert j.execute_in_process(run_config={"ops": {"f": {"inputs": {"x": {"n": 2}}}}}).output_for_node("f") == 20


def test_a_check_that_raises_a_failure_did_not_pass():
    """`check_dagster_type` tells a `Failure` of the check's function as its outcome."""

    def check(_, value):
        if not isinstance(value, list):
            raise dg.Failure("no list")
        return True

    kind = dg.DagsterType(name="Listed", type_check_fn=check)
    outcome = dg.check_dagster_type(kind, 3)
    assert (outcome.success, outcome.description) == (False, "no list")
    assert dg.check_dagster_type(kind, []).success
