"""Writes `docs/reference/` and the commands of `docs/cli.md` from the code itself.

python docs/generate_reference.py
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cellmill
from cellmill.cli.reference import reference
from cellmill.errors import CellmillError, ExecutionInterruptedError
from cellmill.notebooks.options import GRAMMARS, help_text
from cellmill.workspace import config, settings
from cellmill_kernel.magics import LINES

FOLDER = Path(__file__).parent / "reference"
#: Titles of the parts of a docstring.
SECTIONS = ("Args", "Attributes", "Returns", "Yields", "Raises", "Examples?", "Source")
_ADDRESS = re.compile(r" at 0x[0-9a-f]+")
_ROOMS = {
    "errors": "Errors",
    "definitions": "Definitions",
    "notebooks": "Notebooks",
    "planning": "Runs and events",
    "instance": "Instance",
    "io": "Values and IO managers",
    "execution": "Execution",
    "workspace": "Workspace",
    "automation": "Automation",
    "testing": "Testing",
}

#: What each key of the workspace's file means.
TOP_KEYS = {
    "name": "Name of the workspace, as shown.",
    "home": "Folder of the instance; `.cellmill` at the root without it. `CELLMILL_HOME` wins.",
    "notebooks": "Globs of notebooks (.ipynb, or .py in percent format), from the file's folder.",
    "modules": "Python modules with `Definitions`, a repository, or plain assets and jobs.",
    "packages": "Python packages, each with all its modules.",
    "files": "Python files.",
    "exclude": "Globs of notebooks that do not count.",
    "python": "Python executable of the locations above.",
    "kernel": "Kernelspec of the locations above, instead of `python`.",
    "env": "Environment variables of their hosts and kernels.",
    "location": "A location with settings of its own; may be repeated (`[[location]]`).",
    "locations": "The same as `location`.",
}
LOCATION_KEYS = {
    "name": "Its name; without it the name of what it loads.",
    "notebooks": "Globs of notebooks.",
    "module": "A Python module.",
    "package": "A Python package.",
    "file": "A Python file.",
    "attribute": "The name in the module that holds the definitions.",
    "working_directory": "Folder that imports and relative paths start from.",
    "python": "Python executable of its host and kernels.",
    "kernel": "Kernelspec, instead of `python`.",
    "env": "Environment variables.",
    "exclude": "Globs of notebooks that do not count.",
}
TABLES = {
    "executor": "`name`: `in_process`, `multiprocess` or `dask`, unless the run or the code says another; `config`: "
    "its configuration, such as `cluster` with an address and TLS files; `max_concurrent`: notebooks (and modules) of "
    "one run that work at the same time.",
    "host": "Kernels that run user code for modules, schedules and sensors: `load_timeout_s` (120), "
    "`evaluation_timeout_s` (60), `start_timeout_s`, `idle_s`: seconds after which an idle one is stopped.",
    "instance": "`storage`: URL of a PostgreSQL database; SQLite in the home folder without it.",
    "kernels": "Kernels of runs: `warm` (fork them from a server that has imported the libraries), `cell_timeout_s`, "
    "`memory_limit` in bytes.",
    "python_logs": "Python's own loggers in runs: `managed_python_loggers`, names of loggers whose messages become "
    "events of the run (`root`: all), and `python_log_level`, the lowest level that these, `get_logger()` and "
    "`context.log` take.",
    "retention": "What is kept: `keep` versions of each value, a table `assets` of such numbers by asset, "
    "`events_days`, `ticks_days`.",
    "run_queue": "`max_concurrent_runs`, `min_free_bytes`: free room below which no run starts, and "
    "`tag_concurrency_limits`: a list of tables with `key`, `value`, `limit`.",
}
VARIABLES = {
    "CELLMILL_HOME": "Folder of the instance.",
    "CELLMILL_STORAGE": "URL of the instance's database.",
    "CELLMILL_WORKSPACE": "The workspace's file or folder, where no `--workspace` is given.",
    "CELLMILL_KEY": "Key that signs pickled values.",
    "CELLMILL_DEBUG": "With any value, a failing command shows its traceback.",
    "CELLMILL_WARM_KERNELS": "0 starts every kernel cold.",
    "CELLMILL_WARM_IDLE_S": "Seconds after which the server of warm kernels ends when nobody asks it.",
    "CELLMILL_LEASE_S": "Seconds for which a heartbeat of a run's process holds.",
    "CELLMILL_INTERRUPT_GRACE_S": "Seconds between asking a run's process to stop and making it.",
    "CELLMILL_PARTITION_KEY": "In the kernel of a run of one partition: its key.",
    "CELLMILL_SCHEDULED_TIME": "In the kernel of a run: the instant of its tick, or when it was asked for (ISO 8601).",
}


def pages() -> dict[str, str]:
    """Return the text of each page by its name."""
    return {
        "api.md": api_page(),
        "magics.md": magics_page(),
        "graphql.md": graphql_page(),
        "errors.md": errors_page(),
        "settings.md": settings_page(),
    }


def _paragraphs(text: str | None) -> str:
    """A docstring as Markdown: examples in doctest form become code, and underscores stay."""
    return inspect.cleandoc(text or "").strip()


def _signature(found: Any) -> str:
    try:
        text = str(inspect.signature(found))
    except (TypeError, ValueError):
        return ""
    return _ADDRESS.sub("", text).replace("'", "").replace("typing.", "")


def api_page() -> str:
    """The public API by room."""
    lines = [
        "# Public API",
        "",
        "What `from cellmill import …` offers. Each name is imported at its first use. `cellmill.dagster` offers the",
        "same under Dagster's own names; what tests import beside it is in `cellmill.testing`.",
        "",
    ]
    rooms: dict[str, list[str]] = {}
    for name, module in cellmill.EXPORTS.items():
        rooms.setdefault(module.split(".")[0], []).append(name)
    for room, title in _ROOMS.items():
        names = sorted(set(rooms.get(room, ())))
        if not names or room == "errors":
            continue
        lines += [f"## {title}", ""]
        for name in names:
            lines += _entry(name, getattr(cellmill, name))
    import cellmill.testing as testing

    lines += ["## cellmill.testing", ""]
    for name in testing.__all__:
        if name not in cellmill.EXPORTS or name == "load_notebook":
            lines += _entry(name, getattr(testing, name))
    return "\n".join(lines)


def _entry(name: str, found: Any) -> list[str]:
    lines = [f"### {name}", ""]
    if callable(found):
        lines += ["```text", f"{name}{_signature(found)}", "```", ""]
    doc = _paragraphs(getattr(found, "__doc__", None)) if callable(found) or inspect.ismodule(found) else ""
    if doc and not doc.startswith(f"{name}("):
        lines += [*list(_described(doc))[1:], ""]
    return lines


def sections(doc: str) -> dict[str, str]:
    """The parts of a docstring by their titles: "" is the text before the first one, then `Args`, `Returns` …"""
    parts = re.split(rf"^({'|'.join(SECTIONS)}):[ \t]*", inspect.cleandoc(doc), flags=re.MULTILINE)
    titled = zip(parts[1::2], parts[2::2], strict=True)
    return {"": parts[0].strip()} | {title: inspect.cleandoc(f"\n{text}").strip() for title, text in titled}


def arguments(section: str) -> dict[str, str]:
    """What each parameter of an `Args` section means, by its name, stars left out."""
    found: dict[str, str] = {}
    name = ""
    for line in section.splitlines():
        begun = re.match(r"(\*{0,2}\w+(?:, \*{0,2}\w+)*)(?: \([^)]*\))?: ?(.*)", line)
        if begun:
            name = begun[1]
            found[name] = begun[2]
        elif name and line.strip():
            found[name] += f" {line.strip()}"
    return {each.strip(" *"): text for names, text in found.items() for each in names.split(",")}


def _described(doc: str) -> Iterator[str]:
    for title, text in sections(doc).items():
        if title in ("Args", "Attributes"):
            yield from ("", *(f"- `{name}`: {_safe(meaning)}" for name, meaning in arguments(text).items()))
        elif title.startswith("Example"):
            yield from ("", "```text", text, "```")
        elif title:
            yield from ("", f"*{title}*: {_safe(' '.join(text.split()))}")
        else:
            for paragraph in text.split("\n\n"):
                shaped = paragraph.startswith((">>>", "    ", "- ", "```"))
                yield from ("", *(["```text", paragraph, "```"] if shaped else [_safe(paragraph)]))


def _safe(text: str) -> str:
    """Text in which nothing but its code spans means anything to Markdown."""
    spans = re.split(r"(`+[^`]+`+)", text)
    plain = (re.sub(r"([<\[\]*_#|])", r"\\\1", part) if index % 2 == 0 else part for index, part in enumerate(spans))
    return "".join(plain)


def magics_page() -> str:
    """Every magic with its help."""
    lines = [
        "# Magics",
        "",
        "`%load_ext cellmill` brings them; `%%asset?` and `%lineage?` show the same text. `#| asset NAME …` as",
        "the first line of a cell is `%%asset NAME …`; so with `op`, `check` and `sensor`.",
        "",
    ]
    for kind in ("asset", "op", "check", "sensor"):
        lines += [f"## %%{kind}", "", "```text", help_text(kind).strip(), "```", ""]
    for name in sorted(LINES):
        lines += [f"## %{name}", "", "```text", LINES[name][1].strip(), "```", ""]
    assert set(GRAMMARS) <= {"asset", "op", "check", "sensor", *LINES}
    return "\n".join(lines)


def graphql_page() -> str:
    """The fields of the GraphQL API, and its schema."""
    sdl = (Path(cellmill.__file__).parent / "graphql" / "schema.graphql").read_text("utf-8").strip()
    lines = [
        "# GraphQL",
        "",
        "Served at `/cellmill/graphql` under Jupyter's authentication, with subscriptions over WebSocket;",
        "`cellmill graphql` answers a query without a server. Names follow Dagster's documentation.",
        "",
    ]
    for kind in ("Query", "Mutation", "Subscription"):
        lines += [f"## {kind}", "", "| field | what it gives |", "| --- | --- |"]
        lines += [f"| `{name}` | {text} |" for name, text in _fields(sdl, kind)]
        lines.append("")
    return "\n".join([*lines, "## The whole schema", "", "```graphql", sdl, "```", ""])


def _fields(sdl: str, kind: str) -> Iterator[tuple[str, str]]:
    from graphql import parse

    for node in parse(sdl).definitions:
        if getattr(getattr(node, "name", None), "value", "") == kind:
            for field in getattr(node, "fields", ()):
                text = field.description.value if field.description else ""
                yield field.name.value, " ".join(text.split()).replace("|", "\\|")


def error_classes() -> dict[str, type[BaseException]]:
    """Every error class of cellmill by its name."""
    importlib.import_module("papermill")  # it loads our engine itself, and cannot be loaded from within it
    for info in pkgutil.walk_packages(cellmill.__path__, "cellmill."):
        if not any(part in info.name for part in ("__main__", "migrations", "forkserver_main", "coverage_plugin")):
            importlib.import_module(info.name)
    found: dict[str, type[BaseException]] = {}
    todo: list[type[BaseException]] = [CellmillError]
    while todo:
        cls = todo.pop()
        if cls.__module__.split(".")[0].startswith("cellmill") and not cls.__name__.startswith("_"):
            found[cls.__name__] = cls
        todo += cls.__subclasses__()
    return found


def errors_page() -> str:
    """The tree of errors, and what each says to do."""
    classes = error_classes()
    lines = ["# Errors", "", "One tree: catch as high or as low as you need. All survive pickling.", "", "```text"]
    lines += list(_tree(CellmillError, 0))
    lines += ["```", ""]
    lines += ["Beside it stands `ExecutionInterruptedError`, which passes handlers of `Exception`.", ""]
    classes |= {ExecutionInterruptedError.__name__: ExecutionInterruptedError}
    for name in sorted(classes):
        first = _paragraphs(classes[name].__doc__)
        lines += [f"## {name}", "", first, ""]
    return "\n".join(lines)


def _tree(cls: type[BaseException], depth: int) -> Iterator[str]:
    if not cls.__name__.startswith("_"):
        yield "  " * depth + cls.__name__
        depth += 1
    seen = {sub.__name__: sub for sub in cls.__subclasses__() if sub.__module__.split(".")[0].startswith("cellmill")}
    for name in sorted(seen):
        yield from _tree(seen[name], depth)


def settings_page() -> str:
    """The keys of the workspace's file and the environment variables."""
    lines = [
        "# Settings",
        "",
        "The workspace's file is `cellmill.toml`, or `[tool.cellmill]` in `pyproject.toml`; Dagster's `workspace.yaml`",
        "is read too. An unknown key is an error that names its line and the nearest known one.",
        "",
        "## Top level",
        "",
        *_table({key: TOP_KEYS[key] for key in config._TOP_KEYS if key not in settings.TABLES}),
        "## Of a location",
        "",
        *_table({key: LOCATION_KEYS[key] for key in config._LOCATION_KEYS}),
        "## Tables",
        "",
        *_table({f"[{key}]": TABLES[key] for key in settings.TABLES}),
        "## Environment variables",
        "",
        *_table(VARIABLES),
    ]
    return "\n".join(lines)


def _table(rows: dict[str, str]) -> list[str]:
    return ["| name | meaning |", "| --- | --- |", *(f"| `{key}` | {text} |" for key, text in rows.items()), ""]


def main() -> int:
    """Write the pages."""
    FOLDER.mkdir(exist_ok=True)
    for name, text in pages().items():
        (FOLDER / name).write_text(text.rstrip() + "\n", "utf-8")
    page = FOLDER.parent / "cli.md"
    by_hand = page.read_text("utf-8").partition("## cellmill\n")[0]
    page.write_text(by_hand + reference().strip() + "\n", "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
