import { useEffect } from 'react';

import type { CatalogueModel } from '../model/catalogue';
import { ago } from '../model/format';
import { cancelBackfill, IBackfill, loadBackfills } from '../model/launch';
import { useLoaded } from './hooks';
import { Button, INavigator, Jump, Note, StatusWord } from './parts';
import { Strip } from './strip';

const WORDS: Record<string, string> = {
  SUCCESS: 'MATERIALIZED',
  FAILURE: 'FAILED',
  CANCELED: 'FAILED',
  STARTED: 'MATERIALIZING',
  STARTING: 'MATERIALIZING'
};

/** Backfills, newest first: which assets, and how each partition goes. */
export function Backfills(props: { model: CatalogueModel; navigator: INavigator }): JSX.Element {
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
      {value?.length === 0 && (
        <Note>
          No backfill yet. A backfill makes many partitions of an asset: <code>cellmill backfill create</code>, or from the
          page of a partitioned asset.
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
  const status = new Map(backfill.partitionStatuses.map(one => [one.partitionName, one]));
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
