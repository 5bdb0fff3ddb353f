import { useEffect, useState } from 'react';

import type { CatalogueModel } from '../model/catalogue';
import { checkConfig, IMistake, IPlanned, launch, loadJobs, loadPlan, readTags, selectKeys } from '../model/launch';
import { useLoaded } from './hooks';
import { Button, INavigator, Jump, Note } from './parts';

const ASSETS = '';

/** Start a run by hand: what, for which partition, configured how; with every mistake at its line before it starts. */
export function Launchpad(props: { model: CatalogueModel; navigator: INavigator; selection?: string }): JSX.Element {
  const { model, navigator } = props;
  const { client } = model;
  const { value: jobs, problem } = useLoaded(() => loadJobs(client), []);
  const [target, setTarget] = useState(ASSETS);
  const [selection, setSelection] = useState(props.selection ?? '');
  const [partition, setPartition] = useState('');
  const [config, setConfig] = useState('');
  const [tags, setTags] = useState('');
  const [mistakes, setMistakes] = useState<IMistake[]>([]);
  const [plan, setPlan] = useState<IPlanned[] | null>(null);
  const job = jobs?.find(one => `${one.location}/${one.name}` === target);

  useEffect(() => {
    setMistakes([]);
    if (!job) {
      return;
    }
    let wanted = true;
    const timer = setTimeout(() => {
      checkConfig(client, job, config).then(
        found => wanted && setMistakes(found),
        error => wanted && setMistakes([{ message: error.message, path: [], line: 1 }])
      );
    }, 250);
    return () => {
      wanted = false;
      clearTimeout(timer);
    };
  }, [target, config, jobs]);

  const failed = (error: Error) => navigator.notify(error.message, 'error');
  const dryRun = () =>
    void selectKeys(client, selection)
      .then(keys => loadPlan(client, keys))
      .then(setPlan, failed);
  const start = async () => {
    const more = partition.trim() ? [{ key: 'dagster/partition', value: partition.trim() }] : [];
    const keys = job ? [] : await selectKeys(client, selection);
    if (!job && !keys.length) {
      throw new Error('This selection means no asset.');
    }
    navigator.openRun(await launch(client, job ? { job } : { keys }, config, [...readTags(tags), ...more]));
  };
  const ready = job ? mistakes.length === 0 : selection.trim() !== '';
  return (
    <div className="cm-page">
      <h1>Launchpad</h1>
      {problem && <Note kind="problem">{problem}</Note>}
      <div className="cm-form">
        <label>
          What
          <select value={target} onChange={event => setTarget(event.target.value)}>
            <option value={ASSETS}>Assets…</option>
            {(jobs ?? []).map(one => (
              <option key={`${one.location}/${one.name}`} value={`${one.location}/${one.name}`}>
                Job {one.name} ({one.location})
              </option>
            ))}
          </select>
        </label>
        {!job && (
          <>
            <label>
              Selection
              <input
                value={selection}
                list="cm-asset-keys"
                placeholder='daily_delays, *carriers, group:"raw"'
                spellCheck={false}
                onChange={event => {
                  setSelection(event.target.value);
                  setPlan(null);
                }}
              />
            </label>
            <datalist id="cm-asset-keys">
              {model.assets.slice(0, 500).map(asset => (
                <option key={asset.key} value={asset.key} />
              ))}
            </datalist>
            <p className="cm-hint">*name adds everything upstream, name* everything downstream; combine with and, or, not.</p>
          </>
        )}
        <label>
          Partition
          <input value={partition} placeholder="none" spellCheck={false} onChange={event => setPartition(event.target.value)} />
        </label>
        <label>
          Configuration
          <textarea
            rows={8}
            value={config}
            aria-invalid={mistakes.length > 0}
            aria-describedby="cm-mistakes"
            placeholder={'ops:\n  my_op:\n    config: {}'}
            spellCheck={false}
            onChange={event => setConfig(event.target.value)}
          />
        </label>
        <ul id="cm-mistakes" className="cm-mistakes" aria-live="polite">
          {mistakes.map((one, i) => (
            <li key={i} data-line={one.line}>
              <strong>Line {one.line}</strong> {one.path.length > 0 && <code>{one.path.join(' › ')}</code>} {one.message}
            </li>
          ))}
        </ul>
        <label>
          Tags
          <textarea rows={2} value={tags} placeholder="key=value" spellCheck={false} onChange={event => setTags(event.target.value)} />
        </label>
      </div>
      <div className="cm-toolbar">
        <Button primary label="Launch" title="Start the run" disabled={!ready} onClick={() => void start().catch(failed)} />
        {!job && <Button label="Dry run" title="Show what would run, and why" disabled={!ready} onClick={dryRun} />}
      </div>
      {plan && <Plan cells={plan} navigator={navigator} />}
    </div>
  );
}

function Plan(props: { cells: IPlanned[]; navigator: INavigator }): JSX.Element {
  if (!props.cells.length) {
    return <Note>This selection means no asset, so nothing would run.</Note>;
  }
  return (
    <section aria-label="What would run">
      <h2>
        {props.cells.length} {props.cells.length === 1 ? 'cell' : 'cells'} would run
      </h2>
      <table className="cm-table">
        <thead>
          <tr>
            <th scope="col">Where</th>
            <th scope="col">Makes</th>
            <th scope="col">Why</th>
          </tr>
        </thead>
        <tbody>
          {props.cells.map((cell, i) => (
            <tr key={i}>
              <td>
                {cell.notebook ?? 'module'}
                {cell.cellIndex === null ? '' : `, cell ${cell.cellIndex + 1}`}
              </td>
              <td>
                {cell.assets.map(key => (
                  <Jump key={key} onClick={() => props.navigator.openAsset(key)}>
                    {key}
                  </Jump>
                ))}
              </td>
              <td>{cell.why}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}
