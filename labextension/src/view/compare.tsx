import { useState } from 'react';

import type { Client } from '../client';
import { ago } from '../model/format';
import { findOutput, lineDiff, loadCode, schemaChanges } from '../model/history';
import { IMaterialization, IMetadataEntry } from '../model/runs';
import { trans } from '../text';
import { Diff } from './diff';
import { useLoaded } from './hooks';
import { MetadataValue } from './metadata';
import { isDark } from './theme';
import { Changes } from './history';
import { Note } from './parts';

interface IPair {
  older: number;
  newer: number;
}

/** Two materializations side by side: code, what was recorded with the differences marked, and what the cell showed. */
export function Compare(props: {
  client: Client;
  items: IMaterialization[];
  /** The cell whose code and outputs are shown; none for an asset of a module. */
  cellId: string | null;
  pair: IPair;
  onPair(pair: IPair): void;
}): JSX.Element {
  const { client, items, cellId, pair, onPair } = props;
  const [all, setAll] = useState(true);
  const [a, b] = [items[pair.older], items[pair.newer]];
  if (!a || !b) {
    return <></>;
  }
  const entries = [...a.metadataEntries, ...b.metadataEntries].filter(isCompared);
  const rows = [...new Set(entries.map(entry => entry.label))].map(label => {
    const [left, right] = [a, b].map(one => one.metadataEntries.find(entry => entry.label === label));
    return { label, left, right, differs: JSON.stringify(left) !== JSON.stringify(right) };
  });
  const pick = (label: string, value: number, change: (value: number) => void) => (
    <label>
      {label}
      <select value={value} onChange={event => change(Number(event.target.value))}>
        {items.map((item, i) => (
          <option key={i} value={i}>
            {`${ago(Number(item.timestamp) / 1000)}${item.partition ? `, ${item.partition}` : ''}, ${trans.__('run %1', item.runId.slice(0, 8))}`}
          </option>
        ))}
      </select>
    </label>
  );
  return (
    <section aria-label={trans.__('Compare two materializations')} id="cm-compare">
      <h2>{trans.__('Compare')}</h2>
      <div className="cm-inline">
        {pick(trans.__('Older'), pair.older, older => onPair({ ...pair, older }))}
        {pick(trans.__('Newer'), pair.newer, newer => onPair({ ...pair, newer }))}
        <label className="cm-check">
          <input type="checkbox" checked={!all} onChange={event => setAll(!event.target.checked)} /> {trans.__('differences only')}
        </label>
      </div>
      {cellId && <CodeDiff client={client} older={a} newer={b} cellId={cellId} />}
      {rows.length > 0 && <table className="cm-table">
        <thead>
          <tr>
            <th scope="col">{trans.__('What')}</th>
            <th scope="col">{trans.__('Older')}</th>
            <th scope="col">{trans.__('Newer')}</th>
          </tr>
        </thead>
        <tbody>
          {rows
            .filter(row => all || row.differs)
            .map(({ label, left, right, differs }) => (
              <tr key={label} className={differs ? 'cm-differs' : ''} data-differs={differs}>
                <th scope="row">
                  {label}
                  {differs && <span className="cm-hidden"> {trans.__('differs')}</span>}
                </th>
                <Value entry={left} />
                <Value entry={right} other={left} />
              </tr>
            ))}
        </tbody>
      </table>}
      {rows.length === 0 && <Note>{trans.__('Neither has metadata to compare.')}</Note>}
      {!all && rows.length > 0 && rows.every(row => !row.differs) && <Note>{trans.__('Nothing that was recorded differs.')}</Note>}
      {cellId && (
        <div className="cm-beside">
          <Output client={client} item={a} cellId={cellId} />
          <Output client={client} item={b} cellId={cellId} />
        </div>
      )}
    </section>
  );
}

/** A preview is not compared, a sample too wide to stand beside another; nor is what has a place of its own on the page. */
function isCompared(entry: IMetadataEntry): boolean {
  return entry.__typename !== 'TableMetadataEntry' && !entry.lineage && entry.label !== 'path';
}

/** One value; of a schema, how many columns it has and what changed against the other. */
function Value(props: { entry?: IMetadataEntry; other?: IMetadataEntry }): JSX.Element {
  const { entry, other } = props;
  if (!entry) {
    return <td>–</td>;
  }
  if (entry.schema && entry.__typename === 'TableSchemaMetadataEntry') {
    return (
      <td>
        {trans._n('%1 column', '%1 columns', entry.schema.columns.length)}
        <Changes columns={schemaChanges(other?.schema, entry.schema)} />
      </td>
    );
  }
  return (
    <td>
      <MetadataValue entry={entry} />
    </td>
  );
}

/** How the code of the cell differs between two runs. */
function CodeDiff(props: { client: Client; older: IMaterialization; newer: IMaterialization; cellId: string }): JSX.Element {
  const { client, older, newer, cellId } = props;
  const { value } = useLoaded(
    () => Promise.all([loadCode(client, older.runId, cellId), loadCode(client, newer.runId, cellId)]),
    [older.runId, newer.runId, cellId]
  );
  if (!value) {
    return <></>;
  }
  const [before, after] = value;
  if (before === null || after === null) {
    return <p className="cm-when">{trans.__('The code of its cell is not kept of both: only runs keep the notebook that they executed.')}</p>;
  }
  if (before === after) {
    return <p className="cm-when">{trans.__('The code of its cell is the same.')}</p>;
  }
  return <Diff lines={lineDiff(before, after)} />;
}

/** What the cell showed in the run that made this; from an origin of its own, which can do nothing here. */
export function Output(props: { client: Client; item: IMaterialization; cellId: string }): JSX.Element {
  const { client, item, cellId } = props;
  const { value: url } = useLoaded(() => findOutput(client, item.runId, cellId), [item.runId, cellId]);
  if (url === null) {
    return <></>;
  }
  if (!url) {
    return <p className="cm-when">{trans.__('No output of its cell is kept of this one.')}</p>;
  }
  return (
    <iframe
      className="cm-output"
      sandbox=""
      title={trans.__('Output of the cell, made %1', ago(Number(item.timestamp) / 1000))}
      src={`${url}?theme=${isDark() ? 'dark' : 'light'}`}
    />
  );
}
