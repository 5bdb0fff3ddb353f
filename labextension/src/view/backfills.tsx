import { useEffect, useState } from 'react';

import type { CatalogueModel } from '../model/catalogue';
import { ago } from '../model/format';
import { cancelBackfill, IBackfill, loadBackfills, loadPartitions, startBackfill } from '../model/launch';
import { trans } from '../text';
import { useLoaded, useSignals } from './hooks';
import { IRange, inRange, RangePicker } from './partitions';
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
      <h1>{trans.__('Backfills')}</h1>
      {problem && <Note kind="problem">{problem}</Note>}
      {!value && !problem && <Note kind="wait">{trans.__('Loading backfills…')}</Note>}
      <Start key={props.asset ?? ''} {...props} onStarted={again} />
      {value?.length === 0 && (
        <Note>
          {trans.__('No backfill yet. A backfill makes many partitions of an asset: choose them above, or from the command line:')}{' '}
          <code>cellmill backfill create</code>
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
  const rows = backfill.assetStatuses.length ? backfill.assetStatuses.map(rowOf) : [jobRow(backfill)];
  const states = rows.flatMap(row => row.states);
  const made = states.filter(state => state === 'MATERIALIZED').length;
  const failed = states.filter(state => state === 'FAILED').length;
  return (
    <section data-backfill={backfill.id} className="cm-card cm-backfill">
      <header>
        <h2>{backfill.title || backfill.id}</h2>
        <StatusWord status={backfill.status} />
        <span className="cm-when">{ago(backfill.timestamp)}</span>
        <progress max={states.length || 1} value={made} aria-label={trans.__('%1 of %2 made', made, states.length)} />
        <span className="cm-when">
          {trans.__('%1 of %2 made', made, states.length || (backfill.numPartitions ?? '?'))}
          {failed > 0 && <strong className="cm-wrong"> {trans.__('%1 failed', failed)}</strong>}
        </span>
        {backfill.status === 'REQUESTED' && (
          <Button label={trans.__('Cancel')} title={trans.__('Cancel: stop backfill %1', backfill.id)} onClick={props.onCancel} />
        )}
      </header>
      {backfill.error && <Note kind="problem">{backfill.error.message}</Note>}
      {rows.map(row => (
        <div key={row.key} className="cm-backfill-row" data-asset={row.key}>
          {row.key ? <Jump onClick={() => navigator.openAsset(row.key)}>{row.key}</Jump> : <span />}
          <Strip
            keys={row.keys}
            states={row.states}
            onPick={key => {
              const run = row.runIds[row.keys.indexOf(key)];
              if (run) {
                navigator.openRun(run);
              }
            }}
          />
        </div>
      ))}
    </section>
  );
}

interface IRow {
  /** The asset; empty of a job. */
  key: string;
  keys: string[];
  states: string[];
  runIds: string[];
}

const rowOf = (one: IBackfill['assetStatuses'][number]): IRow => ({ ...one, key: one.assetKey.path.join('/') });

/** The partitions of a job's backfill; one that several runs made is as bad as the worst of them. */
function jobRow(backfill: IBackfill): IRow {
  const status = new Map<string, IBackfill['partitionStatuses'][number]>();
  for (const one of backfill.partitionStatuses) {
    const other = status.get(one.partitionName);
    if (!other || rank(one.status) < rank(other.status)) {
      status.set(one.partitionName, one);
    }
  }
  const keys = backfill.partitionNames ?? [...status.keys()];
  return {
    key: '',
    keys,
    states: keys.map(key => WORDS[status.get(key)?.status ?? ''] ?? 'MISSING'),
    runIds: keys.map(key => status.get(key)?.runId ?? '')
  };
}

const choices = (): [string, string][] => [
  ['missing', trans.__('those that are missing')],
  ['stale', trans.__('those that are stale or missing')],
  ['failed', trans.__('those that failed')],
  ['all', trans.__('all of the range')]
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
  const [picked, setPicked] = useState<IRange | null>(null);
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
        {trans.__('No asset here has partitions. Give one some:')} <code>%%asset daily --partitions daily:2024-01-01</code>
      </Note>
    );
  }
  const keys = partitions?.keys ?? [];
  const range = picked ?? { first: keys[0] ?? '', last: keys[keys.length - 1] ?? '' };
  const states = new Map(keys.map((key, i) => [key, partitions?.states[i] ?? '']));
  const wanted = inRange(keys, range).filter(key => CHOSEN[which].includes(states.get(key) ?? ''));
  const start = () =>
    void startBackfill(model.client, { keys: [asset] }, wanted).then(
      id => {
        navigator.notify(trans.__('Backfill %1 of %2 partitions is asked for; the daemon makes them.', id, wanted.length), 'success');
        props.onStarted();
      },
      error => navigator.notify(error.message, 'error')
    );
  return (
    <section aria-label={trans.__('Start a backfill')} className="cm-card">
      <h2>{trans.__('Start a backfill')}</h2>
      {problem && <Note kind="problem">{problem}</Note>}
      <div className="cm-inline">
        <label>
          {trans.__('Asset')}
          <select
            value={asset}
            onChange={event => {
              setChosen(event.target.value);
              setPicked(null);
            }}
          >
            {assets.map(one => (
              <option key={one.key}>{one.key}</option>
            ))}
          </select>
        </label>
        <label>
          {trans.__('Which')}
          <select value={which} onChange={event => setWhich(event.target.value)}>
            {choices().map(([name, words]) => (
              <option key={name} value={name}>
                {words}
              </option>
            ))}
          </select>
        </label>
        <Button
          primary
          label={trans._n('Make %1 partition', 'Make %1 partitions', wanted.length)}
          title={trans._n('Make %1 partition', 'Make %1 partitions', wanted.length)}
          disabled={!wanted.length}
          onClick={start}
        />
      </div>
      {keys.length > 0 && <RangePicker keys={keys} states={partitions?.states ?? []} range={range} onChange={setPicked} />}
    </section>
  );
}
