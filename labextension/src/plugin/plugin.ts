import { ILayoutRestorer, JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { ICommandPalette, WidgetTracker } from '@jupyterlab/apputils';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';

import { Client } from '../client';
import { CatalogueModel } from '../model/catalogue';
import { announceEnds } from '../model/ends';
import { speak, trans } from '../text';
import { ICellmill } from '../tokens';
import type { IScreen } from '../view/parts';
import { cellmillIcon } from './icon';
import { CatalogueWidget, LabNavigator, ScreenWidget } from './screens';
import { LabTransport } from './transport';

const commands = (): [string, string, IScreen['screen']][] => [
  ['cellmill:open-lineage', trans.__('Show Lineage'), 'lineage'],
  ['cellmill:open-runs', trans.__('Show Runs'), 'runs'],
  ['cellmill:open-launchpad', trans.__('Show Launchpad'), 'launchpad'],
  ['cellmill:open-backfills', trans.__('Show Backfills'), 'backfills'],
  ['cellmill:open-automation', trans.__('Show Schedules and Sensors'), 'automation'],
  ['cellmill:open-deployment', trans.__('Show Deployment'), 'deployment']
];

/** Wires the screens into JupyterLab: sidebar, tabs, commands, restored layout. */
export const plugin: JupyterFrontEndPlugin<ICellmill> = {
  id: 'cellmill-lab:plugin',
  description: 'Assets, lineage, runs and automation of cellmill.',
  autoStart: true,
  provides: ICellmill,
  optional: [ITranslator, ILayoutRestorer, ICommandPalette],
  activate: (
    app: JupyterFrontEnd,
    translator: ITranslator | null,
    restorer: ILayoutRestorer | null,
    palette: ICommandPalette | null
  ): ICellmill => {
    speak((translator ?? nullTranslator).load('cellmill_lab'));
    const catalogue = new CatalogueModel(new Client(new LabTransport(app.serviceManager.serverSettings)));
    const tracker = new WidgetTracker<ScreenWidget>({ namespace: 'cellmill' });
    const navigator = new LabNavigator(app, catalogue, widget => void tracker.add(widget));

    app.commands.addCommand('cellmill:open-screen', {
      label: args => ((args as unknown as IScreen).screen === 'run' ? trans.__('Show Its Run') : trans.__('Show a Screen of cellmill')),
      execute: args => navigator.open(args as unknown as IScreen)
    });
    for (const [command, label, screen] of commands()) {
      app.commands.addCommand(command, {
        label,
        icon: cellmillIcon,
        execute: () => void navigator.open({ screen, what: '' })
      });
      palette?.addItem({ command, category: 'cellmill' });
    }

    const sidebar = new CatalogueWidget(app.shell, catalogue, navigator);
    app.shell.add(sidebar, 'left', { rank: 350, type: 'cellmill' });
    restorer?.add(sidebar, sidebar.id);
    void restorer?.restore(tracker as unknown as Parameters<ILayoutRestorer['restore']>[0], {
      command: 'cellmill:open-screen',
      args: widget => ({ ...(widget as ScreenWidget).cellmill }),
      name: widget => widget.id
    });
    // Nothing is asked of the server before the Lab is on the screen.
    void app.restored.then(() => {
      announceEnds(catalogue.client, navigator);
      return catalogue.start();
    });
    return { catalogue, navigator };
  }
};
