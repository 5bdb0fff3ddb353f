import { useEffect, useMemo, useRef, useState } from 'react';

import type { CatalogueModel } from '../model/catalogue';
import { Fold, foldNodes, INode, placeNodes, toSvg } from '../model/drawing';
import { reach } from '../model/graph';
import { trans } from '../text';
import { Canvas, coloursOf, ICanvas, save } from './canvas';
import { useSignals } from './hooks';
import { NODE_SIZE } from './painter';
import { Button, INavigator, Note, StateBadge } from './parts';
import { useSelected } from './selected';
import { Folded, Side } from './side';

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

  const [traced, setTraced] = useState<readonly string[] | null>(null);
  useEffect(() => setTraced(null), [selected]);
  const lit = useMemo(() => {
    const along = traced && new Set(traced);
    return along
      ? new Set(nodes.filter(one => along.has(one.key)).map(one => one.index))
      : litBy(nodes, only ? null : wanted, model, node);
  }, [nodes, only, wanted, node, traced]);
  const make = (indices: Iterable<number>) => {
    const keys = [...indices].map(index => model.assets[index].key);
    model.materialize(keys).then(
      runId => navigator.notify(trans._n('Materializing %1 asset in run %2', 'Materializing %1 assets in run %2', keys.length, runId.slice(0, 8)), 'info', runId),
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
          placeholder={trans.__('Highlight: name, group:x, state:stale, *name')}
          aria-label={trans.__('Highlight assets')}
          value={search}
          onChange={event => setSearch(event.target.value)}
        />
        <Button
          label={trans.__('Only these')}
          title={trans.__('Only these: draw nothing but what the search means')}
          pressed={only}
          disabled={!search.trim()}
          onClick={() => setOnly(!only)}
        />
        <Button
          label={chosen.length ? trans.__('Materialize %1', chosen.length) : trans.__('Materialize these')}
          title={trans.__('Materialize what the search means')}
          disabled={!chosen.length}
          onClick={() => make(chosen)}
        />
        <select
          className="cm-select"
          aria-label={trans.__('Fold')}
          value={fold}
          onChange={event => {
            setFold(event.target.value as Fold);
            setOpen(new Set());
            setSelected(null);
          }}
        >
          <option value="">{trans.__('every asset')}</option>
          <option value="group">{trans.__('groups folded')}</option>
          <option value="notebook">{trans.__('notebooks folded')}</option>
        </select>
        {[...open].map(key => (
          <Button key={key} label={`${key} ×`} title={trans.__('Fold %1 again', key)} onClick={() => turn(key)} />
        ))}
        <span className="cm-gap" />
        <span role="group" aria-label={trans.__('Zoom')} className="cm-joined">
          <Button label="−" title={trans.__('Zoom out')} onClick={() => canvas.current?.magnify(0.8)} />
          <Button label={trans.__('Fit')} title={trans.__('Fit: show everything')} onClick={() => canvas.current?.fit()} />
          <Button label="+" title={trans.__('Zoom in')} onClick={() => canvas.current?.magnify(1.25)} />
        </span>
        <span role="group" aria-label={trans.__('Export')} className="cm-joined">
          <Button label="SVG" title={trans.__('Save the picture as SVG')} onClick={() => saveSvg(nodes, canvas.current)} />
          <Button label="PNG" title={trans.__('Save the picture as PNG')} onClick={() => canvas.current?.savePng()} />
        </span>
        <Legend />
      </div>
      {model.problem && <Note kind="problem">{model.problem}</Note>}
      {(problem ?? trouble) && <Note kind="problem">{problem ?? trouble}</Note>}
      {model.loaded && !model.problem && model.assets.length === 0 && (
        <Note>{trans.__('No asset yet: start a notebook cell with %%asset and save the notebook.')}</Note>
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
          <aside className="cm-side" aria-label={trans.__('Asset %1', asset.key)}>
            <Side asset={asset} model={model} navigator={navigator} make={make} onSelect={setSelected} onTrace={setTraced} />
          </aside>
        )}
        {node?.members && (
          <aside className="cm-side" aria-label={trans.__('Folded %1', node.key)}>
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
