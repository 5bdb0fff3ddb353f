import { useState } from 'react';

import { readConfig } from '../model/config';
import { aboutField, forms, ISchema, isSelector, kindOf, mainForm } from '../model/schema';
import { trans } from '../text';

type Change = (path: string[], value: unknown) => void;
interface IField {
  schema: ISchema;
  value: unknown;
  path: string[];
  name: string;
  required: boolean;
  onChange: Change;
}

/** A run configuration as a form: a field for each value that the schema knows; the text beside it changes with it. */
export function ConfigForm(props: { schema: ISchema; value: unknown; onChange: Change }): JSX.Element {
  return (
    <div className="cm-schema-form">
      <Fields {...props} path={[]} name="" required />
    </div>
  );
}

function Fields(props: IField): JSX.Element {
  const { value, path, onChange } = props;
  const schema = mainForm(props.schema);
  const given = isRecord(value) ? value : {};
  const names = Object.keys(schema.properties ?? {});
  const chosen = isSelector(schema) ? (Object.keys(given)[0] ?? '') : null;
  const shown = chosen === null ? names : names.filter(name => name === chosen);
  return (
    <>
      {chosen !== null && (
        <label className="cm-field">
          <span>{trans.__('One of')}</span>
          <select
            value={chosen}
            onChange={event => {
              onChange(path, event.target.value ? { [event.target.value]: null } : undefined);
            }}
          >
            <option value="">{trans.__('not chosen')}</option>
            {names.map(name => (
              <option key={name}>{name}</option>
            ))}
          </select>
        </label>
      )}
      {shown.map(name => (
        <Field
          key={name}
          schema={schema.properties?.[name] ?? {}}
          value={given[name]}
          path={[...path, name]}
          name={name}
          required={schema.required?.includes(name) ?? false}
          onChange={onChange}
        />
      ))}
    </>
  );
}

function Field(props: IField): JSX.Element {
  const form = mainForm(props.schema);
  if (!form.properties) {
    return <Leaf {...props} />;
  }
  if (!Object.keys(form.properties).length) {
    return <></>;
  }
  const about = aboutField(props.schema);
  // A lone "config" says nothing that the name around it does not.
  const inner = Object.keys(form.properties).join() === 'config' ? 'config' : null;
  const schema = inner === null ? props.schema : (form.properties[inner] ?? {});
  const value = inner === null ? props.value : isRecord(props.value) ? props.value[inner] : undefined;
  const path = inner === null ? props.path : [...props.path, inner];
  if (inner !== null && !mainForm(schema).properties) {
    return <Leaf {...props} schema={schema} value={value} path={path} />;
  }
  return (
    <details className="cm-group" open={props.required || props.value !== undefined}>
      <summary>
        {props.name} {props.required && <Needed />}
      </summary>
      {about && <p className="cm-about">{about}</p>}
      <Fields {...props} schema={schema} value={value} path={path} />
    </details>
  );
}

function Needed(): JSX.Element {
  return <span className="cm-needed">{trans.__('needed')}</span>;
}

/** One value; of a kind that has no field of its own, as text of the language beside it. */
function Leaf(props: IField): JSX.Element {
  const { name, value, path, required, onChange } = props;
  const form = mainForm(props.schema);
  const isOpen = form.type === 'object' && !form.properties;
  const about = aboutField(props.schema) || (isOpen ? trans.__('Any names, each with a value, as in {limit: 3}.') : '');
  const hint = form.default === undefined || typeof form.default === 'object' ? kindOf(props.schema) || trans.__('any value') : String(form.default);
  const set = (next: unknown) => onChange(path, next);
  return (
    <label className="cm-field" data-path={path.join('/')}>
      <span>
        {name} {required && <Needed />}
      </span>
      {form.enum || form.type === 'boolean' ? (
        <Choice values={form.enum ?? [true, false]} value={value} onChange={set} />
      ) : (
        <Text schema={props.schema} value={value} hint={hint} onChange={set} />
      )}
      {about && <span className="cm-about">{about}</span>}
    </label>
  );
}

function Choice(props: { values: unknown[]; value: unknown; onChange(value: unknown): void }): JSX.Element {
  const { values, value } = props;
  return (
    <select
      value={values.indexOf(value)}
      onChange={event => props.onChange(event.target.value === '-1' ? undefined : values[Number(event.target.value)])}
    >
      <option value={-1}>{trans.__('not given')}</option>
      {values.map((one, i) => (
        <option key={i} value={i}>
          {String(one)}
        </option>
      ))}
    </select>
  );
}

function Text(props: { schema: ISchema; value: unknown; hint: string; onChange(value: unknown): void }): JSX.Element {
  const { schema, value, hint } = props;
  const isText = forms(schema).some(one => one.type === 'string');
  const said = value === undefined || value === null ? '' : typeof value === 'string' ? value : JSON.stringify(value);
  const [text, setText] = useState<string | null>(null);
  return (
    <input
      value={text ?? said}
      placeholder={hint}
      spellCheck={false}
      onFocus={() => setText(said)}
      onBlur={() => setText(null)}
      onChange={event => {
        setText(event.target.value);
        props.onChange(meant(event.target.value, isText));
      }}
    />
  );
}

/** The value that a text means: itself where it is to be a text, else what YAML reads. */
function meant(text: string, isText: boolean): unknown {
  if (!text.trim()) {
    return undefined;
  }
  if (isText) {
    return text;
  }
  const { value, problem } = readConfig(`v: ${text}`);
  return problem || !isRecord(value) ? text : value.v;
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  value !== null && typeof value === 'object' && !Array.isArray(value);
