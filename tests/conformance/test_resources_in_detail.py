"""Resources in direct calls, held by others, from config, and what happens when they are taken down."""

import contextlib
import enum
from pathlib import Path
from typing import Any

import pytest

from tests.conformance.api import dg


class Size(enum.Enum):
    """An enum for config."""

    SMALL = "small"
    LARGE = "large"


class Sized(dg.ConfigurableResource):  # type: ignore[name-defined,misc]
    """A resource with an enum."""

    size: Size

    def setup_for_execution(self, context: Any) -> None:
        """Sees plain config."""
        assert context.resource_config["size"] in {"small", "large"}


@pytest.mark.parametrize("given", [Size.LARGE, "LARGE", "large"])
def test_an_enum_is_given_by_member_name_or_value(given: Any) -> None:
    """User code gets the member, the init context its value."""

    @dg.asset
    def size(sized: Sized) -> str:
        return str(sized.size.name)

    assert dg.materialize([size], resources={"sized": Sized(size=given)}).output_for_node("size") == "LARGE"


def test_plain_config_of_an_enum_is_its_value() -> None:
    """A class as config_schema gives a dictionary with the values of its enums."""

    class Bag(dg.Config):  # type: ignore[name-defined,misc]
        size: Size = Size.SMALL

    @dg.op(config_schema=Bag.to_config_schema())
    def seen(context: dg.OpExecutionContext) -> Any:
        return context.op_config

    assert seen(dg.build_op_context(op_config={"size": "LARGE"})) == {"size": "large"}


def test_environment_variables_in_lists_and_dictionaries(monkeypatch: pytest.MonkeyPatch) -> None:
    """A reference within a field's value is read at the start of the run."""
    monkeypatch.setenv("WORD_OF_TEST", "hello")

    class Words(dg.ConfigurableResource):  # type: ignore[name-defined,misc]
        some: list[str]
        named: dict[str, str]

    @dg.asset
    def said(words: Words) -> Any:
        return words.some + list(words.named.values())

    words = Words(some=[dg.EnvVar("WORD_OF_TEST"), "you"], named={"a": dg.EnvVar("WORD_OF_TEST")})

    assert dg.materialize([said], resources={"words": words}).output_for_node("said") == ["hello", "you", "hello"]


def test_a_failing_teardown_is_an_event_and_fails_nothing() -> None:
    """The error is kept with an event of the engine; the run has succeeded."""

    @dg.resource
    def leaking() -> Any:
        yield "open"
        raise ValueError("cannot close")

    @dg.op(required_resource_keys={"leaking"})
    def use() -> None:
        """Does nothing."""

    @dg.job(resource_defs={"leaking": leaking})
    def leaky() -> None:
        use()

    result = leaky.execute_in_process(raise_on_error=False)
    told = [one for one in result.all_events if one.is_engine_event and one.event_specific_data.error]

    assert result.success
    assert [one.message.startswith("Teardown of resources [") for one in told] == [True]


def test_a_resource_called_by_hand_has_a_context() -> None:
    """None stands for a context without anything, whose instance forgets everything."""

    @dg.resource
    def own(context: Any) -> Any:
        return context.resource_config, context.instance is None

    @dg.resource(config_schema=dg.Noneable(dict))
    def maybe(context: Any) -> Any:
        return context.resource_config

    assert own(None) == (None, False)
    assert maybe(dg.build_init_resource_context()) is None


def test_arguments_are_found_among_the_resources_of_the_context() -> None:
    """What a direct call is given as argument is an attribute of `context.resources` too."""

    class Number(dg.ConfigurableResource):  # type: ignore[name-defined,misc]
        number: int

    @dg.asset
    def both(context: dg.AssetExecutionContext, one: Number) -> int:
        return int(context.resources.one.number + one.number)

    assert both(dg.build_asset_context(), one=Number(number=2)) == 4


def test_a_class_that_must_be_torn_down_is_not_made_without_it() -> None:
    """`from_resource_context` is refused for it, `from_resource_context_cm` is the way."""

    class Opened(dg.ConfigurableResource):  # type: ignore[name-defined,misc]
        def teardown_after_execution(self, context: Any) -> None:
            """Does nothing."""

    with pytest.raises(Exception, match="cm"):
        Opened.from_resource_context(dg.build_init_resource_context())
    with Opened.from_resource_context_cm(dg.build_init_resource_context()) as opened:
        assert opened.get_resource_context() is not None


def test_a_context_manager_function_in_a_field() -> None:
    """A resource function that is a context manager gives its value to the resource that holds it, and is closed."""
    seen: list[str] = []

    @dg.resource
    @contextlib.contextmanager
    def client(_: Any) -> Any:
        seen.append("open")
        yield "client"
        seen.append("closed")

    class Holder(dg.ConfigurableResource):  # type: ignore[name-defined,misc]
        client: dg.ResourceDependency[str]

    @dg.asset
    def held(holder: Holder) -> None:
        seen.append(holder.client)

    dg.materialize([held], resources={"holder": Holder(client=client)})

    assert seen == ["open", "client", "closed"]
    with pytest.raises(dg.DagsterInvariantViolationError, match="generator"):
        _ = dg.build_op_context(resources={"client": client}).resources


def test_a_function_with_required_config_must_be_a_resource_of_its_own() -> None:
    """A resource function held in a field cannot be configured there."""

    @dg.resource(config_schema={"word": str})
    def speaker(context: Any) -> Any:
        return context.resource_config["word"]

    class Holder(dg.ConfigurableResource):  # type: ignore[name-defined,misc]
        speaker: dg.ResourceDependency[str]

    @dg.asset
    def held(holder: Holder) -> None:
        """Does nothing."""

    with pytest.raises(dg.DagsterInvalidDefinitionError, match="must be provided as a top level resource"):
        dg.Definitions.validate_loadable(dg.Definitions(assets=[held], resources={"holder": Holder(speaker=speaker)}))


def test_resources_in_a_circle_are_refused_with_the_job() -> None:
    """A job's resources that need each other are an error where the job is defined."""

    @dg.resource(required_resource_keys={"hen"})
    def egg() -> int:
        return 1

    @dg.resource(required_resource_keys={"egg"})
    def hen() -> int:
        return 1

    @dg.op(required_resource_keys={"egg"})
    def use() -> None:
        """Does nothing."""

    with pytest.raises(dg.DagsterInvariantViolationError, match="transitively depends on itself"):

        @dg.job(resource_defs={"egg": egg, "hen": hen})
        def circle() -> None:
            use()


def test_values_of_any_form() -> None:
    """`make_values_resource()` without entries takes any value."""

    @dg.op(required_resource_keys={"value"})
    def use(context: dg.OpExecutionContext) -> Any:
        return context.resources.value

    @dg.job(resource_defs={"value": dg.make_values_resource()})
    def values() -> None:
        use()

    run_config = {"resources": {"value": {"config": 3}}}

    assert values.execute_in_process(run_config=run_config).output_for_node("use") == 3


def test_an_op_names_its_resources_in_one_way() -> None:
    """Keys in the decorator beside resources as arguments are refused."""
    with pytest.raises(Exception, match="in both @op decorator and as arguments"):

        @dg.op(required_resource_keys={"one"})
        def use(two: dg.ResourceParam[Any]) -> None:
            """Does nothing."""


def test_config_given_with_resources_is_checked() -> None:
    """Config that does not fit is an error at once; config for no resource is passed over."""

    @dg.resource(config_schema=str)
    def word(context: Any) -> Any:
        return context.resource_config

    @dg.asset(required_resource_keys={"word"})
    def said(context: dg.AssetExecutionContext) -> Any:
        return context.resources.word

    with pytest.raises(dg.DagsterInvalidConfigError, match="'word'"):
        dg.with_resources([said], {"word": word}, {"word": {"config": object()}})
    (bound,) = dg.with_resources([said], {"word": word}, {"word": {"config": "hi"}, "other": {"config": 1}})
    assert bound(dg.build_asset_context()) == "hi"


class Texts(dg.ConfigurableIOManager, dg.UPathIOManager):  # type: ignore[name-defined,misc]
    """An IO manager with config that keeps texts."""

    folder: str

    def setup_for_execution(self, context: Any) -> None:
        """Takes its folder from its config."""
        self._base_path = Path(self.folder)

    def dump_to_path(self, context: Any, obj: Any, path: Any) -> None:
        """Writes the text."""
        path.write_text(obj)

    def load_from_path(self, context: Any, path: Any) -> Any:
        """Reads the text."""
        return path.read_text()


def test_the_manager_of_an_asset_that_is_only_loaded_has_its_config(tmp_path: Path) -> None:
    """An IO manager that nothing else of the run needs is configured as its object says."""
    manager = Texts(folder=str(tmp_path))

    @dg.asset(io_manager_def=manager)
    def upstream() -> str:
        return "a"

    @dg.asset
    def downstream(upstream: str) -> str:
        return upstream * 2

    dg.materialize([upstream])

    assert dg.materialize([upstream.to_source_asset(), downstream]).output_for_node("downstream") == "aa"


def test_an_asset_that_becomes_partitioned_makes_way(tmp_path: Path) -> None:
    """The file that was the asset without partitions gives way to the folder of its partitions."""
    resources = {"io_manager": Texts(folder=str(tmp_path))}

    @dg.asset(name="text")
    def plain() -> str:
        return "a"

    @dg.asset(name="text", partitions_def=dg.StaticPartitionsDefinition(["p"]))
    def partitioned() -> str:
        return "b"

    dg.materialize([plain], resources=resources)
    dg.materialize([partitioned], resources=resources, partition_key="p")

    assert (tmp_path / "text" / "p").read_text() == "b"


class Later(Texts):
    """An IO manager that awaits what it reads."""

    async def load_from_path(self, context: Any, path: Any) -> Any:
        """Reads the text, as a coroutine."""
        return path.read_text()


def test_values_may_be_loaded_by_a_coroutine(tmp_path: Path) -> None:
    """One value, and those of several partitions, some of which are missing."""
    manager = Later(folder=str(tmp_path))
    parts = dg.StaticPartitionsDefinition(["p", "q", "r"])

    @dg.asset(partitions_def=parts, io_manager_def=manager)
    def upstream(context: dg.AssetExecutionContext) -> str:
        return str(context.partition_key)

    @dg.asset(ins={"upstream": dg.AssetIn(metadata={"allow_missing_partitions": True})})
    def downstream(upstream: dict[str, str]) -> dict[str, str]:
        return upstream

    @dg.asset(io_manager_def=manager)
    def whole() -> str:
        return "w"

    for key in ("p", "q"):
        dg.materialize([upstream], partition_key=key)

    assert dg.materialize([upstream.to_source_asset(), downstream]).output_for_node("downstream") == {
        "p": "p",
        "q": "q",
    }
    assert dg.materialize([whole]).output_for_node("whole") == "w"


def test_a_resource_with_a_context_of_its_own():
    """A resource gets an init context for a test, and has none before it is initialised."""

    class Folder(dg.ConfigurableResource):
        base: str | None = None

        def path(self):
            return self.base or self.get_resource_context().instance.storage_directory()

    with dg.DagsterInstance.ephemeral() as instance:
        context = dg.build_init_resource_context(instance=instance)
        assert Folder().with_resource_context(context).path() == instance.storage_directory()
        assert Folder(base="here").with_replaced_resource_context(context).path() == "here"
    with pytest.raises(Exception, match="Attempted to get context before resource was initialized"):
        Folder().path()


def test_the_path_of_a_problem_in_the_config_of_a_called_resource():
    """What is wrong in the config of a resource that a test calls is told with its path, as in a run."""

    @dg.resource(config_schema={"bar": str})
    def held(init_context):
        return init_context.resource_config["bar"]

    with pytest.raises(dg.DagsterInvalidConfigError, match='Missing required config entry "config" at the root'):
        held(dg.build_init_resource_context())
    with pytest.raises(dg.DagsterInvalidConfigError, match='unexpected config entry "baz" at path root:config'):
        held(dg.build_init_resource_context(config={"baz": 1}))
    assert held(dg.build_init_resource_context(config={"bar": "x"})) == "x"
