/** Every screen by its name: one file that is loaded when the first of them is opened. */

import type { CatalogueModel } from '../model/catalogue';
import { AssetPage } from './asset';
import { Automation } from './automation';
import { Backfills } from './backfills';
import { Deployment } from './deployment';
import { Launchpad } from './launchpad';
import { Lineage } from './lineage';
import type { INavigator, IScreen } from './parts';
import { RunPage } from './run';
import { Runs } from './runs';

export default function Screen(props: IScreen & { model: CatalogueModel; navigator: INavigator }): JSX.Element {
  const { screen, what, part, ...common } = props;
  switch (screen) {
    case 'lineage':
      return <Lineage key={what} {...common} focus={what || undefined} />;
    case 'asset':
      return <AssetPage {...common} assetKey={what} part={part} />;
    case 'runs':
      return <Runs {...common} />;
    case 'run':
      return <RunPage {...common} runId={what} />;
    case 'automation':
      return <Automation {...common} />;
    case 'launchpad':
      return <Launchpad key={what} {...common} selection={what} />;
    case 'backfills':
      return <Backfills key={what} {...common} asset={what} />;
    case 'deployment':
      return <Deployment {...common} />;
  }
}
