/** The page at `/cellmill`: the same screens as in JupyterLab, with an address for each. */

import { StrictMode, useEffect, useMemo, useState } from 'react';
import { createRoot } from 'react-dom/client';

import { Client, ITransport } from './client';
import { CatalogueModel } from './model/catalogue';
import { AssetPage } from './view/asset';
import { Automation } from './view/automation';
import { Backfills } from './view/backfills';
import { Catalogue } from './view/catalogue';
import { Deployment } from './view/deployment';
import { Launchpad } from './view/launchpad';
import { Lineage } from './view/lineage';
import type { INavigator } from './view/parts';
import { RunPage } from './view/run';
import { Runs } from './view/runs';

/** Requests with the cookie of the logged-in user and its XSRF token. */
class PageTransport implements ITransport {
  constructor(private _baseUrl: string) {}

  async post(body: object): Promise<unknown> {
    const token = /(?:^|; )_xsrf=([^;]*)/.exec(document.cookie)?.[1] ?? '';
    const response = await fetch(this.url('cellmill/graphql'), {
      method: 'POST',
      credentials: 'same-origin',
      headers: { 'Content-Type': 'application/json', 'X-XSRFToken': token },
      body: JSON.stringify(body)
    });
    if (!response.ok) {
      throw new Error(`The server answered ${response.status} ${response.statusText}. Reload the page to log in again.`);
    }
    return response.json();
  }

  socket(protocol: string): WebSocket {
    const url = new URL(this.url('cellmill/graphql'), location.href);
    url.protocol = url.protocol.replace('http', 'ws');
    return new WebSocket(url, protocol);
  }

  url(path: string): string {
    return this._baseUrl + path;
  }
}

/** What the address after `#` says: a screen's name and what it shows. */
function useAddress(): [string, string] {
  const read = () => location.hash.replace(/^#\/?/, '');
  const [address, setAddress] = useState(read);
  useEffect(() => {
    const moved = () => setAddress(read());
    addEventListener('hashchange', moved);
    return () => removeEventListener('hashchange', moved);
  }, []);
  const [screen, ...rest] = address.split('/');
  return [screen || 'lineage', rest.map(decodeURIComponent).join('/')];
}

const go = (screen: string, what = '') => {
  location.hash = `/${screen}${what ? `/${what.split('/').map(encodeURIComponent).join('/')}` : ''}`;
};

function Page(props: { baseUrl: string }): JSX.Element {
  const model = useMemo(() => new CatalogueModel(new Client(new PageTransport(props.baseUrl))), []);
  const [notice, setNotice] = useState<{ message: string; kind: string } | null>(null);
  const [screen, what] = useAddress();
  useEffect(() => void model.start(), [model]);
  useEffect(() => {
    document.title = what ? `${what} · cellmill` : `${screen} · cellmill`;
  }, [screen, what]);
  const navigator: INavigator = {
    openAsset: key => go('asset', key),
    openRun: runId => go('run', runId),
    openLineage: focus => go('lineage', focus),
    openRuns: () => go('runs'),
    openAutomation: () => go('automation'),
    openLaunchpad: selection => go('launchpad', selection),
    openBackfills: asset => go('backfills', asset),
    openDeployment: () => go('deployment'),
    notify: (message, kind) => {
      setNotice({ message, kind });
      setTimeout(() => setNotice(null), 6000);
    }
  };
  return (
    <div className="cm-shell">
      <nav aria-label="Assets">
        <h1 className="cm-brand">cellmill</h1>
        <Catalogue model={model} navigator={navigator} />
      </nav>
      <main>
        {screen === 'asset' && <AssetPage model={model} navigator={navigator} assetKey={what} />}
        {screen === 'run' && <RunPage model={model} navigator={navigator} runId={what} />}
        {screen === 'runs' && <Runs model={model} navigator={navigator} />}
        {screen === 'launchpad' && <Launchpad key={what} model={model} navigator={navigator} selection={what} />}
        {screen === 'backfills' && <Backfills key={what} model={model} navigator={navigator} asset={what} />}
        {screen === 'deployment' && <Deployment model={model} navigator={navigator} />}
        {screen === 'automation' && <Automation model={model} navigator={navigator} />}
        {screen === 'lineage' && <Lineage key={what} model={model} navigator={navigator} focus={what || undefined} />}
      </main>
      {notice && (
        <div className={`cm-notice cm-notice-${notice.kind}`} role="status">
          {notice.message}
        </div>
      )}
    </div>
  );
}

const root = document.getElementById('cellmill-root');
const config = document.getElementById('jupyter-config-data');
if (root && config) {
  const { baseUrl } = JSON.parse(config.textContent ?? '{}') as { baseUrl: string };
  createRoot(root).render(
    <StrictMode>
      <Page baseUrl={baseUrl} />
    </StrictMode>
  );
}
