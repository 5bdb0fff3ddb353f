/** The instance and its code locations: plain data and the request that fetches it. */

import { Client } from '../client';
import { DEPLOYMENT } from './queries';

export interface ILocation {
  name: string;
  error: string | null;
  problems: string[];
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
}

interface IAnswer {
  version: string;
  instance: { info: Record<string, unknown>; daemonHealth: { allDaemonStatuses: IDaemon[] } };
  workspaceOrError: {
    message?: string;
    locationEntries?: {
      name: string;
      problems: { message: string }[];
      locationOrLoadError: { __typename: string; message?: string } | null;
    }[];
  };
}

export async function loadDeployment(client: Client): Promise<IDeployment> {
  const { version, instance, workspaceOrError } = await client.request<IAnswer>(DEPLOYMENT);
  if (!workspaceOrError.locationEntries) {
    throw new Error(workspaceOrError.message);
  }
  return {
    version,
    info: instance.info,
    daemons: instance.daemonHealth.allDaemonStatuses,
    locations: workspaceOrError.locationEntries.map(entry => ({
      name: entry.name,
      error: entry.locationOrLoadError?.__typename === 'PythonError' ? (entry.locationOrLoadError.message ?? '') : null,
      problems: entry.problems.map(one => one.message)
    }))
  };
}
