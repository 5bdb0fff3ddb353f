import { forwardRef, useCallback, useEffect, useImperativeHandle, useRef } from 'react';

import type { CatalogueModel } from '../model/catalogue';
import { INode, refreshStates } from '../model/drawing';
import { trans } from '../text';
import { bounds, fit, hit, IColours, ISize, IView, NODE_HEIGHT, NODE_WIDTH, paint, repaint, zoom } from './painter';

/** Above this many nodes a moved picture is shown at once, and painted sharp when the hand rests. */
const PAINT_EACH_FRAME = 800;
/** Milliseconds of rest before the sharp picture. */
const REST_MS = 90;
/** Nodes above which an overview in the corner helps. */
const MINIMAP_ABOVE = 30;
const MINIMAP: ISize = { width: 180, height: 116 };
/** Longest side of an exported image, in pixels; browsers refuse larger canvases. */
const EXPORT_MAX = 8000;

/** What the screen around it can ask of the canvas. */
export interface ICanvas {
  readonly element: HTMLElement;
  magnify(factor: number): void;
  fit(): void;
  savePng(): void;
}

interface ICanvasProps {
  model: CatalogueModel;
  nodes: readonly INode[];
  selected: number | null;
  lit: ReadonlySet<number> | null;
  onSelect(node: INode | null): void;
  onOpen(node: INode): void;
}

/** The picture of the graph: painted once, then moved; changes of state repaint their nodes only. */
export const Canvas = forwardRef<ICanvas, ICanvasProps>(function Canvas(props, ref): JSX.Element {
  const { model, nodes, selected, lit } = props;
  const element = useRef<HTMLCanvasElement>(null);
  const corner = useRef<HTMLCanvasElement>(null);
  const view = useRef<IView | null>(null);
  /** The last sharp picture and where it looked, for moving it quickly. */
  const sharp = useRef<{ picture: HTMLCanvasElement; view: IView } | null>(null);
  /** Whether the reader chose what to look at; until then the whole graph is kept in sight. */
  const moved = useRef(false);
  const drag = useRef<{ x: number; y: number; moved: boolean } | null>(null);
  const rest = useRef<ReturnType<typeof setTimeout>>();
  const overview = useRef<HTMLCanvasElement | null>(null);
  const now = useRef({ nodes, selected, lit });
  now.current = { nodes, selected, lit };

  /** The canvas in pixels of the screen, ready to paint on. */
  const prepare = useCallback(() => {
    const canvas = element.current;
    const context = canvas?.getContext('2d');
    if (!canvas || !context || !canvas.clientWidth) {
      return null;
    }
    const size = { width: canvas.clientWidth, height: canvas.clientHeight };
    const ratio = window.devicePixelRatio || 1;
    if (canvas.width !== Math.round(size.width * ratio) || canvas.height !== Math.round(size.height * ratio)) {
      canvas.width = Math.round(size.width * ratio);
      canvas.height = Math.round(size.height * ratio);
      sharp.current = null;
    }
    const all = now.current.nodes;
    view.current ??= all.length ? fit(all, size.width, size.height) : null;
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    return { canvas, context, size, ratio, view: view.current ?? { x: 0, y: 0, scale: 1 } };
  }, []);

  const draw = useCallback(() => {
    clearTimeout(rest.current);
    const ready = prepare();
    if (!ready) {
      return;
    }
    const { canvas, context, size } = ready;
    const { nodes: all, selected: chosen, lit: full } = now.current;
    const colours = coloursOf(canvas);
    paint(context, all, ready.view, size, colours, { selected: chosen, lit: full });
    if (all.length > PAINT_EACH_FRAME) {
      const picture = sharp.current?.picture ?? document.createElement('canvas');
      picture.width = canvas.width;
      picture.height = canvas.height;
      picture.getContext('2d')?.drawImage(canvas, 0, 0);
      sharp.current = { picture, view: ready.view };
    }
    paintCorner(corner.current, overview, all, ready.view, size, colours);
    if (canvas.dataset.painted !== String(all.length)) {
      canvas.dataset.painted = String(all.length);
      canvas.dataset.paintedAt = String(Math.round(performance.now()));
    }
  }, [prepare]);

  /** Show the last sharp picture where the view is now; paint anew when the hand rests. */
  const shift = useCallback(() => {
    const last = sharp.current;
    if (now.current.nodes.length <= PAINT_EACH_FRAME || !last) {
      draw();
      return;
    }
    const ready = prepare();
    if (!ready) {
      return;
    }
    const { context, size, canvas } = ready;
    const factor = ready.view.scale / last.view.scale;
    const colours = coloursOf(canvas);
    context.fillStyle = colours.background;
    context.fillRect(0, 0, size.width, size.height);
    context.drawImage(
      last.picture,
      (last.view.x - ready.view.x) * ready.view.scale,
      (last.view.y - ready.view.y) * ready.view.scale,
      size.width * factor,
      size.height * factor
    );
    paintCorner(corner.current, overview, now.current.nodes, ready.view, size, colours);
    clearTimeout(rest.current);
    rest.current = setTimeout(draw, REST_MS);
  }, [draw, prepare]);

  useEffect(() => {
    overview.current = null;
    sharp.current = null;
    view.current = null;
    moved.current = false;
    draw();
  }, [nodes, draw]);
  useEffect(draw, [selected, lit, draw]);

  useEffect(() => {
    const observer = new ResizeObserver(() => {
      if (!moved.current) {
        view.current = null;
      }
      draw();
    });
    if (element.current) {
      observer.observe(element.current);
    }
    // The colours follow the theme, which is told by attributes of the body.
    const themes = new MutationObserver(() => {
      overview.current = null;
      draw();
    });
    themes.observe(document.body, { attributes: true, attributeFilter: ['data-jp-theme-light', 'data-jp-theme-name'] });
    return () => {
      clearTimeout(rest.current);
      observer.disconnect();
      themes.disconnect();
    };
  }, [draw]);

  useEffect(() => {
    const states = (_: unknown, indices: number[]) => {
      const all = now.current.nodes;
      const changed = all === model.assets ? indices : refreshStates(all, key => model.find(key)?.state);
      overview.current = null;
      const ready = prepare();
      if (!ready || sharp.current === null || sharp.current.view !== ready.view) {
        draw();
        return;
      }
      const { canvas, context, size } = ready;
      const { selected: chosen, lit: full } = now.current;
      const colours = coloursOf(canvas);
      repaint(context, all, changed, ready.view, size, colours, { selected: chosen, lit: full });
      sharp.current.picture.getContext('2d')?.drawImage(canvas, 0, 0);
      paintCorner(corner.current, overview, all, ready.view, size, colours);
    };
    model.stateChanged.connect(states);
    return () => {
      model.stateChanged.disconnect(states);
    };
  }, [model, draw, prepare]);

  useEffect(() => {
    const canvas = element.current;
    const wheel = (event: WheelEvent) => {
      event.preventDefault();
      moved.current = true;
      if (view.current) {
        view.current = zoom(view.current, Math.exp(-event.deltaY / 400), event.offsetX, event.offsetY);
        shift();
      }
    };
    // React's own wheel handlers are passive: they cannot keep the page from scrolling.
    canvas?.addEventListener('wheel', wheel, { passive: false });
    return () => canvas?.removeEventListener('wheel', wheel);
  }, [shift]);

  const magnify = (factor: number) => {
    const canvas = element.current;
    if (canvas && view.current) {
      moved.current = true;
      view.current = zoom(view.current, factor, canvas.clientWidth / 2, canvas.clientHeight / 2);
      shift();
    }
  };
  const whole = () => {
    moved.current = false;
    view.current = null;
    draw();
  };
  useImperativeHandle(ref, () => ({
    element: element.current as HTMLElement,
    magnify,
    fit: whole,
    savePng: () => savePng(now.current.nodes, coloursOf(element.current as HTMLElement))
  }));

  const move = (byX: number, byY: number) => {
    moved.current = true;
    if (view.current) {
      const { x, y, scale } = view.current;
      view.current = { x: x - byX / scale, y: y - byY / scale, scale };
      shift();
    }
  };
  /** Select a node and bring it into sight. */
  const select = (node: INode) => {
    const canvas = element.current;
    if (canvas && view.current && !isInside(node, view.current, canvas)) {
      const { scale } = view.current;
      moved.current = true;
      view.current = {
        x: node.x + NODE_WIDTH / 2 - canvas.clientWidth / 2 / scale,
        y: node.y + NODE_HEIGHT / 2 - canvas.clientHeight / 2 / scale,
        scale
      };
    }
    props.onSelect(node);
  };
  const step = (key: string): void => {
    const node = selected === null ? undefined : nodes[selected];
    if (!node) {
      if (nodes.length) {
        select(nodes[0]);
      }
      return;
    }
    const next = { ArrowLeft: node.upstream[0], ArrowRight: node.downstream[0] }[key] ?? neighbour(nodes, node, key);
    select(nodes[next] ?? node);
  };
  const chosen = selected === null ? undefined : nodes[selected];

  return (
    <div className="cm-picture">
      <canvas
        ref={element}
        className="cm-canvas"
        tabIndex={0}
        role="application"
        aria-roledescription={trans.__('graph')}
        aria-label={trans.__('Lineage of %1 assets%2. Arrow keys move along the graph, Enter opens what is selected.', nodes.length, chosen ? `; ${chosen.key} is selected, ${chosen.state.toLowerCase()}` : '')}
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
          } else if (view.current) {
            const { offsetX, offsetY } = event.nativeEvent;
            const under = hit(nodes, view.current, offsetX, offsetY);
            event.currentTarget.title = under ? `${under.key}: ${under.state.toLowerCase()}` : '';
          }
        }}
        onPointerUp={event => {
          const clicked = drag.current && !drag.current.moved;
          drag.current = null;
          if (clicked && view.current) {
            const { offsetX, offsetY } = event.nativeEvent;
            props.onSelect(hit(nodes, view.current, offsetX, offsetY));
          }
        }}
        onDoubleClick={() => chosen && props.onOpen(chosen)}
        onKeyDown={event => {
          if (event.key.startsWith('Arrow')) {
            event.preventDefault();
            step(event.key);
          } else if (event.key === 'Enter' && chosen) {
            props.onOpen(chosen);
          } else if (event.key === 'Escape') {
            props.onSelect(null);
          } else if (event.key === '0') {
            whole();
          } else if (event.key === '+' || event.key === '-') {
            magnify(event.key === '+' ? 1.25 : 0.8);
          }
        }}
      />
      {nodes.length > MINIMAP_ABOVE && (
        <canvas
          ref={corner}
          className="cm-minimap"
          aria-hidden="true"
          width={MINIMAP.width}
          height={MINIMAP.height}
          onPointerDown={event => {
            const canvas = element.current;
            if (canvas && view.current) {
              const small = fit(nodes, MINIMAP.width, MINIMAP.height);
              const { scale } = view.current;
              moved.current = true;
              view.current = {
                x: small.x + event.nativeEvent.offsetX / small.scale - canvas.clientWidth / 2 / scale,
                y: small.y + event.nativeEvent.offsetY / small.scale - canvas.clientHeight / 2 / scale,
                scale
              };
              draw();
            }
          }}
        />
      )}
    </div>
  );
});

/** The overview in the corner, with a frame around what is in sight. */
function paintCorner(
  corner: HTMLCanvasElement | null,
  kept: React.MutableRefObject<HTMLCanvasElement | null>,
  nodes: readonly INode[],
  view: IView,
  size: ISize,
  colours: IColours
): void {
  const context = corner?.getContext('2d');
  if (!corner || !context) {
    return;
  }
  const small = fit(nodes, MINIMAP.width, MINIMAP.height);
  if (!kept.current) {
    kept.current = document.createElement('canvas');
    kept.current.width = MINIMAP.width;
    kept.current.height = MINIMAP.height;
    const dots = kept.current.getContext('2d');
    if (dots) {
      dots.fillStyle = colours.node;
      dots.fillRect(0, 0, MINIMAP.width, MINIMAP.height);
      for (const node of nodes) {
        dots.fillStyle = colours.states[node.state];
        const [x, y] = [(node.x - small.x) * small.scale, (node.y - small.y) * small.scale];
        dots.fillRect(x, y, Math.max(1, NODE_WIDTH * small.scale), Math.max(1, NODE_HEIGHT * small.scale));
      }
    }
  }
  context.drawImage(kept.current, 0, 0);
  context.strokeStyle = colours.focus;
  context.lineWidth = 2;
  context.strokeRect(
    (view.x - small.x) * small.scale,
    (view.y - small.y) * small.scale,
    (size.width / view.scale) * small.scale,
    (size.height / view.scale) * small.scale
  );
}

function savePng(nodes: readonly INode[], colours: IColours): void {
  const { left, top, right, bottom } = bounds(nodes);
  const scale = Math.min(2, EXPORT_MAX / (right - left + 48), EXPORT_MAX / (bottom - top + 48));
  const size = { width: (right - left + 48) * scale, height: (bottom - top + 48) * scale };
  const canvas = document.createElement('canvas');
  canvas.width = Math.ceil(size.width);
  canvas.height = Math.ceil(size.height);
  const context = canvas.getContext('2d');
  if (context && nodes.length) {
    paint(context, nodes, { x: left - 24, y: top - 24, scale }, size, colours, { selected: null, lit: null });
    canvas.toBlob(found => found && save(found, 'lineage.png'));
  }
}

/** Have the browser save a file. */
export function save(content: Blob, name: string): void {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(content);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

function isInside(node: INode, view: IView, canvas: HTMLElement): boolean {
  const x = (node.x - view.x) * view.scale;
  const y = (node.y - view.y) * view.scale;
  return (
    x >= 0 &&
    y >= 0 &&
    x + NODE_WIDTH * view.scale <= canvas.clientWidth &&
    y + NODE_HEIGHT * view.scale <= canvas.clientHeight
  );
}

/** The next node of the same column, for the up and down keys. */
function neighbour(nodes: readonly INode[], node: INode, key: string): number {
  const column = nodes.filter(other => other.x === node.x).sort((a, b) => a.y - b.y);
  const at = column.indexOf(node) + (key === 'ArrowDown' ? 1 : key === 'ArrowUp' ? -1 : 0);
  return (column[at] ?? node).index;
}

/** The colours of the theme that is on now. */
export function coloursOf(element: HTMLElement): IColours {
  const style = getComputedStyle(element);
  const value = (name: string, otherwise: string) => style.getPropertyValue(name).trim() || otherwise;
  return {
    text: value('--jp-ui-font-color1', '#222'),
    background: value('--jp-layout-color0', '#fff'),
    node: value('--jp-layout-color1', '#fff'),
    edge: value('--cm-edge', '#888'),
    focus: value('--jp-brand-color1', '#1976d2'),
    font: style.fontFamily || 'sans-serif',
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
