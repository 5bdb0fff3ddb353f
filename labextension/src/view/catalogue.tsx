import { useState } from 'react';

import type { CatalogueModel } from '../model/catalogue';
import { ago } from '../model/format';
import { byGroup, IAsset, matches } from '../model/graph';
import { useSignals } from './hooks';
import { Button, INavigator, Note, StateBadge } from './parts';

/** The assets by group, each with its state and a button that makes it. */
export function Catalogue(props: { model: CatalogueModel; navigator: INavigator }): JSX.Element {
  const { model, navigator } = props;
  useSignals(model.changed, model.stateChanged);
  const [search, setSearch] = useState('');
  const [folded, setFolded] = useState<ReadonlySet<string>>(new Set());
  const found = model.assets.filter(asset => matches(asset, search));

  const make = (assets: readonly IAsset[]) => {
    const keys = assets.map(asset => asset.key);
    const what = keys.length === 1 ? keys[0] : `${keys.length} assets`;
    model.materialize(keys).then(
      runId => navigator.notify(`Materializing ${what} in run ${runId.slice(0, 8)}`, 'info'),
      problem => navigator.notify(`${what} could not be started: ${problem.message}`, 'error')
    );
  };
  const toggle = (group: string) => {
    const next = new Set(folded);
    if (!next.delete(group)) {
      next.add(group);
    }
    setFolded(next);
  };
  const stale = found.filter(asset => asset.state === 'STALE' || asset.state === 'MISSING');

  return (
    <div className="cm-catalogue">
      <div className="cm-toolbar">
        <input
          type="search"
          className="cm-search"
          placeholder="Search: name, group:x, state:stale"
          aria-label="Search assets"
          value={search}
          onChange={event => setSearch(event.target.value)}
        />
        <Button label="↻" title="Read the notebooks and modules again" onClick={() => void model.reload()} />
      </div>
      <div className="cm-toolbar">
        <Button label="Lineage" title="Show the lineage of all assets" onClick={() => navigator.openLineage()} />
        <Button label="Runs" title="Show the runs" onClick={() => navigator.openRuns()} />
        <Button label="Launch" title="Choose what to run, and how" onClick={() => navigator.openLaunchpad()} />
        <Button label="Backfills" title="Show backfills" onClick={() => navigator.openBackfills()} />
        <Button label="Automation" title="Show schedules and sensors" onClick={() => navigator.openAutomation()} />
        <Button
          label={`Make stale (${stale.length})`}
          title="Materialize every stale or missing asset in this list"
          disabled={stale.length === 0}
          onClick={() => make(stale)}
        />
      </div>
      {model.problem && <Note kind="problem">{model.problem}</Note>}
      {!model.loaded && <Note kind="wait">Reading the workspace…</Note>}
      {model.loaded && !model.problem && model.assets.length === 0 && <Empty />}
      {model.assets.length > 0 && found.length === 0 && <Note>No asset answers to “{search}”.</Note>}
      <div className="cm-groups">
        {byGroup(found).map(([group, assets]) => (
          <section key={group} aria-label={`Group ${group}`}>
            <h3>
              <button
                type="button"
                className="cm-fold"
                aria-expanded={!folded.has(group)}
                onClick={() => toggle(group)}
              >
                <span aria-hidden="true">{folded.has(group) ? '▸' : '▾'}</span> {group}{' '}
                <span className="cm-count">{assets.length}</span>
              </button>
            </h3>
            {!folded.has(group) && (
              <ul className="cm-assets">
                {assets.map(asset => (
                  <Row key={asset.key} asset={asset} navigator={navigator} onMake={() => make([asset])} />
                ))}
              </ul>
            )}
          </section>
        ))}
      </div>
    </div>
  );
}

function Row(props: { asset: IAsset; navigator: INavigator; onMake(): void }): JSX.Element {
  const { asset, navigator } = props;
  return (
    <li className="cm-asset" data-key={asset.key} data-state={asset.state}>
      <StateBadge state={asset.state} reason={asset.reason} quiet />
      <button type="button" className="cm-name" title={asset.description} onClick={() => navigator.openAsset(asset.key)}>
        {asset.key}
      </button>
      <span className="cm-when">{ago(asset.materializedAt)}</span>
      <Button
        label="▶"
        title={`Materialize ${asset.key}`}
        disabled={asset.state === 'RUNNING' || asset.state === 'EXTERNAL'}
        onClick={props.onMake}
      />
    </li>
  );
}

function Empty(): JSX.Element {
  return (
    <Note>
      <p>No asset yet. In any notebook of this folder run</p>
      <pre>%load_ext cellmill</pre>
      <p>and start a cell with</p>
      <pre>%%asset my_table</pre>
    </Note>
  );
}
