import { useEffect, useState } from 'react';

import type { Client } from '../client';
import { ICronPreview, IScheduled, previewCron, scheduleEntry, scheduleLine } from '../model/cells';
import { readConfig } from '../model/config';
import { trans } from '../text';

const common = (): [string, string][] => [
  ['0 * * * *', trans.__('Every hour')],
  ['0 6 * * *', trans.__('Every day at 06:00')],
  ['0 6 * * 1-5', trans.__('Every weekday at 06:00')],
  ['0 6 * * 1', trans.__('Every Monday at 06:00')],
  ['0 6 1 * *', trans.__('On the first of each month at 06:00')]
];

const ZONES: string[] =
  (Intl as unknown as { supportedValuesOf?(kind: string): string[] }).supportedValuesOf?.('timeZone') ?? [];

/** A schedule in plain words: what to make, when, and the next five times; `onSchedule` hears each valid one. */
export function ScheduleForm(props: {
  client: Client;
  selection: string;
  /** The names of papermill's parameters with what the notebook gives them. */
  parameters: [string, string][];
  onSchedule(found: IScheduled | null): void;
}): JSX.Element {
  const [whole, setWhole] = useState(!props.selection);
  const [selection, setSelection] = useState(props.selection);
  const [parameters, setParameters] = useState('');
  const [cron, setCron] = useState('0 6 * * *');
  const [timezone, setTimezone] = useState(Intl.DateTimeFormat().resolvedOptions().timeZone || 'UTC');
  const [name, setName] = useState('');
  const preview = usePreview(props.client, cron, timezone);
  const given = parameters.trim() ? readConfig(parameters) : { value: null, problem: null };
  const isMap = given.value === null || (typeof given.value === 'object' && !Array.isArray(given.value));
  const right = preview !== null && preview.problem === null && (whole ? isMap && !given.problem : selection.trim() !== '');
  const found: IScheduled | null = !right
    ? null
    : whole
      ? { entry: scheduleEntry(cron, timezone, name, given.value) }
      : { line: scheduleLine(cron, selection, timezone, name) };
  const said = JSON.stringify(found);
  useEffect(() => {
    props.onSchedule(found);
  }, [said]);
  return (
    <div className="cm-form">
      <label>
        {trans.__('What to run')}
        <select value={whole ? 'whole' : 'assets'} onChange={event => setWhole(event.target.value === 'whole')}>
          <option value="assets">{trans.__('Assets')}</option>
          <option value="whole">{trans.__('The whole notebook')}</option>
        </select>
      </label>
      {whole ? (
        <>
          <label>
            {trans.__('Parameters')}
            <textarea
              rows={3}
              value={parameters}
              spellCheck={false}
              aria-invalid={given.problem !== null || !isMap}
              placeholder={props.parameters.map(([key, value]) => `${key}: ${value}`).join('\n') || 'day: 2024-01-01'}
              onChange={event => setParameters(event.target.value)}
            />
          </label>
          <p className="cm-hint">
            {given.problem?.message ?? (isMap ? trans.__('A line for each: name: value.') : trans.__('A line for each, as name: value, is needed.'))}
          </p>
        </>
      ) : (
        <>
          <label>
            {trans.__('What to make')}
            <input value={selection} onChange={event => setSelection(event.target.value)} spellCheck={false} />
          </label>
          <p className="cm-hint">{trans.__('Names of assets; *name takes everything upstream too.')}</p>
        </>
      )}
      <label>
        {trans.__('How often')}
        <select value={common().some(([line]) => line === cron) ? cron : ''} onChange={event => setCron(event.target.value || cron)}>
          {common().map(([line, words]) => (
            <option key={line} value={line}>
              {words}
            </option>
          ))}
          <option value="">{trans.__('Otherwise, as below')}</option>
        </select>
      </label>
      <label>
        {trans.__('Cron line')}
        <input value={cron} onChange={event => setCron(event.target.value)} spellCheck={false} />
      </label>
      <label>
        {trans.__('Time zone')}
        <input value={timezone} list="cm-zones" onChange={event => setTimezone(event.target.value)} spellCheck={false} />
      </label>
      <datalist id="cm-zones">
        {ZONES.map(zone => (
          <option key={zone} value={zone} />
        ))}
      </datalist>
      <label>
        {trans.__('Name (optional)')}
        <input value={name} onChange={event => setName(event.target.value.replace(/\W+/g, '_'))} spellCheck={false} />
      </label>
      <Preview preview={preview} timezone={timezone} />
    </div>
  );
}

/** What a cron line means and when it is due, asked for when the hand rests. */
function usePreview(client: Client, cron: string, timezone: string): ICronPreview | null {
  const [preview, setPreview] = useState<ICronPreview | null>(null);
  useEffect(() => {
    let wanted = true;
    const timer = setTimeout(() => {
      previewCron(client, cron, timezone).then(
        found => wanted && setPreview(found),
        problem => wanted && setPreview({ words: '', next: [], problem: problem.message })
      );
    }, 150);
    return () => {
      wanted = false;
      clearTimeout(timer);
    };
  }, [client, cron, timezone]);
  return preview;
}

function Preview(props: { preview: ICronPreview | null; timezone: string }): JSX.Element {
  const { preview, timezone } = props;
  const time = (at: number) =>
    new Date(at * 1000).toLocaleString(undefined, { timeZone: timezone, dateStyle: 'full', timeStyle: 'short' });
  return (
    <div className="cm-preview" role="status">
      {preview?.problem && <p className="cm-wrong">{preview.problem}</p>}
      {preview && !preview.problem && (
        <>
          <p>
            <strong>{preview.words[0]?.toUpperCase() + preview.words.slice(1)}</strong>
            {trans.__(', next:')}
          </p>
          <ol>
            {preview.next.map(at => (
              <li key={at}>{time(at)}</li>
            ))}
          </ol>
        </>
      )}
    </div>
  );
}
