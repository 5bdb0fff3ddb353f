/** Talks GraphQL with the server: requests by POST, subscriptions over one shared WebSocket. */

/** How requests reach the server; JupyterLab and the standalone page each have their own. */
export interface ITransport {
  /** Post a JSON body to `cellmill/graphql` and return the parsed answer. */
  post(body: object): Promise<unknown>;
  /** Open a WebSocket to `cellmill/graphql` that speaks `protocol`. */
  socket(protocol: string): WebSocket;
  /** The address of a path below the server's base URL. */
  url(path: string): string;
}

/** An answer that says why there is no data. */
export class GraphQLFailure extends Error {}

/** The result of a mutation or of a query whose name ends in `OrError`. */
export interface IResult {
  __typename: string;
  message?: string;
}

/** The result as what was expected; throws the message of anything else. */
export function expecting<T>(result: IResult, ...expected: string[]): T {
  if (!expected.includes(result.__typename)) {
    throw new Error(result.message ?? result.__typename);
  }
  return result as unknown as T;
}

interface IAnswer<T> {
  data?: T | null;
  errors?: { message: string }[];
}

interface ISubscriber {
  query: string;
  variables: object;
  next(data: unknown): void;
  failed(problem: Error): void;
}

const PROTOCOL = 'graphql-transport-ws';
/** Milliseconds before the first reconnection; doubled at each failure up to the maximum. */
const RECONNECT_MS = 500;
const RECONNECT_MAX_MS = 15000;

export class Client {
  constructor(readonly transport: ITransport) {}

  /** The data of one query or mutation; throws `GraphQLFailure` with the server's words. */
  async request<T>(query: string, variables: object = {}): Promise<T> {
    const answer = (await this.transport.post({ query, variables })) as IAnswer<T>;
    if (answer.errors?.length) {
      throw new GraphQLFailure(answer.errors.map(error => error.message).join('\n'));
    }
    if (!answer.data) {
      throw new GraphQLFailure('The server sent an empty answer.');
    }
    return answer.data;
  }

  /** Call `next` for each result until the returned function is called; reconnects by itself. */
  subscribe<T>(
    query: string,
    variables: object,
    next: (data: T) => void,
    failed: (problem: Error) => void = () => undefined
  ): () => void {
    const id = String(++this._lastId);
    this._subscribers.set(id, { query, variables, next: next as (data: unknown) => void, failed });
    if (this._ready) {
      this._start(id);
    } else {
      this._connect();
    }
    return () => {
      this._subscribers.delete(id);
      if (this._ready) {
        this._socket?.send(JSON.stringify({ id, type: 'complete' }));
      }
      if (this._subscribers.size === 0) {
        this._socket?.close();
      }
    };
  }

  private _connect(): void {
    if (this._socket || this._retry !== undefined) {
      return;
    }
    const socket = this.transport.socket(PROTOCOL);
    this._socket = socket;
    socket.onopen = () => socket.send(JSON.stringify({ type: 'connection_init' }));
    socket.onmessage = event => this._receive(String(event.data));
    socket.onclose = () => {
      this._socket = null;
      this._ready = false;
      if (this._subscribers.size > 0) {
        this._retry = setTimeout(() => {
          this._retry = undefined;
          this._connect();
        }, this._delay);
        this._delay = Math.min(this._delay * 2, RECONNECT_MAX_MS);
      }
    };
  }

  private _receive(text: string): void {
    const frame = JSON.parse(text) as { type: string; id?: string; payload?: unknown };
    const subscriber = frame.id === undefined ? undefined : this._subscribers.get(frame.id);
    switch (frame.type) {
      case 'connection_ack':
        this._ready = true;
        this._delay = RECONNECT_MS;
        this._subscribers.forEach((_, id) => this._start(id));
        break;
      case 'ping':
        this._socket?.send(JSON.stringify({ type: 'pong' }));
        break;
      case 'next': {
        const answer = frame.payload as IAnswer<unknown>;
        if (answer.errors?.length) {
          subscriber?.failed(new GraphQLFailure(answer.errors[0].message));
        } else if (answer.data) {
          subscriber?.next(answer.data);
        }
        break;
      }
      case 'error': {
        const errors = frame.payload as { message: string }[];
        subscriber?.failed(new GraphQLFailure(errors[0]?.message ?? 'The subscription failed.'));
        this._subscribers.delete(frame.id ?? '');
        break;
      }
      case 'complete':
        this._subscribers.delete(frame.id ?? '');
        break;
    }
  }

  private _start(id: string): void {
    const subscriber = this._subscribers.get(id);
    if (subscriber) {
      const payload = { query: subscriber.query, variables: subscriber.variables };
      this._socket?.send(JSON.stringify({ id, type: 'subscribe', payload }));
    }
  }

  private _lastId = 0;
  private _ready = false;
  private _delay = RECONNECT_MS;
  private _retry: ReturnType<typeof setTimeout> | undefined;
  private _socket: WebSocket | null = null;
  private _subscribers = new Map<string, ISubscriber>();
}
