import { useEffect, useState } from 'react';

import type { Client } from '../client';
import type { CatalogueModel } from '../model/catalogue';
import { IDeployment, ILocation, IPool, limitPool, loadDeployment } from '../model/deployment';
import { ago } from '../model/format';
import { terminateRun } from '../model/runs';
import { trans } from '../text';
import { DaemonSwitch } from './automation';
import { useLoaded } from './hooks';
import { Button, INavigator, Jump, Note, StatusWord } from './parts';
import { jobName } from './runs';

/** Milliseconds between two looks. */
const LOOK_MS = 5000;

interface IPart {
  value: IDeployment;
  client: Client;
  navigator: INavigator;
  again(): void;
}

/** Code locations with what is wrong with them, daemon, queue and pools, and how all is configured and stored. */
export function Deployment(props: { model: CatalogueModel; navigator: INavigator }): JSX.Element {
  const { model, navigator } = props;
  const { value, problem, again } = useLoaded(() => loadDeployment(model.client), []);
  useEffect(() => {
    const timer = setInterval(again, LOOK_MS);
    return () => clearInterval(timer);
  }, [again]);
  if (problem) {
    return <Note kind="problem">{problem}</Note>;
  }
  if (!value) {
    return <Note kind="wait">{trans.__('Loading…')}</Note>;
  }
  const reload = () => void model.reload().then(again, error => navigator.notify(error.message, 'error'));
  const part = { value, client: model.client, navigator, again };
  return (
    <div className="cm-page">
      <header>
        <h1>{trans.__('Deployment')}</h1>
        <Button label={trans.__('Reload')} title={trans.__('Reload: read all notebooks and modules again')} onClick={reload} />
      </header>
      <Locations locations={value.locations} />
      <Daemon {...part} />
      <Queue {...part} />
      <Pools {...part} />
      <Settings value={value} />
    </div>
  );
}

function Locations(props: { locations: ILocation[] }): JSX.Element {
  return (
    <section aria-label={trans.__('Code locations')}>
      <h2>{trans.__('Code locations')}</h2>
      <table className="cm-table">
        <thead>
          <tr>
            <th scope="col">{trans.__('Location')}</th>
            <th scope="col">{trans.__('State')}</th>
            <th scope="col">{trans.__('What is wrong')}</th>
          </tr>
        </thead>
        <tbody>
          {props.locations.map(location => (
            <tr key={location.name} data-location={location.name}>
              <td>{location.name}</td>
              <td>
                <StatusWord status={location.error !== null ? 'FAILURE' : location.problems.length ? 'PROBLEMS' : 'LOADED'} />
              </td>
              <td className="cm-text-cell">
                {location.error}
                {location.problems.map((one, i) => (
                  <div key={i}>
                    <code>{one.place}</code> {one.message} {one.remedy && <span className="cm-when">{one.remedy}</span>}
                  </div>
                ))}
                {location.error === null && !location.problems.length && '–'}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

function Daemon(props: IPart): JSX.Element {
  const { value, client, navigator, again } = props;
  const alive = value.daemons.some(daemon => daemon.healthy);
  return (
    <section aria-label={trans.__('Daemon')}>
      <header className="cm-heading">
        <h2>{trans.__('Daemon')}</h2>
        <DaemonSwitch client={client} alive={alive} navigator={navigator} onTurned={again} />
      </header>
      {!alive && (
        <Note kind="problem">{trans.__('No daemon is running: schedules, sensors, queued runs and backfills wait.')}</Note>
      )}
      {value.daemons.length > 0 && (
        <table className="cm-table">
          <thead>
            <tr>
              <th scope="col">{trans.__('Loop')}</th>
              <th scope="col">{trans.__('State')}</th>
              <th scope="col">{trans.__('Last heartbeat')}</th>
            </tr>
          </thead>
          <tbody>
            {value.daemons.map(daemon => (
              <tr key={daemon.daemonType}>
                <td>{daemon.daemonType.toLowerCase().replace(/_/g, ' ')}</td>
                <td>
                  <StatusWord status={daemon.healthy ? 'RUNNING' : 'STOPPED'} />
                </td>
                <td>{ago(daemon.lastHeartbeatTime)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </section>
  );
}

/** The runs that wait, in the order in which they are started. */
function Queue(props: IPart): JSX.Element {
  const { value, client, navigator, again } = props;
  const cancel = (id: string) => void terminateRun(client, id).then(again, error => navigator.notify(error.message, 'error'));
  return (
    <section aria-label={trans.__('Queue')}>
      <h2>{trans.__('Queue')}</h2>
      {value.queue.length === 0 ? (
        <Note>{trans.__('No run waits.')}</Note>
      ) : (
        <table className="cm-table">
          <thead>
            <tr>
              <th scope="col">{trans.__('Run')}</th>
              <th scope="col">{trans.__('Job')}</th>
              <th scope="col">{trans.__('Assets')}</th>
              <th scope="col">{trans.__('Waits since')}</th>
              <td />
            </tr>
          </thead>
          <tbody>
            {value.queue.map(run => (
              <tr key={run.runId} data-run={run.runId}>
                <td>
                  <Jump onClick={() => navigator.openRun(run.runId)}>{run.runId.slice(0, 8)}</Jump>
                </td>
                <td>{jobName(run.jobName)}</td>
                <td className="cm-clip">{(run.assetSelection ?? []).map(key => key.path.join('/')).join(', ')}</td>
                <td>{ago(run.creationTime)}</td>
                <td>
                  <Button label={trans.__('Cancel')} title={trans.__('Cancel run %1', run.runId.slice(0, 8))} onClick={() => cancel(run.runId)} />
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </section>
  );
}

/** Pools with their limits, who holds their slots, and a form for a limit. */
function Pools(props: IPart): JSX.Element {
  const { value, client, navigator, again } = props;
  const [name, setName] = useState('');
  const [slots, setSlots] = useState('1');
  const set = (pool: string, limit: number | null) =>
    void limitPool(client, pool, limit).then(again, error => navigator.notify(error.message, 'error'));
  return (
    <section aria-label={trans.__('Pools')}>
      <h2>{trans.__('Pools')}</h2>
      {value.pools.length === 0 && (
        <Note>{trans.__('No pool has a limit. Steps with the same pool share its slots: limit one, and the others wait.')}</Note>
      )}
      {value.pools.length > 0 && (
        <table className="cm-table">
          <thead>
            <tr>
              <th scope="col">{trans.__('Pool')}</th>
              <th scope="col">{trans.__('In use')}</th>
              <th scope="col">{trans.__('By')}</th>
              <td />
            </tr>
          </thead>
          <tbody>
            {value.pools.map(pool => (
              <Pool key={pool.concurrencyKey} pool={pool} navigator={navigator} onRemove={() => set(pool.concurrencyKey, null)} />
            ))}
          </tbody>
        </table>
      )}
      <form
        className="cm-inline"
        onSubmit={event => {
          event.preventDefault();
          set(name, Number(slots));
          setName('');
        }}
      >
        <label>
          {trans.__('Pool')}
          <input value={name} required spellCheck={false} onChange={event => setName(event.target.value)} />
        </label>
        <label>
          {trans.__('Slots')}
          <input type="number" min={0} max={1000} required value={slots} onChange={event => setSlots(event.target.value)} />
        </label>
        <button type="submit" className="cm-button">
          {trans.__('Set limit')}
        </button>
      </form>
    </section>
  );
}

function Pool(props: { pool: IPool; navigator: INavigator; onRemove(): void }): JSX.Element {
  const { pool, navigator } = props;
  return (
    <tr data-pool={pool.concurrencyKey}>
      <td>{pool.concurrencyKey}</td>
      <td>
        <meter max={pool.slotCount} value={pool.activeSlotCount} aria-label={trans.__('%1 of %2 slots', pool.activeSlotCount, pool.slotCount)} />{' '}
        {trans.__('%1 of %2', pool.activeSlotCount, pool.slotCount)}
      </td>
      <td>
        {pool.claimedSlots.map(({ runId, stepKey }) => (
          <Jump key={`${runId} ${stepKey}`} onClick={() => navigator.openRun(runId)}>
            {`${runId.slice(0, 8)} ${stepKey}`}
          </Jump>
        ))}
      </td>
      <td>
        <Button label={trans.__('Remove')} title={trans.__('Remove the limit of %1', pool.concurrencyKey)} onClick={props.onRemove} />
      </td>
    </tr>
  );
}

function Settings(props: { value: IDeployment }): JSX.Element {
  const { value } = props;
  const tables = Object.entries(value.configuration);
  return (
    <>
      <section aria-label={trans.__('Configuration')}>
        <h2>{trans.__('Configuration')}</h2>
        <p className="cm-when">
          {value.configurationPath ?? trans.__('There is no cellmill.toml: every setting has its default.')}
        </p>
        {tables.length > 0 && (
          <dl className="cm-facts">
            {tables.map(([table, settings]) => (
              <div key={table} className="cm-entry">
                <dt>[{table}]</dt>
                <dd>
                  <code>{said(settings)}</code>
                </dd>
              </div>
            ))}
          </dl>
        )}
      </section>
      <section aria-label={trans.__('Instance')}>
        <h2>{trans.__('Instance')}</h2>
        <dl className="cm-facts">
          <dt>cellmill</dt>
          <dd>{value.version}</dd>
          {Object.entries(value.info).map(([name, fact]) => (
            <div key={name} className="cm-entry">
              <dt>{name}</dt>
              <dd>
                <code>{said(fact)}</code>
              </dd>
            </div>
          ))}
        </dl>
      </section>
    </>
  );
}

/** A fact in a line: "events 16, runs 1". */
function said(fact: unknown): string {
  if (Array.isArray(fact)) {
    return fact.map(said).join('; ');
  }
  return fact !== null && typeof fact === 'object'
    ? Object.entries(fact)
        .map(([name, value]) => `${name} ${said(value)}`)
        .join(', ')
    : String(fact);
}
