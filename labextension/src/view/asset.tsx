import { useEffect, useState } from 'react';

import type { CatalogueModel } from '../model/catalogue';
import { IAssetDetails, IKey, IMetadataEntry, loadAsset } from '../model/runs';
import { trans } from '../text';
import { Checks } from './checks';
import { Columns } from './columns';
import { Compare, Output } from './compare';
import { History } from './history';
import { useLoaded, useSignals } from './hooks';
import { MetadataValue } from './metadata';
import { Button, INavigator, IScreen, Jump, Note, StateBadge } from './parts';
import { Plots, Strip } from './strip';

const keyOf = (key: IKey) => key.path.join('/');

/** Everything about one asset: what it is, where it comes from, and each time it was made. */
export function AssetPage(props: {
  model: CatalogueModel;
  navigator: INavigator;
  assetKey: string;
  part?: IScreen['part'];
}): JSX.Element {
  const { model, navigator, assetKey } = props;
  useSignals(model.changed, model.stateChanged);
  const { value: details, problem, again } = useLoaded(() => loadAsset(model.client, assetKey), [assetKey]);
  const summary = model.find(assetKey);
  const madeAt = summary?.materializedAt ?? null;
  // A check may end after the asset is made, and a saved notebook may say something else of it.
  useEffect(again, [madeAt, summary?.state, again]);
  useEffect(() => {
    model.changed.connect(again);
    return () => void model.changed.disconnect(again);
  }, [model, again]);

  if (problem) {
    return <Note kind="problem">{problem}</Note>;
  }
  if (!details) {
    return <Note kind="wait">{trans.__('Loading %1…', assetKey)}</Note>;
  }
  const latest = details.assetMaterializations[0];
  const source = details.definitionSource;
  const make = () =>
    model.materialize([assetKey]).then(
      runId => navigator.notify(trans.__('Materializing %1 in run %2', assetKey, runId.slice(0, 8)), 'info', runId),
      error => navigator.notify(error.message, 'error')
    );
  return (
    <article className="cm-page">
      <header>
        <h1>{assetKey}</h1>
        {summary && <StateBadge state={summary.state} reason={summary.reason} />}
        <Button primary label={trans.__('Materialize')} title={trans.__('Materialize %1', assetKey)} onClick={() => void make()} />
        <Button label={trans.__('Launch…')} title={trans.__('Choose partition and configuration')} onClick={() => navigator.openLaunchpad(assetKey)} />
        <Button label={trans.__('Lineage')} title={trans.__('Show in the lineage')} onClick={() => navigator.openLineage(assetKey)} />
      </header>
      {details.description && <p className="cm-description">{details.description}</p>}
      {summary?.reason && <p className="cm-reason">{summary.reason}</p>}
      <dl className="cm-facts">
        <dt>{trans.__('Group')}</dt>
        <dd>{details.groupName}</dd>
        <dt>{trans.__('Defined in')}</dt>
        <dd>
          {source?.path && navigator.openCell ? (
            <Jump onClick={() => navigator.openCell?.(source.path ?? '', source.cellId)}>
              {source.path}
              {source.cellIndex === null ? '' : trans.__(', cell %1', source.cellIndex + 1)}
            </Jump>
          ) : (
            (source?.path ?? trans.__('a module'))
          )}
        </dd>
        <dt>{trans.__('Made from')}</dt>
        <dd>
          <Keys keys={details.dependencyKeys} navigator={navigator} />
        </dd>
        <dt>{trans.__('Used by')}</dt>
        <dd>
          <Keys keys={details.dependedByKeys} navigator={navigator} />
        </dd>
        {details.codeVersion && (
          <>
            <dt>{trans.__('Code version')}</dt>
            <dd>
              <code>{details.codeVersion.slice(0, 12)}</code>
            </dd>
          </>
        )}
      </dl>
      {source?.code && (
        <section>
          <h2>{trans.__('Code')}</h2>
          <pre className="cm-code">{source.code}</pre>
        </section>
      )}
      {details.partitionStates && details.partitionStates.keys.length > 0 && (
        <section>
          <h2>{trans.__('Partitions')}</h2>
          <Strip
            keys={details.partitionStates.keys}
            states={details.partitionStates.states}
            onPick={() => navigator.openBackfills(assetKey)}
          />
          <Button label={trans.__('Backfill…')} title={trans.__('Backfill…: make partitions of %1', assetKey)} onClick={() => navigator.openBackfills(assetKey)} />
        </section>
      )}
      {details.assetChecks.length > 0 && (
        <section>
          <h2>{trans.__('Checks')}</h2>
          <Checks checks={details.assetChecks} navigator={navigator} />
        </section>
      )}
      {latest && (
        <section>
          <h2>{trans.__('Last materialization')}</h2>
          {latest.metadataEntries.length ? (
            <Entries entries={latest.metadataEntries.filter(entry => !entry.lineage)} />
          ) : (
            <Note>{trans.__('Nothing was recorded of it. A table records its rows and columns; other code tells what counts with context.add_output_metadata({"loss": 0.1}), and it is plotted here.')}</Note>
          )}
          {source?.cellId && latest.runId && (
            <>
              <h2>{trans.__('What its cell showed')}</h2>
              <Output client={model.client} item={latest} cellId={source.cellId} />
            </>
          )}
        </section>
      )}
      <Columns client={model.client} assetKey={assetKey} madeAt={madeAt} navigator={navigator} />
      <Past details={details} model={model} navigator={navigator} part={props.part} />
    </article>
  );
}

/** Each time it was made, its numbers over time, and the comparison of any two. */
function Past(props: {
  details: IAssetDetails;
  model: CatalogueModel;
  navigator: INavigator;
  part?: IScreen['part'];
}): JSX.Element {
  const { details, model, navigator } = props;
  const [pair, setPair] = useState({ older: 1, newer: 0 });
  const items = details.assetMaterializations;
  const cellId = details.definitionSource?.cellId ?? null;
  const show = () => document.getElementById('cm-compare')?.scrollIntoView({ block: 'start' });
  const compare = (at: number) => {
    setPair({ older: at + 1, newer: at });
    show();
  };
  useEffect(() => {
    if (props.part === 'compare') {
      show();
    }
  }, [props.part]);
  return (
    <section>
      <h2>{trans.__('History')}</h2>
      {items.length === 0 ? (
        <Note>{trans.__('Never made. Press Materialize, or run its cell.')}</Note>
      ) : (
        <>
          <Plots items={items} />
          <History client={model.client} items={items} cellId={cellId} navigator={navigator} onDiff={compare} />
          <Compare client={model.client} items={items} cellId={cellId} pair={pair} onPair={setPair} />
        </>
      )}
    </section>
  );
}

function Keys(props: { keys: IKey[]; navigator: INavigator }): JSX.Element {
  if (!props.keys.length) {
    return <>{trans.__('nothing')}</>;
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
