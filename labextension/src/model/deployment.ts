/** The instance and its code locations: plain data and the request that fetches it. */

import { Client, expecting, IResult } from '../client';
import { DELETE_LIMIT, DEPLOYMENT, SET_LIMIT } from './queries';
import type { IRun } from './runs';

export interface IProblem {
  message: string;
  place: string;
  remedy: string;
  severity: string;
}

export interface ILocation {
  name: string;
  error: string | null;
  problems: IProblem[];
}

export interface IPool {
  concurrencyKey: string;
  slotCount: number;
  activeSlotCount: number;
  claimedSlots: { runId: string; stepKey: string }[];
}

export interface IDaemon {
  daemonType: string;
  healthy: boolean | null;
  lastHeartbeatTime: number | null;
}

export interface IDeployment {
  version: string;
  info: Record<string, unknown>;
  locations: ILocation[];
  daemons: IDaemon[];
  pools: IPool[];
  /** The runs that wait, first in line first. */
  queue: IRun[];
  /** What the workspace's file sets, by table. */
  configuration: Record<string, unknown>;
  configurationPath: string | null;
}

interface IAnswer {
  version: string;
  instance: {
    info: Record<string, unknown>;
    configuration: Record<string, unknown>;
    configurationPath: string | null;
    concurrencyLimits: IPool[];
    daemonHealth: { allDaemonStatuses: IDaemon[] };
  };
  runsOrError: IResult;
  workspaceOrError: {
    message?: string;
    locationEntries?: {
      name: string;
      problems: IProblem[];
      locationOrLoadError: { __typename: string; message?: string } | null;
    }[];
  };
}

export async function loadDeployment(client: Client): Promise<IDeployment> {
  const { version, instance, workspaceOrError, runsOrError } = await client.request<IAnswer>(DEPLOYMENT);
  if (!workspaceOrError.locationEntries) {
    throw new Error(workspaceOrError.message);
  }
  return {
    version,
    info: instance.info,
    daemons: instance.daemonHealth.allDaemonStatuses,
    pools: instance.concurrencyLimits,
    queue: [...expecting<{ results: IRun[] }>(runsOrError, 'Runs').results].reverse(),
    configuration: instance.configuration,
    configurationPath: instance.configurationPath,
    locations: workspaceOrError.locationEntries.map(entry => ({
      name: entry.name,
      error: entry.locationOrLoadError?.__typename === 'PythonError' ? (entry.locationOrLoadError.message ?? '') : null,
      problems: entry.problems
    }))
  };
}

/** Limit how many steps of a pool run at once; null removes the limit. */
export async function limitPool(client: Client, pool: string, limit: number | null): Promise<void> {
  await (limit === null ? client.request(DELETE_LIMIT, { pool }) : client.request(SET_LIMIT, { pool, limit }));
}
