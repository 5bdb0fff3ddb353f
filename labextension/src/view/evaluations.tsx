import { useState } from 'react';

import type { Client } from '../client';
import { ICondition, IEvaluation, ITick, loadEvaluations } from '../model/automation';
import { trans } from '../text';
import { useLoaded } from './hooks';
import { INavigator, Jump } from './parts';

/** How the conditions of assets were evaluated at a tick: a tree for each asset, open where something was asked for. */
export function Evaluations(props: { client: Client; stateId: string; tick: ITick; navigator: INavigator }): JSX.Element {
  const { client, stateId, tick, navigator } = props;
  const { value } = useLoaded(() => loadEvaluations(client, stateId, tick), [stateId, tick.id]);
  const [search, setSearch] = useState('');
  if (!value?.length) {
    return <></>;
  }
  const shown = value.filter(one => one.assetKey.path.join('/').includes(search));
  return (
    <div className="cm-evaluations">
      {value.length > 8 && (
        <input
          type="search"
          className="cm-search"
          aria-label={trans.__('Filter assets')}
          placeholder={trans.__('asset')}
          value={search}
          onChange={event => setSearch(event.target.value)}
        />
      )}
      {shown.map(one => (
        <Evaluation key={one.assetKey.path.join('/')} evaluation={one} navigator={navigator} />
      ))}
    </div>
  );
}

function Evaluation(props: { evaluation: IEvaluation; navigator: INavigator }): JSX.Element {
  const { evaluation, navigator } = props;
  const key = evaluation.assetKey.path.join('/');
  const [open, setOpen] = useState(evaluation.isRequested);
  return (
    <details className="cm-group" open={open} onToggle={event => setOpen((event.target as HTMLDetailsElement).open)} data-evaluation={key}>
      <summary>
        <Sign isTrue={evaluation.isRequested} /> {key}{' '}
        <span className="cm-when">{evaluation.isRequested ? trans.__('is asked for') : trans.__('is not asked for')}</span>
      </summary>
      {open && <Tree rows={evaluation.rows} />}
      {open && <Jump onClick={() => navigator.openAsset(key)}>{trans.__('Open %1', key)}</Jump>}
    </details>
  );
}

/** The conditions, each behind what it is a part of. */
function Tree(props: { rows: readonly ICondition[] }): JSX.Element {
  const { rows } = props;
  return (
    <ul className="cm-conditions" role="tree" aria-label={trans.__('Conditions')}>
      {rows.map((row, i) => (
        <li
          key={i}
          role="treeitem"
          aria-level={row.depth + 1}
          aria-selected={false}
          style={{ paddingLeft: `${row.depth * 1.4}em` }}
          data-true={row.isTrue}
        >
          <Sign isTrue={row.isTrue} /> {row.condition}
          {row.assetKey.path.join('/') !== rows[0].assetKey.path.join('/') && <code> {row.assetKey.path.join('/')}</code>}
          {row.partitionCount > 0 && (
            <span className="cm-when" title={row.partitions.join(', ')}>
              {' '}
              {trans._n('%1 partition: %2', '%1 partitions: %2', row.partitionCount, named(row))}
            </span>
          )}
        </li>
      ))}
    </ul>
  );
}

/** The first partitions by name. */
const named = (row: ICondition) => row.partitions.slice(0, 6).join(', ') + (row.partitionCount > 6 ? ' …' : '');

function Sign(props: { isTrue: boolean }): JSX.Element {
  return (
    <span className={props.isTrue ? 'cm-yes' : 'cm-no'}>
      <span aria-hidden="true">{props.isTrue ? '✓' : '✗'}</span>
      <span className="cm-hidden">{props.isTrue ? trans.__('true') : trans.__('false')}</span>
    </span>
  );
}
