/** Every GraphQL document that the screens send, in one place. */

export const GRAPH = `query Graph($selection: String) {
  serverFolder
  assetGraph(selection: $selection) {
    keys groups kinds descriptions notebooks cellIds partitioned states reasons materializedAt x y edgeSources edgeTargets
  }
}`;

export const PLACES = `query Places($nodes: Int!, $sources: [Int!]!, $targets: [Int!]!) {
  graphPlaces(nodes: $nodes, edgeSources: $sources, edgeTargets: $targets) { x y }
}`;

export const ROW_COUNTS = `query RowCounts($keys: [AssetKeyInput!]!) {
  assetNodes(assetKeys: $keys) {
    assetKey { path }
    assetMaterializations(limit: 12) { metadataEntries { label ... on IntMetadataEntry { intRepr } } }
  }
}`;

export const GRAPH_CHANGES = `subscription GraphChanges {
  assetStateChanges { structureChanged keys states reasons materializedAt }
}`;

export const LAUNCH = `mutation Launch($params: ExecutionParams!) {
  launchRun(executionParams: $params) {
    __typename
    ... on LaunchRunSuccess { run { runId } }
    ... on Error { message }
    ... on RunConfigValidationInvalid { errors { message } }
  }
}`;

export const ASSET = `query Asset($key: AssetKeyInput!) {
  assetNodeOrError(assetKey: $key) {
    __typename
    ... on AssetNotFoundError { message }
    ... on AssetNode {
      id groupName description computeKind opName jobNames codeVersion isPartitioned
      assetKey { path }
      dependencyKeys { path }
      dependedByKeys { path }
      staleStatus
      staleCauses { key { path } reason }
      definitionSource { path cellId cellIndex code }
      hasAssetChecks
      partitionStates { keys states }
      assetMaterializations(limit: 20) {
        runId timestamp partition stepKey
        metadataEntries { __typename label description
          ... on IntMetadataEntry { intRepr }
          ... on FloatMetadataEntry { floatRepr }
          ... on TextMetadataEntry { text }
          ... on BoolMetadataEntry { boolValue }
          ... on PathMetadataEntry { path }
          ... on UrlMetadataEntry { url }
          ... on MarkdownMetadataEntry { mdStr }
          ... on JsonMetadataEntry { jsonString }
          ... on TableSchemaMetadataEntry { schema { columns { name type } } }
          ... on TableMetadataEntry { table { records schema { columns { name type } } } }
        }
      }
    }
  }
}`;

export const RUNS = `query Runs($filter: RunsFilter, $cursor: String, $limit: Int) {
  runsOrError(filter: $filter, cursor: $cursor, limit: $limit) {
    __typename
    ... on Runs {
      results { runId jobName status creationTime startTime endTime tags { key value } assetSelection { path } }
    }
    ... on Error { message }
  }
}`;

export const RUN = `query Run($runId: ID!) {
  runOrError(runId: $runId) {
    __typename
    ... on Run {
      runId jobName status creationTime startTime endTime runConfigYaml canTerminate parentRunId rootRunId
      tags { key value } assetSelection { path }
      stepStats { stepKey status startTime endTime }
      executedNotebooks { name stepKey }
    }
    ... on Error { message }
  }
}`;

export const NOTEBOOK_NAMES = `query NotebookNames($runId: ID!) {
  runOrError(runId: $runId) { __typename ... on Run { executedNotebooks { name } } ... on Error { message } }
}`;

export const RUN_LOG = `subscription RunLog($runId: ID!, $cursor: String) {
  pipelineRunLogs(runId: $runId, cursor: $cursor) {
    __typename
    ... on PipelineRunLogsSubscriptionSuccess {
      cursor
      run { runId status }
      messages {
        __typename
        ... on MessageEvent { message timestamp level eventType stepKey }
        ... on ErrorEvent { error { className message stack cause { className message stack } } }
      }
    }
    ... on PipelineRunLogsSubscriptionFailure { message }
  }
}`;

export const TERMINATE = `mutation Terminate($runId: String!) {
  terminateRun(runId: $runId) {
    __typename
    ... on TerminateRunFailure { message }
    ... on Error { message }
  }
}`;

export const DELETE_RUN = `mutation DeleteRun($runId: String!) {
  deleteRun(runId: $runId) { __typename ... on Error { message } }
}`;

export const REEXECUTE = `mutation Reexecute($params: ReexecutionParams!) {
  launchRunReexecution(reexecutionParams: $params) {
    __typename
    ... on LaunchRunSuccess { run { runId } }
    ... on Error { message }
  }
}`;

export const AUTOMATION = `query Automation {
  repositoriesOrError {
    __typename
    ... on RepositoryConnection {
      nodes {
        name
        location { name }
        schedules {
          name cronSchedule executionTimezone pipelineName description
          scheduleState { id status ticks(limit: 20) { timestamp status runIds skipReason error { message } } }
          futureTicks(limit: 3) { results { timestamp } }
          pinnedVersion { notebooks pinnedAt changedCells { notebook kind cell before now } }
        }
        sensors {
          name sensorType minIntervalSeconds description
          sensorState { id status ticks(limit: 20) { timestamp status runIds skipReason error { message } } }
        }
      }
    }
    ... on PythonError { message }
  }
  workspaceOrError {
    __typename
    ... on Workspace { locationEntries { name locationOrLoadError { __typename ... on PythonError { message } } } }
    ... on PythonError { message }
  }
  instance { daemonHealth { allDaemonStatuses { daemonType healthy lastHeartbeatTime } } }
}`;

export const START_SCHEDULE = `mutation StartSchedule($selector: ScheduleSelector!) {
  startSchedule(scheduleSelector: $selector) { __typename ... on Error { message } }
}`;

export const STOP_SCHEDULE = `mutation StopSchedule($id: String!) {
  stopRunningSchedule(id: $id) { __typename ... on Error { message } }
}`;

export const PIN_SCHEDULE = `mutation PinSchedule($selector: ScheduleSelector!, $pinned: Boolean!) {
  pinSchedule(scheduleSelector: $selector, pinned: $pinned) { __typename ... on Error { message } }
}`;

export const START_SENSOR = `mutation StartSensor($selector: SensorSelector!) {
  startSensor(sensorSelector: $selector) { __typename ... on Error { message } }
}`;

export const STOP_SENSOR = `mutation StopSensor($id: String!) {
  stopSensor(id: $id) { __typename ... on Error { message } }
}`;

export const RELOAD = `mutation Reload { reloadWorkspace { __typename ... on Error { message } } }`;

export const NOTEBOOK_CELLS = `query NotebookCells($path: String!, $cells: [CellInput!]!) {
  notebookCells(path: $path, cells: $cells) { cellId keys state reason edited upstream materializedAt }
}`;

export const CRON_PREVIEW = `query CronPreview($cron: String!, $timezone: String!) {
  cronPreview(cron: $cron, timezone: $timezone) { words next problem }
}`;

export const SELECT = `query Select($selection: String) { assetGraph(selection: $selection) { keys } }`;

export const PLAN = `query Plan($keys: [AssetKeyInput!]!) {
  materializationPlan(assetKeys: $keys) { notebook cellIndex assets why step }
}`;

export const JOBS = `query Jobs {
  repositoriesOrError {
    __typename
    ... on RepositoryConnection { nodes { name location { name } jobs { name description isAssetJob assetKeys { path } } } }
    ... on PythonError { message }
  }
}`;

export const CHECK_CONFIG = `query CheckConfig($pipeline: PipelineSelector!, $config: JSON) {
  isPipelineConfigValid(pipeline: $pipeline, runConfigData: $config) {
    __typename
    ... on RunConfigValidationInvalid { errors { message path reason } }
    ... on Error { message }
  }
}`;

export const BACKFILLS = `query Backfills {
  partitionBackfillsOrError(limit: 50) {
    __typename
    ... on PartitionBackfills {
      results {
        id status timestamp endTimestamp title numPartitions partitionNames
        assetSelection { path }
        partitionStatuses { partitionName runId status }
        error { message }
      }
    }
    ... on PythonError { message }
  }
}`;

export const DEPLOYMENT = `query Deployment {
  version
  instance { info daemonHealth { allDaemonStatuses { daemonType healthy lastHeartbeatTime } } }
  workspaceOrError {
    __typename
    ... on Workspace {
      locationEntries { name problems { message } locationOrLoadError { __typename ... on PythonError { message } } }
    }
    ... on PythonError { message }
  }
}`;

export const PARTITIONS = `query Partitions($key: AssetKeyInput!) {
  assetNodeOrError(assetKey: $key) { __typename ... on AssetNode { partitionStates { keys states } } ... on Error { message } }
}`;

export const START_BACKFILL = `mutation StartBackfill($params: LaunchBackfillParams!) {
  launchPartitionBackfill(backfillParams: $params) {
    __typename
    ... on LaunchBackfillSuccess { backfillId }
    ... on Error { message }
  }
}`;

export const CANCEL_BACKFILL = `mutation CancelBackfill($id: String!) {
  cancelPartitionBackfill(backfillId: $id) { __typename ... on Error { message } }
}`;
