"""The public API under Dagster's own names: `from dagster import …` becomes `from cellmill.dagster import …`.

Most names are the same in both; `RENAMED` lists those that are not.  Every object is the one that `cellmill` itself offers.
"""

from __future__ import annotations

import typing

import cellmill

#: Dagster's name -> cellmill's name.
RENAMED: dict[str, str] = {
    "DagsterAssetMetadataValue": "AssetMetadataValue",
    "DagsterConfigMappingFunctionError": "ConfigMappingFunctionError",
    "DagsterError": "CellmillError",
    "DagsterEvent": "Event",
    "DagsterEventType": "EventType",
    "DagsterExecutionInterruptedError": "ExecutionInterruptedError",
    "DagsterExecutionStepExecutionError": "StepExecutionError",
    "DagsterExecutionStepNotFoundError": "StepNotFoundError",
    "DagsterInstance": "Instance",
    "DagsterInvalidAssetKey": "InvalidAssetKeyError",
    "DagsterInvalidConfigDefinitionError": "InvalidConfigDefinitionError",
    "DagsterInvalidConfigError": "InvalidConfigError",
    "DagsterInvalidDefinitionError": "InvalidDefinitionError",
    "DagsterInvalidInvocationError": "InvalidInvocationError",
    "DagsterInvalidSubsetError": "InvalidSubsetError",
    "DagsterInvariantViolationError": "InvariantViolationError",
    "DagsterJobMetadataValue": "JobMetadataValue",
    "DagsterLogManager": "LogManager",
    "DagsterResourceFunctionError": "ResourceFunctionError",
    "DagsterRun": "Run",
    "DagsterRunMetadataValue": "RunMetadataValue",
    "DagsterRunNotFoundError": "RunNotFoundError",
    "DagsterRunStatus": "RunStatus",
    "DagsterStepOutputNotFoundError": "StepOutputNotFoundError",
    "DagsterSubprocessError": "SubprocessError",
    "DagsterType": "Type",
    "DagsterTypeCheckDidNotPass": "TypeCheckDidNotPassError",
    "DagsterTypeCheckError": "TypeCheckError",
    "DagsterTypeLoader": "TypeLoader",
    "DagsterTypeLoaderContext": "TypeLoaderContext",
    "DagsterTypeLoadingError": "TypeLoadingError",
    "DagsterUnknownPartitionError": "UnknownPartitionError",
    "DagsterUnknownResourceError": "UnknownResourceError",
    "DagsterUnmetExecutorRequirementsError": "UnmetExecutorRequirementsError",
    "DagsterUserCodeExecutionError": "UserCodeExecutionError",
    "PythonObjectDagsterType": "PythonObjectType",
    "check_dagster_type": "check_type",
    "dagster_type_loader": "type_loader",
    "get_dagster_logger": "get_logger",
    "make_python_type_usable_as_dagster_type": "make_python_type_usable_as",
    "usable_as_dagster_type": "usable_as_type",
}

#: Names that Dagster passes on from `typing`: they stand for types there as everywhere.
FROM_TYPING = frozenset({"Any"})

__all__ = sorted({*RENAMED, *cellmill.EXPORTS, *FROM_TYPING})


def __getattr__(name: str) -> object:
    if name in FROM_TYPING:
        value: object = getattr(typing, name)
    else:
        try:
            value = getattr(cellmill, RENAMED.get(name, name))
        except AttributeError:
            raise AttributeError(f"module 'cellmill.dagster' has no attribute {name!r}") from None
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
