import type { Client } from '../client';
import { ago } from '../model/format';
import { lineDiff, loadCode } from '../model/history';
import { loadAsset } from '../model/runs';
import { trans } from '../text';
import { useLoaded } from './hooks';
import { Note } from './parts';

/** How a cell as it is edited now differs from what last made its asset. */
export function CellDiff(props: { client: Client; assetKey: string; cellId: string; source: string; reason: string }): JSX.Element {
  const { client, assetKey, cellId, source, reason } = props;
  const { value, problem } = useLoaded(async () => {
    const { assetMaterializations } = await loadAsset(client, assetKey);
    const [last] = assetMaterializations;
    return { last: last ?? null, code: last ? await loadCode(client, last.runId, cellId) : null };
  }, [assetKey, cellId]);
  if (problem) {
    return <Note kind="problem">{problem}</Note>;
  }
  if (!value) {
    return <Note kind="wait">{trans.__('Loading…')}</Note>;
  }
  if (!value.last) {
    return <Note>{trans.__('%1 was never made: there is nothing to compare with.', assetKey)}</Note>;
  }
  const lines = value.code === null ? null : lineDiff(value.code, source);
  return (
    <div className="cm-cell-diff">
      <p>{trans.__('%1 was last made %2.', assetKey, ago(Number(value.last.timestamp) / 1000))}</p>
      {reason && <p className="cm-reason">{reason}</p>}
      {lines === null ? (
        <Note>{trans.__('It was made in a kernel, which keeps the version of its code but not the text: only runs keep the notebook.')}</Note>
      ) : lines.every(line => line.sign === ' ') ? (
        <Note>{trans.__('The code of the cell is what made it.')}</Note>
      ) : (
        <Diff lines={lines} />
      )}
    </div>
  );
}

/** Lines with the signs of a difference. */
export function Diff(props: { lines: ReturnType<typeof lineDiff> }): JSX.Element {
  const classes = { ' ': '', '+': 'cm-added', '−': 'cm-removed' };
  return (
    <pre className="cm-code cm-diff" tabIndex={0} aria-label={trans.__('Differences of the code')}>
      {props.lines.map((line, i) => (
        <div key={i} className={classes[line.sign]}>
          {`${line.sign} ${line.text}`}
        </div>
      ))}
    </pre>
  );
}
