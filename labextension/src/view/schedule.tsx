import { useEffect, useState } from 'react';

import type { Client } from '../client';
import { ICronPreview, previewCron, scheduleLine } from '../model/cells';

const COMMON: [string, string][] = [
  ['0 * * * *', 'Every hour'],
  ['0 6 * * *', 'Every day at 06:00'],
  ['0 6 * * 1-5', 'Every weekday at 06:00'],
  ['0 6 * * 1', 'Every Monday at 06:00'],
  ['0 6 1 * *', 'On the first of each month at 06:00']
];

const ZONES: string[] =
  (Intl as unknown as { supportedValuesOf?(kind: string): string[] }).supportedValuesOf?.('timeZone') ?? [];

/** A schedule in plain words: what to make, when, and the next five times; `onLine` hears each valid declaration. */
export function ScheduleForm(props: {
  client: Client;
  selection: string;
  onLine(line: string | null): void;
}): JSX.Element {
  const [selection, setSelection] = useState(props.selection);
  const [cron, setCron] = useState('0 6 * * *');
  const [timezone, setTimezone] = useState(Intl.DateTimeFormat().resolvedOptions().timeZone || 'UTC');
  const [name, setName] = useState('');
  const [preview, setPreview] = useState<ICronPreview | null>(null);

  useEffect(() => {
    let wanted = true;
    const timer = setTimeout(() => {
      previewCron(props.client, cron, timezone).then(
        found => wanted && setPreview(found),
        problem => wanted && setPreview({ words: '', next: [], problem: problem.message })
      );
    }, 150);
    return () => {
      wanted = false;
      clearTimeout(timer);
    };
  }, [cron, timezone]);
  const right = preview !== null && preview.problem === null && selection.trim() !== '';
  const line = right ? scheduleLine(cron, selection, timezone, name) : null;
  useEffect(() => {
    props.onLine(line);
  }, [line]);

  const time = (at: number) =>
    new Date(at * 1000).toLocaleString(undefined, { timeZone: timezone, dateStyle: 'full', timeStyle: 'short' });
  return (
    <div className="cm-form">
      <label>
        What to make
        <input value={selection} onChange={event => setSelection(event.target.value)} spellCheck={false} />
      </label>
      <p className="cm-hint">Names of assets; *name takes everything upstream too.</p>
      <label>
        How often
        <select value={COMMON.some(([line]) => line === cron) ? cron : ''} onChange={event => setCron(event.target.value || cron)}>
          {COMMON.map(([line, words]) => (
            <option key={line} value={line}>
              {words}
            </option>
          ))}
          <option value="">Otherwise, as below</option>
        </select>
      </label>
      <label>
        Cron line
        <input value={cron} onChange={event => setCron(event.target.value)} spellCheck={false} />
      </label>
      <label>
        Time zone
        <input value={timezone} list="cm-zones" onChange={event => setTimezone(event.target.value)} spellCheck={false} />
      </label>
      <datalist id="cm-zones">
        {ZONES.map(zone => (
          <option key={zone} value={zone} />
        ))}
      </datalist>
      <label>
        Name (optional)
        <input value={name} onChange={event => setName(event.target.value.replace(/\W+/g, '_'))} spellCheck={false} />
      </label>
      <div className="cm-preview" role="status">
        {preview?.problem && <p className="cm-wrong">{preview.problem}</p>}
        {preview && !preview.problem && (
          <>
            <p>
              <strong>{preview.words[0]?.toUpperCase() + preview.words.slice(1)}</strong>, next:
            </p>
            <ol>
              {preview.next.map(at => (
                <li key={at}>{time(at)}</li>
              ))}
            </ol>
          </>
        )}
      </div>
    </div>
  );
}
