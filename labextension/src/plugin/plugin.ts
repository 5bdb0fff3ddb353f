import { ILayoutRestorer, JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { ICommandPalette, WidgetTracker } from '@jupyterlab/apputils';

import { Client } from '../client';
import { CatalogueModel } from '../model/catalogue';
import { ICellmill } from '../tokens';
import { cellmillIcon } from './icon';
import { catalogueWidget, IScreen, LabNavigator, ScreenWidget } from './screens';
import { LabTransport } from './transport';

const COMMANDS: [string, string, IScreen['screen']][] = [
  ['cellmill:open-lineage', 'Show Lineage', 'lineage'],
  ['cellmill:open-runs', 'Show Runs', 'runs'],
  ['cellmill:open-launchpad', 'Show Launchpad', 'launchpad'],
  ['cellmill:open-backfills', 'Show Backfills', 'backfills'],
  ['cellmill:open-automation', 'Show Schedules and Sensors', 'automation'],
  ['cellmill:open-deployment', 'Show Deployment', 'deployment']
];

/** Wires the screens into JupyterLab: sidebar, tabs, commands, restored layout. */
export const plugin: JupyterFrontEndPlugin<ICellmill> = {
  id: 'cellmill-lab:plugin',
  description: 'Assets, lineage, runs and automation of cellmill.',
  autoStart: true,
  provides: ICellmill,
  optional: [ILayoutRestorer, ICommandPalette],
  activate: (app: JupyterFrontEnd, restorer: ILayoutRestorer | null, palette: ICommandPalette | null): ICellmill => {
    const catalogue = new CatalogueModel(new Client(new LabTransport(app.serviceManager.serverSettings)));
    const tracker = new WidgetTracker<ScreenWidget>({ namespace: 'cellmill' });
    const navigator = new LabNavigator(app, catalogue, widget => void tracker.add(widget));

    app.commands.addCommand('cellmill:open-screen', {
      label: 'Show a Screen of cellmill',
      execute: args => navigator.open(args as unknown as IScreen)
    });
    for (const [command, label, screen] of COMMANDS) {
      app.commands.addCommand(command, {
        label,
        icon: cellmillIcon,
        execute: () => void navigator.open({ screen, what: '' })
      });
      palette?.addItem({ command, category: 'cellmill' });
    }

    const sidebar = catalogueWidget(catalogue, navigator);
    app.shell.add(sidebar, 'left', { rank: 350, type: 'cellmill' });
    restorer?.add(sidebar, sidebar.id);
    void restorer?.restore(tracker as unknown as Parameters<ILayoutRestorer['restore']>[0], {
      command: 'cellmill:open-screen',
      args: widget => ({ ...(widget as ScreenWidget).cellmill }),
      name: widget => widget.id
    });
    // Nothing is asked of the server before the Lab is on the screen.
    void app.restored.then(() => catalogue.start());
    return { catalogue, navigator };
  }
};
