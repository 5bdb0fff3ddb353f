/** What starts runs by itself: schedules, sensors, conditions, the daemon; plain data and the requests that fetch it. */

import { Client, expecting, IResult } from '../client';
import {
  AUTOMATION,
  EVALUATIONS,
  PIN,
  SCHEDULE_DRY_RUN,
  SENSOR_DRY_RUN,
  START_DAEMON,
  START_SCHEDULE,
  START_SENSOR,
  STOP_DAEMON,
  STOP_SCHEDULE,
  STOP_SENSOR,
  SWITCH_CONDITIONS
} from './queries';
import type { IKey, ITag } from './runs';

export interface ITick {
  id: string;
  timestamp: number;
  status: string;
  runIds: string[];
  skipReason: string | null;
  cursor: string | null;
  error: { message: string } | null;
}

/** The version of its notebooks that a schedule runs, and the cells that changed since. */
export interface IPinnedVersion {
  notebooks: string[];
  pinnedAt: number;
  changedCells: { notebook: string; kind: string; cell: number; before: string; now: string }[];
}

/** A condition of a tree: the rows behind it that lie deeper are what it is made of. */
export interface ICondition {
  depth: number;
  condition: string;
  assetKey: IKey;
  isTrue: boolean;
  partitionCount: number;
  partitions: string[];
}

export interface IEvaluation {
  assetKey: IKey;
  isRequested: boolean;
  rows: ICondition[];
}

/** What a schedule or a sensor would ask for now. */
export interface IDryRun {
  skipReason: string | null;
  cursor: string | null;
  runRequests: {
    runKey: string | null;
    jobName: string | null;
    assetSelection: string[] | null;
    runConfigYaml: string;
    tags: ITag[];
  }[];
}

export interface IState {
  id: string;
  status: string;
  ticks: ITick[];
}

export interface ISchedule {
  name: string;
  cronSchedule: string;
  executionTimezone: string | null;
  pipelineName: string;
  description: string | null;
  scheduleState: IState;
  futureTicks: { results: { timestamp: number }[] };
  pinnedVersion: IPinnedVersion | null;
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
  /** Of the conditions of the assets that no sensor has; null where there are none. */
  conditions: IState | null;
}

interface ILocationEntry {
  name: string;
  locationOrLoadError: IResult | null;
}

export async function loadAutomation(client: Client): Promise<IAutomation> {
  const answer = await client.request<{
    repositoriesOrError: IResult;
    workspaceOrError: IResult;
    instance: { daemonHealth: { allDaemonStatuses: IAutomation['daemons'] }; automationConditions: IState | null };
  }>(AUTOMATION);
  const entries = expecting<{ locationEntries: ILocationEntry[] }>(answer.workspaceOrError, 'Workspace').locationEntries;
  return {
    repositories: expecting<{ nodes: IRepository[] }>(answer.repositoriesOrError, 'RepositoryConnection').nodes,
    broken: entries
      .filter(entry => entry.locationOrLoadError?.__typename === 'PythonError')
      .map(entry => ({ name: entry.name, message: entry.locationOrLoadError?.message ?? '' })),
    daemons: answer.instance.daemonHealth.allDaemonStatuses,
    conditions: answer.instance.automationConditions
  };
}

/** A schedule or a sensor of a repository. */
export type IItem = { schedule: ISchedule } | { sensor: ISensor };

const selectorOf = (repository: IRepository, item: IItem) => ({
  repositoryName: repository.name,
  repositoryLocationName: repository.location.name,
  ...('schedule' in item ? { scheduleName: item.schedule.name } : { sensorName: item.sensor.name })
});

/** The one result of a mutation; throws the message of anything but `expected`. */
async function done<T>(client: Client, mutation: string, variables: object, ...expected: string[]): Promise<T> {
  const answer = await client.request<Record<string, IResult>>(mutation, variables);
  return expecting<T>(Object.values(answer)[0], ...expected);
}

/** Turn a schedule or a sensor on or off. */
export async function switchAutomation(client: Client, repository: IRepository, item: IItem, on: boolean): Promise<void> {
  const selector = selectorOf(repository, item);
  if ('schedule' in item) {
    const id = item.schedule.scheduleState.id;
    await done(client, on ? START_SCHEDULE : STOP_SCHEDULE, on ? { selector } : { id }, 'ScheduleStateResult');
  } else {
    const id = item.sensor.sensorState.id;
    await done(client, on ? START_SENSOR : STOP_SENSOR, on ? { selector } : { id }, 'Sensor', 'StopSensorMutationResult');
  }
}

/** Turn the conditions of the assets that no sensor has on or off. */
export async function switchConditions(client: Client, on: boolean): Promise<void> {
  await client.request(SWITCH_CONDITIONS, { on });
}

/** Let a schedule run its notebooks as they are now whatever is saved later, or as they are at each launch. */
export async function pin(client: Client, repository: IRepository, schedule: ISchedule, pinned: boolean): Promise<void> {
  await done(client, PIN, { selector: selectorOf(repository, { schedule }), pinned }, 'ScheduleStateResult');
}

/** What a schedule or a sensor would ask for now; its function is called, nothing is started. */
export async function dryRun(client: Client, repository: IRepository, item: IItem): Promise<IDryRun> {
  const mutation = 'schedule' in item ? SCHEDULE_DRY_RUN : SENSOR_DRY_RUN;
  return done<IDryRun>(client, mutation, { selector: selectorOf(repository, item) }, 'TickEvaluation');
}

/** How conditions were evaluated at a tick. */
export async function loadEvaluations(client: Client, stateId: string, tick: ITick): Promise<IEvaluation[]> {
  const { instigationStateOrError: found } = await client.request<{ instigationStateOrError: IResult }>(EVALUATIONS, {
    selector: { repositoryName: '', repositoryLocationName: '', name: '' },
    id: stateId,
    before: tick.timestamp + 1,
    after: tick.timestamp - 1
  });
  const { ticks } = expecting<{ ticks: { conditionEvaluations: IEvaluation[] }[] }>(found, 'InstigationState');
  return ticks[0]?.conditionEvaluations ?? [];
}

/** Start a daemon on the server's machine, or stop those that run there. */
export async function turnDaemon(client: Client, on: boolean): Promise<void> {
  await done(client, on ? START_DAEMON : STOP_DAEMON, {}, 'DaemonHealth');
}
