/** Tells when runs end, whoever started them. */

import { Client } from '../client';
import { trans } from '../text';
import { duration } from './format';
import { FINISHED } from './queries';
import type { IRun } from './runs';

interface IListener {
  notify(message: string, kind: 'info' | 'error' | 'success', runId?: string): void;
}

/** Runs that are told one by one; more that end together are told in one sentence. */
const TOLD = 3;

/** Tell of each run that ends from now on; the returned function stops it. */
export function announceEnds(client: Client, listener: IListener): () => void {
  return client.subscribe<{ finishedRuns: IRun[] }>(FINISHED, {}, ({ finishedRuns }) => {
    // A cell that somebody ran by hand shows its own end.
    const runs = finishedRuns.filter(run => !run.jobName.startsWith('__ephemeral'));
    if (runs.length > TOLD) {
      const failed = runs.filter(run => run.status === 'FAILURE').length;
      listener.notify(
        trans.__('%1 runs have ended, %2 of them failed.', runs.length, failed),
        failed ? 'error' : 'success',
        runs.find(run => run.status === 'FAILURE')?.runId
      );
      return;
    }
    runs.forEach(run => listener.notify(saidOf(run), run.status === 'FAILURE' ? 'error' : run.status === 'SUCCESS' ? 'success' : 'info', run.runId));
  });
}

/** "carriers was made in 3.2 s", "nightly failed". */
export function saidOf(run: IRun): string {
  const keys = (run.assetSelection ?? []).map(key => key.path.join('/'));
  const named = keys.length === 0 || keys.length > 3 ? '' : keys.join(', ');
  const what = named || (run.jobName.startsWith('__') ? trans.__('Run %1', run.runId.slice(0, 8)) : run.jobName);
  const took = run.startTime === null || run.endTime === null ? '' : duration(run.endTime - run.startTime);
  switch (run.status) {
    case 'SUCCESS':
      return took ? trans.__('%1: done in %2', what, took) : trans.__('%1: done', what);
    case 'FAILURE':
      return trans.__('%1: failed', what);
    default:
      return trans.__('%1: cancelled', what);
  }
}
