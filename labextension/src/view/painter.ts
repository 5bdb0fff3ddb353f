/** Paints the lineage on a canvas: positions come from the server, nothing is laid out here. */

import { ends, INode } from '../model/drawing';

export const NODE_WIDTH = 184;
export const NODE_HEIGHT = 34;
export const NODE_SIZE = { width: NODE_WIDTH, height: NODE_HEIGHT };
/** Below this magnification names could not be read: nodes are plain bars. */
const LEGIBLE = 0.35;
/** Below this one edges are straight: nobody could see that they bend. */
const BENT = 0.2;
/** Edges in one stroke: a canvas takes longer than in proportion for a path of many thousand. */
const STROKE_EDGES = 400;

/** Where the canvas looks: the graph's coordinates at its top left corner, and pixels for one unit. */
export interface IView {
  x: number;
  y: number;
  scale: number;
}

export interface ISize {
  width: number;
  height: number;
}

export interface IColours {
  text: string;
  background: string;
  node: string;
  edge: string;
  focus: string;
  font: string;
  states: Record<string, string>;
}

export interface IFocus {
  selected: number | null;
  /** The nodes to show in full, or null for all. */
  lit: ReadonlySet<number> | null;
}

/** The rectangle that all nodes lie in. */
export function bounds(nodes: readonly INode[]): { left: number; top: number; right: number; bottom: number } {
  let [left, top, right, bottom] = [Infinity, Infinity, -Infinity, -Infinity];
  for (const { x, y } of nodes) {
    left = Math.min(left, x);
    top = Math.min(top, y);
    right = Math.max(right, x + NODE_WIDTH);
    bottom = Math.max(bottom, y + NODE_HEIGHT);
  }
  return { left, top, right, bottom };
}

/** The view that shows every node, with a margin. */
export function fit(nodes: readonly INode[], width: number, height: number, largest = 1.25): IView {
  if (!nodes.length) {
    return { x: 0, y: 0, scale: 1 };
  }
  const { left, top, right, bottom } = bounds(nodes);
  const margin = 24;
  const scale = Math.min(largest, width / (right - left + 2 * margin), height / (bottom - top + 2 * margin));
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

/** The node under the canvas point, or null. */
export function hit(nodes: readonly INode[], view: IView, atX: number, atY: number): INode | null {
  const x = view.x + atX / view.scale;
  const y = view.y + atY / view.scale;
  return nodes.find(one => x >= one.x && x <= one.x + NODE_WIDTH && y >= one.y && y <= one.y + NODE_HEIGHT) ?? null;
}

/** Paint edges, then nodes; only what the view shows, with as much detail as can be seen. */
export function paint(
  context: CanvasRenderingContext2D,
  nodes: readonly INode[],
  view: IView,
  size: ISize,
  colours: IColours,
  focus: IFocus
): void {
  context.fillStyle = colours.background;
  context.fillRect(0, 0, size.width, size.height);
  context.save();
  context.scale(view.scale, view.scale);
  context.translate(-view.x, -view.y);
  paintEdges(context, nodes, view, size, colours, focus);
  const shown = nodes.filter(node => isInView(node, view, size));
  paintNodes(context, shown, view, colours, focus);
  context.restore();
}

/** Paint some nodes anew over what is there, as when their state has changed. */
export function repaint(
  context: CanvasRenderingContext2D,
  nodes: readonly INode[],
  changed: readonly number[],
  view: IView,
  size: ISize,
  colours: IColours,
  focus: IFocus
): void {
  context.save();
  context.scale(view.scale, view.scale);
  context.translate(-view.x, -view.y);
  const shown = changed.map(index => nodes[index]).filter(node => isInView(node, view, size));
  context.fillStyle = colours.background;
  shown.forEach(node => context.fillRect(node.x, node.y, NODE_WIDTH, NODE_HEIGHT));
  paintNodes(context, shown, view, colours, focus);
  context.restore();
}

function isInView(node: INode, view: IView, size: ISize): boolean {
  return (
    node.x <= view.x + size.width / view.scale &&
    node.x + NODE_WIDTH >= view.x &&
    node.y <= view.y + size.height / view.scale &&
    node.y + NODE_HEIGHT >= view.y
  );
}

function paintEdges(
  context: CanvasRenderingContext2D,
  nodes: readonly INode[],
  view: IView,
  size: ISize,
  colours: IColours,
  focus: IFocus
): void {
  const right = view.x + size.width / view.scale;
  const bottom = view.y + size.height / view.scale;
  const dim = (index: number) => focus.lit !== null && !focus.lit.has(index);
  context.lineWidth = Math.max(1, 0.7 / view.scale);
  context.strokeStyle = colours.edge;
  for (const faded of focus.lit === null ? [false] : [true, false]) {
    context.globalAlpha = faded ? 0.25 : view.scale < BENT ? 0.6 : 1;
    let pending = 0;
    context.beginPath();
    for (const source of nodes) {
      for (const index of source.downstream) {
        const [x, y, tx, ty] = ends(source, nodes[index], NODE_SIZE);
        if (tx < view.x || x > right || Math.max(y, ty) < view.y || Math.min(y, ty) > bottom) {
          continue;
        }
        if ((dim(source.index) || dim(index)) !== faded) {
          continue;
        }
        context.moveTo(x, y);
        if (view.scale < BENT) {
          context.lineTo(tx, ty);
        } else {
          const bend = Math.max(24, (tx - x) / 2);
          context.bezierCurveTo(x + bend, y, tx - bend, ty, tx, ty);
        }
        if (view.scale > LEGIBLE) {
          context.moveTo(tx - 7, ty - 4);
          context.lineTo(tx, ty);
          context.lineTo(tx - 7, ty + 4);
        }
        if (++pending === STROKE_EDGES) {
          context.stroke();
          context.beginPath();
          pending = 0;
        }
      }
    }
    context.stroke();
  }
  context.globalAlpha = 1;
}

function paintNodes(
  context: CanvasRenderingContext2D,
  shown: readonly INode[],
  view: IView,
  colours: IColours,
  focus: IFocus
): void {
  const alpha = (index: number) => (focus.lit !== null && !focus.lit.has(index) ? 0.25 : 1);
  if (view.scale <= LEGIBLE) {
    for (const node of shown) {
      context.globalAlpha = alpha(node.index);
      context.fillStyle = colours.states[node.state];
      context.fillRect(node.x, node.y, NODE_WIDTH, NODE_HEIGHT);
      if (node.index === focus.selected) {
        context.strokeStyle = colours.focus;
        context.lineWidth = 3 / view.scale;
        context.strokeRect(node.x, node.y, NODE_WIDTH, NODE_HEIGHT);
      }
    }
  } else {
    context.font = `13px ${colours.font}`;
    context.textBaseline = 'middle';
    for (const node of shown) {
      context.globalAlpha = alpha(node.index);
      paintNode(context, node, colours, node.index === focus.selected);
    }
  }
  context.globalAlpha = 1;
}

function paintNode(context: CanvasRenderingContext2D, node: INode, colours: IColours, selected: boolean): void {
  const state = colours.states[node.state];
  context.lineWidth = selected ? 3 : 1.5;
  context.strokeStyle = selected ? colours.focus : state;
  context.fillStyle = colours.node;
  if (node.members) {
    context.beginPath();
    context.roundRect(node.x + 4, node.y - 4, NODE_WIDTH - 4, NODE_HEIGHT, 6);
    context.fill();
    context.stroke();
  }
  context.beginPath();
  context.roundRect(node.x, node.y, node.members ? NODE_WIDTH - 4 : NODE_WIDTH, NODE_HEIGHT, 6);
  context.fill();
  context.setLineDash(node.state === 'MISSING' ? [5, 3] : []);
  context.stroke();
  context.setLineDash([]);
  context.beginPath();
  context.arc(node.x + 14, node.y + NODE_HEIGHT / 2, 5, 0, 2 * Math.PI);
  context.fillStyle = state;
  context.fill();
  context.fillStyle = colours.text;
  const more = node.members ? ` · ${node.members.length}` : '';
  context.fillText(shorten(node.key, 22 - more.length) + more, node.x + 26, node.y + NODE_HEIGHT / 2 + 1);
}

/** The end of a key says more than its beginning: cut in the middle. */
export function shorten(text: string, length: number): string {
  if (text.length <= length) {
    return text;
  }
  const head = Math.floor((length - 1) / 2);
  return `${text.slice(0, head)}…${text.slice(text.length - (length - 1 - head))}`;
}
