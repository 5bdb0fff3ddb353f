/** The assets of the workspace as the server sends them: one list for each property, in the same order. */

import { trans } from '../text';

export type AssetState = 'FRESH' | 'STALE' | 'MISSING' | 'RUNNING' | 'FAILED' | 'EXTERNAL';

/** The word for a state. */
export function stateWord(state: AssetState): string {
  switch (state) {
    case 'FRESH':
      return trans.__('fresh');
    case 'STALE':
      return trans.__('stale');
    case 'MISSING':
      return trans.__('missing');
    case 'RUNNING':
      return trans.__('running');
    case 'FAILED':
      return trans.__('failed');
    case 'EXTERNAL':
      return trans.__('external');
  }
}

export interface IGraphColumns {
  keys: string[];
  groups: string[];
  kinds: string[];
  descriptions: string[];
  notebooks: string[];
  cellIds: string[];
  partitioned: boolean[];
  states: AssetState[];
  reasons: string[];
  materializedAt: (number | null)[];
  x: number[];
  y: number[];
  edgeSources: number[];
  edgeTargets: number[];
}

export interface IAsset {
  readonly index: number;
  readonly key: string;
  readonly group: string;
  readonly kind: string;
  readonly description: string;
  readonly notebook: string;
  readonly cellId: string;
  readonly partitioned: boolean;
  readonly x: number;
  readonly y: number;
  state: AssetState;
  reason: string;
  materializedAt: number | null;
  readonly upstream: number[];
  readonly downstream: number[];
}

export interface IStatePatch {
  keys: string[];
  states: AssetState[];
  reasons: string[];
  materializedAt: (number | null)[];
}

/** The assets in the order of the columns, with their neighbours. */
export function assetsOf(columns: IGraphColumns): IAsset[] {
  const assets = columns.keys.map((key, index) => ({
    index,
    key,
    group: columns.groups[index],
    kind: columns.kinds[index],
    description: columns.descriptions[index],
    notebook: columns.notebooks[index],
    cellId: columns.cellIds[index],
    partitioned: columns.partitioned[index],
    x: columns.x[index],
    y: columns.y[index],
    state: columns.states[index],
    reason: columns.reasons[index],
    materializedAt: columns.materializedAt[index],
    upstream: [] as number[],
    downstream: [] as number[]
  }));
  columns.edgeSources.forEach((source, edge) => {
    const target = columns.edgeTargets[edge];
    assets[source].downstream.push(target);
    assets[target].upstream.push(source);
  });
  return assets;
}

/** Apply what changed; returns the indices of the assets that are not the same as before. */
export function applyPatch(byKey: ReadonlyMap<string, IAsset>, patch: IStatePatch): number[] {
  const changed: number[] = [];
  patch.keys.forEach((key, i) => {
    const asset = byKey.get(key);
    if (!asset) {
      return;
    }
    if (asset.state !== patch.states[i] || asset.materializedAt !== patch.materializedAt[i]) {
      changed.push(asset.index);
    }
    asset.state = patch.states[i];
    asset.reason = patch.reasons[i];
    asset.materializedAt = patch.materializedAt[i];
  });
  return changed;
}

/** Whether the asset answers to every word of the search text: in its key, group, kind, state or notebook. */
export function matches(asset: IAsset, search: string): boolean {
  const words = search.toLowerCase().split(/\s+/).filter(Boolean);
  return words.every(word => {
    const [field, value] = word.includes(':') ? word.split(/:(.*)/) : ['', word];
    switch (field) {
      case 'key':
        return asset.key.toLowerCase().includes(value);
      case 'group':
        return asset.group.toLowerCase().includes(value);
      case 'kind':
        return asset.kind.toLowerCase().includes(value);
      case 'status':
      case 'state':
        return asset.state.toLowerCase().startsWith(value);
      default:
        return [asset.key, asset.group, asset.notebook].some(text => text.toLowerCase().includes(word));
    }
  });
}

/** What the tree of assets is divided by. */
export type Division = 'group' | 'notebook' | 'kind';

/** The assets of each group, notebook or kind; both by name. */
export function divided(assets: readonly IAsset[], by: Division): [string, IAsset[]][] {
  const parts = new Map<string, IAsset[]>();
  for (const asset of assets) {
    const name = asset[by] || (by === 'kind' ? 'no kind' : 'modules');
    const members = parts.get(name);
    if (members) {
      members.push(asset);
    } else {
      parts.set(name, [asset]);
    }
  }
  const collator = new Intl.Collator(undefined, { numeric: true });
  return [...parts]
    .sort(([a], [b]) => collator.compare(a, b))
    .map(([name, members]) => [name, members.sort((a, b) => collator.compare(a.key, b.key))]);
}

/** Whether the search text is one of the selection language, which only the server understands. */
export function isSelection(search: string): boolean {
  return /[*+"'()]|\b(and|or|not)\b|\b(tag|owner|code_location|column|sinks|roots|key_wildcard|changed_in_branch)\b\s*[:(]/i.test(search);
}

/** The indices reached from `start` by following `direction`, without `start`. */
export function reach(
  assets: readonly { upstream: readonly number[]; downstream: readonly number[] }[],
  start: number,
  direction: 'upstream' | 'downstream'
): Set<number> {
  const found = new Set<number>();
  const open = [...assets[start][direction]];
  while (open.length) {
    const index = open.pop() as number;
    if (!found.has(index)) {
      found.add(index);
      open.push(...assets[index][direction]);
    }
  }
  return found;
}
