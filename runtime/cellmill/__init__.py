"""Notebook cells as software-defined assets: the public API, imported on first use."""

from __future__ import annotations

from importlib import import_module

__version__ = "0.1.0"

#: Public name -> module of this package that defines it. One name a line, sorted inside each room.
EXPORTS: dict[str, str] = {
    # errors
    "CellmillError": "errors",
    "CheckError": "errors",
    "InvalidAssetSelectionError": "errors",
    "InvalidDefinitionError": "errors",
    "InvalidSubsetError": "errors",
    "InvalidConfigDefinitionError": "errors",
    "InvalidConfigError": "errors",
    "InvalidMetadataError": "errors",
    "InvalidPythonicConfigDefinitionError": "errors",
    "InvariantViolationError": "errors",
    "ParameterCheckError": "errors",
    "StorageError": "errors",
    "TypeCheckDidNotPassError": "errors",
    "UnknownResourceError": "errors",
    # definitions
    "AssetCheckKey": "definitions.asset_key",
    "AssetKey": "definitions.asset_key",
    "AssetSelection": "definitions.selection",
    "AssetCheckEvaluation": "definitions.events",
    "AssetCheckResult": "definitions.events",
    "AssetCheckSeverity": "definitions.events",
    "AssetMaterialization": "definitions.events",
    "AssetObservation": "definitions.events",
    "DataVersion": "definitions.events",
    "DataVersionsByPartition": "definitions.events",
    "DynamicOutput": "definitions.events",
    "ExpectationResult": "definitions.events",
    "Failure": "definitions.events",
    "HookExecutionResult": "definitions.events",
    "MaterializeResult": "definitions.events",
    "ObserveResult": "definitions.events",
    "Output": "definitions.events",
    "RetryRequested": "definitions.events",
    "TypeCheck": "definitions.events",
    # definitions: IO
    "InputContext": "definitions.io_context",
    "OutputContext": "definitions.io_context",
    "ValueRef": "definitions.value_ref",
    "build_input_context": "definitions.build_io_context",
    "build_output_context": "definitions.build_io_context",
    # definitions: config
    "Array": "definitions.config.field",
    "BoolSource": "definitions.config.source",
    "Enum": "definitions.config.config_type",
    "EnumValue": "definitions.config.config_type",
    "EnvVar": "definitions.config.env_var",
    "Field": "definitions.config.field",
    "IntSource": "definitions.config.source",
    "Map": "definitions.config.field",
    "Noneable": "definitions.config.field",
    "Permissive": "definitions.config.field",
    "ScalarUnion": "definitions.config.field",
    "Selector": "definitions.config.field",
    "Shape": "definitions.config.field",
    "StringSource": "definitions.config.source",
    "config_from_files": "definitions.config.files",
    "config_from_pkg_resources": "definitions.config.files",
    "config_from_yaml_strings": "definitions.config.files",
    "config_json_schema": "definitions.config.json_schema",
    "configured": "definitions.config.configurable",
    # definitions: metadata
    "AssetMetadataValue": "definitions.metadata",
    "BoolMetadataValue": "definitions.metadata",
    "CodeReferencesMetadataValue": "definitions.metadata",
    "FloatMetadataValue": "definitions.metadata",
    "IntMetadataValue": "definitions.metadata",
    "JobMetadataValue": "definitions.metadata",
    "JsonMetadataValue": "definitions.metadata",
    "LocalFileCodeReference": "definitions.code_references",
    "MarkdownMetadataValue": "definitions.metadata",
    "MetadataValue": "definitions.metadata",
    "NotebookMetadataValue": "definitions.metadata",
    "NullMetadataValue": "definitions.metadata",
    "PathMetadataValue": "definitions.metadata",
    "PoolMetadataValue": "definitions.metadata",
    "PythonArtifactMetadataValue": "definitions.metadata",
    "RunMetadataValue": "definitions.metadata",
    "TableColumn": "definitions.table",
    "TableColumnConstraints": "definitions.table",
    "TableColumnDep": "definitions.table",
    "TableColumnLineage": "definitions.table",
    "TableColumnLineageMetadataValue": "definitions.metadata",
    "TableConstraints": "definitions.table",
    "TableMetadataValue": "definitions.metadata",
    "TableRecord": "definitions.table",
    "TableSchema": "definitions.table",
    "TableSchemaMetadataValue": "definitions.metadata",
    "TextMetadataValue": "definitions.metadata",
    "TimestampMetadataValue": "definitions.metadata",
    "UrlCodeReference": "definitions.code_references",
    "UrlMetadataValue": "definitions.metadata",
    "normalize_metadata": "definitions.metadata",
    # definitions: time
    "AddDynamicPartitionsRequest": "definitions.partitions.requests",
    "AllPartitionMapping": "definitions.partitions.mapping",
    "BackfillPolicy": "definitions.partitions.backfill_policy",
    "BackfillPolicyType": "definitions.partitions.backfill_policy",
    "DailyPartitionsDefinition": "definitions.partitions.calendar",
    "DeleteDynamicPartitionsRequest": "definitions.partitions.requests",
    "DimensionPartitionMapping": "definitions.partitions.multi_mapping",
    "DynamicPartitionsDefinition": "definitions.partitions.definition",
    "DynamicPartitionsStore": "definitions.partitions.loading",
    "HourlyPartitionsDefinition": "definitions.partitions.calendar",
    "IdentityPartitionMapping": "definitions.partitions.mapping",
    "InvalidCronError": "errors",
    "InvalidPartitionKeyError": "errors",
    "KeysSubset": "definitions.partitions.subset",
    "LastPartitionMapping": "definitions.partitions.mapping",
    "MonthlyPartitionsDefinition": "definitions.partitions.calendar",
    "MultiPartitionKey": "definitions.partitions.key",
    "MultiPartitionMapping": "definitions.partitions.multi_mapping",
    "MultiPartitionsDefinition": "definitions.partitions.multi",
    "MultiToSingleDimensionPartitionMapping": "definitions.partitions.multi_mapping",
    "Partition": "definitions.partitions.key",
    "PartitionDimensionDefinition": "definitions.partitions.multi",
    "PartitionKeyRange": "definitions.partitions.key",
    "PartitionLoadingContext": "definitions.partitions.loading",
    "PartitionMapping": "definitions.partitions.mapping",
    "PartitionedConfig": "definitions.partitions.config",
    "PartitionsDefinition": "definitions.partitions.definition",
    "PartitionsSubset": "definitions.partitions.subset",
    "ScheduleType": "definitions.partitions.time_window",
    "SpecificPartitionsPartitionMapping": "definitions.partitions.mapping",
    "StaticPartitionMapping": "definitions.partitions.mapping",
    "StaticPartitionsDefinition": "definitions.partitions.definition",
    "TimeWindow": "definitions.partitions.key",
    "TimeWindowPartitionMapping": "definitions.partitions.time_window_mapping",
    "TimeWindowPartitionsDefinition": "definitions.partitions.time_window",
    "TimeWindowPartitionsSubset": "definitions.partitions.time_window_subset",
    "TimestampWithTimezone": "definitions.partitions.key",
    "UnknownPartitionError": "errors",
    "UpstreamPartitionsResult": "definitions.partitions.mapping",
    "WeeklyPartitionsDefinition": "definitions.partitions.calendar",
    "daily_partitioned_config": "definitions.partitions.config",
    "dynamic_partitioned_config": "definitions.partitions.config",
    "hourly_partitioned_config": "definitions.partitions.config",
    "monthly_partitioned_config": "definitions.partitions.config",
    "partition_loading_context": "definitions.partitions.loading",
    "partitioned_config": "definitions.partitions.config",
    "static_partitioned_config": "definitions.partitions.config",
    "weekly_partitioned_config": "definitions.partitions.config",
    # planning
    "ErrorInfo": "planning.event",
    "Event": "planning.event",
    "EventType": "planning.event",
    "Run": "planning.run",
    "RunRecord": "planning.run",
    "RunStatus": "planning.run",
    "RunsFilter": "planning.run",
    # instance
    "AssetRecordsFilter": "instance.event_record",
    "EventRecord": "instance.event_record",
    "EventRecordsFilter": "instance.event_record",
    "Instance": "instance.instance",
    "RunStatusChangeRecordsFilter": "instance.event_record",
    # io
    # execution
}

__all__ = ["__version__", *EXPORTS]


def __getattr__(name: str) -> object:
    try:
        module = EXPORTS[name]
    except KeyError:
        raise AttributeError(f"module 'cellmill' has no attribute {name!r}") from None
    value = getattr(import_module(f"cellmill.{module}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *EXPORTS})
