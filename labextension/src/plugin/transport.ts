import { URLExt } from '@jupyterlab/coreutils';
import { ServerConnection } from '@jupyterlab/services';

import type { ITransport } from '../client';

/** Requests with JupyterLab's own connection settings: base URL, token, XSRF. */
export class LabTransport implements ITransport {
  constructor(private _settings: ServerConnection.ISettings = ServerConnection.makeSettings()) {}

  async post(body: object): Promise<unknown> {
    const init = { method: 'POST', body: JSON.stringify(body), headers: { 'Content-Type': 'application/json' } };
    const response = await ServerConnection.makeRequest(this.url('cellmill/graphql'), init, this._settings);
    if (!response.ok) {
      throw await ServerConnection.ResponseError.create(response);
    }
    return response.json();
  }

  socket(protocol: string): WebSocket {
    const { wsUrl, token, appendToken, WebSocket } = this._settings;
    const query = appendToken && token ? `?token=${encodeURIComponent(token)}` : '';
    return new WebSocket(URLExt.join(wsUrl, 'cellmill/graphql') + query, protocol);
  }

  url(path: string): string {
    return URLExt.join(this._settings.baseUrl, path);
  }
}
