"""The analyser against the truth: notebooks are executed cell by cell in a namespace that records what each cell does.

    python tests/benchmarks/truth.py --fetch CORPUS_FOLDER         # source distributions that ship notebooks, by pip
    python tests/benchmarks/truth.py FOLDER_OR_SDIST … [--seconds 60] [--limit N] [--verbose] [--python EXECUTABLE]

Every notebook runs in a process of its own, in a temporary folder, with a time limit.  Of each cell that ends without
an error, the names that it really read from the cells before and really bound are compared with the analyser's facts:

- missed: a name that was bound and that the analyser does not know of, or one that was read while the slice of the
  cell's reads does not hold the statement that had bound it (the unsafe kind of error);
- unseen: a name that the analyser says certainly is read, bound by an earlier cell, and was not read.

Cells with code that the analyser itself declares unknown (`dynamic`, `star` …) are counted apart.
"""

from __future__ import annotations
import __future__

import argparse
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

#: Flags by which the analyser says that it cannot know all names of a cell.
UNKNOWN = frozenset({"dynamic", "star", "opaque", "history"})
#: `from __future__ import annotations` binds a name, too, which is no value of anybody's.
FEATURES = frozenset(__future__.all_feature_names)
#: Distributions that ship notebooks, one requirement a line.
CORPUS = Path(__file__).with_name("truth_corpus.txt")


class Recording(dict[str, Any]):
    """A namespace that notes which names were read while bound by the notebook, and which were bound.

    CPython looks names up through `__getitem__` of a dict's subclass, for functions' globals too; `global` stores go
    past it and are found by `end`.
    """

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.owner: dict[str, int] = {}
        self.cell = -1
        self.reads: dict[str, int] = {}
        self.writes: set[str] = set()
        self.before: dict[str, int] = {}

    def begin(self, cell: int) -> None:
        """What follows belongs to this cell."""
        self.cell, self.reads, self.writes = cell, {}, set()
        self.before = {name: id(value) for name, value in self.items()}

    def end(self) -> None:
        """Note what was bound without asking: stores of functions that say `global`."""
        for name, value in self.items():
            if name not in self.writes and self.before.get(name) != id(value):
                self.owner[name] = self.cell
                self.writes.add(name)

    def note_read(self, name: str) -> None:
        """A read of a name that an earlier cell bound, and that this one has not bound anew."""
        owner = self.owner.get(name, self.cell)
        if owner != self.cell:
            self.reads.setdefault(name, owner)

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
        super().__delitem__(name)
        self.owner.pop(name, None)
        self.writes.discard(name)


def run_notebook(path: Path) -> None:
    """Execute one notebook and print one JSON line a cell: what was read, what was bound, whether it failed."""
    import ast
    import asyncio
    import contextlib
    import inspect
    import io

    from IPython.core.interactiveshell import InteractiveShell

    os.environ.setdefault("MPLBACKEND", "Agg")
    sys.path.insert(0, os.getcwd())
    shell = InteractiveShell.instance()
    shell.enable_gui = lambda gui=None: None  # %matplotlib inline works as in a kernel
    space = Recording(shell.user_ns)
    dict.__setitem__(space, "get_ipython", shell.get_ipython)
    shell.user_ns = space
    loop = asyncio.new_event_loop()
    out = os.fdopen(os.dup(1), "w")
    document = json.loads(path.read_text(encoding="utf-8"))
    for index, cell in enumerate(cells_of(document)):
        if cell.get("cell_type") != "code":
            continue
        source = "".join(cell.get("source", cell.get("input", "")))
        space.begin(index)
        failed = ""
        try:
            with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
                tree = ast.parse(shell.transform_cell(source))
                code = compile(tree, f"<cell {index}>", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
                waiting = eval(code, space)
                if inspect.iscoroutine(waiting):
                    loop.run_until_complete(waiting)
        except BaseException as error:
            failed = f"{type(error).__name__}: {error}"[:200]
        else:
            for name in class_reads(tree):
                if name in space.keys():
                    space.note_read(name)
        space.end()
        record = {"cell": index, "reads": space.reads, "writes": sorted(space.writes), "failed": failed}
        out.write(json.dumps(record) + "\n")
        out.flush()
    os._exit(0)  # threads and servers that a notebook started are not waited for


def class_reads(tree: Any) -> set[str]:
    """The names that class bodies, which run at once, load: CPython reads them past a dict's subclass."""
    import ast

    found: set[str] = set()

    def walk(node: ast.AST, inside: bool) -> None:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
                continue
            if inside and isinstance(child, ast.Name) and isinstance(child.ctx, ast.Load):
                found.add(child.id)
            walk(child, inside or isinstance(node, ast.ClassDef))

    walk(tree, False)
    return found


def cells_of(document: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The cells of a notebook of format 3 or 4."""
    if "worksheets" in document:
        return [cell for sheet in document["worksheets"] for cell in sheet.get("cells", ())]
    return list(document.get("cells", ()))


class Comparison:
    """What cells did, against what the analyser says of one notebook."""

    def __init__(self, path: Path) -> None:
        from cellmill.notebooks.scan import scan_notebook

        self.name = path.name
        self.scan = scan_notebook(path.read_text(encoding="utf-8"), path.name, python=sys.version_info[:2])
        # cells of ours (%%asset, %materialize …) bind and read as the graph says, not as their text does
        self.facts = {
            one.cell.index: one.facts
            for one in self.scan.cells
            if one.is_plain and "%materialize" not in one.cell.source
        }
        self.linker = self.scan.linker()
        self.futures = {one.cell.index for one in self.scan.cells if "from __future__ import" in one.cell.source}
        self.counts: Counter[str] = Counter()
        self.words: list[str] = []
        self.bound: set[str] = set()
        self.ran: set[int] = set()
        #: names that a failed cell says it binds, with the last such cell
        self.unfinished: dict[str, int] = {}

    def add(self, record: Mapping[str, Any]) -> None:
        """The next cell that was executed."""
        index, writes = record["cell"], set(record["writes"])
        fact = self.facts.get(index)
        if fact is not None:
            if record["failed"]:
                self.counts["failed"] += 1
                # what it would have bound later cells now read from above it
                self.unfinished.update(dict.fromkeys(fact.binds, index))
            else:
                self.ran.add(index)
                self._compare(index, fact, record["reads"], writes)
        self.bound |= writes

    def _compare(self, index: int, fact: Any, reads: Mapping[str, int], writes: set[str]) -> None:
        counts = self.counts
        unknown = bool(fact.flags & UNKNOWN) or bool(fact.problem)
        reads = {name: owner for name, owner in reads.items() if not name.startswith("_")}
        future = FEATURES if index in self.futures else frozenset()
        writes = {name for name in writes - future if not name.startswith("_")}
        counts["cells"] += 1
        counts["unknown"] += unknown
        counts["reads"] += len(reads)
        counts["writes"] += len(writes)
        made = self._made(index, fact)
        missed = sorted(
            name
            for name, owner in reads.items()
            if owner in self.ran and owner >= self.unfinished.get(name, -1) and (owner, name) not in made
        )
        if unknown:
            counts["reads of unknown cells"] += len(reads)
            counts["missed in unknown cells"] += len(missed)
            return
        for name in missed:
            self._word("missed reads", index, f"read {name!r} of cell {reads[name] + 1}: the analyser does not see it")
        for name in sorted(name for name in writes - set(fact.binds) if not self._bound_by_helper(name, index)):
            self._word("missed writes", index, f"bound {name!r}, which the analyser does not see")
        certain = {n for n, use in fact.uses.items() if use.confidence == 3 and not use.note and not use.via}
        static = certain & self.bound
        counts["static"] += len(static)
        for name in sorted(static - set(reads)):
            self._word("unseen", index, f"{name!r} was not read, but the analyser says so")

    def _made(self, index: int, fact: Any) -> set[tuple[int, str]]:
        """The names, with the cells that bind them, that the slice of a cell's reads holds."""
        uses = [*fact.uses.values(), *fact.builtin_uses.values()]
        taken = self.linker.slice_of(uses, self.linker.spans[index][0])
        units = [self.linker.units[at] for at in taken.units]
        # `x?` is seen, and on purpose no dependency
        asked = {(cell, use.name) for use in uses if use.kind == "inspection" for cell in self.ran}
        # a star import, or code that is said to be unknown, may bind any name
        opened = {unit.cell for unit in units if unit.position in self.linker.open}
        made = {(unit.cell, name) for unit in units for name in unit.statement.binds}
        made |= {(self.linker.units[at].cell, name) for at, names in taken.why.items() for name in names}
        return made | asked | {(cell, name) for cell in opened for name in self.bound}

    def _bound_by_helper(self, name: str, index: int) -> bool:
        """True where a function that the cell calls says `global name`."""
        start, end = self.linker.spans[index]
        return any(start <= entry.position < end for entry in self.linker.entries.get(name, ()) if entry.bind)

    def _word(self, kind: str, index: int, text: str) -> None:
        self.counts[kind] += 1
        self.words.append(f"{self.name}, cell {index + 1}: {text}")


def notebooks_of(source: Path, folder: Path) -> Iterator[Path]:
    """Unpack an archive, or copy a folder, and give its notebooks (a folder of archives gives those of each)."""
    target = folder / source.name
    if source.is_dir():
        archives = sorted(path for path in source.iterdir() if path.name.endswith((".whl", ".zip", ".tar.gz")))
        for path in archives:
            yield from notebooks_of(path, folder)
        if archives:
            return
        shutil.copytree(source, target, dirs_exist_ok=True)
    elif source.name.endswith((".whl", ".zip")):
        with zipfile.ZipFile(source) as archive:
            archive.extractall(target)
    else:
        with tarfile.open(source) as archive:
            archive.extractall(target, filter="data")
    yield from sorted(path for path in target.rglob("*.ipynb") if ".ipynb_checkpoints" not in path.parts)


def records_of(path: Path, seconds: float, python: str) -> list[dict[str, Any]]:
    """Execute one notebook in a process of its own; a cut-off one counts as far as it came."""
    command = [python, str(Path(__file__).resolve()), "--execute", str(path.resolve())]
    # a session of its own: what a notebook starts is ended with it
    process = subprocess.Popen(
        command, cwd=path.parent, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL,
        text=True, start_new_session=True,
    )  # fmt: skip
    try:
        text, _ = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, 9)
        text, _ = process.communicate()
    records = []
    for line in text.splitlines():
        try:
            record = json.loads(line)
        except ValueError:
            continue
        if isinstance(record, dict) and "reads" in record:
            records.append(record)
    return records


def compare(path: Path, records: Iterable[Mapping[str, Any]]) -> tuple[Counter[str], list[str]]:
    """Return counts and, in words, each difference between what cells did and what the analyser says."""
    comparison = Comparison(path)
    for record in records:
        comparison.add(record)
    return comparison.counts, comparison.words


def fetch(folder: Path) -> None:
    """Download the corpus: source distributions, without their dependencies; one that cannot be had is named."""
    folder.mkdir(parents=True, exist_ok=True)
    for line in CORPUS.read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--no-binary", ":all:", line]
            if subprocess.run(command, cwd=folder, capture_output=True).returncode:
                print(f"not had: {line}")


def main(argv: Sequence[str]) -> int:
    """Compare the notebooks of folders and archives; 1 where a read or write was missed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("sources", nargs="*", type=Path)
    parser.add_argument("--fetch", type=Path)
    parser.add_argument("--execute", type=Path)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--limit", type=int, default=0)
    parser.add_argument("--python", default=sys.executable)
    parser.add_argument("--keep", type=Path, help="folder that keeps what each notebook did, and is used again")
    parser.add_argument("--only-kept", action="store_true", help="compare what is kept; execute nothing")
    parser.add_argument("--verbose", action="store_true")
    arguments = parser.parse_args(argv)
    if arguments.execute:
        run_notebook(arguments.execute)
        return 0
    if arguments.fetch:
        fetch(arguments.fetch)
        return 0
    total: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as made:
        paths = [path for source in arguments.sources for path in notebooks_of(source, Path(made))]
        for path in paths[: arguments.limit or None]:
            kept = arguments.keep and arguments.keep / ("+".join(path.relative_to(made).parts)[-200:] + ".json")
            try:
                if arguments.only_kept and not (kept and kept.is_file()):
                    continue
                if kept and kept.is_file():
                    records = json.loads(kept.read_text(encoding="utf-8"))
                else:
                    records = records_of(path, arguments.seconds, arguments.python)
                if kept:
                    kept.parent.mkdir(parents=True, exist_ok=True)
                    kept.write_text(json.dumps(records), encoding="utf-8")
                counts, words = compare(path, records)
            except Exception as error:  # a file that is no notebook is not what is measured
                print(f"{path.name}: not read ({type(error).__name__}: {error})"[:160])
                continue
            counts["notebooks"] += 1
            counts["executed"] += counts["cells"] > 0
            total += counts
            for word in words:
                if arguments.verbose or "was not read" not in word:
                    print(word, flush=True)
    for name in ("notebooks", "executed", "cells", "failed", "unknown", "reads", "writes", "static"):
        print(f"{name:14} {total[name]}")
    for name in ("missed reads", "missed writes", "reads of unknown cells", "missed in unknown cells"):
        print(f"{name:24} {total[name]}")
    print(f"unseen         {total['unseen']} ({total['unseen'] / max(total['static'], 1):.1%} of the static reads)")
    return 1 if total["missed reads"] or total["missed writes"] else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
