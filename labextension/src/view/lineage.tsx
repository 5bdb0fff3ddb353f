import { useEffect, useMemo, useRef, useState } from 'react';

import type { CatalogueModel } from '../model/catalogue';
import { Fold, foldNodes, INode, placeNodes, toSvg } from '../model/drawing';
import { ago } from '../model/format';
import { IAsset, reach } from '../model/graph';
import { Canvas, coloursOf, ICanvas, save } from './canvas';
import { useSignals } from './hooks';
import { NODE_SIZE } from './painter';
import { Button, INavigator, Note, StateBadge } from './parts';
import { useSelected } from './selected';

/** The whole workspace as one picture: pan, zoom, search, fold, select, materialize. */
export function Lineage(props: { model: CatalogueModel; navigator: INavigator; focus?: string }): JSX.Element {
  const { model, navigator } = props;
  useSignals(model.changed);
  const [selected, setSelected] = useState<string | null>(props.focus ?? null);
  const [search, setSearch] = useState('');
  const [only, setOnly] = useState(false);
  const [fold, setFold] = useState<Fold>('');
  const [open, setOpen] = useState<ReadonlySet<string>>(new Set());
  const canvas = useRef<ICanvas>(null);
  const { wanted, problem } = useSelected(model, search);
  const { nodes, trouble } = useNodes(model, only ? wanted : null, fold, open);
  const node = selected === null ? undefined : nodes.find(one => one.key === selected);
  const asset = node?.members ? undefined : selected === null ? undefined : model.find(selected);

  const lit = useMemo(() => litBy(nodes, only ? null : wanted, model, node), [nodes, only, wanted, node]);
  const make = (indices: Iterable<number>) => {
    const keys = [...indices].map(index => model.assets[index].key);
    model.materialize(keys).then(
      runId => navigator.notify(`Materializing ${keys.length} assets in run ${runId.slice(0, 8)}`, 'info'),
      error => navigator.notify(error.message, 'error')
    );
  };
  const turn = (key: string) => {
    const next = new Set(open);
    if (!next.delete(key)) {
      next.add(key);
    }
    setOpen(next);
    setSelected(null);
  };
  const chosen = wanted === null ? [] : [...wanted];

  return (
    <div className="cm-lineage">
      <div className="cm-toolbar">
        <input
          type="search"
          className="cm-search"
          placeholder="Highlight: name, group:x, state:stale, *name"
          aria-label="Highlight assets"
          value={search}
          onChange={event => setSearch(event.target.value)}
        />
        <Button
          label="Only these"
          title="Only these: draw nothing but what the search means"
          pressed={only}
          disabled={!search.trim()}
          onClick={() => setOnly(!only)}
        />
        <Button
          label={`Materialize ${chosen.length || 'these'}`}
          title="Materialize what the search means"
          disabled={!chosen.length}
          onClick={() => make(chosen)}
        />
        <select
          className="cm-select"
          aria-label="Fold"
          value={fold}
          onChange={event => {
            setFold(event.target.value as Fold);
            setOpen(new Set());
            setSelected(null);
          }}
        >
          <option value="">every asset</option>
          <option value="group">groups folded</option>
          <option value="notebook">notebooks folded</option>
        </select>
        {[...open].map(key => (
          <Button key={key} label={`${key} ×`} title={`Fold ${key} again`} onClick={() => turn(key)} />
        ))}
        <span className="cm-gap" />
        <span role="group" aria-label="Zoom" className="cm-joined">
          <Button label="−" title="Zoom out" onClick={() => canvas.current?.magnify(0.8)} />
          <Button label="Fit" title="Fit: show everything" onClick={() => canvas.current?.fit()} />
          <Button label="+" title="Zoom in" onClick={() => canvas.current?.magnify(1.25)} />
        </span>
        <span role="group" aria-label="Export" className="cm-joined">
          <Button label="SVG" title="Save the picture as SVG" onClick={() => saveSvg(nodes, canvas.current)} />
          <Button label="PNG" title="Save the picture as PNG" onClick={() => canvas.current?.savePng()} />
        </span>
        <Legend />
      </div>
      {model.problem && <Note kind="problem">{model.problem}</Note>}
      {(problem ?? trouble) && <Note kind="problem">{problem ?? trouble}</Note>}
      {model.loaded && !model.problem && model.assets.length === 0 && (
        <Note>No asset yet: start a notebook cell with %%asset and save the notebook.</Note>
      )}
      <div className="cm-stage">
        <Canvas
          ref={canvas}
          model={model}
          nodes={nodes}
          selected={node?.index ?? null}
          lit={lit}
          onSelect={found => setSelected(found?.key ?? null)}
          onOpen={found => (found.members ? turn(found.key) : navigator.openAsset(found.key))}
        />
        {asset && (
          <aside className="cm-side" aria-label={`Asset ${asset.key}`}>
            <Side asset={asset} model={model} navigator={navigator} make={make} onSelect={setSelected} />
          </aside>
        )}
        {node?.members && (
          <aside className="cm-side" aria-label={`Folded ${node.key}`}>
            <Folded node={node} make={make} onOpen={() => turn(node.key)} />
          </aside>
        )}
      </div>
    </div>
  );
}

/** The nodes with their places: the assets as they came, or what folding and filtering left of them. */
function useNodes(
  model: CatalogueModel,
  wanted: ReadonlySet<number> | null,
  fold: Fold,
  open: ReadonlySet<string>
): { nodes: readonly INode[]; trouble: string | null } {
  const plain = wanted === null && fold === '';
  const [folded, setFolded] = useState<readonly INode[]>([]);
  const [trouble, setTrouble] = useState<string | null>(null);
  useEffect(() => {
    setTrouble(null);
    if (plain) {
      return;
    }
    let current = true;
    placeNodes(model.client, foldNodes(model.assets, wanted, fold, open)).then(
      found => current && setFolded(found),
      error => current && setTrouble(error.message)
    );
    return () => {
      current = false;
    };
  }, [model.assets, wanted, fold, open]);
  return { nodes: plain ? model.assets : folded, trouble };
}

/** The nodes to show in full: those of the search, else the selected one's whole lineage; null for all. */
function litBy(
  nodes: readonly INode[],
  wanted: ReadonlySet<number> | null,
  model: CatalogueModel,
  node: INode | undefined
): ReadonlySet<number> | null {
  if (wanted !== null) {
    const isWanted = (one: INode) =>
      one.members?.some(member => wanted.has(member.index)) ?? wanted.has(model.find(one.key)?.index ?? -1);
    return new Set(nodes.filter(isWanted).map(one => one.index));
  }
  return node ? new Set([node.index, ...reach(nodes, node.index, 'upstream'), ...reach(nodes, node.index, 'downstream')]) : null;
}

function saveSvg(nodes: readonly INode[], canvas: ICanvas | null): void {
  if (canvas) {
    const text = toSvg(nodes, NODE_SIZE, coloursOf(canvas.element));
    save(new Blob([text], { type: 'image/svg+xml' }), 'lineage.svg');
  }
}

function Folded(props: { node: INode; make(indices: Iterable<number>): void; onOpen(): void }): JSX.Element {
  const { node } = props;
  const members = node.members ?? [];
  return (
    <>
      <h2>{node.key}</h2>
      <p>
        <StateBadge state={node.state} /> · {members.length} assets
      </p>
      <div className="cm-toolbar">
        <Button primary label="Unfold" title={`Unfold ${node.key}`} onClick={props.onOpen} />
        <Button
          label="Materialize all"
          title={`Materialize all of ${node.key}`}
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

function Side(props: {
  asset: IAsset;
  model: CatalogueModel;
  navigator: INavigator;
  make(indices: Iterable<number>): void;
  onSelect(key: string): void;
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
        <Button primary label="Materialize" title={`Materialize ${asset.key}`} onClick={() => make([asset.index])} />
        <Button
          label="+ upstream"
          title="Materialize this and everything above it"
          onClick={() => make([...reach(model.assets, asset.index, 'upstream'), asset.index])}
        />
        <Button
          label="+ downstream"
          title="Materialize this and everything below it"
          onClick={() => make([asset.index, ...reach(model.assets, asset.index, 'downstream')])}
        />
        <Button
          label="stale above"
          title="Materialize this, and what is stale or missing above it"
          onClick={() => make([...staleAbove(model, asset), asset.index])}
        />
        <Button label="Open" title={`Open the page of ${asset.key}`} onClick={() => navigator.openAsset(asset.key)} />
      </div>
      {asset.upstream.length > 0 && <h3>Made from</h3>}
      <ul>{names(asset.upstream)}</ul>
      {asset.downstream.length > 0 && <h3>Used by</h3>}
      <ul>{names(asset.downstream)}</ul>
    </>
  );
}

/** The assets above that would be made anew. */
function staleAbove(model: CatalogueModel, asset: IAsset): number[] {
  return [...reach(model.assets, asset.index, 'upstream')].filter(index =>
    ['STALE', 'MISSING', 'FAILED'].includes(model.assets[index].state)
  );
}

function Legend(): JSX.Element {
  return (
    <span className="cm-legend">
      <StateBadge state="FRESH" />
      <StateBadge state="STALE" />
      <StateBadge state="MISSING" />
      <StateBadge state="RUNNING" />
      <StateBadge state="FAILED" />
    </span>
  );
}

