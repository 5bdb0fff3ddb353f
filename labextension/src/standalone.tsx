/** The page at `/cellmill`: the same screens as in JupyterLab, with an address for each. */

import { StrictMode, useEffect, useMemo, useState } from 'react';
import { createRoot } from 'react-dom/client';

import { Client, ITransport } from './client';
import { CatalogueModel } from './model/catalogue';
import { trans } from './text';
import { Catalogue } from './view/catalogue';
import { announceEnds } from './model/ends';
import { INavigator, IScreen, Jump, SCREENS } from './view/parts';
import Screen from './view/screen';

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
function useAddress(): IScreen & { address: string } {
  const read = () => location.hash.replace(/^#\/?/, '');
  const [address, setAddress] = useState(read);
  useEffect(() => {
    const moved = () => setAddress(read());
    addEventListener('hashchange', moved);
    return () => removeEventListener('hashchange', moved);
  }, []);
  const [path, part] = address.split('?');
  const [name, ...rest] = path.split('/');
  const screen = SCREENS.find(one => one === name) ?? 'lineage';
  return { screen, what: rest.map(decodeURIComponent).join('/'), part: part === 'compare' ? part : undefined, address };
}

const go = (screen: IScreen['screen'], what = '', part = '') => {
  const path = what ? `/${what.split('/').map(encodeURIComponent).join('/')}` : '';
  location.hash = `/${screen}${path}${part ? `?${part}` : ''}`;
};

function Page(props: { baseUrl: string }): JSX.Element {
  const model = useMemo(() => new CatalogueModel(new Client(new PageTransport(props.baseUrl))), []);
  const [notice, setNotice] = useState<{ message: string; kind: string; runId?: string } | null>(null);
  const { screen, what, part, address } = useAddress();
  useEffect(() => void model.start(), [model]);
  useEffect(() => {
    document.title = what ? `${what} · cellmill` : `${screen} · cellmill`;
  }, [screen, what]);
  const navigator: INavigator = {
    openAsset: (key, part) => go('asset', key, part),
    openRun: runId => go('run', runId),
    openLineage: focus => go('lineage', focus),
    openRuns: () => go('runs'),
    openAutomation: () => go('automation'),
    openLaunchpad: selection => go('launchpad', selection),
    openBackfills: asset => go('backfills', asset),
    openDeployment: () => go('deployment'),
    notify: (message, kind, runId) => {
      setNotice({ message, kind, runId });
      setTimeout(() => setNotice(null), 6000);
    }
  };
  useEffect(() => announceEnds(model.client, navigator), [model]);
  return (
    <div className="cm-shell">
      <nav aria-label={trans.__('Assets')}>
        <h1 className="cm-brand">cellmill</h1>
        <Catalogue model={model} navigator={navigator} here={{ screen, what }} />
      </nav>
      <main>
        <Screen key={address} screen={screen} what={what} part={part} model={model} navigator={navigator} />
      </main>
      {notice && (
        <div className={`cm-notice cm-notice-${notice.kind}`} role="status">
          {notice.message}
          {notice.runId && <Jump onClick={() => go('run', notice.runId)}>{trans.__('Open')}</Jump>}
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
