"""Assets that are only loaded, passed to ops in the bodies of graphs and jobs."""

from typing import Any

import pytest

from tests.conformance.api import dg


class Reads(dg.IOManager):  # type: ignore[name-defined,misc]
    """Gives a value for every asset and keeps what it was asked for."""

    def __init__(self) -> None:
        self.seen: list[Any] = []

    def handle_output(self, context: Any, obj: Any) -> None:
        """Stores nothing."""

    def load_input(self, context: Any) -> Any:
        """Notes asset, metadata and partitions."""
        if context.has_asset_key:
            partitions = set(context.asset_partition_keys) if context.has_asset_partitions else None
            metadata = dict(context.upstream_output.definition_metadata)
            self.seen.append((context.asset_key.to_user_string(), metadata.get("a"), partitions))
        return 5


@dg.op
def add(left: Any, right: Any) -> Any:
    """Adds."""
    return left + right


@dg.op
def seven() -> int:
    """Seven."""
    return 7


@pytest.mark.parametrize(
    "source", [dg.SourceAsset("far", metadata={"a": "b"}), dg.AssetSpec("far", metadata={"a": "b"})]
)
@pytest.mark.parametrize("nested", [False, True])
def test_an_asset_is_loaded_where_it_is_passed(source: Any, nested: bool) -> None:
    """Beside the output of an op, in the graph itself, in one within it, or as the input of that."""

    @dg.graph
    def inner(passed: Any) -> Any:
        return add(add(source, seven()), passed)

    @dg.graph
    def outer() -> Any:
        return inner(source) if nested else add(source, seven())

    manager = Reads()
    result = outer.execute_in_process(resources={"io_manager": manager})

    assert result.success
    assert manager.seen == [("far", "b", None)] * (2 if nested else 1)


def test_an_asset_brings_its_manager_and_partitions() -> None:
    """A source asset names its IO manager; without a partition of the run all of its partitions are meant."""
    parts = dg.StaticPartitionsDefinition(["p", "q"])
    source = dg.SourceAsset("far", io_manager_key="own", partitions_def=parts, metadata={"a": "b"})
    manager = Reads()

    @dg.op
    def use(value: Any) -> Any:
        return value

    @dg.job(resource_defs={"own": dg.IOManagerDefinition.hardcoded_io_manager(manager)})
    def job() -> None:
        use(source)

    assert job.execute_in_process().output_for_node("use") == 5
    assert manager.seen == [("far", "b", {"p", "q"})]


def test_a_hook_context_says_what_it_was_not_given() -> None:
    """An instance that was not given, and generator resources outside of `with`, are errors."""

    @dg.success_hook
    def reads(context: Any) -> None:
        assert context.hook_def is reads
        assert context.instance

    @dg.resource
    def opened() -> Any:
        yield "open"

    @dg.success_hook(required_resource_keys={"opened"})
    def uses(context: Any) -> None:
        assert context.resources.opened == "open"

    with pytest.raises(dg.DagsterInvariantViolationError, match="Tried to access the HookContext instance"):
        reads(dg.build_hook_context())
    with pytest.raises(dg.DagsterInvariantViolationError, match="At least one provided resource is a generator"):
        uses(dg.build_hook_context(resources={"opened": opened}))
    with dg.build_hook_context(resources={"opened": opened}) as context:
        uses(context)
