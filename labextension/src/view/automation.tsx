import { useEffect } from 'react';
import type React from 'react';

import type { CatalogueModel } from '../model/catalogue';
import { ago } from '../model/format';
import {
  IPinnedVersion,
  IRepository,
  ISchedule,
  IState,
  ITick,
  loadAutomation,
  pinSchedule,
  switchAutomation
} from '../model/runs';
import { useLoaded } from './hooks';
import { Button, INavigator, Note } from './parts';

/** Schedules and sensors with their switches and last ticks; daemons; broken locations. */
export function Automation(props: { model: CatalogueModel; navigator: INavigator }): JSX.Element {
  const { model, navigator } = props;
  const { value, problem, again } = useLoaded(() => loadAutomation(model.client), []);
  useEffect(() => {
    const timer = setInterval(again, 3000);
    return () => clearInterval(timer);
  }, [again]);
  if (problem) {
    return <Note kind="problem">{problem}</Note>;
  }
  if (!value) {
    return <Note kind="wait">Loading automation…</Note>;
  }
  const turn = (repository: IRepository, item: Parameters<typeof switchAutomation>[2], on: boolean) =>
    void switchAutomation(model.client, repository, item, on).then(again, error =>
      navigator.notify(error.message, 'error')
    );
  const pin = (repository: IRepository, schedule: ISchedule, pinned: boolean) =>
    void pinSchedule(model.client, repository, schedule, pinned).then(again, error =>
      navigator.notify(error.message, 'error')
    );
  const none = value.repositories.every(one => one.schedules.length === 0 && one.sensors.length === 0);
  const alive = value.daemons.some(daemon => daemon.healthy);
  return (
    <div className="cm-page">
      <h1>Automation</h1>
      {!alive && (
        <Note kind="problem">
          No daemon is running, so nothing starts by itself. Start one with <code>cellmill daemon</code>.
        </Note>
      )}
      {value.broken.map(location => (
        <Note key={location.name} kind="problem">
          <strong>{location.name}</strong> could not be loaded: {location.message}
        </Note>
      ))}
      {none && (
        <Note>
          No schedule yet. In a notebook: <code>%schedule "0 6 * * *" my_table</code>
        </Note>
      )}
      {value.repositories.map(repository => (
        <section key={`${repository.location.name}/${repository.name}`}>
          {repository.schedules.length + repository.sensors.length > 0 && <h2>{repository.location.name}</h2>}
          <ul className="cm-automations">
            {repository.schedules.map(schedule => (
              <Item
                key={schedule.name}
                name={schedule.name}
                what={`${schedule.cronSchedule}${schedule.executionTimezone ? ` (${schedule.executionTimezone})` : ''}`}
                next={schedule.futureTicks.results[0]?.timestamp}
                state={schedule.scheduleState}
                navigator={navigator}
                onTurn={on => turn(repository, { schedule }, on)}
              >
                <Pinned version={schedule.pinnedVersion} onPin={pinned => pin(repository, schedule, pinned)} />
              </Item>
            ))}
            {repository.sensors.map(sensor => (
              <Item
                key={sensor.name}
                name={sensor.name}
                what={`sensor, every ${sensor.minIntervalSeconds} s`}
                state={sensor.sensorState}
                navigator={navigator}
                onTurn={on => turn(repository, { sensor }, on)}
              />
            ))}
          </ul>
        </section>
      ))}
    </div>
  );
}

function Item(props: {
  name: string;
  what: string;
  next?: number;
  state: IState;
  navigator: INavigator;
  onTurn(on: boolean): void;
  children?: React.ReactNode;
}): JSX.Element {
  const on = props.state.status === 'RUNNING';
  return (
    <li data-name={props.name}>
      <button
        type="button"
        role="switch"
        className="cm-switch"
        aria-checked={on}
        aria-label={`${props.name} is ${on ? 'on' : 'off'}`}
        onClick={() => props.onTurn(!on)}
      />
      <strong>{props.name}</strong>
      <code>{props.what}</code>
      <span className="cm-ticks">
        {[...props.state.ticks].reverse().map(tick => (
          <Tick key={tick.timestamp} tick={tick} navigator={props.navigator} />
        ))}
      </span>
      <span className="cm-when">{on && props.next ? `next ${new Date(props.next * 1000).toLocaleString()}` : ''}</span>
      {props.children}
    </li>
  );
}

/** Whether a schedule runs a pinned version; what changed in its notebooks since, and the offer to promote. */
export function Pinned(props: { version: IPinnedVersion | null; onPin(pinned: boolean): void }): JSX.Element {
  const { version, onPin } = props;
  if (!version) {
    return (
      <Button label="Pin" title="Run the notebooks as they are now, whatever is saved later" onClick={() => onPin(true)} />
    );
  }
  const changed = version.changedCells;
  return (
    <>
      <span className="cm-when" title={version.notebooks.join(', ')}>
        pinned {ago(version.pinnedAt)}
      </span>
      <Button label="Unpin" title="Run the notebooks as they are at each launch" onClick={() => onPin(false)} />
      {changed.length > 0 && (
        <details className="cm-pinned">
          <summary>
            {changed.length} {changed.length === 1 ? 'cell has' : 'cells have'} changed since
          </summary>
          <ul>
            {changed.map(cell => (
              <li key={`${cell.notebook}/${cell.kind}/${cell.cell}`}>
                {cell.notebook} cell {cell.cell + 1} {cell.kind}: <code>{(cell.now || cell.before).split('\n')[0]}</code>
              </li>
            ))}
          </ul>
          <Button label="Promote" title="Run the notebooks as they are now" onClick={() => onPin(true)} />
        </details>
      )}
    </>
  );
}

function Tick(props: { tick: ITick; navigator: INavigator }): JSX.Element {
  const { tick } = props;
  const said = tick.error?.message ?? tick.skipReason ?? `${tick.runIds.length} runs`;
  const words = `${tick.status.toLowerCase()} ${ago(tick.timestamp)}: ${said}`;
  return (
    <button
      type="button"
      className={`cm-tick cm-tick-${tick.status.toLowerCase()}`}
      title={words}
      aria-label={words}
      disabled={!tick.runIds.length}
      onClick={() => props.navigator.openRun(tick.runIds[0])}
    />
  );
}
