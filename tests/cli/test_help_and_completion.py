"""Every command explains itself with examples that it understands, and shells complete names."""

from __future__ import annotations

import os
import shlex
from pathlib import Path

import click
import pytest
from cellmill.cli.examples import EXAMPLES
from cellmill.cli.main import program
from click.shell_completion import ShellComplete

from tests.workspace.notebooks import write_notebook

from .command import Command


def commands(group: click.Group, path: str = "") -> dict[str, click.Command]:
    """All commands that do something, by the words that name them."""
    found: dict[str, click.Command] = {}
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        words = f"{path} {name}".strip()
        if isinstance(command, click.Group):
            found |= commands(command, words)
            if command.invoke_without_command:
                found[words] = command
        else:
            found[words] = command
    return found


def test_every_command_has_an_example() -> None:
    """Help ends with examples, of every command and of no other."""
    assert set(EXAMPLES) == set(commands(program))


def test_examples_are_understood(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each example is a command line that parses."""
    monkeypatch.chdir(tmp_path)
    write_notebook(tmp_path / "flights.ipynb", "1")
    known = commands(program)
    # a command keeps the help option that its first context gave it
    parent = click.Context(program, info_name="cellmill", **program.context_settings)
    for path, lines in EXAMPLES.items():
        for line in lines:
            words = shlex.split(line)
            own = ["cellmill", *path.split()]
            assert words[: len(own)] == own
            with known[path].make_context(path, words[len(own) :], parent=parent):
                pass


def complete(line: str) -> list[str]:
    """What a shell offers behind a line."""
    words = line.split(" ")
    found = ShellComplete(program, {}, "cellmill", "_CELLMILL_COMPLETE").get_completions(words[1:-1], words[-1])
    return [item.value for item in found]


def test_shells_complete_names(tmp_path: Path, cellmill: Command) -> None:
    """Verbs, options, assets, jobs, schedules, sensors, partitions and ids, of the workspace that the line names."""
    write_notebook(
        tmp_path / "a.ipynb",
        "%load_ext cellmill",
        "%%asset apple --partitions static:red,green\n1",
        "%%asset apricot\n1",
        "%%asset place --partitions dynamic:regions\n1",
        "%job nightly = apricot",
        "%schedule '0 6 * * *' apricot --name morning",
        "%%sensor arrivals --job nightly\nNone",
    )
    assert cellmill("partitions", "add", "regions", "north").code == 0

    assert "materialize" in complete("cellmill mat")
    assert "--partition-range" in complete("cellmill materialize --par")
    assert complete("cellmill materialize ap") == ["apple", "apricot"]
    assert complete("cellmill assets show apr") == ["apricot"]
    assert complete("cellmill backfill start apple --partition r") == ["red"]
    assert complete("cellmill materialize place --partition ") == ["north"]
    assert complete("cellmill jobs run ") == ["nightly"]
    assert complete("cellmill schedules start ") == ["morning"]
    assert complete("cellmill sensors tick ") == ["arrivals"]
    assert complete("cellmill partitions add ") == ["regions"]
    assert complete("cellmill runs show ") == ["last"]
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    os.chdir(elsewhere)
    assert complete(f"cellmill -w {tmp_path} jobs run n") == ["nightly"]
