import { useCallback, useEffect, useRef, useState } from 'react';

import type { CatalogueModel } from '../model/catalogue';
import { ago } from '../model/format';
import { IAsset, matches, reach } from '../model/graph';
import { useSignals } from './hooks';
import { fit, hit, IColours, IView, paint, zoom } from './painter';
import { Button, INavigator, Note, StateBadge } from './parts';

/** The whole workspace as one picture: pan, zoom, search, select, materialize. */
export function Lineage(props: { model: CatalogueModel; navigator: INavigator; focus?: string }): JSX.Element {
  const { model, navigator } = props;
  useSignals(model.changed);
  const [selected, setSelected] = useState<string | null>(props.focus ?? null);
  const [search, setSearch] = useState('');
  const asset = selected === null ? undefined : model.find(selected);

  const make = (indices: Iterable<number>) => {
    const keys = [...indices].map(index => model.assets[index].key);
    model.materialize(keys).then(
      runId => navigator.notify(`Materializing ${keys.length} assets in run ${runId.slice(0, 8)}`, 'info'),
      problem => navigator.notify(problem.message, 'error')
    );
  };

  return (
    <div className="cm-lineage">
      <div className="cm-toolbar">
        <input
          type="search"
          className="cm-search"
          placeholder="Highlight: name, group:x, state:stale"
          aria-label="Highlight assets"
          value={search}
          onChange={event => setSearch(event.target.value)}
        />
        <Legend />
      </div>
      {model.problem && <Note kind="problem">{model.problem}</Note>}
      {model.loaded && !model.problem && model.assets.length === 0 && (
        <Note>No asset yet: start a notebook cell with %%asset and save the notebook.</Note>
      )}
      <div className="cm-stage">
        <Canvas
          model={model}
          selected={selected}
          search={search}
          onSelect={setSelected}
          onOpen={key => navigator.openAsset(key)}
        />
        {asset && (
          <aside className="cm-side" aria-label={`Asset ${asset.key}`}>
            <Side asset={asset} model={model} navigator={navigator} make={make} onSelect={setSelected} />
          </aside>
        )}
      </div>
    </div>
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
        <Button label="Open" title={`Open the page of ${asset.key}`} onClick={() => navigator.openAsset(asset.key)} />
      </div>
      {asset.upstream.length > 0 && <h3>Made from</h3>}
      <ul>{names(asset.upstream)}</ul>
      {asset.downstream.length > 0 && <h3>Used by</h3>}
      <ul>{names(asset.downstream)}</ul>
    </>
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

interface ICanvasProps {
  model: CatalogueModel;
  selected: string | null;
  search: string;
  onSelect(key: string | null): void;
  onOpen(key: string): void;
}

function Canvas(props: ICanvasProps): JSX.Element {
  const { model, selected, search, onSelect } = props;
  const element = useRef<HTMLCanvasElement>(null);
  const view = useRef<IView | null>(null);
  /** Whether the reader chose what to look at; until then the whole graph is kept in sight. */
  const moved = useRef(false);
  const drag = useRef<{ x: number; y: number; moved: boolean } | null>(null);

  const draw = useCallback(() => {
    const canvas = element.current;
    const context = canvas?.getContext('2d');
    if (!canvas || !context || !canvas.clientWidth) {
      return;
    }
    const size = { width: canvas.clientWidth, height: canvas.clientHeight };
    const ratio = window.devicePixelRatio || 1;
    if (canvas.width !== size.width * ratio || canvas.height !== size.height * ratio) {
      canvas.width = size.width * ratio;
      canvas.height = size.height * ratio;
    }
    view.current ??= model.assets.length ? fit(model.assets, size.width, size.height) : null;
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    const chosen = selected === null ? null : (model.find(selected)?.index ?? null);
    paint(context, model.assets, view.current ?? { x: 0, y: 0, scale: 1 }, size, coloursOf(canvas), {
      selected: chosen,
      lit: litBy(model.assets, search, chosen)
    });
    if (canvas.dataset.painted !== String(model.assets.length)) {
      canvas.dataset.painted = String(model.assets.length);
      canvas.dataset.paintedAt = String(Math.round(performance.now()));
    }
  }, [model, selected, search]);

  useEffect(() => {
    draw();
    const observer = new ResizeObserver(() => {
      if (!moved.current) {
        view.current = null;
      }
      draw();
    });
    if (element.current) {
      observer.observe(element.current);
    }
    const structure = () => {
      view.current = null;
      draw();
    };
    model.changed.connect(structure);
    model.stateChanged.connect(draw);
    return () => {
      observer.disconnect();
      model.changed.disconnect(structure);
      model.stateChanged.disconnect(draw);
    };
  }, [draw]);

  useEffect(() => {
    const canvas = element.current;
    const wheel = (event: WheelEvent) => {
      event.preventDefault();
      moved.current = true;
      if (view.current) {
        view.current = zoom(view.current, Math.exp(-event.deltaY / 400), event.offsetX, event.offsetY);
        draw();
      }
    };
    // React's own wheel handlers are passive: they cannot keep the page from scrolling.
    canvas?.addEventListener('wheel', wheel, { passive: false });
    return () => canvas?.removeEventListener('wheel', wheel);
  }, [draw]);

  const move = (byX: number, byY: number) => {
    moved.current = true;
    if (view.current) {
      view.current = {
        ...view.current,
        x: view.current.x - byX / view.current.scale,
        y: view.current.y - byY / view.current.scale
      };
      draw();
    }
  };
  const step = (key: string): void => {
    const asset = selected === null ? model.assets[0] : model.find(selected);
    if (!asset) {
      return;
    }
    const next = { ArrowLeft: asset.upstream[0], ArrowRight: asset.downstream[0] }[key] ?? neighbour(model, asset, key);
    onSelect(selected === null ? asset.key : (model.assets[next]?.key ?? asset.key));
  };

  return (
    <canvas
      ref={element}
      className="cm-canvas"
      tabIndex={0}
      role="img"
      aria-label={`Lineage of ${model.assets.length} assets${selected ? `; ${selected} is selected` : ''}. Arrow keys move along the graph, Enter opens the asset.`}
      onPointerDown={event => {
        drag.current = { x: event.clientX, y: event.clientY, moved: false };
        event.currentTarget.setPointerCapture(event.pointerId);
      }}
      onPointerMove={event => {
        const start = drag.current;
        if (start) {
          start.moved ||= Math.hypot(event.clientX - start.x, event.clientY - start.y) > 3;
          if (start.moved) {
            move(event.clientX - start.x, event.clientY - start.y);
            drag.current = { x: event.clientX, y: event.clientY, moved: true };
          }
        }
      }}
      onPointerUp={event => {
        const clicked = drag.current && !drag.current.moved;
        drag.current = null;
        if (clicked && view.current) {
          const { offsetX, offsetY } = event.nativeEvent;
          onSelect(hit(model.assets, view.current, offsetX, offsetY)?.key ?? null);
        }
      }}
      onDoubleClick={() => selected !== null && props.onOpen(selected)}
      onKeyDown={event => {
        if (event.key.startsWith('Arrow')) {
          event.preventDefault();
          step(event.key);
        } else if (event.key === 'Enter' && selected !== null) {
          props.onOpen(selected);
        } else if (event.key === 'Escape') {
          onSelect(null);
        } else if ('+-0'.includes(event.key) && view.current) {
          const { clientWidth, clientHeight } = event.currentTarget;
          moved.current = event.key !== '0';
          view.current =
            event.key === '0'
              ? null
              : zoom(view.current, event.key === '+' ? 1.25 : 0.8, clientWidth / 2, clientHeight / 2);
          draw();
        }
      }}
    />
  );
}

/** The next asset of the same column, for the up and down keys. */
function neighbour(model: CatalogueModel, asset: IAsset, key: string): number {
  const column = model.assets.filter(other => other.x === asset.x).sort((a, b) => a.y - b.y);
  const at = column.indexOf(asset) + (key === 'ArrowDown' ? 1 : key === 'ArrowUp' ? -1 : 0);
  return (column[at] ?? asset).index;
}

/** The assets to show in full: those of the search, else the selected one's whole lineage; null for all. */
function litBy(assets: readonly IAsset[], search: string, selected: number | null): ReadonlySet<number> | null {
  if (search.trim()) {
    return new Set(assets.filter(asset => matches(asset, search)).map(asset => asset.index));
  }
  if (selected === null) {
    return null;
  }
  return new Set([selected, ...reach(assets, selected, 'upstream'), ...reach(assets, selected, 'downstream')]);
}

/** The colours of the theme that is on now. */
function coloursOf(element: HTMLElement): IColours {
  const style = getComputedStyle(element);
  const value = (name: string, otherwise: string) => style.getPropertyValue(name).trim() || otherwise;
  return {
    text: value('--jp-ui-font-color1', '#222'),
    background: value('--jp-layout-color0', '#fff'),
    node: value('--jp-layout-color1', '#fff'),
    edge: value('--cm-edge', '#888'),
    focus: value('--jp-brand-color1', '#1976d2'),
    states: {
      FRESH: value('--cm-fresh', '#2e7d32'),
      STALE: value('--cm-stale', '#b26a00'),
      MISSING: value('--cm-missing', '#757575'),
      RUNNING: value('--cm-running', '#1565c0'),
      FAILED: value('--cm-failed', '#c62828'),
      EXTERNAL: value('--cm-external', '#6a1b9a')
    }
  };
}
