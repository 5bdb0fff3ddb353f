import assert from 'node:assert/strict';
import { test } from 'node:test';

import { badgeWord, ICellState, parametersOf, progressOf, scheduleEntry } from '../src/model/cells';
import { asLanguage, lineOf, placeAt, readConfig, withValue } from '../src/model/config';
import { saidOf } from '../src/model/ends';
import { tooMany } from '../src/model/launch';
import { aboutField, ISchema, keyChoices, kindOf, schemasAt, valueChoices } from '../src/model/schema';
import { inRange } from '../src/view/partitions';

const ENV: ISchema = { type: 'object', properties: { env: { type: 'string' } }, minProperties: 1, maxProperties: 1 };
const SCHEMA: ISchema = {
  type: 'object',
  properties: {
    ops: {
      type: 'object',
      required: ['load'],
      properties: {
        load: {
          type: 'object',
          properties: {
            config: {
              type: 'object',
              required: ['rows'],
              properties: {
                mode: { anyOf: [{ enum: ['fast', 'slow'] }, { type: 'null' }], default: 'fast', description: 'How.' },
                rows: { anyOf: [{ type: 'integer' }, ENV] },
                dry: { anyOf: [{ type: 'boolean' }, { type: 'null' }], default: false }
              }
            }
          }
        },
        save: { type: 'object', properties: { config: { type: 'object', properties: { rows: { type: 'integer' } } } } }
      }
    },
    resources: { type: 'object', properties: {} }
  }
};
const YAML = '# first\nops:\n  load:\n    config:\n      rows: 3\n  save:\n    config:\n      rows: many\n';

test('a mistake stands at the line of its own key, not of one of the same name', () => {
  assert.equal(lineOf(YAML, ['ops', 'load', 'config', 'rows']), 5);
  assert.equal(lineOf(YAML, ['ops', 'save', 'config', 'rows']), 8);
  assert.equal(lineOf(YAML, ['ops', 'save', 'config', 'missing']), 7);
  assert.equal(lineOf('{"ops": {\n  "load": {"config": {\n    "rows": 1}}}}', ['ops', 'load', 'config', 'rows']), 3);
  assert.equal(lineOf('', ['ops']), 1);
  assert.equal(lineOf('a:\n  - x: 1\n  - x: 2\n', ['a', '1', 'x']), 3);
});

test('a text that is no YAML tells the line', () => {
  const { problem } = readConfig('ops:\n  a: [1\nb: 2');
  assert.ok(problem && problem.line >= 2, JSON.stringify(problem));
  assert.deepEqual(readConfig(''), { value: {}, problem: null });
});

test('a value is set and taken out without touching the rest', () => {
  const changed = withValue(YAML, ['ops', 'load', 'config', 'mode'], 'slow');
  assert.match(changed, /^# first/);
  assert.match(changed, /rows: 3\n      mode: slow/);
  assert.equal(withValue('ops:\n  load:\n    config:\n      rows: 3\n', ['ops', 'load', 'config', 'rows'], undefined), '');
  assert.equal(withValue('', ['ops', 'load'], 1), 'ops:\n  load: 1\n');
});

test('YAML becomes JSON and comes back', () => {
  const json = asLanguage('a:\n  b: 1\n', 'json');
  assert.deepEqual(JSON.parse(json), { a: { b: 1 } });
  assert.equal(asLanguage(json, 'yaml'), 'a:\n  b: 1\n');
});

test('the place of the cursor is known in YAML and in JSON', () => {
  const at = (text: string) => {
    const offset = text.indexOf('|');
    const place = placeAt(text.replace('|', ''), offset);
    return place && [place.path.join('.'), place.isValue, place.beside.join()];
  };
  assert.deepEqual(at('op|'), ['', false, '']);
  assert.deepEqual(at('ops:\n  load:\n    config:\n      rows: 3\n      mo|'), ['ops.load.config', false, 'rows']);
  assert.deepEqual(at('ops:\n  load:\n    config:\n      mode: f|'), ['ops.load.config.mode', true, '']);
  assert.deepEqual(at('ops:\n  load:\n    config:\n      |\n  save: {}'), ['ops.load.config', false, '']);
  assert.deepEqual(at('{"ops": {"load": {"config": {"rows": 1, "mo|'), ['ops.load.config', false, 'rows']);
  assert.deepEqual(at('{"ops": {"load": {"config": {"mode": |'), ['ops.load.config.mode', true, 'mode']);
});

test('what may stand at a place comes from the schema', () => {
  const inside = ['ops', 'load', 'config'];
  assert.deepEqual(keyChoices(SCHEMA, inside, []).map(one => one.label), ['rows', 'mode', 'dry']);
  assert.deepEqual(keyChoices(SCHEMA, inside, ['rows']).map(one => one.label), ['mode', 'dry']);
  assert.deepEqual(valueChoices(SCHEMA, [...inside, 'mode']).map(one => one.label), ['fast', 'slow']);
  assert.deepEqual(valueChoices(SCHEMA, [...inside, 'dry']).map(one => one.label), ['true', 'false']);
  const [mode] = schemasAt(SCHEMA, inside).map(one => one.properties?.mode as ISchema);
  assert.equal(kindOf(mode), 'fast | slow');
  assert.equal(aboutField(mode), 'How. "fast" if not given');
});

test('a range of partitions holds both its ends, either way round', () => {
  const keys = ['a', 'b', 'c', 'd'];
  assert.deepEqual(inRange(keys, { first: 'b', last: 'd' }), ['b', 'c', 'd']);
  assert.deepEqual(inRange(keys, { first: 'd', last: 'b' }), ['b', 'c', 'd']);
  assert.deepEqual(inRange(keys, { first: 'x', last: 'b' }), []);
});

test('one run makes as many partitions as the policy of every asset allows', () => {
  const perRun = [{ key: 'all', limit: 0 }, { key: 'two', limit: 2 }, { key: 'one', limit: 1 }];
  const range = { keys: [], states: [], target: { keys: [] }, perRun };
  assert.deepEqual(tooMany(range, 1), []);
  assert.deepEqual(tooMany(range, 2).map(({ key }) => key), ['one']);
  assert.deepEqual(tooMany(range, 3).map(({ key }) => key), ['two', 'one']);
});

const CELL: ICellState = {
  cellId: 'c', keys: ['a'], state: 'RUNNING', reason: '', edited: false, upstream: [], materializedAt: null,
  progress: { runId: 'r', startedAt: 100, made: 2, planned: 5 }
};

test('a badge tells how far the run is', () => {
  assert.equal(badgeWord(CELL), '2/5');
  assert.equal(progressOf(CELL), 0.4);
  const alone = { ...CELL, progress: { runId: 'r', startedAt: 100, made: 0, planned: 1 } };
  assert.equal(badgeWord(alone, 112), '12 s');
  assert.equal(badgeWord({ ...alone, progress: { ...alone.progress, startedAt: null } }), 'queued');
  assert.equal(badgeWord({ ...CELL, state: 'FRESH', edited: true, progress: null }), 'edited');
});

test('a schedule of a whole notebook carries its parameters', () => {
  assert.deepEqual(scheduleEntry('@daily ', 'UTC', '', { day: 1 }), { cron: '@daily', parameters: { day: 1 } });
  assert.deepEqual(parametersOf('day = "2024"  # which\nlimit: int = 3\nif x:\n    y = 1'), [['day', '"2024"'], ['limit', '3']]);
});

test('the end of a run is told by what it made', () => {
  const run = {
    runId: '12345678-x', jobName: '__ASSET_JOB', status: 'SUCCESS', creationTime: 0, startTime: 1, endTime: 3, tags: [],
    assetSelection: [{ path: ['a', 'b'] }]
  };
  assert.equal(saidOf(run), 'a/b: done in 2.00 s');
  assert.equal(saidOf({ ...run, status: 'FAILURE', assetSelection: null }), 'Run 12345678: failed');
  assert.equal(saidOf({ ...run, status: 'CANCELED', jobName: 'nightly', assetSelection: null }), 'nightly: cancelled');
});
