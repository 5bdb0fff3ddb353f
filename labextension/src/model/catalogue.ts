import { ISignal, Signal } from '@lumino/signaling';

import { Client } from '../client';
import { applyPatch, assetsOf, IAsset, IGraphColumns, IStatePatch } from './graph';
import { GRAPH, GRAPH_CHANGES, LAUNCH, RELOAD } from './queries';

interface ILaunchAnswer {
  launchRun: { __typename: string; run?: { runId: string }; message?: string; errors?: { message: string }[] };
}

/** The assets of the workspace, kept up to date over one subscription; knows nothing of the screen. */
export class CatalogueModel {
  constructor(readonly client: Client) {}

  /** Emitted when the list of assets is a new one. */
  get changed(): ISignal<this, void> {
    return this._changed;
  }

  /** Emitted with the indices of the assets whose state changed. */
  get stateChanged(): ISignal<this, number[]> {
    return this._stateChanged;
  }

  get assets(): readonly IAsset[] {
    return this._assets;
  }

  /** What went wrong when the assets were last asked for, or null. */
  get problem(): string | null {
    return this._problem;
  }

  /** False until the first answer of the server. */
  get loaded(): boolean {
    return this._loaded;
  }

  find(key: string): IAsset | undefined {
    return this._byKey.get(key);
  }

  /** The path of a notebook in the workspace, from its path in the file browser. */
  toWorkspace(path: string): string {
    return this._folder + path;
  }

  /** The path of a notebook in the file browser, or null where that does not show it. */
  toBrowser(path: string): string | null {
    return path.startsWith(this._folder) ? path.slice(this._folder.length) : null;
  }

  /** Load the assets and follow their changes until `dispose`. */
  async start(): Promise<void> {
    if (this._unsubscribe || this._disposed) {
      return;
    }
    this._unsubscribe = this.client.subscribe<{ assetStateChanges: IStatePatch & { structureChanged: boolean } }>(
      GRAPH_CHANGES,
      {},
      ({ assetStateChanges }) => {
        if (assetStateChanges.structureChanged) {
          void this.refresh();
        } else {
          const indices = applyPatch(this._byKey, assetStateChanges);
          if (indices.length) {
            this._stateChanged.emit(indices);
          }
        }
      }
    );
    await this.refresh();
  }

  /** Ask for all assets again. */
  async refresh(): Promise<void> {
    try {
      const answer = await this.client.request<{ serverFolder: string; assetGraph: IGraphColumns }>(GRAPH);
      this._folder = answer.serverFolder ? `${answer.serverFolder}/` : '';
      this._assets = assetsOf(answer.assetGraph);
      this._byKey = new Map(this._assets.map(asset => [asset.key, asset]));
      this._problem = null;
    } catch (problem) {
      this._problem = problem instanceof Error ? problem.message : String(problem);
    }
    this._loaded = true;
    this._changed.emit();
  }

  /** Have the server read all code locations anew, then load the assets. */
  async reload(): Promise<void> {
    await this.client.request(RELOAD);
    await this.refresh();
  }

  /** Start a run that materializes the assets; returns the run's id. */
  async materialize(keys: readonly string[], partition?: string): Promise<string> {
    const params = {
      selector: { assetSelection: keys.map(key => ({ path: key.split('/') })) },
      executionMetadata: { tags: partition ? [{ key: 'dagster/partition', value: partition }] : [] }
    };
    const { launchRun } = await this.client.request<ILaunchAnswer>(LAUNCH, { params });
    if (!launchRun.run) {
      const mistakes = launchRun.errors?.map(error => error.message).join('\n');
      throw new Error(launchRun.message ?? mistakes ?? launchRun.__typename);
    }
    return launchRun.run.runId;
  }

  dispose(): void {
    if (this._disposed) {
      return;
    }
    this._disposed = true;
    this._unsubscribe?.();
    Signal.clearData(this);
  }

  private _assets: IAsset[] = [];
  private _byKey = new Map<string, IAsset>();
  private _changed = new Signal<this, void>(this);
  private _stateChanged = new Signal<this, number[]>(this);
  private _folder = '';
  private _problem: string | null = null;
  private _loaded = false;
  private _disposed = false;
  private _unsubscribe: (() => void) | null = null;
}
