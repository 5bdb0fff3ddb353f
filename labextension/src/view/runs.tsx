import { useEffect, useState } from 'react';

import type { CatalogueModel } from '../model/catalogue';
import { ago, duration } from '../model/format';
import { deleteRun, forEachRun, IRun, loadRuns, reexecuteRun, terminateRun } from '../model/runs';
import { trans } from '../text';
import { useLoaded, useSignals } from './hooks';
import { Button, INavigator, Jump, Note, StatusWord } from './parts';

const filters = (): [string, string[]][] => [
  [trans.__('All'), []],
  [trans.__('Running'), ['STARTED', 'STARTING', 'CANCELING']],
  [trans.__('Queued'), ['QUEUED', 'NOT_STARTED']],
  [trans.__('Succeeded'), ['SUCCESS']],
  [trans.__('Failed'), ['FAILURE', 'CANCELED']]
];

/** What a search means to the server: words with `=` are tags, another is the name of a job. */
function filterOf(statuses: string[], search: string): object {
  const words = search.split(/\s+/).filter(Boolean);
  const tags = words.filter(word => word.includes('=')).map(word => {
    const [key, ...value] = word.split('=');
    return { key, value: value.join('=') };
  });
  const job = words.find(word => !word.includes('='));
  return {
    ...(statuses.length ? { statuses } : {}),
    ...(tags.length ? { tags } : {}),
    ...(job ? { pipelineName: job } : {})
  };
}

/** The runs of the instance, newest first, a page at a time. */
export function Runs(props: { model: CatalogueModel; navigator: INavigator }): JSX.Element {
  const { model, navigator } = props;
  useSignals(model.stateChanged);
  const [filter, setFilter] = useState(0);
  const [older, setOlder] = useState<IRun[]>([]);
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set());
  const [search, setSearch] = useState('');
  const [asked, setAsked] = useState('');
  useEffect(() => {
    const timer = setTimeout(() => setAsked(search), 300);
    return () => clearTimeout(timer);
  }, [search]);
  const where = filterOf(filters()[filter][1], asked);
  const { value: runs, problem, again } = useLoaded(() => loadRuns(model.client, where), [filter, asked]);

  useEffect(() => {
    model.stateChanged.connect(again);
    const timer = setInterval(again, 5000);
    return () => {
      model.stateChanged.disconnect(again);
      clearInterval(timer);
    };
  }, [again]);

  const all = runs ? [...runs, ...older] : [];
  const marked = all.filter(run => chosen.has(run.runId)).map(run => run.runId);
  const act = async (done: string, what: (runId: string) => Promise<unknown>, gone = false) => {
    const { done: changed, refused } = await forEachRun(marked, what);
    if (gone) {
      setOlder(older.filter(run => !changed.includes(run.runId)));
    }
    setChosen(new Set(gone ? marked.filter(id => !changed.includes(id)) : []));
    again();
    if (changed.length) {
      navigator.notify(`${changed.length} ${changed.length === 1 ? 'run' : 'runs'} ${done}`, 'info');
    }
    if (refused.length) {
      navigator.notify(refused.join('\n'), 'error');
    }
  };
  return (
    <div className="cm-page">
      <h1>{trans.__('Runs')}</h1>
      <div className="cm-toolbar cm-flush" role="group" aria-label={trans.__('Filter runs')}>
        {filters().map(([name], i) => (
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
        <input
          type="search"
          className="cm-search"
          placeholder={trans.__('job, or tag=value')}
          aria-label={trans.__('Search runs')}
          value={search}
          onChange={event => {
            setSearch(event.target.value);
            setOlder([]);
          }}
        />
      </div>
      {marked.length > 0 && (
        <Bulk
          key={marked.join()}
          count={marked.length}
          onAgain={() => void act('started again', id => reexecuteRun(model.client, id, 'ALL_STEPS'))}
          onCancel={() => void act('told to stop', id => terminateRun(model.client, id))}
          onDelete={() => void act('deleted', id => deleteRun(model.client, id), true)}
        />
      )}
      {problem && <Note kind="problem">{problem}</Note>}
      {!runs && !problem && <Note kind="wait">{trans.__('Loading runs…')}</Note>}
      {runs && all.length === 0 && <Note>{trans.__('No run here yet. Materialize an asset, or switch a schedule on.')}</Note>}
      {all.length > 0 && (
        <table className="cm-table">
          <thead>
            <tr>
              <td>
                <input
                  type="checkbox"
                  aria-label={trans.__('Choose all runs')}
                  checked={marked.length === all.length}
                  onChange={event => setChosen(new Set(event.target.checked ? all.map(run => run.runId) : []))}
                />
              </td>
              <th scope="col">{trans.__('Run')}</th>
              <th scope="col">{trans.__('Status')}</th>
              <th scope="col">{trans.__('Job')}</th>
              <th scope="col">{trans.__('Assets')}</th>
              <th scope="col">{trans.__('Created')}</th>
              <th scope="col">{trans.__('Took')}</th>
            </tr>
          </thead>
          <tbody>
            {all.map(run => (
              <tr key={run.runId} data-run={run.runId}>
                <td>
                  <input
                    type="checkbox"
                    aria-label={trans.__('Choose run %1', run.runId.slice(0, 8))}
                    checked={chosen.has(run.runId)}
                    onChange={event =>
                      setChosen(
                        new Set(event.target.checked ? [...chosen, run.runId] : [...chosen].filter(id => id !== run.runId))
                      )
                    }
                  />
                </td>
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
          label={trans.__('Older runs')}
          onClick={() =>
            void loadRuns(model.client, where, all[all.length - 1].runId).then(more => setOlder([...older, ...more]))
          }
        />
      )}
    </div>
  );
}

/** What can be done to the chosen runs; deleting asks once more, since it cannot be undone. */
function Bulk(props: { count: number; onAgain(): void; onCancel(): void; onDelete(): void }): JSX.Element {
  const [sure, setSure] = useState(false);
  const runs = `${props.count} ${props.count === 1 ? 'run' : 'runs'}`;
  return (
    <div className="cm-toolbar" role="group" aria-label={trans.__('With the chosen runs')}>
      <span>{runs} {trans.__('chosen')}</span>
      <Button label={trans.__('Run again')} onClick={props.onAgain} />
      <Button label={trans.__('Cancel')} title={trans.__('Cancel: stop those that are going on')} onClick={props.onCancel} />
      {sure ? (
        <>
          <Button primary label={trans.__('Delete %1 for good, logs and all', runs)} onClick={props.onDelete} />
          <Button label={trans.__('Keep them')} onClick={() => setSure(false)} />
        </>
      ) : (
        <Button label={trans.__('Delete…')} onClick={() => setSure(true)} />
      )}
    </div>
  );
}

/** The job's name; those that the engine makes for a selection of assets, a notebook or a cell are said in words. */
export function jobName(name: string): string {
  if (name.startsWith('__ephemeral')) {
    return trans.__('a cell run by hand');
  }
  return name.startsWith('__NOTEBOOK_JOB') ? trans.__('a whole notebook') : name.startsWith('__ASSET_JOB') ? trans.__('assets') : name;
}

function took(run: IRun): string {
  if (run.startTime === null) {
    return '';
  }
  return duration((run.endTime ?? Date.now() / 1000) - run.startTime);
}
