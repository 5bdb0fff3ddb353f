import { useEffect, useState } from 'react';

import type { Client } from '../client';
import { IRunDetails, loadPrinted } from '../model/runs';
import { trans } from '../text';
import { useLoaded } from './hooks';
import { Button, Note } from './parts';
import { isDark } from './theme';

/** The notebooks that a run executed, as cells with what they showed; in an origin of its own, which can do nothing here. */
export function Executed(props: { client: Client; run: IRunDetails }): JSX.Element {
  const { client, run } = props;
  const [chosen, setChosen] = useState(0);
  const notebook = run.executedNotebooks[chosen] ?? run.executedNotebooks[0];
  if (!notebook) {
    return <></>;
  }
  const path = `cellmill/runs/${run.runId}/notebook/${notebook.name.split('/').map(encodeURIComponent).join('/')}`;
  const url = client.transport.url(path);
  const finished = run.stepStats.filter(step => step.endTime !== null).length;
  return (
    <section aria-label={trans.__('Executed notebook')}>
      <h2>{trans.__('Executed notebook')}</h2>
      <div className="cm-toolbar">
        {run.executedNotebooks.length > 1 ? (
          <select aria-label={trans.__('Which notebook')} value={chosen} onChange={event => setChosen(Number(event.target.value))}>
            {run.executedNotebooks.map(({ name }, i) => (
              <option key={name} value={i}>
                {name}
              </option>
            ))}
          </select>
        ) : (
          <code>{notebook.name}</code>
        )}
        <a href={url} target="_blank" rel="noreferrer">
          {trans.__('in a tab of its own')}
        </a>
        <a href={`${url}?download=1`}>{trans.__('download')}</a>
      </div>
      <iframe
        key={`${notebook.name} ${run.status} ${finished}`}
        className="cm-output cm-notebook"
        sandbox=""
        title={trans.__('The notebook %1 as it was executed', notebook.name)}
        src={`${url}?theme=${isDark() ? 'dark' : 'light'}`}
      />
    </section>
  );
}

/** What a step printed: text, whatever it holds. */
export function Printed(props: { client: Client; runId: string; stepKey: string; status: string | null }): JSX.Element {
  const { client, runId, stepKey, status } = props;
  const { value, problem } = useLoaded(
    () => Promise.all([loadPrinted(client, runId, 'out', stepKey), loadPrinted(client, runId, 'err', stepKey)]),
    [runId, stepKey, status]
  );
  if (problem) {
    return <Note kind="problem">{problem}</Note>;
  }
  if (!value) {
    return <Note kind="wait">{trans.__('Reading what')} {stepKey} {trans.__('printed…')}</Note>;
  }
  const [out, err] = value;
  if (!out && !err) {
    return <Note>{stepKey} {trans.__('printed nothing outside of a notebook. What a cell prints stands in the executed notebook.')}</Note>;
  }
  return (
    <div className="cm-printed">
      {out && <Stream name="stdout" stepKey={stepKey} text={out} />}
      {err && <Stream name="stderr" stepKey={stepKey} text={err} />}
    </div>
  );
}

function Stream(props: { name: string; stepKey: string; text: string }): JSX.Element {
  return (
    <figure>
      <figcaption>{props.name}</figcaption>
      <pre className="cm-code" tabIndex={0} aria-label={`${props.name} of ${props.stepKey}`}>
        {props.text}
      </pre>
    </figure>
  );
}

/** Choose which assets of a run are made again. */
export function Selection(props: { keys: readonly string[]; onRun(keys: string[]): void }): JSX.Element {
  const { keys } = props;
  const [left, setLeft] = useState<ReadonlySet<string>>(new Set());
  const chosen = keys.filter(key => !left.has(key));
  const joined = keys.join();
  useEffect(() => setLeft(new Set()), [joined]);
  return (
    <fieldset className="cm-choice">
      <legend>{trans.__('Make again')}</legend>
      {keys.map(key => (
        <label key={key}>
          <input
            type="checkbox"
            checked={!left.has(key)}
            onChange={event => {
              const next = new Set(left);
              if (event.target.checked) {
                next.delete(key);
              } else {
                next.add(key);
              }
              setLeft(next);
            }}
          />{' '}
          {key}
        </label>
      ))}
      <Button
        primary
        label={trans.__('Run %1 of %2', chosen.length, keys.length)}
        disabled={!chosen.length}
        onClick={() => props.onRun(chosen)}
      />
    </fieldset>
  );
}
