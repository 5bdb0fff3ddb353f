import { useEffect } from 'react';

import type { CatalogueModel } from '../model/catalogue';
import { ago, count } from '../model/format';
import { IKey, IMaterialization, IMetadataEntry, loadAsset } from '../model/runs';
import { Compare, Output } from './compare';
import { useLoaded, useSignals } from './hooks';
import { MetadataValue } from './metadata';
import { Button, INavigator, Jump, Note, StateBadge } from './parts';
import { Plots, Strip } from './strip';

const keyOf = (key: IKey) => key.path.join('/');

/** Everything about one asset: what it is, where it comes from, and each time it was made. */
export function AssetPage(props: { model: CatalogueModel; navigator: INavigator; assetKey: string }): JSX.Element {
  const { model, navigator, assetKey } = props;
  useSignals(model.changed, model.stateChanged);
  const { value: details, problem, again } = useLoaded(() => loadAsset(model.client, assetKey), [assetKey]);
  const summary = model.find(assetKey);
  const madeAt = summary?.materializedAt ?? null;
  useEffect(again, [madeAt, again]);

  if (problem) {
    return <Note kind="problem">{problem}</Note>;
  }
  if (!details) {
    return <Note kind="wait">Loading {assetKey}…</Note>;
  }
  const latest = details.assetMaterializations[0];
  const source = details.definitionSource;
  const make = () =>
    model.materialize([assetKey]).then(
      runId => navigator.notify(`Materializing ${assetKey} in run ${runId.slice(0, 8)}`, 'info'),
      error => navigator.notify(error.message, 'error')
    );
  return (
    <article className="cm-page">
      <header>
        <h1>{assetKey}</h1>
        {summary && <StateBadge state={summary.state} reason={summary.reason} />}
        <Button primary label="Materialize" title={`Materialize ${assetKey}`} onClick={() => void make()} />
        <Button label="Launch…" title="Choose partition and configuration" onClick={() => navigator.openLaunchpad(assetKey)} />
        <Button label="Lineage" title="Show in the lineage" onClick={() => navigator.openLineage(assetKey)} />
      </header>
      {details.description && <p className="cm-description">{details.description}</p>}
      {summary?.reason && <p className="cm-reason">{summary.reason}</p>}
      <dl className="cm-facts">
        <dt>Group</dt>
        <dd>{details.groupName}</dd>
        <dt>Defined in</dt>
        <dd>
          {source?.path && navigator.openCell ? (
            <Jump onClick={() => navigator.openCell?.(source.path ?? '', source.cellId)}>
              {source.path}
              {source.cellIndex === null ? '' : `, cell ${source.cellIndex + 1}`}
            </Jump>
          ) : (
            (source?.path ?? 'a module')
          )}
        </dd>
        <dt>Made from</dt>
        <dd>
          <Keys keys={details.dependencyKeys} navigator={navigator} />
        </dd>
        <dt>Used by</dt>
        <dd>
          <Keys keys={details.dependedByKeys} navigator={navigator} />
        </dd>
        {details.codeVersion && (
          <>
            <dt>Code version</dt>
            <dd>
              <code>{details.codeVersion.slice(0, 12)}</code>
            </dd>
          </>
        )}
      </dl>
      {source?.code && (
        <section>
          <h2>Code</h2>
          <pre className="cm-code">{source.code}</pre>
        </section>
      )}
      {details.partitionStates && details.partitionStates.keys.length > 0 && (
        <section>
          <h2>Partitions</h2>
          <Strip
            keys={details.partitionStates.keys}
            states={details.partitionStates.states}
            onPick={() => navigator.openBackfills(assetKey)}
          />
          <Button label="Backfill…" title={`Backfill…: make partitions of ${assetKey}`} onClick={() => navigator.openBackfills(assetKey)} />
        </section>
      )}
      {latest && (
        <section>
          <h2>Last materialization</h2>
          <Entries entries={latest.metadataEntries} />
          {source?.cellId && latest.runId && (
            <>
              <h2>What its cell showed</h2>
              <Output client={model.client} item={latest} cellId={source.cellId} />
            </>
          )}
        </section>
      )}
      <section>
        <h2>History</h2>
        {details.assetMaterializations.length === 0 ? (
          <Note>Never made. Press Materialize, or run its cell.</Note>
        ) : (
          <>
            <Plots items={details.assetMaterializations} />
            <History items={details.assetMaterializations} navigator={navigator} />
            <Compare client={model.client} items={details.assetMaterializations} cellId={source?.cellId ?? null} />
          </>
        )}
      </section>
    </article>
  );
}

function Keys(props: { keys: IKey[]; navigator: INavigator }): JSX.Element {
  if (!props.keys.length) {
    return <>nothing</>;
  }
  return (
    <>
      {props.keys.map(key => (
        <Jump key={keyOf(key)} onClick={() => props.navigator.openAsset(keyOf(key))}>
          {keyOf(key)}
        </Jump>
      ))}
    </>
  );
}

function Entries(props: { entries: IMetadataEntry[] }): JSX.Element {
  return (
    <dl className="cm-facts">
      {props.entries.map(entry => (
        <div key={entry.label} className="cm-entry">
          <dt title={entry.description ?? undefined}>{entry.label}</dt>
          <dd>
            <MetadataValue entry={entry} />
          </dd>
        </div>
      ))}
    </dl>
  );
}

function History(props: { items: IMaterialization[]; navigator: INavigator }): JSX.Element {
  const partitioned = props.items.some(item => item.partition !== null);
  return (
    <table className="cm-table">
      <thead>
        <tr>
          <th scope="col">When</th>
          {partitioned && <th scope="col">Partition</th>}
          <th scope="col">Rows</th>
          <th scope="col">Run</th>
        </tr>
      </thead>
      <tbody>
        {props.items.map(item => (
          <tr key={`${item.runId}${item.timestamp}`}>
            <td>{ago(Number(item.timestamp) / 1000)}</td>
            {partitioned && <td>{item.partition}</td>}
            <td className="cm-number">{rowsOf(item)}</td>
            <td>
              {item.runId && (
                <Jump onClick={() => props.navigator.openRun(item.runId)}>{item.runId.slice(0, 8)}</Jump>
              )}
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

/** The row count that the IO manager recorded, for people. */
function rowsOf(item: IMaterialization): string {
  const entry = item.metadataEntries.find(one => /(^|\/)row_count$|^rows$/.test(one.label));
  return entry?.intRepr === undefined ? '' : count(Number(entry.intRepr));
}
