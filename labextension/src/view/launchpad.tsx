import { useEffect, useMemo, useState } from 'react';

import type { Client } from '../client';
import type { CatalogueModel } from '../model/catalogue';
import { asLanguage, readConfig, withValue } from '../model/config';
import {
  checkConfig,
  IJob,
  IMistake,
  IPlanned,
  IRunnable,
  IWhat,
  launch,
  loadJobs,
  loadPlan,
  loadRange,
  loadSchema,
  loadTagKeys,
  selectKeys,
  startBackfill,
  tooMany
} from '../model/launch';
import type { ITag } from '../model/runs';
import type { ISchema } from '../model/schema';
import { trans } from '../text';
import { ConfigEditor } from './editor';
import { ConfigForm } from './form';
import { useLoaded } from './hooks';
import { IRange, inRange, RangePicker } from './partitions';
import { Button, INavigator, Note } from './parts';
import { Ops, Plan } from './plan';
import { Tags } from './tags';

const ASSETS = '';
/** Milliseconds of quiet before the server is asked. */
const QUIET_MS = 250;
const PARTITION = 'dagster/partition';
const RANGE_START = 'dagster/asset_partition_range_start';
const RANGE_END = 'dagster/asset_partition_range_end';

/** Start a run by hand: what, for which partitions, configured how; with every mistake at its line before it starts. */
export function Launchpad(props: { model: CatalogueModel; navigator: INavigator; selection?: string }): JSX.Element {
  const { model, navigator } = props;
  const { client } = model;
  const { value: jobs, problem } = useLoaded(() => loadJobs(client), []);
  const { value: tagKeys } = useLoaded(() => loadTagKeys(client), []);
  const [target, setTarget] = useState(ASSETS);
  const [selection, setSelection] = useState(props.selection ?? '');
  const [config, setConfig] = useState('');
  const [tags, setTags] = useState<ITag[]>([]);
  const [plan, setPlan] = useState<IPlanned[] | IJob | null>(null);
  const job = jobs?.find(one => nameOf(one) === target) ?? null;
  const { what, trouble } = useWhat(client, job, selection);
  const { mistakes, setMistakes, schema, isKnown } = useConfig(client, what, config);
  const partitions = usePartitions(client, what);
  const { runnable, range } = partitions;
  const { keys } = runnable;
  const chosen = range ? inRange(keys, range) : [];
  const [wanted, setTogether] = useState(false);
  const together = wanted && !tooMany(runnable, chosen.length).length;
  useEffect(() => setPlan(null), [target, selection]);

  const failed = (error: Error) => navigator.notify(error.message, 'error');
  const dryRun = () => {
    if (job && !job.assets.length) {
      setPlan(job);
    } else if (what) {
      loadPlan(client, 'job' in what ? what.job.assets : what.keys).then(setPlan, failed);
    }
  };
  const start = async () => {
    if (!what) {
      throw new Error(trans.__('This selection means no asset.'));
    }
    const found = await checkConfig(client, what, config);
    setMistakes(found);
    if (found.length) {
      return;
    }
    if (chosen.length > 1 && !together) {
      const id = await startBackfill(client, runnable.target, chosen);
      navigator.notify(trans.__('Backfill %1 of %2 partitions is asked for; the daemon makes them.', id, chosen.length), 'success');
      navigator.openBackfills();
      return;
    }
    const given = tags.filter(tag => tag.key.trim()).map(tag => ({ key: tag.key.trim(), value: tag.value.trim() }));
    navigator.openRun(await launch(client, what, config, [...given, ...partitionTags(chosen)]));
  };
  // The buttons stand still once they can be pressed: the form above them is there.
  const settled = what !== null && (partitions.known || partitions.problem !== null) && isKnown;
  const ready = settled && partitions.known && mistakes.length === 0 && (keys.length === 0 || chosen.length > 0);
  return (
    <div className="cm-page cm-launchpad">
      <h1>{trans.__('Launchpad')}</h1>
      {problem && <Note kind="problem">{problem}</Note>}
      <div className="cm-form">
        <label>
          {trans.__('What')}
          <select value={target} onChange={event => setTarget(event.target.value)}>
            <option value={ASSETS}>{trans.__('Assets…')}</option>
            {(jobs ?? []).map(one => (
              <option key={nameOf(one)} value={nameOf(one)}>
                {trans.__('Job %1 (%2)', one.name, one.location)}
              </option>
            ))}
          </select>
        </label>
        {job?.description && <p className="cm-hint">{job.description}</p>}
        {!job && (
          <>
            <label>
              {trans.__('Selection')}
              <input
                value={selection}
                list="cm-asset-keys"
                placeholder='daily_delays, *carriers, group:"raw"'
                spellCheck={false}
                onChange={event => setSelection(event.target.value)}
              />
            </label>
            <datalist id="cm-asset-keys">
              {model.assets.slice(0, 500).map(asset => (
                <option key={asset.key} value={asset.key} />
              ))}
            </datalist>
            <p className="cm-hint" role="status">
              {trouble ?? saidOf(what)}
            </p>
          </>
        )}
      </div>
      {partitions.problem && <Note kind="problem">{partitions.problem}</Note>}
      {keys.length > 0 && range && (
        <section aria-label={trans.__('Partitions')}>
          <h2>{trans.__('Partitions')}</h2>
          <RangePicker keys={keys} states={runnable.states} range={range} onChange={partitions.setRange} />
          {chosen.length > 1 && runnable.perRun.length > 0 && (
            <Together runnable={runnable} chosen={chosen.length} together={together} onChange={setTogether} />
          )}
        </section>
      )}
      <Configuration config={config} schema={schema} mistakes={mistakes} onChange={setConfig} navigator={navigator} />
      <section aria-label={trans.__('Tags of the run')}>
        <h2>{trans.__('Tags')}</h2>
        <Tags tags={tags} known={tagKeys ?? []} onChange={setTags} />
      </section>
      <div className="cm-toolbar cm-actions">
        <Button
          primary
          label={chosen.length > 1 && !together ? trans.__('Launch backfill') : trans.__('Launch')}
          title={trans.__('Start the run')}
          disabled={!ready}
          onClick={() => void start().catch(failed)}
        />
        <Button label={trans.__('Dry run')} title={trans.__('Show what would run, and why')} disabled={!settled} onClick={dryRun} />
      </div>
      {plan && chosen.length > 1 && <Note>{runsOf(runnable, chosen, together)}</Note>}
      {plan && (Array.isArray(plan) ? <Plan cells={plan} navigator={navigator} /> : <Ops job={plan} />)}
    </div>
  );
}

const nameOf = (job: IJob) => `${job.location}/${job.name}`;

function saidOf(what: IWhat | null): string {
  return what && 'keys' in what
    ? trans._n('%1 asset.', '%1 assets.', what.keys.length)
    : trans.__('*name adds everything upstream, name* everything downstream; combine with and, or, not.');
}

function partitionTags(chosen: readonly string[]): ITag[] {
  if (chosen.length < 2) {
    return chosen.map(value => ({ key: PARTITION, value }));
  }
  return [
    { key: RANGE_START, value: chosen[0] },
    { key: RANGE_END, value: chosen[chosen.length - 1] }
  ];
}

/** The assets that a selection means. */
interface IMeant {
  selection: string;
  keys: string[];
  trouble: string | null;
}

const NONE: IMeant = { selection: '', keys: [], trouble: null };

/** What is to be run: the job, or the assets that the selection means; null while that is nothing. */
function useWhat(client: Client, job: IJob | null, selection: string): { what: IWhat | null; trouble: string | null } {
  const [found, setFound] = useState<IMeant>(NONE);
  useEffect(() => {
    let wanted = true;
    if (job || !selection.trim()) {
      setFound(NONE);
      return;
    }
    const timer = setTimeout(() => {
      selectKeys(client, selection).then(
        keys => wanted && setFound({ selection, keys, trouble: keys.length ? null : trans.__('This selection means no asset.') }),
        error => wanted && setFound({ selection, keys: [], trouble: error.message })
      );
    }, QUIET_MS);
    return () => {
      wanted = false;
      clearTimeout(timer);
    };
  }, [client, job, selection]);
  // What an earlier text meant is not started while the server looks at this one.
  const isKnown = found.selection === selection;
  const what = useMemo(() => (job ? { job } : isKnown && found.keys.length ? { keys: found.keys } : null), [job, found, isKnown]);
  return { what, trouble: isKnown ? found.trouble : null };
}

/** The schema of what is to be run, and every mistake of its configuration. */
function useConfig(client: Client, what: IWhat | null, config: string) {
  const { value, problem } = useLoaded(async () => ({ schema: what ? await loadSchema(client, what) : null }), [what]);
  const [mistakes, setMistakes] = useState<IMistake[]>([]);
  useEffect(() => {
    let wanted = true;
    if (!what) {
      setMistakes([]);
      return;
    }
    const timer = setTimeout(() => {
      checkConfig(client, what, config).then(
        found => wanted && setMistakes(found),
        error => wanted && setMistakes([{ message: error.message, path: [], line: 1 }])
      );
    }, QUIET_MS);
    return () => {
      wanted = false;
      clearTimeout(timer);
    };
  }, [client, what, config]);
  return { mistakes, setMistakes, schema: value?.schema ?? null, isKnown: value !== null || problem !== null };
}

const NOTHING: IRunnable = { keys: [], states: [], perRun: [], target: { keys: [] } };

/** Whether one run makes all that is chosen; where the code of an asset makes fewer at once, how to let it. */
function Together(props: {
  runnable: IRunnable;
  chosen: number;
  together: boolean;
  onChange(together: boolean): void;
}): JSX.Element {
  const refused = tooMany(props.runnable, props.chosen);
  return (
    <>
      <label className="cm-check">
        <input
          type="checkbox"
          checked={props.together}
          disabled={refused.length > 0}
          aria-describedby={refused.length ? 'cm-together' : undefined}
          onChange={event => props.onChange(event.target.checked)}
        />{' '}
        {trans.__('all of them in one run, instead of a backfill')}
      </label>
      {refused.length > 0 && (
        <p id="cm-together" className="cm-about">
          {trans.__(
            'One run cannot make them all: %1. For one run, let the code read context.partition_keys and give it --backfill-policy single_run, in a module BackfillPolicy.single_run().',
            refused.slice(0, 3).map(one => trans.__('%1 (at most %2 a run)', one.key, one.limit)).join(', ') + (refused.length > 3 ? ', …' : '')
          )}
        </p>
      )}
    </>
  );
}

/** How the chosen partitions are spread over runs, for the dry run. */
function runsOf(runnable: IRunnable, chosen: readonly string[], together: boolean): string {
  const [first, last] = [chosen[0], chosen[chosen.length - 1]];
  if (together) {
    return trans.__('One run makes the %1 partitions from %2 to %3 at once.', chosen.length, first, last);
  }
  return runnable.perRun.some(({ limit }) => limit !== 1)
    ? trans.__('A backfill makes the %1 partitions from %2 to %3, in as few runs as the policies allow.', chosen.length, first, last)
    : trans.__('A backfill makes the %1 partitions from %2 to %3, with a run for each.', chosen.length, first, last);
}

/** The partitions of what is to be run, the newest chosen at first. */
function usePartitions(client: Client, what: IWhat | null) {
  const { value, problem } = useLoaded(() => (what ? loadRange(client, what) : Promise.resolve(NOTHING)), [what]);
  const [range, setRange] = useState<IRange | null>(null);
  const runnable = value ?? NOTHING;
  const { keys } = runnable;
  const newest = keys[keys.length - 1];
  useEffect(() => setRange(newest === undefined ? null : { first: newest, last: newest }), [newest]);
  return { runnable, known: value !== null, problem, range, setRange };
}

/** The text of the configuration with its mistakes, and a form beside it where its schema is known. */
function Configuration(props: {
  config: string;
  schema: ISchema | null;
  mistakes: IMistake[];
  navigator: INavigator;
  onChange(text: string): void;
}): JSX.Element {
  const { config, schema, mistakes, onChange } = props;
  const { value, problem } = readConfig(config);
  const isJson = /^\s*[{[]/.test(config);
  return (
    <section aria-label={trans.__('Run configuration')}>
      <header className="cm-heading">
        <h2>{trans.__('Configuration')}</h2>
        <span role="group" aria-label={trans.__('Language')} className="cm-joined">
          <Button label="YAML" pressed={!isJson} onClick={() => onChange(asLanguage(config, 'yaml'))} />
          <Button label="JSON" pressed={isJson} onClick={() => onChange(asLanguage(config, 'json'))} />
        </span>
      </header>
      <div className={schema ? 'cm-columns' : ''}>
        <div>
          <ConfigEditor
            label={trans.__('Configuration')}
            describedBy="cm-mistakes"
            value={config}
            hint={'ops:\n  my_op:\n    config: {}'}
            schema={schema}
            mistakes={mistakes}
            onChange={onChange}
          />
          <ul id="cm-mistakes" className="cm-mistakes" aria-live="polite">
            {mistakes.map((one, i) => (
              <li key={i} data-line={one.line}>
                <strong>{trans.__('Line %1', one.line)}</strong> {one.path.length > 0 && <code>{one.path.join(' › ')}</code>}{' '}
                {one.message}
              </li>
            ))}
          </ul>
          {schema && <p className="cm-about">{trans.__('Ctrl+Space shows what can stand at the cursor.')}</p>}
        </div>
        {schema &&
          (problem ? (
            <Note>{trans.__('The form is here again when the text can be read.')}</Note>
          ) : (
            <ConfigForm schema={schema} value={value} onChange={(path, next) => onChange(withValue(config, path, next))} />
          ))}
      </div>
    </section>
  );
}
