/** What the lineage draws: every asset, or some of them, with groups or notebooks folded into one node each. */

import { Client } from '../client';
import type { AssetState, IAsset } from './graph';
import { PLACES } from './queries';

/** One node of the picture; an asset is one as it is. */
export interface INode {
  readonly index: number;
  readonly key: string;
  readonly x: number;
  readonly y: number;
  state: AssetState;
  readonly upstream: readonly number[];
  readonly downstream: readonly number[];
  /** The assets that are folded into it; absent where it is an asset. */
  readonly members?: readonly IAsset[];
}

export type Fold = '' | 'group' | 'notebook';

/** The worst comes first. */
const WORST: AssetState[] = ['FAILED', 'RUNNING', 'STALE', 'MISSING', 'FRESH', 'EXTERNAL'];

/** The state of a folded node: the worst of its assets. */
export function worst(members: readonly { state: AssetState }[]): AssetState {
  return WORST.find(state => members.some(one => one.state === state)) ?? 'EXTERNAL';
}

/** The nodes without their places: the wanted assets, those of each fold that is not open as one node. */
export function foldNodes(
  assets: readonly IAsset[],
  wanted: ReadonlySet<number> | null,
  fold: Fold,
  open: ReadonlySet<string>
): INode[] {
  const shown = wanted === null ? assets : assets.filter(asset => wanted.has(asset.index));
  const nodeOf = new Map<number, number>();
  const parts: { key: string; members?: IAsset[]; state: AssetState }[] = [];
  const folded = new Map<string, number>();
  for (const asset of shown) {
    const name = fold ? asset[fold] || '(module)' : '';
    if (!fold || open.has(name)) {
      nodeOf.set(asset.index, parts.push({ key: asset.key, state: asset.state }) - 1);
      continue;
    }
    const at = folded.get(name) ?? parts.push({ key: name, members: [], state: 'FRESH' }) - 1;
    folded.set(name, at);
    parts[at].members?.push(asset);
    nodeOf.set(asset.index, at);
  }
  const upstream = parts.map(() => new Set<number>());
  const downstream = parts.map(() => new Set<number>());
  for (const asset of shown) {
    const target = nodeOf.get(asset.index) as number;
    for (const above of asset.upstream) {
      const source = nodeOf.get(above);
      if (source !== undefined && source !== target) {
        upstream[target].add(source);
        downstream[source].add(target);
      }
    }
  }
  return parts.map((part, index) => ({
    index,
    key: part.key,
    x: 0,
    y: 0,
    state: part.members ? worst(part.members) : part.state,
    members: part.members,
    upstream: [...upstream[index]],
    downstream: [...downstream[index]]
  }));
}

/** The same nodes where the server lays them out. */
export async function placeNodes(client: Client, nodes: readonly INode[]): Promise<INode[]> {
  const sources = nodes.flatMap(node => node.downstream.map(() => node.index));
  const targets = nodes.flatMap(node => node.downstream);
  const { graphPlaces } = await client.request<{ graphPlaces: { x: number[]; y: number[] } }>(PLACES, {
    nodes: nodes.length,
    sources,
    targets
  });
  return nodes.map((node, i) => ({ ...node, x: graphPlaces.x[i], y: graphPlaces.y[i] }));
}

/** Take over the states of the assets; returns the indices of the nodes that look different now. */
export function refreshStates(nodes: readonly INode[], stateOf: (key: string) => AssetState | undefined): number[] {
  const changed: number[] = [];
  for (const node of nodes) {
    const now = node.members ? worst(node.members) : (stateOf(node.key) ?? node.state);
    if (now !== node.state) {
      node.state = now;
      changed.push(node.index);
    }
  }
  return changed;
}

/** The picture as an SVG document. */
export function toSvg(
  nodes: readonly INode[],
  size: { width: number; height: number },
  colours: { text: string; background: string; node: string; edge: string; states: Record<string, string> }
): string {
  if (!nodes.length) {
    return '<svg xmlns="http://www.w3.org/2000/svg" width="1" height="1"/>';
  }
  const left = Math.min(...nodes.map(node => node.x)) - 20;
  const top = Math.min(...nodes.map(node => node.y)) - 20;
  const right = Math.max(...nodes.map(node => node.x)) + size.width + 20;
  const bottom = Math.max(...nodes.map(node => node.y)) + size.height + 20;
  const edges = nodes.flatMap(node =>
    node.downstream.map(index => {
      const [x1, y1, x2, y2] = ends(node, nodes[index], size);
      const bend = Math.max(24, (x2 - x1) / 2);
      return `<path d="M${x1} ${y1}C${x1 + bend} ${y1} ${x2 - bend} ${y2} ${x2} ${y2}" fill="none" stroke="${colours.edge}"/>`;
    })
  );
  const boxes = nodes.map(node => {
    const label = node.members ? `${node.key} (${node.members.length})` : node.key;
    const middle = node.y + size.height / 2;
    return (
      `<g><title>${escape(`${label}: ${node.state.toLowerCase()}`)}</title>` +
      `<rect x="${node.x}" y="${node.y}" width="${size.width}" height="${size.height}" rx="6" fill="${colours.node}" stroke="${colours.states[node.state]}" stroke-width="1.5"/>` +
      `<circle cx="${node.x + 14}" cy="${middle}" r="5" fill="${colours.states[node.state]}"/>` +
      `<text x="${node.x + 26}" y="${middle + 4}" fill="${colours.text}">${escape(label)}</text></g>`
    );
  });
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="${left} ${top} ${right - left} ${bottom - top}" ` +
    `width="${right - left}" height="${bottom - top}" font-family="sans-serif" font-size="13">` +
    `<rect x="${left}" y="${top}" width="${right - left}" height="${bottom - top}" fill="${colours.background}"/>` +
    `${edges.join('')}${boxes.join('')}</svg>`
  );
}

/** Where an edge begins and ends. */
export function ends(source: INode, target: INode, size: { width: number; height: number }): number[] {
  return [source.x + size.width, source.y + size.height / 2, target.x, target.y + size.height / 2];
}

const escape = (text: string) =>
  text.replace(/[<>&"]/g, found => ({ '<': '&lt;', '>': '&gt;', '&': '&amp;', '"': '&quot;' })[found] as string);
