import { useState } from 'react';

import type { Client } from '../client';
import { duration } from '../model/format';
import type { IRunDetails, IStep } from '../model/runs';
import { trans } from '../text';
import { Printed } from './executed';

/** The steps as bars over the run's time; each opens to what it printed. */
export function Gantt(props: { client: Client; run: IRunDetails }): JSX.Element {
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
    <section aria-label={trans.__('Steps')}>
      <h2>{trans.__('Steps')}</h2>
      <ul className="cm-gantt">
        {run.stepStats.map(step => (
          <li key={step.stepKey}>
            <button
              type="button"
              className="cm-jump cm-clip"
              title={trans.__('What %1 printed', step.stepKey)}
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
