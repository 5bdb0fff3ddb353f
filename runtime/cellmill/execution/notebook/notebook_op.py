"""Whole notebooks, in any kernel language, as ops and as assets: inputs are parameters, results come back by name."""

from __future__ import annotations

import os
import pickle
import tempfile
from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import Any

from cellmill.definitions.asset_decorator import asset
from cellmill.definitions.events import Failure
from cellmill.definitions.metadata import MetadataValue
from cellmill.definitions.op import op
from cellmill.definitions.output import Output
from cellmill.definitions.port import In, Out
from cellmill.errors import InvalidDefinitionError

_RESULT = "result"


def notebook_op(
    notebook_path: str | os.PathLike[str],
    *,
    name: str | None = None,
    ins: Mapping[str, In] | None = None,
    outs: Mapping[str, Out] | None = None,
    config_schema: Any = None,
    required_resource_keys: AbstractSet[str] | None = None,
    description: str | None = None,
    tags: Mapping[str, Any] | None = None,
    retry_policy: Any = None,
    parameters: Mapping[str, Any] | None = None,
    kernel_name: str | None = None,
    cell_timeout_s: float | None = None,
    timeout_s: float | None = None,
    memory_limit: int | None = None,
) -> Any:
    """Return an op that executes the notebook from top to bottom.

    Inputs and configuration (a dictionary) arrive as parameters, over the defaults in `parameters` and in the cell
    tagged
    "parameters".  Each of `outs` is what the notebook handed back under that name (`cellmill.yield_result`,
    scrapbook's `glue`);
    without `outs` the op has one output, the path of the executed notebook.
    """
    path = _checked(notebook_path)
    limits = _Limits(kernel_name, cell_timeout_s, timeout_s, memory_limit)

    def compute(context: Any, **inputs: Any) -> Any:
        outcome, results = _execute(path, context, {**(parameters or {}), **_configured(context), **inputs}, limits)
        if outs is None:
            yield Output(str(outcome.notebook_path), metadata=_metadata(outcome))
            return
        for output_name, declared in outs.items():
            if output_name in results:
                yield Output(results[output_name], output_name, metadata=_metadata(outcome))
            elif getattr(declared, "is_required", True):
                raise Failure(
                    f"{path} did not hand back {output_name!r}. Call cellmill.yield_result(value, {output_name!r}) "
                    "in a cell of it."
                )

    decorate = op(
        name=name or _identifier(path.stem),
        description=description or f"Executes the notebook {path.name}.",
        ins=dict(ins or {}),
        out=dict(outs) if outs is not None else Out(str),
        config_schema=config_schema,
        required_resource_keys=set(required_resource_keys or ()),
        tags={"dagster/kind/jupyter": "", **(tags or {})},
        retry_policy=retry_policy,
    )
    return decorate(compute)


def notebook_asset(
    notebook_path: str | os.PathLike[str],
    *,
    name: str | None = None,
    key_prefix: Any = None,
    ins: Mapping[str, Any] | None = None,
    deps: Iterable[Any] | None = None,
    config_schema: Any = None,
    required_resource_keys: AbstractSet[str] | None = None,
    description: str | None = None,
    metadata: Mapping[str, Any] | None = None,
    tags: Mapping[str, str] | None = None,
    group_name: str | None = None,
    partitions_def: Any = None,
    io_manager_key: str | None = None,
    retry_policy: Any = None,
    code_version: str | None = None,
    owners: Any = None,
    parameters: Mapping[str, Any] | None = None,
    kernel_name: str | None = None,
    cell_timeout_s: float | None = None,
    timeout_s: float | None = None,
    memory_limit: int | None = None,
) -> Any:
    """Return an asset that a whole notebook makes.

    Its value is what the notebook handed back under the asset's name (or "result"), else the path of the executed
    notebook.  The
    partition's key arrives as the parameter `partition_key` where the notebook is partitioned.
    """
    path = _checked(notebook_path)
    asset_name = name or _identifier(path.stem)
    limits = _Limits(kernel_name, cell_timeout_s, timeout_s, memory_limit)

    def compute(context: Any, **inputs: Any) -> Any:
        given = {**(parameters or {}), **_configured(context), **inputs}
        if partitions_def is not None:
            given["partition_key"] = context.partition_key
        outcome, results = _execute(path, context, given, limits)
        fallback = results.get(_RESULT, str(outcome.notebook_path))
        return Output(results.get(asset_name, fallback), metadata=_metadata(outcome))

    compute.__name__ = asset_name
    decorate = asset(
        name=asset_name,
        key_prefix=key_prefix,
        ins=dict(ins or {}),
        deps=deps,
        config_schema=config_schema,
        required_resource_keys=set(required_resource_keys or ()),
        description=description or f"Made by the notebook {path.name}.",
        metadata={"notebook_path": MetadataValue.notebook(str(path)), **(metadata or {})},
        tags=tags,
        group_name=group_name,
        partitions_def=partitions_def,
        io_manager_key=io_manager_key,
        retry_policy=retry_policy,
        code_version=code_version,
        owners=owners,
        kinds={"jupyter"},
    )
    return decorate(compute)


class _Limits:
    """What one execution may use."""

    def __init__(
        self, kernel_name: str | None, cell_timeout_s: float | None, timeout_s: float | None, memory_limit: int | None
    ) -> None:
        self.options: dict[str, Any] = {
            "kernel_name": kernel_name,
            "cell_timeout_s": cell_timeout_s,
            "timeout_s": timeout_s,
            "memory_limit": memory_limit,
        }


def _execute(path: Path, context: Any, given: Mapping[str, Any], limits: _Limits) -> tuple[Any, dict[str, Any]]:
    """Execute the notebook and return its outcome and what it handed back. Raises: Failure, with the executed
    notebook.
    """
    from cellmill.execution.notebook.notebook_step import NotebookStepRequest, run_notebook_step
    from cellmill.execution.notebook.results import RESULTS_VARIABLE, results_of

    artifacts = _artifacts(context)
    results = artifacts / f"{_step_name(context, path)}.results"
    results.mkdir(parents=True, exist_ok=True, mode=0o700)
    outcome = run_notebook_step(
        NotebookStepRequest(
            path=path,
            artifacts=artifacts,
            name=_step_name(context, path),
            parameters={key: _parameter(key, value, results) for key, value in given.items()},
            env={RESULTS_VARIABLE: str(results)},
            **limits.options,
        )
    )
    if not outcome.result.succeeded:
        cell = outcome.result.failed_cell
        where = f"cell {cell.index + 1}" if cell is not None else "its kernel"
        raise Failure(
            f"{path}, {where}: {outcome.result.end.value}. {outcome.result.detail}", metadata=_metadata(outcome)
        )
    return outcome, results_of(outcome.result.notebook, results)


def _parameter(name: str, value: Any, folder: Path) -> Any:
    """Return `value` if it has a form as source text, else a reference to a file that holds it."""
    from cellmill.execution.notebook.parameters import StoredValue, UnsupportedParameter, python_source

    try:
        python_source({name: value})
    except UnsupportedParameter:
        path = folder / f"input-{name}.pickle"
        path.write_bytes(pickle.dumps(value))
        return StoredValue(str(path), type(value).__qualname__)
    return value


def _configured(context: Any) -> dict[str, Any]:
    config = getattr(context, "op_config", None)
    return dict(config) if isinstance(config, Mapping) else {}


def _artifacts(context: Any) -> Path:
    instance = getattr(context, "instance", None)
    home = Path(instance.home) if instance is not None else Path(tempfile.mkdtemp(prefix="cellmill-"))
    return home / "runs" / (getattr(context, "run_id", "") or "direct")


def _step_name(context: Any, path: Path) -> str:
    handle = getattr(context, "op_handle", None)
    attempt = getattr(context, "retry_number", 0) or 0
    base = str(handle) if handle is not None else path.stem
    return base if attempt == 0 else f"{base}~{attempt + 1}"


def _metadata(outcome: Any) -> dict[str, Any]:
    metadata: dict[str, Any] = {"executed_notebook": MetadataValue.notebook(str(outcome.notebook_path))}
    if outcome.files:
        metadata["files_written"] = MetadataValue.json(list(outcome.files))
    return metadata


def _checked(notebook_path: str | os.PathLike[str]) -> Path:
    path = Path(notebook_path).expanduser().absolute()
    if path.suffix != ".ipynb":
        raise InvalidDefinitionError(f"{os.fspath(notebook_path)!r} is no notebook: its name must end in .ipynb.")
    return path


def _identifier(stem: str) -> str:
    cleaned = "".join(letter if letter.isalnum() or letter == "_" else "_" for letter in stem)
    return cleaned if not cleaned[:1].isdigit() else f"notebook_{cleaned}"
