import { trans } from '../text';
import { Strip } from './strip';

export interface IRange {
  first: string;
  last: string;
}

/** Above this many partitions, names are typed with suggestions: a list of thousands helps nobody. */
const LISTED = 400;

/** The keys of a range, ends included. */
export function inRange(keys: readonly string[], { first, last }: IRange): string[] {
  const [from, to] = [keys.indexOf(first), keys.indexOf(last)];
  return from < 0 || to < 0 ? [] : keys.slice(Math.min(from, to), Math.max(from, to) + 1);
}

/** Choose partitions from one to another, by name or on the strip: the first click is one end, the second the other. */
export function RangePicker(props: {
  keys: string[];
  states: string[];
  range: IRange;
  onChange(range: IRange): void;
}): JSX.Element {
  const { keys, states, range, onChange } = props;
  const pick = (label: string, value: string, change: (key: string) => void) => (
    <label>
      {label}
      {keys.length > LISTED ? (
        <input
          value={value}
          list="cm-partition-keys"
          spellCheck={false}
          aria-invalid={!keys.includes(value)}
          onChange={event => change(event.target.value)}
        />
      ) : (
        <select value={value} onChange={event => change(event.target.value)}>
          {keys.map(key => (
            <option key={key}>{key}</option>
          ))}
        </select>
      )}
    </label>
  );
  const chosen = new Set(inRange(keys, range));
  return (
    <div className="cm-range">
      <div className="cm-inline">
        {pick(trans.__('From'), range.first, first => onChange({ ...range, first }))}
        {pick(trans.__('To'), range.last, last => onChange({ ...range, last }))}
        <span className="cm-when">{trans._n('%1 partition', '%1 partitions', chosen.size)}</span>
      </div>
      {keys.length > LISTED && (
        <datalist id="cm-partition-keys">
          {keys.slice(-2000).map(key => (
            <option key={key} value={key} />
          ))}
        </datalist>
      )}
      <Strip
        keys={keys}
        states={states}
        chosen={chosen}
        onPick={key => onChange(range.first === range.last ? { first: range.first, last: key } : { first: key, last: key })}
      />
    </div>
  );
}
