import { useEffect, useState } from 'react';

import type { Client } from '../client';
import type { CatalogueModel } from '../model/catalogue';
import { ago, duration } from '../model/format';
import {
  followRun,
  IError,
  IMessage,
  IRunDetails,
  IStep,
  loadRun,
  reexecuteAssets,
  reexecuteRun,
  terminateRun
} from '../model/runs';
import { Executed, Printed, Selection } from './executed';
import { useLoaded } from './hooks';
import { Button, INavigator, Jump, Note, StatusWord } from './parts';
import { jobName } from './runs';

const FINISHED = ['SUCCESS', 'FAILURE', 'CANCELED'];

/** One run: its steps in time, its live log, its notebooks, and what can be done about it. */
export function RunPage(props: { model: CatalogueModel; navigator: INavigator; runId: string }): JSX.Element {
  const { model, navigator, runId } = props;
  const client = model.client;
  const { value: run, problem, again } = useLoaded(() => loadRun(client, runId), [runId]);
  const [messages, setMessages] = useState<IMessage[]>([]);
  const [lost, setLost] = useState<string | null>(null);
  const [choosing, setChoosing] = useState(false);

  useEffect(() => {
    setMessages([]);
    return followRun(
      client,
      runId,
      batch => {
        setMessages(before => [...before, ...batch.messages]);
        again();
      },
      error => setLost(error.message)
    );
  }, [runId, again]);

  if (problem) {
    return <Note kind="problem">{problem}</Note>;
  }
  if (!run) {
    return <Note kind="wait">Loading run {runId.slice(0, 8)}…</Note>;
  }
  const failure = run.status === 'FAILURE' ? messages.find(one => /^(PIPELINE|RUN)_FAILURE$/.test(one.eventType ?? '')) : null;
  const act = (what: Promise<unknown>, done: string) =>
    void what.then(
      () => navigator.notify(done, 'info'),
      error => navigator.notify(error.message, 'error')
    );
  const follow = (started: Promise<string>) =>
    void started.then(
      id => {
        setChoosing(false);
        navigator.openRun(id);
      },
      error => navigator.notify(error.message, 'error')
    );
  const assets = (run.assetSelection ?? []).map(key => key.path.join('/'));
  return (
    <article className="cm-page">
      <header>
        <h1>Run {runId.slice(0, 8)}</h1>
        <StatusWord status={run.status} />
        {run.canTerminate && (
          <Button label="Cancel" title="Stop this run" onClick={() => act(terminateRun(client, runId), 'Stopping…')} />
        )}
        {FINISHED.includes(run.status) && (
          <Button label="Run again" onClick={() => follow(reexecuteRun(client, runId, 'ALL_STEPS'))} />
        )}
        {FINISHED.includes(run.status) && assets.length > 1 && (
          <Button
            label="Run some again…"
            title="Run some again…: choose which assets are made again"
            pressed={choosing}
            onClick={() => setChoosing(!choosing)}
          />
        )}
        {run.status === 'FAILURE' && (
          <Button primary label="Run again from failure" onClick={() => follow(reexecuteRun(client, runId, 'FROM_FAILURE'))} />
        )}
      </header>
      {choosing && <Selection keys={assets} onRun={keys => follow(reexecuteAssets(client, run, keys))} />}
      <dl className="cm-facts">
        <dt>Job</dt>
        <dd>{jobName(run.jobName)}</dd>
        <dt>Assets</dt>
        <dd>
          {assets.map(key => (
            <Jump key={key} onClick={() => navigator.openAsset(key)}>
              {key}
            </Jump>
          ))}
        </dd>
        <dt>Created</dt>
        <dd>{ago(run.creationTime)}</dd>
        {run.parentRunId && (
          <>
            <dt>Again after</dt>
            <dd>
              <Jump onClick={() => navigator.openRun(run.parentRunId ?? '')}>{run.parentRunId.slice(0, 8)}</Jump>
            </dd>
          </>
        )}
      </dl>
      {failure && (
        <Note kind="problem">
          <strong>Why it failed</strong>
          {'\n'}
          {failure.message}
        </Note>
      )}
      <Gantt client={client} run={run} />
      {lost && <Note kind="problem">The log stopped: {lost}</Note>}
      <div className={run.executedNotebooks.length ? 'cm-columns' : ''}>
        <Log messages={messages} />
        <Executed client={client} run={run} />
      </div>
      {run.runConfigYaml.trim() !== '' && run.runConfigYaml.trim() !== '{}' && (
        <section>
          <h2>Configuration</h2>
          <pre className="cm-code">{run.runConfigYaml}</pre>
        </section>
      )}
    </article>
  );
}

/** The steps as bars over the run's time; each opens to what it printed. */
function Gantt(props: { client: Client; run: IRunDetails }): JSX.Element {
  const { client, run } = props;
  const [opened, setOpened] = useState<string | null>(null);
  const shown = run.stepStats.find(step => step.stepKey === opened);
  const now = Date.now() / 1000;
  const begin = run.startTime ?? run.creationTime;
  const end = Math.max(run.endTime ?? now, begin + 0.001);
  const percent = (at: number) => Math.min(100, Math.max(0, (100 * (at - begin)) / (end - begin)));
  const bar = (step: IStep) => {
    const left = percent(step.startTime ?? end);
    return { left: `${left}%`, width: `${Math.max(0.5, percent(step.endTime ?? end) - left)}%` };
  };
  if (!run.stepStats.length) {
    return <></>;
  }
  return (
    <section aria-label="Steps">
      <h2>Steps</h2>
      <ul className="cm-gantt">
        {run.stepStats.map(step => (
          <li key={step.stepKey}>
            <button
              type="button"
              className="cm-jump cm-clip"
              title={`What ${step.stepKey} printed`}
              aria-expanded={step.stepKey === opened}
              onClick={() => setOpened(step.stepKey === opened ? null : step.stepKey)}
            >
              {step.stepKey}
            </button>
            <span className="cm-track">
              {step.startTime !== null && (
                <span className={`cm-bar cm-bar-${(step.status ?? '').toLowerCase()}`} style={bar(step)} />
              )}
            </span>
            <span className="cm-number">
              {step.startTime === null ? '' : duration((step.endTime ?? now) - step.startTime)}
            </span>
          </li>
        ))}
      </ul>
      {shown && <Printed client={client} runId={run.runId} stepKey={shown.stepKey} status={shown.status} />}
    </section>
  );
}

/** The traceback of the user's own error; around it is only the engine. */
function told(error: IError): string {
  let root = error;
  while (root.cause) {
    root = root.cause;
  }
  return [...root.stack, root.message].join('').trimEnd();
}

/** The log, newest last, filtered by text and level. */
function Log(props: { messages: IMessage[] }): JSX.Element {
  const [search, setSearch] = useState('');
  const [errors, setErrors] = useState(false);
  const wanted = search.toLowerCase();
  const shown = props.messages.filter(
    message =>
      (!errors || message.level === 'ERROR' || message.level === 'CRITICAL' || message.error) &&
      `${message.message} ${message.stepKey} ${message.eventType}`.toLowerCase().includes(wanted)
  );
  return (
    <section>
      <h2>Log</h2>
      <div className="cm-toolbar">
        <input
          type="search"
          className="cm-search"
          placeholder="Filter"
          aria-label="Filter the log"
          value={search}
          onChange={event => setSearch(event.target.value)}
        />
        <label>
          <input type="checkbox" checked={errors} onChange={event => setErrors(event.target.checked)} /> errors only
        </label>
      </div>
      <ol className="cm-log" aria-live="polite">
        {shown.map((message, i) => (
          <li key={i} className={`cm-level-${message.level.toLowerCase()}`}>
            <time>{new Date(Number(message.timestamp)).toLocaleTimeString()}</time>
            <span className="cm-event">{message.eventType ?? message.level}</span>
            <span className="cm-step">{message.stepKey}</span>
            <span className="cm-message">
              {message.message}
              {message.error && <pre>{told(message.error)}</pre>}
            </span>
          </li>
        ))}
      </ol>
    </section>
  );
}
