import { useEffect, useState } from 'react';

import type { CatalogueModel } from '../model/catalogue';
import { ago, duration } from '../model/format';
import { followRun, IMessage, loadRun, reexecuteAssets, reexecuteOps, reexecuteRun, terminateRun } from '../model/runs';
import { trans } from '../text';
import { Executed, Selection } from './executed';
import { Gantt } from './gantt';
import { useLoaded } from './hooks';
import { Log } from './log';
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
    return <Note kind="wait">{trans.__('Loading run %1…', runId.slice(0, 8))}</Note>;
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
  const steps = run.stepStats.map(step => step.stepKey);
  const parts = assets.length ? assets : steps;
  const runSome = (keys: string[]) =>
    follow(assets.length ? reexecuteAssets(client, run, keys) : reexecuteOps(client, run, keys));
  return (
    <article className="cm-page" data-run={runId}>
      <header>
        <h1>{trans.__('Run %1', runId.slice(0, 8))}</h1>
        <StatusWord status={run.status} />
        {run.canTerminate && (
          <Button label={trans.__('Cancel')} title={trans.__('Stop this run')} onClick={() => act(terminateRun(client, runId), 'Stopping…')} />
        )}
        {FINISHED.includes(run.status) && (
          <Button label={trans.__('Run again')} onClick={() => follow(reexecuteRun(client, runId, 'ALL_STEPS'))} />
        )}
        {FINISHED.includes(run.status) && parts.length > 1 && (
          <Button
            label={trans.__('Run some again…')}
            title={trans.__('Run some again…: choose which assets or steps are run again')}
            pressed={choosing}
            onClick={() => setChoosing(!choosing)}
          />
        )}
        {run.status === 'FAILURE' && (
          <Button primary label={trans.__('Run again from failure')} onClick={() => follow(reexecuteRun(client, runId, 'FROM_FAILURE'))} />
        )}
      </header>
      {choosing && <Selection keys={parts} onRun={runSome} />}
      <dl className="cm-facts">
        <dt>{trans.__('Job')}</dt>
        <dd>{jobName(run.jobName)}</dd>
        <dt>{trans.__('Assets')}</dt>
        <dd>
          {assets.map(key => (
            <Jump key={key} onClick={() => navigator.openAsset(key)}>
              {key}
            </Jump>
          ))}
        </dd>
        <dt>{trans.__('Created')}</dt>
        <dd title={new Date(run.creationTime * 1000).toLocaleString()}>{ago(run.creationTime)}</dd>
        {run.startTime !== null && (
          <>
            <dt>{run.endTime === null ? trans.__('Runs for') : trans.__('Took')}</dt>
            <dd>{duration((run.endTime ?? Date.now() / 1000) - run.startTime)}</dd>
          </>
        )}
        {run.tags.length > 0 && (
          <>
            <dt>{trans.__('Tags')}</dt>
            <dd>
              {run.tags.map(tag => (
                <span key={tag.key} className="cm-mark" title={`${tag.key}: ${tag.value}`}>
                  {tag.key.replace(/^(dagster|cellmill)\//, '')}: {tag.value}
                </span>
              ))}
            </dd>
          </>
        )}
        {run.parentRunId && (
          <>
            <dt>{trans.__('Again after')}</dt>
            <dd>
              <Jump onClick={() => navigator.openRun(run.parentRunId ?? '')}>{run.parentRunId.slice(0, 8)}</Jump>
            </dd>
          </>
        )}
      </dl>
      {failure && (
        <Note kind="problem">
          <strong>{trans.__('Why it failed')}</strong>
          {'\n'}
          {failure.message}
        </Note>
      )}
      <Gantt client={client} run={run} />
      {lost && <Note kind="problem">{trans.__('The log stopped: %1', lost)}</Note>}
      <div className={run.executedNotebooks.length ? 'cm-columns' : ''}>
        <Log messages={messages} />
        <Executed client={client} run={run} />
      </div>
      {run.runConfigYaml.trim() !== '' && run.runConfigYaml.trim() !== '{}' && (
        <section>
          <h2>{trans.__('Configuration')}</h2>
          <pre className="cm-code">{run.runConfigYaml}</pre>
        </section>
      )}
    </article>
  );
}
