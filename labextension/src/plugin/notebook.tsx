import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { Dialog, ReactWidget, showDialog, ToolbarButton } from '@jupyterlab/apputils';
import { INotebookTracker, NotebookActions, NotebookPanel } from '@jupyterlab/notebook';

import { ICellState, IScheduled, parametersOf } from '../model/cells';
import { reach } from '../model/graph';
import { trans } from '../text';
import { ICellmill } from '../tokens';
import { CellBadges } from './badges';
import { explainNames, wordAt } from './hover';
import { cellmillIcon } from './icon';

/** Badges beside asset cells with their menus, and the toolbar's button for schedules. */
export const notebookPlugin: JupyterFrontEndPlugin<void> = {
  id: 'cellmill-lab:notebook',
  description: 'States of asset cells in notebooks, and schedules written into them.',
  autoStart: true,
  requires: [ICellmill, INotebookTracker],
  activate: (app: JupyterFrontEnd, cellmill: ICellmill, tracker: INotebookTracker): void => {
    const badges = new Map<string, CellBadges>();
    addCommands(app, cellmill, tracker, badges);
    tracker.widgetAdded.connect((_, panel) => {
      const mine = new CellBadges(panel, cellmill.catalogue, app.commands);
      badges.set(panel.id, mine);
      panel.disposed.connect(() => badges.delete(panel.id));
      explainNames(panel, cellmill.catalogue, cellmill.navigator);
      takeDrops(panel);
      const button = new ToolbarButton({
        icon: cellmillIcon,
        tooltip: trans.__('Schedule this notebook'),
        onClick: () => void schedule(panel, cellmill, mine)
      });
      panel.toolbar.insertBefore('spacer', 'cellmill-schedule', button);
    });
  }
};

function addCommands(
  app: JupyterFrontEnd,
  cellmill: ICellmill,
  tracker: INotebookTracker,
  badges: ReadonlyMap<string, CellBadges>
): void {
  const { catalogue, navigator } = cellmill;
  const keysOf = (args: unknown) => (args as { keys?: string[] }).keys ?? [];
  const make = async (keys: string[]) => {
    const context = tracker.currentWidget?.context;
    try {
      if (context?.model.dirty) {
        await context.save();
      }
      const runId = await catalogue.materialize(keys);
      navigator.notify(trans.__('Materializing %1 in run %2', keys.join(', '), runId.slice(0, 8)), 'info', runId);
    } catch (problem) {
      navigator.notify(problem instanceof Error ? problem.message : String(problem), 'error');
    }
  };
  app.commands.addCommand('cellmill:materialize', {
    label: args => trans.__('Materialize %1', keysOf(args).join(', ')),
    execute: args => make(keysOf(args))
  });
  app.commands.addCommand('cellmill:materialize-stale-upstream', {
    label: trans.__('Materialize, Stale Upstream First'),
    execute: args => {
      const found = new Set<string>();
      for (const key of keysOf(args)) {
        const asset = catalogue.find(key);
        for (const index of asset ? reach(catalogue.assets, asset.index, 'upstream') : []) {
          const above = catalogue.assets[index];
          if (above.state !== 'FRESH' && above.state !== 'EXTERNAL') {
            found.add(above.key);
          }
        }
        found.add(key);
      }
      return make([...found]);
    }
  });
  app.commands.addCommand('cellmill:show-in-lineage', {
    label: trans.__('Show in Lineage'),
    execute: args => navigator.openLineage(keysOf(args)[0])
  });
  app.commands.addCommand('cellmill:go-to-cell', {
    label: trans.__('Go to the Cell That Makes This Asset'),
    isEnabled: () => nameAtCursor(tracker) !== '',
    execute: () => {
      const asset = catalogue.find(nameAtCursor(tracker));
      if (asset?.notebook) {
        navigator.openCell?.(asset.notebook, asset.cellId || null);
      } else {
        navigator.notify(trans.__('No cell makes an asset %1.', nameAtCursor(tracker)), 'error');
      }
    }
  });
  app.commands.addKeyBinding({
    command: 'cellmill:go-to-cell',
    keys: ['Alt F12'],
    selector: '.jp-Notebook.jp-mod-editMode'
  });
  app.contextMenu.addItem({ command: 'cellmill:go-to-cell', selector: '.jp-Notebook .jp-CodeCell', rank: 60 });
  app.commands.addCommand('cellmill:show-history', {
    label: trans.__('Show History, Details and Differences'),
    execute: args => navigator.openAsset(keysOf(args)[0])
  });
  app.commands.addCommand('cellmill:diff-with-last', {
    label: trans.__('Diff With What Was Last Made'),
    execute: args => {
      const panel = tracker.currentWidget;
      const cellId = (args as { cellId?: string }).cellId ?? panel?.content.activeCell?.model.id ?? '';
      const state = panel && badges.get(panel.id)?.states.get(cellId);
      return panel && state ? showDifference(panel, cellmill, cellId, state) : undefined;
    }
  });
}

/** The name under the cursor of the active cell. */
function nameAtCursor(tracker: INotebookTracker): string {
  const editor = tracker.activeCell?.editor;
  if (!editor) {
    return '';
  }
  const { line, column } = editor.getCursorPosition();
  return wordAt(editor.getLine(line) ?? '', column);
}

/** An asset that is dropped between cells becomes a cell that loads it; the editors take text by themselves. */
function takeDrops(panel: NotebookPanel): void {
  const { node } = panel.content;
  const isOurs = (event: DragEvent) =>
    event.dataTransfer?.types.includes('text/plain') && !(event.target as HTMLElement).closest('.cm-content');
  node.addEventListener('dragover', event => {
    if (isOurs(event)) {
      event.preventDefault();
    }
  });
  node.addEventListener('drop', event => {
    const text = event.dataTransfer?.getData('text/plain') ?? '';
    if (isOurs(event) && text.startsWith('%load_asset ')) {
      event.preventDefault();
      NotebookActions.insertBelow(panel.content);
      panel.content.activeCell?.model.sharedModel.setSource(text);
    }
  });
}

/** Ask when to run what, and write the declaration: a line at the end of the notebook, or an entry of its metadata. */
async function schedule(panel: NotebookPanel, cellmill: ICellmill, badges: CellBadges): Promise<void> {
  const { ScheduleForm } = await import('../view/schedule');
  let found: IScheduled | null = null;
  const active = badges.states.get(panel.content.activeCell?.model.id ?? '');
  const cells = [...(panel.content.model?.cells ?? [])];
  const parameters = cells.find(cell => ((cell.getMetadata('tags') as string[] | undefined) ?? []).includes('parameters'));
  const body = ReactWidget.create(
    <ScheduleForm
      client={cellmill.catalogue.client}
      selection={(active?.keys ?? ends(badges)).map(key => `*${key}`).join(' or ')}
      parameters={parametersOf(parameters?.sharedModel.getSource() ?? '')}
      onSchedule={schedule => (found = schedule)}
    />
  );
  body.addClass('cm-root');
  const answer = await showDialog({
    title: trans.__('Schedule this notebook'),
    body,
    buttons: [Dialog.cancelButton(), Dialog.okButton({ label: trans.__('Add schedule') })]
  });
  if (!answer.button.accept) {
    return;
  }
  if (found === null) {
    cellmill.navigator.notify(trans.__('Nothing was added: the form was not complete.'), 'error');
    return;
  }
  write(panel, found);
  await panel.context.save();
  const where = 'line' in found ? trans.__('The schedule is in the last cell.') : trans.__("The schedule is in the notebook's metadata.");
  cellmill.navigator.notify(`${where} ${trans.__('Switch it on under Automation.')}`, 'success');
}

function write(panel: NotebookPanel, found: IScheduled): void {
  if ('entry' in found) {
    const model = panel.content.model;
    const own = (model?.getMetadata('cellmill') ?? {}) as { schedules?: object[] };
    model?.setMetadata('cellmill', { ...own, schedules: [...(own.schedules ?? []), found.entry] });
    return;
  }
  panel.content.activeCellIndex = panel.content.widgets.length - 1;
  NotebookActions.insertBelow(panel.content);
  panel.content.activeCell?.model.sharedModel.setSource(found.line);
}

/** Show how a cell as it is edited now differs from what last made its asset. */
async function showDifference(panel: NotebookPanel, cellmill: ICellmill, cellId: string, state: ICellState): Promise<void> {
  const { CellDiff } = await import('../view/diff');
  const cell = panel.content.widgets.find(one => one.model.id === cellId);
  const [assetKey] = state.keys;
  const body = ReactWidget.create(
    <CellDiff
      client={cellmill.catalogue.client}
      assetKey={assetKey}
      cellId={cellId}
      source={cell?.model.sharedModel.getSource() ?? ''}
      reason={state.reason}
    />
  );
  body.addClass('cm-root');
  const compare = Dialog.okButton({ label: trans.__('Compare materializations') });
  const { button } = await showDialog({
    title: trans.__('%1 now, and when it was last made', assetKey),
    body,
    buttons: [compare, Dialog.cancelButton({ label: trans.__('Close') })],
    defaultButton: 1
  });
  if (button.label === compare.label) {
    cellmill.navigator.openAsset(assetKey, 'compare');
  }
}

/** The assets of the notebook that no other of its assets is made from. */
function ends(badges: CellBadges): string[] {
  const all = [...badges.states.values()];
  const used = new Set(all.flatMap(cell => cell.upstream));
  return all.flatMap(cell => cell.keys).filter(key => !used.has(key));
}
