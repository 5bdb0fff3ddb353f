import type { JupyterFrontEnd } from '@jupyterlab/application';
import { MainAreaWidget, Notification, ReactWidget } from '@jupyterlab/apputils';

import type { NotebookPanel } from '@jupyterlab/notebook';

import { lazy, Suspense } from 'react';

import type { CatalogueModel } from '../model/catalogue';
import { trans } from '../text';
import type { INavigator, IScreen } from '../view/parts';
import { cellmillIcon } from './icon';

export type ScreenWidget = MainAreaWidget<ReactWidget> & { cellmill: IScreen };

// Loaded when the first screen is opened: JupyterLab starts without them.
const Screen = lazy(() => import('../view/screen'));
const Catalogue = lazy(async () => ({ default: (await import('../view/catalogue')).Catalogue }));

function titleOf({ screen, what }: IScreen): string {
  switch (screen) {
    case 'lineage':
      return trans.__('Lineage');
    case 'asset':
      return what;
    case 'runs':
      return trans.__('Runs');
    case 'run':
      return trans.__('Run %1', what.slice(0, 8));
    case 'automation':
      return trans.__('Automation');
    case 'launchpad':
      return trans.__('Launchpad');
    case 'backfills':
      return trans.__('Backfills');
    case 'deployment':
      return trans.__('Deployment');
  }
}

/** Opens cellmill's screens as tabs of the main area, each at most once. */
export class LabNavigator implements INavigator {
  constructor(
    private _app: JupyterFrontEnd,
    private _model: CatalogueModel,
    private _opened: (widget: ScreenWidget) => void
  ) {}

  openAsset(key: string, part?: IScreen['part']): void {
    this.open({ screen: 'asset', what: key, part });
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

  notify(message: string, kind: 'info' | 'error' | 'success', runId?: string): void {
    const open = { label: trans.__('Open'), callback: () => runId && this.openRun(runId) };
    Notification.emit(message, kind, { autoClose: kind === 'error' ? 10000 : 4000, actions: runId ? [open] : [] });
  }

  /** The tab of a screen, new or the one that is there. */
  open(screen: IScreen): ScreenWidget {
    const id = `cellmill-${screen.screen}-${screen.screen === 'lineage' ? '' : screen.what}`;
    for (const widget of this._app.shell.widgets('main')) {
      if (widget.id === id) {
        if (!screen.part && (screen.screen !== 'lineage' || !screen.what)) {
          this._app.shell.activateById(id);
          return widget as ScreenWidget;
        }
        widget.dispose();
        break;
      }
    }
    const content = ReactWidget.create(
      <div className="cm-root">
        <Suspense fallback={<p className="cm-note">{trans.__('Loading…')}</p>}>
          <Screen {...screen} model={this._model} navigator={this} />
        </Suspense>
      </div>
    );
    const widget = Object.assign(new MainAreaWidget({ content }), { cellmill: screen });
    widget.id = id;
    widget.title.label = titleOf(screen);
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
      throw new Error(trans.__('%1 lies outside the folder that JupyterLab shows.', path));
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
}

/** The left sidebar: the catalogue, drawn when it is shown for the first time. */
export class CatalogueWidget extends ReactWidget {
  constructor(
    private _shell: JupyterFrontEnd.IShell,
    private _model: CatalogueModel,
    private _navigator: INavigator
  ) {
    super();
    _shell.currentChanged?.connect(() => this.update(), this);
    this.id = 'cellmill-catalogue';
    this.title.icon = cellmillIcon;
    this.title.caption = trans.__('cellmill: assets');
    this.addClass('cm-sidebar');
  }

  protected override onBeforeShow(): void {
    this._shown = true;
    this.update();
  }

  protected override render(): JSX.Element {
    return (
      <div className="cm-root">
        {(this._shown || this.isVisible) && (
          <Suspense fallback={<p className="cm-note">{trans.__('Loading…')}</p>}>
            <Catalogue model={this._model} navigator={this._navigator} here={this._here()} />
          </Suspense>
        )}
      </div>
    );
  }

  private _here(): IScreen | null {
    return (this._shell.currentWidget as ScreenWidget | null)?.cellmill ?? null;
  }

  private _shown = false;
}
