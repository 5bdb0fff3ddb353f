"""What a user must be allowed to do, for each mutation."""

from __future__ import annotations

from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    InlineFragmentNode,
    OperationDefinitionNode,
    OperationType,
    SelectionSetNode,
)

from cellmill.graphql.document import read_document

#: Mutation -> (action, resource) for the server's authorizer.
MUTATIONS: dict[str, tuple[str, str]] = {
    "launchRun": ("execute", "cellmill:runs"),
    "launchPipelineExecution": ("execute", "cellmill:runs"),
    "launchMultipleRuns": ("execute", "cellmill:runs"),
    "launchRunReexecution": ("execute", "cellmill:runs"),
    "launchPipelineReexecution": ("execute", "cellmill:runs"),
    "launchPartitionBackfill": ("execute", "cellmill:backfills"),
    "cancelPartitionBackfill": ("write", "cellmill:backfills"),
    "terminateRun": ("write", "cellmill:runs"),
    "terminateRuns": ("write", "cellmill:runs"),
    "terminatePipelineExecution": ("write", "cellmill:runs"),
    "deleteRun": ("write", "cellmill:runs"),
    "deletePipelineRun": ("write", "cellmill:runs"),
    "startSchedule": ("write", "cellmill:automation"),
    "pinSchedule": ("write", "cellmill:automation"),
    "stopRunningSchedule": ("write", "cellmill:automation"),
    "startSensor": ("write", "cellmill:automation"),
    "stopSensor": ("write", "cellmill:automation"),
    "setSensorCursor": ("write", "cellmill:automation"),
    "resetSchedule": ("write", "cellmill:automation"),
    "resetSensor": ("write", "cellmill:automation"),
    "freeConcurrencySlots": ("write", "cellmill:automation"),
    "resumePartitionBackfill": ("write", "cellmill:backfills"),
    "scheduleDryRun": ("execute", "cellmill:automation"),
    "sensorDryRun": ("execute", "cellmill:automation"),
    "switchAutomationConditions": ("write", "cellmill:automation"),
    "startDaemon": ("execute", "cellmill:automation"),
    "stopDaemon": ("execute", "cellmill:automation"),
    "setConcurrencyLimit": ("write", "cellmill:automation"),
    "deleteConcurrencyLimit": ("write", "cellmill:automation"),
    "reloadRepositoryLocation": ("execute", "cellmill:workspace"),
    "reloadWorkspace": ("execute", "cellmill:workspace"),
    "shutdownRepositoryLocation": ("execute", "cellmill:workspace"),
    "reportRunlessAssetEvents": ("write", "cellmill:assets"),
    "wipeAssets": ("write", "cellmill:assets"),
    "addDynamicPartition": ("write", "cellmill:assets"),
    "deleteDynamicPartitions": ("write", "cellmill:assets"),
}


def required_permissions(query: str, operation: str | None) -> list[tuple[str, str]]:
    """What the chosen operation of a document needs beyond reading, each once.

    Empty for a document that cannot be parsed or has no such operation: executing it reports that.
    """
    try:
        document = read_document(query)
    except GraphQLError:
        return []
    fragments = {node.name.value: node for node in document.definitions if isinstance(node, FragmentDefinitionNode)}
    needed: dict[tuple[str, str], None] = {}
    for node in document.definitions:
        if isinstance(node, OperationDefinitionNode) and node.operation is OperationType.MUTATION:
            if operation is None or (node.name is not None and node.name.value == operation):
                for name in _root_fields(node.selection_set, fragments, set()):
                    needed[MUTATIONS.get(name, ("execute", "cellmill:runs"))] = None
    return list(needed)


def _root_fields(
    selections: SelectionSetNode, fragments: dict[str, FragmentDefinitionNode], seen: set[str]
) -> set[str]:
    names: set[str] = set()
    for node in selections.selections:
        if isinstance(node, FieldNode):
            names.add(node.name.value)
        elif isinstance(node, InlineFragmentNode):
            names |= _root_fields(node.selection_set, fragments, seen)
        elif isinstance(node, FragmentSpreadNode) and node.name.value not in seen:
            seen.add(node.name.value)
            fragment = fragments.get(node.name.value)
            if fragment is not None:
                names |= _root_fields(fragment.selection_set, fragments, seen)
    return names
