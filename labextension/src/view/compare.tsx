import { useState } from 'react';

import type { Client } from '../client';
import { ago } from '../model/format';
import { IMaterialization, IMetadataEntry, ISchema, loadNotebookNames } from '../model/runs';
import { useLoaded } from './hooks';
import { MetadataValue } from './metadata';

interface IOutputs {
  /** The cell whose outputs are shown; none for an asset of a module. */
  cellId: string | null;
}

/** Two materializations side by side: what was recorded of each, with the differences marked, and what the cell showed. */
export function Compare(props: { client: Client; items: IMaterialization[] } & IOutputs): JSX.Element {
  const { client, items, cellId } = props;
  const [newer, setNewer] = useState(0);
  const [older, setOlder] = useState(1);
  const [a, b] = [items[older], items[newer]];
  if (!a || !b) {
    return <></>;
  }
  // A preview is not compared: its rows are a sample, and too wide to stand beside another.
  const entries = [...a.metadataEntries, ...b.metadataEntries].filter(entry => entry.__typename !== 'TableMetadataEntry');
  const labels = [...new Set(entries.map(entry => entry.label))];
  const pick = (label: string, value: number, change: (value: number) => void) => (
    <label>
      {label}
      <select value={value} onChange={event => change(Number(event.target.value))}>
        {items.map((item, i) => (
          <option key={i} value={i}>
            {`${ago(Number(item.timestamp) / 1000)}${item.partition ? `, ${item.partition}` : ''}, run ${item.runId.slice(0, 8)}`}
          </option>
        ))}
      </select>
    </label>
  );
  return (
    <section aria-label="Compare two materializations" id="cm-compare">
      <h2>Compare</h2>
      <div className="cm-inline">
        {pick('This', older, setOlder)}
        {pick('with', newer, setNewer)}
      </div>
      <table className="cm-table">
        <thead>
          <tr>
            <th scope="col">What</th>
            <th scope="col">This</th>
            <th scope="col">With</th>
          </tr>
        </thead>
        <tbody>
          {labels.map(label => {
            const [left, right] = [a, b].map(one => one.metadataEntries.find(entry => entry.label === label));
            const differs = JSON.stringify(left) !== JSON.stringify(right);
            return (
              <tr key={label} className={differs ? 'cm-differs' : ''} data-differs={differs}>
                <th scope="row">
                  {label}
                  {differs && <span className="cm-hidden"> differs</span>}
                </th>
                <Cell entry={left} other={right} sign="−" />
                <Cell entry={right} other={left} sign="+" />
              </tr>
            );
          })}
        </tbody>
      </table>
      {cellId && (
        <div className="cm-beside">
          <Output client={client} item={a} cellId={cellId} />
          <Output client={client} item={b} cellId={cellId} />
        </div>
      )}
    </section>
  );
}

/** One value; of a schema, only the columns that the other has not, each with a sign. */
function Cell(props: { entry?: IMetadataEntry; other?: IMetadataEntry; sign: string }): JSX.Element {
  const { entry, other, sign } = props;
  if (!entry) {
    return <td>–</td>;
  }
  if (entry.__typename === 'TableSchemaMetadataEntry' && entry.schema) {
    const own = changes(entry.schema, other?.schema);
    const words = `${entry.schema.columns.length} columns`;
    return <td>{own.length ? own.map(text => <div key={text}>{`${sign} ${text}`}</div>) : words}</td>;
  }
  return (
    <td>
      <MetadataValue entry={entry} />
    </td>
  );
}

/** The columns of a schema that are not in another, or have another type there. */
export function changes(schema: ISchema, other: ISchema | undefined): string[] {
  const known = new Set((other?.columns ?? []).map(column => `${column.name} ${column.type}`));
  return schema.columns.map(column => `${column.name} ${column.type}`).filter(text => !known.has(text));
}

/** What the cell showed in the run that made this; from an origin of its own, which can do nothing here. */
export function Output(props: { client: Client; item: IMaterialization; cellId: string }): JSX.Element {
  const { client, item, cellId } = props;
  const { value: url } = useLoaded(() => find(client, item.runId, cellId), [item.runId, cellId]);
  if (url === null) {
    return <></>;
  }
  if (!url) {
    return <p className="cm-when">No output of its cell is kept of this one.</p>;
  }
  return (
    <iframe
      className="cm-output"
      sandbox=""
      title={`Output of the cell, made ${ago(Number(item.timestamp) / 1000)}`}
      src={url}
    />
  );
}

/** Where the outputs of a cell in a run are; empty where there are none. */
async function find(client: Client, runId: string, cellId: string): Promise<string> {
  const [name] = runId ? await loadNotebookNames(client, runId) : [];
  if (!name) {
    return '';
  }
  const file = name.split('/').map(encodeURIComponent).join('/');
  const url = client.transport.url(`cellmill/runs/${runId}/cells/${encodeURIComponent(cellId)}/${file}`);
  return (await fetch(url, { credentials: 'same-origin' })).ok ? url : '';
}
