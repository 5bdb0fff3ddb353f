"""Resource classes: config as fields, hooks, nesting, launch-time config, adapters, IO managers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from cellmill.definitions.config.env_var import EnvVar
from cellmill.definitions.config.pydantic_config import Config
from cellmill.definitions.configurable_resource import (
    ConfigurableIOManager,
    ConfigurableIOManagerFactory,
    ConfigurableLegacyIOManagerAdapter,
    ConfigurableLegacyResourceAdapter,
    ConfigurableResource,
    ConfigurableResourceFactory,
    ResourceDependency,
)
from cellmill.definitions.init_resource_context import InitResourceContext
from cellmill.definitions.io_manager import is_io_manager
from cellmill.definitions.resource import ResourceDefinition, resource
from cellmill.definitions.resource_scope import AttachDifferentObject, build_init_resource_context, build_resources
from cellmill.errors import (
    CheckError,
    InvalidConfigError,
    InvalidDefinitionError,
    InvalidInvocationError,
    ResourceFunctionError,
)
from pydantic import Field as PydanticField
from pydantic import PrivateAttr, ValidationError

EVENTS: list[str] = []


@pytest.fixture(autouse=True)
def _no_events() -> None:
    EVENTS.clear()


class Client(ConfigurableResource[Any]):
    """A resource with two fields."""

    a: int
    b: str = "q"

    def both(self) -> tuple[int, str]:
        """Both fields."""
        return self.a, self.b


class Connection(ConfigurableResource[Any]):
    """A resource with hooks and private state."""

    name: str = "c"
    _state: str = PrivateAttr(default="closed")

    def setup_for_execution(self, context: InitResourceContext) -> None:
        """Open it."""
        EVENTS.append(f"+{self.name}")
        self._state = "open"

    def teardown_after_execution(self, context: InitResourceContext) -> None:
        """Close it."""
        EVENTS.append(f"-{self.name}")

    def state(self) -> str:
        """Whether it is open."""
        return self._state


class Doubled(ConfigurableResourceFactory[str]):
    """A factory of texts."""

    x: str

    def create_resource(self, context: InitResourceContext) -> str:
        """The text twice."""
        return self.x * 2


class Outer(ConfigurableResource[Any]):
    """A resource that holds another."""

    client: Client
    n: int = 5


class Holder(ConfigurableResource[Any]):
    """A resource that holds whatever a text is made by."""

    text: ResourceDependency[str]


class ConnectionHolder(ConfigurableResource[Any]):
    """A resource that holds one with hooks."""

    connection: Connection


@resource
def text_resource() -> str:
    """A text."""
    return "from function"


def built(defs: dict[str, Any], config: dict[str, Any] | None = None) -> dict[str, Any]:
    """The resources by key, as user code gets them."""
    with build_resources(defs, resource_config=config) as resources:
        return resources._asdict()


def test_an_object_works_without_a_run() -> None:
    """A resource is an object like any other in a unit test."""
    assert Client(a=1).both() == (1, "q")


def test_fields_are_checked_when_the_object_is_made() -> None:
    """A missing or wrong field is pydantic's error."""
    with pytest.raises(ValidationError):
        Client()  # type: ignore[call-arg]
    with pytest.raises(ValidationError):
        Client(a="x")  # type: ignore[arg-type]


def test_an_object_cannot_be_changed() -> None:
    """State belongs into private attributes."""
    with pytest.raises(InvalidInvocationError, match="does not support item assignment"):
        Client(a=1).a = 2


@pytest.mark.parametrize(
    ("given", "config", "expected"),
    [
        (Client(a=1), None, (1, "q")),
        (Client(a=1), {"a": 2}, (2, "q")),
        (Client.configure_at_launch(), {"a": 2}, (2, "q")),
        (Client.configure_at_launch(b="z"), {"a": 2}, (2, "z")),
    ],
)
def test_values_are_defaults_that_run_config_may_replace(given: Any, config: Any, expected: Any) -> None:
    """What is given in Python can be changed by run config, and the rest must be given there."""
    made = built({"r": given}, {"r": {"config": config}} if config else None)["r"]

    assert made.both() == expected


def test_what_is_left_for_launch_must_be_given() -> None:
    """A resource configured at launch needs its config."""
    with pytest.raises(InvalidConfigError, match="'a': 0"):
        built({"r": Client.configure_at_launch()})


def test_hooks_run_around_use() -> None:
    """The resource is set up, used and taken down."""
    with build_resources({"r": Connection()}) as resources:
        assert resources.r.state() == "open"
        assert EVENTS == ["+c"]

    assert EVENTS == ["+c", "-c"]


def test_the_object_given_is_not_the_one_set_up() -> None:
    """Each run has its own object; the one given stays as it was."""
    given = Connection()
    built({"r": given})

    assert given.state() == "closed"


def test_hooks_run_when_use_fails() -> None:
    """An error in use does not keep the resource up."""
    with pytest.raises(KeyError), build_resources({"r": Connection()}):
        raise KeyError

    assert EVENTS == ["+c", "-c"]


def test_one_hook_around_use() -> None:
    """yield_for_execution takes the place of the two hooks."""

    class Around(ConfigurableResource[Any]):
        @contextmanager
        def yield_for_execution(self, context: InitResourceContext) -> Iterator[Any]:
            EVENTS.append("in")
            yield self
            EVENTS.append("out")

    built({"r": Around()})

    assert EVENTS == ["in", "out"]


def test_a_factory_makes_another_object() -> None:
    """User code gets what create_resource returns."""
    assert built({"r": Doubled(x="s")}) == {"r": "ss"}


def test_environment_variables_are_read_when_the_resource_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    """A field may be a reference, which the object given keeps."""
    given = Client(a=1, b=EnvVar("CELLMILL_TEST_VALUE"))
    with pytest.raises(InvalidConfigError, match="CELLMILL_TEST_VALUE"):
        built({"r": given})
    monkeypatch.setenv("CELLMILL_TEST_VALUE", "hello")

    assert built({"r": given})["r"].both() == (1, "hello")
    assert repr(given) == "Client(a=1, b=EnvVar('CELLMILL_TEST_VALUE'))"


class TestNesting:
    """Resources in resources."""

    def test_a_resource_holds_another(self) -> None:
        """A wholly configured resource is made with its holder."""
        assert built({"o": Outer(client=Client(a=4))})["o"].client.both() == (4, "q")

    def test_nesting_twice(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Variables are read at any depth."""

        class Outermost(ConfigurableResource[Any]):
            outer: Outer

        monkeypatch.setenv("CELLMILL_TEST_VALUE", "deep")
        given = Outermost(outer=Outer(client=Client(a=4, b=EnvVar("CELLMILL_TEST_VALUE"))))

        assert built({"o": given})["o"].outer.client.b == "deep"

    def test_what_is_configured_at_launch_has_a_key_of_its_own(self) -> None:
        """A part that run config completes is found by its own key and shared."""
        client = Client.configure_at_launch()
        made = built({"o": Outer(client=client), "c": client}, {"c": {"config": {"a": 9}}})

        assert made["o"].client.both() == (9, "q")
        assert made["o"].client is made["c"]

    def test_without_a_key_it_is_an_error(self) -> None:
        """The remedy is in the message."""
        with pytest.raises(InvalidDefinitionError, match="must be provided as a top level resource"):
            built({"o": Outer(client=Client.configure_at_launch())})

    @pytest.mark.parametrize(
        ("text", "expected"),
        [("plain", "plain"), (Doubled(x="k"), "kk"), (text_resource, "from function")],
    )
    def test_a_dependency_may_be_made_in_any_way(self, text: Any, expected: str) -> None:
        """A dependency is a plain object, a factory or a function's resource."""
        assert built({"o": Holder(text=text)})["o"].text == expected

    def test_a_dependency_under_a_key_is_shared(self) -> None:
        """A function's resource that has a key of its own is made once."""
        calls: list[int] = []

        def make() -> str:
            calls.append(1)
            return "once"

        shared = ResourceDefinition(make)

        assert built({"o": Holder(text=shared), "t": shared})["o"].text == "once"
        assert calls == [1]

    def test_what_is_held_is_taken_down_too(self) -> None:
        """A held resource's hooks run around its holder's use."""
        with build_resources({"o": ConnectionHolder(connection=Connection(name="held"))}) as resources:
            assert resources.o.connection.state() == "open"

        assert EVENTS == ["+held", "-held"]

    def test_config_values_of_other_classes(self) -> None:
        """Config objects, lists of them and default factories are config, not resources."""

        class Part(Config):
            k: int = 1

        class WithParts(ConfigurableResource[Any]):
            part: Part
            parts: list[Part] = []
            optional: str | None = None
            made: list[str] = PydanticField(default_factory=lambda: ["d"])

        WithParts.model_rebuild(_types_namespace={"Part": Part})
        made = built({"r": WithParts(part=Part(k=3), parts=[Part()])}, {"r": {"config": {"optional": "x"}}})["r"]

        assert (made.part.k, [part.k for part in made.parts], made.optional, made.made) == (3, [1], "x", ["d"])


class TestOutsideOfRuns:
    """Resource objects in scripts and tests."""

    def test_variables_are_read(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """process_config_and_initialize gives the object that a run would get."""
        monkeypatch.setenv("CELLMILL_TEST_VALUE", "v")

        assert Client(a=1, b=EnvVar("CELLMILL_TEST_VALUE")).process_config_and_initialize().b == "v"

    def test_hooks_need_a_with_block(self) -> None:
        """A resource with teardown is initialised for the time of a block."""
        with Connection().process_config_and_initialize_cm() as connection:
            assert connection.state() == "open"
        with pytest.raises(CheckError, match="process_config_and_initialize_cm"):
            Connection().process_config_and_initialize()

        assert EVENTS == ["+c", "-c"]

    def test_the_context_exists_only_within(self) -> None:
        """The init context can be asked for once the resource is set up."""

        class Asks(ConfigurableResource[Any]):
            def run_id(self) -> str | None:
                return self.get_resource_context().run_id

        with pytest.raises(CheckError, match="before resource was initialized"):
            Asks().run_id()
        assert built({"r": Asks()})["r"].run_id() is None


def test_a_class_serves_a_function_resource() -> None:
    """A function may take its schema from a class and make its object."""

    @resource(config_schema=Client.to_config_schema())
    def by_function(context: InitResourceContext) -> Any:
        return Client.from_resource_context(context)

    assert by_function(build_init_resource_context(config={"a": 3})).both() == (3, "q")
    assert built({"r": by_function}, {"r": {"config": {"a": 3}}})["r"].both() == (3, "q")


def test_a_function_resource_serves_a_class() -> None:
    """An adapter gives a function's resource the form of a class."""

    @resource(config_schema={"z": int})
    def legacy(context: InitResourceContext) -> Iterator[Any]:
        EVENTS.append("in")
        yield ("legacy", context.resource_config["z"])
        EVENTS.append("out")

    class Adapter(ConfigurableLegacyResourceAdapter):
        z: int

        @property
        def wrapped_resource(self) -> ResourceDefinition:
            return legacy

    assert built({"r": Adapter(z=3)}) == {"r": ("legacy", 3)}
    assert EVENTS == ["in", "out"]


def test_another_object_may_be_shown_to_ops() -> None:
    """Ops get the attached object, a resource that holds this one gets it itself."""

    class Attached(ConfigurableResource[Any], AttachDifferentObject):
        v: int

        def get_object_to_set_on_execution_context(self) -> Any:
            return ("shown", self.v)

    assert built({"r": Attached(v=1)}) == {"r": ("shown", 1)}


def test_an_error_in_a_hook_names_the_key() -> None:
    """A resource that cannot be set up is named by its key."""

    class Broken(ConfigurableResource[Any]):
        def setup_for_execution(self, context: InitResourceContext) -> None:
            raise ValueError("boom")

    with pytest.raises(ResourceFunctionError, match="ResourceDefinition r: ValueError: boom"):
        built({"r": Broken()})


def test_subclasses_inherit_fields() -> None:
    """A subclass adds fields to those of its base."""

    class More(Client):
        c: float = 1.0

    made = built({"r": More(a=1)})["r"]

    assert (made.a, made.b, made.c) == (1, "q", 1.0)


class Stored(ConfigurableIOManager):
    """An IO manager with config."""

    base: str = "x"

    def handle_output(self, context: Any, obj: Any) -> None:
        """Do nothing."""

    def load_input(self, context: Any) -> Any:
        """The base."""
        return self.base


def test_an_io_manager_class() -> None:
    """An IO manager is a resource class with the two methods."""
    made = built({"io": Stored(base="y")})["io"]

    assert is_io_manager(made)
    assert made.load_input(None) == "y"


def test_an_io_manager_factory() -> None:
    """A factory makes the IO manager of its config."""

    class Factory(ConfigurableIOManagerFactory[Stored]):
        base: str = "x"

        def create_io_manager(self, context: InitResourceContext) -> Stored:
            return Stored(base=self.base + "!")

    assert built({"io": Factory(base="y")})["io"].load_input(None) == "y!"


def test_an_io_manager_adapter() -> None:
    """A function's IO manager is given the form of a class."""

    @resource(config_schema={"base": str})
    def legacy(context: InitResourceContext) -> Stored:
        return Stored(base=context.resource_config["base"])

    class Adapter(ConfigurableLegacyIOManagerAdapter):
        base: str

        @property
        def wrapped_io_manager(self) -> ResourceDefinition:
            return legacy

    assert built({"io": Adapter(base="y")})["io"].load_input(None) == "y"
