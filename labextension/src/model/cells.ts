/** What the asset cells of an open notebook mean, and the schedules that can be written into it. */

import { Client } from '../client';
import type { AssetState } from './graph';
import { CRON_PREVIEW, NOTEBOOK_CELLS } from './queries';

export interface ICell {
  id: string;
  source: string;
}

export interface ICellState {
  cellId: string;
  keys: string[];
  state: AssetState;
  reason: string;
  edited: boolean;
  upstream: string[];
  materializedAt: number | null;
}

export interface ICronPreview {
  words: string;
  next: number[];
  problem: string | null;
}

/** Whether the text could hold an asset; cheap, so that plain notebooks cost nothing. */
export const mayHaveAssets = (cells: readonly ICell[]): boolean =>
  cells.some(cell => /^\s*(%%|#\s*\|\s*|@)(multi_)?asset\b/m.test(cell.source));

export async function loadCellStates(client: Client, path: string, cells: ICell[]): Promise<ICellState[]> {
  return (await client.request<{ notebookCells: ICellState[] }>(NOTEBOOK_CELLS, { path, cells })).notebookCells;
}

export async function previewCron(client: Client, cron: string, timezone: string): Promise<ICronPreview> {
  return (await client.request<{ cronPreview: ICronPreview }>(CRON_PREVIEW, { cron, timezone })).cronPreview;
}

/** The word on a cell's badge. */
export function badgeWord(cell: ICellState): string {
  return cell.edited && cell.state === 'FRESH' ? 'edited' : cell.state.toLowerCase();
}

/** The line that declares a schedule. */
export function scheduleLine(cron: string, selection: string, timezone: string, name: string): string {
  const chosen = /\s/.test(selection.trim()) ? `"${selection.trim().replace(/"/g, '\\"')}"` : selection.trim();
  const zone = timezone && timezone !== 'UTC' ? ` --timezone ${timezone}` : '';
  return `%schedule "${cron.trim()}" ${chosen}${zone}${name.trim() ? ` --name ${name.trim()}` : ''}`;
}
