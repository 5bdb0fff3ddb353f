import { Token } from '@lumino/coreutils';

import type { CatalogueModel } from './model/catalogue';
import type { INavigator } from './view/parts';

/** What other extensions can use of cellmill. */
export interface ICellmill {
  /** The assets of the workspace, live. */
  readonly catalogue: CatalogueModel;
  /** Opens cellmill's screens. */
  readonly navigator: INavigator;
}

export const ICellmill = new Token<ICellmill>('cellmill-lab:ICellmill', 'The assets, runs and automation of the workspace.');
