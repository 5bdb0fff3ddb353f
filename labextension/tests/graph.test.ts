import assert from 'node:assert/strict';
import { test } from 'node:test';

import { foldNodes, refreshStates, toSvg } from '../src/model/drawing';
import { ago, count, duration, safeLink, shortValue } from '../src/model/format';
import { applyPatch, assetsOf, divided, IGraphColumns, isSelection, matches, reach } from '../src/model/graph';
import { wordAt } from '../src/plugin/hover';
import { lineDiff, schemaChanges, versions } from '../src/model/history';
import { fit, hit, NODE_WIDTH, shorten, zoom } from '../src/view/painter';

const COLUMNS: IGraphColumns = {
  keys: ['raw', 'clean', 'a/report'],
  groups: ['in', 'in', 'out'],
  kinds: ['', 'pandas', ''],
  descriptions: ['', '', ''],
  notebooks: ['n.ipynb', 'n.ipynb', 'm.ipynb'],
  cellIds: ['', '', ''],
  partitioned: [false, false, false],
  states: ['FRESH', 'STALE', 'MISSING'],
  reasons: ['', 'its code changed', ''],
  materializedAt: [1, 2, null],
  x: [0, 230, 460],
  y: [0, 0, 0],
  edgeSources: [0, 1],
  edgeTargets: [1, 2]
};

test('columns become assets with their neighbours', () => {
  const assets = assetsOf(COLUMNS);
  assert.deepEqual(assets[1].upstream, [0]);
  assert.deepEqual(assets[1].downstream, [2]);
  assert.deepEqual([...reach(assets, 0, 'downstream')].sort(), [1, 2]);
  assert.deepEqual([...reach(assets, 2, 'upstream')].sort(), [0, 1]);
});

test('a patch changes only what it names', () => {
  const assets = assetsOf(COLUMNS);
  const byKey = new Map(assets.map(asset => [asset.key, asset]));
  const patch = { keys: ['clean', 'gone'], states: ['FRESH', 'FRESH'] as never[], reasons: ['', ''], materializedAt: [9, 9] };
  assert.deepEqual(applyPatch(byKey, patch), [1]);
  assert.equal(assets[1].state, 'FRESH');
  assert.deepEqual(applyPatch(byKey, patch), []);
});

test('the search knows names, groups, kinds and states', () => {
  const found = (search: string) => assetsOf(COLUMNS).filter(asset => matches(asset, search)).map(asset => asset.key);
  assert.deepEqual(found('rep'), ['a/report']);
  assert.deepEqual(found('group:in state:stale'), ['clean']);
  assert.deepEqual(found('kind:pandas'), ['clean']);
  assert.deepEqual(found('m.ipynb'), ['a/report']);
  assert.deepEqual(found(''), ['raw', 'clean', 'a/report']);
});

test('only what the selection language needs goes to the server', () => {
  assert.ok(isSelection('*clean'));
  assert.ok(isSelection('clean or raw'));
  assert.ok(isSelection('tag:nightly'));
  assert.ok(!isSelection('clean group:in state:stale'));
  assert.ok(!isSelection('orders and_more'));
});

test('a folded group is one node in its worst state, with the edges of its members', () => {
  const assets = assetsOf(COLUMNS);
  const nodes = foldNodes(assets, null, 'group', new Set(['out']));
  assert.deepEqual(nodes.map(node => node.key), ['in', 'a/report']);
  assert.deepEqual(nodes.map(node => node.state), ['STALE', 'MISSING']);
  assert.deepEqual(nodes[0].downstream, [1]);
  assets[1].state = 'FAILED';
  assert.deepEqual(refreshStates(nodes, key => assets.find(asset => asset.key === key)?.state), [0]);
  assert.equal(nodes[0].state, 'FAILED');
  assert.deepEqual(foldNodes(assets, new Set([0, 1]), '', new Set()).map(node => node.key), ['raw', 'clean']);
});

test('the picture as SVG names every node and escapes what users wrote', () => {
  const colours = { text: '#000', background: '#fff', node: '#fff', edge: '#888', states: { FRESH: '#0f0', STALE: '#f80', MISSING: '#888' } };
  const [one, ...rest] = assetsOf(COLUMNS);
  const svg = toSvg([{ ...one, key: '<script>' }, ...rest], { width: 10, height: 5 }, colours);
  assert.ok(svg.startsWith('<svg') && svg.includes('a/report') && svg.includes('&lt;script&gt;') && !svg.includes('<script>'));
});

test('groups and their members come by name', () => {
  const groups = divided(assetsOf(COLUMNS), 'group').map(([name, members]) => [name, members.map(asset => asset.key)]);
  assert.deepEqual(groups, [['in', ['clean', 'raw']], ['out', ['a/report']]]);
});

test('times and numbers are short words', () => {
  assert.equal(ago(null), 'never');
  assert.equal(ago(100, 130), '30 s ago');
  assert.equal(ago(0, 7200), '2 h ago');
  assert.equal(ago(0, 86400 * 60), '1970-01-01');
  assert.equal(duration(0.3512), '0.35 s');
  assert.equal(duration(185), '3 min 5 s');
  assert.equal(count(336776), '336\u2009776');
  assert.deepEqual([20.215542521994134, 682, 1e-9, null, 'a', true].map(shortValue), ['20.2155', '682', '1e-9', '', 'a', 'true']);
});

test('the view fits, zooms around a point, and finds what is under it', () => {
  const assets = assetsOf(COLUMNS);
  const view = fit(assets, 800, 600);
  const at = (x: number) => (x - view.x) * view.scale;
  assert.equal(hit(assets, view, at(230 + NODE_WIDTH / 2), (17 - view.y) * view.scale)?.key, 'clean');
  assert.equal(hit(assets, view, 1, 1), null);
  const closer = zoom(view, 2, 100, 50);
  assert.ok(Math.abs(closer.x + 100 / closer.scale - (view.x + 100 / view.scale)) < 1e-9);
  assert.equal(shorten('a_very_long_key_of_an_asset', 11), 'a_ver…asset');
});

test('only harmless addresses become links', () => {
  const harmful = [
    'javascript:alert(1)', 'JAVASCRIPT:alert(1)', ' javascript:alert(1)', 'java\nscript:alert(1)', 'data:text/html,x',
    'vbscript:x', 'file:///etc/passwd', '//evil.example/x', 'blob:x', 'jAvAsCrIpT&colon;alert(1)', '\u0001javascript:x',
    'about:blank', 'ftp://x', 'ws://x', 'view-source:x', 'javascript\t:alert(1)', '&#106;avascript:x', 'x:y', '<script>', '"onclick='
  ];
  for (const url of harmful) {
    assert.equal(safeLink(url), null, url);
  }
  for (const url of ['https://example.org/a?b=c', 'http://x', 'mailto:a@b.c', 'docs/page.html', '#part']) {
    assert.equal(safeLink(url), url);
  }
});

test('the word under the pointer is a whole key', () => {
  assert.equal(wordAt('x = sales/daily.head()', 8), 'sales/daily');
  assert.equal(wordAt('flights', 0), 'flights');
  assert.equal(wordAt('a + b', 2), '');
});

test('what changed between two schemas is told by column', () => {
  const before = { columns: [{ name: 'a', type: 'int' }, { name: 'b', type: 'int' }, { name: 'c', type: 'int' }] };
  const after = { columns: [{ name: 'a', type: 'int' }, { name: 'b', type: 'float' }, { name: 'd', type: 'str' }] };
  const kinds = schemaChanges(before, after).map(({ kind, name, type }) => `${kind} ${name} ${type}`);
  assert.deepEqual(kinds, ['retyped b int → float', 'added d str', 'removed c int']);
  assert.deepEqual(schemaChanges(before, before), []);
  assert.deepEqual(schemaChanges(undefined, after), []);
});

test('each materialization is compared with the one before it of its partition', () => {
  const made = (partition: string | null, codeVersion: string, columns: string[]) => ({
    runId: 'r', timestamp: '1', partition, stepKey: null, codeVersion,
    metadataEntries: [
      { __typename: 'TableSchemaMetadataEntry', label: 'schema', description: null, schema: { columns: columns.map(name => ({ name, type: 'int' })) } },
      { __typename: 'IntMetadataEntry', label: 'row_count', description: null, intRepr: '7' }
    ]
  });
  const all = versions([made('a', 'v2', ['x', 'y']), made('b', 'v1', ['x']), made('a', 'v1', ['x'])]);
  assert.deepEqual(all.map(one => one.codeChanged), [true, false, false]);
  assert.deepEqual(all.map(one => one.columns.map(column => column.name)), [['y'], [], []]);
  assert.equal(all[0].rows, 7);
});

test('the lines of two texts are told apart', () => {
  const lines = lineDiff('a\nb\nc', 'a\nx\nc\nd');
  assert.deepEqual(lines.map(line => line.sign + line.text), [' a', '−b', '+x', ' c', '+d']);
});
