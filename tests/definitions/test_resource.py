"""Resources: definitions, direct calls, building them outside of runs, order of making and taking down."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import pytest
from cellmill.definitions.init_resource_context import InitResourceContext, Resources
from cellmill.definitions.resource import ResourceDefinition, make_values_resource, resource, wrap_resource
from cellmill.definitions.resource_scope import (
    AttachDifferentObject,
    ResourceScope,
    build_init_resource_context,
    build_resources,
)
from cellmill.errors import (
    CheckError,
    InvalidConfigDefinitionError,
    InvalidConfigError,
    InvalidDefinitionError,
    InvalidInvocationError,
    InvariantViolationError,
    ParameterCheckError,
    ResourceFunctionError,
    UnknownResourceError,
)
from cellmill.execution.resources import resource_scope


@resource
def plain() -> int:
    """A resource without a context."""
    return 0


@resource
def with_context(context: InitResourceContext) -> int:
    """A resource with a context."""
    return 1


@resource(config_schema={"a": int}, required_resource_keys={"b"}, description="described")
def needy(init_context: InitResourceContext) -> Any:
    """A resource with config and a requirement."""
    return init_context.resource_config, init_context.resources.b


@resource
def failing(context: InitResourceContext) -> int:
    """A resource that cannot be made."""
    raise ValueError("boom")


def tracked(name: str, events: list[str], needs: set[str] | None = None, fails: bool = False) -> ResourceDefinition:
    """A resource that notes when it is made and taken down."""

    def make(context: InitResourceContext) -> Iterator[str]:
        events.append(f"+{name}")
        try:
            yield name
        finally:
            events.append(f"-{name}")
            if fails:
                raise ValueError("teardown")

    return ResourceDefinition(make, required_resource_keys=needs)


def built(defs: dict[str, Any], config: dict[str, Any] | None = None) -> dict[str, Any]:
    """The resources by key, as user code gets them."""
    with build_resources(defs, resource_config=config) as resources:
        return resources._asdict()


class TestDirectCall:
    """Calling a resource by hand."""

    def test_without_context_parameter(self) -> None:
        """A function without a parameter is called without an argument."""
        assert plain() == 0

    @pytest.mark.parametrize("context", [None, build_init_resource_context()])
    def test_with_context(self, context: Any) -> None:
        """A function with a parameter gets a context or None."""
        assert with_context(context) == 1

    def test_config_and_resources_come_from_the_context(self) -> None:
        """Config is checked and resources are made."""
        context = build_init_resource_context(config={"a": 1}, resources={"b": with_context})

        assert needy(context) == ({"a": 1}, 1)
        assert needy(init_context=context) == ({"a": 1}, 1)

    @pytest.mark.parametrize(
        ("call", "error", "message"),
        [
            (lambda: with_context(), InvalidInvocationError, "no context was provided"),
            (lambda: plain(1), InvalidInvocationError, "no context argument"),
            (lambda: plain(None), InvalidInvocationError, "no context argument"),
            (lambda: with_context(None, None), InvalidInvocationError, "multiple arguments"),
            (lambda: with_context(3), InvalidInvocationError, "InitResourceContext or None"),
            (lambda: with_context(other=None), InvalidInvocationError, "expected argument 'context'"),
            (lambda: needy(None), InvalidInvocationError, "Resource has required resources"),
            (
                lambda: needy(build_init_resource_context(config={"a": 1})),
                InvalidDefinitionError,
                "resource with key 'b' required was not provided",
            ),
            (
                lambda: needy(build_init_resource_context(config={"a": "x"}, resources={"b": 1})),
                InvalidConfigError,
                "root:config:a",
            ),
            (lambda: needy(build_init_resource_context(resources={"b": 1})), InvalidConfigError, 'entry "config"'),
        ],
    )
    def test_a_wrong_call_says_what_is_wrong(self, call: Any, error: type[Exception], message: str) -> None:
        """A call without what the resource needs is an error with the remedy."""
        with pytest.raises(error, match=message):
            call()

    def test_a_generator_is_a_context_manager(self) -> None:
        """A generator resource is used in a with statement."""
        events: list[str] = []
        with tracked("r", events)(build_init_resource_context()) as value:
            assert value == "r"

        assert events == ["+r", "-r"]


class TestDefinition:
    """What a resource definition is made of."""

    def test_description_and_requirements(self) -> None:
        """The description is given or comes from the docstring."""
        assert needy.description == "described"
        assert plain.description == "A resource without a context."
        assert needy.required_resource_keys == {"b"}

    @pytest.mark.parametrize(
        ("make", "error"),
        [
            (lambda: ResourceDefinition(3), ParameterCheckError),  # type: ignore[arg-type]
            (lambda: ResourceDefinition(lambda c: 1, required_resource_keys="b"), ParameterCheckError),  # type: ignore[arg-type]
            (lambda: resource(lambda a, b: 1), InvalidDefinitionError),
            (lambda: resource(config_schema=int)(lambda a, b: 1), InvalidDefinitionError),
            (lambda: resource(config_schema=object), InvalidConfigDefinitionError),
        ],
    )
    def test_wrong_definitions_are_refused(self, make: Any, error: type[Exception]) -> None:
        """What cannot be a resource is refused where it is declared."""
        with pytest.raises(error):
            made = make()
            made(lambda c: 1)

    @pytest.mark.parametrize(
        ("definition", "expected"),
        [
            (ResourceDefinition.hardcoded_resource(3), 3),
            (ResourceDefinition.none_resource(), None),
            (make_values_resource(), {}),
            (3, 3),
            ("text", "text"),
            (None, None),
        ],
    )
    def test_ready_made_resources_and_plain_objects(self, definition: Any, expected: Any) -> None:
        """Any object is a resource, and some definitions come ready made."""
        assert built({"r": definition}) == {"r": expected}

    def test_a_mock_takes_any_call(self) -> None:
        """The mock resource answers to any method."""
        assert built({"r": ResourceDefinition.mock_resource()})["r"].anything(1) is not None

    def test_a_string_resource_is_its_config(self) -> None:
        """The string resource is the text of its config."""
        assert built({"r": ResourceDefinition.string_resource()}, {"r": {"config": "s"}}) == {"r": "s"}

    def test_a_values_resource_checks_its_entries(self) -> None:
        """Named entries must be given with their types."""
        values = make_values_resource(a=int, b=str)

        assert built({"r": values}, {"r": {"config": {"a": 1, "b": "x"}}}) == {"r": {"a": 1, "b": "x"}}
        with pytest.raises(InvalidConfigError):
            built({"r": values}, {"r": {"config": {"a": 1}}})

    def test_wrapping_keeps_definitions(self) -> None:
        """A definition is not wrapped again."""
        assert wrap_resource(needy) is needy


class TestOrder:
    """Making resources in order, and taking them down in reverse."""

    def test_what_is_required_is_made_first(self) -> None:
        """Order follows requirements, whatever the order of the keys."""
        events: list[str] = []
        built({"a": tracked("a", events, {"b"}), "b": tracked("b", events, {"c"}), "c": tracked("c", events)})

        assert events == ["+c", "+b", "+a", "-a", "-b", "-c"]

    def test_each_is_made_once(self) -> None:
        """A resource that two others require is made once."""
        events: list[str] = []
        built({"a": tracked("a", events, {"c"}), "b": tracked("b", events, {"c"}), "c": tracked("c", events)})

        assert events.count("+c") == 1

    def test_all_are_taken_down_when_the_block_fails(self) -> None:
        """An error in the block leaves no resource up."""
        events: list[str] = []
        with pytest.raises(KeyError), build_resources({"a": tracked("a", events)}):
            raise KeyError("in the block")

        assert events == ["+a", "-a"]

    @pytest.mark.parametrize("interrupt", [KeyboardInterrupt, SystemExit])
    def test_all_are_taken_down_when_the_block_is_interrupted(self, interrupt: type[BaseException]) -> None:
        """An interruption leaves no resource up."""
        events: list[str] = []
        with pytest.raises(interrupt), build_resources({"a": tracked("a", events), "b": tracked("b", events)}):
            raise interrupt

        assert events == ["+a", "+b", "-b", "-a"]

    def test_those_made_are_taken_down_when_another_cannot_be(self) -> None:
        """A failure half way takes down what was made."""
        events: list[str] = []
        with pytest.raises(ResourceFunctionError):
            built({"a": tracked("a", events), "f": failing})

        assert events == ["+a", "-a"]

    def test_an_error_while_taking_down_does_not_stop_the_others(self, caplog: pytest.LogCaptureFixture) -> None:
        """A teardown that fails is logged and the rest goes on."""
        events: list[str] = []
        built({"a": tracked("a", events), "b": tracked("b", events, fails=True)})

        assert events == ["+a", "+b", "-b", "-a"]
        assert "Teardown of resource 'b' failed" in caplog.text

    def test_an_interruption_while_taking_down_does_not_stop_the_others(self) -> None:
        """An interrupt during teardown is raised after the rest was taken down."""
        events: list[str] = []

        def make() -> Iterator[int]:
            yield 1
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            built({"a": tracked("a", events), "b": ResourceDefinition(make)})

        assert events == ["+a", "-a"]

    def test_teardown_errors_can_be_collected(self) -> None:
        """A run is told which teardown failed and how."""
        found: list[tuple[str, str]] = []
        defs = {"a": tracked("a", [], fails=True)}
        with resource_scope(defs, {}, ["a"], on_teardown_error=lambda key, error: found.append((key, str(error)))):
            pass

        assert found == [("a", "teardown")]

    def test_a_scope_makes_resources_when_asked(self) -> None:
        """Only what is asked for, and what that requires, is made."""
        events: list[str] = []
        defs = {"a": tracked("a", events, {"b"}), "b": tracked("b", events), "c": tracked("c", events)}
        with ResourceScope(defs) as scope:
            assert scope.resources([])._asdict() == {}
            assert scope.resources(["a"])._asdict() == {"a": "a"}
            assert scope.keys == ["b", "a"]

        assert events == ["+b", "+a", "-a", "-b"]


class TestErrors:
    """Resources that cannot be made."""

    @pytest.mark.parametrize(
        ("defs", "error", "message"),
        [
            (
                {"x": failing},
                ResourceFunctionError,
                "Error executing resource_fn on ResourceDefinition x: ValueError: boom",
            ),
            ({"x": needy}, InvalidConfigError, "Missing required config entry"),
            (
                {"x": ResourceDefinition(lambda c: 1, required_resource_keys={"zz"})},
                InvariantViolationError,
                "'zz' required by resource with key 'x'",
            ),
            (
                {
                    "x": ResourceDefinition(lambda c: 1, required_resource_keys={"y"}),
                    "y": ResourceDefinition(lambda c: 1, required_resource_keys={"x"}),
                },
                InvariantViolationError,
                "transitively depends on itself: x → y → x",
            ),
        ],
    )
    def test_the_error_names_the_resource(self, defs: dict[str, Any], error: type[Exception], message: str) -> None:
        """What keeps a resource from being made is named with its key."""
        with pytest.raises(error, match=message):
            built(defs)

    def test_the_cause_is_kept(self) -> None:
        """The error of the function is the cause."""
        with pytest.raises(ResourceFunctionError) as caught:
            built({"x": failing})

        assert isinstance(caught.value.__cause__, ValueError)

    def test_a_generator_must_yield(self) -> None:
        """A generator that yields nothing is an error."""

        def empty() -> Iterator[int]:
            yield from ()

        with pytest.raises(ResourceFunctionError, match="must yield one item"):
            built({"x": ResourceDefinition(empty)})

    def test_a_generator_yields_once(self, caplog: pytest.LogCaptureFixture) -> None:
        """A second item is reported at teardown."""

        def twice() -> Iterator[int]:
            yield 1
            yield 2

        assert built({"x": ResourceDefinition(twice)}) == {"x": 1}
        assert "yielded more than one item" in caplog.text

    def test_config_for_no_resource_is_refused(self) -> None:
        """Config under a key that no resource has is an error."""
        with pytest.raises(InvalidConfigError, match='unexpected config entry "zz"'):
            built({"b": 1}, {"zz": {}})


class TestNamespace:
    """Resources as attributes."""

    def test_an_unknown_resource_is_an_error_with_the_remedy(self) -> None:
        """Asking for a resource that is not required says how to require it."""
        with pytest.raises(UnknownResourceError, match="Specify `zz` as a required resource"):
            _ = Resources({"a": 1}).zz

    def test_hasattr_works(self) -> None:
        """The error is an AttributeError, so hasattr answers."""
        assert not hasattr(Resources({"a": 1}), "zz")
        assert "a" in Resources({"a": 1})

    def test_resources_cannot_be_replaced(self) -> None:
        """The namespace is read only."""
        with pytest.raises(AttributeError):
            Resources({"a": 1}).a = 2

    def test_a_resource_may_show_another_object(self) -> None:
        """A resource may put another object than itself before user code."""

        class Shown(AttachDifferentObject):
            def get_object_to_set_on_execution_context(self) -> str:
                return "other"

        shown = Shown()
        with build_resources({"r": shown}) as resources:
            assert resources.r == "other"
            assert resources._original_resource_dict["r"] is shown

    def test_a_context_manager_function_is_entered(self) -> None:
        """A function decorated with contextmanager is a resource with teardown."""
        events: list[str] = []

        @contextlib.contextmanager
        def managed(context: InitResourceContext) -> Iterator[int]:
            events.append("in")
            yield 3
            events.append("out")

        assert built({"r": ResourceDefinition(managed)}) == {"r": 3}
        assert events == ["in", "out"]


class TestBuiltContext:
    """The init context for tests."""

    def test_what_is_given_can_be_read(self) -> None:
        """Config, resources and the absence of a run."""
        context = build_init_resource_context(config={"a": 1}, resources={"b": with_context})

        assert context.resource_config == {"a": 1}
        assert context.resources.b == 1
        assert context.run_id is None and context.dagster_run is None
        assert context.log is not None
        with pytest.raises(InvariantViolationError, match="not been bound"):
            _ = context.resource_def

    def test_generator_resources_need_a_with_block(self) -> None:
        """Resources that must be taken down exist only inside of with."""
        events: list[str] = []
        context = build_init_resource_context(resources={"r": tracked("r", events)})
        with pytest.raises(InvariantViolationError, match="outside of context manager scope"):
            _ = context.resources
        with context as opened:
            assert opened.resources.r == "r"

        assert events == ["+r", "-r"]

    def test_config_can_be_replaced(self) -> None:
        """A copy of the context has other config."""
        assert build_init_resource_context(config={"a": 1}).replace_config({"a": 2}).resource_config == {"a": 2}

    def test_a_check_error_is_no_attribute_error(self) -> None:
        """Building from something else than a dictionary is refused."""
        with pytest.raises(CheckError), build_resources(3):  # type: ignore[arg-type]
            pass
