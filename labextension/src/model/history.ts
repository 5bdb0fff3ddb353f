/** What changed from one materialization of an asset to the next, and what their cells said and showed. */

import { Client } from '../client';
import { IMaterialization, IMetadataEntry, ITableSchema, loadNotebookNames } from './runs';

export interface IColumnChange {
  kind: 'added' | 'removed' | 'retyped';
  name: string;
  /** Its type; of a retyped one, both. */
  type: string;
}

/** What differs between two schemas, in the order of the newer one. */
export function schemaChanges(before: ITableSchema | undefined, after: ITableSchema | undefined): IColumnChange[] {
  if (!before || !after) {
    return [];
  }
  const old = new Map(before.columns.map(column => [column.name, column.type]));
  const now = new Set(after.columns.map(column => column.name));
  const changed = after.columns.flatMap<IColumnChange>(({ name, type }) => {
    const was = old.get(name);
    if (was === undefined) {
      return [{ kind: 'added', name, type }];
    }
    return was === type ? [] : [{ kind: 'retyped', name, type: `${was} → ${type}` }];
  });
  const gone = before.columns.filter(({ name }) => !now.has(name));
  return [...changed, ...gone.map<IColumnChange>(({ name, type }) => ({ kind: 'removed', name, type }))];
}

/** The columns that a materialization recorded, if it did. */
export const schemaOf = (item: IMaterialization): ITableSchema | undefined =>
  item.metadataEntries.find(entry => entry.schema)?.schema ?? item.metadataEntries.find(entry => entry.table)?.table?.schema;

export interface IVersion {
  item: IMaterialization;
  columns: IColumnChange[];
  /** Whether its code is not that of the materialization before. */
  codeChanged: boolean;
  rows: number | null;
}

/** The materializations, newest first, each with what it changed against the one before it of the same partition. */
export function versions(items: readonly IMaterialization[]): IVersion[] {
  return items.map((item, i) => {
    const before = items.slice(i + 1).find(one => one.partition === item.partition);
    return {
      item,
      columns: before ? schemaChanges(schemaOf(before), schemaOf(item)) : [],
      codeChanged: Boolean(before?.codeVersion && item.codeVersion && before.codeVersion !== item.codeVersion),
      rows: rowsOf(item.metadataEntries)
    };
  });
}

/** The row count that the IO manager recorded. */
export function rowsOf(entries: readonly IMetadataEntry[]): number | null {
  const entry = entries.find(one => /(^|\/)row_count$|^rows$/.test(one.label));
  return entry?.intRepr === undefined ? null : Number(entry.intRepr);
}

/** The address of the notebook that a run executed, and of the outputs of one of its cells; null where none is kept. */
export async function executedAt(client: Client, runId: string, cellId: string): Promise<{ notebook: string; output: string } | null> {
  const [name] = runId ? await loadNotebookNames(client, runId) : [];
  if (!name) {
    return null;
  }
  const file = name.split('/').map(encodeURIComponent).join('/');
  const run = `cellmill/runs/${runId}`;
  return {
    notebook: client.transport.url(`${run}/notebook/${file}?download=1`),
    output: client.transport.url(`${run}/cells/${encodeURIComponent(cellId)}/${file}`)
  };
}

/** Where the outputs of a cell in a run are; empty where there are none. */
export async function findOutput(client: Client, runId: string, cellId: string): Promise<string> {
  const where = await executedAt(client, runId, cellId);
  return where && (await fetch(where.output, { credentials: 'same-origin' })).ok ? where.output : '';
}

/** The source of a cell as a run executed it; null where it is not kept. */
export async function loadCode(client: Client, runId: string, cellId: string): Promise<string | null> {
  const where = await executedAt(client, runId, cellId);
  const answer = where && (await fetch(where.notebook, { credentials: 'same-origin' }));
  if (!answer?.ok) {
    return null;
  }
  const notebook = (await answer.json()) as { cells: { id?: string; source: string | string[] }[] };
  const cell = notebook.cells.find(one => one.id === cellId);
  return cell ? [cell.source].flat().join('') : null;
}

export interface ILine {
  sign: ' ' | '+' | '−';
  text: string;
}

/** The lines of two texts: those that only one has are signed; as few as can be. */
export function lineDiff(before: string, after: string): ILine[] {
  const [a, b] = [before.split('\n'), after.split('\n')];
  const common = a.map(() => new Uint16Array(b.length + 1));
  common.push(new Uint16Array(b.length + 1));
  for (let i = a.length - 1; i >= 0; i--) {
    for (let j = b.length - 1; j >= 0; j--) {
      common[i][j] = a[i] === b[j] ? common[i + 1][j + 1] + 1 : Math.max(common[i + 1][j], common[i][j + 1]);
    }
  }
  const lines: ILine[] = [];
  let [i, j] = [0, 0];
  while (i < a.length || j < b.length) {
    if (i < a.length && j < b.length && a[i] === b[j]) {
      lines.push({ sign: ' ', text: a[i++] });
      j++;
    } else if (j >= b.length || (i < a.length && common[i + 1][j] >= common[i][j + 1])) {
      lines.push({ sign: '−', text: a[i++] });
    } else {
      lines.push({ sign: '+', text: b[j++] });
    }
  }
  return lines;
}
