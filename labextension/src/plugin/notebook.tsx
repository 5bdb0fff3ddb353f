import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { Dialog, ReactWidget, showDialog, ToolbarButton } from '@jupyterlab/apputils';
import { INotebookTracker, NotebookActions, NotebookPanel } from '@jupyterlab/notebook';

import { reach } from '../model/graph';
import { ICellmill } from '../tokens';
import { ScheduleForm } from '../view/schedule';
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
    addCommands(app, cellmill, tracker);
    tracker.widgetAdded.connect((_, panel) => {
      const mine = new CellBadges(panel, cellmill.catalogue, app.commands);
      badges.set(panel.id, mine);
      panel.disposed.connect(() => badges.delete(panel.id));
      explainNames(panel, cellmill.catalogue, cellmill.navigator);
      takeDrops(panel);
      const button = new ToolbarButton({
        icon: cellmillIcon,
        tooltip: 'Schedule this notebook',
        onClick: () => void schedule(panel, cellmill, mine)
      });
      panel.toolbar.insertBefore('spacer', 'cellmill-schedule', button);
    });
  }
};

function addCommands(app: JupyterFrontEnd, cellmill: ICellmill, tracker: INotebookTracker): void {
  const { catalogue, navigator } = cellmill;
  const keysOf = (args: unknown) => (args as { keys?: string[] }).keys ?? [];
  const make = async (keys: string[]) => {
    const context = tracker.currentWidget?.context;
    try {
      if (context?.model.dirty) {
        await context.save();
      }
      const runId = await catalogue.materialize(keys);
      navigator.notify(`Materializing ${keys.join(', ')} in run ${runId.slice(0, 8)}`, 'info');
    } catch (problem) {
      navigator.notify(problem instanceof Error ? problem.message : String(problem), 'error');
    }
  };
  app.commands.addCommand('cellmill:materialize', {
    label: args => `Materialize ${keysOf(args).join(', ')}`,
    execute: args => make(keysOf(args))
  });
  app.commands.addCommand('cellmill:materialize-stale-upstream', {
    label: 'Materialize, Stale Upstream First',
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
    label: 'Show in Lineage',
    execute: args => navigator.openLineage(keysOf(args)[0])
  });
  app.commands.addCommand('cellmill:go-to-cell', {
    label: 'Go to the Cell That Makes This Asset',
    isEnabled: () => nameAtCursor(tracker) !== '',
    execute: () => {
      const asset = catalogue.find(nameAtCursor(tracker));
      if (asset?.notebook) {
        navigator.openCell?.(asset.notebook, asset.cellId || null);
      } else {
        navigator.notify(`No cell makes an asset ${nameAtCursor(tracker)}.`, 'error');
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
    label: 'Show History, Details and Differences',
    execute: args => navigator.openAsset(keysOf(args)[0])
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

/** Ask when to make what, and write the declaration at the end of the notebook. */
async function schedule(panel: NotebookPanel, cellmill: ICellmill, badges: CellBadges): Promise<void> {
  let line: string | null = null;
  const active = badges.states.get(panel.content.activeCell?.model.id ?? '');
  const body = ReactWidget.create(
    <ScheduleForm
      client={cellmill.catalogue.client}
      selection={(active?.keys ?? ends(badges)).map(key => `*${key}`).join(' or ')}
      onLine={found => (line = found)}
    />
  );
  body.addClass('cm-root');
  const answer = await showDialog({
    title: 'Schedule this notebook',
    body,
    buttons: [Dialog.cancelButton(), Dialog.okButton({ label: 'Add schedule' })]
  });
  if (!answer.button.accept) {
    return;
  }
  if (line === null) {
    cellmill.navigator.notify('Nothing was added: the form was not complete.', 'error');
    return;
  }
  panel.content.activeCellIndex = panel.content.widgets.length - 1;
  NotebookActions.insertBelow(panel.content);
  panel.content.activeCell?.model.sharedModel.setSource(line);
  await panel.context.save();
  cellmill.navigator.notify('The schedule is in the last cell. Switch it on under Automation.', 'success');
}

/** The assets of the notebook that no other of its assets is made from. */
function ends(badges: CellBadges): string[] {
  const all = [...badges.states.values()];
  const used = new Set(all.flatMap(cell => cell.upstream));
  return all.flatMap(cell => cell.keys).filter(key => !used.has(key));
}
