import { ago } from '../model/format';
import type { ICheck } from '../model/runs';
import { trans } from '../text';
import { INavigator, StatusWord } from './parts';

/** The checks of an asset with their last results, newest to the right. */
export function Checks(props: { checks: ICheck[]; navigator: INavigator }): JSX.Element {
  return (
    <table className="cm-table">
      <thead>
        <tr>
          <th scope="col">{trans.__('Check')}</th>
          <th scope="col">{trans.__('Result')}</th>
          <th scope="col">{trans.__('Last results')}</th>
          <th scope="col">{trans.__('When')}</th>
        </tr>
      </thead>
      <tbody>
        {props.checks.map(check => {
          const [last] = check.evaluations;
          return (
            <tr key={check.name} data-check={check.name}>
              <td>
                {check.name} {check.blocking && <span className="cm-mark">{trans.__('blocking')}</span>}
                {check.description && <div className="cm-when">{check.description}</div>}
              </td>
              <td>
                <StatusWord status={last ? wordOf(last) : 'NOT_EVALUATED'} />
                {last?.description && <div className="cm-when">{last.description}</div>}
              </td>
              <td>
                <span className="cm-ticks">
                  {[...check.evaluations].reverse().map((one, i) => {
                    const said = [wordOf(one).toLowerCase(), ago(one.timestamp), one.partition ?? ''].filter(Boolean).join(', ');
                    return (
                      <button
                        type="button"
                        key={i}
                        className={`cm-tick cm-tick-${one.success ? 'success' : one.severity === 'WARN' ? 'warning' : 'failure'}`}
                        title={said}
                        aria-label={said}
                        disabled={!one.runId}
                        onClick={() => props.navigator.openRun(one.runId)}
                      />
                    );
                  })}
                </span>
              </td>
              <td>{ago(last?.timestamp ?? null)}</td>
            </tr>
          );
        })}
      </tbody>
    </table>
  );
}

const wordOf = (one: { success: boolean; severity: string }) =>
  one.success ? 'PASSED' : one.severity === 'WARN' ? 'WARNING' : 'FAILED';
