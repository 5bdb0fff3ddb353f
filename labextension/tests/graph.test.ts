import assert from 'node:assert/strict';
import { test } from 'node:test';

import { ago, count, duration, safeLink } from '../src/model/format';
import { applyPatch, assetsOf, byGroup, IGraphColumns, matches, reach } from '../src/model/graph';
import { fit, hit, NODE_WIDTH, shorten, zoom } from '../src/view/painter';

const COLUMNS: IGraphColumns = {
  keys: ['raw', 'clean', 'a/report'],
  groups: ['in', 'in', 'out'],
  kinds: ['', 'pandas', ''],
  descriptions: ['', '', ''],
  notebooks: ['n.ipynb', 'n.ipynb', 'm.ipynb'],
  cellIds: ['', '', ''],
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
  const patch = { keys: ['clean', 'gone'], states: ['FRESH', 'FRESH'] as never[], reasons: ['', ''], materializedAt: [9, 9] };
  assert.deepEqual(applyPatch(assets, patch), [1]);
  assert.equal(assets[1].state, 'FRESH');
  assert.deepEqual(applyPatch(assets, patch), []);
});

test('the search knows names, groups, kinds and states', () => {
  const found = (search: string) => assetsOf(COLUMNS).filter(asset => matches(asset, search)).map(asset => asset.key);
  assert.deepEqual(found('rep'), ['a/report']);
  assert.deepEqual(found('group:in state:stale'), ['clean']);
  assert.deepEqual(found('kind:pandas'), ['clean']);
  assert.deepEqual(found('m.ipynb'), ['a/report']);
  assert.deepEqual(found(''), ['raw', 'clean', 'a/report']);
});

test('groups and their members come by name', () => {
  const groups = byGroup(assetsOf(COLUMNS)).map(([name, members]) => [name, members.map(asset => asset.key)]);
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
