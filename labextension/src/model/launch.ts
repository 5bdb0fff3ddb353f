/** Choosing, checking and starting runs: plain data and the requests that fetch it. */

import { Client } from '../client';
import { lineOf, readConfig } from './config';
import {
  BACKFILLS,
  CANCEL_BACKFILL,
  CHECK_CONFIG,
  CONFIG_SCHEMA,
  JOB_PARTITIONS,
  JOBS,
  LAUNCH,
  PARTITIONED,
  PARTITIONS,
  PLAN,
  SELECT,
  START_BACKFILL,
  TAG_KEYS
} from './queries';
import type { IKey, ITag } from './runs';
import type { ISchema } from './schema';

export interface IOp {
  name: string;
  upstream: string[];
  description: string | null;
}

export interface IJob {
  name: string;
  location: string;
  repository: string;
  description: string | null;
  /** What it makes; none for a job of ops. */
  assets: string[];
  ops: IOp[];
}

/** What a run is of: a job, or assets. */
export type IWhat = { job: IJob } | { keys: readonly string[] };

export interface IMistake {
  message: string;
  path: string[];
  /** The line of the text, counted from 1. */
  line: number;
}

export interface IPlanned {
  notebook: string | null;
  cellIndex: number | null;
  assets: string[];
  why: string;
  step: string;
}

export interface IBackfill {
  id: string;
  status: string;
  timestamp: number;
  endTimestamp: number | null;
  title: string | null;
  numPartitions: number | null;
  partitionNames: string[] | null;
  assetSelection: IKey[] | null;
  partitionStatuses: { partitionName: string; runId: string; status: string }[];
  /** How each partition of each asset goes; empty of a job. */
  assetStatuses: { assetKey: IKey; keys: string[]; states: string[]; runIds: string[] }[];
  error: { message: string } | null;
}

interface IResult {
  __typename: string;
  message?: string;
  errors?: { message: string; path: string[] }[];
}

export async function loadJobs(client: Client): Promise<IJob[]> {
  const answer = await client.request<{
    repositoriesOrError: IResult & {
      nodes?: {
        name: string;
        location: { name: string };
        jobs: { name: string; description: string | null; assetKeys: IKey[]; solids: IOp[] }[];
      }[];
    };
  }>(JOBS);
  return (answer.repositoriesOrError.nodes ?? []).flatMap(({ name, location, jobs }) =>
    jobs
      .filter(job => !job.name.startsWith('__'))
      .map(job => ({
        name: job.name,
        description: job.description,
        assets: job.assetKeys.map(key => key.path.join('/')),
        ops: job.solids,
        location: location.name,
        repository: name
      }))
  );
}

/** The keys that a selection means. */
export async function selectKeys(client: Client, selection: string): Promise<string[]> {
  return (await client.request<{ assetGraph: { keys: string[] } }>(SELECT, { selection })).assetGraph.keys;
}

export async function loadPlan(client: Client, keys: readonly string[]): Promise<IPlanned[]> {
  const answer = await client.request<{ materializationPlan: IPlanned[] }>(PLAN, { keys: keys.map(asKey) });
  return answer.materializationPlan;
}

const asKey = (key: string) => ({ path: key.split('/') });

const where = (what: IWhat) =>
  'job' in what
    ? { jobName: what.job.name, repositoryName: what.job.repository, repositoryLocationName: what.job.location }
    : { assetSelection: what.keys.map(asKey) };

/** The schema of what configures a run; null where only running its code could tell. */
export async function loadSchema(client: Client, what: IWhat): Promise<ISchema | null> {
  const { runConfigSchemaOrError: found } = await client.request<{ runConfigSchemaOrError: { jsonSchema?: ISchema } }>(
    CONFIG_SCHEMA,
    { selector: where(what) }
  );
  return found.jsonSchema ?? null;
}

/** Every mistake of the configuration, each with the line that it is about. */
export async function checkConfig(client: Client, what: IWhat, text: string): Promise<IMistake[]> {
  const { problem } = readConfig(text);
  if (problem) {
    return [{ message: problem.message, path: [], line: problem.line }];
  }
  const { isPipelineConfigValid: found } = await client.request<{ isPipelineConfigValid: IResult }>(CHECK_CONFIG, {
    pipeline: where(what),
    config: text.trim() ? text : '{}'
  });
  if (found.errors) {
    return found.errors.map(({ message, path }) => ({ message, path, line: lineOf(text, path) }));
  }
  return found.message && found.__typename !== 'PipelineConfigValidationValid'
    ? [{ message: found.message, path: [], line: 1 }]
    : [];
}

/** The partitions of what is to be run, and how they can be made. */
export interface IRunnable extends IPartitions {
  /** What a backfill is of: a job's partition set, or assets, one with partitions first. */
  target: IBackfillTarget;
  /** The assets with partitions, each with how many one run makes of them; 0 stands for all. */
  perRun: IPerRun[];
}

export interface IPerRun {
  key: string;
  limit: number;
}

export type IBackfillTarget = { partitionSet: string; job: IJob } | { keys: readonly string[] };

/** The partitions of a job of ops with their states unknown, or those of the first asset that has some. */
export async function loadRange(client: Client, what: IWhat): Promise<IRunnable> {
  if ('job' in what && !what.job.assets.length) {
    const { repository, location, name } = what.job;
    const answer = await client.request<{
      partitionSetsOrError: { results?: { name: string; partitionNames: string[] }[] };
    }>(JOB_PARTITIONS, { repository: { repositoryName: repository, repositoryLocationName: location }, job: name });
    const found = answer.partitionSetsOrError.results?.[0];
    const keys = found?.partitionNames ?? [];
    const target = { partitionSet: found?.name ?? '', job: what.job };
    return { keys, states: keys.map(() => 'MISSING'), target, perRun: [] };
  }
  const all = 'job' in what ? what.job.assets : what.keys;
  const { assetNodes } = await client.request<{
    assetNodes: { assetKey: IKey; isPartitioned: boolean; backfillPolicy: { maxPartitionsPerRun: number | null } | null }[];
  }>(PARTITIONED, { keys: all.map(asKey) });
  const perRun = assetNodes
    .filter(one => one.isPartitioned)
    .map(one => ({
      key: one.assetKey.path.join('/'),
      limit: one.backfillPolicy ? (one.backfillPolicy.maxPartitionsPerRun ?? 0) : 1
    }));
  const first = perRun[0]?.key;
  const partitions = first ? await loadPartitions(client, first) : { keys: [], states: [] };
  return { ...partitions, perRun, target: { keys: first ? [first, ...all.filter(key => key !== first)] : all } };
}

/** The assets of which one run does not make so many partitions at once. */
export function tooMany(range: IRunnable, chosen: number): IPerRun[] {
  return range.perRun.filter(({ limit }) => limit > 0 && chosen > limit);
}

/** The keys of tags that runs have. */
export async function loadTagKeys(client: Client): Promise<string[]> {
  const answer = await client.request<{ runTagKeysOrError: { keys?: string[] } | null }>(TAG_KEYS);
  return answer.runTagKeysOrError?.keys ?? [];
}

/** Start a run; returns its id, or throws every reason why not. */
export async function launch(client: Client, what: IWhat, config: string, tags: readonly ITag[]): Promise<string> {
  const params = { selector: where(what), runConfigData: config.trim() ? config : '{}', executionMetadata: { tags } };
  const { launchRun } = await client.request<{ launchRun: IResult & { run?: { runId: string } } }>(LAUNCH, { params });
  if (!launchRun.run) {
    throw new Error(launchRun.message ?? launchRun.errors?.map(one => one.message).join('\n') ?? launchRun.__typename);
  }
  return launchRun.run.runId;
}

export async function loadBackfills(client: Client): Promise<IBackfill[]> {
  const answer = await client.request<{ partitionBackfillsOrError: IResult & { results?: IBackfill[] } }>(BACKFILLS);
  if (!answer.partitionBackfillsOrError.results) {
    throw new Error(answer.partitionBackfillsOrError.message);
  }
  return answer.partitionBackfillsOrError.results;
}

export interface IPartitions {
  keys: string[];
  states: string[];
}

/** The partitions of an asset with their states; none where it has no partitions. */
export async function loadPartitions(client: Client, key: string): Promise<IPartitions> {
  const { assetNodeOrError: found } = await client.request<{
    assetNodeOrError: IResult & { partitionStates?: IPartitions | null };
  }>(PARTITIONS, { key: asKey(key) });
  if (found.__typename !== 'AssetNode') {
    throw new Error(found.message ?? found.__typename);
  }
  return found.partitionStates ?? { keys: [], states: [] };
}

/** Ask for a backfill of some partitions; returns its id. */
export async function startBackfill(client: Client, target: IBackfillTarget, partitionNames: string[]): Promise<string> {
  const params = { ...backfillOf(target), partitionNames };
  const { launchPartitionBackfill: found } = await client.request<{
    launchPartitionBackfill: IResult & { backfillId?: string };
  }>(START_BACKFILL, { params });
  if (!found.backfillId) {
    throw new Error(found.message ?? found.__typename);
  }
  return found.backfillId;
}

function backfillOf(target: IBackfillTarget) {
  if ('keys' in target) {
    return { assetSelection: target.keys.map(asKey) };
  }
  const { repository, location } = target.job;
  const repositorySelector = { repositoryName: repository, repositoryLocationName: location };
  return { selector: { partitionSetName: target.partitionSet, repositorySelector } };
}

export async function cancelBackfill(client: Client, id: string): Promise<void> {
  await client.request(CANCEL_BACKFILL, { id });
}
