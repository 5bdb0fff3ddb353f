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
from cellmill.definitions.metadata import MetadataValue
from cellmill.definitions.op import op
from cellmill.definitions.outcome import Failure
from cellmill.definitions.output import Output
from cellmill.definitions.port import In, Out
from cellmill.errors import InvalidDefinitionError
from cellmill.execution.notebook.document import read_notebook
from cellmill.execution.notebook.notebook_context import NotebookContext
from cellmill.execution.notebook.notebook_step import NotebookStepRequest, run_notebook_step
from cellmill.execution.notebook.parameter_types import typed_config
from cellmill.execution.notebook.parameters import StoredValue, UnsupportedParameter, python_source
from cellmill.execution.notebook.results import RESULTS_VARIABLE, results_of

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
    tagged "parameters"; a value that cannot be written as source text is handed over in a file. The notebook itself is
    not changed: what was executed, with its outputs, is kept with the run and named in the metadata.

    Args:
        notebook_path: The .ipynb file; a relative path starts from the current folder.
        name: Name of the op; None makes one of the file's name.
        ins: By parameter of the notebook, the `In` of the op's inputs.
        outs: By name, what the notebook hands back with `cellmill.yield_result(value, name)` or scrapbook's `glue`;
            None: one output, the path of the executed notebook.
        config_schema: Schema of `config`, a dictionary whose entries arrive as parameters of the notebook.
        required_resource_keys: Keys of resources that are set up before the notebook starts.
        description: What the op does; None names the notebook.
        tags: Tags of the op, which executors and launchers read.
        retry_policy: How often, and after how long, a failed step is run again; None asks the job's.
        parameters: Values of parameters by name, over the defaults in the cell tagged "parameters".
        kernel_name: The kernelspec that executes it; None takes the notebook's own.
        cell_timeout_s: Seconds that one cell may take; None: no limit.
        timeout_s: Seconds that the whole notebook may take; None: no limit.
        memory_limit: Bytes that its kernel may use; None: no limit.

    Returns:
        The op. Its step fails, naming the cell, where a cell does or where a required output was not handed back.

    Raises:
        InvalidDefinitionError: for a file whose name does not end in .ipynb.

    Source: nbconvert's and papermill's convention of a cell tagged "parameters".
    """
    path = _checked(notebook_path)
    limits = _Limits(kernel_name, cell_timeout_s, timeout_s, memory_limit)

    def compute(context: Any, **inputs: Any) -> Any:
        outcome, results = _execute(
            path, context, {**(parameters or {}), **_configured(context, path), **inputs}, limits
        )
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

    Its value is what the notebook handed back under the asset's name (or "result") with `cellmill.yield_result`, else
    the path of the executed notebook. Upstream assets and configuration arrive as parameters; so does the partition's
    key, as `partition_key`, where the asset is partitioned. An asset cell of a notebook is the finer form: it makes one
    asset of a cell.

    Args:
        notebook_path: The .ipynb file; a relative path starts from the current folder.
        name: The last part of the key; None makes one of the file's name.
        key_prefix: Parts before the name in the key: a text or a list of texts.
        ins: By parameter of the notebook, the asset that it gets: an `AssetIn`.
        deps: Assets that must be made before this one and are not loaded.
        config_schema: Schema of `config`, a dictionary whose entries arrive as parameters of the notebook.
        required_resource_keys: Keys of resources that are set up before the notebook starts.
        description: What the asset is; None names the notebook.
        metadata: What is known of the asset itself, by name; the notebook's path comes by itself.
        tags: Short keys and values to find and select the asset by.
        group_name: Group under which the asset is shown and selected; None is `default`.
        partitions_def: The partitions that the asset is made in; None for an asset without.
        io_manager_key: Key of the resource that stores the value; None is `"io_manager"`.
        retry_policy: How often, and after how long, a failed step is run again; None asks the job's.
        code_version: Version of the logic: another one than at the last materialization makes the asset stale.
        owners: E-mail addresses and teams (`team:name`).
        parameters: Values of parameters by name, over the defaults in the cell tagged "parameters".
        kernel_name: The kernelspec that executes it; None takes the notebook's own.
        cell_timeout_s: Seconds that one cell may take; None: no limit.
        timeout_s: Seconds that the whole notebook may take; None: no limit.
        memory_limit: Bytes that its kernel may use; None: no limit.

    Returns:
        The asset. Its step fails, naming the cell, where a cell does.

    Raises:
        InvalidDefinitionError: for a file whose name does not end in .ipynb.

    Source: nbconvert's and papermill's convention of a cell tagged "parameters".
    """
    path = _checked(notebook_path)
    asset_name = name or _identifier(path.stem)
    limits = _Limits(kernel_name, cell_timeout_s, timeout_s, memory_limit)

    def compute(context: Any, **inputs: Any) -> Any:
        given = {**(parameters or {}), **_configured(context, path), **inputs}
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
    """Execute the notebook and return its outcome and what it handed back.

    Raises:
        Failure: with the executed notebook.
    """
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
            context=_told(context),
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
    try:
        python_source({name: value})
    except UnsupportedParameter:
        path = folder / f"input-{name}.pickle"
        path.write_bytes(pickle.dumps(value))
        return StoredValue(str(path), type(value).__qualname__)
    return value


def _told(context: Any) -> NotebookContext:
    """Return what the notebook's cells find as `context`."""
    return NotebookContext(
        run_id=context.run_id,
        job_name=context.job_name,
        partition_key=context.partition_key if context.has_partition_key else None,
        scheduled_execution_time=context.scheduled_execution_time,
        run_tags=dict(context.run_tags),
        run_config=dict(context.run_config),
    )


def _configured(context: Any, path: Path) -> dict[str, Any]:
    """Return the step's config as values of the types that the notebook declares."""
    config = getattr(context, "op_config", None)
    if not isinstance(config, Mapping) or not config:
        return {}
    return typed_config(path, read_notebook(path), config)


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
