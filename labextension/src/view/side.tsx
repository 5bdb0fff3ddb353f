import type { CatalogueModel } from '../model/catalogue';
import type { INode } from '../model/drawing';
import { ago } from '../model/format';
import { IAsset, reach } from '../model/graph';
import { trans } from '../text';
import { Columns } from './columns';
import { useSignals } from './hooks';
import { Button, INavigator, StateBadge } from './parts';

/** What is folded into a node. */
export function Folded(props: { node: INode; make(indices: Iterable<number>): void; onOpen(): void }): JSX.Element {
  const { node } = props;
  const members = node.members ?? [];
  return (
    <>
      <h2>{node.key}</h2>
      <p>
        <StateBadge state={node.state} /> · {trans._n('%1 asset', '%1 assets', members.length)}
      </p>
      <div className="cm-toolbar">
        <Button primary label={trans.__('Unfold')} title={trans.__('Unfold %1', node.key)} onClick={props.onOpen} />
        <Button
          label={trans.__('Materialize all')}
          title={trans.__('Materialize all of %1', node.key)}
          onClick={() => props.make(members.map(member => member.index))}
        />
      </div>
      <ul className="cm-plain">
        {members.slice(0, 200).map(member => (
          <li key={member.key}>
            <StateBadge state={member.state} reason={member.reason} quiet /> {member.key}
          </li>
        ))}
      </ul>
    </>
  );
}

/** The asset that is selected: its state, what can be done, its neighbours, and where its columns come from. */
export function Side(props: {
  asset: IAsset;
  model: CatalogueModel;
  navigator: INavigator;
  make(indices: Iterable<number>): void;
  onSelect(key: string): void;
  /** Hears the assets that a chosen column comes through. */
  onTrace(keys: readonly string[] | null): void;
}): JSX.Element {
  const { asset, model, navigator, make } = props;
  useSignals(model.stateChanged);
  const names = (indices: readonly number[]) =>
    indices.map(index => (
      <li key={index}>
        <button type="button" className="cm-jump" onClick={() => props.onSelect(model.assets[index].key)}>
          {model.assets[index].key}
        </button>
      </li>
    ));
  return (
    <>
      <h2>{asset.key}</h2>
      <p>
        <StateBadge state={asset.state} reason={asset.reason} /> · {ago(asset.materializedAt)}
      </p>
      {asset.reason && <p className="cm-reason">{asset.reason}</p>}
      {asset.description && <p>{asset.description}</p>}
      <div className="cm-toolbar">
        <Button primary label={trans.__('Materialize')} title={trans.__('Materialize %1', asset.key)} onClick={() => make([asset.index])} />
        <Button
          label={trans.__('+ upstream')}
          title={trans.__('Materialize this and everything above it')}
          onClick={() => make([...reach(model.assets, asset.index, 'upstream'), asset.index])}
        />
        <Button
          label={trans.__('+ downstream')}
          title={trans.__('Materialize this and everything below it')}
          onClick={() => make([asset.index, ...reach(model.assets, asset.index, 'downstream')])}
        />
        <Button
          label={trans.__('stale above')}
          title={trans.__('Materialize this, and what is stale or missing above it')}
          onClick={() => make([...staleAbove(model, asset), asset.index])}
        />
        <Button label={trans.__('Open')} title={trans.__('Open the page of %1', asset.key)} onClick={() => navigator.openAsset(asset.key)} />
      </div>
      {asset.upstream.length > 0 && <h3>{trans.__('Made from')}</h3>}
      <ul>{names(asset.upstream)}</ul>
      {asset.downstream.length > 0 && <h3>{trans.__('Used by')}</h3>}
      <ul>{names(asset.downstream)}</ul>
      <Columns
        key={asset.key}
        client={model.client}
        assetKey={asset.key}
        madeAt={asset.materializedAt}
        navigator={navigator}
        onTrace={props.onTrace}
      />
    </>
  );
}

/** The assets above that would be made anew. */
function staleAbove(model: CatalogueModel, asset: IAsset): number[] {
  return [...reach(model.assets, asset.index, 'upstream')].filter(index =>
    ['STALE', 'MISSING', 'FAILED'].includes(model.assets[index].state)
  );
}
