/** Choosing, checking and starting runs: plain data and the requests that fetch it. */

import { Client } from '../client';
import { BACKFILLS, CANCEL_BACKFILL, CHECK_CONFIG, JOBS, LAUNCH, PARTITIONS, PLAN, SELECT, START_BACKFILL } from './queries';
import type { IKey, ITag } from './runs';

export interface IJob {
  name: string;
  location: string;
  repository: string;
  isAssetJob: boolean;
}

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
      nodes?: { name: string; location: { name: string }; jobs: { name: string; isAssetJob: boolean }[] }[];
    };
  }>(JOBS);
  return (answer.repositoriesOrError.nodes ?? []).flatMap(({ name, location, jobs }) =>
    jobs
      .filter(job => !job.name.startsWith('__'))
      .map(job => ({ name: job.name, isAssetJob: job.isAssetJob, location: location.name, repository: name }))
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

const where = (job: IJob) => ({
  pipelineName: job.name,
  repositoryName: job.repository,
  repositoryLocationName: job.location
});

/** Every mistake of the configuration, each with the line that it is about. */
export async function checkConfig(client: Client, job: IJob, text: string): Promise<IMistake[]> {
  const { isPipelineConfigValid: found } = await client.request<{ isPipelineConfigValid: IResult }>(CHECK_CONFIG, {
    pipeline: where(job),
    config: text.trim() ? text : '{}'
  });
  if (found.errors) {
    return found.errors.map(({ message, path }) => ({ message, path, line: lineOf(text, path, message) }));
  }
  return found.message && found.__typename !== 'PipelineConfigValidationValid'
    ? [{ message: found.message, path: [], line: 1 }]
    : [];
}

/** The line on which a path of keys ends in YAML or JSON text; the reader's own line where the text is not YAML. */
export function lineOf(text: string, path: readonly string[], message = ''): number {
  const told = /line (\d+)/.exec(message);
  if (!path.length && told) {
    return Number(told[1]);
  }
  const lines = text.split('\n');
  let at = 0;
  for (const part of path) {
    const key = new RegExp(`^[\\s{,-]*["']?${part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}["']?\\s*:`);
    const found = lines.findIndex((line, i) => i >= at && key.test(line));
    if (found < 0) {
      break;
    }
    at = found;
  }
  return at + 1;
}

/** Start a run; returns its id, or throws every reason why not. */
export async function launch(
  client: Client,
  what: { job: IJob } | { keys: string[] },
  config: string,
  tags: ITag[]
): Promise<string> {
  const selector =
    'job' in what
      ? { jobName: what.job.name, repositoryName: what.job.repository, repositoryLocationName: what.job.location }
      : { assetSelection: what.keys.map(asKey) };
  const params = { selector, runConfigData: config.trim() ? config : '{}', executionMetadata: { tags } };
  const { launchRun } = await client.request<{ launchRun: IResult & { run?: { runId: string } } }>(LAUNCH, { params });
  if (!launchRun.run) {
    throw new Error(launchRun.message ?? launchRun.errors?.map(one => one.message).join('\n') ?? launchRun.__typename);
  }
  return launchRun.run.runId;
}

/** "key=value" lines as tags. */
export function readTags(text: string): ITag[] {
  return text
    .split('\n')
    .map(line => line.trim())
    .filter(Boolean)
    .map(line => {
      const [key, ...value] = line.split('=');
      return { key: key.trim(), value: value.join('=').trim() };
    });
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
export async function startBackfill(client: Client, key: string, partitionNames: string[], title: string): Promise<string> {
  const params = { assetSelection: [asKey(key)], partitionNames, title: title || undefined };
  const { launchPartitionBackfill: found } = await client.request<{
    launchPartitionBackfill: IResult & { backfillId?: string };
  }>(START_BACKFILL, { params });
  if (!found.backfillId) {
    throw new Error(found.message ?? found.__typename);
  }
  return found.backfillId;
}

export async function cancelBackfill(client: Client, id: string): Promise<void> {
  await client.request(CANCEL_BACKFILL, { id });
}
