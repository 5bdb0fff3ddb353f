/** Runs, one run with its log, and what automates them: plain data and the requests that fetch it. */

import { Client, expecting, IResult } from '../client';
import {
  ASSET,
  DELETE_RUN,
  LAUNCH,
  NOTEBOOK_NAMES,
  REEXECUTE,
  RUN,
  RUN_LOG,
  RUNS,
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
  schema?: ITableSchema;
  table?: { records: string[]; schema: ITableSchema };
  lineage?: IColumnLineage[];
}

export interface ITableSchema {
  columns: { name: string; type: string }[];
}

/** A column, and those that it is made from. */
export interface IColumnLineage {
  columnName: string;
  columnDeps: { assetKey: IKey; columnName: string }[];
}

export interface ICheck {
  name: string;
  description: string | null;
  blocking: boolean;
  evaluations: {
    success: boolean;
    severity: string;
    timestamp: number;
    runId: string;
    description: string | null;
    partition: string | null;
  }[];
}

export interface IMaterialization {
  runId: string;
  timestamp: string;
  partition: string | null;
  stepKey: string | null;
  codeVersion: string | null;
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
  assetChecks: ICheck[];
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
export function reexecuteAssets(client: Client, run: IRunDetails, keys: readonly string[]): Promise<string> {
  return runPart(client, run, { assetSelection: keys.map(key => ({ path: key.split('/') })) });
}

/** Run some ops of a run again, on the values that it made of the others; returns the new run's id. */
export function reexecuteOps(client: Client, run: IRunDetails, ops: readonly string[]): Promise<string> {
  return runPart(client, run, {}, ops);
}

/** What says for which partition, or range of them, a run is. */
const PARTITION_TAG = /^dagster\/(partition|asset_partition_range_(start|end))$/;

async function runPart(client: Client, run: IRunDetails, part: object, stepKeys?: readonly string[]): Promise<string> {
  const parent = { parentRunId: run.runId, rootRunId: run.rootRunId ?? run.runId };
  const params = {
    // the engine's own jobs are named for the selection that they were made for
    selector: { jobName: run.jobName.startsWith('__') ? undefined : run.jobName, ...part },
    runConfigData: run.runConfigYaml.trim() || '{}',
    stepKeys,
    executionMetadata: {
      ...parent,
      tags: [
        ...run.tags.filter(tag => PARTITION_TAG.test(tag.key) || !/^(dagster|cellmill)\//.test(tag.key)),
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
