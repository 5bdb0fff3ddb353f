"""Which resources, IO managers and input managers something needs, and what needs them."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping, Set
from typing import TYPE_CHECKING, Any, NamedTuple

from cellmill.definitions.inference import describe_place
from cellmill.definitions.selection_grammar import nearest
from cellmill.errors import InvalidDefinitionError, InvariantViolationError
from cellmill.first_use import on_first_use

if TYPE_CHECKING:
    from cellmill.definitions import input_manager, io_manager
else:
    input_manager = on_first_use("cellmill.definitions.input_manager")
    io_manager = on_first_use("cellmill.definitions.io_manager")


class ResourceRequirement(NamedTuple):
    """A resource that something needs."""

    key: str
    #: What needs it, as messages name it.
    who: str
    #: What the resource is, as messages name it, and the class of its definition.
    what: str = "resource"
    definition: str = "ResourceDefinition"

    def missing(self, given: Mapping[str, Any], place: str = "") -> InvalidDefinitionError:
        """The error where nobody gives it; `place` is where it is asked for."""
        return InvalidDefinitionError(
            f"{self.what} with key '{self.key}' required by {self.who} was not provided."
            f"{nearest(self.key, given)} Please provide a {self.definition} to key '{self.key}', or change the "
            f"required key to one of the following keys which points to an {self.definition}: {sorted(given)}"
            f"{place}"
        )

    def unfit(self, given: Mapping[str, Any], place: str = "") -> InvalidDefinitionError | None:
        """The error where what is given cannot store outputs or load inputs and should; None where it can."""
        found = given[self.key]
        if self.definition == "ResourceDefinition" or self._is_served_by(found):
            return None
        source = _behind(found)
        methods = "load_input" if self.definition == "InputManagerDefinition" else "handle_output and load_input"
        return InvalidDefinitionError(
            f"{self.what} with key '{self.key}' required by {self.who}, but received "
            f"{type(found if source is None else source).__name__}{place}. Give that key an object with {methods}, "
            f"such as a ConfigurableIOManager or what @{self.what.replace(' ', '_')} makes; the keys of such objects "
            f"are {sorted(key for key, one in given.items() if self._is_served_by(one))}."
        )

    def _is_served_by(self, found: Any) -> bool:
        loads_only = self.definition == "InputManagerDefinition"
        if isinstance(found, io_manager.IOManagerDefinition):
            return True
        if isinstance(found, input_manager.InputManagerDefinition):
            return loads_only
        source = _behind(found)
        return callable(getattr(source, "load_input", None)) if loads_only else io_manager.is_io_manager(source)


def _behind(definition: Any) -> Any:
    """Return the object that is the resource or whose class it is; None where a function makes it."""
    source = definition.made_from if definition.held is None else definition.held
    return getattr(source, "resource_cls", source)


def requirements_of_op(op: Any) -> Iterator[ResourceRequirement]:
    """Yield what an op needs: for its body, and for the types, loaders and managers of its inputs and outputs."""
    for key in sorted(op.required_resource_keys):
        yield ResourceRequirement(key, f"op '{op.name}'")
    for port in (*op.input_defs, *op.output_defs):
        yield from _requirements_of_type(port)
    for out in op.output_defs:
        if out.io_manager_key != "io_manager" and not out.is_nothing:
            who = f"output '{out.name}' of op '{op.name}'"
            yield ResourceRequirement(out.io_manager_key, who, "io manager", "IOManagerDefinition")
    for one in op.input_defs:
        if one.input_manager_key:
            who = f"input '{one.name}' of op '{op.name}'"
            yield ResourceRequirement(one.input_manager_key, who, "input manager", "InputManagerDefinition")


def unfit_managers(op_defs: Iterable[Any], given: Mapping[str, Any]) -> Iterator[InvalidDefinitionError]:
    """Yield an error for each port whose manager is a resource that cannot store outputs or load inputs."""
    plain = {key for key, one in given.items() if not isinstance(one, io_manager.IOManagerDefinition)}
    if not plain:
        return
    for op in op_defs:
        for one in (*requirements_of_op(op), *_default_managers(op)):
            if one.key in plain and (problem := one.unfit(given, _at(op))) is not None:
                yield problem


def _default_managers(op: Any) -> Iterator[ResourceRequirement]:
    for out in op.output_defs:
        if out.io_manager_key == "io_manager" and not out.is_nothing:
            yield ResourceRequirement(
                "io_manager", f"output '{out.name}' of op '{op.name}'", "io manager", "IOManagerDefinition"
            )


def resource_keys_of_op(op: Any, loaded: Container[str]) -> frozenset[str]:
    """The resources that an op's body, the types of its ports and the loaders of these inputs read; no managers."""
    of_types = [
        one.key
        for port in (*op.input_defs, *op.output_defs)
        for one in _requirements_of_type(port, with_loader=port.name in loaded)
    ]
    keys: frozenset[str] = op.required_resource_keys
    return keys.union(of_types) if of_types else keys


def _requirements_of_type(port: Any, *, with_loader: bool = True) -> Iterator[ResourceRequirement]:
    if port.is_untyped or port.is_nothing:
        return
    declared = port.dagster_type
    for one in (declared, *declared.inner_types):
        for key in sorted(one.required_resource_keys):
            yield ResourceRequirement(key, f"type '{one.display_name}'")
        if with_loader and one.loader is not None:
            for key in sorted(one.loader.required_resource_keys()):
                yield ResourceRequirement(key, f"the loader on type '{one.display_name}'")


def requirements_of_hooks(graph: Any) -> Iterator[ResourceRequirement]:
    """Yield what the hooks of a graph's nodes need, at any depth."""
    for node in graph.node_dict.values():
        for hook in node.hook_defs:
            for key in sorted(hook.required_resource_keys):
                yield ResourceRequirement(key, f"hook '{hook.name}' attached to op '{node.name}'")
        if node.definition.is_graph:
            yield from requirements_of_hooks(node.definition)


def requirements_of_attached(hooks: Iterable[Any], where: str) -> Iterator[ResourceRequirement]:
    """Yield what hooks need that are attached to a whole job or asset; `where` names it in messages."""
    for hook in hooks:
        for key in sorted(hook.required_resource_keys):
            yield ResourceRequirement(key, f"hook '{hook.name}' attached to {where}")


def unprovided(job: Any) -> Iterator[InvalidDefinitionError]:
    """Yield an error for each resource that ops, hooks and resources of the job need and that is missing or unfit."""
    given: Mapping[str, Any] = job.resource_defs
    for op in job.graph.iterate_op_defs():
        yield from unprovided_of(requirements_of_op(op), given, op)
    yield from unprovided_of(requirements_of_hooks(job.graph), given)
    yield from unprovided_of(requirements_of_attached(job.hook_defs, f"job '{job.name}'"), given)
    yield from unprovided_of(requirements_of_resources(given), given)
    yield from unfit_managers(job.graph.iterate_op_defs(), given)


def unprovided_of(
    wanted: Iterable[ResourceRequirement], given: Mapping[str, Any], op: Any = None
) -> Iterator[InvalidDefinitionError]:
    """Yield an error for each requirement that nobody gives; the message has the place of the op that asks."""
    for one in wanted:
        if one.key not in given and (one.key, one.what) != ("io_manager", "io manager"):
            yield one.missing(given, _at(op) if op is not None else "")


def check_provided(job: Any) -> None:
    """Raise for what a job that brings resources of its own does not bring; others get theirs from outside.

    Raises:
        InvalidDefinitionError: for what ops and hooks need.
        InvariantViolationError: for what resources need of each other.
    """
    given: Mapping[str, Any] = job.resource_defs
    for one in requirements_of_resources(given):
        if one.key not in given:
            raise InvariantViolationError(
                f"Resource with key '{one.key}' required by {one.who}, but not provided.{nearest(one.key, given)} "
                f"There are {sorted(given)}."
            )
    for error in unprovided(job):
        raise error


def _at(op: Any) -> str:
    place = describe_place(op.compute_fn)
    return f" ({place})" if place else ""


def requirements_of_resources(
    of: Mapping[str, Any], given: Mapping[str, Any] | None = None
) -> Iterator[ResourceRequirement]:
    """Yield what resources need of the others; `given` are all there are, where that is more than `of`."""
    for name, definition in of.items():
        for key in sorted(_keys_of(definition, of if given is None else given)):
            yield ResourceRequirement(key, f"resource with key '{name}'")


def check_acyclic(given: Mapping[str, Any]) -> None:
    """Raise where a resource needs itself.

    Raises:
        InvariantViolationError: with the circle.
    """
    done: set[str] = set()

    def visit(key: str, path: tuple[str, ...]) -> None:
        if key in path:
            raise depends_on_itself(key, path)
        if key in done or key not in given:
            return
        for needed in sorted(_keys_of(given[key], given)):
            visit(needed, (*path, key))
        done.add(key)

    for key in sorted(given):
        visit(key, ())


def depends_on_itself(key: str, path: tuple[str, ...]) -> InvariantViolationError:
    """The error for a resource that is needed on the way to itself."""
    circle = " → ".join([*path[path.index(key) :], key])
    return InvariantViolationError(
        f'Resource key "{key}" transitively depends on itself: {circle}. Take one of these requirements away.'
    )


def _keys_of(definition: Any, given: Mapping[str, Any]) -> Set[str]:
    needed = getattr(definition, "get_required_resource_keys", None)
    keys: Set[str] = needed(given) if needed is not None else getattr(definition, "required_resource_keys", frozenset())
    return keys
