/** The JSON Schema of a run configuration: what can stand where, in words and as choices. */

import { trans } from '../text';

export interface ISchema {
  type?: string | string[];
  description?: string;
  properties?: Record<string, ISchema>;
  additionalProperties?: boolean | ISchema;
  required?: string[];
  items?: ISchema;
  anyOf?: ISchema[];
  enum?: unknown[];
  default?: unknown;
  minProperties?: number;
  maxProperties?: number;
}

export interface IChoice {
  label: string;
  detail: string;
  info: string;
  /** A key needs a colon behind it. */
  isKey: boolean;
  /** Shown before those that are not. */
  required: boolean;
}

/** Whether it is `{env: NAME}`, which stands for the value of an environment variable. */
const isEnvironment = (schema: ISchema): boolean =>
  schema.maxProperties === 1 && Object.keys(schema.properties ?? {}).join() === 'env';

/** The forms that a value may have, without null and without the name of an environment variable. */
export function forms(schema: ISchema): ISchema[] {
  if (!schema.anyOf) {
    return schema.type === 'null' || isEnvironment(schema) ? [] : [schema];
  }
  return schema.anyOf.flatMap(forms);
}

/** The form that a field for people shows. */
export const mainForm = (schema: ISchema): ISchema => forms(schema)[0] ?? schema;

/** Whether just one of its fields is to be given. */
export const isSelector = (schema: ISchema): boolean =>
  schema.maxProperties === 1 && Object.keys(schema.properties ?? {}).length > 1;

/** What may stand at a path; several where there are several forms. */
export function schemasAt(schema: ISchema, path: readonly string[]): ISchema[] {
  let found = forms(schema);
  for (const part of path) {
    found = found.flatMap(one => {
      const next = one.properties?.[part] ?? (typeof one.additionalProperties === 'object' ? one.additionalProperties : one.items);
      return next ? forms(next) : [];
    });
  }
  return found;
}

/** What kind of value it is, in a word or two. */
export function kindOf(schema: ISchema): string {
  const words: Record<string, string> = {
    object: trans.__('name: value, …'),
    array: trans.__('list'),
    string: trans.__('text'),
    integer: trans.__('whole number'),
    number: trans.__('number'),
    boolean: trans.__('true or false')
  };
  const found = forms(schema).map(one =>
    one.enum ? one.enum.map(String).join(' | ') : [one.type ?? []].flat().map(type => words[type] ?? type).join(' | ')
  );
  return [...new Set(found.filter(Boolean))].join(' | ');
}

/** The keys that may stand at a path, those that must first, without those that stand there. */
export function keyChoices(schema: ISchema, path: readonly string[], taken: readonly string[]): IChoice[] {
  const found = new Map<string, IChoice>();
  for (const one of schemasAt(schema, path)) {
    for (const [label, field] of Object.entries(one.properties ?? {})) {
      const required = one.required?.includes(label) ?? false;
      if (!taken.includes(label)) {
        const detail = required ? trans.__('%1, needed', kindOf(field)) : kindOf(field);
        found.set(label, { label, detail, info: aboutField(field), isKey: true, required });
      }
    }
  }
  return [...found.values()].sort((a, b) => Number(b.required) - Number(a.required));
}

/** The values that may stand at a path, as far as they can be listed. */
export function valueChoices(schema: ISchema, path: readonly string[]): IChoice[] {
  const values = schemasAt(schema, path).flatMap(one => {
    const given = one.enum ?? (one.type === 'boolean' ? [true, false] : []);
    return one.default === undefined || typeof one.default === 'object' || given.includes(one.default) ? given : [...given, one.default];
  });
  return [...new Set(values)].map(value => ({
    label: typeof value === 'string' ? value : JSON.stringify(value),
    detail: '',
    info: '',
    isKey: false,
    required: false
  }));
}

/** What people should know of a field: what it is for, and what holds where it is not given. */
export function aboutField(schema: ISchema): string {
  const description = schema.description ?? mainForm(schema).description ?? '';
  const otherwise = schema.default;
  const isShort = otherwise !== undefined && otherwise !== null && typeof otherwise !== 'object';
  return [description, isShort ? trans.__('%1 if not given', JSON.stringify(otherwise)) : ''].filter(Boolean).join(' ');
}
