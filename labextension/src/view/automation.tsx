import { useEffect } from 'react';

import type { CatalogueModel } from '../model/catalogue';
import { ago } from '../model/format';
import { IRepository, IState, ITick, loadAutomation, switchAutomation } from '../model/runs';
import { useLoaded } from './hooks';
import { INavigator, Note } from './parts';

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
              />
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
    </li>
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
