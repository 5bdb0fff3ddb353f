import { useEffect, useState } from 'react';

import type { CatalogueModel } from '../model/catalogue';
import { ago } from '../model/format';
import { cancelBackfill, IBackfill, loadBackfills, loadPartitions, startBackfill } from '../model/launch';
import { useLoaded, useSignals } from './hooks';
import { Button, INavigator, Jump, Note, StatusWord } from './parts';
import { Strip } from './strip';

const WORDS: Record<string, string> = {
  SUCCESS: 'MATERIALIZED',
  FAILURE: 'FAILED',
  CANCELED: 'FAILED',
  STARTED: 'MATERIALIZING',
  STARTING: 'MATERIALIZING'
};

/** A partition of several assets is as bad as the worst of its runs. */
const rank = (status: string): number => ['FAILED', 'MATERIALIZING', 'MISSING', 'MATERIALIZED'].indexOf(WORDS[status] ?? 'MISSING');

/** Backfills, newest first: which assets, and how each partition goes. */
export function Backfills(props: { model: CatalogueModel; navigator: INavigator; asset?: string }): JSX.Element {
  const { model, navigator } = props;
  const { value, problem, again } = useLoaded(() => loadBackfills(model.client), []);
  useEffect(() => {
    const timer = setInterval(again, 4000);
    return () => clearInterval(timer);
  }, [again]);
  return (
    <div className="cm-page">
      <h1>Backfills</h1>
      {problem && <Note kind="problem">{problem}</Note>}
      {!value && !problem && <Note kind="wait">Loading backfills…</Note>}
      <Start key={props.asset ?? ''} {...props} onStarted={again} />
      {value?.length === 0 && (
        <Note>
          No backfill yet. A backfill makes many partitions of an asset: choose them above, or from the command line with{' '}
          <code>cellmill backfill create</code>.
        </Note>
      )}
      {value?.map(one => (
        <Backfill
          key={one.id}
          backfill={one}
          navigator={navigator}
          onCancel={() => void cancelBackfill(model.client, one.id).then(again, e => navigator.notify(e.message, 'error'))}
        />
      ))}
    </div>
  );
}

function Backfill(props: { backfill: IBackfill; navigator: INavigator; onCancel(): void }): JSX.Element {
  const { backfill, navigator } = props;
  const status = new Map<string, IBackfill['partitionStatuses'][number]>();
  for (const one of backfill.partitionStatuses) {
    const other = status.get(one.partitionName);
    if (!other || rank(one.status) < rank(other.status)) {
      status.set(one.partitionName, one);
    }
  }
  const keys = backfill.partitionNames ?? [...status.keys()];
  const states = keys.map(key => WORDS[status.get(key)?.status ?? ''] ?? 'MISSING');
  const done = states.filter(state => state === 'MATERIALIZED').length;
  const failed = states.filter(state => state === 'FAILED').length;
  return (
    <section data-backfill={backfill.id}>
      <header>
        <h2>{backfill.title || backfill.id}</h2>
        <StatusWord status={backfill.status} />
        <span className="cm-when">{ago(backfill.timestamp)}</span>
        {backfill.status === 'REQUESTED' && (
          <Button label="Cancel" title={`Stop backfill ${backfill.id}`} onClick={props.onCancel} />
        )}
      </header>
      {backfill.error && <Note kind="problem">{backfill.error.message}</Note>}
      <p>
        {(backfill.assetSelection ?? []).map(key => (
          <Jump key={key.path.join('/')} onClick={() => navigator.openAsset(key.path.join('/'))}>
            {key.path.join('/')}
          </Jump>
        ))}
        <span className="cm-when">
          {done} of {backfill.numPartitions ?? '?'} made{failed ? `, ${failed} failed` : ''}
        </span>
      </p>
      {keys.length > 0 && (
        <Strip
          keys={keys}
          states={states}
          onPick={key => {
            const run = status.get(key)?.runId;
            if (run) {
              navigator.openRun(run);
            }
          }}
        />
      )}
    </section>
  );
}

const CHOICES: [string, string][] = [
  ['missing', 'those that are missing'],
  ['stale', 'those that are stale or missing'],
  ['failed', 'those that failed'],
  ['all', 'all of the range']
];
const CHOSEN: Record<string, readonly string[]> = {
  missing: ['MISSING'],
  stale: ['STALE', 'MISSING'],
  failed: ['FAILED'],
  all: ['MISSING', 'STALE', 'FAILED', 'MATERIALIZED', 'MATERIALIZING']
};

/** Choose an asset and a range of its partitions, and have them made. */
function Start(props: {
  model: CatalogueModel;
  navigator: INavigator;
  asset?: string;
  onStarted(): void;
}): JSX.Element {
  const { model, navigator } = props;
  useSignals(model.changed);
  const assets = model.assets.filter(asset => asset.partitioned);
  const [chosen, setChosen] = useState(props.asset ?? '');
  const asset = chosen || (assets[0]?.key ?? '');
  const [first, setFirst] = useState('');
  const [last, setLast] = useState('');
  const [which, setWhich] = useState('missing');
  const { value: partitions, problem, again } = useLoaded(
    () => (asset ? loadPartitions(model.client, asset) : Promise.resolve({ keys: [], states: [] })),
    [asset]
  );
  useEffect(() => {
    model.stateChanged.connect(again);
    return () => {
      model.stateChanged.disconnect(again);
    };
  }, [model, again]);
  if (model.loaded && !assets.length) {
    return (
      <Note>
        No asset here has partitions. Give one some: <code>%%asset daily --partitions daily:2024-01-01</code>
      </Note>
    );
  }
  const keys = partitions?.keys ?? [];
  const from = first ? keys.indexOf(first) : 0;
  const to = last ? keys.indexOf(last) : keys.length - 1;
  const range = keys.filter((_, i) => i >= from && i <= to && CHOSEN[which].includes(partitions?.states[i] ?? ''));
  const start = () =>
    void startBackfill(model.client, asset, range, '').then(
      id => {
        navigator.notify(`Backfill ${id} of ${range.length} partitions is asked for; the daemon makes them.`, 'success');
        props.onStarted();
      },
      error => navigator.notify(error.message, 'error')
    );
  const choice = (label: string, value: string, options: [string, string][], change: (value: string) => void) => (
    <label>
      {label}
      <select value={value} onChange={event => change(event.target.value)}>
        {options.map(([name, words]) => (
          <option key={name} value={name}>
            {words}
          </option>
        ))}
      </select>
    </label>
  );
  const own = keys.map(key => [key, key] as [string, string]);
  return (
    <section aria-label="Start a backfill" className="cm-card">
      <h2>Start a backfill</h2>
      {problem && <Note kind="problem">{problem}</Note>}
      <div className="cm-inline">
        {choice('Asset', asset, assets.map(one => [one.key, one.key] as [string, string]), value => {
          setChosen(value);
          setFirst('');
          setLast('');
        })}
        {choice('From', first || (keys[0] ?? ''), own, setFirst)}
        {choice('To', last || (keys[keys.length - 1] ?? ''), own, setLast)}
        {choice('Which', which, CHOICES, setWhich)}
        <Button
          primary
          label={`Make ${range.length} partitions`}
          title="Make the chosen partitions"
          disabled={!range.length}
          onClick={start}
        />
      </div>
      {keys.length > 0 && <Strip keys={keys} states={partitions?.states ?? []} onPick={setFirst} />}
    </section>
  );
}
