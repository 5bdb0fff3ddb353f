"""Jobs that another process can make again."""

from __future__ import annotations

import inspect
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from importlib.util import module_from_spec, spec_from_file_location
from typing import Any

from cellmill.definitions.graph import GraphDefinition
from cellmill.definitions.job import JobDefinition
from cellmill.errors import InvariantViolationError


class ReconstructableJob:
    """Where a job comes from: a function or name in a module or file, and its arguments; `reconstructable` makes it.

    Args:
        module: The module, as it is imported; None where there is a file.
        file: The Python file; None where there is a module.
        attribute: Name of the job, or of a function that returns it.
        args: Arguments of the function.
        kwargs: Arguments of the function, by name.
        op_selection: The part of the job that is meant, by its ops.
        asset_selection: The part of the job that is meant, by its assets.
        working_directory: Folder that imports start from; None is the current one.
    """

    __slots__ = (
        "args",
        "asset_selection",
        "attribute",
        "file",
        "kwargs",
        "module",
        "op_selection",
        "working_directory",
    )

    def __init__(
        self,
        module: str | None,
        file: str | None,
        attribute: str,
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
        op_selection: Sequence[str] | None = None,
        asset_selection: Any = None,
        working_directory: str | None = None,
    ) -> None:
        self.module = module
        self.file = file
        self.attribute = attribute
        self.args = tuple(args)
        self.kwargs = dict(kwargs or {})
        self.op_selection = op_selection
        self.asset_selection = asset_selection
        self.working_directory = working_directory or os.getcwd()

    def get_definition(self) -> JobDefinition:
        """Return the job, made anew.

        Raises:
            InvariantViolationError: where the name stands for no job.
        """
        found = self._container()
        for part in self.attribute.split("."):
            found = getattr(found, part)
        if not isinstance(found, (JobDefinition, GraphDefinition)) and callable(found):
            found = found(*self.args, **self.kwargs)
        job = found.to_job() if isinstance(found, GraphDefinition) else found
        if not isinstance(job, JobDefinition):
            raise InvariantViolationError(
                f"{self.attribute} of {self.module or self.file} is no job but {job!r}; name a job or a function that "
                "returns one."
            )
        if self.op_selection or self.asset_selection:
            job = job.get_subset(op_selection=self.op_selection, asset_selection=self.asset_selection)
        return job

    def _container(self) -> Any:
        if self.module is not None:
            if self.working_directory not in sys.path:
                sys.path.insert(0, self.working_directory)
            return import_module(self.module)
        assert self.file is not None
        name = os.path.splitext(os.path.basename(self.file))[0]
        known = sys.modules.get(name)
        if known is not None and getattr(known, "__file__", None) == self.file:
            return known
        spec = spec_from_file_location(name, self.file)
        assert spec is not None and spec.loader is not None
        module = module_from_spec(spec)
        sys.modules[name] = module
        spec.loader.exec_module(module)
        return module

    @property
    def job_name(self) -> str:
        """The job's name."""
        return self.get_definition().name

    def with_selection(self, op_selection: Sequence[str] | None, asset_selection: Any = None) -> ReconstructableJob:
        """Return the same job cut down to a selection.

        Args:
            op_selection: Nodes by name, as in `JobDefinition.get_subset`.
            asset_selection: Keys of the assets to make.
        """
        return ReconstructableJob(
            self.module,
            self.file,
            self.attribute,
            self.args,
            self.kwargs,
            op_selection,
            asset_selection,
            self.working_directory,
        )

    def get_python_origin(self) -> tuple[str | None, str | None, str]:
        """Return module, file and name."""
        return self.module, self.file, self.attribute

    def __reduce__(self) -> tuple[Any, ...]:
        return ReconstructableJob, tuple(
            getattr(self, name)
            for name in (
                "module",
                "file",
                "attribute",
                "args",
                "kwargs",
                "op_selection",
                "asset_selection",
                "working_directory",
            )
        )

    def __repr__(self) -> str:
        return f"ReconstructableJob({self.attribute!r} of {self.module or self.file!r})"


def reconstructable(target: Any) -> ReconstructableJob:
    """Return a job in the form in which worker processes can make it again, by importing its module.

    Args:
        target: A job at the top of a module, or a function there that returns one.

    Raises:
        InvariantViolationError: where other processes cannot reach it: a lambda, something within a function, or in a
            notebook.
    """
    if isinstance(target, JobDefinition):
        fn = target.graph.composition_fn
        if fn is None:
            raise InvariantViolationError(
                f"Reconstructable target {target.name!r} was made by code and not by @job; give a function "
                "that returns it."
            )
        if isinstance(_named(fn), GraphDefinition):
            raise InvariantViolationError(
                f"Reconstructable target {target.name!r} was made by to_job, and another process would find the graph "
                f"{fn.__qualname__} instead: you must wrap the ``to_job`` call in a function at module scope, and give "
                "that."
            )
        return _of_function(fn, target)
    if isinstance(target, GraphDefinition):
        raise InvariantViolationError(
            f"Reconstructable target was not a function returning a job definition, or a job definition: {target!r}. "
            "Use `to_job` in a function."
        )
    if not inspect.isfunction(target):
        raise InvariantViolationError(
            f"Reconstructable target should be a function or definition produced by a decorated function, "
            f"got {type(target)}."
        )
    return _of_function(target, None)


def _named(fn: Callable[..., Any]) -> Any:
    """Return what the module of a function has under its name."""
    return getattr(sys.modules.get(fn.__module__), fn.__qualname__, None)


def _of_function(fn: Callable[..., Any], job: JobDefinition | None) -> ReconstructableJob:
    name = fn.__qualname__
    if fn.__name__ == "<lambda>":
        raise InvariantViolationError(
            "Reconstructable target can not be a lambda. Use a function or decorated function defined at module scope "
            "instead, or use build_reconstructable_job."
        )
    if "<locals>" in name:
        raise InvariantViolationError(
            f'Use a function or decorated function defined at module scope instead of "{name}", which another process '
            "cannot reach; or use build_reconstructable_job."
        )
    module = fn.__module__
    if module == "__main__":
        main = sys.modules["__main__"]
        file = getattr(main, "__file__", None)
        if file is None:
            raise InvariantViolationError(
                "reconstructable() can not reconstruct jobs from python's interactive mode or a notebook; put the job "
                "into a module."
            )
        return ReconstructableJob(None, os.path.abspath(file), name)
    return ReconstructableJob(module, None, name)


def build_reconstructable_job(
    reconstructor_module_name: str,
    reconstructor_function_name: str,
    reconstructable_args: Sequence[Any] | None = None,
    reconstructable_kwargs: Mapping[str, Any] | None = None,
    reconstructor_working_directory: str | None = None,
) -> ReconstructableJob:
    """Return the job that a function of a module makes from these arguments, in a form that worker processes can
    make again.

    Args:
        reconstructor_module_name: The module, as it is imported.
        reconstructor_function_name: The function in it that returns the job.
        reconstructable_args: Arguments of the function, which can be pickled.
        reconstructable_kwargs: Arguments of the function, by name.
        reconstructor_working_directory: Folder that imports start from; None is the current one.
    """
    return ReconstructableJob(
        reconstructor_module_name,
        None,
        reconstructor_function_name,
        tuple(reconstructable_args or ()),
        reconstructable_kwargs,
        working_directory=reconstructor_working_directory,
    )
