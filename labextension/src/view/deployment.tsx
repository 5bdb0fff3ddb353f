import { useEffect } from 'react';

import type { CatalogueModel } from '../model/catalogue';
import { loadDeployment } from '../model/deployment';
import { ago } from '../model/format';
import { useLoaded } from './hooks';
import { Button, INavigator, Note, StatusWord } from './parts';

/** Code locations with what is wrong with them, the loops of the daemon, and where everything is stored. */
export function Deployment(props: { model: CatalogueModel; navigator: INavigator }): JSX.Element {
  const { model, navigator } = props;
  const { value, problem, again } = useLoaded(() => loadDeployment(model.client), []);
  useEffect(() => {
    const timer = setInterval(again, 5000);
    return () => clearInterval(timer);
  }, [again]);
  if (problem) {
    return <Note kind="problem">{problem}</Note>;
  }
  if (!value) {
    return <Note kind="wait">Loading…</Note>;
  }
  const reload = () => void model.reload().then(again, error => navigator.notify(error.message, 'error'));
  return (
    <div className="cm-page">
      <header>
        <h1>Deployment</h1>
        <Button label="Reload" title="Reload: read all notebooks and modules again" onClick={reload} />
      </header>
      <section aria-label="Code locations">
        <h2>Code locations</h2>
        <table className="cm-table">
          <thead>
            <tr>
              <th scope="col">Location</th>
              <th scope="col">State</th>
              <th scope="col">What is wrong</th>
            </tr>
          </thead>
          <tbody>
            {value.locations.map(location => (
              <tr key={location.name} data-location={location.name}>
                <td>{location.name}</td>
                <td>
                  <StatusWord status={location.error !== null ? 'FAILURE' : location.problems.length ? 'PROBLEMS' : 'LOADED'} />
                </td>
                <td className="cm-text-cell">{[location.error, ...location.problems].filter(Boolean).join('\n') || '–'}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </section>
      <section aria-label="Daemon">
        <h2>Daemon</h2>
        {value.daemons.every(daemon => !daemon.healthy) && (
          <Note kind="problem">
            No daemon is running: schedules, sensors, queued runs and backfills wait. Start one in a terminal of this folder with{' '}
            <code>cellmill daemon</code>.
          </Note>
        )}
        <table className="cm-table">
          <thead>
            <tr>
              <th scope="col">Loop</th>
              <th scope="col">State</th>
              <th scope="col">Last heartbeat</th>
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
      </section>
      <section aria-label="Instance">
        <h2>Instance</h2>
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
    </div>
  );
}

/** A fact in a line: "events 16, runs 1". */
function said(fact: unknown): string {
  return fact !== null && typeof fact === 'object'
    ? Object.entries(fact)
        .map(([name, value]) => `${name} ${value}`)
        .join(', ')
    : String(fact);
}
