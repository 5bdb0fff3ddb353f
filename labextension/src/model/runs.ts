/** Runs, one run with its log, and what automates them: plain data and the requests that fetch it. */

import { Client } from '../client';
import {
  ASSET,
  AUTOMATION,
  DELETE_RUN,
  LAUNCH,
  NOTEBOOK_NAMES,
  REEXECUTE,
  RUN,
  RUN_LOG,
  RUNS,
  PIN_SCHEDULE,
  START_SCHEDULE,
  START_SENSOR,
  STOP_SCHEDULE,
  STOP_SENSOR,
  TERMINATE
} from './queries';

export interface ITag {
  key: string;
  value: string;
}

export interface IKey {
  path: string[];
}

export interface IRun {
  runId: string;
  jobName: string;
  status: string;
  creationTime: number;
  startTime: number | null;
  endTime: number | null;
  tags: ITag[];
  assetSelection: IKey[] | null;
}

export interface IStep {
  stepKey: string;
  status: string | null;
  startTime: number | null;
  endTime: number | null;
}

export interface IRunDetails extends IRun {
  runConfigYaml: string;
  canTerminate: boolean;
  parentRunId: string | null;
  rootRunId: string | null;
  stepStats: IStep[];
  executedNotebooks: { name: string; stepKey: string }[];
}

export interface IMessage {
  __typename: string;
  message: string;
  timestamp: string;
  level: string;
  eventType: string | null;
  stepKey: string | null;
  error?: IError | null;
}

export interface IError {
  className: string | null;
  message: string;
  stack: string[];
  cause?: IError | null;
}

export interface ILogBatch {
  cursor: string;
  run: { runId: string; status: string };
  messages: IMessage[];
}

export interface ITick {
  timestamp: number;
  status: string;
  runIds: string[];
  skipReason: string | null;
  error: { message: string } | null;
}

export interface IState {
  id: string;
  status: string;
  ticks: ITick[];
}

/** The version of its notebooks that a schedule runs, and the cells that changed since. */
export interface IPinnedVersion {
  notebooks: string[];
  pinnedAt: number;
  changedCells: { notebook: string; kind: string; cell: number; before: string; now: string }[];
}

export interface ISchedule {
  name: string;
  pinnedVersion: IPinnedVersion | null;
  cronSchedule: string;
  executionTimezone: string | null;
  pipelineName: string;
  description: string | null;
  scheduleState: IState;
  futureTicks: { results: { timestamp: number }[] };
}

export interface ISensor {
  name: string;
  sensorType: string;
  minIntervalSeconds: number;
  description: string | null;
  sensorState: IState;
}

export interface IRepository {
  name: string;
  location: { name: string };
  schedules: ISchedule[];
  sensors: ISensor[];
}

export interface IAutomation {
  repositories: IRepository[];
  broken: { name: string; message: string }[];
  daemons: { daemonType: string; healthy: boolean | null; lastHeartbeatTime: number | null }[];
}

export interface IMetadataEntry {
  __typename: string;
  label: string;
  description: string | null;
  intRepr?: string;
  floatRepr?: string;
  text?: string;
  boolValue?: boolean;
  path?: string;
  url?: string;
  mdStr?: string;
  jsonString?: string;
  schema?: ISchema;
  table?: { records: string[]; schema: ISchema };
}

export interface ISchema {
  columns: { name: string; type: string }[];
}

export interface IMaterialization {
  runId: string;
  timestamp: string;
  partition: string | null;
  stepKey: string | null;
  metadataEntries: IMetadataEntry[];
}

export interface IAssetDetails {
  assetKey: IKey;
  groupName: string;
  description: string | null;
  computeKind: string | null;
  codeVersion: string | null;
  isPartitioned: boolean;
  dependencyKeys: IKey[];
  dependedByKeys: IKey[];
  staleStatus: string;
  staleCauses: { key: IKey; reason: string }[];
  definitionSource: { path: string | null; cellId: string | null; cellIndex: number | null; code: string | null } | null;
  partitionStates: { keys: string[]; states: string[] } | null;
  assetMaterializations: IMaterialization[];
}

interface IResult {
  __typename: string;
  message?: string;
}

/** The result of a mutation or an "…OrError" query; throws the message of anything but `expected`. */
function expecting<T>(result: IResult, ...expected: string[]): T {
  if (!expected.includes(result.__typename)) {
    throw new Error(result.message ?? result.__typename);
  }
  return result as unknown as T;
}

export async function loadRuns(client: Client, filter: object = {}, cursor?: string): Promise<IRun[]> {
  const answer = await client.request<{ runsOrError: IResult }>(RUNS, { filter, cursor, limit: 50 });
  return expecting<{ results: IRun[] }>(answer.runsOrError, 'Runs').results;
}

export async function loadRun(client: Client, runId: string): Promise<IRunDetails> {
  const answer = await client.request<{ runOrError: IResult }>(RUN, { runId });
  return expecting<IRunDetails>(answer.runOrError, 'Run');
}

/** The names of the notebooks that a run executed and kept. */
export async function loadNotebookNames(client: Client, runId: string): Promise<string[]> {
  const answer = await client.request<{ runOrError: IResult }>(NOTEBOOK_NAMES, { runId });
  const run = expecting<{ executedNotebooks: { name: string }[] }>(answer.runOrError, 'Run');
  return run.executedNotebooks.map(one => one.name);
}

/** Call `next` with each batch of the run's log until the returned function is called. */
export function followRun(
  client: Client,
  runId: string,
  next: (batch: ILogBatch) => void,
  failed: (problem: Error) => void
): () => void {
  return client.subscribe<{ pipelineRunLogs: IResult }>(
    RUN_LOG,
    { runId },
    ({ pipelineRunLogs }) => {
      if (pipelineRunLogs.__typename === 'PipelineRunLogsSubscriptionSuccess') {
        next(pipelineRunLogs as unknown as ILogBatch);
      } else {
        failed(new Error(pipelineRunLogs.message));
      }
    },
    failed
  );
}

export async function terminateRun(client: Client, runId: string): Promise<void> {
  const answer = await client.request<{ terminateRun: IResult }>(TERMINATE, { runId });
  expecting(answer.terminateRun, 'TerminateRunSuccess');
}

export async function reexecuteRun(client: Client, runId: string, strategy: string): Promise<string> {
  const params = { parentRunId: runId, strategy };
  const answer = await client.request<{ launchRunReexecution: IResult }>(REEXECUTE, { params });
  return expecting<{ run: { runId: string } }>(answer.launchRunReexecution, 'LaunchRunSuccess').run.runId;
}

/** Run some assets of a run again, configured and tagged as it was; returns the new run's id. */
export async function reexecuteAssets(client: Client, run: IRunDetails, keys: readonly string[]): Promise<string> {
  const parent = { parentRunId: run.runId, rootRunId: run.rootRunId ?? run.runId };
  const params = {
    // the engine's own jobs are named for the selection that they were made for
    selector: {
      jobName: run.jobName.startsWith('__') ? undefined : run.jobName,
      assetSelection: keys.map(key => ({ path: key.split('/') }))
    },
    runConfigData: run.runConfigYaml.trim() || '{}',
    executionMetadata: {
      ...parent,
      tags: [
        ...run.tags.filter(tag => tag.key === 'dagster/partition' || !/^(dagster|cellmill)\//.test(tag.key)),
        { key: 'dagster/parent_run_id', value: parent.parentRunId },
        { key: 'dagster/root_run_id', value: parent.rootRunId }
      ]
    }
  };
  const answer = await client.request<{ launchRun: IResult & { errors?: { message: string }[] } }>(LAUNCH, { params });
  const mistakes = answer.launchRun.errors?.map(one => one.message).join('\n');
  const told = { ...answer.launchRun, message: answer.launchRun.message ?? mistakes };
  return expecting<{ run: { runId: string } }>(told, 'LaunchRunSuccess').run.runId;
}

export async function deleteRun(client: Client, runId: string): Promise<void> {
  const answer = await client.request<{ deleteRun: IResult }>(DELETE_RUN, { runId });
  expecting(answer.deleteRun, 'DeletePipelineRunSuccess');
}

/** Do the same to several runs, one after the other; returns those that it was done to and each refusal. */
export async function forEachRun(
  runIds: readonly string[],
  act: (runId: string) => Promise<unknown>
): Promise<{ done: string[]; refused: string[] }> {
  const done: string[] = [];
  const refused: string[] = [];
  for (const runId of runIds) {
    try {
      await act(runId);
      done.push(runId);
    } catch (problem) {
      refused.push(`${runId.slice(0, 8)}: ${problem instanceof Error ? problem.message : String(problem)}`);
    }
  }
  return { done, refused };
}

/** What a step printed to `out` or `err`. */
export async function loadPrinted(client: Client, runId: string, stream: 'out' | 'err', stepKey: string): Promise<string> {
  const path = `cellmill/runs/${runId}/printed/${stream}/${encodeURIComponent(stepKey)}`;
  const answer = await fetch(client.transport.url(path), { credentials: 'same-origin' });
  if (!answer.ok) {
    throw new Error(`What ${stepKey} printed cannot be read: the server answered ${answer.status}.`);
  }
  return answer.text();
}

export async function loadAsset(client: Client, key: string): Promise<IAssetDetails> {
  const answer = await client.request<{ assetNodeOrError: IResult }>(ASSET, { key: { path: key.split('/') } });
  return expecting<IAssetDetails>(answer.assetNodeOrError, 'AssetNode');
}

interface ILocationEntry {
  name: string;
  locationOrLoadError: IResult | null;
}

export async function loadAutomation(client: Client): Promise<IAutomation> {
  const answer = await client.request<{
    repositoriesOrError: IResult;
    workspaceOrError: IResult;
    instance: { daemonHealth: { allDaemonStatuses: IAutomation['daemons'] } };
  }>(AUTOMATION);
  const entries = expecting<{ locationEntries: ILocationEntry[] }>(answer.workspaceOrError, 'Workspace').locationEntries;
  return {
    repositories: expecting<{ nodes: IRepository[] }>(answer.repositoriesOrError, 'RepositoryConnection').nodes,
    broken: entries
      .filter(entry => entry.locationOrLoadError?.__typename === 'PythonError')
      .map(entry => ({ name: entry.name, message: entry.locationOrLoadError?.message ?? '' })),
    daemons: answer.instance.daemonHealth.allDaemonStatuses
  };
}

/** Turn a schedule or a sensor on or off. */
export async function switchAutomation(
  client: Client,
  repository: IRepository,
  item: { schedule: ISchedule } | { sensor: ISensor },
  on: boolean
): Promise<void> {
  const where = { repositoryName: repository.name, repositoryLocationName: repository.location.name };
  if ('schedule' in item) {
    const answer = on
      ? await client.request<Record<string, IResult>>(START_SCHEDULE, {
          selector: { ...where, scheduleName: item.schedule.name }
        })
      : await client.request<Record<string, IResult>>(STOP_SCHEDULE, { id: item.schedule.scheduleState.id });
    expecting(Object.values(answer)[0], 'ScheduleStateResult');
    return;
  }
  const answer = on
    ? await client.request<Record<string, IResult>>(START_SENSOR, {
        selector: { ...where, sensorName: item.sensor.name }
      })
    : await client.request<Record<string, IResult>>(STOP_SENSOR, { id: item.sensor.sensorState.id });
  expecting(Object.values(answer)[0], 'Sensor', 'StopSensorMutationResult');
}

/** Let a schedule run its notebooks as they are now whatever is saved later, or as they are at each launch. */
export async function pinSchedule(
  client: Client,
  repository: IRepository,
  schedule: ISchedule,
  pinned: boolean
): Promise<void> {
  const selector = {
    repositoryName: repository.name,
    repositoryLocationName: repository.location.name,
    scheduleName: schedule.name
  };
  const answer = await client.request<Record<string, IResult>>(PIN_SCHEDULE, { selector, pinned });
  expecting(Object.values(answer)[0], 'ScheduleStateResult');
}
