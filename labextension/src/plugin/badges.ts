import type { Cell, ICodeCellModel } from '@jupyterlab/cells';
import type { NotebookPanel } from '@jupyterlab/notebook';
import type { CommandRegistry } from '@lumino/commands';
import type { IDisposable } from '@lumino/disposable';
import { Signal } from '@lumino/signaling';
import { Menu } from '@lumino/widgets';

import { badgeWord, ICell, ICellState, loadCellStates, mayHaveAssets, progressOf } from '../model/cells';
import type { CatalogueModel } from '../model/catalogue';
import { stateWord } from '../model/graph';
import { trans } from '../text';

/** Milliseconds of quiet before the edited document is read. */
const QUIET_MS = 350;
/** Milliseconds between two looks at what is running. */
const RUNNING_MS = 1000;

/** A badge beside each asset cell of one notebook: its state, of the document as it is edited now. */
export class CellBadges implements IDisposable {
  constructor(
    private _panel: NotebookPanel,
    private _model: CatalogueModel,
    private _commands: CommandRegistry
  ) {
    const notebook = _panel.content;
    notebook.modelContentChanged.connect(this._later, this);
    notebook.cellInViewportChanged.connect(this._paint, this);
    _panel.context.saveState.connect(this._later, this);
    _model.changed.connect(this._later, this);
    _model.stateChanged.connect(this._later, this);
    _panel.disposed.connect(() => this.dispose());
    void _panel.context.ready.then(() => this._later());
  }

  get isDisposed(): boolean {
    return this._disposed;
  }

  dispose(): void {
    this._disposed = true;
    clearTimeout(this._timer);
    clearTimeout(this._clock);
    Signal.clearData(this);
  }

  /** What is known of each asset cell, by its id. */
  get states(): ReadonlyMap<string, ICellState> {
    return this._states;
  }

  private _later(): void {
    clearTimeout(this._timer);
    if (!this._disposed) {
      this._timer = setTimeout(() => void this._read(), QUIET_MS);
    }
  }

  private async _read(): Promise<void> {
    const cells = this._cells();
    if (!mayHaveAssets(cells)) {
      this._states = new Map();
    } else {
      try {
        const found = await loadCellStates(this._model.client, this._model.toWorkspace(this._panel.context.localPath), cells);
        this._states = new Map(found.map(one => [one.cellId, one]));
      } catch {
        // the server is away for a moment; its next message brings the states
        return;
      }
    }
    if (this._disposed) {
      return;
    }
    this._paint();
    clearTimeout(this._clock);
    if ([...this._states.values()].some(one => one.state === 'RUNNING')) {
      // the seconds of what runs go on, and its next asset may be made
      this._clock = setTimeout(() => void this._read(), RUNNING_MS);
    }
  }

  private _cells(): ICell[] {
    const found: ICell[] = [];
    for (const cell of this._panel.content.model?.cells ?? []) {
      if (cell.type === 'code') {
        found.push({ id: cell.id, source: (cell as ICodeCellModel).sharedModel.getSource() });
      }
    }
    return found;
  }

  private _paint(): void {
    for (const cell of this._panel.content.widgets) {
      const state = this._states.get(cell.model.id);
      const old = cell.node.querySelector<HTMLButtonElement>(':scope .cm-badge');
      if (!state) {
        old?.remove();
      } else if (cell.inputArea) {
        this._show(old ?? this._create(cell), state);
      }
    }
  }

  private _create(cell: Cell): HTMLButtonElement {
    const badge = document.createElement('button');
    badge.type = 'button';
    badge.setAttribute('aria-haspopup', 'menu');
    badge.addEventListener('click', event => {
      event.stopPropagation();
      this._menu(cell.model.id, badge);
    });
    cell.inputArea?.node.append(badge);
    return badge;
  }

  private _show(badge: HTMLButtonElement, state: ICellState): void {
    const word = badgeWord(state);
    const edited = state.edited ? trans.__('This cell, or what it uses, is edited and not saved.') : '';
    const made = state.progress ? trans.__('%1 of %2 assets of its run are made.', state.progress.made, state.progress.planned) : '';
    const is = trans.__('%1 is %2.', state.keys.join(', '), state.state === 'RUNNING' ? stateWord(state.state) : word);
    const why = [is, edited, state.reason, made].filter(Boolean).join(' ');
    if (badge.title === why && badge.textContent === word) {
      return;
    }
    badge.className = `cm-badge cm-state cm-state-${state.state.toLowerCase()}`;
    badge.dataset.state = state.state;
    badge.dataset.edited = String(state.edited);
    const progress = progressOf(state);
    badge.style.setProperty('--cm-progress', progress === null ? '0' : `${Math.round(progress * 100)}%`);
    badge.dataset.progress = progress === null ? '' : String(progress);
    badge.title = why;
    badge.setAttribute('aria-label', why);
    const dot = document.createElement('span');
    dot.className = 'cm-dot';
    badge.replaceChildren(dot, word);
  }

  private _menu(cellId: string, badge: HTMLElement): void {
    const state = this._states.get(cellId);
    if (!state) {
      return;
    }
    const menu = new Menu({ commands: this._commands });
    const args = { keys: state.keys, upstream: state.upstream };
    menu.addItem({ command: 'cellmill:materialize', args });
    menu.addItem({ command: 'cellmill:materialize-stale-upstream', args });
    menu.addItem({ type: 'separator' });
    menu.addItem({ command: 'cellmill:show-in-lineage', args });
    menu.addItem({ command: 'cellmill:show-history', args });
    menu.addItem({ command: 'cellmill:diff-with-last', args: { ...args, cellId } });
    if (state.progress) {
      menu.addItem({ command: 'cellmill:open-screen', args: { screen: 'run', what: state.progress.runId } });
    }
    const { left, bottom } = badge.getBoundingClientRect();
    menu.open(left, bottom);
  }

  private _states: Map<string, ICellState> = new Map();
  private _timer: ReturnType<typeof setTimeout> | undefined;
  private _clock: ReturnType<typeof setTimeout> | undefined;
  private _disposed = false;
}
