import { useState } from 'react';

import { count } from '../model/format';
import type { IMaterialization } from '../model/runs';
import { trans } from '../text';

/** Partitions that are drawn one by one; more are drawn in equal groups, each as bad as its worst. */
const MAX_CELLS = 200;
const ORDER = ['FAILED', 'MATERIALIZING', 'MISSING', 'STALE', 'MATERIALIZED'];

/** The partitions as a strip of coloured cells; the one under the pointer or the focus is named below. */
export function Strip(props: {
  keys: readonly string[];
  states: readonly string[];
  /** Those that are marked. */
  chosen?: ReadonlySet<string>;
  onPick?(key: string): void;
}): JSX.Element {
  const { keys, states, chosen } = props;
  const [named, setNamed] = useState('');
  const size = Math.max(1, Math.ceil(keys.length / MAX_CELLS));
  const cells: { label: string; state: string; key: string }[] = [];
  for (let i = 0; i < keys.length; i += size) {
    const part = states.slice(i, i + size);
    const state = ORDER.find(word => part.includes(word)) ?? 'MISSING';
    const last = keys[Math.min(i + size, keys.length) - 1];
    const label = size === 1 ? `${keys[i]}: ${state.toLowerCase()}` : `${keys[i]} to ${last}: ${summary(part)}`;
    cells.push({ label, state, key: keys[i] });
  }
  return (
    <div className="cm-strip-box">
      <div className="cm-strip" role="group" aria-label={trans.__('%1 partitions: %2', keys.length, summary(states))}>
        {cells.map(cell => (
          <button
            type="button"
            key={cell.key}
            className={`cm-part cm-part-${cell.state.toLowerCase()}${chosen?.has(cell.key) ? ' cm-chosen' : ''}`}
            title={cell.label}
            aria-label={cell.label}
            onMouseEnter={() => setNamed(cell.label)}
            onFocus={() => setNamed(cell.label)}
            onClick={() => props.onPick?.(cell.key)}
          />
        ))}
      </div>
      <div className="cm-strip-ends cm-when">
        <span>{keys[0]}</span>
        <span>{named || summary(states)}</span>
        <span>{keys[keys.length - 1]}</span>
      </div>
    </div>
  );
}

function summary(states: readonly string[]): string {
  return ORDER.map(word => [word, states.filter(state => state === word).length] as const)
    .filter(([, found]) => found > 0)
    .map(([word, found]) => `${found} ${word.toLowerCase()}`)
    .join(', ');
}

const WIDTH = 260;
const HEIGHT = 54;

/** Each number of the metadata over time, a small plot for each; nothing where there are fewer than two values. */
export function Plots(props: { items: IMaterialization[] }): JSX.Element {
  const series = new Map<string, [number, number][]>();
  for (const item of [...props.items].reverse()) {
    for (const entry of item.metadataEntries) {
      const text = entry.intRepr ?? entry.floatRepr;
      if (text !== undefined && text !== null && Number.isFinite(Number(text))) {
        series.set(entry.label, [...(series.get(entry.label) ?? []), [Number(item.timestamp), Number(text)]]);
      }
    }
  }
  const found = [...series].filter(([, points]) => points.length > 1);
  if (!found.length) {
    return <></>;
  }
  return (
    <div className="cm-plots">
      {found.map(([label, points]) => (
        <Plot key={label} label={label} points={points} />
      ))}
    </div>
  );
}

function Plot(props: { label: string; points: [number, number][] }): JSX.Element {
  const { label, points } = props;
  const values = points.map(([, value]) => value);
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const [first, last] = [points[0][0], points[points.length - 1][0]];
  const x = (at: number) => 4 + ((WIDTH - 8) * (at - first)) / (last - first || 1);
  const y = (value: number) => (high === low ? HEIGHT / 2 : HEIGHT - 5 - ((HEIGHT - 10) * (value - low)) / (high - low));
  const shown = (value: number) => (Number.isInteger(value) ? count(value) : value.toPrecision(4));
  const said = `${label}: from ${shown(values[0])} to ${shown(values[values.length - 1])} in ${points.length} materializations`;
  return (
    <figure className="cm-plot">
      <figcaption>
        {label} <strong>{shown(values[values.length - 1])}</strong>
      </figcaption>
      <svg viewBox={`0 0 ${WIDTH} ${HEIGHT}`} width={WIDTH} height={HEIGHT} role="img" aria-label={said}>
        <polyline points={points.map(([at, value]) => `${x(at)},${y(value)}`).join(' ')} />
        {points.map(([at, value], i) => (
          <circle key={i} cx={x(at)} cy={y(value)} r={2.5}>
            <title>{`${new Date(at).toLocaleString()}: ${shown(value)}`}</title>
          </circle>
        ))}
      </svg>
    </figure>
  );
}
