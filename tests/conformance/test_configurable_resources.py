"""Resource classes: nesting, launch-time config, environment, hooks."""

import pytest
from pydantic import PrivateAttr

from tests.conformance.api import dg


class Writer(dg.ConfigurableResource):
    prefix: str = "p"
    _log: list = PrivateAttr(default_factory=list)

    def setup_for_execution(self, context):
        self._log.append("setup")

    def teardown_after_execution(self, context):
        self._log.append("teardown")

    def write(self, x):
        return f"{self.prefix}-{x}"


class Outer(dg.ConfigurableResource):
    writer: Writer
    n: int

    def go(self):
        return self.writer.write(self.n)


def use_typed(annotation, value, **kwargs):
    """What an op with a typed resource parameter computes."""

    def f(r):
        return r.go() if hasattr(r, "go") else r.write(1)

    f.__annotations__ = {"r": annotation}
    op = dg.op(name="f")(f)

    @dg.job(resource_defs={"r": value})
    def j():
        op()

    return j.execute_in_process(**kwargs).output_for_node("f")


def test_configurable_resource():
    """Fields are config; the object itself arrives."""
    assert use_typed(Writer, Writer(prefix="q")) == "q-1"


def test_configurable_resource_nested():
    """Resources nest."""
    assert use_typed(Outer, Outer(writer=Writer(prefix="w"), n=5)) == "w-5"


def test_configure_at_launch():
    """Fields left open are given in run config."""
    got = use_typed(
        Writer, Writer.configure_at_launch(), run_config={"resources": {"r": {"config": {"prefix": "late"}}}}
    )

    assert got == "late-1"


def test_env_var(monkeypatch):
    """EnvVar is read when the run starts."""
    monkeypatch.setenv("CONFORMANCE_PREFIX", "fromenv")

    assert use_typed(Writer, Writer(prefix=dg.EnvVar("CONFORMANCE_PREFIX"))) == "fromenv-1"


def test_env_var_missing():
    """An unset variable is told."""
    with pytest.raises(dg.DagsterInvalidConfigError):
        use_typed(Writer, Writer(prefix=dg.EnvVar("CONFORMANCE_NOT_SET_AT_ALL")))


def test_resource_is_frozen():
    """A resource's config cannot be changed."""
    with pytest.raises(Exception):  # noqa: B017
        Writer(prefix="a").prefix = "b"


def test_wrong_field_type():
    """A wrong value is refused on construction."""
    with pytest.raises(Exception):  # noqa: B017
        Writer(prefix=3)


def test_yield_for_execution():
    """A resource can be a context manager around the run."""
    log = []

    class R(dg.ConfigurableResource):
        def yield_for_execution(self, context):
            from contextlib import contextmanager

            @contextmanager
            def cm():
                log.append("in")
                yield self
                log.append("out")

            return cm()

        def write(self, x):
            return x

    assert use_typed(R, R()) == 1
    assert log == ["in", "out"]
