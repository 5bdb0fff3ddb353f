import { useState } from 'react';

import type { Client } from '../client';
import { ago, count } from '../model/format';
import { IColumnChange, IVersion, versions } from '../model/history';
import type { IMaterialization } from '../model/runs';
import { trans } from '../text';
import { Output } from './compare';
import { Button, INavigator, Jump } from './parts';

const WIDTH = 720;
const HEIGHT = 34;

/** Each time an asset was made, on a line and as a list, with what changed then; a row opens to what its cell showed. */
export function History(props: {
  client: Client;
  items: IMaterialization[];
  cellId: string | null;
  navigator: INavigator;
  /** Compare the materialization at a position with the one before it. */
  onDiff(at: number): void;
}): JSX.Element {
  const { client, items, cellId, navigator } = props;
  const [opened, setOpened] = useState<number | null>(null);
  const partitioned = items.some(item => item.partition !== null);
  const all = versions(items);
  const columns = partitioned ? 6 : 5;
  return (
    <>
      {items.length > 1 && <Timeline versions={all} onPick={setOpened} />}
      <table className="cm-table">
        <thead>
          <tr>
            <th scope="col">{trans.__('When')}</th>
            {partitioned && <th scope="col">{trans.__('Partition')}</th>}
            <th scope="col" className="cm-number">
              {trans.__('Rows')}
            </th>
            <th scope="col">{trans.__('What changed')}</th>
            <th scope="col">{trans.__('Run')}</th>
            <td />
          </tr>
        </thead>
        <tbody>
          {all.map((version, i) => (
            <Row key={`${version.item.runId}${version.item.timestamp}`} version={version} partitioned={partitioned} navigator={navigator}>
              {cellId && version.item.runId && (
                <Button
                  label={trans.__('Output')}
                  title={trans.__('Output: what the cell showed then')}
                  pressed={opened === i}
                  onClick={() => setOpened(opened === i ? null : i)}
                />
              )}
              {i < items.length - 1 && (
                <Button
                  label={trans.__('Diff')}
                  title={trans.__('Diff: compare with the one before')}
                  onClick={() => props.onDiff(i)}
                />
              )}
            </Row>
          ))}
        </tbody>
        {opened !== null && cellId && items[opened] && (
          <tfoot>
            <tr>
              <td colSpan={columns}>
                <p className="cm-when">{trans.__('What its cell showed %1', ago(Number(items[opened].timestamp) / 1000))}</p>
                <Output client={client} item={items[opened]} cellId={cellId} />
              </td>
            </tr>
          </tfoot>
        )}
      </table>
    </>
  );
}

function Row(props: {
  version: IVersion;
  partitioned: boolean;
  navigator: INavigator;
  children: React.ReactNode;
}): JSX.Element {
  const { version, partitioned, navigator } = props;
  const { item, rows } = version;
  const at = Number(item.timestamp);
  return (
    <tr>
      <td title={new Date(at).toLocaleString()}>{ago(at / 1000)}</td>
      {partitioned && <td>{item.partition}</td>}
      <td className="cm-number">{rows === null ? '' : count(rows)}</td>
      <td>
        {version.codeChanged && <span className="cm-mark">{trans.__('code')}</span>}
        <Changes columns={version.columns} />
      </td>
      <td>{item.runId && <Jump onClick={() => navigator.openRun(item.runId)}>{item.runId.slice(0, 8)}</Jump>}</td>
      <td className="cm-row-actions">{props.children}</td>
    </tr>
  );
}

/** Columns that came, went, or have another type. */
export function Changes(props: { columns: readonly IColumnChange[] }): JSX.Element {
  const signs = { added: '+', removed: '−', retyped: '~' };
  const words = { added: trans.__('new column'), removed: trans.__('column is gone'), retyped: trans.__('other type') };
  return (
    <>
      {props.columns.map(({ kind, name, type }) => (
        <span key={name} className={`cm-mark cm-${kind}`} data-change={kind} title={`${words[kind]}: ${name} ${type}`}>
          {signs[kind]} {name} <span className="cm-type">{type}</span>
        </span>
      ))}
    </>
  );
}

/** The materializations on a line of time; those with changed code or columns are marked. */
function Timeline(props: { versions: IVersion[]; onPick(at: number): void }): JSX.Element {
  const times = props.versions.map(one => Number(one.item.timestamp));
  const [first, last] = [Math.min(...times), Math.max(...times)];
  const x = (at: number) => 10 + ((WIDTH - 20) * (at - first)) / (last - first || 1);
  const said = trans.__('%1 materializations from %2 to %3', times.length, new Date(first).toLocaleString(), new Date(last).toLocaleString());
  return (
    <figure className="cm-timeline">
      <svg viewBox={`0 0 ${WIDTH} ${HEIGHT}`} role="img" aria-label={said} preserveAspectRatio="none">
        <line x1={10} x2={WIDTH - 10} y1={HEIGHT / 2} y2={HEIGHT / 2} />
        {props.versions.map((version, i) => {
          const changed = version.codeChanged || version.columns.length > 0;
          const title = [
            new Date(times[i]).toLocaleString(),
            version.item.partition ?? '',
            version.codeChanged ? trans.__('code changed') : '',
            version.columns.map(one => `${one.kind} ${one.name}`).join(', ')
          ];
          return (
            <circle
              key={i}
              cx={x(times[i])}
              cy={HEIGHT / 2}
              r={changed ? 6 : 4}
              className={changed ? 'cm-changed' : ''}
              onClick={() => props.onPick(i)}
            >
              <title>{title.filter(Boolean).join(' · ')}</title>
            </circle>
          );
        })}
      </svg>
      <figcaption className="cm-strip-ends cm-when">
        <span>{ago(first / 1000)}</span>
        <span>{ago(last / 1000)}</span>
      </figcaption>
    </figure>
  );
}
