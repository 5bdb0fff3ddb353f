"""What commands share: the workspace, the instance and the console, each made when first asked for."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from functools import cached_property, update_wrapper
from pathlib import Path
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar

import click
from rich.console import Console

from cellmill.cli.render import make_console
from cellmill.execution import run_process
from cellmill.execution.spare import SpareProcess, fork_spare
from cellmill.first_use import on_first_use
from cellmill.workspace.config import WorkspaceConfig, find_workspace, read_config, with_locations
from cellmill.workspace.manifest import ProblemEntry
from cellmill.workspace.notebook_told import UNKNOWN
from cellmill.workspace.workspace import Workspace, find_home

if TYPE_CHECKING:
    from cellmill.instance import instance as stored_instance
    from cellmill.instance.instance import Instance
else:
    stored_instance = on_first_use("cellmill.instance.instance")

P = ParamSpec("P")
R = TypeVar("R")


class App:
    """One command line's workspace, instance and console."""

    def __init__(self, options: dict[str, Any]) -> None:
        self.options = options
        #: Runs whose process this command started, by run id.
        self.launched: dict[str, Any] = {}
        self._spare: SpareProcess | None = None
        #: Whether cells may be run to learn what a notebook's text does not show.
        self.describe = True

    def prepare_run(self) -> None:
        """Fork the process of the run that this command will start; call it before workspace and instance are opened.

        Only where the command is a program of its own: another program may have connections open.
        """
        if self.options.get("own_process") and not {"workspace", "instance"} & set(vars(self)):
            self._spare = fork_spare(run_process.worker, run_process.main)
            if self._spare is not None:
                click.get_current_context().find_root().call_on_close(self._discard_spare)

    def take_spare(self) -> SpareProcess | None:
        """Return the process that `prepare_run` forked, once."""
        spare, self._spare = self._spare, None
        return spare

    def _discard_spare(self) -> None:
        if self._spare is not None:
            self._spare.discard()

    @cached_property
    def console(self) -> Console:
        """Where results go."""
        return make_console(self.options.get("color"))

    @cached_property
    def errors(self) -> Console:
        """Where warnings and progress go."""
        return make_console(self.options.get("color"), stderr=True)

    @cached_property
    def config(self) -> WorkspaceConfig:
        """The workspace's configuration, with what the command line says about it."""
        given = self.options.get("workspace") or os.environ.get("CELLMILL_WORKSPACE")
        if given and not Path(given).exists():
            raise click.UsageError(f"There is no workspace at {given!r}.")
        path = Path(given) if given else None
        config = read_config(path) if path is not None and path.is_file() else find_workspace(path)
        try:
            return with_locations(config, self.options.get("files", ()), self.options.get("modules", ()), Path.cwd())
        except FileNotFoundError as error:
            raise click.UsageError(str(error)) from None

    @property
    def worker_arguments(self) -> list[str]:
        """The same choice of workspace and locations, for the worker of a run."""
        chosen = self.chosen_locations
        found = [f"--python-file={name}" for name in chosen.get("files", ())]
        found += [f"--module-name={name}" for name in chosen.get("modules", ())]
        here = [f"--folder={chosen['folder']}"] if chosen else []
        return ["--workspace", str(self.config.path or self.config.root), *found, *here]

    @property
    def chosen_locations(self) -> dict[str, Any]:
        """The files and modules that the command line chose as the only locations, as plain data; empty without any."""
        files = [str(Path(name).resolve()) for name in self.options.get("files", ())]
        modules = list(self.options.get("modules", ()))
        return {"files": files, "modules": modules, "folder": str(Path.cwd())} if files or modules else {}

    @cached_property
    def home(self) -> Path:
        """The instance's folder."""
        return find_home(self.config, self.options.get("home"))

    @cached_property
    def workspace(self) -> Workspace:
        """The workspace; its hosts are stopped when the command ends."""
        workspace = Workspace(self.config, self.home, describe=self.describe)
        click.get_current_context().find_root().call_on_close(workspace.close)
        return workspace

    @cached_property
    def instance(self) -> Instance:
        """The instance in `home`; closed when the command ends."""
        instance: Instance = stored_instance.Instance.get(self.home)
        click.get_current_context().find_root().call_on_close(instance.close)
        return instance

    def warn_problems(self, problems: Sequence[ProblemEntry] | None = None) -> None:
        """Say on standard error, in one line, that something is broken; the rest goes on, and `check` has the whole."""
        found = self.workspace.manifest.problems if problems is None else problems
        count = sum(problem.severity == "error" for problem in found)
        if count:
            what = "1 problem" if count == 1 else f"{count} problems"
            self.errors.print(f"[yellow]{what} in this workspace:[/] cellmill check", highlight=False)

    def warn_unread(self) -> None:
        """Say on standard error which notebooks define more than their text shows and was learned before."""
        unread = {problem.notebook for problem in self.workspace.manifest.problems if problem.kind == UNKNOWN}
        if unread:
            names = ", ".join(sorted(filter(None, unread)))
            self.errors.print(
                f"[yellow]Known by running only, and not shown:[/] computed definitions of {names}; --describe"
            )


def problem_text(problem: ProblemEntry) -> str:
    """Return a problem as one message: place, what, remedy."""
    place = str(problem.place) or problem.location
    head = problem.message if place and problem.message.startswith(place) else f"{place}: {problem.message}"
    return head + (f"\n  {problem.remedy}" if problem.remedy and problem.remedy not in head else "")


def pass_app(function: Callable[Concatenate[App, P], R]) -> Callable[P, R]:
    """Call `function` with the command line's `App` as its first argument."""

    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        context = click.get_current_context()
        root = context.find_root()
        app = root.meta.get("cellmill.app")
        if app is None:
            app = root.meta["cellmill.app"] = App(root.obj or {})
        return context.invoke(function, app, *args, **kwargs)

    return update_wrapper(call, function)


describe_option = click.option(
    "--describe",
    is_flag=True,
    help="Also run, in their host, the cells that make what a notebook's text does not show.",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Write JSON.")
