import { useState } from 'react';

import type { IPinnedVersion } from '../model/automation';
import { ago } from '../model/format';
import { lineDiff } from '../model/history';
import { trans } from '../text';
import { Diff } from './diff';
import { Button } from './parts';

/** Whether a schedule runs a pinned version; what changed in its notebooks since, and the offer to promote. */
export function Pinned(props: { name: string; version: IPinnedVersion; onPin(pinned: boolean): void }): JSX.Element {
  const { name, version, onPin } = props;
  const [shown, setShown] = useState(false);
  const changed = version.changedCells;
  const words: Record<string, string> = {
    changed: trans.__('changed'),
    added: trans.__('added'),
    removed: trans.__('removed')
  };
  return (
    <div className="cm-pinned">
      <span className="cm-mark" title={version.notebooks.join(', ')}>
        {trans.__('pinned %1', ago(version.pinnedAt))}
      </span>
      <span>
        {changed.length
          ? trans._n('%1 cell has changed since', '%1 cells have changed since', changed.length)
          : trans.__('%1: as pinned', version.notebooks.join(', '))}
      </span>
      {changed.length > 0 && (
        <>
          <Button
            label={trans.__('Show changes')}
            title={trans.__('Show changes: the cells that are not what %1 runs', name)}
            pressed={shown}
            onClick={() => setShown(!shown)}
          />
          <Button
            primary
            label={trans.__('Promote')}
            title={trans.__('Promote: let %1 run the notebooks as they are now', name)}
            onClick={() => onPin(true)}
          />
        </>
      )}
      <Button
        label={trans.__('Unpin')}
        title={trans.__('Unpin: let %1 run the notebooks as they are at each launch', name)}
        onClick={() => onPin(false)}
      />
      {shown &&
        changed.map(cell => (
          <figure key={`${cell.notebook}/${cell.kind}/${cell.cell}`} className="cm-changed-cell">
            <figcaption className="cm-when">
              {trans.__('%1, cell %2: %3', cell.notebook, cell.cell + 1, words[cell.kind] ?? cell.kind)}
            </figcaption>
            <Diff lines={lineDiff(cell.before, cell.now)} />
          </figure>
        ))}
    </div>
  );
}
