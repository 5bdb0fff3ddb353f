"""The config schemas of the executors that come with cellmill."""

from __future__ import annotations

from functools import cache
from typing import Any

from cellmill.definitions.config.alternatives import Noneable, ScalarUnion
from cellmill.definitions.config.field import Field, Selector, convert_to_field


def _retries() -> Field:
    return Field(
        Selector({"enabled": {}, "disabled": {}}),
        default_value={"enabled": {}},
        is_required=False,
        description="Whether failed steps are run again.",
    )


def _in_process() -> dict[str, Any]:
    marker = Field(Noneable(str), is_required=False, description="Name of the process that did the work before.")
    return {"retries": _retries(), "marker_to_close": marker}


def _multiprocess() -> dict[str, Any]:
    limit = {
        "key": str,
        "value": Field(Noneable(ScalarUnion(str, {"applyLimitPerUniqueValue": bool})), is_required=False),
        "limit": int,
    }
    return {
        "max_concurrent": Field(Noneable(int), default_value=None, is_required=False, description="Steps at a time."),
        "tag_concurrency_limits": Field(Noneable([limit]), default_value=None, is_required=False),
        "start_method": Field(
            Selector({"spawn": {}, "forkserver": {"preload_modules": Field([str], is_required=False)}, "fork": {}}),
            is_required=False,
            description="How worker processes are started.",
        ),
        "retries": _retries(),
    }


@cache
def schema_of(name: str) -> Any:
    """Return the schema of the executor with this name."""
    if name == "in_process":
        return convert_to_field(_in_process())
    if name == "multiprocess":
        return convert_to_field(_multiprocess())
    chosen = {
        "in_process": Field(_in_process(), is_required=False),
        "multiprocess": Field(_multiprocess(), is_required=False),
    }
    return Field(Selector(chosen), default_value={"multiprocess": {}}, is_required=False)
