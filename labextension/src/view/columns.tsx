import { useState } from 'react';

import type { Client } from '../client';
import { IColumn, loadColumns, traceColumn } from '../model/columns';
import { trans } from '../text';
import { useLoaded } from './hooks';
import { INavigator, Jump } from './parts';

/** The columns of an asset; one that is chosen shows what it is made from, through all assets above. */
export function Columns(props: {
  client: Client;
  assetKey: string;
  /** Changes when the asset is made anew. */
  madeAt: number | null;
  navigator: INavigator;
  /** Hears the assets that a chosen column comes through; null where none is chosen. */
  onTrace?(assets: readonly string[] | null): void;
}): JSX.Element {
  const { client, assetKey, navigator, onTrace } = props;
  const [chosen, setChosen] = useState('');
  const { value } = useLoaded(() => loadColumns(client, [assetKey]), [assetKey, props.madeAt]);
  const columns = value?.get(assetKey);
  if (!columns || ![...columns.values()].some(above => above.length)) {
    return <></>;
  }
  return (
    <section aria-label={trans.__('Column lineage')}>
      <h2>{trans.__('Column lineage')}</h2>
      <select
        className="cm-select"
        aria-label={trans.__('Column')}
        value={chosen}
        onChange={event => {
          setChosen(event.target.value);
          if (!event.target.value) {
            onTrace?.(null);
          }
        }}
      >
        <option value="">{trans.__('choose a column…')}</option>
        {[...columns].map(([name, above]) => (
          <option key={name} value={name} disabled={!above.length}>
            {name}
          </option>
        ))}
      </select>
      {chosen && <Trace {...{ client, navigator, onTrace }} from={{ asset: assetKey, column: chosen }} />}
    </section>
  );
}

/** Where a column comes from: the columns that it is made from below it, and theirs below them. */
function Trace(props: {
  client: Client;
  from: IColumn;
  navigator: INavigator;
  onTrace?(assets: readonly string[]): void;
}): JSX.Element {
  const { client, from, navigator, onTrace } = props;
  const { value } = useLoaded(async () => {
    const found = await traceColumn(client, from);
    onTrace?.([...new Set(found.map(one => one.column.asset))]);
    return found;
  }, [from.asset, from.column]);
  if (!value) {
    return <></>;
  }
  const below = (column: IColumn): JSX.Element => {
    const made = value.filter(one => one.of?.asset === column.asset && one.of.column === column.column);
    return (
      <>
        {made.length > 0 && (
          <ul>
            {made.map(one => (
              <li key={`${one.column.asset} ${one.column.column}`}>
                <Jump onClick={() => navigator.openAsset(one.column.asset)}>{one.column.asset}</Jump>
                <code>{one.column.column}</code>
                {below(one.column)}
              </li>
            ))}
          </ul>
        )}
      </>
    );
  };
  return (
    <div className="cm-trace">
      <code>{from.column}</code> {trans.__('is made from')}
      {below(from)}
    </div>
  );
}
