import type { ITag } from '../model/runs';
import { trans } from '../text';
import { Button } from './parts';

/** Tags of a run, a row for each, with the keys that are in use as suggestions. */
export function Tags(props: { tags: ITag[]; known: readonly string[]; onChange(tags: ITag[]): void }): JSX.Element {
  const { tags, onChange } = props;
  const set = (at: number, tag: ITag) => onChange(tags.map((one, i) => (i === at ? tag : one)));
  return (
    <div className="cm-tags" role="group" aria-label={trans.__('Tags')}>
      <datalist id="cm-tag-keys">
        {props.known.map(key => (
          <option key={key} value={key} />
        ))}
      </datalist>
      {tags.map((tag, i) => (
        <div key={i} className="cm-tag">
          <input
            value={tag.key}
            list="cm-tag-keys"
            placeholder={trans.__('key')}
            aria-label={trans.__('Key of tag %1', i + 1)}
            spellCheck={false}
            onChange={event => set(i, { ...tag, key: event.target.value })}
          />
          <span aria-hidden="true">=</span>
          <input
            value={tag.value}
            placeholder={trans.__('value')}
            aria-label={trans.__('Value of tag %1', i + 1)}
            spellCheck={false}
            onChange={event => set(i, { ...tag, value: event.target.value })}
          />
          <Button label="×" title={trans.__('Remove tag %1', i + 1)} onClick={() => onChange(tags.filter((_, at) => at !== i))} />
        </div>
      ))}
      <Button label={trans.__('Add tag')} onClick={() => onChange([...tags, { key: '', value: '' }])} />
    </div>
  );
}
