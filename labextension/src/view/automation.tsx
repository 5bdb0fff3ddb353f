import { useEffect, useState } from 'react';

import type { Client } from '../client';
import {
  dryRun,
  IDryRun,
  IItem,
  IRepository,
  ISchedule,
  IState,
  ITick,
  loadAutomation,
  pin,
  switchAutomation,
  switchConditions,
  turnDaemon
} from '../model/automation';
import type { CatalogueModel } from '../model/catalogue';
import { ago } from '../model/format';
import { trans } from '../text';
import { Evaluations } from './evaluations';
import { useLoaded } from './hooks';
import { Button, INavigator, Jump, Note } from './parts';
import { Pinned } from './pinned';
import { jobName } from './runs';

/** Milliseconds between two looks. */
const LOOK_MS = 3000;

/** Schedules, sensors and conditions with their switches and last ticks; the daemon; broken locations. */
export function Automation(props: { model: CatalogueModel; navigator: INavigator }): JSX.Element {
  const { model, navigator } = props;
  const { client } = model;
  const { value, problem, again } = useLoaded(() => loadAutomation(client), []);
  useEffect(() => {
    const timer = setInterval(again, LOOK_MS);
    return () => clearInterval(timer);
  }, [again]);
  if (problem) {
    return <Note kind="problem">{problem}</Note>;
  }
  if (!value) {
    return <Note kind="wait">{trans.__('Loading automation…')}</Note>;
  }
  const act = (what: Promise<unknown>) => void what.then(again, error => navigator.notify(error.message, 'error'));
  const none = !value.conditions && value.repositories.every(one => one.schedules.length + one.sensors.length === 0);
  const alive = value.daemons.some(daemon => daemon.healthy);
  return (
    <div className="cm-page">
      <header>
        <h1>{trans.__('Automation')}</h1>
        <DaemonSwitch client={client} alive={alive} navigator={navigator} onTurned={again} />
      </header>
      {!alive && <Note kind="problem">{trans.__('No daemon is running, so nothing starts by itself.')}</Note>}
      {value.broken.map(location => (
        <Note key={location.name} kind="problem">
          {trans.__('%1 could not be loaded: %2', location.name, location.message)}
        </Note>
      ))}
      {none && (
        <Note>
          {trans.__('Nothing starts by itself yet. Write a schedule into a notebook, with the button in its toolbar or as a line:')}
          <pre>%schedule "0 6 * * *" my_table</pre>
        </Note>
      )}
      {value.conditions && (
        <section>
          <h2>{trans.__('Conditions of assets')}</h2>
          <ul className="cm-automations">
            <Item
              name={trans.__('conditions')}
              what={trans.__('of all assets that no sensor has')}
              state={value.conditions}
              client={client}
              navigator={navigator}
              onTurn={on => act(switchConditions(client, on))}
            />
          </ul>
        </section>
      )}
      {value.repositories.map(repository => (
        <Repository key={`${repository.location.name}/${repository.name}`} {...{ repository, client, navigator, act }} />
      ))}
    </div>
  );
}

/** Starts a daemon, or stops it: on the server's machine. */
export function DaemonSwitch(props: { client: Client; alive: boolean; navigator: INavigator; onTurned(): void }): JSX.Element {
  const { client, alive, navigator } = props;
  const [turning, setTurning] = useState(false);
  const turn = () => {
    setTurning(true);
    void turnDaemon(client, !alive)
      .then(
        () => navigator.notify(alive ? trans.__('The daemon has stopped.') : trans.__('The daemon runs.'), 'success'),
        error => navigator.notify(error.message, 'error')
      )
      .finally(() => {
        setTurning(false);
        props.onTurned();
      });
  };
  return (
    <span className="cm-daemon">
      <span className={`cm-status cm-status-${alive ? 'success' : 'failure'}`}>
        {alive ? trans.__('daemon runs') : trans.__('no daemon')}
      </span>
      <Button
        primary={!alive}
        label={alive ? trans.__('Stop daemon') : trans.__('Start daemon')}
        title={
          alive
            ? trans.__('Stop daemon: schedules, sensors and the queue wait; runs that go on are not stopped')
            : trans.__('Start daemon: a process on the server that goes on when the server ends')
        }
        disabled={turning}
        onClick={turn}
      />
    </span>
  );
}

function Repository(props: {
  repository: IRepository;
  client: Client;
  navigator: INavigator;
  act(what: Promise<unknown>): void;
}): JSX.Element {
  const { repository, client, navigator, act } = props;
  if (repository.schedules.length + repository.sensors.length === 0) {
    return <></>;
  }
  const turn = (item: IItem) => (on: boolean) => act(switchAutomation(client, repository, item, on));
  const pinning = (schedule: ISchedule) => (pinned: boolean) => act(pin(client, repository, schedule, pinned));
  const common = { client, navigator };
  return (
    <section>
      <h2>{repository.location.name}</h2>
      <ul className="cm-automations">
        {repository.schedules.map(schedule => (
          <Item
            key={schedule.name}
            {...common}
            name={schedule.name}
            about={schedule.description}
            what={`${schedule.cronSchedule}${schedule.executionTimezone ? ` (${schedule.executionTimezone})` : ''}`}
            next={schedule.futureTicks.results.map(tick => tick.timestamp)}
            state={schedule.scheduleState}
            onTurn={turn({ schedule })}
            onDryRun={() => dryRun(client, repository, { schedule })}
            onPin={schedule.pinnedVersion ? undefined : () => pinning(schedule)(true)}
          >
            {schedule.pinnedVersion && <Pinned name={schedule.name} version={schedule.pinnedVersion} onPin={pinning(schedule)} />}
          </Item>
        ))}
        {repository.sensors.map(sensor => (
          <Item
            key={sensor.name}
            {...common}
            name={sensor.name}
            about={sensor.description}
            what={trans.__('sensor, every %1 s', sensor.minIntervalSeconds)}
            state={sensor.sensorState}
            onTurn={turn({ sensor })}
            onDryRun={() => dryRun(client, repository, { sensor })}
          />
        ))}
      </ul>
    </section>
  );
}

function Item(props: {
  name: string;
  what: string;
  about?: string | null;
  next?: number[];
  state: IState;
  client: Client;
  navigator: INavigator;
  children?: React.ReactNode;
  onTurn(on: boolean): void;
  onDryRun?(): Promise<IDryRun>;
  onPin?(): void;
}): JSX.Element {
  const { name, state, client, navigator, next } = props;
  const [opened, setOpened] = useState<ITick | null>(null);
  const [asked, setAsked] = useState<IAsked | null>(null);
  const on = state.status === 'RUNNING';
  const time = (at: number) => new Date(at * 1000).toLocaleString();
  return (
    <li data-name={name}>
      <div className="cm-item">
        <button
          type="button"
          role="switch"
          className="cm-switch"
          aria-checked={on}
          aria-label={on ? trans.__('%1 is on', name) : trans.__('%1 is off', name)}
          onClick={() => props.onTurn(!on)}
        />
        <span className="cm-item-name">
          <strong>{name}</strong> <code>{props.what}</code>
          {props.about && <div className="cm-when">{props.about}</div>}
        </span>
        <span className="cm-ticks">
          {[...state.ticks].reverse().map(tick => (
            <Tick key={tick.id} tick={tick} pressed={opened?.id === tick.id} onOpen={() => setOpened(opened?.id === tick.id ? null : tick)} />
          ))}
        </span>
        <span className="cm-when" title={next?.map(time).join('\n')}>
          {on && next?.length ? trans.__('next %1', time(next[0])) : ''}
        </span>
        <span className="cm-item-actions">
          {props.onPin && (
          <Button
            label={trans.__('Pin')}
            title={trans.__('Pin: let %1 run the notebooks as they are now, whatever is saved later', name)}
            onClick={props.onPin}
          />
        )}
        {props.onDryRun && (
          <Button
            label={trans.__('Dry run')}
            title={trans.__('Dry run: what %1 would start now', name)}
            onClick={() => {
              setAsked({ problem: null, answer: null });
              props.onDryRun?.().then(
                answer => setAsked({ problem: null, answer }),
                error => setAsked({ problem: error.message, answer: null })
              );
            }}
          />
        )}
        </span>
      </div>
      {props.children}
      {opened && <TickDetails tick={opened} stateId={state.id} client={client} navigator={navigator} />}
      {asked !== null && <Asked {...asked} onClose={() => setAsked(null)} />}
    </li>
  );
}

/** A tick as it is said: how it ended, when, and what came of it. */
function saidOf(tick: ITick): string {
  const came = tick.error?.message ?? tick.skipReason ?? trans._n('%1 run', '%1 runs', tick.runIds.length);
  return `${tick.status.toLowerCase()} ${ago(tick.timestamp)}: ${came}`;
}

function Tick(props: { tick: ITick; pressed: boolean; onOpen(): void }): JSX.Element {
  const words = saidOf(props.tick);
  return (
    <button
      type="button"
      className={`cm-tick cm-tick-${props.tick.status.toLowerCase()}`}
      title={words}
      aria-label={words}
      aria-pressed={props.pressed}
      onClick={props.onOpen}
    />
  );
}

/** One tick: its runs, why it started none, and how conditions were evaluated. */
function TickDetails(props: { tick: ITick; stateId: string; client: Client; navigator: INavigator }): JSX.Element {
  const { tick, stateId, client, navigator } = props;
  return (
    <div className="cm-card cm-tick-details" role="region" aria-label={trans.__('Tick of %1', new Date(tick.timestamp * 1000).toLocaleString())}>
      <p>
        <strong>{new Date(tick.timestamp * 1000).toLocaleString()}</strong> {saidOf(tick)}
      </p>
      {tick.runIds.map(id => (
        <Jump key={id} title={trans.__('Open run %1', id.slice(0, 8))} onClick={() => navigator.openRun(id)}>
          {trans.__('run %1', id.slice(0, 8))}
        </Jump>
      ))}
      <Evaluations client={client} stateId={stateId} tick={tick} navigator={navigator} />
    </div>
  );
}

/** A dry run: neither an answer nor a problem while it goes on. */
interface IAsked {
  answer: IDryRun | null;
  problem: string | null;
}

/** What a dry run answered. */
function Asked(props: IAsked & { onClose(): void }): JSX.Element {
  const { answer, problem } = props;
  return (
    <div className="cm-card cm-dry-run" role="status">
      {problem !== null ? (
        <Note kind="problem">{problem}</Note>
      ) : answer === null ? (
        <p>{trans.__('Asking…')}</p>
      ) : answer.runRequests.length === 0 ? (
        <p>{trans.__('It would start nothing: %1', answer.skipReason ?? trans.__('it asked for no run.'))}</p>
      ) : (
        <>
          <p>{trans._n('It would start %1 run:', 'It would start %1 runs:', answer.runRequests.length)}</p>
          <ul>
            {answer.runRequests.map((run, i) => (
              <li key={i}>
                <strong>{run.assetSelection?.join(', ') || (run.jobName ? jobName(run.jobName) : trans.__('its target'))}</strong>
                {run.runKey && <span className="cm-mark">{trans.__('run key %1', run.runKey)}</span>}
                {run.tags.map(tag => (
                  <span key={tag.key} className="cm-mark" title={`${tag.key}: ${tag.value}`}>
                    {tag.key.replace(/^(dagster|cellmill)\//, '')}: {tag.value}
                  </span>
                ))}
                {run.runConfigYaml && <pre className="cm-code">{run.runConfigYaml}</pre>}
              </li>
            ))}
          </ul>
        </>
      )}
      {answer !== null && answer.cursor !== null && <p className="cm-when">{trans.__('Its cursor would be %1.', answer.cursor)}</p>}
      <Button label={trans.__('Close')} onClick={props.onClose} />
    </div>
  );
}
