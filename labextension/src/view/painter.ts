/** Paints the lineage on a canvas: positions come from the server, nothing is laid out here. */

import type { IAsset } from '../model/graph';

export const NODE_WIDTH = 168;
export const NODE_HEIGHT = 34;

/** Where the canvas looks: the graph's coordinates at its top left corner, and pixels for one unit. */
export interface IView {
  x: number;
  y: number;
  scale: number;
}

export interface IColours {
  text: string;
  background: string;
  node: string;
  edge: string;
  focus: string;
  states: Record<string, string>;
}

/** The view that shows every asset, with a margin. */
export function fit(assets: readonly IAsset[], width: number, height: number): IView {
  if (!assets.length) {
    return { x: 0, y: 0, scale: 1 };
  }
  let [left, top, right, bottom] = [Infinity, Infinity, -Infinity, -Infinity];
  for (const { x, y } of assets) {
    left = Math.min(left, x);
    top = Math.min(top, y);
    right = Math.max(right, x + NODE_WIDTH);
    bottom = Math.max(bottom, y + NODE_HEIGHT);
  }
  const margin = 24;
  const scale = Math.min(1.25, width / (right - left + 2 * margin), height / (bottom - top + 2 * margin));
  return {
    x: (left + right) / 2 - width / 2 / scale,
    y: (top + bottom) / 2 - height / 2 / scale,
    scale
  };
}

/** The same view, magnified by `factor` around the canvas point. */
export function zoom(view: IView, factor: number, atX: number, atY: number): IView {
  const scale = Math.min(4, Math.max(0.01, view.scale * factor));
  return {
    x: view.x + atX / view.scale - atX / scale,
    y: view.y + atY / view.scale - atY / scale,
    scale
  };
}

/** The asset under the canvas point, or null. */
export function hit(assets: readonly IAsset[], view: IView, atX: number, atY: number): IAsset | null {
  const x = view.x + atX / view.scale;
  const y = view.y + atY / view.scale;
  return (
    assets.find(
      asset => x >= asset.x && x <= asset.x + NODE_WIDTH && y >= asset.y && y <= asset.y + NODE_HEIGHT
    ) ?? null
  );
}

/** Paint edges, then nodes; only what the view shows, without text where it could not be read. */
export function paint(
  context: CanvasRenderingContext2D,
  assets: readonly IAsset[],
  view: IView,
  size: { width: number; height: number },
  colours: IColours,
  focus: { selected: number | null; lit: ReadonlySet<number> | null }
): void {
  const { width, height } = size;
  context.fillStyle = colours.background;
  context.fillRect(0, 0, width, height);
  context.save();
  context.scale(view.scale, view.scale);
  context.translate(-view.x, -view.y);
  const right = view.x + width / view.scale;
  const bottom = view.y + height / view.scale;
  const dim = (index: number) => focus.lit !== null && !focus.lit.has(index);

  context.lineWidth = Math.max(1, 0.7 / view.scale);
  context.strokeStyle = colours.edge;
  for (const faded of [true, false]) {
    context.globalAlpha = faded ? 0.25 : 1;
    context.beginPath();
    for (const source of assets) {
      const x = source.x + NODE_WIDTH;
      const y = source.y + NODE_HEIGHT / 2;
      for (const index of source.downstream) {
        const target = assets[index];
        const ty = target.y + NODE_HEIGHT / 2;
        if (target.x < view.x || x > right || Math.max(y, ty) < view.y || Math.min(y, ty) > bottom) {
          continue;
        }
        if ((dim(source.index) || dim(index)) === faded) {
          const bend = Math.max(24, (target.x - x) / 2);
          context.moveTo(x, y);
          context.bezierCurveTo(x + bend, y, target.x - bend, ty, target.x, ty);
          if (view.scale > 0.3) {
            context.moveTo(target.x - 7, ty - 4);
            context.lineTo(target.x, ty);
            context.lineTo(target.x - 7, ty + 4);
          }
        }
      }
    }
    context.stroke();
  }

  const legible = view.scale > 0.35;
  context.font = '13px sans-serif';
  context.textBaseline = 'middle';
  for (const asset of assets) {
    if (asset.x > right || asset.x + NODE_WIDTH < view.x || asset.y > bottom || asset.y + NODE_HEIGHT < view.y) {
      continue;
    }
    context.globalAlpha = dim(asset.index) ? 0.3 : 1;
    const state = colours.states[asset.state];
    if (!legible) {
      context.fillStyle = state;
      context.fillRect(asset.x, asset.y, NODE_WIDTH, NODE_HEIGHT);
      continue;
    }
    paintNode(context, asset, state, colours, asset.index === focus.selected);
  }
  context.restore();
  context.globalAlpha = 1;
}

function paintNode(
  context: CanvasRenderingContext2D,
  asset: IAsset,
  state: string,
  colours: IColours,
  selected: boolean
): void {
  context.beginPath();
  context.roundRect(asset.x, asset.y, NODE_WIDTH, NODE_HEIGHT, 6);
  context.fillStyle = colours.node;
  context.fill();
  context.lineWidth = selected ? 3 : 1.5;
  context.strokeStyle = selected ? colours.focus : state;
  context.setLineDash(asset.state === 'MISSING' ? [5, 3] : []);
  context.stroke();
  context.setLineDash([]);
  context.beginPath();
  context.arc(asset.x + 14, asset.y + NODE_HEIGHT / 2, 5, 0, 2 * Math.PI);
  context.fillStyle = state;
  context.fill();
  context.fillStyle = colours.text;
  context.fillText(shorten(asset.key, 20), asset.x + 26, asset.y + NODE_HEIGHT / 2 + 1);
}

/** The end of a key says more than its beginning: cut in the middle. */
export function shorten(text: string, length: number): string {
  if (text.length <= length) {
    return text;
  }
  const head = Math.floor((length - 1) / 2);
  return `${text.slice(0, head)}…${text.slice(text.length - (length - 1 - head))}`;
}
