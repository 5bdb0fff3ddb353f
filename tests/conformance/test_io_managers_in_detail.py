"""Config and resources of IO managers and input managers, in runs and where stored values are read by hand."""

from typing import Any

import pytest

from tests.conformance.api import dg


class Format(dg.Config):  # type: ignore[name-defined,misc]
    """Config of one input or output."""

    factor: int


class Scales(dg.ConfigurableIOManager):  # type: ignore[name-defined,misc]
    """An IO manager whose inputs and outputs have config."""

    @classmethod
    def input_config_schema(cls) -> Any:
        """Config of each input."""
        return Format

    @classmethod
    def output_config_schema(cls) -> Any:
        """Config of each output."""
        return Format

    def handle_output(self, context: Any, obj: Any) -> None:
        """Keeps the scaled value."""
        STORED[context.step_key] = obj * context.config["factor"]

    def load_input(self, context: Any) -> Any:
        """Scales what was kept."""
        return STORED[context.upstream_output.step_key] * context.config["factor"]


STORED: dict[str, int] = {}


def test_inputs_and_outputs_of_a_class_have_config() -> None:
    """`input_config_schema` and `output_config_schema` of a class say what run config may give."""

    @dg.op
    def one() -> int:
        return 1

    @dg.op(ins={"value": dg.In(input_manager_key="scales")})
    def out(value: int) -> int:
        return value

    @dg.job(resource_defs={"io_manager": Scales(), "scales": Scales()})
    def job() -> None:
        out(one())

    ops = {
        "one": {"outputs": {"result": {"factor": 2}}},
        "out": {"inputs": {"value": {"factor": 3}}, "outputs": {"result": {"factor": 5}}},
    }
    job.execute_in_process(run_config={"ops": ops})

    assert STORED == {"one": 2, "out": 30}
    ops["out"]["inputs"]["value"]["factor"] = "many"
    with pytest.raises(dg.DagsterInvalidConfigError):
        job.execute_in_process(run_config={"ops": ops})


def test_an_input_manager_may_return_another() -> None:
    """The function of `@input_manager` gives the value, or an input manager that does."""

    class Fixed(dg.InputManager):  # type: ignore[name-defined,misc]
        def load_input(self, context: Any) -> Any:
            """Always the same."""
            return 4

    @dg.input_manager
    def fixed() -> Any:
        return Fixed()

    @dg.op
    def one() -> int:
        return 1

    @dg.op(ins={"value": dg.In(input_manager_key="fixed")})
    def out(value: int) -> int:
        return value

    @dg.job(resource_defs={"fixed": fixed})
    def job() -> None:
        out(one())

    assert job.execute_in_process().output_for_node("out") == 4


def test_a_configured_manager_keeps_its_kind_and_needs() -> None:
    """Description and required resources stay, the version is of the unconfigured one."""

    @dg.input_manager(config_schema={"folder": str}, description="abc", required_resource_keys={"r"}, version="1")
    def manager(_: Any) -> None:
        """Does nothing."""

    made = manager.configured({"folder": "/a"})

    assert isinstance(made, dg.InputManagerDefinition)
    assert (made.description, made.required_resource_keys, made.version) == ("abc", {"r"}, None)


def test_the_resources_of_a_manager_are_there_when_values_are_read() -> None:
    """A loader outside of runs gives the IO manager its config and its resources."""

    class Reads(dg.IOManager):  # type: ignore[name-defined,misc]
        def handle_output(self, context: Any, obj: Any) -> None:
            """Stores nothing."""

        def load_input(self, context: Any) -> Any:
            """Says what it was told."""
            return context.resources.word, context.resource_config["key"], context.upstream_output.op_def.name

    @dg.io_manager(required_resource_keys={"word"}, config_schema={"key": str})
    def manager() -> Any:
        return Reads()

    @dg.asset(io_manager_key="manager")
    def stored() -> None:
        """Never made."""

    defs = dg.Definitions([stored], resources={"word": "apple", "manager": manager.configured({"key": "k"})})

    assert defs.load_asset_value("stored") == ("apple", "k", "stored")
