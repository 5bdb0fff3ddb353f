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
        runId timestamp partition stepKey codeVersion
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
          ... on TableColumnLineageMetadataEntry { lineage { columnName columnDeps { assetKey { path } columnName } } }
        }
      }
      assetChecks {
        name description blocking
        evaluations(limit: 12) { success severity timestamp runId description partition }
      }
    }
  }
}`;

export const COLUMNS = `query Columns($keys: [AssetKeyInput!]!) {
  assetNodes(assetKeys: $keys) {
    assetKey { path }
    assetMaterializations(limit: 1) {
      metadataEntries { __typename
        ... on TableSchemaMetadataEntry { schema { columns { name type } } }
        ... on TableColumnLineageMetadataEntry { lineage { columnName columnDeps { assetKey { path } columnName } } }
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

const TICK = `id timestamp status runIds skipReason cursor error { message }`;

export const AUTOMATION = `query Automation {
  repositoriesOrError {
    __typename
    ... on RepositoryConnection {
      nodes {
        name
        location { name }
        schedules {
          name cronSchedule executionTimezone pipelineName description
          scheduleState { id status ticks(limit: 40) { ${TICK} } }
          futureTicks(limit: 5) { results { timestamp } }
          pinnedVersion { notebooks pinnedAt changedCells { notebook kind cell before now } }
        }
        sensors {
          name sensorType minIntervalSeconds description
          sensorState { id status ticks(limit: 40) { ${TICK} } }
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
  instance {
    daemonHealth { allDaemonStatuses { daemonType healthy lastHeartbeatTime } }
    automationConditions { id status ticks(limit: 40) { ${TICK} } }
  }
}`;

export const EVALUATIONS = `query Evaluations($selector: InstigationSelector!, $id: String, $before: Float, $after: Float) {
  instigationStateOrError(instigationSelector: $selector, id: $id) {
    __typename
    ... on InstigationState {
      ticks(limit: 1, beforeTimestamp: $before, afterTimestamp: $after) { ${TICK}
        conditionEvaluations {
          assetKey { path } isRequested
          rows { depth condition assetKey { path } isTrue partitionCount partitions }
        }
      }
    }
    ... on PythonError { message }
  }
}`;

export const PIN = `mutation Pin($selector: ScheduleSelector!, $pinned: Boolean!) {
  pinSchedule(scheduleSelector: $selector, pinned: $pinned) { __typename ... on Error { message } }
}`;

const EVALUATED = `__typename
  ... on TickEvaluation { skipReason cursor runRequests { runKey jobName assetSelection runConfigYaml tags { key value } } }
  ... on Error { message }`;

export const SCHEDULE_DRY_RUN = `mutation ScheduleDryRun($selector: ScheduleSelector!) {
  scheduleDryRun(selectorData: $selector) { ${EVALUATED} }
}`;

export const SENSOR_DRY_RUN = `mutation SensorDryRun($selector: SensorSelector!) {
  sensorDryRun(selectorData: $selector) { ${EVALUATED} }
}`;

export const SWITCH_CONDITIONS = `mutation SwitchConditions($on: Boolean!) { switchAutomationConditions(on: $on) { id status } }`;

export const START_DAEMON = `mutation StartDaemon { startDaemon { __typename ... on Error { message } } }`;

export const STOP_DAEMON = `mutation StopDaemon { stopDaemon { __typename ... on Error { message } } }`;

export const SET_LIMIT = `mutation SetLimit($pool: String!, $limit: Int!) { setConcurrencyLimit(concurrencyKey: $pool, limit: $limit) }`;

export const DELETE_LIMIT = `mutation DeleteLimit($pool: String!) { deleteConcurrencyLimit(concurrencyKey: $pool) }`;

export const FINISHED = `subscription Finished {
  finishedRuns { runId jobName status startTime endTime assetSelection { path } tags { key value } }
}`;

export const START_SCHEDULE = `mutation StartSchedule($selector: ScheduleSelector!) {
  startSchedule(scheduleSelector: $selector) { __typename ... on Error { message } }
}`;

export const STOP_SCHEDULE = `mutation StopSchedule($id: String!) {
  stopRunningSchedule(id: $id) { __typename ... on Error { message } }
}`;

export const START_SENSOR = `mutation StartSensor($selector: SensorSelector!) {
  startSensor(sensorSelector: $selector) { __typename ... on Error { message } }
}`;

export const STOP_SENSOR = `mutation StopSensor($id: String!) {
  stopSensor(id: $id) { __typename ... on Error { message } }
}`;

export const RELOAD = `mutation Reload { reloadWorkspace { __typename ... on Error { message } } }`;

export const NOTEBOOK_CELLS = `query NotebookCells($path: String!, $cells: [CellInput!]!) {
  notebookCells(path: $path, cells: $cells) { cellId keys state reason edited upstream materializedAt progress { runId startedAt made planned } }
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
    ... on RepositoryConnection { nodes { name location { name } jobs { name description assetKeys { path } solids { name upstream description } } } }
    ... on PythonError { message }
  }
}`;

export const CONFIG_SCHEMA = `query ConfigSchema($selector: PipelineSelector!) {
  runConfigSchemaOrError(selector: $selector) { __typename ... on RunConfigSchema { jsonSchema } ... on Error { message } }
}`;

export const JOB_PARTITIONS = `query JobPartitions($repository: RepositorySelector!, $job: String!) {
  partitionSetsOrError(repositorySelector: $repository, pipelineName: $job) {
    __typename
    ... on PartitionSets { results { name partitionNames } }
  }
}`;

export const TAG_KEYS = `query TagKeys { runTagKeysOrError { __typename ... on RunTagKeys { keys } } }`;

export const CHECK_CONFIG = `query CheckConfig($pipeline: PipelineSelector!, $config: RunConfigData) {
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
        assetStatuses { assetKey { path } keys states runIds }
        error { message }
      }
    }
    ... on PythonError { message }
  }
}`;

export const DEPLOYMENT = `query Deployment {
  version
  instance {
    info configuration configurationPath
    daemonHealth { allDaemonStatuses { daemonType healthy lastHeartbeatTime } }
    concurrencyLimits { concurrencyKey slotCount activeSlotCount claimedSlots { runId stepKey } }
  }
  runsOrError(filter: { statuses: [QUEUED] }, limit: 50) {
    __typename
    ... on Runs { results { runId jobName status creationTime startTime endTime tags { key value } assetSelection { path } } }
    ... on Error { message }
  }
  workspaceOrError {
    __typename
    ... on Workspace {
      locationEntries { name problems { message place remedy severity } locationOrLoadError { __typename ... on PythonError { message } } }
    }
    ... on PythonError { message }
  }
}`;

export const PARTITIONS = `query Partitions($key: AssetKeyInput!) {
  assetNodeOrError(assetKey: $key) { __typename ... on AssetNode { partitionStates { keys states } } ... on Error { message } }
}`;

/** Which of some assets have partitions, and how many of them one run makes. */
export const PARTITIONED = `query Partitioned($keys: [AssetKeyInput!]!) {
  assetNodes(assetKeys: $keys) { assetKey { path } isPartitioned backfillPolicy { maxPartitionsPerRun } }
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
