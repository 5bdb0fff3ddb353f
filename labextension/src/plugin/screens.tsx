import type { JupyterFrontEnd } from '@jupyterlab/application';
import { MainAreaWidget, Notification, ReactWidget } from '@jupyterlab/apputils';

import type { NotebookPanel } from '@jupyterlab/notebook';

import type { CatalogueModel } from '../model/catalogue';
import { AssetPage } from '../view/asset';
import { Automation } from '../view/automation';
import { Backfills } from '../view/backfills';
import { Catalogue } from '../view/catalogue';
import { Deployment } from '../view/deployment';
import { Launchpad } from '../view/launchpad';
import { Lineage } from '../view/lineage';
import type { INavigator } from '../view/parts';
import { RunPage } from '../view/run';
import { Runs } from '../view/runs';
import { cellmillIcon } from './icon';

/** What a main-area tab shows: enough to open it again after a reload. */
export interface IScreen {
  screen: 'lineage' | 'asset' | 'runs' | 'run' | 'automation' | 'launchpad' | 'backfills' | 'deployment';
  what: string;
}

export type ScreenWidget = MainAreaWidget<ReactWidget> & { cellmill: IScreen };

const TITLES: Record<IScreen['screen'], (what: string) => string> = {
  lineage: () => 'Lineage',
  asset: what => what,
  runs: () => 'Runs',
  run: what => `Run ${what.slice(0, 8)}`,
  automation: () => 'Automation',
  launchpad: () => 'Launchpad',
  backfills: () => 'Backfills',
  deployment: () => 'Deployment'
};

/** Opens cellmill's screens as tabs of the main area, each at most once. */
export class LabNavigator implements INavigator {
  constructor(
    private _app: JupyterFrontEnd,
    private _model: CatalogueModel,
    private _opened: (widget: ScreenWidget) => void
  ) {}

  openAsset(key: string): void {
    this.open({ screen: 'asset', what: key });
  }

  openRun(runId: string): void {
    this.open({ screen: 'run', what: runId });
  }

  openLineage(focus?: string): void {
    this.open({ screen: 'lineage', what: focus ?? '' });
  }

  openRuns(): void {
    this.open({ screen: 'runs', what: '' });
  }

  openAutomation(): void {
    this.open({ screen: 'automation', what: '' });
  }

  openLaunchpad(selection?: string): void {
    this.open({ screen: 'launchpad', what: selection ?? '' });
  }

  openBackfills(asset?: string): void {
    this.open({ screen: 'backfills', what: asset ?? '' });
  }

  openDeployment(): void {
    this.open({ screen: 'deployment', what: '' });
  }

  openCell(path: string, cellId: string | null): void {
    void this._showCell(path, cellId).catch(problem => this.notify(problem.message, 'error'));
  }

  notify(message: string, kind: 'info' | 'error' | 'success'): void {
    Notification.emit(message, kind, { autoClose: kind === 'error' ? 10000 : 4000 });
  }

  /** The tab of a screen, new or the one that is there. */
  open(screen: IScreen): ScreenWidget {
    const id = `cellmill-${screen.screen}-${screen.screen === 'lineage' ? '' : screen.what}`;
    for (const widget of this._app.shell.widgets('main')) {
      if (widget.id === id) {
        if (screen.screen !== 'lineage' || !screen.what) {
          this._app.shell.activateById(id);
          return widget as ScreenWidget;
        }
        widget.dispose();
        break;
      }
    }
    const content = ReactWidget.create(<div className="cm-root">{this._render(screen)}</div>);
    const widget = Object.assign(new MainAreaWidget({ content }), { cellmill: screen });
    widget.id = id;
    widget.title.label = TITLES[screen.screen](screen.what);
    widget.title.icon = cellmillIcon;
    widget.title.closable = true;
    this._app.shell.add(widget, 'main');
    this._app.shell.activateById(id);
    this._opened(widget);
    return widget;
  }

  private async _showCell(path: string, cellId: string | null): Promise<void> {
    const shown = this._model.toBrowser(path);
    if (shown === null) {
      throw new Error(`${path} lies outside the folder that JupyterLab shows.`);
    }
    const panel = (await this._app.commands.execute('docmanager:open', { path: shown })) as NotebookPanel;
    await panel.context.ready;
    await panel.revealed;
    const index = panel.content.widgets.findIndex(cell => cell.model.id === cellId);
    if (index >= 0) {
      panel.content.activeCellIndex = index;
      await panel.content.scrollToItem(index, 'center');
    }
  }

  private _render({ screen, what }: IScreen): JSX.Element {
    const props = { model: this._model, navigator: this };
    switch (screen) {
      case 'lineage':
        return <Lineage {...props} focus={what || undefined} />;
      case 'asset':
        return <AssetPage {...props} assetKey={what} />;
      case 'runs':
        return <Runs {...props} />;
      case 'run':
        return <RunPage {...props} runId={what} />;
      case 'automation':
        return <Automation {...props} />;
      case 'launchpad':
        return <Launchpad {...props} selection={what} />;
      case 'backfills':
        return <Backfills {...props} asset={what} />;
      case 'deployment':
        return <Deployment {...props} />;
    }
  }
}

/** The left sidebar: the catalogue. */
export function catalogueWidget(model: CatalogueModel, navigator: INavigator): ReactWidget {
  const widget = ReactWidget.create(
    <div className="cm-root">
      <Catalogue model={model} navigator={navigator} />
    </div>
  );
  widget.id = 'cellmill-catalogue';
  widget.title.icon = cellmillIcon;
  widget.title.caption = 'cellmill: assets';
  widget.addClass('cm-sidebar');
  return widget;
}
