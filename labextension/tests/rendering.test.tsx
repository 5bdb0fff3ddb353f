import assert from 'node:assert/strict';
import { test } from 'node:test';
import { renderToStaticMarkup } from 'react-dom/server';

import { Client, GraphQLFailure, ITransport } from '../src/client';
import { CatalogueModel } from '../src/model/catalogue';
import { deleteRun, forEachRun, IRunDetails, reexecuteAssets } from '../src/model/runs';
import { MetadataValue } from '../src/view/metadata';
import { Note, StateBadge, StatusWord } from '../src/view/parts';
import { Pinned } from '../src/view/pinned';

const HOSTILE = [
  '<script>alert(1)</script>', '<img src=x onerror=alert(1)>', '<svg onload=alert(1)>', '<a href="javascript:alert(1)">x</a>',
  '<button data-commandlinker-command="terminal:open">x</button>', '<iframe srcdoc="<script>alert(1)</script>">', '"><script>',
  '<math><mi//xlink:href="data:x,<script>alert(1)</script>">', '<style>@import "//evil"</style>', '<body onload=alert(1)>'
];

test('whatever users wrote is shown as text', () => {
  for (const text of HOSTILE) {
    for (const entry of [
      { __typename: 'TextMetadataEntry', text },
      { __typename: 'MarkdownMetadataEntry', mdStr: text },
      { __typename: 'JsonMetadataEntry', jsonString: text },
      { __typename: 'UrlMetadataEntry', url: text },
      { __typename: 'PathMetadataEntry', path: text },
      { __typename: 'TableMetadataEntry', table: { records: [JSON.stringify({ a: text })], schema: { columns: [{ name: 'a', type: text }] } } }
    ]) {
      const html = renderToStaticMarkup(<MetadataValue entry={{ label: text, description: text, ...entry }} />);
      assert.doesNotMatch(html, /<(script|img|svg|iframe|style|body|math|button|a )/i, `${entry.__typename}: ${html}`);
    }
  }
});

test('states have a word for those who see no colours', () => {
  const html = renderToStaticMarkup(<StateBadge state="STALE" reason="its code changed" quiet />);
  assert.match(html, /title="stale: its code changed"/);
  assert.match(html, />stale</);
  assert.match(renderToStaticMarkup(<StatusWord status="NOT_STARTED" />), /cm-status-not-started/);
  assert.match(renderToStaticMarkup(<Note kind="problem">x</Note>), /role="alert"/);
});

test('a pinned schedule names the cells that changed and offers to promote', () => {
  const cell = { notebook: 'a.ipynb', kind: 'changed', cell: 1, before: 'x = 1', now: 'x = 2\ny' };
  const version = { notebooks: ['a.ipynb'], pinnedAt: 0, changedCells: [cell] };
  const pinned = { name: 'nightly', onPin: () => undefined };
  const html = renderToStaticMarkup(<Pinned {...pinned} version={version} />);
  assert.match(html, /1 cell has changed since/);
  assert.match(html, /Promote/);
  const same = renderToStaticMarkup(<Pinned {...pinned} version={{ ...version, changedCells: [] }} />);
  assert.doesNotMatch(same, /Promote/);
});

class Recorded implements ITransport {
  sent: object[] = [];
  constructor(private _answers: unknown[]) {}
  async post(body: object): Promise<unknown> {
    this.sent.push(body);
    return this._answers.shift();
  }
  socket(): WebSocket {
    return { send: () => undefined, close: () => undefined } as unknown as WebSocket;
  }
  url(path: string): string {
    return `/${path}`;
  }
}

test('a failed request throws the server’s words', async () => {
  const client = new Client(new Recorded([{ data: null, errors: [{ message: 'No field x' }] }]));
  await assert.rejects(client.request('{x}'), (problem: Error) => problem instanceof GraphQLFailure && /No field x/.test(problem.message));
});

test('materializing sends the keys in parts and returns the run', async () => {
  const transport = new Recorded([{ data: { launchRun: { __typename: 'LaunchRunSuccess', run: { runId: 'r1' } } } }]);
  const model = new CatalogueModel(new Client(transport));
  assert.equal(await model.materialize(['a/b'], '2013-01-01'), 'r1');
  const sent = transport.sent[0] as { variables: { params: { selector: object; executionMetadata: object } } };
  assert.deepEqual(sent.variables.params.selector, { assetSelection: [{ path: ['a', 'b'] }] });
  assert.deepEqual(sent.variables.params.executionMetadata, { tags: [{ key: 'dagster/partition', value: '2013-01-01' }] });
});

test('a refused launch says why', async () => {
  const answer = { data: { launchRun: { __typename: 'InvalidSubsetError', message: 'No asset has the key x.' } } };
  const model = new CatalogueModel(new Client(new Recorded([answer])));
  await assert.rejects(model.materialize(['x']), /No asset has the key x/);
});

test('some assets of a run are made again with its configuration and its own tags', async () => {
  const transport = new Recorded([{ data: { launchRun: { __typename: 'LaunchRunSuccess', run: { runId: 'r2' } } } }]);
  const run = {
    runId: 'r1', jobName: '__ASSET_JOB', rootRunId: 'r0', runConfigYaml: 'ops: {}\n',
    tags: [['owner', 'me'], ['dagster/partition', 'mon'], ['dagster/parent_run_id', 'r0']].map(([key, value]) => ({ key, value }))
  } as IRunDetails;
  assert.equal(await reexecuteAssets(new Client(transport), run, ['a/b']), 'r2');
  const { params } = (transport.sent[0] as { variables: { params: Record<string, unknown> } }).variables;
  assert.deepEqual(params.selector, { jobName: undefined, assetSelection: [{ path: ['a', 'b'] }] });
  assert.equal(params.runConfigData, 'ops: {}');
  const { parentRunId, rootRunId, tags } = params.executionMetadata as { parentRunId: string; rootRunId: string; tags: { key: string; value: string }[] };
  assert.deepEqual([parentRunId, rootRunId], ['r1', 'r0']);
  assert.deepEqual(
    tags.map(({ key, value }) => `${key}=${value}`),
    ['owner=me', 'dagster/partition=mon', 'dagster/parent_run_id=r1', 'dagster/root_run_id=r0']
  );
});

test('what is refused of several runs is told, and the others are done', async () => {
  const answers = ['DeletePipelineRunSuccess', 'RunNotFoundError'].map(__typename => ({
    data: { deleteRun: { __typename, message: 'No run has this id.' } }
  }));
  const client = new Client(new Recorded(answers));
  const found = await forEachRun(['first', 'second'], id => deleteRun(client, id));
  assert.deepEqual(found, { done: ['first'], refused: ['second: No run has this id.'] });
});
