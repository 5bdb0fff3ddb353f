import { KeyboardEvent, useEffect, useMemo, useRef, useState } from 'react';

import type { CatalogueModel } from '../model/catalogue';
import { ago, count } from '../model/format';
import { divided, Division, IAsset } from '../model/graph';
import { loadRowCounts } from '../model/rows';
import { trans } from '../text';
import { useSignals } from './hooks';
import { Button, INavigator, IScreen, Note, StateBadge } from './parts';
import { useSelected } from './selected';

/** The height of a row in pixels; all rows have it, so that only those in sight are made. */
const ROW = 27;
/** Rows above and below those in sight that are made too. */
const MARGIN = 8;
/** Above this many assets the parts of the tree are folded at first. */
const FOLD_ABOVE = 400;

type IRow =
  | { kind: 'part'; name: string; size: number; open: boolean }
  | { kind: 'asset'; asset: IAsset; at: number; of: number };

/** The assets as a tree by group, notebook or kind, each with its state and a button that makes it. */
export function Catalogue(props: {
  model: CatalogueModel;
  navigator: INavigator;
  /** The screen that is looked at; null where it is none of them. */
  here: IScreen | null;
}): JSX.Element {
  const { model, navigator, here } = props;
  useSignals(model.changed, model.stateChanged);
  const [search, setSearch] = useState('');
  const [division, setDivision] = useState<Division>('group');
  const { wanted, problem } = useSelected(model, search);
  const found = useMemo(
    () => (wanted === null ? [...model.assets] : model.assets.filter(asset => wanted.has(asset.index))),
    [model.assets, wanted]
  );

  const make = (assets: readonly IAsset[]) => {
    const keys = assets.map(asset => asset.key);
    const what = keys.length === 1 ? keys[0] : `${keys.length} assets`;
    model.materialize(keys).then(
      runId => navigator.notify(trans.__('Materializing %1 in run %2', what, runId.slice(0, 8)), 'info', runId),
      error => navigator.notify(trans.__('%1 could not be started: %2', what, error.message), 'error')
    );
  };
  const stale = found.filter(asset => asset.state === 'STALE' || asset.state === 'MISSING');

  return (
    <div className="cm-catalogue">
      <Places here={here} navigator={navigator} />
      <div className="cm-toolbar">
        <input
          type="search"
          className="cm-search"
          placeholder={trans.__('name, group:x, state:stale, *name')}
          title={trans.__('Words, group:x, kind:x, state:stale; or a selection: *name takes everything upstream, name* everything downstream; and, or, not')}
          aria-label={trans.__('Search assets')}
          value={search}
          onChange={event => setSearch(event.target.value)}
        />
        <select
          className="cm-select"
          aria-label={trans.__('Divide by')}
          value={division}
          onChange={event => setDivision(event.target.value as Division)}
        >
          <option value="group">{trans.__('by group')}</option>
          <option value="notebook">{trans.__('by notebook')}</option>
          <option value="kind">{trans.__('by kind')}</option>
        </select>
        <Button label="↻" title={trans.__('Read the notebooks and modules again')} onClick={() => void model.reload()} />
      </div>
      <div className="cm-toolbar">
        <span className="cm-when">{trans._n('%1 asset', '%2 assets', found.length, count(found.length))}</span>
        <span className="cm-gap" />
        <Button
          label={trans.__('Bring up to date (%1)', stale.length)}
          title={
            stale.length
              ? trans.__('Bring up to date (%1): materialize what is stale or missing in this list: %2', stale.length, named(stale))
              : trans.__('Bring up to date: nothing in this list is stale or missing')
          }
          disabled={stale.length === 0}
          onClick={() => make(stale)}
        />
      </div>
      {model.problem && <Note kind="problem">{model.problem}</Note>}
      {problem && <Note kind="problem">{problem}</Note>}
      {!model.loaded && <Note kind="wait">{trans.__('Reading the workspace…')}</Note>}
      {model.loaded && !model.problem && model.assets.length === 0 && <Empty />}
      {model.assets.length > 0 && found.length === 0 && !problem && <Note>{trans.__('No asset answers to “%1”.', search)}</Note>}
      <Tree
        key={division}
        assets={found}
        model={model}
        division={division}
        shown={here?.screen === 'asset' ? here.what : null}
        navigator={navigator}
        make={make}
      />
    </div>
  );
}

/** The ways to the other screens, the one that is looked at marked; a run is one of the runs. */
function Places(props: { here: IScreen | null; navigator: INavigator }): JSX.Element {
  const { here, navigator } = props;
  const place = (screen: IScreen['screen'], label: string, title: string, onClick: () => void) => (
    <Button
      label={label}
      title={title}
      current={here?.screen === screen ? 'page' : screen === 'runs' && here?.screen === 'run' ? 'true' : undefined}
      onClick={onClick}
    />
  );
  return (
    <div className="cm-places" role="group" aria-label={trans.__('Screens')}>
      {place('lineage', trans.__('Lineage'), trans.__('Show the lineage of all assets'), () => navigator.openLineage())}
      {place('runs', trans.__('Runs'), trans.__('Show the runs'), () => navigator.openRuns())}
      {place('launchpad', trans.__('Launch'), trans.__('Choose what to run, and how'), () => navigator.openLaunchpad())}
      {place('backfills', trans.__('Backfills'), trans.__('Show backfills'), () => navigator.openBackfills())}
      {place('automation', trans.__('Automation'), trans.__('Show schedules and sensors'), () => navigator.openAutomation())}
      {place('deployment', trans.__('Deployment'), trans.__('Show code locations and daemons'), () => navigator.openDeployment())}
    </div>
  );
}

/** The first few by name. */
function named(assets: readonly IAsset[]): string {
  const names = assets.slice(0, 5).map(asset => asset.key);
  return assets.length > names.length ? `${names.join(', ')}, …` : names.join(', ');
}

/** The rows in sight; arrow keys move between them, Enter opens, left and right fold and unfold. */
function Tree(props: {
  assets: IAsset[];
  model: CatalogueModel;
  division: Division;
  /** The asset whose page is looked at. */
  shown: string | null;
  navigator: INavigator;
  make(assets: readonly IAsset[]): void;
}): JSX.Element {
  const { assets, division, navigator, model } = props;
  const [toggled, setToggled] = useState<ReadonlySet<string>>(new Set());
  const [active, setActive] = useState(0);
  const [box, setBox] = useState<HTMLDivElement | null>(null);
  const sight = useSight(box);
  const foldedFirst = assets.length > FOLD_ABOVE;
  const parts = useMemo(() => divided(assets, division), [assets, division]);
  const rows = useMemo(() => {
    const all: IRow[] = [];
    for (const [name, members] of parts) {
      const open = toggled.has(name) === foldedFirst;
      all.push({ kind: 'part', name, size: members.length, open });
      if (open) {
        members.forEach((asset, at) => all.push({ kind: 'asset', asset, at: at + 1, of: members.length }));
      }
    }
    return all;
  }, [parts, toggled, foldedFirst]);

  const first = Math.max(0, Math.floor(sight.top / ROW) - MARGIN);
  const last = Math.min(rows.length, Math.ceil((sight.top + sight.height) / ROW) + MARGIN);
  const shown = rows.slice(first, last);
  const counts = useRowCounts(model, shown);
  const toggle = (name: string) => {
    const next = new Set(toggled);
    if (!next.delete(name)) {
      next.add(name);
    }
    setToggled(next);
  };
  const goTo = (to: number) => {
    const at = Math.min(rows.length - 1, Math.max(0, to));
    setActive(at);
    const element = box;
    if (element) {
      element.scrollTop = Math.min(at * ROW, Math.max(element.scrollTop, (at + 1) * ROW - element.clientHeight));
      requestAnimationFrame(() => element.querySelector<HTMLElement>(`[data-at="${at}"]`)?.focus());
    }
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const row = rows[active];
    const steps: Record<string, number> = { ArrowDown: active + 1, ArrowUp: active - 1, Home: 0, End: rows.length - 1 };
    if (!row || (event.target as HTMLElement).tagName === 'BUTTON') {
      return;
    }
    if (event.key in steps) {
      goTo(steps[event.key]);
    } else if (row.kind === 'part' && ['Enter', ' ', row.open ? 'ArrowLeft' : 'ArrowRight'].includes(event.key)) {
      toggle(row.name);
    } else if (row.kind === 'asset' && event.key === 'Enter') {
      navigator.openAsset(row.asset.key);
    } else if (row.kind === 'asset' && event.key === 'ArrowLeft') {
      goTo(active - row.at);
    } else {
      return;
    }
    event.preventDefault();
  };
  if (!rows.length) {
    return <></>;
  }
  const current = Math.min(active, rows.length - 1);
  return (
    <div className="cm-rows" ref={setBox} role="tree" aria-label={trans.__('Assets by %1', division)} onKeyDown={onKeyDown}>
      <div role="presentation" style={{ height: rows.length * ROW, position: 'relative' }}>
        {shown.map((row, i) => {
          const at = first + i;
          const common = {
            'data-at': at,
            role: 'treeitem',
            tabIndex: at === current ? 0 : -1,
            style: { top: at * ROW, height: ROW },
            onFocus: () => setActive(at)
          };
          return row.kind === 'part' ? (
            <div
              {...common}
              key={`part ${row.name}`}
              className="cm-fold"
              aria-level={1}
              aria-expanded={row.open}
              onClick={() => toggle(row.name)}
            >
              <span aria-hidden="true">{row.open ? '▾' : '▸'}</span> <span className="cm-clip">{row.name}</span>{' '}
              <span className="cm-count">{row.size}</span>
            </div>
          ) : (
            <Row
              key={row.asset.key}
              reachable={at === current}
              isShown={row.asset.key === props.shown}
              common={{ ...common, 'aria-level': 2, 'aria-posinset': row.at, 'aria-setsize': row.of }}
              asset={row.asset}
              counts={counts.get(row.asset.key)}
              navigator={navigator}
              onMake={() => props.make([row.asset])}
            />
          );
        })}
      </div>
    </div>
  );
}

function Row(props: {
  common: object;
  /** Whether Tab leads to its button: it does for the row that has the focus. */
  reachable: boolean;
  /** Whether its page is looked at. */
  isShown: boolean;
  asset: IAsset;
  counts?: number[];
  navigator: INavigator;
  onMake(): void;
}): JSX.Element {
  const { asset, counts, navigator } = props;
  return (
    <div
      {...props.common}
      className="cm-asset"
      aria-current={props.isShown ? 'page' : undefined}
      data-key={asset.key}
      data-state={asset.state}
      title={`${asset.description || asset.key}\n${trans.__('Drag it into a notebook to load it there.')}`}
      draggable
      onDragStart={event => event.dataTransfer.setData('text/plain', `%load_asset ${asset.key}`)}
      onClick={() => navigator.openAsset(asset.key)}
    >
      <StateBadge state={asset.state} reason={asset.reason} quiet />
      <span className="cm-name">{asset.key}</span>
      {counts && <Spark counts={counts} />}
      <span className="cm-when">{ago(asset.materializedAt)}</span>
      <Button
        label="▶"
        title={trans.__('Materialize %1', asset.key)}
        disabled={asset.state === 'RUNNING' || asset.state === 'EXTERNAL'}
        tabIndex={props.reachable ? 0 : -1}
        onClick={props.onMake}
      />
    </div>
  );
}

/** The row counts of the last materializations as a line of a few pixels. */
function Spark(props: { counts: number[] }): JSX.Element {
  const { counts } = props;
  const [low, high] = [Math.min(...counts), Math.max(...counts)];
  const x = (i: number) => (counts.length === 1 ? 18 : 2 + (32 * i) / (counts.length - 1));
  const y = (value: number) => (high === low ? 7 : 12 - (10 * (value - low)) / (high - low));
  const last = counts[counts.length - 1];
  const said = `${count(last)} rows${counts.length > 1 ? `; from ${count(low)} to ${count(high)} in the last ${counts.length}` : ''}`;
  return (
    <svg className="cm-spark" width="36" height="14" role="img" aria-label={said}>
      <title>{said}</title>
      <polyline points={counts.map((value, i) => `${x(i)},${y(value)}`).join(' ')} />
      <circle cx={x(counts.length - 1)} cy={y(last)} r={2} />
    </svg>
  );
}

/** Where the element is scrolled to, and how high it is. */
function useSight(element: HTMLElement | null): { top: number; height: number } {
  const [sight, setSight] = useState({ top: 0, height: 800 });
  useEffect(() => {
    if (!element) {
      return;
    }
    const look = () => setSight({ top: element.scrollTop, height: element.clientHeight });
    const observer = new ResizeObserver(look);
    observer.observe(element);
    element.addEventListener('scroll', look, { passive: true });
    return () => {
      observer.disconnect();
      element.removeEventListener('scroll', look);
    };
  }, [element]);
  return sight;
}

/** The row counts of the assets in sight, asked for when scrolling rests, and again when they were made anew. */
function useRowCounts(model: CatalogueModel, shown: readonly IRow[]): ReadonlyMap<string, number[]> {
  const known = useRef(new Map<string, { at: number; counts: number[] }>());
  const [counts, setCounts] = useState<ReadonlyMap<string, number[]>>(new Map());
  const missing = shown.flatMap(row =>
    row.kind === 'asset' && row.asset.materializedAt && known.current.get(row.asset.key)?.at !== row.asset.materializedAt
      ? [row.asset]
      : []
  );
  const question = missing.map(asset => `${asset.key} ${asset.materializedAt}`).join('\n');
  useEffect(() => {
    if (!question) {
      return;
    }
    const timer = setTimeout(() => {
      const asked = missing.map(asset => [asset.key, asset.materializedAt ?? 0] as const);
      loadRowCounts(model.client, asked.map(([key]) => key)).then(
        found => {
          asked.forEach(([key, at]) => known.current.set(key, { at, counts: found.get(key) ?? [] }));
          const all = [...known.current].filter(([, one]) => one.counts.length);
          setCounts(new Map(all.map(([key, one]) => [key, one.counts])));
        },
        () => undefined // the plots are an extra: the list stands without them
      );
    }, 250);
    return () => clearTimeout(timer);
  }, [question]);
  return counts;
}

function Empty(): JSX.Element {
  return (
    <Note>
      <p>{trans.__('No asset yet. In any notebook of this folder run')}</p>
      <pre>%load_ext cellmill</pre>
      <p>{trans.__('and start a cell with')}</p>
      <pre>%%asset my_table</pre>
    </Note>
  );
}
