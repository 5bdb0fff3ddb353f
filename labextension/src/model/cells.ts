/** What the asset cells of an open notebook mean, and the schedules that can be written into it. */

import { Client } from '../client';
import { trans } from '../text';
import { AssetState, stateWord } from './graph';
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
  /** How far the run is that is making it. */
  progress: { runId: string; startedAt: number | null; made: number; planned: number } | null;
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

/** The word on a cell's badge: while a run makes it, how many of the run's assets are made, or for how long it has run. */
export function badgeWord(cell: ICellState, nowSeconds = Date.now() / 1000): string {
  const { progress } = cell;
  if (cell.state === 'RUNNING' && progress) {
    const seconds = progress.startedAt === null ? null : Math.max(0, Math.round(nowSeconds - progress.startedAt));
    if (progress.planned > 1) {
      return `${progress.made}/${progress.planned}`;
    }
    return seconds === null ? trans.__('queued') : trans.__('%1 s', seconds);
  }
  return cell.edited && cell.state === 'FRESH' ? trans.__('edited') : stateWord(cell.state);
}

/** How far the run is that makes a cell's asset, between 0 and 1; null where none runs. */
export const progressOf = (cell: ICellState): number | null =>
  cell.state === 'RUNNING' && cell.progress ? cell.progress.made / Math.max(1, cell.progress.planned) : null;

/** A schedule as the form leaves it: a line of a cell, or an entry of the notebook's own metadata. */
export type IScheduled = { line: string } | { entry: Record<string, unknown> };

/** The entry of a notebook's metadata that runs all of it, with papermill's parameters. */
export function scheduleEntry(cron: string, timezone: string, name: string, parameters: unknown): Record<string, unknown> {
  return {
    cron: cron.trim(),
    ...(timezone && timezone !== 'UTC' ? { timezone } : {}),
    ...(name.trim() ? { name: name.trim() } : {}),
    ...(parameters ? { parameters } : {})
  };
}

/** The names that a cell of parameters binds, with what is written behind each. */
export function parametersOf(source: string): [string, string][] {
  return [...source.matchAll(/^([A-Za-z_]\w*)\s*(?::[^=\n]+)?=\s*([^#\n]+)/gm)].map(([, name, value]) => [name, value.trim()]);
}

/** The line that declares a schedule. */
export function scheduleLine(cron: string, selection: string, timezone: string, name: string): string {
  const chosen = /\s/.test(selection.trim()) ? `"${selection.trim().replace(/"/g, '\\"')}"` : selection.trim();
  const zone = timezone && timezone !== 'UTC' ? ` --timezone ${timezone}` : '';
  return `%schedule "${cron.trim()}" ${chosen}${zone}${name.trim() ? ` --name ${name.trim()}` : ''}`;
}
