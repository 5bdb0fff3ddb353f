"""The tables of a workspace's file that other rooms read: which there are, and what each may hold."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

#: What a value may be, in words and as types; bool is no number here.
_KINDS: Mapping[str, tuple[type, ...]] = {
    "a number": (int, float),
    "a whole number": (int,),
    "true or false": (bool,),
    "a string": (str,),
    "a list of tables": (list,),
    "a list of names": (list,),
    "a table": (dict,),
}
_TAG_LIMIT = {"key": "a string", "limit": "a whole number", "value": "a string", "per_value": "true or false"}

#: What `[executor]` may name.
EXECUTORS = ("in_process", "multiprocess", "dask")

#: Table -> setting -> what it may be. A table that is not here is refused: nothing would read it.
TABLES: Mapping[str, Mapping[str, str]] = {
    "executor": {"max_concurrent": "a whole number", "name": "a string", "config": "a table"},
    "host": dict.fromkeys(("load_timeout_s", "evaluation_timeout_s", "start_timeout_s", "idle_s"), "a number"),
    "instance": {"storage": "a string"},
    "kernels": {
        "warm": "true or false",
        "cell_timeout_s": "a number",
        "memory_limit": "a whole number",
        "hold_failed_s": "a number",
    },
    "python_logs": {
        "dagster_handler_config": "a table",
        "managed_python_loggers": "a list of names",
        "python_log_level": "a string",
    },
    "retention": {
        "keep": "a whole number",
        "assets": "a table",
        "events_days": "a number",
        "ticks_days": "a number",
    },
    "run_queue": {
        "max_concurrent_runs": "a whole number",
        "min_free_bytes": "a whole number",
        "tag_concurrency_limits": "a list of tables",
    },
}


@dataclass(frozen=True, slots=True)
class SettingProblem:
    """What is wrong with a setting, at which word of the file, and what would help."""

    message: str
    word: str
    remedy: str = ""


def setting_problems(data: Mapping[str, Any]) -> Iterator[SettingProblem]:
    """Yield what is wrong with the tables among the top-level settings of a file."""
    for name, known in TABLES.items():
        if name in data:
            yield from _table(f"[{name}]", name, data[name], known)
    executor = data.get("executor")
    chosen = executor.get("name") if isinstance(executor, dict) else None
    if isinstance(chosen, str) and chosen not in EXECUTORS:
        close = get_close_matches(chosen, EXECUTORS, n=1)
        remedy = f"Did you mean {close[0]!r}?" if close else f"There are {', '.join(EXECUTORS)}."
        yield SettingProblem(f"there is no executor {chosen!r}", chosen, remedy)


def _table(title: str, word: str, table: object, known: Mapping[str, str]) -> Iterator[SettingProblem]:
    if not isinstance(table, dict):
        yield SettingProblem(f"{title} is a table, got {table!r}", word)
        return
    for key, value in table.items():
        kind = known.get(key)
        if kind is None:
            close = get_close_matches(key, known, n=1)
            remedy = f"Did you mean {close[0]!r}?" if close else f"Known: {', '.join(sorted(known))}."
            yield SettingProblem(f"unknown setting {key!r} of {title}", key, remedy)
        elif not isinstance(value, _KINDS[kind]) or (isinstance(value, bool) and bool not in _KINDS[kind]):
            yield SettingProblem(f"{key} of {title} is {kind}, got {value!r}", key)
        elif isinstance(value, list):
            yield from _items(key, title, kind, value)


def _items(key: str, title: str, kind: str, items: list[object]) -> Iterator[SettingProblem]:
    if kind == "a list of tables":
        for limit in items:
            yield from _tag_limit(limit)
    elif not all(isinstance(one, str) for one in items):
        yield SettingProblem(f"{key} of {title} is {kind}, got {items!r}", key)


def _tag_limit(limit: object) -> Iterator[SettingProblem]:
    title = "a limit of tag_concurrency_limits"
    yield from _table(title, "tag_concurrency_limits", limit, _TAG_LIMIT)
    if isinstance(limit, dict) and not {"key", "limit"} <= limit.keys():
        yield SettingProblem(f"{title} needs key and limit, got {limit!r}", "tag_concurrency_limits")
