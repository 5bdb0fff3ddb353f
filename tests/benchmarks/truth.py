"""The analyser against the truth: notebooks are executed cell by cell in a namespace that records what each cell does.

    python tests/benchmarks/truth.py FOLDER_OR_SDIST … [--seconds 60] [--limit N] [--verbose]

Every notebook runs in a process of its own, in a temporary folder, with a time limit.  Of each cell that ends without
an error, the names that it really read from the cells before and really bound are compared with the analyser's facts:

- missed: a name that was read or bound and that the analyser does not know of (the unsafe kind of error);
- unseen: a name that the analyser says certainly is read, bound by an earlier cell, and was not read.

Cells with code that the analyser itself declares unknown (`dynamic`, `star`) are counted apart.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

#: Flags by which the analyser says that it cannot know all names of a cell.
UNKNOWN = frozenset({"dynamic", "star", "opaque", "history"})


class Recording(dict[str, Any]):
    """A namespace that notes which names were read while bound by the notebook, and which were bound."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.owner: dict[str, int] = {}
        self.cell = -1
        self.reads: set[str] = set()
        self.writes: set[str] = set()

    def begin(self, cell: int) -> None:
        """What follows belongs to this cell."""
        self.cell, self.reads, self.writes = cell, set(), set()

    def note_read(self, name: str) -> None:
        """A read of a name that an earlier cell bound, and that this one has not bound anew."""
        if self.owner.get(name, self.cell) != self.cell:
            self.reads.add(name)

    def __getitem__(self, name: str) -> Any:
        value = super().__getitem__(name)
        self.note_read(name)
        return value

    def __setitem__(self, name: str, value: Any) -> None:
        self.owner[name] = self.cell
        self.writes.add(name)
        super().__setitem__(name, value)

    def __delitem__(self, name: str) -> None:
        self.note_read(name)
        self.owner.pop(name, None)
        self.writes.discard(name)
        super().__delitem__(name)


def reads_of_functions(code: Any, names: set[str]) -> None:
    """Add the global names that the functions below a code object load."""
    import dis

    for constant in code.co_consts:
        if hasattr(constant, "co_code"):
            names.update(i.argval for i in dis.get_instructions(constant) if i.opname == "LOAD_GLOBAL")
            reads_of_functions(constant, names)


def run_notebook(path: Path) -> None:
    """Execute one notebook and print one JSON line a cell: what was read, what was bound, whether it failed."""
    import ast
    import contextlib
    import io

    from IPython.core.interactiveshell import InteractiveShell

    os.environ.setdefault("MPLBACKEND", "Agg")
    shell = InteractiveShell.instance()
    shell.ast_node_interactivity = "none"
    space = Recording(shell.user_ns)
    out = os.fdopen(os.dup(1), "w")
    sink = io.StringIO()
    document = json.loads(path.read_text(encoding="utf-8"))
    tracer = _Tracer(space)
    for index, cell in enumerate(document.get("cells", ())):
        if cell.get("cell_type") != "code":
            continue
        source = "".join(cell.get("source", ""))
        space.begin(index)
        failed = ""
        try:
            with contextlib.redirect_stdout(sink), contextlib.redirect_stderr(sink):
                tree = ast.parse(shell.transform_cell(source))
                code = compile(tree, f"<cell {index}>", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
                if code.co_flags & 0x80:
                    raise RuntimeError("top-level await")
                space.setdefault("get_ipython", shell.get_ipython)
                shell.user_ns = space
                sys.setprofile(tracer)
                exec(code, space)
        except BaseException as error:
            failed = f"{type(error).__name__}: {error}"[:200]
        finally:
            sys.setprofile(None)
        record = {"cell": index, "reads": sorted(space.reads), "writes": sorted(space.writes), "failed": failed}
        out.write(json.dumps(record) + "\n")
        out.flush()


class _Tracer:
    """Functions load globals past a dict subclass: note the globals of each notebook function that is entered."""

    def __init__(self, space: Recording) -> None:
        self.space = space
        self.known: dict[Any, frozenset[str]] = {}

    def __call__(self, frame: Any, event: str, argument: Any) -> None:
        if event != "call" or frame.f_globals is not self.space or not frame.f_code.co_filename.startswith("<cell "):
            return
        code = frame.f_code
        names = self.known.get(code)
        if names is None:
            import dis

            loads = [i for i in dis.get_instructions(code) if i.opname == "LOAD_GLOBAL"]
            # a name behind a branch may not be read: only loads before the first jump are sure
            jumps = [i.offset for i in dis.get_instructions(code) if "JUMP" in i.opname or i.opname == "FOR_ITER"]
            first = min(jumps, default=1 << 30)
            names = self.known[code] = frozenset(i.argval for i in loads if i.offset < first)
        for name in names:
            if dict.__contains__(self.space, name):
                self.space.note_read(name)


def compare(path: Path, records: Sequence[dict[str, Any]]) -> tuple[Counter[str], list[str]]:
    """Return counts and, in words, each difference between what cells did and what the analyser says."""
    from cellmill.notebooks.scan import scan_notebook

    scan = scan_notebook(path.read_text(encoding="utf-8"), path.name, python=(sys.version_info[0], sys.version_info[1]))
    # cells that this program executes itself (%%asset, %materialize …) are not plain cells
    facts = {one.cell.index: one.facts for one in scan.cells if one.is_plain and "%materialize" not in one.cell.source}
    counts: Counter[str] = Counter()
    words: list[str] = []
    bound: set[str] = set()
    helpers: dict[str, set[str]] = {}
    for record in records:
        index = record["cell"]
        fact = facts.get(index)
        if fact is None:
            bound.update(record["writes"])
            continue
        for statement in fact.statements:
            for name, deferred in statement.deferred.items():
                helpers[name] = set(deferred.uses)
        uses = set(fact.uses) | set(fact.builtin_uses) | set(fact.history)
        certain = {name for name, use in fact.uses.items() if use.confidence == 3 and not use.note and not use.via}
        todo = list(uses)
        while todo:  # what a helper reads counts, as the linking counts it
            for name in helpers.get(todo.pop(), ()):
                if name not in uses:
                    uses.add(name)
                    todo.append(name)
        unknown = bool(fact.flags & UNKNOWN) or bool(fact.problem)
        if record["failed"]:
            counts["failed"] += 1
            bound.update(record["writes"])
            continue
        counts["cells"] += 1
        counts["unknown"] += unknown
        reads = {name for name in record["reads"] if not name.startswith("_")}
        writes = {name for name in record["writes"] if not name.startswith("_")}
        counts["reads"] += len(reads)
        counts["writes"] += len(writes)
        if not unknown:
            for name in sorted(reads - uses):
                counts["missed reads"] += 1
                words.append(f"{path.name}, cell {index + 1}: read {name!r}, which the analyser does not see")
            for name in sorted(writes - set(fact.binds)):
                counts["missed writes"] += 1
                words.append(f"{path.name}, cell {index + 1}: bound {name!r}, which the analyser does not see")
            static = {name for name in certain if name in bound}
            counts["static"] += len(static)
            for name in sorted(static - reads):
                counts["unseen"] += 1
                words.append(f"{path.name}, cell {index + 1}: {name!r} was not read, but the analyser says so")
        bound.update(writes)
    return counts, words


def notebooks_of(source: Path, folder: Path) -> Iterator[Path]:
    """Unpack an archive's folder of notebooks (or take a folder) and give the notebooks."""
    if source.is_dir():
        yield from sorted(source.rglob("*.ipynb"))
        return
    target = folder / source.name
    target.mkdir(exist_ok=True)
    if source.name.endswith((".whl", ".zip")):
        with zipfile.ZipFile(source) as archive:
            archive.extractall(target)
    else:
        with tarfile.open(source) as archive:
            archive.extractall(target, filter="data")
    yield from sorted(target.rglob("*.ipynb"))


def truth_of(path: Path, seconds: float) -> tuple[Counter[str], list[str]]:
    """Execute one notebook in a process of its own and compare; a cut-off one counts as far as it came."""
    command = [sys.executable, str(Path(__file__).resolve()), "--execute", str(path.resolve())]
    try:
        done = subprocess.run(
            command, cwd=path.parent, capture_output=True, text=True, timeout=seconds, stdin=subprocess.DEVNULL
        )
        text = done.stdout
    except subprocess.TimeoutExpired as late:
        text = late.stdout.decode() if isinstance(late.stdout, bytes) else late.stdout or ""
    records = []
    for line in text.splitlines():
        try:
            record = json.loads(line)
        except ValueError:
            continue
        if isinstance(record, dict) and "reads" in record:
            records.append(record)
    return compare(path, records)


def main(argv: Sequence[str]) -> int:
    """Compare the notebooks of folders and archives; 1 where a read or write was missed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("sources", nargs="*", type=Path)
    parser.add_argument("--execute", type=Path)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--limit", type=int, default=0)
    parser.add_argument("--verbose", action="store_true")
    arguments = parser.parse_args(argv)
    if arguments.execute:
        run_notebook(arguments.execute)
        return 0
    total: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as made:
        paths = [path for source in arguments.sources for path in notebooks_of(source, Path(made))]
        for path in paths[: arguments.limit or None]:
            try:
                counts, words = truth_of(path, arguments.seconds)
            except Exception as error:  # a file that is no notebook is not what is measured
                print(f"{path.name}: not read ({type(error).__name__}: {error})"[:160])
                continue
            counts["notebooks"] += 1
            counts["executed"] += counts["cells"] > 0
            total += counts
            for word in words:
                if arguments.verbose or "was not read" not in word:
                    print(word)
    for name in ("notebooks", "executed", "cells", "failed", "unknown", "reads", "writes", "static"):
        print(f"{name:14} {total[name]}")
    print(f"missed reads   {total['missed reads']}\nmissed writes  {total['missed writes']}")
    print(f"unseen         {total['unseen']} ({total['unseen'] / max(total['static'], 1):.1%} of the static reads)")
    return 1 if total["missed reads"] or total["missed writes"] else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
