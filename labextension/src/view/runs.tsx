import { useEffect, useState } from 'react';

import type { CatalogueModel } from '../model/catalogue';
import { ago, duration } from '../model/format';
import { IRun, loadRuns } from '../model/runs';
import { useLoaded, useSignals } from './hooks';
import { Button, INavigator, Jump, Note, StatusWord } from './parts';

const FILTERS: [string, string[]][] = [
  ['All', []],
  ['Running', ['STARTED', 'STARTING', 'CANCELING']],
  ['Queued', ['QUEUED', 'NOT_STARTED']],
  ['Succeeded', ['SUCCESS']],
  ['Failed', ['FAILURE', 'CANCELED']]
];

/** The runs of the instance, newest first, a page at a time. */
export function Runs(props: { model: CatalogueModel; navigator: INavigator }): JSX.Element {
  const { model, navigator } = props;
  useSignals(model.stateChanged);
  const [filter, setFilter] = useState(0);
  const [older, setOlder] = useState<IRun[]>([]);
  const statuses = FILTERS[filter][1];
  const where = statuses.length ? { statuses } : {};
  const { value: runs, problem, again } = useLoaded(() => loadRuns(model.client, where), [filter]);

  useEffect(() => {
    model.stateChanged.connect(again);
    const timer = setInterval(again, 5000);
    return () => {
      model.stateChanged.disconnect(again);
      clearInterval(timer);
    };
  }, [again]);

  const all = runs ? [...runs, ...older] : [];
  return (
    <div className="cm-page">
      <div className="cm-toolbar" role="group" aria-label="Filter runs">
        {FILTERS.map(([name], i) => (
          <button
            type="button"
            key={name}
            className="cm-button"
            aria-pressed={i === filter}
            onClick={() => {
              setFilter(i);
              setOlder([]);
            }}
          >
            {name}
          </button>
        ))}
      </div>
      {problem && <Note kind="problem">{problem}</Note>}
      {!runs && !problem && <Note kind="wait">Loading runs…</Note>}
      {runs && all.length === 0 && <Note>No run here yet. Materialize an asset, or switch a schedule on.</Note>}
      {all.length > 0 && (
        <table className="cm-table">
          <thead>
            <tr>
              <th scope="col">Run</th>
              <th scope="col">Status</th>
              <th scope="col">Job</th>
              <th scope="col">Assets</th>
              <th scope="col">Created</th>
              <th scope="col">Took</th>
            </tr>
          </thead>
          <tbody>
            {all.map(run => (
              <tr key={run.runId} data-run={run.runId}>
                <td>
                  <Jump onClick={() => navigator.openRun(run.runId)}>{run.runId.slice(0, 8)}</Jump>
                </td>
                <td>
                  <StatusWord status={run.status} />
                </td>
                <td>{jobName(run.jobName)}</td>
                <td className="cm-clip">{(run.assetSelection ?? []).map(key => key.path.join('/')).join(', ')}</td>
                <td>{ago(run.creationTime)}</td>
                <td className="cm-number">{took(run)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
      {all.length >= 50 && (
        <Button
          label="Older runs"
          onClick={() =>
            void loadRuns(model.client, where, all[all.length - 1].runId).then(more => setOlder([...older, ...more]))
          }
        />
      )}
    </div>
  );
}

/** The job's name; those that the engine makes for a selection of assets, a notebook or a cell are said in words. */
export function jobName(name: string): string {
  if (name.startsWith('__ephemeral')) {
    return 'a cell run by hand';
  }
  return name.startsWith('__NOTEBOOK_JOB') ? 'a whole notebook' : name.startsWith('__ASSET_JOB') ? 'assets' : name;
}

function took(run: IRun): string {
  if (run.startTime === null) {
    return '';
  }
  return duration((run.endTime ?? Date.now() / 1000) - run.startTime);
}
