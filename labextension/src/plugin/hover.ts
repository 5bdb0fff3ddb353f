import type { NotebookPanel } from '@jupyterlab/notebook';

import type { CatalogueModel } from '../model/catalogue';
import { ago, count, shortValue } from '../model/format';
import type { IAsset } from '../model/graph';
import { IAssetDetails, loadAsset } from '../model/runs';
import type { INavigator } from '../view/parts';

/** Milliseconds that the pointer rests on a name before it is explained. */
const REST_MS = 450;
/** Columns and rows of the preview. */
const COLUMNS = 8;
const ROWS = 4;

/** Explains the names of assets in the code of one notebook under the pointer; Ctrl+click goes to the cell that makes one. */
export function explainNames(panel: NotebookPanel, model: CatalogueModel, navigator: INavigator): void {
  const { node } = panel.content;
  const box = document.createElement('div');
  box.className = 'cm-hover cm-root';
  box.setAttribute('role', 'tooltip');
  let timer: ReturnType<typeof setTimeout> | undefined;
  let turn = 0;
  const hide = () => {
    turn++;
    clearTimeout(timer);
    box.remove();
  };
  const show = async (asset: IAsset, x: number, y: number) => {
    const mine = turn;
    const details = await loadAsset(model.client, asset.key).catch(() => null);
    if (mine !== turn) {
      return; // the pointer has moved on
    }
    box.replaceChildren(...explained(asset, details));
    document.body.append(box);
    const { width, height } = box.getBoundingClientRect();
    box.style.left = `${Math.max(4, Math.min(x, window.innerWidth - width - 8))}px`;
    box.style.top = `${y + 18 + height > window.innerHeight ? y - height - 10 : y + 18}px`;
  };
  node.addEventListener('mousemove', event => {
    hide();
    if ((event.target as HTMLElement).closest?.('.cm-content')) {
      timer = setTimeout(() => {
        const asset = assetAt(model, event.clientX, event.clientY);
        if (asset) {
          void show(asset, event.clientX, event.clientY);
        }
      }, REST_MS);
    }
  });
  node.addEventListener('mouseleave', hide);
  node.addEventListener('keydown', hide, true);
  node.addEventListener('scroll', hide, true);
  node.addEventListener('click', event => {
    const asset = event.ctrlKey || event.metaKey ? assetAt(model, event.clientX, event.clientY) : undefined;
    if (asset?.notebook) {
      hide();
      navigator.openCell?.(asset.notebook, asset.cellId || null);
    }
  });
  panel.disposed.connect(hide);
}

/** The asset whose name is written at a point of the screen. */
function assetAt(model: CatalogueModel, x: number, y: number): IAsset | undefined {
  const range = document.caretRangeFromPoint?.(x, y);
  const text = range?.startContainer.nodeType === Node.TEXT_NODE ? range.startContainer.textContent ?? '' : '';
  return range && text ? model.find(wordAt(text, range.startOffset)) : undefined;
}

/** The word around a position of a text; the parts of a key are joined by slashes. */
export function wordAt(text: string, at: number): string {
  const before = /[\w/]*$/.exec(text.slice(0, at))?.[0] ?? '';
  const after = /^[\w/]*/.exec(text.slice(at))?.[0] ?? '';
  return before + after;
}

function explained(asset: IAsset, details: IAssetDetails | null): HTMLElement[] {
  const line = (tag: string, text: string, className = '') => {
    const element = document.createElement(tag);
    element.textContent = text;
    element.className = className;
    return element;
  };
  const word = asset.state.toLowerCase();
  const parts = [
    line('strong', asset.key),
    line('div', `${word} · ${ago(asset.materializedAt)}${asset.notebook ? ` · ${asset.notebook}` : ''}`, 'cm-when'),
    line('div', details?.description ?? asset.description)
  ];
  const entries = details?.assetMaterializations[0]?.metadataEntries ?? [];
  const rows = entries.find(entry => /(^|\/)row_count$|^rows$/.test(entry.label))?.intRepr;
  const preview = entries.find(entry => entry.table)?.table;
  const schema = preview?.schema ?? entries.find(entry => entry.schema)?.schema;
  if (schema) {
    const columns = schema.columns.slice(0, COLUMNS);
    const table = document.createElement('table');
    table.className = 'cm-table';
    const head = table.createTHead().insertRow();
    for (const column of columns) {
      const cell = document.createElement('th');
      cell.append(line('div', column.name), line('div', column.type, 'cm-type'));
      head.append(cell);
    }
    const body = table.createTBody();
    for (const record of preview?.records.slice(0, ROWS) ?? []) {
      const values = JSON.parse(record) as Record<string, unknown>;
      const row = body.insertRow();
      columns.forEach(column => (row.insertCell().textContent = shortValue(values[column.name])));
    }
    const more = schema.columns.length - columns.length;
    const size = [rows === undefined ? '' : `${count(Number(rows))} rows`, more > 0 ? `${more} more columns` : ''];
    parts.push(table, line('div', size.filter(Boolean).join(' · '), 'cm-when'));
  }
  if (asset.notebook) {
    parts.push(line('div', 'Ctrl+click goes to its cell', 'cm-when'));
  }
  return parts;
}
