"""Every code block of README and docs is carried out, page by page; every command named in the prose exists.

What happens to a fenced block depends on its language:

- ``python`` runs, all blocks of a page in one namespace;
- ``ipython`` is a notebook cell: it runs in the page's kernel;
- ``sh`` runs in bash, in the page's folder;
- a block with a ``title`` is written to the file of that name, ``pytest`` and ``ipython`` blocks too;
- ``toml``, ``yaml`` and ``json`` are parsed; ``graphql`` is validated against the schema;
- ``console`` is for what needs the world (a clone, a server): its `cellmill` commands must exist;
- ``text`` is for pictures and output, never for something to type.

The generated reference is held by its own tests.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
import textwrap
import tomllib
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import click
import nbformat
import pytest
import yaml
from cellmill.cli.main import program
from cellmill_kernel.magics import LINES
from nbclient import NotebookClient
from nbformat.v4 import new_code_cell, new_notebook

ROOT = Path(__file__).parents[2]
GENERATED = {ROOT / "docs" / "cli.md", *(ROOT / "docs" / "reference").glob("*.md")}
PAGES = sorted({ROOT / "README.md", *(ROOT / "docs").rglob("*.md")} - GENERATED)
BLOCK = re.compile(r"^(?P<indent> *)```(?P<head>[^\n`]*)\n(?P<code>.*?)^(?P=indent)```$", re.MULTILINE | re.DOTALL)
TITLE = re.compile(r'title="([^"]+)"')
TYPED = re.compile(r"\s*(\$ |%|from |import |cellmill |pytest |pip |git |make |jupyter |papermill )")

#: What the commands of a page say at least, beside succeeding: words that are read in all of it, and behind the last.
SAID = {"docs/tour.md": (("by_city", "stale"), ("every_morning", "RUNNING"))}


@dataclass(frozen=True)
class Block:
    """One fenced block: its language, the file it is to be written to, its text and where it starts."""

    language: str
    title: str | None
    code: str
    line: int


def blocks_of(page: Path) -> list[Block]:
    """The fenced blocks of a page, in order."""
    text = page.read_text(encoding="utf-8")
    found = []
    for match in BLOCK.finditer(text):
        head = match["head"].strip()
        title = TITLE.search(head)
        line = text.count("\n", 0, match.start("code")) + 1
        code = textwrap.dedent(match["code"])
        found.append(Block(head.split(" ")[0], title[1] if title else None, code, line))
    return found


class Reader:
    """Does what a page says, in an empty folder."""

    def __init__(self, page: Path, folder: Path, stack: ExitStack) -> None:
        self.page = page
        self.folder = folder
        self.ends_in = folder.with_suffix(".pwd")
        self.stack = stack
        self.namespace: dict[str, object] = {"__name__": "__main__"}
        self.kernel: NotebookClient | None = None
        #: What each block of commands wrote.
        self.said: list[str] = []
        self.environment = {
            **os.environ,
            "NO_COLOR": "1",
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        }

    def do(self, block: Block) -> None:
        """Carry out one block."""
        if block.title is not None:
            self.write(block, block.title)
        elif block.language == "pytest":
            pytest.fail(f"line {block.line}: a test needs a title, the file it goes to")
        getattr(self, f"do_{block.language or 'nothing'}")(block)

    def write(self, block: Block, title: str) -> None:
        """Write the block to the file of its title: a notebook gets it as its next cell."""
        path = self.folder / title
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix == ".ipynb":
            book = nbformat.read(path, 4) if path.exists() else new_notebook()
            book.cells.append(new_code_cell(block.code.rstrip("\n")))
            nbformat.write(book, path)
        else:
            path.write_text(block.code, encoding="utf-8")

    def do_python(self, block: Block) -> None:
        """Run it; padded with blank lines, so that a traceback names the line of the page."""
        code = compile("\n" * (block.line - 1) + block.code, str(self.page), "exec", dont_inherit=True)
        exec(code, self.namespace)

    def do_ipython(self, block: Block) -> None:
        """Run it in the page's kernel, unless it goes to a notebook that something else runs."""
        if block.title is not None:
            return
        if self.kernel is None:
            book = new_notebook(metadata={"kernelspec": {"name": "python3", "display_name": "", "language": "python"}})
            self.kernel = NotebookClient(book, timeout=120, resources={"metadata": {"path": str(self.folder)}})
            self.stack.enter_context(self.kernel.setup_kernel())
        self.kernel.nb.cells.append(new_code_cell(block.code.rstrip("\n")))
        self.kernel.execute_cell(self.kernel.nb.cells[-1], len(self.kernel.nb.cells) - 1)

    def do_sh(self, block: Block) -> None:
        """Run it; every command must succeed; the next block goes on in the folder that this one ends in."""
        done = subprocess.run(
            ["bash", "-eu", "-o", "pipefail", "-c", f"{block.code}\npwd > {self.ends_in}"],
            cwd=self.folder, env=self.environment, capture_output=True, text=True, stdin=subprocess.DEVNULL,
        )  # fmt: skip
        assert 0 == done.returncode, f"line {block.line}: {block.code}\n{done.stdout}{done.stderr}"
        self.folder = Path(self.ends_in.read_text().strip())
        self.said.append(done.stdout)

    def do_pytest(self, block: Block) -> None:
        """Run the file of tests."""
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(block.title)]
        done = subprocess.run(command, cwd=self.folder, env=self.environment, capture_output=True, text=True)
        assert 0 == done.returncode and " passed" in done.stdout, f"line {block.line}\n{done.stdout}{done.stderr}"

    def do_toml(self, block: Block) -> None:
        """It is TOML, and what it sets as the workspace's file is accepted."""
        settings = tomllib.loads(block.code)
        assert settings
        if block.title == "cellmill.toml":
            self.do_sh(Block("sh", None, "cellmill check", block.line))

    def do_yaml(self, block: Block) -> None:
        """It is YAML."""
        assert yaml.safe_load(block.code)

    def do_json(self, block: Block) -> None:
        """It is JSON."""
        json.loads(block.code if block.code.lstrip().startswith(("{", "[")) else "{" + block.code + "}")

    def do_graphql(self, block: Block) -> None:
        """It is valid for the schema that the server offers."""
        from graphql import build_schema, parse, validate

        schema = build_schema((ROOT / "runtime" / "cellmill" / "graphql" / "schema.graphql").read_text("utf-8"))
        assert [] == validate(schema, parse(block.code))

    def do_console(self, block: Block) -> None:
        """Its commands exist."""
        for command in commands_in(block.code):
            assert_command_exists(command)

    def do_text(self, block: Block) -> None:
        """It is nothing that a reader would type."""
        typed = [line for line in block.code.splitlines() if TYPED.match(line)]
        assert [] == typed, f"line {block.line}: say which language this is"

    def do_nothing(self, block: Block) -> None:
        """Every block says what it is."""
        pytest.fail(f"line {block.line}: a code block without a language")


def commands_in(text: str) -> Iterator[list[str]]:
    """The words of each `cellmill …` command line in a text."""
    for line in text.splitlines():
        found = re.search(r"\bcellmill (?!=)(.*)", line.partition("  #")[0])
        if found and line.lstrip().startswith(("cellmill", "CELLMILL_", "OPENLINEAGE_", "jupyter cellmill")):
            yield [] if line.lstrip().startswith("jupyter") else shlex.split(found[1])


def assert_command_exists(words: list[str]) -> None:
    """Each command, subcommand and option of a command line is there."""
    command: click.Command = program
    context = click.Context(program)
    for word in words:
        if word.startswith("-") and not re.match(r"-\d", word):
            options = {name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts)}
            assert word.partition("=")[0] in {*options, "--help", "-h"}, f"{command.name} has no option {word}"
        elif isinstance(command, click.Group):
            found = command.get_command(context, word)
            assert found is not None, f"{command.name} has no command {word}"
            command = found


@pytest.mark.parametrize("page", [p for p in PAGES if blocks_of(p)], ids=lambda p: str(p.relative_to(ROOT)))
def test_page_works(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The blocks of one page work in order, in an empty folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CELLMILL_HOME", raising=False)
    with ExitStack() as stack:
        reader = Reader(page, tmp_path, stack)
        for block in blocks_of(page):
            reader.do(block)
    anywhere, last = SAID.get(str(page.relative_to(ROOT)), ((), ()))
    assert [word for word in anywhere if word not in "".join(reader.said)] == []
    assert [word for word in last if word not in reader.said[-1]] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_what_the_prose_names_exists(page: Path) -> None:
    """Commands and magics in running text are spelt as they are."""
    prose = BLOCK.sub("", page.read_text(encoding="utf-8"))
    for span in re.findall(r"`(cellmill [a-z][^`]*)`", prose):
        assert_command_exists([word for word in shlex.split(span)[1:] if word != "…"])
    magics = {*LINES, "load_ext", "run", "time", "timeit", "matplotlib", "debug", "pdb", "config", "autoreload"}
    named = set(re.findall(r"`%([a-z_]+)", prose))
    assert set() == named - magics
