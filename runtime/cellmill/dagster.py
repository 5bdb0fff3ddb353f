"""The public API under Dagster's own names: `from dagster import …` becomes `from cellmill.dagster import …`.

Most names are the same in both; `RENAMED` lists those that are not.  Every object is the one that `cellmill` itself
offers.
"""

from __future__ import annotations

from importlib import import_module

import cellmill

#: Dagster's name -> cellmill's name.
RENAMED: dict[str, str] = {
    "DagsterAssetMetadataValue": "AssetMetadataValue",
    "DagsterConfigMappingFunctionError": "ConfigMappingFunctionError",
    "DagsterError": "CellmillError",
    "DagsterEventType": "EventType",
    "DagsterExecutionInterruptedError": "ExecutionInterruptedError",
    "DagsterExecutionStepExecutionError": "StepExecutionError",
    "DagsterExecutionStepNotFoundError": "StepNotFoundError",
    "DagsterInstance": "Instance",
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
    "IAttachDifferentObjectToOpContext": "AttachDifferentObject",
    "PythonObjectDagsterType": "PythonObjectType",
    "check_dagster_type": "check_type",
    "dagster_type_loader": "type_loader",
    "get_dagster_logger": "get_logger",
    "make_python_type_usable_as_dagster_type": "make_python_type_usable_as",
    "usable_as_dagster_type": "usable_as_type",
}

#: Dagster's name -> where the object is, for what `cellmill` offers under no name of its own.
ELSEWHERE: dict[str, str] = {
    "AssetOrCheckKey": "cellmill.dagster_only:AssetOrCheckKey",
    "AssetPartitionStatus": "cellmill.planning.asset_state:AssetPartitionStatus",
    "AutoMaterializeAssetPartitionsFilter": (
        "cellmill.definitions.auto_materialize:AutoMaterializeAssetPartitionsFilter"
    ),
    "BindResourcesToJobs": "cellmill.dagster_only:BindResourcesToJobs",
    "ConfigSchema": "cellmill.dagster_only:ConfigSchema",
    "DagsterEvent": "cellmill.dagster_only:DagsterEvent",
    "DataProvenance": "cellmill.definitions.data_provenance:DataProvenance",
    "EventLogEntry": "cellmill.dagster_only:EventLogEntry",
    "EventLogRecord": "cellmill.instance.event_record:EventRecord",
    "EventRecordsResult": "cellmill.instance.event_record:EventRecordsResult",
    "Injected": "cellmill.definitions.configurable_resource:ResourceParam",
    "JsonLogFormatter": "cellmill.definitions.logger:JsonFormatter",
    "MAX_RUNTIME_SECONDS_TAG": "cellmill.dagster_only:MAX_RUNTIME_SECONDS_TAG",
    "MetadataEntry": "cellmill.dagster_only:MetadataEntry",
    "PaginatedResults": "cellmill.dagster_only:PaginatedResults",
    "PendingNodeInvocation": "cellmill.definitions.composition:Pending",
    "RepositoryData": "cellmill.dagster_only:RepositoryData",
    "SensorReturnTypesUnion": "cellmill.dagster_only:SensorReturnTypesUnion",
    "StepExecutionContext": "cellmill.execution.context:OpExecutionContext",
    "TypeCheckContext": "cellmill.execution.context:OpExecutionContext",
    "TypingAny": "typing:Any",
    "TypingTuple": "builtins:tuple",
    "create_repository_using_definitions_args": "cellmill.dagster_only:create_repository_using_definitions_args",
    "definitions": "cellmill.definitions.lazy_definitions:definitions",
    "deserialize_value": "cellmill.dagster_only:deserialize_value",
    "load_from_defs_folder": "cellmill.definitions.lazy_definitions:load_from_defs_folder",
    "serialize_value": "cellmill.instance.wire:dumps",
    **{name: f"typing:{name}" for name in ("Any", "Final", "TYPE_CHECKING")},
    **{name: f"collections.abc:{name}" for name in ("Callable", "Mapping", "Sequence")},
}

__all__ = sorted({*RENAMED, *cellmill.EXPORTS, *ELSEWHERE})


def __getattr__(name: str) -> object:
    if name in ELSEWHERE:
        module, _, attribute = ELSEWHERE[name].partition(":")
        value: object = getattr(import_module(module), attribute)
    else:
        try:
            value = getattr(cellmill, RENAMED.get(name, name))
        except AttributeError:
            raise AttributeError(f"module 'cellmill.dagster' has no attribute {name!r}") from None
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
