import type { IJob, IPlanned } from '../model/launch';
import { trans } from '../text';
import { INavigator, Jump, Note } from './parts';

/** Which cells of which notebooks would run, in order, and why: a table for each visit of a notebook. */
export function Plan(props: { cells: IPlanned[]; navigator: INavigator }): JSX.Element {
  const { cells, navigator } = props;
  if (!cells.length) {
    return <Note>{trans.__('This selection means no asset, so nothing would run.')}</Note>;
  }
  const steps = new Map<string, IPlanned[]>();
  for (const cell of cells) {
    steps.set(cell.step, [...(steps.get(cell.step) ?? []), cell]);
  }
  return (
    <section aria-label={trans.__('What would run')}>
      <h2>{trans._n('%1 cell would run', '%1 cells would run', cells.length)}</h2>
      {[...steps].map(([step, own], i) => (
        <Visit key={step} cells={own} at={i + 1} of={steps.size} navigator={navigator} />
      ))}
    </section>
  );
}

function Visit(props: { cells: IPlanned[]; at: number; of: number; navigator: INavigator }): JSX.Element {
  const { cells, at, of, navigator } = props;
  const { notebook } = cells[0];
  const count = trans._n('%1 cell', '%1 cells', cells.length);
  return (
    <div className="cm-card cm-visit">
      <h3>
        {of > 1 && <span className="cm-when">{trans.__('step %1 of %2', at, of)} </span>}
        {notebook ?? trans.__('Assets of a module')} <span className="cm-when">{notebook ? count : ''}</span>
      </h3>
      <table className="cm-table">
        <thead>
          <tr>
            <th scope="col">{trans.__('Cell')}</th>
            <th scope="col">{trans.__('Makes')}</th>
            <th scope="col">{trans.__('Why')}</th>
          </tr>
        </thead>
        <tbody>
          {cells.map((cell, i) => (
            <tr key={i} className={cell.assets.length ? '' : 'cm-quiet'}>
              <td className="cm-number">{cell.cellIndex === null ? '–' : cell.cellIndex + 1}</td>
              <td>
                {cell.assets.map(key => (
                  <Jump key={key} onClick={() => navigator.openAsset(key)}>
                    {key}
                  </Jump>
                ))}
              </td>
              <td>{cell.why}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** The ops of a job, each after those that it waits for. */
export function Ops(props: { job: IJob }): JSX.Element {
  const { ops } = props.job;
  if (!ops.length) {
    return <Note>{trans.__('What this job runs is known when its notebook runs.')}</Note>;
  }
  return (
    <section aria-label={trans.__('What would run')}>
      <h2>{trans._n('%1 op would run', '%1 ops would run', ops.length)}</h2>
      <table className="cm-table">
        <thead>
          <tr>
            <th scope="col">{trans.__('Op')}</th>
            <th scope="col">{trans.__('After')}</th>
            <th scope="col">{trans.__('What it does')}</th>
          </tr>
        </thead>
        <tbody>
          {ops.map(op => (
            <tr key={op.name}>
              <td>{op.name}</td>
              <td>{op.upstream.join(', ') || '–'}</td>
              <td>{op.description ?? ''}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}
